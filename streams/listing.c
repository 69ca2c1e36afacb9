/* The machine of the listing pipeline: see listing.h. */
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/wire.h"
#include "follow.h"
#include "store/store.h"

/* After so much without a match the client is told how far it is: by an empty
 * message, or a short page. */
#define BARREN_BYTES (16 << 20)

/* Requests. More where each round trip brings what many of them need. */
#define READ_AHEAD         64
#define READ_AHEAD_FETCHED 512

#define INDEX_MAX ((uint32_t)INT32_MAX) /* of a request */

static const struct bytes no_token;

/* An index is an int32, which must not wrap. */
static void fail_spent(struct listing *l)
{
    struct status status = status_of(
        STATUS_RESOURCE_EXHAUSTED,
        "one stream takes at most %u requests: send the others in another one", INDEX_MAX + 1u);
    status_because(&status, "TOO_MANY_REQUESTS");
    listing_finish(l, &status);
}

/* --- Requests ----------------------------------------------------------------------- */

static uint32_t ring_size(const struct stream *s, const struct listing_env *env)
{
    if (s->method->requests != MANY)
        return 1;
    return reader_fetches(env->reader) ? READ_AHEAD_FETCHED : READ_AHEAD;
}

static struct query *current(struct listing *l)
{
    return l->nqueries == 0 ? NULL : &l->queries[l->oldest];
}

static void pop_query(struct listing *l)
{
    struct query *q = &l->queries[l->oldest];
    struct follow *f = q->follow;
    query_clear(q);
    follow_free(f);
    l->oldest = (l->oldest + 1) % l->ring;
    l->nqueries--;
}

/* While the server stops, those that only follow are told nothing more. */
static void pass_follows(struct listing *l)
{
    struct query *q;
    while ((q = current(l)) != NULL && q->follow != NULL && q->in_changes) {
        follow_leave_queue(q->follow, q);
        pop_query(l);
    }
}

/* The request that is worked on next: the queue and those that follow take turns. They change
 * between two messages, of which the first of a listing has its size. NULL: none. */
static struct query *next_query(struct listing *l)
{
    if (l->draining)
        pass_follows(l);
    struct query *q = current(l), *woken = l->draining ? NULL : follows_woken(l);
    if (q == NULL || (woken != NULL && l->follows->first && l->total_size == 0))
        return woken;
    return q;
}

/* The other has the next turn. */
static void change_turns(struct listing *l, const struct query *had)
{
    if (l->follows != NULL)
        l->follows->first = l->nqueries > 0 && had == current(l);
}

/* The query is answered, or ended: out of the queue, or of the follows. */
static void drop(struct listing *l, struct query *q)
{
    if (q == current(l))
        pop_query(l);
    else
        follow_free(q->follow);
}

static void read_ahead(struct listing *l)
{
    if (!many_requests(l) || l->reading || l->ended || l->spent || l->nqueries == l->ring)
        return;
    if (l->draining && many_responses(l)) /* what was read is answered, and no more */
        return;
    l->reading = true;
    stream_read(l->s);
}

/* --- One query ---------------------------------------------------------------------- */

/* Sends the single answer. It ends with the request of this index; with a
 * token it goes on after what was listed. */
static void send_answer(struct listing *l, int32_t request_index, struct bytes token)
{
    if (!out_close_message(l, request_index, token, true)) {
        listing_fail_memory(l);
        return;
    }
    l->ended = true; /* requests that may still come do not matter */
    while (l->nqueries > 0)
        pop_query(l);
    out_flush(l);
}

/* ONE: the page is full, in the midst of @q. */
static void send_page(struct listing *l, struct query *q)
{
    char room[PAGE_TOKEN_TEXT_MAX];
    send_answer(l, q->index, out_token(l, q, room));
}

static void keep_last(struct listing *l, struct query *q, bool cut)
{
    l->last_index = q->index;
    l->last_cut = cut;
    if (!cut)
        return;
    query_clear(&l->last);
    store_fetch_drop(&q->fetch);
    l->last = *q;
    *q = (struct query){ 0 };
}

/* The query is done; @cut: its limit was reached, so that a token resumes it.
 * MANY: that is its last message. ONE: whether it was the last one, and the token
 * is wanted, is to be seen. */
