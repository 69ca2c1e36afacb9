/* A store in a PostgreSQL database, behind store.h. What its files share.
 *
 *   pg_store.c    open, close, the thread
 *   pg_schema.c   the tables: made at the first start, looked at in each
 *   pg_check.c    --check
 *   pg_sizes.c    how large the tables are
 *   pg_writer.c   batches into transactions (pg_transaction.c)
 *   pg_probe.c    what became of a transaction that has no answer
 *   pg_feed.c     what was committed, here or by another server
 *   pg_reader.c   steps, and what they need
 *   pg_fetch.c    what is fetched for one need (pg_ask.c: what is asked for it)
 *   pg_batch.c    by-group needs that share a statement
 *   pg_block.c    what a statement brought
 *   pg_sql.c      the statements of reading
 *
 * The store has a loop of its own on a thread of its own, with two connections: one
 * writes, one hears of commits. Each loop that reads has connections of its own.
 *
 * The tables, in which a record's group is its ordinal:
 *
 *   store    one row: what it is, and the next numbers
 *   groups   ordinal, id
 *   records  grp, seq, id, value; the revision of its last change
 *   changes  the log, a row a change; a row of `store` that is locked gives its revision,
 *            so that revisions are without gaps and come in the order of commits
 *
 * More than one server may have it open: nothing of it is kept here from one request to
 * the next. */
#ifndef PG_STORE_H
#define PG_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/container.h"
#include "pg_pool.h"
#include "pg_target.h"
#include "pg_values.h"
#include "store/engine.h"
#include "weir/loop.h"

#define PG_CHANNEL "store_changes" /* where each commit is told */

#define PG_MAX_WAITING 100000 /* each is of a call, which are bounded */

struct pg_probe {
    struct pg_request request;
    struct pg_step step;
    struct pg_param param;
    struct pg_bigint backend; /* the server's process that is asked for */
    bool at_work;             /* it is */
};

/* Of the store's thread, but for what others hand over. */
struct pg_writer {
    struct pg_pool *pool;
    struct write_batch *first, **last; /* that wait */
    struct pg_transaction *now;        /* NULL: none is under way */
    struct timer timer;                /* of the oldest that waits, and of `now` */
    struct pg_probe probe;             /* of `now` */
    bool stopping;                     /* no batch comes any more */
};

struct pg_feed {
    struct pg_pool *pool;
    struct pg_request request;
    struct pg_step step;
    struct timer timer, doubt; /* of the next question; since one is not answered */
    bool asking, again;
    bool away;         /* as was told last */
    uint64_t revision; /* the same */
    pthread_mutex_t lock;
    struct store_stats stats; /* under it */
};

/* Sampled; the numbers are under the feed's lock. */
struct pg_sizes {
    struct pg_request request;
    struct pg_step step;
    struct timer timer; /* of the next question */
    uint64_t used_bytes, log_bytes, database_bytes;
};

struct pg_store {
    struct store store;
    struct pg_target *target, *replica; /* replica NULL: there is none */
    unsigned first_host;                /* of the target's: it answered when the store was opened */
    atomic_flag told_foreign;           /* that the replica is of another store */
    struct loop *loop;
    pthread_t thread;
    struct posting ending;
    uint64_t keep_changes, timeout_ms;
    void (*committed)(void *arg);
    void (*reachable)(void *arg, bool yes);
    void *arg; /* of both */
    struct pg_writer writer;
    struct pg_feed feed;
    struct pg_sizes sizes;
    struct pg_numbers numbers; /* of all its pools */
};

static inline struct pg_store *pg_store_of(struct store *store)
{
    return container_of(store, struct pg_store, store);
}

/* --- pg_schema.c -------------------------------------------------------------------- */

/** Makes the tables if there are none, and sees to it that they are of this @kind and
 * format. Fills in the store's id and the feed's revision. Runs the loop, which nobody
 * else does yet. Returns 0, or -1 with a line in @error. */
int pg_schema_open(struct pg_store *s, const char *kind, char error[STORE_ERROR_MAX]);

/** Sees to it, after that, that the replica is of the same store. One that does not answer
 * may be so later: that is a warning. The rest as pg_schema_open(). */
int pg_schema_check_replica(struct pg_store *s, char error[STORE_ERROR_MAX]);

/* What the row of `store` says that it is. */
struct pg_identity {
    bool there;
    uint64_t store_id, format, revision;
    char kind[16];
    char missing[32]; /* the tables that are not there beside it */
};

/** The question for that row, and the answer. */
extern const struct pg_statement pg_schema_look;
struct pg_identity pg_identity_of(const PGresult *rows);

/** Whether this program can use it: 0, or -1 with a line in @error. @name: of the database. */
int pg_schema_judge(const char *name, const struct pg_identity *found, const char *kind,
                    char error[STORE_ERROR_MAX]);

/* --- pg_check.c --------------------------------------------------------------------- */

int pg_check(const char *where, const char *kind, struct store_check *check,
             char error[STORE_ERROR_MAX]);

/* --- pg_writer.c, pg_feed.c: on the store's thread, but for pg_write() ---------------- */

/** 0, or -1: out of memory. Before the thread runs. */
int pg_writer_start(struct pg_store *s);
void pg_write(struct store *store, struct write_batch *batch);

/** No batch comes any more: pg_store_writer_ended() when all are answered. */
void pg_writer_end(struct pg_store *s);
void pg_store_writer_ended(struct pg_store *s);

/** The writer's transaction has had no answer for too long: its connection is made anew,
 * unless the database is still at it. */
void pg_probe_start(struct pg_store *s);

/** Fine if none is under way. */
void pg_probe_cancel(struct pg_store *s);

int pg_feed_start(struct pg_store *s);
void pg_feed_end(struct pg_store *s);

/** Looks for commits now. */
void pg_feed_look(struct pg_store *s);

/** The pool of the feed, for what else is to be asked. NULL: it has ended. */
struct pg_pool *pg_feed_pool(struct pg_store *s);
int pg_stats(struct store *store, struct store_stats *ret);

/* --- pg_sizes.c: on the store's thread ------------------------------------------------ */

/** While the feed has a pool. */
void pg_sizes_start(struct pg_store *s);
void pg_sizes_end(struct pg_store *s);

/* --- pg_store.c --------------------------------------------------------------------- */

/** Options of a pool for this store, of one connection. */
struct pg_pool_options pg_store_pool(struct pg_store *s);

/* --- pg_reader.c -------------------------------------------------------------------- */

int pg_reader_new(struct reader **ret, struct store *store, struct loop *loop,
                  char error[STORE_ERROR_MAX]);

#endif
