/* What is fetched, or was, for one need.
 *
 *   ASKED     a request is under way, or it stands in the line of those that share one
 *   PUT_OFF   the request had no room for it, or it is large; and nobody has waited for it yet
 *   THERE     it can be read
 *   USED      it was read to its end, or is of a moment that is over
 *   FAILED    `error` tells why
 *
 *   ASKED ──▶ THERE ──▶ USED       ASKED ──▶ FAILED
 *     ▲ ▼
 *   PUT_OFF
 *
 * Memory: a block has PG_BLOCK_BYTES and a row more at most. Who reads on has the next block
 * asked for while one is read, so two of them; first blocks are small, and each is four times
 * as large as the one before it until it is large enough. What nobody has touched for a second
 * is let go: who comes back to it asks again from the place that it has reached. So a reader
 * that stops costs two blocks for a moment, and nothing then. */
#ifndef PG_FETCH_H
#define PG_FETCH_H

#include "pg_block.h"
#include "pg_sql.h"

struct pg_batch;

enum pg_fetch_state {
    PG_FETCH_ASKED,
    PG_FETCH_PUT_OFF,
    PG_FETCH_THERE,
    PG_FETCH_USED,
    PG_FETCH_FAILED,
};

struct pg_reader {
    struct reader reader;
    struct pg_store *store;
    struct loop *loop;
    struct pg_pool *pool, *replicas; /* replicas NULL: there are none */
    bool stepping;
    struct pg_fetch *now;  /* what the step reads; NULL: nothing */
    struct pg_fetch *gone; /* dropped in this step, which may still have bytes of it */
    char error[STORE_ERROR_MAX];
    bool unavailable;

    size_t held;       /* bytes of all blocks */
    struct ring there; /* fetches that are THERE: the one that was touched last is the last */
    struct timer idle; /* looks for those that nobody touches */

    /* pg_batch.c */
    struct ring line, put_off; /* by-group needs, in the order in which they came */
    struct task send;
    unsigned batches;    /* under way */
    size_t record_bytes; /* of a record, about */
    size_t part_rows;    /* that one of a batch has, about */
    size_t batch_fits;   /* as many of them as will have room */
};

/* Bytes of the blocks of a reader. Where there are more, blocks are smaller, and none is asked
 * for ahead. */
#define PG_HELD_MANY ((size_t)64 << 20)

enum { PG_FETCH_STEPS = 4, PG_FETCH_PARAMS = 6 };

struct pg_fetch {
    struct pg_reader *r;
    struct store_fetch *fetch;
    enum pg_fetch_state state;
    struct pg_fetch *next_gone;
    struct ring link; /* of the reader's, by its state */

    enum need_kind kind;
    struct position after; /* of need; what was read moves it */
    uint64_t revision;     /* the same of changes */
    uint32_t last_group;
    uint64_t wants; /* records; 0: not known */
    bool numbers;
    uint8_t group[STORE_ID_MAX];
    size_t group_len;

    bool touched, stopped; /* in this step: something was read; a visitor stopped */
    uint64_t asked_ms, touched_ms;
    bool told;             /* in a step before */
    bool goes_on;          /* it is not the first block */
    bool is_ahead;         /* it is the next of another, and nobody waits for it */
    bool awaited;          /* somebody waits for it, and did not only ask early */
    struct pg_fetch *next; /* what comes after, asked for already */

    struct pg_block *block; /* whose rows from `at` to `end` are to be read */
    size_t at, first, end;
    bool whole;              /* there is none after these */
    size_t rows;             /* that were asked for at most */
    bool large;              /* values are not small here */
    struct pg_block *groups; /* RECORDS: groups' ids */
    uint32_t groups_from;    /* of the last question for them */
    size_t groups_asked;     /* the same: how many */
    bool all_groups;         /* there were no more */
    bool seeks_group;        /* it has asked for that of its first record alone */
    bool has_group;          /* GROUP: it is there, */
    uint32_t ordinal;        /* under this number */
    uint64_t count, total_groups, last_revision;
    bool may_lag; /* a standby may tell, if it is as far as this revision: */
    uint64_t floor;
    bool of_replica;         /* one was asked, */
    bool foreign;            /* which is none of this store, */
    uint64_t first_revision; /* whose records are as new as this, and no newer than the last */
    bool no_memory;          /* for what came */
    struct pg_error error;

