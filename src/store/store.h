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
    uint64_t keep_changes; /* how many changes the log keeps; 0: STORE_KEEP_CHANGES */
    /* Called when a commit has changed something that can be read now. It is a commit of this
     * process, or of another one that has the same database. On a thread of the store. */
    void (*committed)(void *arg);
    /* Called when a database goes away, so that reading and writing fail, and when it is back.
     * At first it is there. On a thread of the store. May be NULL. */
    void (*reachable)(void *arg, bool yes);
    void *arg;
    /* How long a reader or a batch waits for a database; 0: STORE_TIMEOUT_MS. */
    uint64_t timeout_ms;
    /* Standbys of the database, for what may be a little older (store_need); as @where. NULL:
     * there are none. Those that are away, or too far behind, are done without. */
    const char *replica;
};

/** Opens the store in @where. That is a folder, which is made if it is missing (its
 * parent is not), and which one process uses at a time. Or it is a PostgreSQL database
 * (postgres/pg_target.h), whose tables are made if they are missing. A store of an older
 * format is converted in one transaction, and older programs refuse it from then on.
 * @options may be NULL. Returns 0, or -1 with a line in @error that says what failed, on
 * what, and what to do: no permission, disk full, in use by another process, not a store
 * of @kind ("posts", "users"), written by a newer version. */
int store_open(struct store **ret, const char *where, const char *kind,
               const struct store_options *options, char error[STORE_ERROR_MAX]);

/** Waits for the batches under way, and closes the store. No reader may be left. NULL is
 * fine. */
void store_close(struct store *store);

/** A random number that was drawn when the store was made. Page tokens hold it. Any thread. */
uint64_t store_id(const struct store *store);

/* The connections to a database, and what is asked by them. */
struct store_database {
    uint64_t connecting, ready, broken; /* so many are; the last wait for their next attempt */
    uint64_t waiting, waits;            /* for a connection: now; those that ever had to */
    uint64_t requests, request_ns;      /* that are over, and what these took together */
};

/* As of the last commit. */
struct store_stats {
    uint64_t records, groups;
    uint64_t revision;  /* of the last change */
    uint64_t changes;   /* how many the log keeps */
    uint64_t oldest_ms; /* when the oldest of them was committed, since 1970; 0: there is none */
    uint64_t log_bytes;
    uint64_t used_bytes; /* pages, including those that are free to be used again */
    uint64_t file_bytes; /* what the file takes on the disk */
    uint64_t map_bytes;  /* how large the file may become; 0: that is not known */
    bool is_database;    /* the sizes are sampled; file_bytes is the whole database's */
    struct store_database database;
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

/* Batches that belong together. Once one of them fails, none after it is done, so that they are
 * never done in another order. Zero it. It must stay until all batches are answered. */
struct write_sequence {
    bool broken; /* the writer's own */
};

/* One batch: all of it is committed, or nothing. It belongs to the caller, with
 * everything that it points to. Do not touch it until done is called. */
struct write_batch {
    struct write_record *records;
    size_t nrecords;
    struct write_sequence *sequence; /* that it belongs to; NULL: to none */
    struct loop *loop;               /* where done is called */
    void (*done)(struct write_batch *batch);
    char error[STORE_ERROR_MAX]; /* "": committed and durable; else nothing of it was done */
    bool full;                   /* with an error: there was no room, on the disk or in the map */
    bool unavailable;         /* with an error: the database is away, and a later attempt may work.
                                 If the line says so, it is not known whether this one was done */
    struct write_batch *next; /* private, as all below */
    struct posting answer;
    void *of_engine;
    uint64_t deadline_ms;
};

/** Hands the batch to the writer. Batches are applied in the order in which they
 * come, and several that wait share one commit. batch->done is called exactly once,
 * on batch->loop, after the commit. The loop does not stop before. Call it on the
 * thread of that loop. */
void store_write(struct store *store, struct write_batch *batch);

/* --- Reading ------------------------------------------------------------------------ */

/** A reader for @loop, which does not run yet. Returns 0, or -1 with a line in @error. */
int reader_new(struct reader **ret, struct store *store, struct loop *loop,
               char error[STORE_ERROR_MAX]);

/** Frees a reader that fetches nothing. The loop must not run any more; it may run for a moment
 * in here. NULL is fine. */
void reader_free(struct reader *reader);

/** Begins a step. Everything until reader_end() sees one state of the store, and the
 * bytes that the reader returns stay valid until then. Keep a step short, because it
 * keeps the writer from reusing pages. Returns 0, or -1 with a line in @error. Only
 * on the loop of the reader. */
int reader_begin(struct reader *reader, char error[STORE_ERROR_MAX]);
void reader_end(struct reader *reader);

/* Call the functions below inside a step. They return 1 if it was found, 0 if there
 * is none, and -1 if the store cannot be read (damaged, I/O error); then see
 * reader_error(). */

const char *reader_error(const struct reader *reader);

/** After -1: whether a later attempt may work, because the database is away or busy. */
bool reader_unavailable(const struct reader *reader);

/* A place in the order, right after a record. Zero is the place before the first one. */
struct position {
    uint32_t group;    /* ordinal */
    uint64_t sequence; /* of the record, from 1 */
};

/* --- What a step needs -------------------------------------------------------------- */

/* An engine may have to fetch what is read. So before a step reads anything, it tells
 * the reader what it will read. It must not ask for anything else then. */
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
    uint64_t wants;          /* RECORDS, GROUP: how many are read at most; 0: it is not known */
    bool numbers;            /* the same: count, how many groups, and revision are read, too */
    struct bytes group;      /* GROUP; CHANGES: may be empty */
    const struct bytes *ids; /* IDS */
    size_t nids;
    uint64_t revision; /* CHANGES; UINT64_MAX: none, only the last revision */
    bool may_lag;      /* RECORDS: a standby may tell, if it is as far as this revision: */
    uint64_t floor;
    bool ahead; /* nobody waits for it yet: where memory is short it is not asked for */
};

