/* Steps, and what they need. What is needed is fetched whole, as a block; in a step there is
 * nothing but blocks to read. One is used up once its end was read, or once a step was done
 * with it that did not stop within: it is of one moment, and who asks later wants news.
 *
 * Who reads on has the next block asked for while one is read: two blocks, however slow
 * the reader is. Who reads the first one only, as pages are, has none asked for in vain
 * before half of it was read. */
#include <stdlib.h>

#include "pg_block.h"
#include "pg_sql.h"

#define CONNECTIONS 2

struct pg_fetch;

struct pg_reader {
    struct reader reader;
    struct pg_store *store;
    struct loop *loop;
    struct pg_pool *pool;
    bool stepping;
    struct pg_fetch *now;  /* what the step reads; NULL: nothing */
    struct pg_fetch *gone; /* dropped in this step, which may still have bytes of it */
    char error[STORE_ERROR_MAX];
    bool unavailable;
};

/* What is fetched, or was, for one need. */
struct pg_fetch {
    struct pg_reader *r;
    struct store_fetch *fetch;
    struct pg_fetch *next_gone;
    enum need_kind kind;
    struct position after; /* of need; what was read moves it */
    uint64_t revision;     /* the same of changes */
    uint32_t last_group;
    size_t most; /* rows of its block */
    uint8_t group[STORE_ID_MAX];
    size_t group_len;
    bool there, failed, used_up;
    bool touched, stopped; /* in this step: something was read; a visitor stopped */
    bool goes_on;          /* it is not the first block */
    bool is_ahead;         /* it is the next of another, and nobody waits for it */
    struct pg_fetch *next; /* what comes after, asked for already */
    size_t at;             /* of rows: the next */
    struct pg_block block;
    struct pg_error error;

    struct pg_request request;
    struct pg_step step;
    struct pg_param params[3];
    struct pg_bigint numbers[3];
    struct buf *ids; /* of NEED_IDS, as it is sent */
};

static struct pg_reader *reader_of(struct reader *reader)
{
    return container_of(reader, struct pg_reader, reader);
}

static int fail_memory(struct pg_reader *r)
{
    r->unavailable = false;
    return store_fail(r->error, "cannot read the database %s: out of memory",
                      r->store->target->name);
}

/* --- Fetching ----------------------------------------------------------------------- */

static void free_one(struct pg_fetch *f)
{
    pg_request_cancel(&f->request);
    pg_block_free(&f->block);
    buf_unref(f->ids);
    free(f);
}

static void free_fetch(struct pg_fetch *f)
{
    if (f->next != NULL)
        free_one(f->next);
    free_one(f);
}

static void drop(struct pg_fetch *f)
{
    struct pg_reader *r = f->r;
    f->fetch->of_engine = NULL;
    pg_request_cancel(&f->request);
    if (f->next != NULL)
        pg_request_cancel(&f->next->request);
    if (r->now == f)
        r->now = NULL;
    if (!r->stepping) {
        free_fetch(f);
        return;
    }
    f->next_gone = r->gone;
    r->gone = f;
}

static void pg_fetch_drop(struct store_fetch *fetch)
{
    drop(fetch->of_engine);
}

static void on_rows(struct pg_request *request, unsigned step, const PGresult *rows)
{
    struct pg_fetch *f = container_of(request, struct pg_fetch, request);
    (void)step;
    if (pg_block_read(&f->block, f->kind, f->most, rows) == 0)
        return;
    f->failed = true;
    f->error = (struct pg_error){ .trouble = PG_OTHER };
    store_fail(f->error.line, "cannot read the database %s: out of memory",
               f->r->store->target->name);
}

/* A block is of one state of the database: the next server sends the whole of it. */
static void on_again(struct pg_request *request)
{
    struct pg_fetch *f = container_of(request, struct pg_fetch, request);
    pg_block_free(&f->block);
    f->failed = false;
}

static void on_done(struct pg_request *request, const struct pg_error *error)
{
    struct pg_fetch *f = container_of(request, struct pg_fetch, request);
    f->there = true;
    if (error != NULL) {
        f->failed = true;
        f->error = *error;
    }
    if (!f->is_ahead)
        f->fetch->ready(f->fetch);
}

static void add_number(struct pg_fetch *f, uint64_t n)
{
    const unsigned i = f->step.nparams++;
    f->params[i] = pg_bigint_param(&f->numbers[i], n);
}

static void add_bytes(struct pg_fetch *f, struct bytes b)
{
    f->params[f->step.nparams++] = pg_bytes_param(b);
}

