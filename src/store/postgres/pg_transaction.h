/* A transaction of the writer's: what it sends, and what became of each record.
 *
 *   new, add for each batch, close -> its request is submitted -> free
 *
 * Batches are written to only by rows and only while they are `batches`; the rest of it points
 * to nothing of theirs once it is closed. On the store's thread. */
#ifndef PG_TRANSACTION_H
#define PG_TRANSACTION_H

#include "pg_store.h"

#define PG_PART_MAX 4096
#define PG_PART_IDS (2 * PG_PART_MAX) /* a power of two */

enum pg_part_array { PG_DELETES, PG_OWNERS, PG_IDS, PG_VALUES, PG_PART_ARRAYS };

/* Records of which one statement does all. */
struct pg_part {
    struct buf *arrays[PG_PART_ARRAYS];
    struct pg_param params[PG_PART_ARRAYS];
    size_t n;
};

struct pg_transaction {
    struct pg_request request; /* done is the owner's, and the rest private */
    struct pg_store *s;
    struct write_batch *batches; /* that are in it; NULL: they were answered before its end */
    uint64_t due_ms;             /* when that is done */
    size_t records, bytes;       /* how large it is */
    struct write_batch *at;      /* private, as all below: whose results come next, */
    size_t at_record;            /* from this record on */
    struct pg_bigint keep;
    struct pg_param keep_param;
    struct pg_part *parts;
    size_t nparts, parts_cap;
    struct pg_step *steps;
    struct bytes seen[PG_PART_IDS]; /* ids of the last part; data NULL: free */
};

#define PG_WRITES 4

/** What the writer's connection prepares. */
extern const struct pg_statement pg_writes[PG_WRITES];

/** NULL: out of memory. */
struct pg_transaction *pg_transaction_new(struct pg_store *s);
void pg_transaction_free(struct pg_transaction *t);

/** The records of @batch come next. It is put into t->batches by the owner, in the same order.
 * false: out of memory. */
bool pg_transaction_add(struct pg_transaction *t, const struct write_batch *batch);

/** No batch comes any more. false: out of memory. */
bool pg_transaction_close(struct pg_transaction *t);

#endif
