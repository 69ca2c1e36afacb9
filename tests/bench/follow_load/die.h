/* A measurement that cannot go on counts for nothing: it says why, and ends. */
#ifndef FOLLOW_LOAD_DIE_H
#define FOLLOW_LOAD_DIE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 1, 2))) _Noreturn static inline void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("follow_load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/** What an allocation gave, which is not NULL. */
static inline void *must_have(void *memory)
{
    if (memory == NULL)
        die("out of memory");
    return memory;
}

#endif
