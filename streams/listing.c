#include "listing.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "query.h"
#include "resolver.h"
#include "runtime/container.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/server.h"
#include "runtime/wire.h"
#include "store/store.h"
#include "token.h"

/* Messages of 45 KB ran 1.4 times faster than of 180 KB (DESIGN section 2:
 * they stay in the caches). The first one is small, for a fast first post. */
#define CHUNK_BYTES       (48 * 1024)
#define FIRST_CHUNK_BYTES (4 * 1024)

/* A scan that finds nothing gives the loop its turn after the first, and says
 * so to the client (an empty message, a short page) after the second. */
#define SCAN_STEP_BYTES (1 << 20)
#define BARREN_BYTES    (16 << 20)

/* More than the keys and lengths of a record and the trailer of a message. */
#define OVERHEAD_BYTES 512

/* Parts smaller than this are worth gathering into one write. */
#define SMALL_PART_BYTES (16 * 1024)

#define READ_AHEAD 64

enum listing_state {
    LISTING_WORK,
    LISTING_IDLE,
    LISTING_NAME,
    LISTING_ROOM,
    LISTING_TURN,
    LISTING_DONE,
    LISTING_NR
};

struct listing {
    struct stream *s;
    const struct listing_kind *kind;
    const struct listing_env *env;
    enum listing_state state;

    /* Requests read and not answered, oldest first. */
    struct query *queries; /* a ring of READ_AHEAD; of one for a single request */
    uint32_t oldest, nqueries;
    uint32_t next_index;
    bool reading, ended, draining;

    /* Responses. MANY: `out` is being sent and `fill` is filled meanwhile.
     * ONE: the answer is in `fill`. */
    struct chunk out, fill;
    struct draft draft;
    bool first_chunk_sent;
    uint64_t total_size; /* for the next message that is closed */
    bool noted;          /* the draft has noted_group's user as unresolved */
    uint32_t noted_group;
    int32_t last_index;          /* ONE: of the request that was done last, and where */
    char last_token[TOKEN_TEXT]; /* it ended, if that was its limit */
    size_t last_token_len;
    bool paged;            /* ONE: the first request has a page_size, */
    uint32_t page_left;    /* of which so many records are left */
    size_t budgeted_bytes; /* ONE: taken from the budget */

    struct name *awaited; /* of the record that STEP_NAME stopped at */
    struct name_wait wait;
    struct task turn;
    size_t scanned_bytes; /* since the loop had its last turn */
};

/* Why a step ended. */
enum step {
    STEP_ANSWERED,  /* no record is left, or the limit is reached: the query is done */
    STEP_FULL,      /* MANY: the chunk is full */
    STEP_PAGE,      /* ONE: the page is full */
    STEP_NAME,      /* l->awaited is not known yet */
    STEP_SCANNED,   /* SCAN_STEP_BYTES were read since the loop's last turn */
    STEP_TOO_LARGE, /* ONE, without pages: over the size limit */
    STEP_FAILED,    /* the stream was failed */
};

static const char *const state_names[LISTING_NR] = {
    "WORK", "IDLE", "NAME", "ROOM", "TURN", "DONE"
};

static bool many_requests(const struct listing *l)
{
    return l->s->method->requests == MANY;
}

static bool many_responses(const struct listing *l)
{
    return l->s->method->responses == MANY;
}

/* The only writer of l->state. */
static void move(struct listing *l, enum listing_state next)
{
    assert(l->state != LISTING_DONE);
    if (l->state != next)
        log_debug("listing %p: %s -> %s", (void *)l, state_names[l->state], state_names[next]);
    l->state = next;
}

static void fail(struct listing *l, const struct status *status)
{
    if (l->state == LISTING_DONE)
        return;
    move(l, LISTING_DONE);
    stream_finish(l->s, status);
}

static void fail_memory(struct listing *l)
{
    const struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    fail(l, &status);
}

static void fail_store(struct listing *l, const char *error)
{
    log_error("the store cannot be read: %s", error);
    const struct status status = status_of(STATUS_INTERNAL, "the store cannot be read: %s", error);
    fail(l, &status);
}

/* --- Requests ------------------------------------------------------------------------ */

static uint32_t ring_size(const struct listing *l)
{
    return many_requests(l) ? READ_AHEAD : 1;
}

static struct query *current(struct listing *l)
{
    return l->nqueries == 0 ? NULL : &l->queries[l->oldest];
}

