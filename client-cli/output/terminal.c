#include "terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int n = columns != NULL ? atoi(columns) : 0;
    return n > 0 ? n : 100;
}

bool terminal_colours(void)
{
    const char *no = getenv("NO_COLOR"); /* https://no-color.org */
    return isatty(STDOUT_FILENO) && (no == NULL || *no == '\0');
}
