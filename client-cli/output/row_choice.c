/* --columns: which fields of a record are shown, and in which order. */
#include <stdio.h>
#include <string.h>

#include "rows.h"

static size_t find(const struct row_kind *kind, const char *name, size_t len)
{
    size_t i = 0;
    while (i < kind->nfields &&
           (strncmp(kind->fields[i].name, name, len) != 0 || kind->fields[i].name[len] != '\0'))
        i++;
    return i;
}

static void say_unknown(const struct row_kind *kind, const char *name, size_t len,
                        char error[ROWS_ERROR_BYTES])
{
    size_t n = (size_t)snprintf(error, ROWS_ERROR_BYTES, "there is no column \"%.*s\"; there are",
                                len < 40 ? (int)len : 40, name);
    for (size_t i = 0; i < kind->nfields && n < ROWS_ERROR_BYTES; i++)
        n += (size_t)snprintf(error + n, ROWS_ERROR_BYTES - n, "%s %s", i > 0 ? "," : "",
                              kind->fields[i].name);
}

static bool is_chosen(const struct row_choice *c, size_t field)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->field[i] == field)
            return true;
    return false;
}

bool rows_choose(struct row_choice *ret, const struct row_kind *kind, const char *names,
                 char error[ROWS_ERROR_BYTES])
{
    *ret = (struct row_choice){ .named = names != NULL };
    for (const char *name = names; name != NULL; name = strchr(name, ',')) {
        name += *name == ',';
        const size_t len = strcspn(name, ",");
        const size_t field = find(kind, name, len);
        if (field == kind->nfields) {
            say_unknown(kind, name, len, error);
            return false;
        }
        if (is_chosen(ret, field)) {
            snprintf(error, ROWS_ERROR_BYTES, "%s is named twice", kind->fields[field].name);
            return false;
        }
        ret->field[ret->n++] = field;
    }
    return true;
}
