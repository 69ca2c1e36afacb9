/* All metrics of a program: a list of what has some, asked at each scrape. */
#ifndef METRICS_H
#define METRICS_H

#include <stddef.h>

#include "exposition.h"

#define METRICS_SOURCES_MAX 16

struct metrics {
    struct metrics_source {
        void (*print)(struct exposition *e, void *arg);
        void *arg;
    } sources[METRICS_SOURCES_MAX];
    size_t n;
};

/** Has print(e, @arg) called at each scrape, on another thread than any loop.
 * Before the first; it is an error of the program to add too many. */
void metrics_add(struct metrics *metrics, void (*print)(struct exposition *e, void *arg),
                 void *arg);

/** The text of a scrape, for free(). NULL: out of memory. */
char *metrics_text(const struct metrics *metrics, size_t *ret_len);

/* --- Sources that any program may add ----------------------------------------------- */

/** Memory, descriptors, processor time. No arg. */
void metrics_of_process(struct exposition *e, void *arg);

/** What a server's own transport counts (server_stats()): connections, streams,
 * bytes, and what it refused. Nothing of a server on gRPC's core.
 * @arg: the struct server, until it is freed. */
void metrics_of_server(struct exposition *e, void *arg);

/** What gRPC's core counts itself (channelz) of this process's servers on it:
 * calls that it refused are among those. No arg. */
void metrics_of_core(struct exposition *e, void *arg);

#endif
