/* The statements of reading: one for each kind of need. Each brings all that is needed, as
 * rows of kinds; so it is one state of the database, whatever is committed meanwhile. */
#ifndef PG_SQL_H
#define PG_SQL_H

#include "pg_request.h"
#include "store/store.h"

/* A block ends after so many rows, or with the row that makes it so large. The first of a
 * listing is smaller than the others: many want no more. Digits, for they go into texts. */
#define PG_BLOCK_ROWS   512
#define PG_MORE_ROWS    2048
#define PG_BLOCK_BYTES  1048576
#define PG_BLOCK_GROUPS 2560

/* What a row is. */
enum pg_what {
    PG_ROW,   /* a record or a change */
    PG_GROUP, /* grp, id */
    PG_STORE, /* grp: groups; seq: revision */
    PG_LOG,   /* grp: records, or of changes the oldest revision */
};

enum pg_column {
    PG_WHAT,
    PG_GRP,
    PG_SEQ,
    PG_ID,
    PG_VALUE,
    PG_REVISION, /* of changes only, as all below */
    PG_TIME_MS,
    PG_KIND,
    PG_NOW_GRP,
    PG_NOW_SEQ,
};

/* By enum need_kind; and behind them those of RECORDS and of GROUP for the blocks after the
 * first. Parameters: RECORDS: group, sequence, last group; GROUP: id, sequence; IDS: an array
 * of ids; CHANGES: revision, id of a group. */
enum { PG_MORE_RECORDS = NEED_CHANGES + 1, PG_MORE_GROUP, PG_READS };

extern const struct pg_statement pg_reads[PG_READS];

#endif
