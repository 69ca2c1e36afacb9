/* What connections hold, and who must go when it is too much.
 *
 * A connection counts in c->held_bytes what its session takes (http_session_heap.h),
 * what came in and was not read yet, what is queued to go out, and a fixed amount for
 * each call. After each turn conn_note() adds what the socket did not take and what TLS
 * holds, and tells the lane. The lane tells the budget of the server in steps, so that
 * turns cost no bus lock.
 *
 *   call ──▶ conn (held_bytes) ──▶ lane (held) ── 64 KiB ──▶ budget (all lanes)
 *
 * While more than RELIEF_NUM/RELIEF_DEN of the budget is taken, the lane that holds most
 * lets go of one connection in each round:
 *   - the one that holds most, if that is much. It counts less while it has been held for
 *     under a second, because a large message on its way is not a hoard. The client hears
 *     ENHANCE_YOUR_CALM
 *   - if no connection holds much, the one that has had no call for longest. It gets
 *     GOAWAY, and its client makes a new one when it needs it
 *   - if all have calls, the one that holds most after all
 * When the whole budget is taken, no call and no connection is accepted. Calls end with
 * REFUSED_STREAM, by which clients know that they were not processed.
 *
 * A stranger is a connection that has not spoken yet. When there are too many
 * connections, a stranger gives way to the next connection of its lane, so strangers keep
 * nobody out. */
#ifndef HTTP_PRESSURE_H
#define HTTP_PRESSURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/budget.h"
#include "base/ring.h"
#include "weir/loop.h"

struct conn;
struct http_call;
struct lane;

/* What a call costs beside its messages: itself, its handler, its arena. */
#define CALL_BYTES 3072

/* A connection's own, with libuv's and the kernel's handles for it. */
#define CONN_BYTES 2048

/* Of a lane. */
struct pressure {
    size_t held;             /* by its connections */
    atomic_size_t published; /* of that; what others see */
    struct ring strangers;   /* connections without a session, the longest first */
    struct ring spares;      /* the same, of those without a call */
    struct ring hoards;      /* connections that hold HOARD_BYTES or more */
    struct task relief;
    struct timer watch; /* while it holds much: others may need some of it */
};

void pressure_init(struct lane *lane);

/** The lane's last connection is gone. On its loop. */
void pressure_end(struct lane *lane);

/** Counts what @c holds now. Call it from the turns of @c. */
void conn_note(struct conn *c);

/** @c is gone, and holds nothing any more. */
void conn_note_end(struct conn *c);

/** What @c's input and queue hold has changed. */
void http_call_note(struct http_call *c);

/** It is over. */
void http_call_note_end(struct http_call *c);

/** Whether no call and no connection may be taken. */
bool lane_is_full(const struct lane *lane);

/** There are too many connections, and @newcomer is the last one. Lets go of a
 * connection of this lane that is not needed. false: there is none. */
bool lane_make_way(struct lane *lane, const struct conn *newcomer);

#endif
