#include "resolver.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/states.h"
#include "names.h"
#include "resolver_log.h"
#include "v1/user/user.pb-c.h"
#include "waits.h"
#include "weir/loop.h"
#include "weir/stream.h"

#define REQUESTS_IN_FLIGHT 4
#define IDS_IN_REQUEST     1000

/* Some 13,000 names on each loop. What does not fit is asked for while the posts
 * before are listed: of 10 million posts by 100,000 users a post took as long
 * with 8 MiB, and as with a store whose names all fit. */
#define DEFAULT_CACHE_BYTES    (2u << 20)
#define DEFAULT_MIN_BACKOFF_MS 50
#define DEFAULT_MAX_BACKOFF_MS 1000
#define CLOSE_MS               250 /* for User to end a stream that we have ended */
#define NO_MEMORY_MS           20  /* until it is tried again */

/* A request that waits for so many timeouts will not be answered any more: the
 * stream is replaced. A User that is only slow gets the time to catch up. */
#define TIMEOUTS_UNTIL_STALLED 6

/* The stream:
 *
 *   DOWN -dialled-> CONNECTING -first answer-> CONNECTED
 *   CONNECTING or CONNECTED -on_close-> DOWN, and dialled again after a while
 *   any -resolver_close()-> CLOSING -on_close-> freed */
enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_CONNECTED, LINK_CLOSING };

static const struct state_row links[] = {
    [LINK_DOWN] = { "DOWN", STATE(LINK_CONNECTING) | STATE(LINK_CLOSING) },
    [LINK_CONNECTING] = { "CONNECTING",
                          STATE(LINK_CONNECTED) | STATE(LINK_DOWN) | STATE(LINK_CLOSING) },
    [LINK_CONNECTED] = { "CONNECTED", STATE(LINK_DOWN) | STATE(LINK_CLOSING) },
    [LINK_CLOSING] = { "CLOSING", 0 },
};

/* One message with ids, on the way or being answered. */
struct sent_request {
    unsigned unanswered; /* ids; 0: this place is free */
    uint64_t sent_ms;
};

struct resolver {
    struct loop *loop;
    resolver_dial dial;
    void *dial_arg;
    void (*on_link)(void *dial_arg, bool up);
    uint64_t timeout_ms;
    uint64_t min_backoff_ms, max_backoff_ms;

    struct names names;
    struct waits waits;

    enum link_state link;
    struct stream *stream; /* NULL: none is open */
    bool greeted;          /* something was sent on it */
    struct sent_request requests[REQUESTS_IN_FLIGHT];
    struct task ask; /* at the end of a turn: ids that were wanted in it */

    /* Always running: due at the first deadline of a wait, or after a timeout
     * without any; or earlier, if there was no memory to ask. */
    struct timer tick;
    struct timer redial;
    uint64_t backoff_ms;
    uint64_t random;
    uint64_t marks;    /* so many were given */
    bool in_trouble;   /* the stream broke, and User has not answered since */
    struct status why; /* a wait fails with this */

    struct task freed;
    void (*closed)(void *arg);
    void *closed_arg;

    /* For resolver_stats(): the ids that were asked for on this stream and are
     * not answered are `pending`. */
    struct counter connected, dialled, asked, pending, pushed;
};

static void link_move(struct resolver *r, enum link_state next)
{
    r->link = state_step_logged(links, r->link, next, "resolver");
    counter_set(&r->connected, next == LINK_CONNECTED);
}

static bool is_open(const struct resolver *r)
{
    return r->link == LINK_CONNECTING || r->link == LINK_CONNECTED;
}

/* --- Chance ------------------------------------------------------------------------- */

/* For hash seeds and jitter, not for secrets. */
static uint64_t random_seed(const void *something)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t)(uintptr_t)something * 0x9e3779b97f4a7c15u;
    return seed | 1;
}

static uint64_t random_below(struct resolver *r, uint64_t bound)
{
    r->random ^= r->random << 13; /* xorshift64 */
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return r->random % bound;
}

/* --- Asking ------------------------------------------------------------------------- */

static struct sent_request *free_request(struct resolver *r)
{
    for (unsigned i = 0; i < REQUESTS_IN_FLIGHT; i++)
        if (r->requests[i].unanswered == 0)
            return &r->requests[i];
    return NULL;
}

