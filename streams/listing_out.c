/* Messages into chunks, chunks to the stream.
 *
 * Every message is drafted at the end of the chunk that is filled, l->fill.
 * When l->out has gone out, as one run, that chunk takes its place. So the stream
 * has one run at a time, and room for it. */
#include <assert.h>
#include <errno.h>

#include "follow.h"

/* The first chunk is small, for a fast first post; then a chunk is a quarter of what was
 * handed over, up to 96 KiB. So a reader that stops costs two chunks that are
 * less than what it has read, and never more than 192 KiB. */
#define FIRST_CHUNK_BYTES (4 * 1024)
#define MAX_CHUNK_BYTES   (96 * 1024)
#define CHUNK_SHARE       4

/* Of changes: a thousand followers that come back at once hold a tenth of what they would
 * with chunks of a listing's size, and are not slower. */
#define CHANGES_CHUNK_BYTES (16 * 1024)

/* A message is full when the record that fills it is in: room for most of
 * those, so that buffers seldom grow. */
#define LAST_RECORD_BYTES (4 * 1024)

/* What single answers are made for; most are smaller, and untouched memory
 * costs nothing. */
#define ANSWER_BYTES (16 * 1024)

/* More than the keys and lengths of a record and the trailer of a message. */
#define OVERHEAD_BYTES 512

/* The budget of single answers is drawn on in steps of this. */
#define BUDGET_STEP_BYTES (48 * 1024)

/* --- Chunks ------------------------------------------------------------------------- */

void out_init(struct listing *l)
{
    l->most = MAX_CHUNK_BYTES;
    l->fill.expect_bytes = many_responses(l) ? FIRST_CHUNK_BYTES + LAST_RECORD_BYTES : ANSWER_BYTES;
}

size_t out_target(const struct listing *l)
{
    const size_t share = l->s->out.bytes / CHUNK_SHARE;
    if (share < FIRST_CHUNK_BYTES)
        return FIRST_CHUNK_BYTES;
    return share < l->most ? share : l->most;
}

void out_tells_changes(struct listing *l, bool changes)
{
    l->most = changes ? CHANGES_CHUNK_BYTES : MAX_CHUNK_BYTES;
}

static void promote(struct listing *l)
{
    assert(draft_is_empty(&l->draft));
    l->out = l->fill;
    l->fill = (struct chunk){ .expect_bytes = out_target(l) + LAST_RECORD_BYTES };
    l->draft.from = 0;
}

/* Nothing will follow what is in the chunks. */
static bool no_more_to_come(const struct listing *l)
{
    return l->ended && l->nqueries == 0 && !follows_any(l);
}

static void stream_failed(struct listing *l, int rv)
{
    if (rv == ENOMEM)
        listing_fail_memory(l);
    else
        listing_done(l); /* the stream is over: on_close follows */
}

void out_flush(struct listing *l)
{
    struct chunk *c = &l->out;
    if (chunk_empty(c) && !chunk_empty(&l->fill))
        promote(l);
    if (chunk_empty(c) || c->handed)
        return;
    const unsigned flags = no_more_to_come(l) ? STREAM_LAST : 0;
    const int rv = stream_send_run(l->s, c->buf, 0, c->buf->len, c->messages, flags);
    if (rv != 0) {
        stream_failed(l, rv);
        return;
    }
    c->handed = true;
    l->s->out.records += c->records;
    if (flags & STREAM_LAST)
        listing_done(l);
}

void out_sent(struct listing *l)
{
    chunk_clear(&l->out);
}

bool out_all_handed(const struct listing *l)
{
    return chunk_empty(&l->fill) && (chunk_empty(&l->out) || l->out.handed);
}

bool out_is_full(const struct listing *l)
{
    const struct chunk *c = &l->fill;
    return !chunk_empty(c) && c->buf->len + c->last_bytes > out_target(l);
}

struct bytes out_token(const struct listing *l, struct query *q, char room[PAGE_TOKEN_TEXT_MAX])
{
    return bytes_of(room, query_page_token(q, l->kind, l->env, room));
}

bool out_close_message(struct listing *l, int32_t request_index, struct bytes token, bool last)
{
    const struct trailer t = {
        .token = token,
        .request_index = request_index,
        .last = last,
        .total_size = l->total_size,
        .caught_up = l->caught_up,
        .plain = l->kind->plain,
    };
    l->total_size = 0;
    l->caught_up = false;
    l->noted = false;
    return draft_close(&l->draft, &l->fill, &t);
}

bool out_close_part(struct listing *l, struct query *q)
{
    char room[PAGE_TOKEN_TEXT_MAX];
    if (q->follow != NULL && q->follow->greeted && !draft_is_empty(&l->draft))
        feed_told(&q->follow->follower, q->follow->change_ms);
    return out_close_message(l, q->index, out_token(l, q, room), false);
}

/* --- The room of a single answer ---------------------------------------------------- */

bool out_fits(const struct listing *l, size_t more)
{
    return draft_bytes(&l->draft, &l->fill) + more + OVERHEAD_BYTES <= l->env->answer_max_bytes;
}

bool out_take(struct listing *l, size_t more)
{
    const size_t bytes = draft_bytes(&l->draft, &l->fill) + more + OVERHEAD_BYTES;
    const size_t stepped = (bytes / BUDGET_STEP_BYTES + 1) * BUDGET_STEP_BYTES;
    if (stepped <= l->budgeted_bytes)
        return true;
    if (budget_take(l->env->budget, stepped - l->budgeted_bytes)) {
        l->budgeted_bytes = stepped;
        return true;
    }
    struct status busy =
        status_of(STATUS_RESOURCE_EXHAUSTED,
                  "too many single answers at once: try again, or use the streaming RPC "
                  "%sServerStream",
                  l->kind->name);
    busy.retry_after_ms = STATUS_RETRY_MS;
    status_because(&busy, "ANSWER_MEMORY_EXHAUSTED");
    listing_finish(l, &busy);
    return false;
}

void out_too_large(struct listing *l)
{
    struct status status =
        status_of(STATUS_RESOURCE_EXHAUSTED,
                  "the answer is larger than %zu bytes: set page_size, or use the streaming RPC "
                  "%sServerStream",
                  l->env->answer_max_bytes, l->kind->name);
    status_because(&status, "ANSWER_TOO_LARGE");
    listing_finish(l, &status);
}
