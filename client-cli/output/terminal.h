/* What standard output is like. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

/** The columns of a line: of the terminal, else $COLUMNS, else 100. */
int terminal_columns(void);

/** Whether it is a terminal and $NO_COLOR is not set. */
bool terminal_colours(void);

#endif