static void pop_query(struct listing *l)
{
    query_clear(&l->queries[l->oldest]);
    l->oldest = (l->oldest + 1) % ring_size(l);
    l->nqueries--;
}

static void read_ahead(struct listing *l)
{
    if (!many_requests(l) || l->reading || l->ended || l->nqueries == READ_AHEAD)
        return;
    if (l->draining && many_responses(l)) /* what was read is answered, and no more */
        return;
    l->reading = true;
    stream_read(l->s);
}

/* --- Sending ---------------------------------------------------------------------------- */

static void promote(struct listing *l)
{
    assert(l->draft.records == 0);
    chunk_clear(&l->out);
    l->out = l->fill;
    l->fill = (struct chunk){ .expect_bytes = CHUNK_BYTES + OVERHEAD_BYTES };
    l->draft.from = 0;
    l->first_chunk_sent = true;
}

/* Nothing will follow what is in the chunks. */
static bool no_more_to_come(const struct listing *l)
{
    return l->ended && l->nqueries == 0;
}

static unsigned part_flags(const struct listing *l, size_t i)
{
    const struct chunk *c = &l->out;
    if (i + 1 < c->nparts)
        return c->parts[i + 1].len < SMALL_PART_BYTES && c->parts[i].len < SMALL_PART_BYTES
                   ? STREAM_MORE
                   : 0;
    return no_more_to_come(l) && chunk_empty(&l->fill) ? STREAM_LAST : 0;
}

static void out_failed(struct listing *l, int rv)
{
    if (rv == ENOMEM)
        fail_memory(l);
    else
        move(l, LISTING_DONE); /* the stream is over: on_close follows */
}

/* Gives the stream as much as it takes. */
static void flush(struct listing *l)
{
    for (;;) {
        if (l->out.sent == l->out.nparts && !chunk_empty(&l->fill))
            promote(l);
        struct chunk *c = &l->out;
        if (c->handed == c->nparts)
            return;
        const struct part *p = &c->parts[c->handed];
        const unsigned flags = part_flags(l, c->handed);
        const int rv = stream_send(l->s, c->buf, p->from, p->len, flags);
        if (rv == EAGAIN)
            return;
        if (rv != 0) {
            out_failed(l, rv);
            return;
        }
        c->handed++;
        if (flags & STREAM_LAST) {
            move(l, LISTING_DONE);
            return;
        }
    }
}

static bool all_handed(const struct listing *l)
{
    return l->out.handed == l->out.nparts && chunk_empty(&l->fill);
}

static size_t chunk_target(const struct listing *l)
{
    return l->first_chunk_sent ? CHUNK_BYTES : FIRST_CHUNK_BYTES;
}

/* Whether another message like the last one would make the chunk too large.
 * Only between two messages: a chunk holds whole ones. */
static bool fill_is_full(const struct listing *l)
{
    const struct chunk *c = &l->fill;
    return c->nparts > 0 && c->buf->len + c->parts[c->nparts - 1].len > chunk_target(l);
}

static const struct bytes no_token;

/* The token that resumes after what @q has listed, in @room. */
static struct bytes token_of(const struct listing *l, const struct query *q, char room[TOKEN_TEXT])
{
    query_token(q, l->env, room);
    return bytes_of(room, TOKEN_TEXT);
}

/* Ends the message in the draft. */
static bool close_message(struct listing *l, int32_t request_index, struct bytes token, bool last)
{
    const struct trailer t = {
        .token = token,
        .request_index = request_index,
        .last = last,
        .total_size = l->total_size,
        .plain = l->kind->plain,
    };
    l->total_size = 0;
    l->noted = false;
    return draft_close(&l->draft, &l->fill, &t);
}

/* MANY: ends a message in the midst of an answer. */
static bool close_part(struct listing *l, const struct query *q)
{
    char room[TOKEN_TEXT];
    return close_message(l, q->index, token_of(l, q, room), false);
}

/* --- The room of a single answer -------- */

/* ONE: whether @more bytes still fit in the answer. */
static bool answer_fits(const struct listing *l, size_t more)
{
    return draft_bytes(&l->draft, &l->fill) + more + OVERHEAD_BYTES <= l->env->answer_max_bytes;
}

static bool budget_take(struct listing_budget *budget, size_t bytes)
{
    if (atomic_fetch_add(&budget->used, bytes) + bytes <= budget->max)
        return true;
    atomic_fetch_sub(&budget->used, bytes);
    return false;
}

