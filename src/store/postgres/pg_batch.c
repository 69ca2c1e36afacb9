/* By-group needs that share a statement: see pg_fetch.h. */
#include <stdlib.h>

#include "pg_fetch.h"

#define BATCH_MAX   256
#define BATCH_LEAST 8
#define BATCHES_MAX 2 /* under way; behind them the line grows, and the next is fuller */
#define PART_ROWS   512

enum { IDS, AFTER, MOST, PARAMS = 4 };

struct pg_batch {
    struct pg_reader *r;
    struct pg_request request;
    struct pg_step steps[2]; /* what numbers are needed; the records */
    struct pg_param params[PARAMS];
    struct pg_bigint rows_param;
    struct buf *arrays[MOST + 1];
    size_t n, waiting; /* elements; those that still want their part */
    struct pg_fetch *fetches[BATCH_MAX];
    uint64_t asked_ms; /* since then the first has waited */
    size_t rows;       /* that it has asked for */
    uint64_t total_groups, count, revision;
    struct pg_block *block;
    size_t ends[BATCH_MAX]; /* of each one's rows in it */
    bool no_memory;
    bool over; /* its answer is there */
};

static struct pg_fetch *first_of(struct ring *ring)
{
    return container_of(ring->next, struct pg_fetch, link);
}

/* --- The end of a batch ------------------------------------------------------------- */

static void batch_free(struct pg_batch *b)
{
    for (unsigned i = 0; i <= MOST; i++)
        buf_unref(b->arrays[i]);
    pg_block_unref(b->block);
    free(b);
}

static void send_line(struct pg_reader *r)
{
    if (!ring_empty(&r->line))
        task_defer(r->loop, &r->send);
}

static void batch_end(struct pg_batch *b)
{
    b->r->batches--;
    send_line(b->r);
    batch_free(b);
}

static struct pg_fetch *take_out(struct pg_batch *b, size_t i)
{
    struct pg_fetch *f = b->fetches[i];
    b->fetches[i] = NULL;
    if (f != NULL) {
        f->batch = NULL;
        b->waiting--;
    }
    return f;
}

void pg_batch_leave(struct pg_fetch *f)
{
    struct pg_batch *b = f->batch;
    ring_remove(&f->link);
    if (b == NULL)
        return;
    take_out(b, f->element);
    if (b->waiting == 0 && !b->over) {
        pg_request_cancel(&b->request);
        batch_end(b);
    }
}

/* --- The parts ---------------------------------------------------------------------- */

/* It had no room for this one, or only for its small values. */
static void put_back(struct pg_fetch *f)
{
    if (!f->awaited) {
        pg_fetch_move(f, PG_FETCH_PUT_OFF);
        return;
    }
    ring_remove(&f->link);
    ring_append(&f->r->line, &f->link);
}

/* Rows @from to @end of the block, the last ones that it has if @cut. */
static void give_part(struct pg_batch *b, struct pg_fetch *f, size_t from, size_t end, bool cut)
{
    const bool is_empty = b->block->rows[from].at.sequence == 0;
    f->has_group = true;
    f->ordinal = b->block->rows[from].at.group;
    if (!is_empty && !f->awaited && b->block->rows[from].value.data == NULL) {
        f->large = true;
        take_out(b, f->element);
        put_back(f);
        return;
    }
    f->block = pg_block_ref(b->block);
    if (is_empty)
        pg_fetch_settle(f, from, from, true);
    else
        pg_fetch_settle(f, from, end, !cut && end - from < f->rows);
}

/* Of rows that are in the order of the elements. Those that have none are of groups that are not
 * there; but what comes behind the last row of a batch that was cut is not known. */
static void give_parts(struct pg_batch *b)
{
    const size_t *ends = b->ends;
    const struct pg_block *block = b->block;
    const bool cut = !block->whole || block->nrows == b->rows;
    for (size_t i = 0, from = 0; i < b->n; from = ends[i++]) {
        const bool is_last = ends[i] == block->nrows;
        struct pg_fetch *f = b->fetches[i];
        if (f == NULL)
            continue;
        f->total_groups = b->total_groups;
        f->count = b->count;
        f->last_revision = b->revision;
        if (ends[i] > from) {
            give_part(b, f, from, ends[i], cut && is_last);
        } else if (cut && is_last) {
            take_out(b, i);
            put_back(f);
        } else {
            pg_fetch_settle(f, 0, 0, true);
        }
    }
}

