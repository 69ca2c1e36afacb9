/* Batches into transactions, one after the other: those that wait go into the next one
 * together, which is one round trip.
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

#include "pg_store.h"
#include "pg_values.h"

/* When a transaction is large enough. */
#define RECORDS_MAX ((size_t)16384)
#define BYTES_MAX   ((size_t)16 << 20)

#define PART_MAX 4096
#define PART_IDS (2 * PART_MAX) /* a power of two */
#define PARAMS   4

enum { LOCK, WRITE, PRUNE, NOTIFY, NSTATEMENTS };

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

static const struct pg_statement statements[NSTATEMENTS] = {
    [LOCK] = { "lock", "SELECT revision FROM store FOR UPDATE" },
    [WRITE] = { "write", write_part },
    [PRUNE] = { "prune", "DELETE FROM changes"
                         " WHERE revision <= (SELECT revision FROM store) - $1::bigint" },
    [NOTIFY] = { "notify", "NOTIFY " PG_CHANNEL },
};

/* --- A transaction ------------------------------------------------------------------ */

enum { DELETES, OWNERS, IDS, VALUES };

struct part {
    struct buf *arrays[PARAMS];
    struct pg_param params[PARAMS];
    size_t n;
};

struct pg_transaction {
    struct pg_request request;
    struct pg_store *s;
    struct write_batch *batches; /* that are in it */
    struct write_batch *at;      /* whose results come next, from this record on */
    size_t at_record;
    size_t records, bytes;
    struct pg_bigint keep;
    struct pg_param keep_param;
    struct part *parts;
    size_t nparts, parts_cap;
    struct pg_step *steps;
    struct bytes seen[PART_IDS]; /* ids of the last part; data NULL: free */
};

static void free_transaction(struct pg_transaction *t)
{
    for (size_t i = 0; i < t->nparts; i++)
        for (size_t k = 0; k < PARAMS; k++)
            buf_unref(t->parts[i].arrays[k]);
    free(t->parts);
    free(t->steps);
    free(t);
}

static bool add_part(struct pg_transaction *t)
{
    if (t->nparts == t->parts_cap) {
        const size_t cap = t->parts_cap == 0 ? 4 : 2 * t->parts_cap;
        struct part *parts = realloc(t->parts, cap * sizeof *parts);
        if (parts == NULL)
            return false;
        t->parts = parts;
        t->parts_cap = cap;
    }
    struct part *p = &t->parts[t->nparts++];
    *p = (struct part){ 0 };
    memset(t->seen, 0, sizeof t->seen);
    for (unsigned k = 0; k < PARAMS; k++)
        p->arrays[k] = pg_array_new(k == DELETES ? PG_ARRAY_BOOL : PG_ARRAY_BYTEA);
    for (unsigned k = 0; k < PARAMS; k++)
        if (p->arrays[k] == NULL)
            return false;
    return true;
}

/* Whether the last part has the id already; it has it from now on. */
static bool see(struct pg_transaction *t, struct bytes id)
{
    size_t i = XXH3_64bits(id.data, id.len) % PART_IDS;
    while (t->seen[i].data != NULL && !bytes_equal(t->seen[i], id))
        i = (i + 1) % PART_IDS;
    const bool known = t->seen[i].data != NULL;
    t->seen[i] = id;
    return known;
}

static bool add_record(struct pg_transaction *t, const struct write_record *r)
{
    const uint8_t deletes = r->op == WRITE_DELETE;
    const struct bytes nothing = { 0 };
    if (t->nparts == 0 || t->parts[t->nparts - 1].n == PART_MAX || see(t, r->id)) {
        if (!add_part(t))
            return false;
        see(t, r->id);
    }
    struct part *p = &t->parts[t->nparts - 1];
    p->n++;
    t->records++;
    t->bytes += r->value.len;
    return pg_array_add(p->arrays[DELETES], bytes_of(&deletes, 1)) &&
           pg_array_add(p->arrays[OWNERS], deletes ? nothing : r->group) &&
           pg_array_add(p->arrays[IDS], r->id) &&
           pg_array_add(p->arrays[VALUES], deletes ? nothing : r->value);
}

static bool make_steps(struct pg_transaction *t)
{
    const size_t n = t->nparts + 3;
    t->steps = calloc(n, sizeof *t->steps);
    if (t->steps == NULL)
        return false;
    t->steps[0].statement = &statements[LOCK];
    for (size_t i = 0; i < t->nparts; i++) {
        struct part *p = &t->parts[i];
        for (size_t k = 0; k < PARAMS; k++)
            p->params[k] = pg_array_param(p->arrays[k], p->n);
        t->steps[i + 1] = (struct pg_step){ .statement = &statements[WRITE], p->params, PARAMS };
    }
    t->keep_param = pg_bigint_param(&t->keep, t->s->keep_changes);
    t->steps[n - 2] = (struct pg_step){ &statements[PRUNE], &t->keep_param, 1 };
    t->steps[n - 1].statement = &statements[NOTIFY];
    t->request.steps = t->steps;
    t->request.nsteps = (unsigned)n;
    return true;
}

