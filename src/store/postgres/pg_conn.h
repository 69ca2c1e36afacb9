/* One connection to the database, on a loop.
 *
 *   CLOSED      nothing is there
 *   RESOLVING   its hosts are looked up
 *   CONNECTING  libpq connects, host after host, and logs in
 *   PREPARING   statements are prepared, and it listens
 *   READY       requests go out and answers come
 *   BROKEN      it ended, or never began; `error` tells why
 *
 *   CLOSED ──▶ RESOLVING ──▶ CONNECTING ──▶ PREPARING ──▶ READY       and from each but
 *                  ▲                                                  CLOSED to BROKEN,
 *                BROKEN                                               from all to CLOSED
 *
 * libpq never waits here: it is asked for a result only if it has one, and the
 * descriptor is watched by libuv. It may have another descriptor after each step of
 * connecting, so the watch is closed before such a step and made anew after it; in a
 * small block of its own, for libuv closes later than we may go.
 *
 * Answers come in the order of the requests. Each request ends with a synchronisation
 * point of the protocol, which is where the server begins anew after an error. A
 * transaction that failed is still open then: ROLLBACK goes out before anything else. A
 * request that is a transaction, or commits, has the connection for itself: what came
 * behind it would fail with it, and a timer of what came before it would break it off.
 *
 * While libpq has bytes that the socket did not take there is no room for more: it moves
 * them to the front of its buffer with each write, which grows with their square.
 *
 * One timer: of connecting as a whole, until READY; then of the answer to the oldest
 * request. Loop thread only. */
#ifndef PG_CONN_H
#define PG_CONN_H

#include "pg_lookup.h"
#include "pg_numbers.h"
#include "pg_request.h"

#define PG_IN_FLIGHT_MAX 32

struct pg_watch;

/* What may be left out is 0. */
struct pg_options {
    const struct pg_target *target; /* stays, as all here */
    const struct pg_statement *statements;
    unsigned nstatements;
    struct pg_numbers *numbers; /* NULL: nobody counts */
    const char *channel;        /* to LISTEN to, where the server can; NULL: to none */
    uint64_t connect_timeout_ms, statement_timeout_ms; /* 0: none */
    unsigned first_host;                               /* that is tried (modulo their count) */
};

enum pg_conn_state {
    PG_CLOSED,
    PG_RESOLVING,
    PG_CONNECTING,
    PG_PREPARING,
    PG_READY,
    PG_BROKEN,
};

enum pg_slot_kind { PG_SLOT_PREPARE, PG_SLOT_LISTEN, PG_SLOT_REQUEST, PG_SLOT_ROLLBACK };

/* One answer that is to come. */
struct pg_slot {
    enum pg_slot_kind kind;
    struct pg_request *request; /* NULL: it is ours, or nobody waits any more */
    bool in_transaction, commits;
    bool synced;          /* its end came: what it did is known */
    bool doubted;         /* there was a warning: answer_error tells of it */
    unsigned results;     /* that came of it */
    uint64_t sent_ns;     /* of a request */
    uint64_t deadline_ms; /* 0: none */
};

struct pg_conn {
    struct loop *loop;
    const struct pg_options *options;
    /** A request came to its end, which is told by nobody else. It is not in flight any more. */
    void (*over)(struct pg_conn *conn, struct pg_request *request, const struct pg_error *error);
    /** It became READY or BROKEN. All requests of it are over by then. */
    void (*changed)(struct pg_conn *conn);
    /** An answer came to its end, or the socket took what waited: there may be room. */
    void (*room)(struct pg_conn *conn);
    /** Something was said on the channel. NULL: nobody listens. */
    void (*notified)(struct pg_conn *conn, const char *payload);

    enum pg_conn_state state; /* read-only, as all below */
    struct pg_error error;    /* BROKEN: why */
    unsigned in_flight;
    bool listens; /* it does hear the channel */

    unsigned generation; /* private, as all below: which PGconn this is */
    unsigned first_host;
    PGconn *pg;
    struct pg_watch *watch;
    struct pg_lookup *lookup;
    struct timer timer;
    struct task failing; /* it is to become BROKEN, with pending_error */
    struct pg_error pending_error;
    bool alone; /* the request in flight is */
    bool full;  /* libpq has bytes that the socket did not take */
    struct pg_slot slots[PG_IN_FLIGHT_MAX];
    unsigned first_slot;
    bool has_failed; /* the oldest one, with answer_error */
    struct pg_error answer_error;
};

/** READY: it is BROKEN from now on; its requests fail. Else nothing happens. */
void pg_conn_give_up(struct pg_conn *conn, const struct pg_error *why);

/** Begins to connect. It is CLOSED or BROKEN; loop, options and callbacks are set, and the
 * rest was zero before the first time. Calls changed() from a later round. */
void pg_conn_open(struct pg_conn *conn);

/** Ends it now. Its requests hear nothing any more. From inside its callbacks too; then
 * the memory stays until the next round. */
void pg_conn_close(struct pg_conn *conn);

/** Whether @request can be sent now. */
bool pg_conn_has_room(const struct pg_conn *conn, const struct pg_request *request);

/** Sends it; there is room. over() is called from a later round. */
void pg_conn_send(struct pg_conn *conn, struct pg_request *request);

/** The callbacks of a request that was sent do not come any more, and it may go. It is done
 * all the same, and the answer thrown away. */
void pg_conn_forget(struct pg_conn *conn, struct pg_request *request);

/* --- pg_conn_io.c ------------------------------------------------------------------- */

/** Has it prepare and listen. It is connected. */
void pg_conn_prepare(struct pg_conn *conn);

/** Takes what came, and sends what waits. */
void pg_conn_io(struct pg_conn *conn);

/* --- pg_conn.c, for pg_conn_io.c ---------------------------------------------------- */

/** Takes the oldest slot out. */
struct pg_slot pg_conn_pop(struct pg_conn *conn);

/** The only writer of conn->state. */
void pg_conn_move(struct pg_conn *conn, enum pg_conn_state next);

/** It is BROKEN from now on; its requests fail. */
void pg_conn_break(struct pg_conn *conn, const struct pg_error *why);

/** The same in the next round, where callers are not ready for callbacks. */
void pg_conn_break_soon(struct pg_conn *conn, const struct pg_error *why);

/** Watches the descriptor for these events of libuv. false: it breaks soon. */
bool pg_conn_watch(struct pg_conn *conn, int events);

#endif