/* Those behind the callbacks may leave meanwhile. */
static void tell_all(struct pg_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct pg_fetch *f = take_out(b, i);
        if (f != NULL && f->state != PG_FETCH_ASKED)
            pg_fetch_tell(f);
    }
}

static void find_ends(struct pg_batch *b, const PGresult *rows)
{
    size_t at = 0;
    for (size_t i = 0; i < b->n; i++) {
        while (at < b->block->nrows && pg_number_at(rows, (int)at, PG_ELEMENT) <= i + 1)
            at++;
        b->ends[i] = at;
    }
}

/* How large records are, and how many of a group are wanted, about: by the last ones mostly. So
 * is known how many fit into a batch; what is more can go with another one. */
static void note_size(struct pg_batch *b)
{
    struct pg_reader *r = b->r;
    const struct pg_block *block = b->block;
    size_t bytes = 0, parts = 0;
    for (size_t i = 0; i < block->nrows; i++)
        bytes += pg_block_bytes(1, block->rows[i].value.len);
    for (size_t i = 0; i < b->n; i++)
        parts += b->ends[i] > (i == 0 ? 0 : b->ends[i - 1]);
    if (parts == 0 || block->nrows == 0)
        return;
    r->record_bytes = (3 * r->record_bytes + bytes / block->nrows) / 4 + 1;
    r->part_rows = (3 * r->part_rows + block->nrows / parts) / 4 + 1;
    r->batch_fits = PG_BLOCK_BYTES / r->record_bytes / r->part_rows + BATCH_LEAST;
    r->batch_fits = pg_least(r->batch_fits, BATCH_MAX);
}

static void keep_numbers(struct pg_batch *b, const PGresult *rows)
{
    if (PQntuples(rows) != 1)
        return;
    b->total_groups = pg_number_at(rows, 0, 0);
    b->count = pg_number_at(rows, 0, 1);
    b->revision = pg_number_at(rows, 0, 2);
}

static void on_rows(struct pg_request *request, unsigned step, const PGresult *rows)
{
    struct pg_batch *b = container_of(request, struct pg_batch, request);
    if (b->steps[step].statement == &pg_reads[PG_READ_STORE]) {
        keep_numbers(b, rows);
        return;
    }
    pg_block_unref(b->block);
    b->no_memory = pg_block_of_records(&b->block, rows) != 0;
    if (b->no_memory)
        return;
    pg_block_count(b->block, &b->r->held);
    find_ends(b, rows);
}

static void on_again(struct pg_request *request)
{
    container_of(request, struct pg_batch, request)->no_memory = false;
}

static void fail_all(struct pg_batch *b, const struct pg_error *error)
{
    for (size_t i = 0; i < b->n; i++) {
        struct pg_fetch *f = b->fetches[i];
        if (f != NULL && error != NULL)
            pg_fetch_fail(f, error);
        else if (f != NULL)
            pg_fetch_fail_memory(f);
    }
}

static void on_done(struct pg_request *request, const struct pg_error *error)
{
    struct pg_batch *b = container_of(request, struct pg_batch, request);
    b->over = true;
    if (error != NULL || b->no_memory) {
        fail_all(b, error);
    } else {
        note_size(b);
        give_parts(b);
    }
    tell_all(b);
    batch_end(b);
}

/* --- The line ----------------------------------------------------------------------- */

static bool add(struct pg_batch *b, struct pg_fetch *f)
{
    struct pg_bigint after, most;
    const struct pg_param params[] = { pg_bigint_param(&after, f->after.sequence),
                                       pg_bigint_param(&most, f->rows) };
    ring_remove(&f->link);
    f->batch = b;
    if (b->n == 0)
        b->asked_ms = f->asked_ms;
    f->element = b->n;
    b->fetches[b->n++] = f;
    b->waiting++;
    return pg_array_add(b->arrays[IDS], bytes_of(f->group, f->group_len)) &&
           pg_array_add(b->arrays[AFTER], params[0].value) &&
           pg_array_add(b->arrays[MOST], params[1].value);
}

