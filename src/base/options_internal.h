/* What the files of the options share; for nobody else.
 *
 *   options.c       arguments and environment into values
 *   options_help.c  --help, as a text, a manual page, or words for a shell
 *   option_row.c    what a row allows, and what its variable is called */
#ifndef BASE_OPTIONS_INTERNAL_H
#define BASE_OPTIONS_INTERNAL_H

#include "options.h"

/** Prints what --help=@form asks for (NULL: the text). false: there is no such
 * form. */
bool options_print_help(const struct option_program *program, const char *form);

/** Word @wanted of "a|b|c"; its length, or 0 past the last. */
int option_choice_word(const char *choices, int wanted, const char **ret_word);

bool option_int_in_range(const struct option_row *row, int64_t n);

/** "post-server", "drain-timeout" -> POST_SERVER_DRAIN_TIMEOUT */
void option_variable(char *ret, size_t size, const char *program, const char *option);

#endif
