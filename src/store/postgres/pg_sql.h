/* The statements of reading. One statement sees one state of the database; where a need has
 * several, a later one sees what an earlier one saw, or more. */
#ifndef PG_SQL_H
#define PG_SQL_H

#include "pg_request.h"
#include "store/store.h"

/* A block of records ends with the row that makes it so large, and has no more rows. Digits,
 * for they go into texts. */
#define PG_BLOCK_ROWS  2048
#define PG_BLOCK_BYTES 262144

/* Values up to this size come with the rows whose number alone is limited. Larger ones come
 * by PG_READ_LARGE, which adds up their sizes: that takes twice as long. */
#define PG_SMALL_VALUE 2048

#define PG_CHANGES_ROWS  512
#define PG_CHANGES_BYTES 1048576
#define PG_IDS_BYTES     1048576

enum pg_read {
    PG_READ_STORE,   /* no parameters. Groups, records, the last revision, the store's id */
    PG_READ_RECORDS, /* group, sequence, last group, rows at most. A value that is not small: NULL
                      */
    PG_READ_LARGE,   /* the same, and it ends with the row that makes a block large enough */
    PG_READ_GROUPS,  /* the first ordinal, how many */
    PG_READ_BATCH,   /* arrays of groups' ids, sequences, rows at most; rows in all. As RECORDS, for
                        each; a group that has none after its sequence has a row without one */
    PG_READ_IDS,     /* an array of ids. A row for each, in their order; without a place if there is
                        no such record. It ends with the row that makes it so large */
    PG_READ_CHANGES, /* revision, id of a group */
    PG_READS,
};

/* Columns of RECORDS and LARGE; of BATCH, with the number of the array's element, from 1; of
 * IDS with the id. */
enum { PG_GRP, PG_SEQ, PG_VALUE, PG_ELEMENT, PG_ID = PG_ELEMENT };

/* Columns of CHANGES, and what a row of it is. */
enum pg_change_column {
    PG_CHANGE_WHAT,
    PG_CHANGE_GRP,
    PG_CHANGE_SEQ,
    PG_CHANGE_ID,
    PG_CHANGE_VALUE,
    PG_CHANGE_REVISION,
    PG_CHANGE_TIME_MS,
    PG_CHANGE_KIND,
    PG_CHANGE_NOW_GRP,
    PG_CHANGE_NOW_SEQ,
};

enum pg_what {
    PG_CHANGE, /* a change */
    PG_GROUP,  /* grp, id */
    PG_STORE,  /* grp: groups; seq: revision */
    PG_LOG,    /* grp: the oldest revision */
};

extern const struct pg_statement pg_reads[PG_READS];

#endif