/* As many as there are, and room for. false: out of memory. */
static bool fill(struct pg_batch *b)
{
    struct pg_reader *r = b->r;
    bool numbers = false, fits = true;
    for (unsigned i = 0; i <= MOST; i++) {
        b->arrays[i] = pg_array_new(i == IDS ? PG_ARRAY_BYTEA : PG_ARRAY_BIGINT);
        fits = fits && b->arrays[i] != NULL;
    }
    while (fits && b->n < r->batch_fits && !ring_empty(&r->line)) {
        struct pg_fetch *f = first_of(&r->line);
        numbers = numbers || f->numbers;
        fits = add(b, f);
    }
    if (numbers)
        b->steps[b->request.nsteps++].statement = &pg_reads[PG_READ_STORE];
    return fits;
}

static void submit(struct pg_batch *b)
{
    b->rows = pg_least(PG_BLOCK_BYTES / b->r->record_bytes, PG_BLOCK_ROWS);
    if (b->rows < b->n)
        b->rows = b->n; /* one for each */
    for (unsigned i = 0; i <= MOST; i++)
        b->params[i] = pg_array_param(b->arrays[i], b->n);
    b->params[MOST + 1] = pg_bigint_param(&b->rows_param, b->rows);
    b->steps[b->request.nsteps++] = (struct pg_step){ &pg_reads[PG_READ_BATCH], b->params, PARAMS };
    pg_pool_submit_until(b->r->pool, &b->request, b->asked_ms + b->r->store->timeout_ms);
}

/* NULL: out of memory. */
static struct pg_batch *batch_new(struct pg_reader *r)
{
    struct pg_batch *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->r = r;
    b->request = (struct pg_request){
        .steps = b->steps, .rows = on_rows, .again = on_again, .done = on_done
    };
    r->batches++;
    return b;
}

static void fail_first(struct pg_reader *r)
{
    struct pg_fetch *f = first_of(&r->line);
    pg_fetch_fail_memory(f);
    pg_fetch_tell(f);
}

static void on_send(struct task *task)
{
    struct pg_reader *r = container_of(task, struct pg_reader, send);
    while (!ring_empty(&r->line) && r->batches < BATCHES_MAX) {
        struct pg_batch *b = batch_new(r);
        if (b == NULL) {
            fail_first(r);
        } else if (fill(b)) {
            submit(b);
        } else {
            if (b->n == 0)
                fail_first(r); /* who leaves the line */
            b->no_memory = true;
            on_done(&b->request, NULL);
        }
    }
}

void pg_batch_add(struct pg_fetch *f)
{
    if (f->wants == 0)
        f->rows = PART_ROWS;
    f->rows = pg_least(f->rows, PART_ROWS);
    ring_append(&f->r->line, &f->link);
    task_defer(f->r->loop, &f->r->send);
}

void pg_batch_urge(struct pg_fetch *f)
{
    struct pg_reader *r = f->r;
    struct ring *at = &f->link;
    if (f->large) {
        f->asked_ms = loop_now_ms(r->loop);
        pg_fetch_move(f, PG_FETCH_ASKED);
        pg_ask_large(f);
        return;
    }
    for (unsigned i = 0; i < BATCH_MAX && at != &r->put_off; i++) {
        struct pg_fetch *one = container_of(at, struct pg_fetch, link);
        at = at->next;
        if (one->large)
            continue;
        one->asked_ms = loop_now_ms(r->loop); /* nobody has waited until now */
        pg_fetch_move(one, PG_FETCH_ASKED);
        ring_append(&r->line, &one->link);
    }
    task_defer(r->loop, &r->send);
}

void pg_batch_init(struct pg_reader *r)
{
    ring_init(&r->line);
    ring_init(&r->put_off);
    r->send.run = on_send;
    r->record_bytes = PG_BLOCK_BYTES / PG_BLOCK_ROWS;
    r->batch_fits = BATCH_MAX;
}
