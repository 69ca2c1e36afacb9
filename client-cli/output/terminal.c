#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static enum colour_use colour_use;

int terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int n = columns != NULL ? atoi(columns) : 0;
    return n > 0 ? n : 100;
}

bool terminal_is_one(void)
{
    return isatty(STDOUT_FILENO) != 0;
}

void terminal_use_colours(enum colour_use use)
{
    colour_use = use;
}

bool terminal_colours(void)
{
    const char *no = getenv("NO_COLOR"); /* https://no-color.org */
    const char *term = getenv("TERM");
    if (colour_use != COLOUR_AUTO)
        return colour_use == COLOUR_ALWAYS;
    return terminal_is_one() && (no == NULL || *no == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}
