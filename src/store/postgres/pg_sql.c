#include "pg_sql.h"

#define TEXT_OF(n) #n
#define TEXT(n)    TEXT_OF(n)

/* clang-format off */

/* Of rows in an order, with the bytes of each: those before the block is large enough. */
#define BYTES_BEFORE(bytes, order) "sum(" bytes ") OVER (ORDER BY " order ") - " bytes " AS before"
#define IN_BLOCK                   " WHERE before < " TEXT(PG_BLOCK_BYTES)

#define OF_STORE                                                            \
    " UNION ALL SELECT 2, next_ordinal, revision, NULL, NULL FROM store"    \
    " UNION ALL SELECT 3, records, 0, NULL, NULL FROM store ORDER BY 1, 2, 3"

#define RECORDS_OF(which, order, most)                                      \
    "SELECT grp, seq, value FROM ("                                         \
    " SELECT grp, seq, value, " BYTES_BEFORE("octet_length(value)", order)  \
    " FROM (SELECT grp, seq, value FROM records WHERE " which               \
    "  ORDER BY " order " LIMIT " TEXT(most) ") AS a) AS b" IN_BLOCK

#define RECORDS(most)                                                       \
    "WITH block AS MATERIALIZED ("                                          \
    RECORDS_OF("(grp, seq) > ($1::bigint, $2::bigint) AND grp <= $3::bigint", "grp, seq", most) \
    ") SELECT 0, grp, seq, NULL::bytea, value FROM block"                   \
    " UNION ALL SELECT 1, ordinal, 0, id, NULL FROM ("                      \
    "  SELECT ordinal, id FROM groups WHERE ordinal"                        \
    "   BETWEEN (SELECT min(grp) FROM block)"                               \
    "   AND (SELECT max(grp) FROM block) + " TEXT(NEED_GROUPS_AHEAD)        \
    "  ORDER BY ordinal LIMIT " TEXT(PG_BLOCK_GROUPS) ") AS g" OF_STORE

#define GROUP(most)                                                         \
    "WITH g AS MATERIALIZED (SELECT ordinal, id FROM groups WHERE id = $1::bytea)," \
    " block AS MATERIALIZED ("                                              \
    RECORDS_OF("grp = (SELECT ordinal FROM g) AND seq > $2::bigint", "seq", most) \
    ") SELECT 0, grp, seq, NULL::bytea, value FROM block"                   \
    " UNION ALL SELECT 1, ordinal, 0, id, NULL FROM g" OF_STORE

#define IDS                                                                 \
    "SELECT 0, grp, seq, id, value FROM records WHERE id = ANY($1::bytea[]) ORDER BY 4"

/* What a change has put is there if the record has not changed since. */
#define PUT_BYTES "CASE WHEN r.revision = c.revision THEN octet_length(r.value) ELSE 0 END"

#define CHANGES                                                             \
    "WITH block AS MATERIALIZED (SELECT * FROM ("                           \
    " SELECT c.*, r.grp AS now_grp, r.seq AS now_seq,"                      \
    "  CASE WHEN r.revision = c.revision THEN r.value END AS value, "       \
    BYTES_BEFORE(PUT_BYTES, "c.revision")                                   \
    " FROM (SELECT * FROM changes WHERE revision > $1::bigint"              \
    "  ORDER BY revision LIMIT " TEXT(PG_BLOCK_ROWS) ") AS c"               \
    " LEFT JOIN records AS r ON r.id = c.id) AS b" IN_BLOCK                 \
    ") SELECT 0, grp, seq, id, value, revision, time_ms, kind, now_grp, now_seq FROM block" \
    " UNION ALL SELECT 1, ordinal, 0, id, NULL, 0, 0, 0, 0, 0 FROM groups"  \
    "  WHERE ordinal = ANY(ARRAY(SELECT DISTINCT grp FROM block))"          \
    " UNION ALL SELECT 1, ordinal, 0, id, NULL, 0, 0, 0, 0, 0 FROM groups WHERE id = $2::bytea" \
    " UNION ALL SELECT 2, next_ordinal, revision, NULL, NULL, 0, 0, 0, 0, 0 FROM store" \
    " UNION ALL SELECT 3, (SELECT min(revision) FROM changes), 0, NULL, NULL, 0, 0, 0, 0, 0" \
    " ORDER BY 1, 6, 2"
/* clang-format on */

const struct pg_statement pg_reads[PG_READS] = {
    [NEED_RECORDS] = { "records", RECORDS(PG_BLOCK_ROWS) },
    [NEED_GROUP] = { "group", GROUP(PG_BLOCK_ROWS) },
    [NEED_IDS] = { "ids", IDS },
    [NEED_CHANGES] = { "changes", CHANGES },
    [PG_MORE_RECORDS] = { "more_records", RECORDS(PG_MORE_ROWS) },
    [PG_MORE_GROUP] = { "more_group", GROUP(PG_MORE_ROWS) },
};