/* ONE: takes from the budget what the answer has with @more bytes. false: the
 * call was failed. In steps, so that the counter that all loops share is not
 * hot. */
static bool answer_take(struct listing *l, size_t more)
{
    const size_t bytes = draft_bytes(&l->draft, &l->fill) + more + OVERHEAD_BYTES;
    const size_t stepped = (bytes / CHUNK_BYTES + 1) * CHUNK_BYTES;
    if (stepped <= l->budgeted_bytes)
        return true;
    if (budget_take(l->env->budget, stepped - l->budgeted_bytes)) {
        l->budgeted_bytes = stepped;
        return true;
    }
    const struct status busy =
        status_of(STATUS_RESOURCE_EXHAUSTED,
                  "too many single answers at once: try again, or use the streaming RPC "
                  "%sServerStream",
                  l->kind->name);
    fail(l, &busy);
    return false;
}

static void too_large(struct listing *l)
{
    const struct status status =
        status_of(STATUS_RESOURCE_EXHAUSTED,
                  "the answer is larger than %zu bytes: set page_size, or use the streaming RPC "
                  "%sServerStream",
                  l->env->answer_max_bytes, l->kind->name);
    fail(l, &status);
}

/* --- One step: records into messages ------------------------------------------------------- */

struct filler {
    struct visit visit; /* first */
    struct listing *l;
    struct query *q;
    struct reader *reader;
    enum step why; /* it stopped */

    /* The author of the records of one group. */
    bool has_group;
    uint32_t group;
    struct name *name;
    enum name_state name_state;
    struct bytes author;
};

/* How many more users could be needed: every user has at least one post. */
static uint32_t users_ahead(const struct listing *l, const struct query *q)
{
    uint64_t n = q->left;
    if (!many_responses(l) && l->paged && l->page_left < n)
        n = l->page_left;
    return n < LOOKAHEAD_MAX ? (uint32_t)n : LOOKAHEAD_MAX;
}

static bool stop(struct filler *f, enum step why)
{
    f->why = why;
    return false;
}

static bool stop_memory(struct filler *f)
{
    fail_memory(f->l);
    return stop(f, STEP_FAILED);
}

static bool enter_group(struct filler *f, uint32_t group)
{
    const struct listing *l = f->l;
    struct query *q = f->q;
    if (!l->kind->by_user) {
        const int rv =
            lookahead_fill(&q->names, l->env->resolver, f->reader, group, users_ahead(l, q));
        if (rv == ENOMEM)
            return stop_memory(f);
        if (rv != 0) {
            fail_store(f->l, reader_error(f->reader));
            return stop(f, STEP_FAILED);
        }
    }
    f->name = lookahead_get(&q->names, group);
    if (f->name == NULL) {
        fail_store(f->l, "a group of records has no user");
        return stop(f, STEP_FAILED);
    }
    f->has_group = true;
    f->group = group;
    f->name_state = name_state(f->name);
    f->author = name_text(f->name);
    return true;
}

/* Whether the record's author can be written. */
static bool author_is_known(struct filler *f, uint32_t group)
{
    if (!f->l->kind->authors)
        return true;
    if ((!f->has_group || f->group != group) && !enter_group(f, group))
        return false;
    if (name_is_known(f->name_state))
        return true;
    f->l->awaited = f->name;
    return stop(f, STEP_NAME);
}

/* Each message names the users of its records whom User does not know, once. */
static bool note_unresolved(struct filler *f)
{
    struct listing *l = f->l;
    if (!l->kind->authors || f->name_state != NAME_MISSING ||
        (l->noted && l->noted_group == f->group))
        return true;
    l->noted = true;
    l->noted_group = f->group;
    return draft_put_unresolved(&l->draft, name_user_id(f->name));
}

/* MANY: whether the message is as large as it may be. */
static bool message_is_full(const struct filler *f)
{
    const struct listing *l = f->l;
    if (l->draft.records == 0)
        return false;
    return (f->q->page_size > 0 && l->draft.records >= f->q->page_size) ||
           draft_bytes(&l->draft, &l->fill) >= chunk_target(l);
}

