/* Interceptors: what every call passes on its way to its handler and back.
 *
 * A chain is a list of interceptors, outermost first. A server and a channel
 * have one chain each, and it is the same for all shapes of calls. An
 * interceptor is asked at four moments of each call:
 *
 *   on_call          the call begins. On a server its handler has not been
 *                    told yet; on a client its headers have not left yet
 *   on_message_in    a message came, and is not decoded yet
 *   on_message_out   a message is about to be written
 *   on_finish        the call has its status. On a server it is not sent yet;
 *                    on a client the handler has not heard of it yet
 *
 * At last on_close comes once, to undo what was done at on_call. At each
 * moment the interceptor lets the call pass, rejects it, or answers LATER and
 * goes on by interceptor_resume(). Only that direction of the call waits
 * meanwhile. (The status of a client's call also waits for the message before.)
 *
 * What comes in from the network goes through a server's chain from first to
 * last, and through a client's from last to first. What goes out takes the
 * other way round.
 *
 * All of this runs on the loop of the call. What an interceptor keeps of a
 * call lies in the call's own memory, so nothing is allocated for it. */
#ifndef WEIR_INTERCEPTOR_H
#define WEIR_INTERCEPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "status.h"

struct stream;

enum intercept { INTERCEPT_PASS, INTERCEPT_REJECT, INTERCEPT_LATER };

enum intercept_stage {
    INTERCEPT_CALL,
    INTERCEPT_IN,
    INTERCEPT_OUT,
    INTERCEPT_FINISH,
    INTERCEPT_NR
};

/* A call, as a hook is given it. */
struct intercepted {
    struct stream *stream; /* method or path, headers, peer, identity */
    void *arg;             /* what chain_add() was given; shared by all loops */
    void *state;           /* state_bytes of this call, zero at on_call */
};

/* Every hook may be NULL. */
struct interceptor {
    const char *name;
    size_t state_bytes;

    /** Headers can be read (a server's) or added. REJECT: the call ends with
     * *why, which is set then. */
    enum intercept (*on_call)(const struct intercepted *i, struct status *why);

    /** The bytes of one message. They are valid until this returns, so copy
     * them before you answer LATER. */
    enum intercept (*on_message_in)(const struct intercepted *i, struct bytes message,
                                    struct status *why);
    enum intercept (*on_message_out)(const struct intercepted *i, struct bytes message,
                                     struct status *why);

    /** The status that the call ends with. Change *status to end the call with
     * another one. A server can add trailers here, and a client can read them.
     * It is not called on a server whose client went away before. There is
     * nothing left to reject: REJECT does the same as PASS. */
    enum intercept (*on_finish)(const struct intercepted *i, struct status *status);

    /** The call is over, with this status, whatever the hooks before have
     * answered. Forget the call, and do not resume it. This comes once, after
     * the handler's on_close, if on_call came or is NULL. */
    void (*on_close)(const struct intercepted *i, const struct status *status);
};

#define CHAIN_MAX 12

struct chain {
    struct chain_link {
        const struct interceptor *interceptor;
        void *arg;
        size_t state_from;
    } links[CHAIN_MAX];
    size_t n;
    size_t state_bytes; /* of all its interceptors, for one call */
    struct chain_stage {
        uint8_t links[CHAIN_MAX]; /* those with a hook for it */
        uint8_t n;
    } stages[INTERCEPT_NR];
};

/** Appends an interceptor, inside of those that were added before. Call it
 * before the chain is used. To add more than CHAIN_MAX is a mistake in the
 * program. */
void chain_add(struct chain *chain, const struct interceptor *interceptor, void *arg);

/** Goes on after LATER at @stage: with PASS, or with REJECT and @why. At
 * INTERCEPT_FINISH @why is the new status, or NULL to keep the old one. Do not
 * call it from inside a hook. Loop thread only. */
void interceptor_resume(struct stream *s, enum intercept_stage stage, enum intercept verdict,
                        const struct status *why);

/* --- For the runtime ---------------------------------------------------------------- */

/* A call's way through its chain. */
struct interception {
    const struct chain *chain; /* NULL: none */
    unsigned char *state;
    bool server;
    uint8_t entered;            /* links that know of the call */
    uint8_t done[INTERCEPT_NR]; /* hooks that have passed at this stage */
    bool held[INTERCEPT_NR];
};

/** Runs a stage from where it is to its end, or to the first link that does not
 * let it pass. LATER: call again once resumed. */
enum intercept interception_run(struct interception *i, struct stream *s,
                                enum intercept_stage stage, struct bytes message,
                                struct status *status);

/** Calls on_close of every link that was entered. */
void interception_close(struct interception *i, struct stream *s, const struct status *status);

#endif
