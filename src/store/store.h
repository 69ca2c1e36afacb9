/* The store: records in groups, upsert by id, listed in order.
 *
 * A record has an id, unique in the store; a group, also an id; and a value.
 * Groups come in the order of the first record that each ever had, and have an
 * ordinal, from 0, without gaps; a group whose records were all deleted keeps it.
 * Records of a group come in the order they were imported in; an upsert keeps its
 * place, and one that was deleted and comes again goes to the end. The Post server keeps posts
 * grouped by user; the User server keeps users in the one group "".
 *
 * Every change gets the next *revision*, a number, and is kept in a log with the
 * commit that it belongs to. Who wants to know what changed reads the log after the
 * revision that it knows (reader_changes). The log is bounded: what is too old is
 * dropped from it.
 *
 * Reading never blocks and never waits for a writer. Writing is done by one
 * writer thread per store, off the loops, because a commit waits for the disk.
 *
 * This header is all that the rest of the program knows. Behind it is an engine
 * (engine.h): LMDB, embedded (lmdb/); or PostgreSQL, which several servers may share
 * (postgres/). */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "weir/loop.h"

struct loop;
struct reader;
struct store;

#define STORE_ID_MAX    256 /* bytes of an id; at least 1, but for a group */
#define STORE_ERROR_MAX 256

#define STORE_KEEP_CHANGES 1000000
#define STORE_TIMEOUT_MS   5000

/* What may be left out is 0. */
struct store_options {
    uint64_t keep_changes; /* so many of the last ones are in the log; 0: STORE_KEEP_CHANGES */
    /* A commit has changed something and can be read: one of this process, or of another one
     * that has the same database. On a thread of the store. */
    void (*committed)(void *arg);
    /* A database is away, so that who reads or writes fails; or it is back. On a thread of
     * the store, whenever that changes; it is there at first. NULL: nobody asks. */
    void (*reachable)(void *arg, bool yes);
    void *arg;
    /* So long one who reads, or a batch, waits for a database; 0: STORE_TIMEOUT_MS. */
    uint64_t timeout_ms;
};

/** Opens the store in @where: a folder, which is made if it is missing (its parent
 * is not), and is for one process at a time; or a PostgreSQL database (postgres/pg_target.h),
 * whose tables are made if they are missing. A store of an older format is taken over, in one
 * transaction; older programs refuse it from then on. @options NULL: all left out.
 * Returns 0; or -1 with a line in @error that says what failed, on what, and
 * what to do: no permission, disk full, in use by another process, not a store
 * of @kind ("posts", "users"), written by a newer version. */
int store_open(struct store **ret, const char *where, const char *kind,
               const struct store_options *options, char error[STORE_ERROR_MAX]);

/** Waits for batches under way, then closes. No reader is left. NULL is fine. */
void store_close(struct store *store);

/** A random number drawn when the store was made: page tokens hold it. Any thread. */
uint64_t store_id(const struct store *store);

/* As of the last commit. */
struct store_stats {
    uint64_t records, groups;
    uint64_t revision;  /* of the last change */
    uint64_t changes;   /* in the log: the last ones */
    uint64_t oldest_ms; /* when the first of them was committed, since 1970; 0: there is none */
    uint64_t log_bytes;
    uint64_t used_bytes; /* pages, with those that are free to be used again */
    uint64_t file_bytes; /* of the disk */
    uint64_t map_bytes;  /* how large it may become */
};

/** Returns 0, or -1: the store cannot be read. Any thread. */
int store_stats(struct store *store, struct store_stats *ret);

/* --- Writing ------------------------------------------------------------------------ */

enum write_op {
    WRITE_PUT,    /* insert, or update in its place */
    WRITE_DELETE, /* by id; group and value do not matter */
};

enum write_result {
    WRITE_NEW,
    WRITE_UPDATED,   /* known, the value changed */
    WRITE_UNCHANGED, /* known, the same value */
    WRITE_FOREIGN,   /* the id belongs to another group; nothing was done */
    WRITE_DELETED,
    WRITE_MISSING, /* to be deleted, and there is none */
};