/* Where an engine keeps what it fetched for one user of the reader. It lives in its owner and
 * must stay where it is. Zero it, and set ready. */
struct store_fetch {
    /** What was needed is there. Begin a step, and say again what it needs. It is called on
     * the loop, and not from inside a function of the store. */
    void (*ready)(struct store_fetch *fetch);
    void *of_engine; /* private; NULL: nothing is kept */
    const struct reader_engine *engine;
};

/** Says what the step needs. Returns 1 if it can be read now, in this step. Returns 0 if
 * fetch->ready will be called, because it was asked for now or by an earlier call; end the step
 * until then. Returns -1 if it cannot be had; see reader_error(). What @need points to is not
 * used after this returns. */
int reader_need(struct reader *reader, struct store_fetch *fetch, const struct store_need *need);

/** Whether this engine has to fetch at all. If so, it is better to say early what will be
 * needed. Call it at any time. */
bool reader_fetches(const struct reader *reader);

/** Forgets what was fetched, and ready does not come. It is fine if nothing was fetched. */
void store_fetch_drop(struct store_fetch *fetch);

/* --- Records ------------------------------------------------------------------------ */

/** How many records there are, and how many groups ever had one. Returns 1, or -1. */
int reader_count(struct reader *reader, uint64_t *ret);
int reader_groups(struct reader *reader, uint64_t *ret);

#define READER_MORE 2

/** The value of the record with this id. READER_MORE: what was fetched does not reach so far; say
 * what is needed again, from this id on. */
int reader_get(struct reader *reader, struct bytes id, struct bytes *ret_value);

/** The ordinal of a group, and the id of an ordinal. Once a group has an ordinal, it
 * keeps it for ever. */
int reader_group(struct reader *reader, struct bytes id, uint32_t *ret_ordinal);
int reader_group_id(struct reader *reader, uint32_t ordinal, struct bytes *ret_id);

struct visit {
    /** One record. false: stop, and do not count this one as visited. */
    bool (*record)(struct visit *visit, struct position at, struct bytes value);
};

/** Visits the records strictly after *at, up to and including group @last_group, in
 * order, and moves *at to the last one that was visited. Returns 1 if the visitor
 * stopped it, 0 if no record is left, READER_MORE if what was fetched is used up (say
 * again what is needed), or -1. */
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

/** The revision of the last change. *ret is 0 if there was no change yet. Returns 1, or -1. */
int reader_revision(struct reader *reader, uint64_t *ret);

/** What the step reads is no newer than this revision. 0: nobody has to know, for there are
 * no standbys that could show less later, or the need did not let one tell. */
uint64_t reader_floor(const struct reader *reader);

#define READER_EXPIRED 3

/** Visits the changes after *revision in order, and moves *revision to the last one
 * that was visited. Returns 1 if the visitor stopped it, 0 if no change is left,
 * READER_MORE as reader_scan() does, READER_EXPIRED if the log does not have all of them any
 * more (then none was visited), or -1. */
int reader_changes(struct reader *reader, uint64_t *revision, struct change_visit *visit);

/** The value that this change has put. Returns 0 if the record was changed again or deleted
 * since; a later change says so. Only for a CHANGE_PUT of this step. */
int reader_put_value(struct reader *reader, const struct change *change, struct bytes *ret_value);

/** Where the record with this id is now. READER_MORE: as reader_get(), of ids. */
int reader_place(struct reader *reader, struct bytes id, struct position *ret);

#endif