/* The ids of the oldest wishes; how many. */
static size_t collect(struct resolver *r, char *ids[IDS_IN_REQUEST])
{
    size_t n = 0;
    for (struct ring *at = r->names.wanted.next; at != &r->names.wanted && n < IDS_IN_REQUEST;
         at = at->next)
        ids[n++] = container_of(at, struct name, link)->id;
    return n;
}

static bool send_ids(struct resolver *r, char **ids, size_t n)
{
    V1__User__ResolveUsersRequest m = V1__USER__RESOLVE_USERS_REQUEST__INIT;
    m.user_ids = ids;
    m.n_user_ids = n;
    const int rv = stream_send_message(r->stream, &m.base, 0);
    if (rv == ENOMEM)
        timer_start(r->loop, &r->tick, NO_MEMORY_MS);
    if (rv != 0) /* no room: on_sent comes */
        return false;
    r->greeted = true;
    return true;
}

static void mark_asked(struct resolver *r, struct sent_request *request, size_t n)
{
    request->unanswered = (unsigned)n;
    request->sent_ms = loop_now_ms(r->loop);
    for (size_t i = 0; i < n; i++)
        names_asked(container_of(r->names.wanted.next, struct name, link),
                    (unsigned)(request - r->requests));
    counter_add(&r->asked, n);
    counter_add(&r->pending, n);
}

/* Sends what is wanted, as far as there is room. On a new stream at least an
 * empty request, whose answer tells that User is there. */
static void ask(struct resolver *r)
{
    char *ids[IDS_IN_REQUEST];
    struct sent_request *request;
    if (!is_open(r))
        return;
    while (!ring_empty(&r->names.wanted) && (request = free_request(r)) != NULL) {
        size_t n = collect(r, ids);
        if (!send_ids(r, ids, n))
            return;
        resolver_log_asked(ids, n);
        mark_asked(r, request, n);
    }
    if (!r->greeted)
        send_ids(r, NULL, 0);
}

static void on_ask(struct task *task)
{
    ask(container_of(task, struct resolver, ask));
}

/* --- The stream --------------------------------------------------------------------- */

static void set_why(struct resolver *r, const char *reason)
{
    r->why = status_of(STATUS_UNAVAILABLE, "User is unreachable: %s", reason);
    r->why.waited = true; /* whoever hears of it has waited for timeout_ms */
    status_because(&r->why, "USER_UNREACHABLE");
}

static void expect_answers(struct resolver *r)
{
    char reason[64];
    snprintf(reason, sizeof reason, "no answer within %llu ms", (unsigned long long)r->timeout_ms);
    set_why(r, reason);
}

static void tell_link(const struct resolver *r, bool up)
{
    if (r->on_link != NULL)
        r->on_link(r->dial_arg, up);
}

static void note_answer(struct resolver *r)
{
    if (r->link == LINK_CONNECTED)
        return;
    link_move(r, LINK_CONNECTED);
    if (r->in_trouble)
        log_info("User answers again");
    r->in_trouble = false;
    r->backoff_ms = r->min_backoff_ms;
    expect_answers(r);
    tell_link(r, true);
}

static void redial_later(struct resolver *r)
{
    uint64_t least_ms = r->backoff_ms / 2;
    uint64_t after_ms = least_ms + random_below(r, r->backoff_ms - least_ms + 1);
    r->backoff_ms *= 2;
    if (r->backoff_ms > r->max_backoff_ms)
        r->backoff_ms = r->max_backoff_ms;
    timer_start(r->loop, &r->redial, after_ms);
}

/* A stream that has worked ends for good reasons too: User closes connections
 * of some age. It is trouble if the next one does not work either. */
static void report_loss(struct resolver *r, bool worked, const char *reason)
{
    if (worked)
        log_info("the stream to User ended: %s", reason);
    else if (!r->in_trouble)
        log_warn("%s", r->why.message);
    r->in_trouble = !worked;
}

/* The stream is gone, or could not be opened: changes may be missed from now
 * on, and answers that were due will not come. */
static void note_loss(struct resolver *r, bool worked, const char *reason)
{
    set_why(r, reason);
    report_loss(r, worked, reason);
    memset(r->requests, 0, sizeof r->requests);
    counter_set(&r->pending, 0);
    names_distrust(&r->names, true);
    redial_later(r);
    tell_link(r, false);
}

static void note_answered(struct resolver *r, unsigned request)
{
    r->requests[request].unanswered--;
    counter_add(&r->pending, (uint64_t)-1);
}