static void conclude(struct listing *l, struct query *q, bool cut)
{
    char room[PAGE_TOKEN_TEXT_MAX];
    if (!many_responses(l)) {
        keep_last(l, q, cut);
    } else if (!out_close_message(l, q->index, cut ? out_token(l, q, room) : no_token, true)) {
        listing_fail_memory(l);
        return;
    }
    drop(l, q);
}

/* Whether an entry in errors can be put. ONE: if not, the call was failed. */
static bool error_has_room(struct listing *l, const struct status *why)
{
    const size_t bytes = strlen(why->message);
    if (many_responses(l))
        return true;
    if (out_fits(l, bytes))
        return out_take(l, bytes);
    out_too_large(l);
    return false;
}

/* The request cannot be answered: that is the call's status if it is the only
 * one, an entry in errors otherwise. */
static void refuse(struct listing *l, struct query *q, const struct status *why)
{
    if (!many_requests(l))
        listing_finish(l, why);
    else if (!error_has_room(l, why))
        return;
    else if (!draft_put_error(&l->draft, q->index, why))
        listing_fail_memory(l);
    else
        conclude(l, q, false);
}

static void wait_for_name(struct listing *l, struct name *name)
{
    listing_move(l, LISTING_NAME);
    name_wait_start(name, &l->wait);
}

/* What is ready goes out while the machine waits for something else. */
static void close_draft(struct listing *l, struct query *q)
{
    const bool barren = q->barren_bytes >= BARREN_BYTES;
    if (!many_responses(l) || (draft_is_empty(&l->draft) && !barren))
        return;
    q->barren_bytes = 0;
    if (!out_close_part(l, q))
        listing_fail_memory(l);
}

static void after_name(struct listing *l, struct query *q)
{
    close_draft(l, q);
    if (l->state == LISTING_WORK)
        wait_for_name(l, l->awaited);
}

/* Those that wait for records have nothing to do before these are there. */
static void after_later(struct listing *l, struct query *q)
{
    close_draft(l, q);
    if (l->state == LISTING_WORK)
        listing_move(l, LISTING_STORE);
}

static void wait_turn(struct listing *l)
{
    listing_move(l, LISTING_TURN);
    task_defer(l->s->loop, &l->turn);
}

/* Others have their turn: of the loop, or of those that follow. */
static void after_scanned(struct listing *l, struct query *q)
{
    if (!many_responses(l) && l->paged && q->barren_bytes >= BARREN_BYTES) {
        send_page(l, q);
        return;
    }
    close_draft(l, q);
    if (q->in_changes)
        follow_again(q->follow);
    else if (l->state == LISTING_WORK)
        wait_turn(l);
}

static void refuse_expired(struct listing *l, struct query *q)
{
    struct status expired =
        status_of(STATUS_FAILED_PRECONDITION,
                  "the changes since this token are not kept any more: list again from the start");
    status_because(&expired, "CHANGES_EXPIRED");
    refuse(l, q, &expired);
}

/* A step has ended before all was told. */
static void after_step(struct listing *l, struct query *q, enum step why)
{
    switch (why) {
    case STEP_PAGE:
        send_page(l, q);
        break;
    case STEP_NAME:
        after_name(l, q);
        break;
    case STEP_LATER:
        after_later(l, q);
        break;
    case STEP_SCANNED:
        after_scanned(l, q);
        break;
    case STEP_TOO_LARGE:
        out_too_large(l);
        break;
    case STEP_EXPIRED:
        refuse_expired(l, q);
        break;
    default: /* FULL, or FAILED */
        break;
    }
}

/* --- Changes ------------------------------------------------------------------------ */

/* Everything until now was told. The client hears of it once. */
static void caught_up(struct listing *l, struct query *q)
{
    struct follow *f = q->follow;
    const bool in_queue = q == current(l);
    l->caught_up = !f->greeted;
    if ((!f->greeted || f->must_say || !draft_is_empty(&l->draft)) && !out_close_part(l, q)) {
        listing_fail_memory(l);
        return;
    }
    f->greeted = true;
    follow_rest(f, q);
    if (in_queue)
        pop_query(l);
}

