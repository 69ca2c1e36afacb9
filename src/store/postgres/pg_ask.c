/* What is asked for one need, and how much of it. */
#include "pg_fetch.h"

#define FIRST_ROWS  128 /* of a block that is the first */
#define GROWS_BY    4
#define LEAST_ROWS  16
#define FEWER_BY    8  /* where many are held */
#define GROUPS_MORE 64 /* than the last block would have needed */

static struct pg_step *add_step(struct pg_fetch *f, enum pg_read statement)
{
    struct pg_step *step = &f->steps[f->request.nsteps++];
    *step = (struct pg_step){ .statement = &pg_reads[statement], .params = &f->params[f->nparams] };
    return step;
}

static void add_param(struct pg_fetch *f, struct pg_step *step, struct pg_param param)
{
    f->params[f->nparams++] = param;
    step->nparams++;
}

static void add_number(struct pg_fetch *f, struct pg_step *step, uint64_t n)
{
    add_param(f, step, pg_bigint_param(&f->bigints[f->nparams], n));
}

static void begin_request(struct pg_fetch *f)
{
    f->request.nsteps = f->nparams = 0;
    f->no_memory = false;
    f->request.steps = f->steps;
    f->request.rows = pg_fetch_on_rows;
    f->request.again = pg_fetch_on_again;
    f->request.done = pg_fetch_on_done;
}

/* With a group it is that one's; its ordinal is known. */
static void ask_records(struct pg_fetch *f)
{
    const bool of_one = f->kind == NEED_GROUP;
    struct pg_step *step = add_step(f, f->large ? PG_READ_LARGE : PG_READ_RECORDS);
    add_number(f, step, of_one ? f->ordinal : f->after.group);
    add_number(f, step, f->after.sequence);
    add_number(f, step, of_one ? f->ordinal : f->last_group);
    add_number(f, step, f->rows);
}

static void ask_groups(struct pg_fetch *f, uint32_t from, size_t n)
{
    struct pg_step *step = add_step(f, PG_READ_GROUPS);
    add_number(f, step, f->groups_from = from);
    add_number(f, step, f->groups_asked = n);
}

/* Those of its records, and ahead of them, as far as they are not known. */
static void ask_more_groups(struct pg_fetch *f, const struct pg_fetch *before)
{
    const struct pg_block *g = f->groups;
    const uint32_t known = g != NULL && g->ngroups > 0 ? g->groups[g->ngroups - 1].ordinal + 1 : 0;
    const uint32_t from = known > f->after.group ? known : f->after.group;
    size_t span = f->rows;
    if (before != NULL && before->end > before->first) {
        const struct pg_row *rows = before->block->rows;
        const size_t had = before->end - before->first;
        span = rows[before->end - 1].at.group - rows[before->first].at.group + 1u;
        span = span * f->rows / had + GROUPS_MORE;
    }
    span = pg_least(span, f->rows);
    if (!f->all_groups && from <= f->after.group + span / 2 + NEED_GROUPS_AHEAD)
        ask_groups(f, from, span + NEED_GROUPS_AHEAD);
}

static bool ask_ids(struct pg_fetch *f, const struct store_need *need)
{
    struct pg_step *step = add_step(f, PG_READ_IDS);
    const size_t n = pg_least(need->nids, NEED_IDS_MAX);
    f->ids = pg_array_new(PG_ARRAY_BYTEA);
    for (size_t i = 0; i < n; i++)
        if (f->ids == NULL || !pg_array_add(f->ids, need->ids[i]))
            return false;
    if (f->ids == NULL)
        return false;
    f->rows = n;
    add_param(f, step, pg_array_param(f->ids, n));
    return true;
}

static void ask_changes(struct pg_fetch *f)
{
    struct pg_step *step = add_step(f, PG_READ_CHANGES);
    add_number(f, step, f->revision < INT64_MAX ? f->revision : INT64_MAX);
    add_param(f, step, pg_bytes_param(bytes_of(f->group, f->group_len)));
}