static bool learn(struct resolver *r, const V1__User__ResolvedUser *user)
{
    struct name *name = names_find(&r->names, bytes_of_text(user->user_id));
    if (name == NULL) { /* a change that nobody here cares for */
        counter_add(&r->pushed, 1);
        return true;
    }
    bool was_asked = name->state == NAME_ASKED;
    unsigned request = name->request;
    if (!names_learn(name, user->found, bytes_of_text(user->name)))
        return false;
    waits_ready(&r->waits, name);
    if (was_asked)
        note_answered(r, request);
    else
        counter_add(&r->pushed, 1);
    return true;
}

/* Answers and changes look alike, and need not be told apart: messages leave
 * User in the order they were built, so the last word on an id is the newest.
 * For the same reason what was asked before an invalidate_all need not be
 * asked again: its answer, if it is still to come, was built after that. */
static bool take_in(struct resolver *r, const V1__User__ResolveUsersResponse *m)
{
    if (m->invalidate_all)
        names_distrust(&r->names, false);
    for (size_t i = 0; i < m->n_users; i++)
        if (!learn(r, m->users[i]))
            return false;
    return true;
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    struct resolver *r = s->data;
    (void)bytes;
    if (r->link == LINK_CLOSING)
        stream_read(s); /* its end comes behind what User still sends */
    if (!is_open(r))
        return;
    note_answer(r);
    resolver_log_told((const V1__User__ResolveUsersResponse *)message);
    if (take_in(r, (const V1__User__ResolveUsersResponse *)message))
        stream_read(s);
    else
        stream_fail(s, STATUS_RESOURCE_EXHAUSTED, "out of memory for the names of users");
    names_trim(&r->names);
    task_defer(r->loop, &r->ask); /* there may be room for more requests */
    waits_tell(&r->waits);
}

static void on_sent(struct stream *s)
{
    ask(s->data);
}

static void resolver_free(struct resolver *r)
{
    void (*closed)(void *arg) = r->closed;
    void *arg = r->closed_arg;
    names_close(&r->names);
    free(r);
    closed(arg);
}

static void on_close(struct stream *s, const struct status *status)
{
    struct resolver *r = s->data;
    r->stream = NULL;
    if (r->link == LINK_CLOSING) {
        timer_stop(&r->redial);
        resolver_free(r);
        return;
    }
    const bool worked = r->link == LINK_CONNECTED;
    link_move(r, LINK_DOWN);
    if (status->code == STATUS_OK)
        note_loss(r, worked, "User ended the stream");
    else
        note_loss(r, worked,
                  status->message[0] != '\0' ? status->message : status_name(status->code));
}

static const struct stream_handler handler = {
    .message = &v1__user__resolve_users_response__descriptor,
    .on_message = on_message,
    .on_sent = on_sent,
    .on_close = on_close,
};

static void dial(struct resolver *r)
{
    counter_add(&r->dialled, 1);
    r->greeted = false;
    int rv = r->dial(r->dial_arg, r->loop, &handler, r, &r->stream);
    if (rv != 0) {
        r->stream = NULL;
        char reason[128];
        snprintf(reason, sizeof reason, "cannot open a stream to User: %s", strerror(rv));
        note_loss(r, false, reason);
        return;
    }
    link_move(r, LINK_CONNECTING);
    stream_read(r->stream);
    task_defer(r->loop, &r->ask);
}

/* --- Time --------------------------------------------------------------------------- */

static void on_redial(struct timer *timer)
{
    dial(container_of(timer, struct resolver, redial));
}

static void set_tick(struct resolver *r)
{
    uint64_t now_ms = loop_now_ms(r->loop);
    uint64_t due_ms = waits_deadline(&r->waits, now_ms + r->timeout_ms);
    timer_start(r->loop, &r->tick, due_ms > now_ms ? due_ms - now_ms : 0);
}

static bool is_stalled(const struct resolver *r)
{
    uint64_t now_ms = loop_now_ms(r->loop);
    for (unsigned i = 0; i < REQUESTS_IN_FLIGHT; i++)
        if (r->requests[i].unanswered > 0 &&
            now_ms - r->requests[i].sent_ms >= TIMEOUTS_UNTIL_STALLED * r->timeout_ms)
            return true;
    return false;
}

static void look_after_stream(struct resolver *r)
{
    if (is_open(r) && is_stalled(r))
        stream_fail(r->stream, STATUS_UNAVAILABLE, "a request was not answered for %llu ms",
                    (unsigned long long)(TIMEOUTS_UNTIL_STALLED * r->timeout_ms));
    else
        ask(r);
}

