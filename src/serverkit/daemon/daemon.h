/* What every server program does: read its options, open what it needs, run
 * its loops, say that it serves, and stop cleanly on SIGTERM or SIGINT.
 *
 *   options -> open -> start_loop, for each loop -> listen -> ready -> serve
 *   signal -> drain -> stop_loop, for each, on its thread -> free_loop -> close
 *
 * A second signal ends the process at once.
 * Exit status: 0 stopped, 1 could not start (the reason on standard error) or,
 * on gRPC's core, accepts no connections any more (self_probe.h), 2 bad usage. */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"
#include "weir/server.h"

#define DAEMON_ERROR_MAX 512
#define DAEMON_LOOPS_MAX 64 /* of --loops; loop_index() is below */

struct health;
struct exposition;
struct loop;
struct news;

struct daemon_program {
    const char *name;
    const char *summary;
    const char *version;           /* what --version prints; NULL: there is no such option */
    const char *listen;            /* default address */
    const struct option_row *rows; /* the program's own options */
    size_t nrows;
    const struct option_group *groups; /* and more of them; may be NULL */
    size_t ngroups;
    const struct service *const *services;
    size_t nservices;
    struct bytes openapi; /* what /openapi.json answers, with --web; empty: there is none */
    /* Services of other processes, of whose health this one tells, too: under their names
     * alone, and open says of them. May be NULL. */
    const struct service *const *others;
    size_t nothers;

    /* What is wrong with its own options together, or NULL. May be NULL. */
    const char *(*check_options)(void);

    /* --check: looks at what is stored instead of serving, says what it found,
     * and returns the exit status. NULL: there is no such option. */
    int (*check)(void);

    /* News of what it serves (weir/news.h): there from before open until after the loops
     * were freed, which may still have posts of it. May be NULL. */
    struct news *news;

    /* What the program has once, and on each loop. One that has nothing, and
     * keeps all it knows of a call in stream->data, leaves them out: each may be
     * NULL (free_loop only without start_loop, close without open; stop_loop where
     * a loop has nothing to end).
     *
     * Functions that return false say why in @error, in one line; what they
     * began is cleaned up by themselves. All on the main thread, before the
     * loops run or after, but for stop_loop. */

    /* @health, valid until close, says of every service that it serves. */
    bool (*open)(struct loop *const *loops, size_t nloops, struct health *health,
                 char error[DAEMON_ERROR_MAX]);
    bool (*start_loop)(struct loop *loop, char error[DAEMON_ERROR_MAX]);
    /* The last thing before serving; @first may be run. */
    bool (*ready)(struct loop *first, char error[DAEMON_ERROR_MAX]);
    /* Its metrics, beside those of every program, with print_arg. While the
     * loops run, on a thread of its own (metrics.h). May be NULL. */
    void (*print_metrics)(struct exposition *e, void *arg);
    void *print_arg;
    /* Ends what start_loop began and calls stopped(loop) then, at once or
     * later. On the loop's thread; no call is open any more. */
    void (*stop_loop)(struct loop *loop, void (*stopped)(struct loop *loop));
    void (*free_loop)(struct loop *loop);
    void (*close)(void);
};

/** The whole of main(). */
int daemon_main(const struct daemon_program *program, int argc, char **argv);

#endif
