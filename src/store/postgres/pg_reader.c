/* Steps, and what they need. What is needed is fetched whole, as a block (pg_fetch.h); in a step
 * there is nothing but blocks to read. One is used up once its end was read, or once a step was
 * done with it that did not stop within: it is of one moment, and who asks later wants news.
 *
 * Who reads on has the next block asked for while one is read: two blocks, however slow
 * the reader is. Who reads the first one only, as pages are, has none asked for in vain
 * before half of it was read. */
#include <stdlib.h>

#include "pg_fetch.h"

#define CONNECTIONS 2

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

static void pg_fetch_forget(struct store_fetch *fetch)
{
    pg_fetch_drop(fetch->of_engine);
}

/* --- Needs -------------------------------------------------------------------------- */

/* Ids are needed by one question, until it has read them. */
static bool fits(const struct pg_fetch *f, const struct store_need *need)
{
    if (f->kind != need->kind || (need->numbers && !f->numbers))
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

/* Asked early of a standby, and the call has shown more since. */
static bool is_behind(const struct pg_fetch *f, const struct store_need *need)
{
    return f->of_replica && !f->told && (!need->may_lag || f->first_revision < need->floor);
}

/* The step is done with what it reads now. Ids are of one question, which may have none. */
static void leave(struct pg_reader *r)
{
    struct pg_fetch *f = r->now;
    r->now = NULL;
    if (f == NULL)
        return;
    f->told = f->told || f->touched;
    if (f->kind == NEED_IDS || (f->touched && !f->stopped))
        pg_fetch_move(f, PG_FETCH_USED);
    else if (f->touched)
        pg_fetch_touch(f);
    f->touched = f->stopped = false;
}

static int fail(struct pg_reader *r, struct pg_fetch *f)
{
    r->unavailable = f->error.trouble == PG_AGAIN;
    store_fail(r->error, "%s", f->error.line);
    pg_fetch_drop(f);
    return -1;
}

/* @before: what was fetched for it until now; NULL: nothing. */
static int ask_anew(struct pg_reader *r, struct store_fetch *fetch, struct pg_fetch *before,
                    const struct store_need *need)
{
    const bool goes_on = before != NULL && before->state == PG_FETCH_USED && fits(before, need);
    struct pg_fetch *f = pg_fetch_new(r, fetch, need, goes_on ? before : NULL);
    if (before != NULL)
        pg_fetch_drop(before);
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
        pg_fetch_ahead(f);
    return 1;
}

/* What failed while nobody wanted it was asked for in vain. */
static bool has_next(const struct pg_fetch *f)
{
    return f->next != NULL && f->next->state != PG_FETCH_FAILED;
}

static int pg_need(struct reader *base, struct store_fetch *fetch, const struct store_need *need)
{
    struct pg_reader *r = reader_of(base);
    struct pg_fetch *f = fetch->of_engine;
    leave(r);
    if (f != NULL && f->state == PG_FETCH_USED && has_next(f))
        f = pg_fetch_turn_over(f);
    if (f == NULL)
        return need->ahead && r->held > PG_HELD_MANY ? 0 : ask_anew(r, fetch, f, need);
    switch (f->state) {
    case PG_FETCH_PUT_OFF:
        f->awaited = true;
        pg_batch_urge(f);
        return 0;
    case PG_FETCH_ASKED:
        f->awaited = true;
        return 0;
    case PG_FETCH_FAILED: /* while nobody waited: in vain */
        return f->awaited ? fail(r, f) : ask_anew(r, fetch, f, need);
    case PG_FETCH_THERE:
        return fits(f, need) && !is_behind(f, need) ? read_now(r, f) : ask_anew(r, fetch, f, need);
    default:
        return ask_anew(r, fetch, f, need);
    }
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
        pg_fetch_free(f);
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

/* What the step reads. NULL: what was needed is used up. */
static struct pg_fetch *fetch_of(struct reader *base)
{
    struct pg_fetch *f = reader_of(base)->now;
    if (f != NULL)
        f->touched = true;
    return f;
}

static int pg_count(struct reader *base, uint64_t *ret)
{
    const struct pg_fetch *f = fetch_of(base);
    *ret = f != NULL ? f->count : 0;
    return 1;
}

static int pg_groups(struct reader *base, uint64_t *ret)
{
    const struct pg_fetch *f = fetch_of(base);
    *ret = 0;
    if (f != NULL)
        *ret = f->kind == NEED_CHANGES ? f->block->total_groups : f->total_groups;
    return 1;
}

static uint64_t pg_floor(const struct reader *base)
{
    const struct pg_fetch *f = container_of(base, struct pg_reader, reader)->now;
    return f != NULL && f->may_lag ? f->last_revision : 0;
}

static int pg_revision(struct reader *base, uint64_t *ret)
{
    const struct pg_fetch *f = fetch_of(base);
    *ret = 0;
    if (f != NULL)
        *ret = f->kind == NEED_CHANGES ? f->block->revision : f->last_revision;
    return 1;
}

static int pg_group(struct reader *base, struct bytes id, uint32_t *ret_ordinal)
{
    const struct pg_fetch *f = fetch_of(base);
    if (f != NULL && f->kind == NEED_GROUP) {
        *ret_ordinal = f->ordinal;
        return f->has_group && bytes_equal(id, bytes_of(f->group, f->group_len));
    }
    const struct pg_named *g = f != NULL ? pg_block_find_group_id(f->block, id) : NULL;
    if (g != NULL)
        *ret_ordinal = g->ordinal;
    return g != NULL;
}

static int pg_group_id(struct reader *base, uint32_t ordinal, struct bytes *ret_id)
{
    const struct pg_fetch *f = fetch_of(base);
    if (f == NULL)
        return 0;
    const struct pg_named *g =
        pg_block_find_group(f->kind == NEED_RECORDS ? f->groups : f->block, ordinal);
    if (g != NULL)
        *ret_id = g->id;
    return g != NULL;
}

static int end_of(struct pg_fetch *f)
{
    pg_fetch_move(f, PG_FETCH_USED);
    return f->whole ? 0 : READER_MORE;
}

static int stop(struct pg_fetch *f)
{
    f->stopped = true;
    if ((f->at - f->first) * 2 >= f->end - f->first)
        pg_fetch_ahead(f);
    return 1;
}

static int pg_scan(struct reader *base, struct position *at, uint32_t last_group,
                   struct visit *visit)
{
    struct pg_fetch *f = fetch_of(base);
    (void)last_group; /* the need had it */
    if (f == NULL)
        return READER_MORE;
    for (; f->at < f->end; f->at++) {
        const struct pg_row *row = &f->block->rows[f->at];
        if (!visit->record(visit, row->at, row->value))
            return stop(f);
        *at = row->at;
        f->after = row->at;
    }
    return end_of(f);
}

/* --- Ids ---------------------------------------------------------------------------- */

/* They are read in the order in which they were asked for, mostly. Returns READER_MORE: it is
 * not among those that came. */
static int find_id(struct pg_fetch *f, struct bytes id, size_t *ret)
{
    const struct pg_block *b = f->block;
    for (size_t i = 0, at = f->at; i < b->nrows; i++, at++) {
        at = at < b->nrows ? at : 0;
        if (!bytes_equal(b->more[at].id, id))
            continue;
        f->at = *ret = at;
        return b->more[at].is_there;
    }
    return READER_MORE;
}

static int pg_get(struct reader *base, struct bytes id, struct bytes *ret_value)
{
    struct pg_fetch *f = fetch_of(base);
    size_t i;
    const int found = f == NULL ? READER_MORE : find_id(f, id, &i);
    if (found == 1)
        *ret_value = f->block->rows[i].value;
    return found;
}

/* Of changes, that of the one which is visited is asked for mostly. */
static int place_in_changes(const struct pg_fetch *f, struct bytes id, struct position *ret)
{
    const struct pg_block *b = f->block;
    for (size_t i = 0, at = f->at; i < b->nrows; i++, at++) {
        at = at < b->nrows ? at : 0;
        if (!bytes_equal(b->more[at].id, id))
            continue;
        *ret = b->more[at].now;
        return b->more[at].is_there;
    }
    return 0;
}

static int pg_place(struct reader *base, struct bytes id, struct position *ret)
{
    struct pg_fetch *f = fetch_of(base);
    size_t i;
    if (f != NULL && f->kind == NEED_CHANGES)
        return place_in_changes(f, id, ret);
    const int found = f == NULL ? READER_MORE : find_id(f, id, &i);
    if (found == 1)
        *ret = f->block->rows[i].at;
    return found;
}

/* --- Changes ------------------------------------------------------------------------ */

/* Whether the log begins after what comes next. */
static bool has_expired(const struct pg_block *b, uint64_t revision)
{
    return b->revision > revision && (b->oldest == 0 || b->oldest > revision + 1);
}

static int pg_changes(struct reader *base, uint64_t *revision, struct change_visit *visit)
{
    struct pg_fetch *f = fetch_of(base);
    if (f == NULL)
        return READER_MORE;
    const struct pg_block *b = f->block;
    if (f->at == 0 && has_expired(b, *revision))
        return READER_EXPIRED;
    for (; f->at < b->nrows; f->at++) {
        const struct pg_more *more = &b->more[f->at];
        const struct change c = { .revision = more->revision,
                                  .kind = more->kind,
                                  .at = b->rows[f->at].at,
                                  .id = more->id,
                                  .time_ms = more->time_ms };
        if (!visit->change(visit, &c))
            return stop(f);
        *revision = f->revision = more->revision;
    }
    return end_of(f);
}

/* Revisions have no gaps. */
static int pg_put_value(struct reader *base, const struct change *c, struct bytes *ret_value)
{
    const struct pg_fetch *f = fetch_of(base);
    const struct pg_block *b = f != NULL ? f->block : NULL;
    const uint64_t i = b != NULL && b->nrows > 0 ? c->revision - b->more[0].revision : 0;
    if (b == NULL || i >= b->nrows || b->rows[i].value.data == NULL)
        return 0;
    *ret_value = b->rows[i].value;
    return 1;
}

/* --- Life --------------------------------------------------------------------------- */

static void pg_reader_free(struct reader *base)
{
    struct pg_reader *r = reader_of(base);
    timer_stop(&r->idle);
    task_cancel(&r->send);
    pg_pool_free(r->pool);
    pg_pool_free(r->replicas);
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
    .fetch_drop = pg_fetch_forget,
    .count = pg_count,
    .groups = pg_groups,
    .get = pg_get,
    .place = pg_place,
    .group = pg_group,
    .group_id = pg_group_id,
    .scan = pg_scan,
    .revision = pg_revision,
    .floor = pg_floor,
    .changes = pg_changes,
    .put_value = pg_put_value,
};

static int make_pools(struct pg_reader *r, struct pg_pool_options *o)
{
    if (pg_pool_new(&r->pool, r->loop, o) != 0)
        return -1;
    o->each.target = r->store->replica;
    return r->store->replica == NULL ? 0 : pg_pool_new(&r->replicas, r->loop, o);
}

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
    pg_fetch_init(r);
    pg_batch_init(r);
    if (make_pools(r, &o) != 0) {
        pg_reader_free(&r->reader);
        return store_fail(error, "cannot read the database %s: out of memory", s->target->name);
    }
    *ret = &r->reader;
    return 0;
}

/* The loop turns once more, until the connections have let go of it. */
