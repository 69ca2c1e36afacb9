/* What standard output is like. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

/* Whether to use colours; --color. */
enum colour_use { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

/** The columns of a line: of the terminal, else $COLUMNS, else 100. */
int terminal_columns(void);

/** Whether standard output is a terminal. */
bool terminal_is_one(void);

/** From now on terminal_colours() goes by @use. Before any thread is started. */
void terminal_use_colours(enum colour_use use);

/** Whether to print colours. COLOUR_AUTO: if standard output is a terminal that knows some
 * ($TERM is not "dumb"), and $NO_COLOR is not set. */
bool terminal_colours(void);

#endif
