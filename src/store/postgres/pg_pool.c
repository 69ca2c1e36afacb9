#include "pg_pool.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/container.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 1000

struct member {
    struct pg_conn conn;
    struct pg_pool *pool;
    struct timer retry;
    uint64_t backoff_ms;
};

struct pg_pool {
    struct loop *loop;
    struct pg_pool_options options;
    enum pg_health health;
    struct pg_error error; /* of the last attempt that failed */
    struct ring waiting;   /* by deadline, as the next */
    struct ring sent;      /* but for those that commit */
    unsigned nwaiting;
    struct ring failing; /* there was no room in the line */
    struct task fail;
    struct timer deadline; /* of the first of either, or sooner */
    struct posting freeing;
    struct member members[];
};

/* --- The line ----------------------------------------------------------------------- */

static struct pg_request *request_of(struct ring *link)
{
    return container_of(link, struct pg_request, link);
}

static void count_waiting(const struct pg_pool *p, uint64_t by)
{
    if (p->options.each.numbers != NULL)
        pg_number_add(&p->options.each.numbers->waiting, by);
}

static void leave(struct pg_request *r)
{
    ring_remove(&r->link);
    if (r->place == PG_WAITS) {
        r->pool->nwaiting--;
        count_waiting(r->pool, (uint64_t)-1);
    }
    r->place = PG_NOWHERE;
}

/* All have equally long, so it is mostly the last one. */
static void put_by_deadline(struct ring *line, struct pg_request *r)
{
    struct ring *before = line->prev;
    while (before != line && request_of(before)->deadline_ms > r->deadline_ms)
        before = before->prev;
    ring_append(before->next, &r->link);
}

static struct pg_conn *least_loaded(struct pg_pool *p, const struct pg_request *r)
{
    struct pg_conn *best = NULL;
    for (unsigned i = 0; i < p->options.connections; i++) {
        struct pg_conn *c = &p->members[i].conn;
        if (pg_conn_has_room(c, r) && (best == NULL || c->in_flight < best->in_flight))
            best = c;
    }
    return best;
}

static uint64_t first_deadline(struct ring *line)
{
    return ring_empty(line) ? UINT64_MAX : request_of(line->next)->deadline_ms;
}

/* A timer that is too early is set again when it fires: that is once in a while, and not with
 * each request. */