/* --- Its end ------------------------------------------------------------------------ */

static void on_answered(struct loop *loop, void *arg)
{
    struct write_batch *b = arg;
    loop_release(loop);
    b->done(b);
}

/* The batch is its loop's again when this returns. */
static void answer(struct write_batch *b, const struct pg_error *error)
{
    b->error[0] = '\0';
    b->full = error != NULL && error->trouble == PG_FULL;
    b->unavailable = error != NULL && error->trouble == PG_AGAIN;
    if (error != NULL)
        store_fail(b->error, "%s%s", error->line,
                   error->unknown ? "; it may have been written all the same" : "");
    b->next = NULL;
    loop_post_with(b->loop, &b->answer, on_answered, b);
}

static void answer_all(struct write_batch *b, const struct pg_error *error)
{
    while (b != NULL) {
        struct write_batch *next = b->next;
        answer(b, error);
        b = next;
    }
}

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

static void go_on(struct pg_store *s);

static void on_done(struct pg_request *r, const struct pg_error *error)
{
    struct pg_transaction *t = container_of(r, struct pg_transaction, request);
    struct pg_store *s = t->s;
    answer_all(t->batches, error);
    free_transaction(t);
    s->writer.now = NULL;
    pg_feed_look(s);
    go_on(s);
}

/* --- What waits --------------------------------------------------------------------- */

static bool is_sound(const struct write_batch *b)
{
    for (size_t i = 0; i < b->nrecords; i++) {
        const struct write_record *r = &b->records[i];
        if (r->id.len == 0 || r->id.len > STORE_ID_MAX || r->group.len > STORE_ID_MAX)
            return false;
    }
    return true;
}

static struct write_batch *take(struct pg_writer *w)
{
    struct write_batch *b = w->first;
    w->first = b->next;
    if (w->first == NULL)
        w->last = &w->first;
    b->next = NULL;
    return b;
}

static bool add_batch(struct pg_transaction *t, const struct write_batch *b)
{
    for (size_t i = 0; i < b->nrecords; i++)
        if (!add_record(t, &b->records[i]))
            return false;
    return true;
}

/* What waits, until it is enough. false: out of memory. */
static bool fill(struct pg_transaction *t, struct pg_writer *w)
{
    struct write_batch **end = &t->batches;
    bool fits = true;
    while (fits && w->first != NULL && t->records < RECORDS_MAX && t->bytes < BYTES_MAX) {
        *end = take(w);
        fits = add_batch(t, *end);
        end = &(*end)->next;
    }
    t->at = t->batches;
    return fits && make_steps(t);
}

static void fail_memory(struct pg_store *s, struct write_batch *batches)
{
    struct pg_error why = { .trouble = PG_OTHER };
    snprintf(why.line, sizeof why.line, "cannot write to the database %s: out of memory",
             s->target->name);
    answer_all(batches, &why);
}

static void begin(struct pg_store *s)
{
    struct pg_transaction *t = calloc(1, sizeof *t);
    if (t == NULL) {
        fail_memory(s, take(&s->writer));
        return;
    }
    t->s = s;
    t->request =
        (struct pg_request){ .begin = "BEGIN", .commits = true, .rows = on_rows, .done = on_done };
    if (!fill(t, &s->writer)) {
        fail_memory(s, t->batches);
        free_transaction(t);
        return;
    }
    s->writer.now = t;
    pg_pool_submit(s->writer.pool, &t->request);
}

static void go_on(struct pg_store *s)
{
    struct pg_writer *w = &s->writer;
    while (w->now == NULL && w->first != NULL)
        begin(s);
    if (w->now == NULL && w->stopping)
        pg_store_writer_ended(s);
}

static void refuse(struct pg_store *s, struct write_batch *b)
{
    struct pg_error why = { .trouble = PG_OTHER };
    snprintf(why.line, sizeof why.line,
             "cannot write to the database %s: an id is empty, or longer than %d bytes",
             s->target->name, STORE_ID_MAX);
    answer(b, &why);
}

static void on_batch(struct loop *loop, void *arg)
{
    struct write_batch *b = arg;
    struct pg_store *s = b->of_engine;
    (void)loop;
    if (!is_sound(b)) {
        refuse(s, b);
        return;
    }
    *s->writer.last = b;
    s->writer.last = &b->next;
    go_on(s);
}

void pg_write(struct store *store, struct write_batch *batch)
{
    struct pg_store *s = pg_store_of(store);
    loop_hold(batch->loop); /* it must not stop before it can call done */
    batch->next = NULL;
    batch->of_engine = s;
    loop_post_with(s->loop, &batch->answer, on_batch, batch);
}

void pg_writer_end(struct pg_store *s)
{
    s->writer.stopping = true;
    go_on(s);
}

int pg_writer_start(struct pg_store *s)
{
    struct pg_pool_options o = pg_store_pool(s);
    o.each.statements = statements;
    o.each.nstatements = NSTATEMENTS;
    s->writer.last = &s->writer.first;
    return pg_pool_new(&s->writer.pool, s->loop, &o);
}