/* ONE: whether a record of @len can be put; says in f->why what if not. */
static bool answer_has_room(struct filler *f, size_t len)
{
    const struct listing *l = f->l;
    if (!answer_fits(l, len))
        return stop(f, l->paged && l->draft.records > 0 ? STEP_PAGE : STEP_TOO_LARGE);
    return answer_take(f->l, len) || stop(f, STEP_FAILED);
}

/* Whether the step goes on, before another record is looked at. */
static bool step_goes_on(struct filler *f)
{
    struct listing *l = f->l;
    if (f->q->left == 0)
        return stop(f, STEP_ANSWERED);
    if (l->scanned_bytes >= SCAN_STEP_BYTES)
        return stop(f, STEP_SCANNED);
    if (!many_responses(l))
        return !l->paged || l->page_left > 0 || stop(f, STEP_PAGE);
    if (message_is_full(f) && !close_part(l, f->q))
        return stop_memory(f);
    return l->draft.records > 0 || !fill_is_full(l) || stop(f, STEP_FULL);
}

static bool put_record(struct filler *f, struct bytes record)
{
    struct listing *l = f->l;
    if (!draft_put_record(&l->draft, &l->fill, record, f->author) || !note_unresolved(f))
        return stop_memory(f);
    f->q->barren_bytes = 0;
    if (f->q->left != UINT64_MAX)
        f->q->left--;
    if (l->page_left > 0)
        l->page_left--;
    return true;
}

static bool has_tag(struct bytes record, unsigned field, struct bytes tag)
{
    struct wire_field f;
    while (wire_next(&record, &f))
        if (f.number == field && f.type == WIRE_BYTES && bytes_equal(f.bytes, tag))
            return true;
    return false;
}

/* A record. A message is closed only when the record after it is seen: so the
 * last one is known to be the last. */
static bool visit_record(struct visit *visit, struct position at, struct bytes record)
{
    struct filler *f = (struct filler *)visit;
    struct listing *l = f->l;
    struct query *q = f->q;
    if (!step_goes_on(f))
        return false;
    l->scanned_bytes += record.len;
    if (q->tag.len > 0 && !has_tag(record, l->kind->tag_field, q->tag)) {
        q->barren_bytes += record.len;
        return true;
    }
    if (!author_is_known(f, at.group))
        return false;
    if (!many_responses(l) && !answer_has_room(f, record.len + f->author.len))
        return false;
    return put_record(f, record);
}

/* The group of the query's user, once. */
static int find_group(struct query *q, struct reader *reader)
{
    uint32_t group = 0;
    if (q->found)
        return 0;
    const int found = reader_group(reader, q->user_id, &group);
    if (found < 0)
        return -1;
    q->found = true;
    q->empty = found == 0;
    q->last_group = group;
    if (q->at.group != group) /* a token's position is in it already */
        q->at = (struct position){ group, 0 };
    return 0;
}

static enum step scan(struct listing *l, struct query *q, struct reader *reader)
{
    struct filler f = { .visit.record = visit_record, .l = l, .q = q, .reader = reader };
    if (l->kind->by_user && find_group(q, reader) != 0) {
        fail_store(l, reader_error(reader));
        return STEP_FAILED;
    }
    if (!q->counted && query_is_whole(q, l->kind)) {
        q->counted = true;
        l->total_size = reader_count(reader);
    }
    if (q->empty)
        return STEP_ANSWERED;
    switch (reader_scan(reader, &q->at, q->last_group, &f.visit)) {
    case 0:
        q->left = UINT64_MAX; /* complete, whatever the limit was */
        return STEP_ANSWERED;
    case 1:
        return f.why;
    default:
        fail_store(l, reader_error(reader));
        return STEP_FAILED;
    }
}

static enum step step(struct listing *l, struct query *q)
{
    char error[STORE_ERROR_MAX];
    struct reader *reader = l->env->reader;
    if (reader_begin(reader, error) != 0) {
        fail_store(l, error);
        return STEP_FAILED;
    }
    const enum step why = scan(l, q, reader);
    reader_end(reader);
    return why;
}

/* --- One query -------------------------------------------------------------------------------- */

/* Sends the single answer. It ends with the request of this index; with a
 * token it goes on after what was listed. */
static void send_answer(struct listing *l, int32_t request_index, struct bytes token)
{
    if (!close_message(l, request_index, token, true)) {
        fail_memory(l);
        return;
    }
    l->ended = true; /* requests that may still come do not matter */
    while (l->nqueries > 0)
        pop_query(l);
    flush(l);
}

