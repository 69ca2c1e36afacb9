/* What is asked of the database: one statement, or several that belong together.
 *
 * All statements of a request go out at once and have one answer: that of the first
 * that fails, behind which none is done, or that all were done. So a transaction is one
 * round trip. Requests do not fail with one another.
 *
 * Its parameters may have a few MiB together: libpq moves what the socket has not taken with
 * each write. */
#ifndef PG_REQUEST_H
#define PG_REQUEST_H

#include <postgresql/libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/ring.h"
#include "pg_error.h"

#define PG_PARAMS_MAX 16

struct pg_statement {
    const char *name; /* each connection prepares it under this name; NULL: never prepared */
    const char *sql;
};

/* A parameter of a statement, $1 and so on. */
struct pg_param {
    struct bytes value; /* as text it ends with a NUL, which does not count */
    bool binary;        /* as the server sends and receives the type */
    bool null;
};

struct pg_step {
    const struct pg_statement *statement;
    const struct pg_param *params;
    unsigned nparams;
};

enum pg_place { PG_NOWHERE, PG_WAITS, PG_FAILS, PG_SENT };

struct pg_conn;
struct pg_pool;

/* Lives in its owner, with all that it points to untouched until done or cancelled. All
 * that is private is zero before it is submitted first. */
struct pg_request {
    const struct pg_step *steps;
    unsigned nsteps;
    const char *begin; /* a transaction: "BEGIN", with its modes; NULL: PostgreSQL's implicit one */
    /* It writes, and what it writes is to last. Once it is sent no timer ends it: where a
     * commit waits for a standby, to break it off would show what is not safe yet. */
    bool commits;

    /** What a statement brought, with values in binary; of one that only does something,
     * its command status. Until the end it is not known whether all is done. The rows are
     * there until it returns. NULL: nobody asks. */
    void (*rows)(struct pg_request *request, unsigned step, const PGresult *rows);
    /** The end, once; it may be submitted again, or freed. @error NULL: all was done. */
    void (*done)(struct pg_request *request, const struct pg_error *error);
    /** It is about to be sent once more, for its answer was lost, or another server is to be
     * asked: what rows() had does not count. A request that commits is sent once more only if
     * it is known that nothing was done. NULL: it is sent once. */
    void (*again)(struct pg_request *request);

    enum pg_place place; /* private, as all below */
    struct pg_pool *pool;
    struct pg_conn *conn;
    struct ring link;
    uint64_t deadline_ms, sent_ms;
};

static inline bool pg_request_is_sent(const struct pg_request *request)
{
    return request->place == PG_SENT;
}

/** What has a connection for itself while it runs. */
static inline bool pg_request_is_alone(const struct pg_request *request)
{
    return request->begin != NULL || request->commits;
}

#endif