static void on_tick(struct timer *timer)
{
    struct resolver *r = container_of(timer, struct resolver, tick);
    waits_expire(&r->waits, loop_now_ms(r->loop), &r->why);
    if (r->link == LINK_CLOSING)
        return;
    set_tick(r);
    look_after_stream(r);
}

/* --- Life --------------------------------------------------------------------------- */

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static void set_options(struct resolver *r, const struct resolver_options *options)
{
    r->on_link = options->on_link;
    r->timeout_ms = or_default(options->timeout_ms, 1);
    r->min_backoff_ms = or_default(options->min_backoff_ms, DEFAULT_MIN_BACKOFF_MS);
    r->max_backoff_ms = or_default(options->max_backoff_ms, DEFAULT_MAX_BACKOFF_MS);
    r->backoff_ms = r->min_backoff_ms;
}

static void on_freed(struct task *task)
{
    resolver_free(container_of(task, struct resolver, freed));
}

int resolver_new(struct resolver **ret, struct loop *loop, resolver_dial dial_fn, void *dial_arg,
                 const struct resolver_options *options)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (r == NULL)
        return ENOMEM;
    r->loop = loop;
    r->dial = dial_fn;
    r->dial_arg = dial_arg;
    set_options(r, options);
    r->random = random_seed(r);
    r->ask.run = on_ask;
    r->freed.run = on_freed;
    r->tick.fired = on_tick;
    r->redial.fired = on_redial;
    waits_init(&r->waits);
    int rv = names_init(&r->names, or_default(options->cache_bytes, DEFAULT_CACHE_BYTES),
                        random_seed(r));
    if (rv != 0) {
        free(r);
        return rv;
    }
    timer_start(loop, &r->tick, r->timeout_ms);
    expect_answers(r);
    dial(r);
    *ret = r;
    return 0;
}

static void on_patience(struct timer *t)
{
    stream_fail(container_of(t, struct resolver, redial)->stream, STATUS_CANCELLED,
                "the resolver is closed");
}

/* A stream that works is ended and not cancelled: that is nothing for the log of User. */
static void end_stream(struct resolver *r, bool works)
{
    const struct status ok = status_ok();
    if (works)
        stream_finish(r->stream, &ok);
    r->redial.fired = on_patience;
    timer_start(r->loop, &r->redial, works ? CLOSE_MS : 0);
}

void resolver_close(struct resolver *r, void (*closed)(void *arg), void *arg)
{
    assert(r->names.held == 0 && ring_empty(&r->waits.by_deadline));
    const bool works = r->link == LINK_CONNECTED;
    link_move(r, LINK_CLOSING);
    r->closed = closed;
    r->closed_arg = arg;
    timer_stop(&r->tick);
    timer_stop(&r->redial);
    task_cancel(&r->ask);
    if (r->stream != NULL)
        end_stream(r, works);
    else
        task_defer(r->loop, &r->freed);
}

/* --- Names -------------------------------------------------------------------------- */

static struct resolver *resolver_of(const struct name *name)
{
    return container_of(name->names, struct resolver, names);
}

struct name *resolver_want(struct resolver *r, struct bytes user_id)
{
    struct name *name = names_hold(&r->names, user_id);
    if (name != NULL && name->state == NAME_WANTED)
        task_defer(r->loop, &r->ask);
    return name;
}

uint64_t resolver_mark(struct resolver *r)
{
    return ++r->marks;
}

void name_release(struct name *name)
{
    if (name != NULL)
        names_unhold(name);
}

void name_wait_start(struct name *name, struct name_wait *wait)
{
    struct resolver *r = resolver_of(name);
    waits_add(&r->waits, name, wait, loop_now_ms(r->loop) + r->timeout_ms);
}

void name_watch_start(struct name *name, struct name_wait *wait)
{
    waits_watch(name, wait);
}

void name_wait_stop(struct name_wait *wait)
{
    waits_remove(wait);
}

struct resolver_stats resolver_stats(const struct resolver *r)
{
    return (struct resolver_stats){
        .connected = counter_get(&r->connected),
        .names = counter_get(&r->names.n),
        .cached = counter_get(&r->names.ncached),
        .hits = counter_get(&r->names.hits),
        .misses = counter_get(&r->names.misses),
        .evicted = counter_get(&r->names.evicted),
        .reconnects = counter_get(&r->dialled) - 1,
        .asked = counter_get(&r->asked),
        .pending = counter_get(&r->pending),
        .pushed = counter_get(&r->pushed),
    };
}