/* What a block of @n of them has room for, by what the last one had. */
static size_t count_fitting(size_t n, const struct pg_fetch *before)
{
    const size_t had = before->end - before->first, many = before->r->held > PG_HELD_MANY;
    size_t bytes = 0;
    for (size_t i = before->first; i < before->end; i++)
        bytes += before->block->rows[i].value.len;
    return pg_least(n, PG_BLOCK_BYTES / (many ? FEWER_BY : 1) / (pg_block_bytes(had, bytes) / had));
}

static size_t count_rows(const struct pg_fetch *f, const struct pg_fetch *before)
{
    size_t n = FIRST_ROWS;
    if (before != NULL && before->end > before->first)
        n = count_fitting(GROWS_BY * before->rows, before);
    if (f->wants > 0 && f->wants < PG_BLOCK_ROWS && (before == NULL || f->wants < n))
        n = f->wants + 1; /* and whether there are more */
    n = n > LEAST_ROWS ? n : LEAST_ROWS;
    return pg_least(n, PG_BLOCK_ROWS);
}

/* Whether a value of the block before was not small. */
static bool had_large(const struct pg_fetch *before)
{
    if (!before->large)
        return false;
    for (size_t i = before->first; i < before->end; i++)
        if (before->block->rows[i].value.len > PG_SMALL_VALUE)
            return true;
    return false;
}

static void inherit(struct pg_fetch *f, const struct pg_fetch *before)
{
    f->goes_on = true;
    f->large = had_large(before);
    f->groups = pg_block_ref(before->groups);
    f->all_groups = before->all_groups;
    f->has_group = before->has_group;
    f->ordinal = before->ordinal;
}

/* A standby has half of the time, and what is lost there is for the primary. */
static void submit(struct pg_fetch *f)
{
    const struct pg_reader *r = f->r;
    const uint64_t all_ms = r->store->timeout_ms;
    f->of_replica = f->may_lag && pg_pool_health(r->replicas) == PG_UP;
    if (f->of_replica) {
        f->request.again = NULL;
        pg_pool_submit_until(r->replicas, &f->request, f->asked_ms + all_ms / 2);
    } else {
        f->request.again = pg_fetch_on_again;
        pg_pool_submit_until(r->pool, &f->request, f->asked_ms + all_ms);
    }
}

void pg_ask_primary(struct pg_fetch *f)
{
    f->of_replica = f->no_memory = f->foreign = false;
    f->request.again = pg_fetch_on_again;
    pg_pool_submit_until(f->r->pool, &f->request, f->asked_ms + f->r->store->timeout_ms);
}

/* Where standbys may tell, the records are between two states that are known. */
static void ask_listing(struct pg_fetch *f, const struct pg_fetch *before)
{
    if (f->numbers || f->may_lag)
        add_step(f, PG_READ_STORE);
    ask_records(f);
    if (f->kind == NEED_RECORDS)
        ask_more_groups(f, before);
    if (f->may_lag)
        add_step(f, PG_READ_STORE);
}

bool pg_ask(struct pg_fetch *f, const struct store_need *need, const struct pg_fetch *before)
{
    bool asked = true;
    if (before != NULL)
        inherit(f, before);
    f->rows = count_rows(f, before);
    if (f->kind == NEED_GROUP && !f->has_group) {
        pg_batch_add(f);
        return true;
    }
    begin_request(f);
    if (pg_is_listing(f->kind))
        ask_listing(f, before);
    if (f->kind == NEED_IDS)
        asked = ask_ids(f, need);
    if (f->kind == NEED_CHANGES)
        ask_changes(f);
    if (asked)
        submit(f);
    return asked;
}

void pg_ask_large(struct pg_fetch *f)
{
    f->large = true;
    begin_request(f);
    if (f->may_lag)
        add_step(f, PG_READ_STORE);
    ask_records(f);
    if (f->may_lag)
        add_step(f, PG_READ_STORE);
    pg_ask_primary(f);
}

void pg_ask_groups(struct pg_fetch *f, uint32_t from)
{
    begin_request(f);
    ask_groups(f, from, NEED_GROUPS_AHEAD + GROUPS_MORE);
    f->seeks_group = true;
    pg_ask_primary(f); /* groups stay: it has all that a standby has */
}