static bool add_ids(struct pg_fetch *f, const struct store_need *need)
{
    f->ids = pg_array_new(PG_ARRAY_BYTEA);
    for (size_t i = 0; i < need->nids; i++)
        if (f->ids == NULL || !pg_array_add(f->ids, need->ids[i]))
            return false;
    if (f->ids == NULL)
        return false;
    f->params[f->step.nparams++] = pg_array_param(f->ids, need->nids);
    return true;
}

static bool set_params(struct pg_fetch *f, const struct store_need *need)
{
    switch (f->kind) {
    case NEED_RECORDS:
        add_number(f, f->after.group);
        add_number(f, f->after.sequence);
        add_number(f, f->last_group);
        return true;
    case NEED_GROUP:
        add_bytes(f, bytes_of(f->group, f->group_len));
        add_number(f, f->after.sequence);
        return true;
    case NEED_IDS:
        return add_ids(f, need);
    default:
        add_number(f, f->revision < INT64_MAX ? f->revision : INT64_MAX);
        add_bytes(f, bytes_of(f->group, f->group_len));
        return true;
    }
}

static void keep_need(struct pg_fetch *f, const struct store_need *need)
{
    f->kind = need->kind;
    f->after = need->after;
    f->last_group = need->last_group;
    f->revision = need->revision;
    f->group_len = need->group.len <= STORE_ID_MAX ? need->group.len : 0;
    if (f->group_len > 0)
        memcpy(f->group, need->group.data, f->group_len);
}

static const struct pg_statement *statement_of(const struct pg_fetch *f)
{
    if (f->most == PG_BLOCK_ROWS)
        return &pg_reads[f->kind];
    return &pg_reads[f->kind == NEED_RECORDS ? PG_MORE_RECORDS : PG_MORE_GROUP];
}

static bool is_listing(enum need_kind kind)
{
    return kind == NEED_RECORDS || kind == NEED_GROUP;
}

/* @goes_on: it is not the first block. NULL: out of memory. */
static struct pg_fetch *ask(struct pg_reader *r, struct store_fetch *fetch,
                            const struct store_need *need, bool goes_on)
{
    struct pg_fetch *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->r = r;
    f->fetch = fetch;
    f->goes_on = goes_on;
    f->most = goes_on && is_listing(need->kind) ? PG_MORE_ROWS : PG_BLOCK_ROWS;
    keep_need(f, need);
    if (!set_params(f, need)) {
        free_fetch(f);
        return NULL;
    }
    f->step.statement = statement_of(f);
    f->step.params = f->params;
    f->request = (struct pg_request){
        .steps = &f->step, .nsteps = 1, .rows = on_rows, .done = on_done, .again = on_again
    };
    pg_pool_submit(r->pool, &f->request);
    return f;
}

/* What comes after the block of @f, if there is anything. */
static void ask_ahead(struct pg_fetch *f)
{
    const struct pg_block *b = &f->block;
    if (f->next != NULL || b->whole || b->nrows == 0 || !is_listing(f->kind))
        return;
    const struct store_need need = { .kind = f->kind,
                                     .after = b->rows[b->nrows - 1].at,
                                     .last_group = f->last_group,
                                     .group = bytes_of(f->group, f->group_len) };
    f->next = ask(f->r, f->fetch, &need, true);
    if (f->next != NULL)
        f->next->is_ahead = true;
}

/* --- Needs -------------------------------------------------------------------------- */

/* Ids are needed by one question, until it has read them. */
static bool fits(const struct pg_fetch *f, const struct store_need *need)
{
    if (f->kind != need->kind)
        return false;
    switch (f->kind) {
    case NEED_RECORDS:
        return f->after.group == need->after.group && f->after.sequence == need->after.sequence &&
               f->last_group == need->last_group;
    case NEED_GROUP:
        return f->after.sequence == need->after.sequence &&
               bytes_equal(bytes_of(f->group, f->group_len), need->group);
    case NEED_IDS:
        return true;
    default:
        return f->revision == need->revision &&
               bytes_equal(bytes_of(f->group, f->group_len), need->group);
    }
}

/* The step is done with what it reads now. Ids are of one question, which may have none. */
static void leave(struct pg_reader *r)
{
    struct pg_fetch *f = r->now;
    r->now = NULL;
    if (f == NULL)
        return;
    if (f->kind == NEED_IDS || (f->touched && !f->stopped))
        f->used_up = true;
    f->touched = f->stopped = false;
}