/* One step, in a turn of the feed's. */
static void tell_changes(struct listing *l, struct query *q)
{
    if (!l->has_turn) {
        follows_wait_turn(l);
        return;
    }
    l->has_turn = false;
    change_turns(l, q);
    out_tells_changes(l, true);
    const enum step why = changes_step(l, q);
    if (why == STEP_ANSWERED && q->left == 0)
        conclude(l, q, true);
    else if (why == STEP_ANSWERED)
        caught_up(l, q);
    else
        after_step(l, q, why);
}

/* The listing of a follow is over. */
static void begin_changes(struct listing *l, struct query *q)
{
    close_draft(l, q);
    q->in_changes = true;
}

/* --- Listing ------------------------------------------------------------------------ */

static void list(struct listing *l, struct query *q)
{
    change_turns(l, q);
    out_tells_changes(l, false);
    const enum step why = fill_step(l, q);
    if (why == STEP_ANSWERED && q->follow != NULL && q->left > 0)
        begin_changes(l, q);
    else if (why == STEP_ANSWERED)
        conclude(l, q, q->left == 0); /* its limit, or its end */
    else
        after_step(l, q, why);
}

/* One that follows and was told so needs a name only where there is something to tell. */
static bool is_greeted(const struct query *q)
{
    return q->follow != NULL && q->follow->greeted;
}

/* Works on the query until its chunk is full, it is answered, or the
 * machine has to wait. */
static void work(struct listing *l, struct query *q)
{
    struct name *user = q->names.one;
    if (q->refused != NULL) {
        refuse(l, q, q->refused);
    } else if (user != NULL && !name_is_known(name_state(user)) && !is_greeted(q)) {
        wait_for_name(l, user);
    } else if (user != NULL && name_state(user) == NAME_MISSING) {
        struct status unknown = status_of(STATUS_NOT_FOUND, "there is no user %.*s",
                                          (int)q->user_id.len, (const char *)q->user_id.data);
        status_because(&unknown, "USER_NOT_FOUND");
        refuse(l, q, &unknown);
    } else if (q->in_changes) {
        tell_changes(l, q);
    } else {
        list(l, q);
    }
}

/* --- The machine -------------------------------------------------------------------- */

/* ONE: all requests are done. */
static void send_all(struct listing *l)
{
    char room[PAGE_TOKEN_TEXT_MAX];
    send_answer(l, l->last_index, l->last_cut ? out_token(l, &l->last, room) : no_token);
}

/* No request is left to work on. */
static void rest(struct listing *l)
{
    if (l->ended && !many_responses(l)) {
        send_all(l);
    } else if (!many_responses(l) || !out_all_handed(l)) {
        listing_move(l, LISTING_IDLE);
    } else if (l->ended && !follows_any(l)) {
        const struct status ok = status_ok();
        listing_finish(l, &ok);
    } else if (l->spent) {
        fail_spent(l);
    } else if (l->draining) {
        const struct status stopping = status_stopping();
        listing_finish(l, &stopping);
    } else {
        listing_move(l, LISTING_IDLE);
    }
}

/* Answers are together in a chunk until it is full, or no request is left. */
static void go_on(struct listing *l)
{
    struct query *q = next_query(l);
    if (q != NULL && !(many_responses(l) && out_is_full(l))) {
        work(l, q);
        return;
    }
    if (many_responses(l))
        out_flush(l);
    if (l->state != LISTING_WORK)
        return;
    if (q == NULL)
        rest(l);
    else if (out_is_full(l))
        listing_move(l, LISTING_ROOM);
}

static void tick(struct listing *l)
{
    if (l->s->finished) /* by the runtime, over bytes that are no message */
        return;
    listing_move(l, LISTING_WORK);
    l->scanned_bytes = 0;
    while (l->state == LISTING_WORK)
        go_on(l);
    step_end(l);
    l->has_turn = false;
    if (l->state != LISTING_DONE && many_responses(l))
        out_flush(l); /* what is ready does not wait for what the machine waits for */
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
    listing_finish(container_of(wait, struct listing, wait), status);
}

static void on_turn(struct task *task)
{
    tick_if(container_of(task, struct listing, turn), LISTING_TURN);
}