    struct pg_batch *batch; /* that it is in; NULL: none */
    size_t element;
    struct pg_request request;
    struct pg_step steps[PG_FETCH_STEPS];
    struct pg_param params[PG_FETCH_PARAMS];
    struct pg_bigint bigints[PG_FETCH_PARAMS];
    unsigned nparams;
    struct buf *ids; /* of IDS, as they are sent */
};

/** Asks for what @need names, after @before, which is used up and of the same; NULL: it is the
 * first block. NULL: out of memory. */
struct pg_fetch *pg_fetch_new(struct pg_reader *r, struct store_fetch *fetch,
                              const struct store_need *need, const struct pg_fetch *before);

/** What comes after the block of @f, if there is anything. */
void pg_fetch_ahead(struct pg_fetch *f);

/** It is forgotten; at the end of the step, where the reader is in one. */
void pg_fetch_drop(struct pg_fetch *f);
void pg_fetch_free(struct pg_fetch *f);

/** The next takes the place of @f, which is used up. */
struct pg_fetch *pg_fetch_turn_over(struct pg_fetch *f);

/** The only writer of its state. */
void pg_fetch_move(struct pg_fetch *f, enum pg_fetch_state next);

/** Somebody has read in it. */
void pg_fetch_touch(struct pg_fetch *f);

/** Its rows are those of its block from @first to @end; what is missing is asked for. false: it
 * is not there yet. */
bool pg_fetch_settle(struct pg_fetch *f, size_t first, size_t end, bool whole);

/** It is there, or has failed: who waits for it is told. May free it. */
void pg_fetch_tell(struct pg_fetch *f);

void pg_fetch_fail(struct pg_fetch *f, const struct pg_error *error);
void pg_fetch_fail_memory(struct pg_fetch *f);

/** For a new reader. */
void pg_fetch_init(struct pg_reader *r);

/** Functions of its request. */
void pg_fetch_on_rows(struct pg_request *request, unsigned step, const PGresult *rows);
void pg_fetch_on_again(struct pg_request *request);
void pg_fetch_on_done(struct pg_request *request, const struct pg_error *error);

static inline bool pg_is_listing(enum need_kind kind)
{
    return kind == NEED_RECORDS || kind == NEED_GROUP;
}

static inline size_t pg_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- pg_ask.c: what is asked for one need -------------------------------------------- */

/** Asks for what a new one needs, after @before, as pg_fetch_new(). false: out of memory. */
bool pg_ask(struct pg_fetch *f, const struct store_need *need, const struct pg_fetch *before);

/** What it needs has a value that is not small; a group whose id it does not have. It is asked
 * for once more, or for these. */
void pg_ask_large(struct pg_fetch *f);
void pg_ask_groups(struct pg_fetch *f, uint32_t from);

/** The same once more, of the primary. */
void pg_ask_primary(struct pg_fetch *f);

/* --- pg_batch.c: by-group needs that share a statement ------------------------------- */

/* Those that come in one round of the loop go out together, as those that come while others
 * are under way. A batch brings one block, of which each has its part; those for which it had
 * no room are asked for with the next. */

void pg_batch_init(struct pg_reader *r);

/** Puts it into the line. */
void pg_batch_add(struct pg_fetch *f);

/** It is out of the line, or of its batch. Fine if it was in none. */
void pg_batch_leave(struct pg_fetch *f);

/** Somebody waits for one that was put off: it is asked for, and those put off after it. */
void pg_batch_urge(struct pg_fetch *f);

#endif
