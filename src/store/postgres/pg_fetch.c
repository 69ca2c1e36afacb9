#include "pg_fetch.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/states.h"

/* How long what nobody touches is kept, and how often it is looked for. */
#define IDLE_MS 1000
#define LOOK_MS 250

static const struct state_row states[] = {
    [PG_FETCH_ASKED] = { NULL,
                         STATE(PG_FETCH_THERE) | STATE(PG_FETCH_FAILED) | STATE(PG_FETCH_PUT_OFF) },
    [PG_FETCH_PUT_OFF] = { NULL, STATE(PG_FETCH_ASKED) },
    [PG_FETCH_THERE] = { NULL, STATE(PG_FETCH_USED) | STATE(PG_FETCH_THERE) },
    [PG_FETCH_USED] = { NULL, STATE(PG_FETCH_USED) },
    [PG_FETCH_FAILED] = { NULL, 0 },
};

/* --- Its life ----------------------------------------------------------------------- */

void pg_fetch_move(struct pg_fetch *f, enum pg_fetch_state next)
{
    f->state = state_step(states, f->state, next);
    ring_remove(&f->link);
    if ((next == PG_FETCH_THERE || next == PG_FETCH_USED) && !f->is_ahead)
        pg_fetch_touch(f);
    else if (next == PG_FETCH_PUT_OFF)
        ring_append(&f->r->put_off, &f->link);
}

void pg_fetch_touch(struct pg_fetch *f)
{
    f->touched_ms = loop_now_ms(f->r->loop);
    ring_remove(&f->link);
    ring_append(&f->r->there, &f->link);
    if (!timer_running(&f->r->idle))
        timer_start(f->r->loop, &f->r->idle, LOOK_MS);
}

static void on_idle(struct timer *timer)
{
    struct pg_reader *r = container_of(timer, struct pg_reader, idle);
    const uint64_t now_ms = loop_now_ms(r->loop);
    while (!ring_empty(&r->there)) {
        struct pg_fetch *f = container_of(r->there.next, struct pg_fetch, link);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what is dropped leaves the ring */
        if (f->touched_ms + IDLE_MS > now_ms)
            break;
        pg_fetch_drop(f);
    }
    if (!ring_empty(&r->there))
        timer_start(r->loop, &r->idle, LOOK_MS);
}

void pg_fetch_init(struct pg_reader *r)
{
    ring_init(&r->there);
    r->idle.fired = on_idle;
}

/* What it asked for does not matter any more. */
static void leave_all(struct pg_fetch *f)
{
    pg_request_cancel(&f->request);
    pg_batch_leave(f);
    ring_remove(&f->link);
}

static void free_one(struct pg_fetch *f)
{
    leave_all(f);
    pg_block_unref(f->block);
    pg_block_unref(f->groups);
    buf_unref(f->ids);
    free(f);
}

void pg_fetch_free(struct pg_fetch *f)
{
    if (f->next != NULL)
        free_one(f->next);
    free_one(f);
}

void pg_fetch_drop(struct pg_fetch *f)
{
    struct pg_reader *r = f->r;
    f->fetch->of_engine = NULL;
    leave_all(f);
    if (f->next != NULL)
        leave_all(f->next);
    if (r->now == f)
        r->now = NULL;
    if (!r->stepping) {
        pg_fetch_free(f);
        return;
    }
    f->next_gone = r->gone;
    r->gone = f;
}

struct pg_fetch *pg_fetch_turn_over(struct pg_fetch *f)
{
    struct store_fetch *fetch = f->fetch;
    struct pg_fetch *next = f->next;
    f->next = NULL;
    pg_fetch_drop(f);
    next->is_ahead = false;
    fetch->of_engine = next;
    if (next->state == PG_FETCH_THERE)
        pg_fetch_touch(next);
    return next;
}

void pg_fetch_fail(struct pg_fetch *f, const struct pg_error *error)
{
    f->error = *error;
    pg_fetch_move(f, PG_FETCH_FAILED);
}

