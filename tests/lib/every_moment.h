/* Every moment of a call: something is done to it at the first of them, then in a new
 * call at the second, and so on until the call ends before. Each time it must close once
 * on both sides, end with a status that may be, leave nothing in flight and no memory
 * behind.
 *
 * What the moments are is the test's to say, with moment(). It puts itself before the
 * functions of the system or of gRPC that are called then. */
#ifndef TESTS_EVERY_MOMENT_H
#define TESTS_EVERY_MOMENT_H

#include "lib/call_world.h"

#define BIT(n) (1u << (n))

/* What is done to the call, and a number of turns later to all of it. */
struct disturbance {
    const char *name;
    void (*what)(void);
    unsigned sources;                        /* of the moments at which it is done */
    unsigned client_may_see, server_may_see; /* statuses, as bits */
    void (*then)(void);                      /* may be NULL */
    unsigned turns;
};

struct every_moment {
    /* The test's, before the first call. */
    void (*open)(struct call_world *w); /* the world of one call, with the echo service */
    void (*check)(void);                /* what else must hold once that is closed; may be NULL */

    /* The call of now. */
    struct disturbance d;
    struct call_world world;
    struct talk talk;
    int client_fd, server_fd; /* of its connection; the test's to set; -1: there is none yet */

    int calls;     /* so far */
    unsigned seen; /* statuses that clients saw, as bits; the test's to clear */
};
extern struct every_moment g_every;

/** Whether the moment is still to come. */
bool moment_is_due(void);

/** A moment from one of the sources, which are bits: if it is the one, and the call is not
 * over, it is disturbed. On the loop's thread. */
void moment(unsigned source);

/** All moments of calls of @m, disturbed by g_every.d. There must be more than @least, and
 * the last call, which is not disturbed any more, must be OK. */
void every_moment_of(const struct method *m, int least);

/** every(@what): with nothing after it, and with the server stopped or the loop left, at
 * that moment and one and two turns later; then the ends may also see @client_too and
 * @server_too. */
void every_moment_and_end(const struct disturbance *what,
                          void (*every)(const struct disturbance *d), unsigned client_too,
                          unsigned server_too);

/* --- What may happen to a call on any transport ------------------------------------- */

enum {
    OK = BIT(STATUS_OK),
    CANCELLED = BIT(STATUS_CANCELLED),
    ABORTED = BIT(STATUS_ABORTED),
    UNAVAILABLE = BIT(STATUS_UNAVAILABLE),
    DEADLINE = BIT(STATUS_DEADLINE_EXCEEDED),
    DENIED = BIT(STATUS_PERMISSION_DENIED),
};

void nothing_happens(void);
void client_cancels(void);
void server_fails(void); /* ABORTED, if the handler has not finished its stream */
void client_end_breaks(void);
void server_end_breaks(void);

#endif
