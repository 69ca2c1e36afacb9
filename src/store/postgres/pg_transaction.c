/* What a transaction sends, and what became of each record.
 *
 * The row of `store` is locked first, by a statement of its own: what comes behind it sees
 * what was committed before, by this server and others. Records go in parts, of each of
 * which a single statement does all: finds what is there, numbers what is new in the order
 * of the batch, writes, logs, counts, and says what became of each. It sees what was
 * there before it, so an id comes once in a part; where one comes again, the next part
 * begins.
 *
 * Its plan must not hang on what the database believes of its tables, which are empty at
 * first: LATERAL with a limit, and arrays, leave it nothing but the indexes. */
#include <stdlib.h>
#include <xxhash.h>

#include "pg_transaction.h"

enum { LOCK, WRITE, PRUNE, NOTIFY };

/* Results are those of enum write_result, kinds of enum change_kind. */
/* clang-format off */
static const char write_part[] =
    "WITH given AS MATERIALIZED ("
    " SELECT * FROM unnest($1::boolean[], $2::bytea[], $3::bytea[], $4::bytea[])"
    "  WITH ORDINALITY AS t(deletes, owner, id, value, place)"
    "), judged AS MATERIALIZED ("
    " SELECT i.*, r.grp, r.seq, g.ordinal, CASE"
    "   WHEN i.deletes THEN CASE WHEN r.id IS NULL THEN 5 ELSE 4 END"
    "   WHEN r.id IS NULL THEN 0"
    "   WHEN g.ordinal IS DISTINCT FROM r.grp THEN 3"
    "   WHEN r.value = i.value THEN 2 ELSE 1 END AS result"
    " FROM given AS i"
    "  LEFT JOIN LATERAL (SELECT * FROM records AS a WHERE a.id = i.id LIMIT 1) AS r ON true"
    "  LEFT JOIN LATERAL (SELECT * FROM groups AS a WHERE a.id = i.owner LIMIT 1) AS g ON true"
    "), born AS MATERIALIZED ("
    " SELECT owner, (SELECT next_ordinal FROM store) - 1 +"
    "   row_number() OVER (ORDER BY min(place)) AS ordinal"
    " FROM judged WHERE result = 0 AND ordinal IS NULL GROUP BY owner"
    "), numbered AS MATERIALIZED ("
    " SELECT j.place, j.id, j.value, j.result,"
    "  coalesce(j.grp, j.ordinal, b.ordinal) AS grp,"
    "  coalesce(j.seq, (SELECT next_sequence FROM store) - 1 +"
    "   count(*) FILTER (WHERE j.result = 0) OVER (ORDER BY j.place)) AS seq,"
    "  (SELECT revision FROM store) +"
    "   count(*) FILTER (WHERE j.result IN (0, 1, 4)) OVER (ORDER BY j.place) AS revision"
    " FROM judged AS j LEFT JOIN born AS b ON j.result = 0 AND b.owner = j.owner"
    "), bear AS ("
    " INSERT INTO groups (ordinal, id) SELECT ordinal, owner FROM born"
    "), add AS ("
    " INSERT INTO records (grp, seq, id, revision, value)"
    " SELECT grp, seq, id, revision, value FROM numbered WHERE result = 0"
    "), change AS ("
    " UPDATE records AS r SET revision = n.revision, value = n.value FROM numbered AS n"
    " WHERE n.result = 1 AND r.id = n.id"
    "  AND r.id = ANY(ARRAY(SELECT id FROM numbered WHERE result = 1))"
    "), remove AS ("
    " DELETE FROM records WHERE id = ANY(ARRAY(SELECT id FROM numbered WHERE result = 4))"
    "), log AS ("
    " INSERT INTO changes (revision, kind, grp, seq, id, time_ms)"
    " SELECT revision, CASE WHEN result = 4 THEN 1 ELSE 0 END, grp, seq, id,"
    "  (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    " FROM numbered WHERE result IN (0, 1, 4)"
    "), tally AS ("
    " UPDATE store AS s SET revision = s.revision + c.changed,"
    "  next_sequence = s.next_sequence + c.added,"
    "  next_ordinal = s.next_ordinal + (SELECT count(*) FROM born),"
    "  records = s.records + c.added - c.removed"
    " FROM (SELECT count(*) FILTER (WHERE result IN (0, 1, 4)) AS changed,"
    "   count(*) FILTER (WHERE result = 0) AS added,"
    "   count(*) FILTER (WHERE result = 4) AS removed FROM numbered) AS c WHERE c.changed > 0"
    ") SELECT result FROM numbered ORDER BY place";
/* clang-format on */

const struct pg_statement pg_writes[PG_WRITES] = {
    [LOCK] = { "lock", "SELECT revision FROM store FOR UPDATE" },
    [WRITE] = { "write", write_part },
    [PRUNE] = { "prune", "DELETE FROM changes"
                         " WHERE revision <= (SELECT revision FROM store) - $1::bigint" },
    [NOTIFY] = { "notify", "NOTIFY " PG_CHANNEL },
};

/* --- What is told of it -------------------------------------------------------------- */