/* ONE: the page is full, in the midst of @q. */
static void send_page(struct listing *l, const struct query *q)
{
    char room[TOKEN_TEXT];
    send_answer(l, q->index, token_of(l, q, room));
}

/* The query is done: with a token if its limit was reached. MANY: that is its
 * last message. ONE: whether it was the last one is to be seen. */
static void conclude(struct listing *l, const struct query *q, struct bytes token)
{
    if (many_responses(l) && !close_message(l, q->index, token, true)) {
        fail_memory(l);
        return;
    }
    l->last_index = q->index;
    l->last_token_len = token.len;
    if (token.len > 0)
        memcpy(l->last_token, token.data, token.len);
    pop_query(l);
}

/* An entry in errors; it too takes room. */
static bool put_error(struct listing *l, const struct query *q, const struct status *why)
{
    const size_t bytes = strlen(why->message);
    if (!many_responses(l) && !answer_fits(l, bytes))
        too_large(l);
    else if (!many_responses(l) && !answer_take(l, bytes))
        return false;
    else if (draft_put_error(&l->draft, q->index, why))
        return true;
    else
        fail_memory(l);
    return false;
}

/* The request cannot be answered: that is the call's status if it is the only
 * one, an entry in errors otherwise. */
static void refuse(struct listing *l, struct query *q, const struct status *why)
{
    if (!many_requests(l))
        fail(l, why);
    else if (put_error(l, q, why))
        conclude(l, q, no_token);
}

/* The query was listed to its end or limit. */
static void answered(struct listing *l, struct query *q)
{
    char room[TOKEN_TEXT];
    conclude(l, q, q->left == 0 ? token_of(l, q, room) : no_token);
}

static void wait_for_name(struct listing *l, struct name *name)
{
    move(l, LISTING_NAME);
    name_wait_start(name, &l->wait);
}

/* What is ready goes out before the machine waits for something else. */
static void close_draft(struct listing *l, struct query *q)
{
    const bool barren = q->barren_bytes >= BARREN_BYTES;
    if (!many_responses(l) || (l->draft.records == 0 && !barren))
        return;
    q->barren_bytes = 0;
    if (close_part(l, q))
        flush(l);
    else
        fail_memory(l);
}

static void after_name(struct listing *l, struct query *q)
{
    close_draft(l, q);
    if (l->state == LISTING_WORK)
        wait_for_name(l, l->awaited);
}

static void after_scanned(struct listing *l, struct query *q)
{
    if (!many_responses(l) && l->paged && q->barren_bytes >= BARREN_BYTES) {
        send_page(l, q);
        return;
    }
    close_draft(l, q);
    if (l->state != LISTING_WORK)
        return;
    move(l, LISTING_TURN);
    task_defer(l->s->loop, &l->turn);
}

static void list(struct listing *l, struct query *q)
{
    switch (step(l, q)) {
    case STEP_ANSWERED:
        answered(l, q);
        break;
    case STEP_PAGE:
        send_page(l, q);
        break;
    case STEP_NAME:
        after_name(l, q);
        break;
    case STEP_SCANNED:
        after_scanned(l, q);
        break;
    case STEP_TOO_LARGE:
        too_large(l);
        break;
    case STEP_FULL:
    case STEP_FAILED:
        break;
    }
}

/* Works on the oldest query until its chunk is full, it is answered, or the
 * machine has to wait. */
static void work(struct listing *l, struct query *q)
{
    struct name *user = q->names.one;
    if (q->refused != NULL) {
        refuse(l, q, q->refused);
    } else if (user != NULL && !name_is_known(name_state(user))) {
        wait_for_name(l, user);
    } else if (user != NULL && name_state(user) == NAME_MISSING) {
        const struct status unknown = status_of(STATUS_NOT_FOUND, "there is no user %.*s",
                                                (int)q->user_id.len, (const char *)q->user_id.data);
        refuse(l, q, &unknown);
    } else {
        list(l, q);
    }
}

/* --- The machine -------------------------------------------------------------------------------
 */

/* No request is left to work on. */
static void rest(struct listing *l)
{
    if (l->ended && !many_responses(l)) {
        send_answer(l, l->last_index, bytes_of(l->last_token, l->last_token_len));
    } else if (!many_responses(l) || !all_handed(l)) {
        move(l, LISTING_IDLE);
    } else if (l->ended) {
        const struct status ok = status_ok();
        fail(l, &ok);
    } else if (l->draining) {
        const struct status stopping = status_of(STATUS_UNAVAILABLE, "the server is stopping");
        fail(l, &stopping);
    } else {
        move(l, LISTING_IDLE);
    }
}