static void on_fetched(struct store_fetch *fetch)
{
    tick_if(container_of(fetch, struct query, fetch)->l, LISTING_STORE);
}

static void on_feed_turn(struct feed_turn *turn)
{
    struct listing *l = container_of(turn, struct follows, turn)->l;
    l->has_turn = true;
    tick_if(l, LISTING_TURN);
}

/* --- The stream's events ------------------------------------------------------------ */

void listing_on_open(struct stream *s)
{
    const struct listing_kind *kind = s->method->data;
    const struct listing_env *env = kind->env(s->loop);
    const uint32_t ring = ring_size(s, env);
    struct listing *l = malloc(sizeof *l + ring * sizeof l->queries[0]);
    s->data = l;
    if (l == NULL) {
        stream_fail_memory(s);
        return;
    }
    *l = (struct listing){
        .s = s,
        .kind = kind,
        .env = env,
        .ring = ring,
        .state = LISTING_IDLE,
        .next_index = env->first_index,
        .wait = { .known = on_name_known, .failed = on_name_failed },
        .turn.run = on_turn,
    };
    out_init(l);
    read_ahead(l);
}

static bool add_query(struct listing *l, const struct listing_request *request)
{
    struct query *q = &l->queries[(l->oldest + l->nqueries++) % l->ring];
    const int32_t index = (int32_t)l->next_index++;
    if (query_init(q, l->kind, l->env, request, index, many_responses(l)) != 0)
        return false;
    q->l = l;
    q->fetch.ready = on_fetched;
    if (request->follow && q->refused == NULL && follow_new(l, q, on_feed_turn) != 0)
        return false;
    if (q->refused == NULL && !q->in_changes)
        fill_ahead(l, q);
    if (q->index == (int32_t)l->env->first_index && !many_responses(l)) {
        l->paged = request->page_size > 0;
        l->page_left = l->paged ? (uint32_t)request->page_size : 0;
    }
    return true;
}

/* Bytes that are no request end the call; one that breaks the rules is answered. */
static bool read_request(struct listing *l, struct bytes bytes)
{
    struct listing_request request = { 0 };
    struct said said[RULES_MAX];
    struct status wrong;
    const enum rules_result result = rules_read(l->s->on->rules, bytes, said, &wrong);
    if (result == RULES_NO_MESSAGE) {
        listing_finish(l, &wrong);
        return false;
    }
    l->kind->read(said, &request);
    if (result == RULES_BROKEN)
        request.wrong = &wrong;
    if (!add_query(l, &request))
        listing_fail_memory(l);
    return l->state != LISTING_DONE;
}

static void take_request(struct listing *l, struct bytes bytes)
{
    if (!read_request(l, bytes))
        return;
    if (l->state == LISTING_IDLE && many_requests(l))
        wait_turn(l); /* those that come in this round are answered together */
    else
        tick_if(l, LISTING_IDLE);
    if (l->state != LISTING_DONE)
        read_ahead(l);
}

/* MANY: those before are answered. ONE: no answer can end with this request. */
static void take_none(struct listing *l)
{
    l->spent = true;
    if (many_responses(l))
        tick_if(l, LISTING_IDLE);
    else
        fail_spent(l);
}

void listing_on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    struct listing *l = s->data;
    (void)message;
    if (l->state == LISTING_DONE)
        return;
    l->reading = false;
    if (!many_requests(l))
        l->ended = true;
    if (l->next_index > INDEX_MAX)
        take_none(l);
    else
        take_request(l, bytes);
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
    out_sent(l);
    if (l->state == LISTING_IDLE || l->state == LISTING_ROOM)
        tick(l);
    else if (l->state != LISTING_DONE)
        out_flush(l);
}

void listing_on_drain(struct stream *s)
{
    struct listing *l = s->data;
    l->draining = true;
    if (many_requests(l) || follows_any(l))
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
    while (l->nqueries > 0)
        pop_query(l);
    follows_clear(l);
    if (l->budgeted_bytes > 0)
        budget_give(l->env->budget, l->budgeted_bytes);
    chunk_clear(&l->out);
    chunk_clear(&l->fill);
    draft_clear(&l->draft);
    query_clear(&l->last);
    free(l);
}
