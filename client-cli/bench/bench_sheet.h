/* Lines of text for people, in the making: of the tables of a load test. */
#ifndef CLI_BENCH_SHEET_H
#define CLI_BENCH_SHEET_H

#include <stdbool.h>

struct buf;

struct sheet {
    struct buf *b;
    bool bad; /* memory was out; what was put since is not complete */
};

__attribute__((format(printf, 2, 3))) void sheet_put(struct sheet *sheet, const char *format, ...);

/** Text from a server, a file or the command line: it is made harmless for a terminal. */
void sheet_put_text(struct sheet *sheet, const char *text);

/** Text on the right of so many @columns, which are counted as a terminal shows them. */
void sheet_put_right(struct sheet *sheet, const char *text, int columns);

/** A duration with three digits that count, and its unit. Returns @ret. */
const char *sheet_duration(char ret[32], double ns);

#endif