static void tick(struct listing *l)
{
    if (l->s->finished) /* by the runtime, over bytes that are no message */
        return;
    move(l, LISTING_WORK);
    l->scanned_bytes = 0;
    while (l->state == LISTING_WORK) {
        if (many_responses(l))
            flush(l);
        if (l->state != LISTING_WORK)
            return;
        struct query *q = current(l);
        if (q == NULL)
            rest(l);
        else if (many_responses(l) && fill_is_full(l))
            move(l, LISTING_ROOM);
        else
            work(l, q);
    }
    if (l->state != LISTING_DONE)
        read_ahead(l);
}

/* Ticks if that is what the machine waits for. */
static void tick_if(struct listing *l, enum listing_state waits_in)
{
    if (l->state == waits_in)
        tick(l);
}

static void on_name_known(struct name_wait *wait)
{
    tick_if(container_of(wait, struct listing, wait), LISTING_NAME);
}

static void on_name_failed(struct name_wait *wait, const struct status *status)
{
    fail(container_of(wait, struct listing, wait), status);
}

static void on_turn(struct task *task)
{
    tick_if(container_of(task, struct listing, turn), LISTING_TURN);
}

/* --- The stream's events
 * ---------------------------------------------------------------------------- */

void listing_on_open(struct stream *s)
{
    struct listing *l = calloc(1, sizeof *l);
    s->data = l;
    if (l != NULL) {
        l->s = s;
        l->kind = s->method->row;
        l->env = loop_env(s->loop);
        l->state = LISTING_IDLE;
        l->wait.known = on_name_known;
        l->wait.failed = on_name_failed;
        l->turn.run = on_turn;
        l->queries = calloc(ring_size(l), sizeof *l->queries);
    }
    if (l == NULL || l->queries == NULL) {
        stream_fail(s, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    read_ahead(l);
}

static bool add_query(struct listing *l, const ProtobufCMessage *message, struct bytes bytes)
{
    struct listing_request request = { 0 };
    l->kind->decode(message, &request);
    request.bad_text = wire_bad_text(message->descriptor, bytes);
    struct query *q = &l->queries[(l->oldest + l->nqueries++) % ring_size(l)];
    if (query_init(q, l->kind, l->env, &request, (int32_t)l->next_index++) != 0)
        return false;
    if (l->next_index == 1 && !many_responses(l)) {
        l->paged = request.page_size > 0;
        l->page_left = l->paged ? (uint32_t)request.page_size : 0;
    }
    return true;
}

void listing_on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    struct listing *l = s->data;
    if (l->state == LISTING_DONE)
        return;
    l->reading = false;
    if (!many_requests(l))
        l->ended = true;
    if (!add_query(l, message, bytes)) {
        fail_memory(l);
        return;
    }
    tick_if(l, LISTING_IDLE);
    if (l->state != LISTING_DONE)
        read_ahead(l);
}

void listing_on_end(struct stream *s)
{
    struct listing *l = s->data;
    l->reading = false;
    l->ended = true;
    tick_if(l, LISTING_IDLE);
}

void listing_on_sent(struct stream *s)
{
    struct listing *l = s->data;
    l->out.sent++;
    if (l->state == LISTING_IDLE || l->state == LISTING_ROOM)
        tick(l);
    else if (l->state != LISTING_DONE)
        flush(l);
}

void listing_on_drain(struct stream *s)
{
    struct listing *l = s->data;
    l->draining = true;
    if (many_requests(l))
        tick_if(l, LISTING_IDLE);
}

void listing_on_close(struct stream *s, const struct status *status)
{
    struct listing *l = s->data;
    (void)status;
    if (l == NULL)
        return;
    name_wait_stop(&l->wait);
    task_cancel(&l->turn);
    while (l->queries != NULL && l->nqueries > 0)
        pop_query(l);
    if (l->budgeted_bytes > 0)
        atomic_fetch_sub(&l->env->budget->used, l->budgeted_bytes);
    chunk_clear(&l->out);
    chunk_clear(&l->fill);
    draft_clear(&l->draft);
    free(l->queries);
    free(l);
}
