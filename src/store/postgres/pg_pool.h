/* The connections of one loop to the database, and who waits for one.
 *
 * A request goes to the connection that has the fewest in flight; if none has room it
 * waits in a line, which is bounded in length. What broke is connected anew by itself: after
 * 50 ms, then twice that, up to a second, while somebody waits; and once a second else, so
 * that it is known whether the database is there. A server that stands still is noticed by
 * the first request that it does not answer.
 *
 * A request ends within wait_timeout_ms, in the line and under way together, but for one
 * that commits, once it is sent. Until then it is sent as often as its connection is lost,
 * if it may be (`again`).
 *
 * Loop thread only. */
#ifndef PG_POOL_H
#define PG_POOL_H

#include "pg_conn.h"

struct pg_pool;

enum pg_health {
    PG_UNKNOWN, /* it has not answered yet */
    PG_UP,      /* a connection is ready */
    PG_DOWN,
};

/* What may be left out is 0. */
struct pg_pool_options {
    struct pg_options each;
    unsigned connections;                             /* 1 at least */
    unsigned max_waiting;                             /* requests in the line */
    uint64_t wait_timeout_ms;                         /* of a request; 1 at least */
    void (*changed)(struct pg_pool *pool, void *arg); /* its health. NULL: nobody asks */
    void (*notified)(void *arg, const char *payload); /* on the channel. NULL: nobody listens */
    void *arg;
};

/** Connects. What @options points to stays. Returns 0, or -1: out of memory. */
int pg_pool_new(struct pg_pool **ret, struct loop *loop, const struct pg_pool_options *options);

/** Ends its connections now: no callback comes any more, of requests neither, and whether a
 * commit that is under way is done stays open. From inside a callback too: the loop is held until
 * the memory is gone, a round later. NULL is fine. */
void pg_pool_free(struct pg_pool *pool);

/** Has the request sent; its done is called from a later round. */
void pg_pool_submit(struct pg_pool *pool, struct pg_request *request);

/** The same of a request that has waited elsewhere already: the time that it has ends at
 * @deadline_ms. */
void pg_pool_submit_until(struct pg_pool *pool, struct pg_request *request, uint64_t deadline_ms);

/** What its connections have under way fails with @why, and they are made anew. */
void pg_pool_give_up(struct pg_pool *pool, const struct pg_error *why);

/** Of a pool with one connection: the server's process behind it; 0: it is not connected. */
int pg_pool_backend(const struct pg_pool *pool);

/** The callbacks of the request do not come any more, and it may go. If it was sent it is
 * done all the same. Fine if it is over, or never was submitted. */
void pg_request_cancel(struct pg_request *request);

enum pg_health pg_pool_health(const struct pg_pool *pool);

/** Whether every connection that is ready hears the channel: else it is to be asked. */
bool pg_pool_listens(const struct pg_pool *pool);

/** Connections that are ready. */
unsigned pg_pool_ready(const struct pg_pool *pool);

/** Requests that were sent and have no answer yet; those in the line. */
unsigned pg_pool_in_flight(const struct pg_pool *pool);
unsigned pg_pool_waiting(const struct pg_pool *pool);

/** Why it was not connected the last time; NULL: it always was. */
const struct pg_error *pg_pool_error(const struct pg_pool *pool);

#endif
