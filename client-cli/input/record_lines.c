#include "record_lines.h"

#include <stdlib.h>

bool record_lines_skip(struct record_lines *r, uint64_t number)
{
    if (r->n == r->cap) {
        size_t cap = r->cap > 0 ? 2 * r->cap : 16;
        uint64_t *skipped = realloc(r->skipped, cap * sizeof *skipped);
        if (skipped == NULL)
            return false;
        r->skipped = skipped;
        r->cap = cap;
    }
    r->skipped[r->n++] = number;
    return true;
}

uint64_t record_lines_find(const struct record_lines *r, uint64_t index)
{
    uint64_t line = index + 1;
    for (size_t i = 0; i < r->n && r->skipped[i] <= line; i++)
        line++;
    return line;
}

void record_lines_close(struct record_lines *r)
{
    free(r->skipped);
    *r = (struct record_lines){ 0 };
}