struct write_record {
    struct bytes group, id, value;
    enum write_op op;
    enum write_result result; /* set before done is called */
};

/* Batches that belong together: once one of them is not done, none that comes behind it is, so
 * that they are not done in another order. Zero it; it stays until all are answered. */
struct write_sequence {
    bool broken; /* of the writer */
};

/* One batch: all of it is committed, or none. Belongs to the caller, with all
 * it points to, and stays untouched until done. */
struct write_batch {
    struct write_record *records;
    size_t nrecords;
    struct write_sequence *sequence; /* that it is of; NULL: of none */
    struct loop *loop;               /* where done is called */
    void (*done)(struct write_batch *batch);
    char error[STORE_ERROR_MAX]; /* "": committed and durable; else nothing of it was done */
    bool full;                   /* with an error: there was no room, on the disk or in the map */
    bool unavailable;         /* with an error: the database is away, and it may work later. Whether
                                 it was done is not known then, if the line says so */
    struct write_batch *next; /* private, as all below */
    struct posting answer;
    void *of_engine;
    uint64_t deadline_ms;
};

/** Hands the batch to the writer. Batches are applied in the order they come;
 * several that wait share one commit. batch->done is called exactly once, on
 * batch->loop, after the commit; the loop does not stop before. On that loop's
 * thread. */
void store_write(struct store *store, struct write_batch *batch);

/* --- Reading ------------------------------------------------------------------------ */

/** A reader for @loop, which does not run yet. Returns 0, or -1 with a line in @error. */
int reader_new(struct reader **ret, struct store *store, struct loop *loop,
               char error[STORE_ERROR_MAX]);

/** Nothing is fetched, and the loop does not run any more; it may turn in here. NULL is fine. */
void reader_free(struct reader *reader);

/** Begins a step: everything until reader_end() sees one state of the store,
 * and bytes that a reader returns stay valid until then. A step is short: it
 * keeps the writer from reusing pages. Returns 0, or -1 with a line in @error.
 * The loop of the reader only. */
int reader_begin(struct reader *reader, char error[STORE_ERROR_MAX]);
void reader_end(struct reader *reader);

/* The functions below are for inside a step. They return 1: found, 0: there is
 * none, -1: the store cannot be read (damaged, I/O error), see reader_error(). */

const char *reader_error(const struct reader *reader);

/** After -1: whether it may work later, for the database is away, or busy. */
bool reader_unavailable(const struct reader *reader);

/* A place in the order, just after a record; zero: before the first. */
struct position {
    uint32_t group;    /* ordinal */
    uint64_t sequence; /* of the record, from 1 */
};

/* --- What a step needs -------------------------------------------------------------- */

/* An engine may have to fetch what is read. So before anything else is read in a step,
 * the reader is told what will be; what is not among it is not asked for then. */
enum need_kind {
    NEED_RECORDS, /* scan: records after a position; group ids: of these, and of the
                     NEED_GROUPS_AHEAD groups after each */
    NEED_GROUP,   /* group, scan: of one group, its records after a position */
    NEED_IDS,     /* get, place: records by their ids, in this order best */
    NEED_CHANGES, /* changes after a revision, put values and places of their records, their
                     groups by ordinal and by id; another group by its id; how many groups */
};

#define NEED_GROUPS_AHEAD 256
#define NEED_IDS_MAX      1000 /* of those after it nothing is fetched */

struct store_need {
    enum need_kind kind;
    struct position after;   /* RECORDS; GROUP: the sequence alone */
    uint32_t last_group;     /* RECORDS */
    uint64_t wants;          /* RECORDS, GROUP: so many are read at most; 0: it is not known */
    bool numbers;            /* the same: count, how many groups, and revision are read, too */
    struct bytes group;      /* GROUP; CHANGES: may be empty */
    const struct bytes *ids; /* IDS */
    size_t nids;
    uint64_t revision; /* CHANGES; UINT64_MAX: none, only the last revision */
};

