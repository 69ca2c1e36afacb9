/* In a program: FAIL_AT=N has its N-th allocation fail. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/heap.h"

__attribute__((constructor)) static void begin(void)
{
    const char *nth = getenv("FAIL_AT");
    if (nth != NULL)
        heap_fail_at((unsigned)atoi(nth));
}

/* So that the script knows when it may stop. */
__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAIL_NOTE");
    FILE *note = path != NULL && !heap_failed() ? fopen(path, "w") : NULL;
    if (note != NULL)
        fclose(note);
}
