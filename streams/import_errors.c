#include "import_errors.h"

#include <stdlib.h>

static size_t place_of(const struct import_errors *e, int64_t number)
{
    size_t at = e->n;
    while (at > 0 && e->first[at - 1].number > number)
        at--;
    return at;
}

void import_errors_add(struct import_errors *e, int64_t number, const struct status *why)
{
    e->total++;
    size_t at = place_of(e, number);
    if (at == IMPORT_ERRORS_MAX)
        return;
    char *message = strdup(why->message);
    if (message == NULL)
        return;
    if (e->n == IMPORT_ERRORS_MAX)
        free(e->first[--e->n].message);
    memmove(&e->first[at + 1], &e->first[at], (e->n - at) * sizeof *e->first);
    e->first[at] = (struct import_error){ number, why->code, message };
    e->n++;
}

void import_errors_close(struct import_errors *e)
{
    for (size_t i = 0; i < e->n; i++)
        free(e->first[i].message);
}