void pg_fetch_fail_memory(struct pg_fetch *f)
{
    struct pg_error why = { .trouble = PG_OTHER };
    store_fail(why.line, "cannot read the database %s: out of memory", f->r->store->target->name);
    pg_fetch_fail(f, &why);
}

void pg_fetch_tell(struct pg_fetch *f)
{
    if (!f->is_ahead)
        f->fetch->ready(f->fetch);
}

/* --- What came ---------------------------------------------------------------------- */

/* How many rows from `first` on have their groups' ids. They are by place. */
static size_t count_covered(const struct pg_fetch *f, size_t end)
{
    const struct pg_block *g = f->groups;
    size_t n = f->first;
    if (f->kind != NEED_RECORDS)
        return end;
    if (g == NULL || g->ngroups == 0)
        return f->first;
    const uint32_t from = g->groups[0].ordinal, to = g->groups[g->ngroups - 1].ordinal;
    while (n < end && f->block->rows[n].at.group >= from && f->block->rows[n].at.group <= to)
        n++;
    return n;
}

static size_t count_small(const struct pg_fetch *f, size_t end)
{
    size_t n = f->first;
    while (n < end && f->block->rows[n].value.data != NULL)
        n++;
    return n;
}

bool pg_fetch_settle(struct pg_fetch *f, size_t first, size_t end, bool whole)
{
    f->at = f->first = first;
    const size_t small = count_small(f, end);
    size_t covered = count_covered(f, small);
    if (covered == first && f->seeks_group)
        covered = small; /* there is no such group: who reads it says so */
    f->end = covered;
    f->whole = whole && covered == end;
    if (covered > first || first == end) {
        pg_fetch_move(f, PG_FETCH_THERE);
        return true;
    }
    if (small > first)
        pg_ask_groups(f, f->block->rows[first].at.group);
    else
        pg_ask_large(f);
    return false;
}

/* It has no row, or that of another store: then so are the records. */
static bool is_foreign(const struct pg_fetch *f, const PGresult *rows)
{
    return PQntuples(rows) != 1 || pg_number_at(rows, 0, 3) != f->r->store->store.id;
}

static void warn_of_foreign(struct pg_store *s)
{
    if (!atomic_flag_test_and_set(&s->told_foreign))
        log_warn("--db-replica: the database %s is not a standby of %s: what it has is not listed",
                 s->replica->name, s->target->name);
}

static void keep_numbers(struct pg_fetch *f, unsigned step, const PGresult *rows)
{
    f->foreign = f->foreign || (f->of_replica && is_foreign(f, rows));
    if (f->foreign)
        warn_of_foreign(f->r->store);
    if (PQntuples(rows) != 1)
        return;
    f->last_revision = pg_number_at(rows, 0, 2);
    if (step > 0)
        return; /* it is of a later state than the others */
    f->total_groups = pg_number_at(rows, 0, 0);
    f->count = pg_number_at(rows, 0, 1);
    f->first_revision = f->last_revision;
}

static int keep_groups(struct pg_fetch *f, const PGresult *rows)
{
    struct pg_block *groups;
    f->all_groups = (size_t)PQntuples(rows) < f->groups_asked;
    if (pg_block_of_groups(&groups, rows, f->groups, f->after.group, f->groups_from) != 0)
        return -1;
    pg_block_unref(f->groups);
    f->groups = groups;
    return 0;
}

static int keep_rows(struct pg_fetch *f, const PGresult *rows)
{
    int rv;
    pg_block_unref(f->block);
    f->block = NULL;
    if (f->kind == NEED_IDS)
        rv = pg_block_of_ids(&f->block, rows);
    else if (f->kind == NEED_CHANGES)
        rv = pg_block_of_changes(&f->block, rows);
    else
        rv = pg_block_of_records(&f->block, rows);
    if (rv == 0)
        pg_block_count(f->block, &f->r->held);
    return rv;
}

