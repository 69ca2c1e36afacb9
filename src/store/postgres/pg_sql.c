#include "pg_sql.h"

#define TEXT_OF(n) #n
#define TEXT(n)    TEXT_OF(n)

/* clang-format off */

#define STORE "SELECT next_ordinal, records, revision, store_id FROM store"

/* The row comparison and the limit have the planner walk through the index, in its order,
 * whatever it believes of a group's size. */
#define IN_ORDER(group, sequence, last)                                         \
    "SELECT grp, seq, value FROM records"                                       \
    " WHERE (grp, seq) > (" group ", " sequence ") AND grp <= " last            \
    " ORDER BY grp, seq LIMIT " TEXT(PG_BLOCK_ROWS)

#define RECORDS_ORDERED IN_ORDER("$1::bigint", "$2::bigint", "$3::bigint")

#define IF_SMALL                                                                \
    "CASE WHEN octet_length(value) <= " TEXT(PG_SMALL_VALUE) " THEN value END AS value"

#define RECORDS                                                                 \
    "SELECT grp, seq, " IF_SMALL " FROM (" RECORDS_ORDERED ") AS a"             \
    " ORDER BY grp, seq LIMIT $4::bigint"

/* The bytes of the rows before: with those a block is not large enough yet. */
#define BEFORE "sum(octet_length(value)) OVER (ROWS UNBOUNDED PRECEDING) - octet_length(value)"

#define LARGE                                                                   \
    "SELECT grp, seq, value FROM (SELECT grp, seq, value, " BEFORE " AS before" \
    " FROM (" RECORDS_ORDERED ") AS a LIMIT $4::bigint) AS b"                   \
    " WHERE before < " TEXT(PG_BLOCK_BYTES) " ORDER BY grp, seq"

#define GROUPS                                                                  \
    "SELECT ordinal, id FROM groups WHERE ordinal >= $1::bigint"                \
    " ORDER BY ordinal LIMIT $2::bigint"

#define BATCH                                                                   \
    "SELECT g.ordinal, r.seq, r.value, n.element FROM ("                        \
    "  SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[])"           \
    "   WITH ORDINALITY AS t(id, after, most, element) ORDER BY element) AS n"  \
    " CROSS JOIN LATERAL ("                                                     \
    "  SELECT ordinal FROM groups AS a WHERE a.id = n.id LIMIT 1) AS g"         \
    " LEFT JOIN LATERAL ("                                                      \
    "  SELECT seq, " IF_SMALL " FROM ("                                         \
       IN_ORDER("g.ordinal", "n.after", "g.ordinal") ") AS a"                   \
    "  ORDER BY grp, seq LIMIT n.most) AS r ON true"                            \
    " ORDER BY n.element LIMIT $4::bigint"

#define IDS                                                                     \
    "SELECT grp, seq, value, id FROM (SELECT *, coalesce(" BEFORE ", 0) AS before FROM (" \
    "  SELECT n.id, n.element, r.grp, r.seq, r.value FROM ("                    \
    "   SELECT * FROM unnest($1::bytea[]) WITH ORDINALITY AS t(id, element)"    \
    "    ORDER BY element) AS n"                                                \
    "   LEFT JOIN LATERAL ("                                                    \
    "    SELECT grp, seq, value FROM records AS a WHERE a.id = n.id LIMIT 1) AS r ON true" \
    "   ORDER BY n.element) AS a) AS b"                                         \
    " WHERE before < " TEXT(PG_IDS_BYTES) " ORDER BY element"

/* What a change has put is there if the record has not changed since. */
#define PUT_BYTES "CASE WHEN r.revision = c.revision THEN octet_length(r.value) ELSE 0 END"

#define CHANGES                                                                 \
    "WITH block AS MATERIALIZED (SELECT * FROM ("                               \
    " SELECT c.*, r.grp AS now_grp, r.seq AS now_seq,"                          \
    "  CASE WHEN r.revision = c.revision THEN r.value END AS value, "           \
    "  sum(" PUT_BYTES ") OVER (ORDER BY c.revision) - " PUT_BYTES " AS before" \
    " FROM (SELECT * FROM changes WHERE revision > $1::bigint"                  \
    "  ORDER BY revision LIMIT " TEXT(PG_CHANGES_ROWS) ") AS c"                 \
    " LEFT JOIN records AS r ON r.id = c.id) AS b"                              \
    " WHERE before < " TEXT(PG_CHANGES_BYTES)                                   \
    ") SELECT 0, grp, seq, id, value, revision, time_ms, kind, now_grp, now_seq FROM block" \
    " UNION ALL SELECT 1, ordinal, 0, id, NULL, 0, 0, 0, 0, 0 FROM groups"      \
    "  WHERE ordinal = ANY(ARRAY(SELECT DISTINCT grp FROM block))"              \
    " UNION ALL SELECT 1, ordinal, 0, id, NULL, 0, 0, 0, 0, 0 FROM groups WHERE id = $2::bytea" \
    " UNION ALL SELECT 2, next_ordinal, revision, NULL, NULL, 0, 0, 0, 0, 0 FROM store" \
    " UNION ALL SELECT 3, (SELECT min(revision) FROM changes), 0, NULL, NULL, 0, 0, 0, 0, 0" \
    " ORDER BY 1, 6, 2"
/* clang-format on */

const struct pg_statement pg_reads[PG_READS] = {
    [PG_READ_STORE] = { "store", STORE },       [PG_READ_RECORDS] = { "records", RECORDS },
    [PG_READ_LARGE] = { "large", LARGE },       [PG_READ_GROUPS] = { "groups", GROUPS },
    [PG_READ_BATCH] = { "batch", BATCH },       [PG_READ_IDS] = { "ids", IDS },
    [PG_READ_CHANGES] = { "changes", CHANGES },
};
