#include "metrics.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

void metrics_add(struct metrics *metrics, void (*print)(struct exposition *e, void *arg), void *arg)
{
    assert(metrics->n < METRICS_SOURCES_MAX);
    metrics->sources[metrics->n++] = (struct metrics_source){ print, arg };
}

char *metrics_text(const struct metrics *metrics, size_t *ret_len)
{
    char *text = NULL;
    struct exposition e = { .to = open_memstream(&text, ret_len) };
    if (e.to == NULL)
        return NULL;
    for (size_t i = 0; i < metrics->n; i++)
        metrics->sources[i].print(&e, metrics->sources[i].arg);
    const bool failed = ferror(e.to) != 0;
    if (fclose(e.to) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}
