#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "options_internal.h"

/* Word @wanted of "a|b|c"; its length, or 0 past the last. */
int option_choice_word(const char *choices, int wanted, const char **ret_word)
{
    for (; *choices != '\0'; wanted--) {
        int len = (int)strcspn(choices, "|");
        if (wanted == 0) {
            *ret_word = choices;
            return len;
        }
        choices += len;
        choices += *choices == '|';
    }
    return 0;
}

bool option_int_in_range(const struct option_row *row, int64_t n)
{
    return (row->min == 0 && row->max == 0) || (n >= row->min && n <= row->max);
}

/* "post-server", "drain-timeout" -> POST_SERVER_DRAIN_TIMEOUT */
void option_variable(char *ret, size_t size, const char *program, const char *option)
{
    snprintf(ret, size, "%s_%s", program, option);
    for (char *c = ret; *c != '\0'; c++)
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
}