static int fail(struct pg_reader *r, struct pg_fetch *f)
{
    r->unavailable = f->error.trouble == PG_AGAIN;
    store_fail(r->error, "%s", f->error.line);
    drop(f);
    return -1;
}

/* It failed while nobody wanted it. */
static bool is_in_vain(const struct pg_fetch *ahead)
{
    return ahead->there && ahead->failed;
}

/* What was asked for ahead takes the place of what is used up. */
static struct pg_fetch *turn_over(struct pg_fetch *f)
{
    struct store_fetch *fetch = f->fetch;
    struct pg_fetch *next = f->next;
    if (is_in_vain(next))
        return f;
    f->next = NULL;
    drop(f);
    next->is_ahead = false;
    fetch->of_engine = next;
    return next;
}

/* @before: what was fetched for it until now; NULL: nothing. */
static int ask_anew(struct pg_reader *r, struct store_fetch *fetch, struct pg_fetch *before,
                    const struct store_need *need)
{
    const bool goes_on = before != NULL && before->used_up && before->kind == need->kind;
    if (before != NULL)
        drop(before);
    struct pg_fetch *f = ask(r, fetch, need, goes_on);
    if (f == NULL)
        return fail_memory(r);
    fetch->of_engine = f;
    fetch->engine = r->reader.engine;
    return 0;
}

static int read_now(struct pg_reader *r, struct pg_fetch *f)
{
    r->now = f;
    if (f->goes_on)
        ask_ahead(f);
    return 1;
}

static int pg_need(struct reader *base, struct store_fetch *fetch, const struct store_need *need)
{
    struct pg_reader *r = reader_of(base);
    struct pg_fetch *f = fetch->of_engine;
    leave(r);
    if (f != NULL && f->used_up && f->next != NULL)
        f = turn_over(f);
    if (f != NULL && !f->there)
        return 0;
    if (f != NULL && f->failed)
        return fail(r, f);
    if (f != NULL && !f->used_up && fits(f, need))
        return read_now(r, f);
    return ask_anew(r, fetch, f, need);
}

/* --- Steps -------------------------------------------------------------------------- */

static int pg_begin(struct reader *base, char error[STORE_ERROR_MAX])
{
    struct pg_reader *r = reader_of(base);
    (void)error;
    r->stepping = true;
    r->unavailable = false;
    return 0;
}

static void pg_end(struct reader *base)
{
    struct pg_reader *r = reader_of(base);
    leave(r);
    r->stepping = false;
    while (r->gone != NULL) {
        struct pg_fetch *f = r->gone;
        r->gone = f->next_gone;
        free_fetch(f);
    }
}

static const char *pg_error(const struct reader *base)
{
    return container_of(base, struct pg_reader, reader)->error;
}

static bool pg_unavailable(const struct reader *base)
{
    return container_of(base, struct pg_reader, reader)->unavailable;
}

/* --- Reading ------------------------------------------------------------------------ */

static const struct pg_block nothing;

static const struct pg_block *block_of(struct reader *base)
{
    struct pg_fetch *f = reader_of(base)->now;
    if (f == NULL)
        return &nothing; /* what was needed is used up */
    f->touched = true;
    return &f->block;
}

static int pg_count(struct reader *base, uint64_t *ret)
{
    *ret = block_of(base)->count;
    return 1;
}

static int pg_groups(struct reader *base, uint64_t *ret)
{
    *ret = block_of(base)->total_groups;
    return 1;
}

static int pg_revision(struct reader *base, uint64_t *ret)
{
    *ret = block_of(base)->revision;
    return 1;
}

static int pg_get(struct reader *base, struct bytes id, struct bytes *ret_value)
{
    const struct pg_row *row = pg_block_find_id(block_of(base), id);
    if (row != NULL)
        *ret_value = row->value;
    return row != NULL;
}

static int pg_group(struct reader *base, struct bytes id, uint32_t *ret_ordinal)
{
    const struct pg_named *g = pg_block_find_group_id(block_of(base), id);
    if (g != NULL)
        *ret_ordinal = g->ordinal;
    return g != NULL;
}

static int pg_group_id(struct reader *base, uint32_t ordinal, struct bytes *ret_id)
{
    const struct pg_named *g = pg_block_find_group(block_of(base), ordinal);
    if (g != NULL)
        *ret_id = g->id;
    return g != NULL;
}

static int end_of(struct pg_fetch *f)
{
    f->used_up = true;
    return f->block.whole ? 0 : READER_MORE;
}

static int stop(struct pg_fetch *f)
{
    f->stopped = true;
    if (f->at * 2 >= f->block.nrows)
        ask_ahead(f);
    return 1;
}