/* Where what was fetched for one who reads is kept. Lives in its owner, and stays where it
 * is; zero it, and set ready. */
struct store_fetch {
    /** What was needed is there: begin a step, and say again what it needs. On the loop,
     * from no function of the store. */
    void (*ready)(struct store_fetch *fetch);
    void *of_engine; /* private; NULL: nothing is kept */
    const struct reader_engine *engine;
};

/** 1: what @need names can be read now, in this step. 0: fetch->ready will be called, be it
 * asked for just now or by a call before; end the step until then. -1: it cannot be had, see
 * reader_error(). What @need points to is not looked at after this returns. */
int reader_need(struct reader *reader, struct store_fetch *fetch, const struct store_need *need);

/** Whether needs have to be fetched at all: then what is needed soon is better said soon.
 * Any time. */
bool reader_fetches(const struct reader *reader);

/** Forgets what was fetched; ready does not come. Fine if nothing was. */
void store_fetch_drop(struct store_fetch *fetch);

/* --- Records ------------------------------------------------------------------------ */

/** How many records there are, and groups that ever had one. 1, or -1. */
int reader_count(struct reader *reader, uint64_t *ret);
int reader_groups(struct reader *reader, uint64_t *ret);

#define READER_MORE 2

/** The value of the record with this id. READER_MORE: what was fetched does not reach so far; say
 * what is needed again, from this id on. */
int reader_get(struct reader *reader, struct bytes id, struct bytes *ret_value);

/** The ordinal of a group, and the id of an ordinal. Once there is one, both are
 * for ever. */
int reader_group(struct reader *reader, struct bytes id, uint32_t *ret_ordinal);
int reader_group_id(struct reader *reader, uint32_t ordinal, struct bytes *ret_id);

struct visit {
    /** One record. false: stop, and do not count this one as visited. */
    bool (*record)(struct visit *visit, struct position at, struct bytes value);
};

/** Visits the records strictly after *at, up to and including group
 * @last_group, in order, and moves *at along, to the last one visited.
 * Returns 1: stopped by the visitor; 0: there is no record left; READER_MORE: what was
 * fetched is used up, say again what is needed; -1. */
int reader_scan(struct reader *reader, struct position *at, uint32_t last_group,
                struct visit *visit);

/* --- What changed ------------------------------------------------------------------- */

enum change_kind { CHANGE_PUT, CHANGE_DELETE };

struct change {
    uint64_t revision; /* from 1, without gaps, in the order of commits */
    enum change_kind kind;
    struct position at; /* of the record that was put or deleted */
    struct bytes id;    /* of the record */
    uint64_t time_ms;   /* of the commit, since 1970 */
};

struct change_visit {
    /** One change. false: stop, and do not count this one as visited. */
    bool (*change)(struct change_visit *visit, const struct change *change);
};

/** The revision of the last change; *ret is 0 where there was none yet. 1, or -1. */
int reader_revision(struct reader *reader, uint64_t *ret);

#define READER_EXPIRED 3

/** Visits the changes after *revision in order, and moves *revision along, to the
 * last one visited. Returns 1: stopped by the visitor; 0: there is no change left;
 * READER_MORE: as reader_scan(); READER_EXPIRED: the log does not have all of them any more, and
 * none was visited; -1. */
int reader_changes(struct reader *reader, uint64_t *revision, struct change_visit *visit);

/** The value that this change has put. 0: the record was changed again, or deleted,
 * since; a later change tells. For CHANGE_PUT, of this step. */
int reader_put_value(struct reader *reader, const struct change *change, struct bytes *ret_value);

/** Where the record with this id is now. READER_MORE: as reader_get(), of ids. */
int reader_place(struct reader *reader, struct bytes id, struct position *ret);

#endif
