/* What libpq says of a connection, in which a server has its words: whatever that is, it becomes
 * one line that ends, and a state of five characters or none. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "store/postgres/pg_error.h"

static void look_at(const struct pg_error *e)
{
    const size_t state = strnlen(e->sqlstate, sizeof e->sqlstate);
    cr_assert_lt(strnlen(e->line, sizeof e->line), sizeof e->line);
    cr_assert_eq(strncmp(e->line, "cannot", strlen("cannot")), 0);
    cr_assert_null(strchr(e->line, '\n'));
    cr_assert(state == 0 || state == sizeof e->sqlstate - 1);
    cr_assert(state == 0 || pg_trouble_of(e->sqlstate) == e->trouble);
    pg_error_moves(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    const struct pg_error connecting = pg_error_of_connecting(text, "cannot connect"),
                          losing = pg_error_of_losing(text, "cannot read");
    look_at(&connecting);
    look_at(&losing);
    free(text);
    return 0;
}