static void watch_deadline(struct pg_pool *p)
{
    const uint64_t a_ms = first_deadline(&p->waiting), b_ms = first_deadline(&p->sent);
    const uint64_t due_ms = a_ms < b_ms ? a_ms : b_ms, now_ms = loop_now_ms(p->loop);
    if (due_ms == UINT64_MAX || (timer_running(&p->deadline) && p->deadline.due_ms <= due_ms))
        return;
    timer_start(p->loop, &p->deadline, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void send(struct pg_pool *p, struct pg_conn *c, struct pg_request *r)
{
    ring_init(&r->link);
    if (!r->commits)
        put_by_deadline(&p->sent, r);
    pg_conn_send(c, r);
    watch_deadline(p);
}

static void send_waiting(struct pg_pool *p)
{
    while (!ring_empty(&p->waiting)) {
        struct pg_request *r = request_of(p->waiting.next);
        struct pg_conn *c = least_loaded(p, r);
        if (c == NULL)
            break;
        leave(r);
        send(p, c, r);
    }
}

/* Who waited for a connection hears why there is none. */
static struct pg_error why_so_long(const struct pg_pool *p)
{
    if (p->health != PG_UP && p->error.line[0] != '\0')
        return p->error;
    return pg_error_again("no connection to the database %s was free for %llu ms",
                          p->options.each.target->name,
                          (unsigned long long)p->options.wait_timeout_ms);
}

static struct pg_error no_answer(const struct pg_pool *p)
{
    return pg_error_again("no answer of the database %s for %llu ms", p->options.each.target->name,
                          (unsigned long long)p->options.wait_timeout_ms);
}

/* The answer to one that was sent may still come, to nobody. */
static void expire(struct ring *line, uint64_t now_ms, const struct pg_error *why)
{
    while (first_deadline(line) <= now_ms) {
        struct pg_request *r = request_of(line->next);
        pg_request_cancel(r);
        r->done(r, why);
    }
}

static void on_deadline(struct timer *timer)
{
    struct pg_pool *p = container_of(timer, struct pg_pool, deadline);
    const struct pg_error waited = why_so_long(p), sent = no_answer(p);
    const uint64_t now_ms = loop_now_ms(p->loop);
    expire(&p->waiting, now_ms, &waited);
    expire(&p->sent, now_ms, &sent);
    watch_deadline(p);
}

static void on_fail(struct task *task)
{
    struct pg_pool *p = container_of(task, struct pg_pool, fail);
    const struct pg_error why = pg_error_again("too many wait for a connection to the database %s",
                                               p->options.each.target->name);
    while (!ring_empty(&p->failing)) {
        struct pg_request *r = request_of(p->failing.next);
        leave(r);
        r->done(r, &why);
    }
}

/* --- Connecting anew ---------------------------------------------------------------- */

static void on_retry(struct timer *timer)
{
    pg_conn_open(&container_of(timer, struct member, retry)->conn);
}

/* Servers that lost it together do not come back together. */
static uint64_t vary(uint64_t ms)
{
    uint32_t n = 0;
    if (getrandom(&n, sizeof n, GRND_NONBLOCK) != sizeof n)
        n = 0; /* they do, for once */
    return ms - n % (ms / 4 + 1);
}

static void retry_later(struct member *m)
{
    const bool wanted = !ring_empty(&m->pool->waiting);
    timer_start(m->pool->loop, &m->retry, vary(wanted ? m->backoff_ms : BACKOFF_MAX_MS));
    if (wanted)
        m->backoff_ms = m->backoff_ms * 2 < BACKOFF_MAX_MS ? m->backoff_ms * 2 : BACKOFF_MAX_MS;
}

/* Somebody waits from now on. */
static void retry_sooner(struct pg_pool *p)
{
    for (unsigned i = 0; i < p->options.connections; i++) {
        struct member *m = &p->members[i];
        if (timer_running(&m->retry) && m->retry.due_ms > loop_now_ms(p->loop) + m->backoff_ms)
            timer_start(p->loop, &m->retry, vary(m->backoff_ms));
    }
}

/* --- Its connections ---------------------------------------------------------------- */

static struct member *member_of(struct pg_conn *c)
{
    return container_of(c, struct member, conn);
}

static void tell_health(struct pg_pool *p)
{
    const enum pg_health now = pg_pool_ready(p) > 0 ? PG_UP : PG_DOWN;
    if (now == p->health)
        return;
    p->health = now;
    if (p->options.changed != NULL)
        p->options.changed(p, p->options.arg);
}

static void on_changed(struct pg_conn *c)
{
    struct member *m = member_of(c);
    if (c->state == PG_READY) {
        m->backoff_ms = BACKOFF_MIN_MS;
        send_waiting(m->pool);
    } else {
        m->pool->error = c->error;
        retry_later(m);
    }
    tell_health(m->pool); /* the last: the pool may be freed there */
}

static void send_or_wait(struct pg_pool *p, struct pg_request *r);

static bool may_go_again(const struct pg_pool *p, const struct pg_request *r,
                         const struct pg_error *error)
{
    return r->again != NULL && pg_error_passes(error) && !error->unknown &&
           r->deadline_ms > loop_now_ms(p->loop);
}

static void on_over(struct pg_conn *c, struct pg_request *r, const struct pg_error *error)
{
    struct pg_pool *p = member_of(c)->pool;
    ring_remove(&r->link);
    if (error == NULL || !may_go_again(p, r, error)) {
        r->done(r, error);
        return;
    }
    r->again(r);
    send_or_wait(p, r);
}

static void on_room(struct pg_conn *c)
{
    send_waiting(member_of(c)->pool);
}

static void on_notified(struct pg_conn *c, const char *payload)
{
    const struct pg_pool_options *o = &member_of(c)->pool->options;
    o->notified(o->arg, payload);
}

static void open_member(struct pg_pool *p, struct member *m)
{
    m->pool = p;
    m->backoff_ms = BACKOFF_MIN_MS;
    m->retry.fired = on_retry;
    m->conn = (struct pg_conn){ .loop = p->loop,
                                .options = &p->options.each,
                                .first_host = p->options.each.first_host,
                                .over = on_over,
                                .changed = on_changed,
                                .room = on_room,
                                .notified = p->options.notified != NULL ? on_notified : NULL };
    pg_conn_open(&m->conn);
}

/* --- Life --------------------------------------------------------------------------- */

int pg_pool_new(struct pg_pool **ret, struct loop *loop, const struct pg_pool_options *options)
{
    struct pg_pool *p = calloc(1, sizeof *p + options->connections * sizeof p->members[0]);
    if (p == NULL)
        return -1;
    p->loop = loop;
    p->options = *options;
    ring_init(&p->waiting);
    ring_init(&p->sent);
    ring_init(&p->failing);
    p->fail.run = on_fail;
    p->deadline.fired = on_deadline;
    for (unsigned i = 0; i < options->connections; i++)
        open_member(p, &p->members[i]);
    *ret = p;
    return 0;
}

static void on_free(struct loop *loop, void *arg)
{
    free(arg);
    loop_release(loop);
}

static void forget_all(struct ring *requests)
{
    while (!ring_empty(requests))
        leave(request_of(requests->next));
}

void pg_pool_free(struct pg_pool *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->options.connections; i++) {
        timer_stop(&p->members[i].retry);
        pg_conn_close(&p->members[i].conn);
    }
    forget_all(&p->waiting);
    forget_all(&p->sent);
    forget_all(&p->failing);
    timer_stop(&p->deadline);
    task_cancel(&p->fail);
    loop_hold(p->loop);
    loop_post_with(p->loop, &p->freeing, on_free, p);
}

static void wait_in_line(struct pg_pool *p, struct pg_request *r)
{
    const bool fits = p->nwaiting < p->options.max_waiting;
    r->place = fits ? PG_WAITS : PG_FAILS;
    if (!fits) {
        ring_append(&p->failing, &r->link);
        task_defer(p->loop, &p->fail);
        return;
    }
    put_by_deadline(&p->waiting, r);
    p->nwaiting++;
    count_waiting(p, 1);
    if (p->options.each.numbers != NULL)
        pg_number_add(&p->options.each.numbers->waits, 1);
    retry_sooner(p);
    watch_deadline(p);
}

static void send_or_wait(struct pg_pool *p, struct pg_request *r)
{
    struct pg_conn *c = ring_empty(&p->waiting) ? least_loaded(p, r) : NULL;
    if (c != NULL)
        send(p, c, r);
    else
        wait_in_line(p, r);
}

void pg_pool_submit_until(struct pg_pool *p, struct pg_request *r, uint64_t deadline_ms)
{
    r->pool = p;
    r->deadline_ms = deadline_ms;
    send_or_wait(p, r);
}

void pg_pool_submit(struct pg_pool *p, struct pg_request *r)
{
    pg_pool_submit_until(p, r, loop_now_ms(p->loop) + p->options.wait_timeout_ms);
}

void pg_request_cancel(struct pg_request *r)
{
    if (r->place == PG_SENT)
        pg_conn_forget(r->conn, r);
    if (r->pool != NULL)
        leave(r);
}

void pg_pool_give_up(struct pg_pool *p, const struct pg_error *why)
{
    for (unsigned i = 0; i < p->options.connections; i++)
        pg_conn_give_up(&p->members[i].conn, why);
}

int pg_pool_backend(const struct pg_pool *p)
{
    const struct pg_conn *c = &p->members[0].conn;
    return c->state == PG_READY ? PQbackendPID(c->pg) : 0;
}

enum pg_health pg_pool_health(const struct pg_pool *p)
{
    return p->health;
}

bool pg_pool_listens(const struct pg_pool *p)
{
    bool listens = p->health == PG_UP;
    for (unsigned i = 0; i < p->options.connections; i++)
        if (p->members[i].conn.state == PG_READY)
            listens = listens && p->members[i].conn.listens;
    return listens;
}

unsigned pg_pool_ready(const struct pg_pool *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->options.connections; i++)
        n += p->members[i].conn.state == PG_READY;
    return n;
}

unsigned pg_pool_in_flight(const struct pg_pool *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->options.connections; i++)
        n += p->members[i].conn.in_flight;
    return n;
}

unsigned pg_pool_waiting(const struct pg_pool *p)
{
    return p->nwaiting;
}

const struct pg_error *pg_pool_error(const struct pg_pool *p)
{
    return p->error.line[0] != '\0' ? &p->error : NULL;
}