void pg_fetch_on_rows(struct pg_request *request, unsigned step, const PGresult *rows)
{
    struct pg_fetch *f = container_of(request, struct pg_fetch, request);
    const struct pg_statement *s = f->steps[step].statement;
    int rv = 0;
    if (s == &pg_reads[PG_READ_STORE])
        keep_numbers(f, step, rows);
    else if (s == &pg_reads[PG_READ_GROUPS])
        rv = keep_groups(f, rows);
    else
        rv = keep_rows(f, rows);
    f->no_memory = f->no_memory || rv != 0;
}

/* Returns whether it is there. */
static bool settle(struct pg_fetch *f)
{
    const struct pg_block *b = f->block;
    if (pg_is_listing(f->kind))
        return pg_fetch_settle(f, 0, b->nrows, b->whole && b->nrows < f->rows);
    f->end = b->nrows;
    f->whole = b->whole;
    pg_fetch_move(f, PG_FETCH_THERE);
    return true;
}

/* What came already comes once more. */
void pg_fetch_on_again(struct pg_request *request)
{
    container_of(request, struct pg_fetch, request)->no_memory = false;
}

/* A standby that does not answer, is of another store, or is not as far as it has to be, is none.
 */
static bool is_no_answer(const struct pg_fetch *f, const struct pg_error *error)
{
    return f->of_replica &&
           (error != NULL || f->no_memory || f->foreign || f->first_revision < f->floor);
}

void pg_fetch_on_done(struct pg_request *request, const struct pg_error *error)
{
    struct pg_fetch *f = container_of(request, struct pg_fetch, request);
    if (is_no_answer(f, error)) {
        pg_ask_primary(f);
        return;
    }
    if (error != NULL)
        pg_fetch_fail(f, error);
    else if (f->no_memory)
        pg_fetch_fail_memory(f);
    else if (!settle(f))
        return;
    pg_fetch_tell(f);
}

/* --- Asking ------------------------------------------------------------------------- */

static void keep_need(struct pg_fetch *f, const struct store_need *need)
{
    f->kind = need->kind;
    f->after = need->after;
    f->last_group = need->last_group;
    f->revision = need->revision;
    f->wants = need->wants;
    f->numbers = need->numbers;
    f->may_lag = need->may_lag && f->r->replicas != NULL;
    f->floor = need->floor;
    f->awaited = !need->ahead;
    f->group_len = need->group.len <= STORE_ID_MAX ? need->group.len : 0;
    if (f->group_len > 0)
        memcpy(f->group, need->group.data, f->group_len);
}

struct pg_fetch *pg_fetch_new(struct pg_reader *r, struct store_fetch *fetch,
                              const struct store_need *need, const struct pg_fetch *before)
{
    struct pg_fetch *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->r = r;
    f->fetch = fetch;
    f->asked_ms = loop_now_ms(r->loop);
    ring_init(&f->link);
    keep_need(f, need);
    if (!pg_ask(f, need, before)) {
        pg_fetch_free(f);
        return NULL;
    }
    return f;
}

void pg_fetch_ahead(struct pg_fetch *f)
{
    const size_t had = f->end - f->first;
    if (f->next != NULL || f->whole || had == 0 || !pg_is_listing(f->kind) ||
        f->r->held > PG_HELD_MANY || (f->wants > 0 && f->wants <= had))
        return;
    const struct store_need need = { .kind = f->kind,
                                     .after = f->block->rows[f->end - 1].at,
                                     .last_group = f->last_group,
                                     .group = bytes_of(f->group, f->group_len),
                                     .wants = f->wants > 0 ? f->wants - had : 0,
                                     .may_lag = f->may_lag,
                                     .floor = f->last_revision };
    f->next = pg_fetch_new(f->r, f->fetch, &need, f);
    if (f->next != NULL)
        f->next->is_ahead = true;
}
