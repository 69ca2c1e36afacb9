/* A line on standard error that tells how far a long command is. It appears
 * after a while only, and makes way for whatever else is printed. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/loop.h"

struct output;

struct progress_counts {
    const char *what;            /* "posts" */
    uint64_t done, total;        /* of what; total 0: unknown */
    uint64_t bytes, total_bytes; /* the same in bytes */
};

struct progress {
    struct progress_counts counts; /* set what is known, at any time */
    bool always; /* the summary is wanted even if the line was never seen; may be set */

    /* private */
    bool wanted, shown, ever_shown;
    uint64_t started_ms;
    struct loop *loop;
    const struct output *out;
    struct timer tick;
};

/** @out: nothing is drawn while it writes, since it may be the same terminal. */
void progress_init(struct progress *p, struct loop *loop, bool wanted, const struct output *out);

/** Counting begins. Nothing happens unless progress is wanted. */
void progress_start(struct progress *p, const char *what);

/** No progress after all, even if it was started: somebody types on this
 * terminal. */
void progress_refuse(struct progress *p);

/** No more of the line, but for the summary: what is to come has no end. */
void progress_rest(struct progress *p);

/** Takes the line away until the next tick. */
void progress_hide(struct progress *p);

/** No more ticks; a summary if the line was ever seen, or always. Fine if not started. */
void progress_end(struct progress *p);

/** The text: "12,345 of 50,000 posts  24.7%  9,876/s  4.1 MiB/s  ETA 4s". What
 * cannot be known yet is left out. */
void progress_text(char *ret, size_t size, const struct progress_counts *c, uint64_t elapsed_ms);

/** The summary: "50,000 posts, 12.1 MiB in 4.02 s: 12,437 posts/s, 3.0 MiB/s". */
void progress_summary(char *ret, size_t size, const struct progress_counts *c, uint64_t elapsed_ms);

/** "4s", "2m05s", "1h02m". Returns @ret. */
char *progress_time(char ret[16], uint64_t seconds);

#endif