/* Records come in the order in which they went into the parts. */
static void on_rows(struct pg_request *r, unsigned step, const PGresult *rows)
{
    struct pg_transaction *t = container_of(r, struct pg_transaction, request);
    if (step == 0 || step > t->nparts)
        return;
    for (int i = 0; i < PQntuples(rows); i++) {
        while (t->at != NULL && t->at_record == t->at->nrecords) {
            t->at = t->at->next;
            t->at_record = 0;
        }
        if (t->at == NULL)
            return;
        t->at->records[t->at_record++].result = (enum write_result)pg_number_at(rows, i, 0);
    }
}

/* Nothing of it was done. */
static void on_again(struct pg_request *r)
{
    struct pg_transaction *t = container_of(r, struct pg_transaction, request);
    t->at = t->batches;
    t->at_record = 0;
}

/* --- What it sends ------------------------------------------------------------------ */

struct pg_transaction *pg_transaction_new(struct pg_store *s)
{
    struct pg_transaction *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->s = s;
    t->request = (struct pg_request){ .begin = "BEGIN ISOLATION LEVEL READ COMMITTED",
                                      .commits = true,
                                      .rows = on_rows,
                                      .again = on_again };
    return t;
}

void pg_transaction_free(struct pg_transaction *t)
{
    for (size_t i = 0; i < t->nparts; i++)
        for (size_t k = 0; k < PG_PART_ARRAYS; k++)
            buf_unref(t->parts[i].arrays[k]);
    free(t->parts);
    free(t->steps);
    free(t);
}

static bool add_part(struct pg_transaction *t)
{
    if (t->nparts == t->parts_cap) {
        const size_t cap = t->parts_cap == 0 ? 4 : 2 * t->parts_cap;
        struct pg_part *parts = realloc(t->parts, cap * sizeof *parts);
        if (parts == NULL)
            return false;
        t->parts = parts;
        t->parts_cap = cap;
    }
    struct pg_part *p = &t->parts[t->nparts++];
    *p = (struct pg_part){ 0 };
    memset(t->seen, 0, sizeof t->seen);
    for (unsigned k = 0; k < PG_PART_ARRAYS; k++)
        p->arrays[k] = pg_array_new(k == PG_DELETES ? PG_ARRAY_BOOL : PG_ARRAY_BYTEA);
    for (unsigned k = 0; k < PG_PART_ARRAYS; k++)
        if (p->arrays[k] == NULL)
            return false;
    return true;
}

/* Whether the last part has the id already; it has it from now on. */
static bool see(struct pg_transaction *t, struct bytes id)
{
    size_t i = XXH3_64bits(id.data, id.len) % PG_PART_IDS;
    while (t->seen[i].data != NULL && !bytes_equal(t->seen[i], id))
        i = (i + 1) % PG_PART_IDS;
    const bool known = t->seen[i].data != NULL;
    t->seen[i] = id;
    return known;
}

static bool add_record(struct pg_transaction *t, const struct write_record *r)
{
    const uint8_t deletes = r->op == WRITE_DELETE;
    const struct bytes nothing = { 0 };
    if (t->nparts == 0 || t->parts[t->nparts - 1].n == PG_PART_MAX || see(t, r->id)) {
        if (!add_part(t))
            return false;
        see(t, r->id);
    }
    struct pg_part *p = &t->parts[t->nparts - 1];
    p->n++;
    t->records++;
    t->bytes += r->value.len;
    return pg_array_add(p->arrays[PG_DELETES], bytes_of(&deletes, 1)) &&
           pg_array_add(p->arrays[PG_OWNERS], deletes ? nothing : r->group) &&
           pg_array_add(p->arrays[PG_IDS], r->id) &&
           pg_array_add(p->arrays[PG_VALUES], deletes ? nothing : r->value);
}

bool pg_transaction_add(struct pg_transaction *t, const struct write_batch *b)
{
    for (size_t i = 0; i < b->nrecords; i++)
        if (!add_record(t, &b->records[i]))
            return false;
    return true;
}

bool pg_transaction_close(struct pg_transaction *t)
{
    t->at = t->batches;
    const size_t n = t->nparts + 3;
    t->steps = calloc(n, sizeof *t->steps);
    if (t->steps == NULL)
        return false;
    t->steps[0].statement = &pg_writes[LOCK];
    for (size_t i = 0; i < t->nparts; i++) {
        struct pg_part *p = &t->parts[i];
        for (size_t k = 0; k < PG_PART_ARRAYS; k++)
            p->params[k] = pg_array_param(p->arrays[k], p->n);
        t->steps[i + 1] =
            (struct pg_step){ .statement = &pg_writes[WRITE], p->params, PG_PART_ARRAYS };
    }
    t->keep_param = pg_bigint_param(&t->keep, t->s->keep_changes);
    t->steps[n - 2] = (struct pg_step){ &pg_writes[PRUNE], &t->keep_param, 1 };
    t->steps[n - 1].statement = &pg_writes[NOTIFY];
    t->request.steps = t->steps;
    t->request.nsteps = (unsigned)n;
    return true;
}
