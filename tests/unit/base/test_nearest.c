#include <criterion/criterion.h>
#include <string.h>

#include "base/nearest.h"

static const char *nearest_of(const char *typed)
{
    static const char *const words[] = { "list",     "stream-list", "collect-list", "get",
                                         "generate", "describe",    "health",       "help" };
    struct nearest n = nearest_to(typed, strlen(typed));
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        nearest_try(&n, words[i]);
    return n.best != NULL ? n.best : "nothing";
}

Test(nearest, words)
{
    static const char *const table[][2] = {
        { "list", "list" },          /* itself */
        { "lst", "list" },           /* a letter is missing */
        { "lisst", "list" },         /* one too many */
        { "lost", "list" },          /* another one */
        { "gte", "get" },            /* swapped */
        { "g", "nothing" },          /* would be anything */
        { "stream", "stream-list" }, /* a beginning */
        { "steam-lits", "stream-list" },
        { "genrate", "generate" },
        { "ge", "get" }, /* of equals the first */
        { "frobnicate", "nothing" },
        { "xyz", "nothing" },
        { "", "nothing" },
        { "a-word-that-is-longer-than-any-that-there-is", "nothing" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        cr_expect_str_eq(nearest_of(table[i][0]), table[i][1], "%s: %s", table[i][0],
                         nearest_of(table[i][0]));
}

Test(nearest, long_words_are_never_near)
{
    char word[200];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    struct nearest n = nearest_to("xxxxx", 5);
    nearest_try(&n, word);
    cr_expect_null(n.best);
    n = nearest_to(word, sizeof word - 1);
    nearest_try(&n, word);
    cr_expect_null(n.best);
}
