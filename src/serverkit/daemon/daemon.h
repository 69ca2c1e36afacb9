/* What every server program does. It reads its options, opens what it needs, runs
 * its loops, says that it serves, and stops cleanly on SIGTERM or SIGINT.
 *
 *   options -> open -> start_loop, for each loop -> listen -> ready -> serve
 *   signal -> drain -> stop_loop, for each, on its thread -> free_loop -> close
 *
 * A second signal ends the process at once. The exit status is 0 when it stopped,
 * 1 when it could not start (the reason is on standard error) or when it accepts no
 * connections any more on gRPC's core (self_probe.h), and 2 for wrong usage. */
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
    /* Services of other processes, whose health this one reports too, under their names.
     * open sets it. May be NULL. */
    const struct service *const *others;
    size_t nothers;

    /* Returns what is wrong with its own options together, or NULL. May be NULL. */
    const char *(*check_options)(void);

    /* For --check: checks what is stored instead of serving, prints what it found,
     * and returns the exit status. NULL: there is no such option. */
    int (*check)(void);

    /* News of what it serves (weir/news.h). They exist from before open until after the loops
     * were freed, because the loops may still have posts of them. May be NULL. */
    struct news *news;

    /* What the program has once, and on each loop. A program that has nothing of that
     * kind, and keeps everything about a call in stream->data, leaves these out. Each
     * may be NULL: free_loop if there is no start_loop, close if there is no open,
     * stop_loop if a loop has nothing to end.
     *
     * A function that returns false says why in @error, in one line, and cleans up
     * what it began. All but stop_loop are called on the main thread, before the loops
     * run or after. */

    /* @health is valid until close. It says of every service whether it serves. */
    bool (*open)(struct loop *const *loops, size_t nloops, struct health *health,
                 char error[DAEMON_ERROR_MAX]);
    bool (*start_loop)(struct loop *loop, char error[DAEMON_ERROR_MAX]);
    /* The last step before serving. It may run the loop @first. */
    bool (*ready)(struct loop *first, char error[DAEMON_ERROR_MAX]);
    /* Prints its metrics, after those of every program, with print_arg. It is called
     * while the loops run, on another thread (metrics.h). May be NULL. */
    void (*print_metrics)(struct exposition *e, void *arg);
    void *print_arg;
    /* Ends what start_loop began, and then calls stopped(loop), at once or later. It is
     * called on the loop's thread when no call is open any more. */
    void (*stop_loop)(struct loop *loop, void (*stopped)(struct loop *loop));
    void (*free_loop)(struct loop *loop);
    void (*close)(void);
};

/** This is all that main() of a server program does. */
int daemon_main(const struct daemon_program *program, int argc, char **argv);

#endif