static int pg_scan(struct reader *base, struct position *at, uint32_t last_group,
                   struct visit *visit)
{
    struct pg_fetch *f = reader_of(base)->now;
    (void)last_group; /* the need had it */
    if (block_of(base) == &nothing)
        return READER_MORE;
    for (; f->at < f->block.nrows; f->at++) {
        const struct pg_row *row = &f->block.rows[f->at];
        if (!visit->record(visit, row->at, row->value))
            return stop(f);
        *at = row->at;
        f->after = row->at;
    }
    return end_of(f);
}

/* Whether the log begins after what comes next. */
static bool has_expired(const struct pg_block *b, uint64_t revision)
{
    return b->revision > revision && (b->oldest == 0 || b->oldest > revision + 1);
}

static int pg_changes(struct reader *base, uint64_t *revision, struct change_visit *visit)
{
    struct pg_fetch *f = reader_of(base)->now;
    const struct pg_block *b = block_of(base);
    if (b == &nothing)
        return READER_MORE;
    if (f->at == 0 && has_expired(b, *revision))
        return READER_EXPIRED;
    for (; f->at < b->nrows; f->at++) {
        const struct pg_row *row = &b->rows[f->at];
        const struct change c = { .revision = row->revision,
                                  .kind = row->kind,
                                  .at = row->at,
                                  .id = row->id,
                                  .time_ms = row->time_ms };
        if (!visit->change(visit, &c))
            return stop(f);
        *revision = f->revision = row->revision;
    }
    return end_of(f);
}

/* Revisions have no gaps. */
static int pg_put_value(struct reader *base, const struct change *c, struct bytes *ret_value)
{
    const struct pg_block *b = block_of(base);
    const uint64_t i = b->nrows > 0 ? c->revision - b->rows[0].revision : 0;
    if (i >= b->nrows || b->rows[i].value.data == NULL)
        return 0;
    *ret_value = b->rows[i].value;
    return 1;
}

static int place_in(const struct pg_row *row, struct position *ret)
{
    if (row->is_there)
        *ret = row->now;
    return row->is_there;
}

/* Of changes, that of the one which is visited is asked for mostly. */
static int pg_place(struct reader *base, struct bytes id, struct position *ret)
{
    const struct pg_block *b = block_of(base);
    const struct pg_fetch *f = reader_of(base)->now;
    if (f != NULL && f->kind == NEED_IDS) {
        const struct pg_row *row = pg_block_find_id(b, id);
        if (row != NULL)
            *ret = row->at;
        return row != NULL;
    }
    if (f != NULL && f->at < b->nrows && bytes_equal(b->rows[f->at].id, id))
        return place_in(&b->rows[f->at], ret);
    for (size_t i = 0; i < b->nrows; i++)
        if (bytes_equal(b->rows[i].id, id))
            return place_in(&b->rows[i], ret);
    return 0;
}

/* --- Life --------------------------------------------------------------------------- */

static void pg_reader_free(struct reader *base)
{
    struct pg_reader *r = reader_of(base);
    pg_pool_free(r->pool);
    loop_stop(r->loop);
    loop_run(r->loop);
    free(r);
}

static const struct reader_engine pg_reader_engine = {
    .free = pg_reader_free,
    .begin = pg_begin,
    .end = pg_end,
    .error = pg_error,
    .unavailable = pg_unavailable,
    .need = pg_need,
    .fetch_drop = pg_fetch_drop,
    .count = pg_count,
    .groups = pg_groups,
    .get = pg_get,
    .place = pg_place,
    .group = pg_group,
    .group_id = pg_group_id,
    .scan = pg_scan,
    .revision = pg_revision,
    .changes = pg_changes,
    .put_value = pg_put_value,
};

int pg_reader_new(struct reader **ret, struct store *store, struct loop *loop,
                  char error[STORE_ERROR_MAX])
{
    struct pg_store *s = pg_store_of(store);
    struct pg_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return store_fail(error, "cannot read the database %s: out of memory", s->target->name);
    struct pg_pool_options o = pg_store_pool(s);
    o.each.statements = pg_reads;
    o.each.nstatements = PG_READS;
    o.connections = CONNECTIONS;
    r->reader.engine = &pg_reader_engine;
    r->store = s;
    r->loop = loop;
    if (pg_pool_new(&r->pool, loop, &o) != 0) {
        free(r);
        return store_fail(error, "cannot read the database %s: out of memory", s->target->name);
    }
    *ret = &r->reader;
    return 0;
}

/* The loop turns once more, until the connections have let go of it. */
