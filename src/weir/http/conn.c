#include "conn.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/states.h"
#include "h1_session.h"
#include "http_call.h"
#include "lane.h"
#include "tls_session.h"
#include "ws_session.h"

/* gRPC's own, where none is given. */
#define DEFAULT_KEEPALIVE_TIMEOUT_MS 20000
#define DEFAULT_HELLO_TIMEOUT_MS     120000

/* For the client's end, after ours. */
#define LINGER_MS 500

static const struct state_row states[] = {
    [CONN_HELLO] = { "HELLO", STATE(CONN_OPEN) | STATE(CONN_LINGER) | STATE(CONN_CLOSED) },
    [CONN_OPEN] = { "OPEN", STATE(CONN_LEAVING) | STATE(CONN_LINGER) | STATE(CONN_CLOSED) },
    [CONN_LEAVING] = { "LEAVING", STATE(CONN_LINGER) | STATE(CONN_CLOSED) },
    [CONN_LINGER] = { "LINGER", STATE(CONN_CLOSED) },
    [CONN_CLOSED] = { "CLOSED", 0 },
};

static const struct connection_options *options_of(const struct conn *c)
{
    return &c->lane->server->options.connections;
}

static void start_timer(struct conn *c, struct timer *timer, uint64_t after_ms)
{
    timer_start(c->lane->loop, timer, after_ms);
}

/* Waits for the rest of @span_ms since @since_ms; false: that is over. */
static bool not_yet(struct conn *c, struct timer *timer, uint64_t since_ms, uint64_t span_ms)
{
    const uint64_t now_ms = loop_now_ms(c->lane->loop);
    if (now_ms >= since_ms + span_ms)
        return false;
    start_timer(c, timer, since_ms + span_ms - now_ms);
    return true;
}

/* --- Timers ------------------------------------------------------------------------- */

static void on_phase_timer(struct timer *timer)
{
    struct conn *c = container_of(timer, struct conn, phase_timer);
    const bool says_hello = c->state == CONN_HELLO || (c->state == CONN_OPEN && !c->greeted);
    if (says_hello && !c->broken)
        conn_cut(c, REFUSED_HELLO_TIMEOUT);
    else
        conn_close(c); /* it has lingered */
}

static uint64_t keepalive_timeout_ms(const struct conn *c)
{
    const uint64_t ms = options_of(c)->keepalive_timeout_ms;
    return ms > 0 ? ms : DEFAULT_KEEPALIVE_TIMEOUT_MS;
}

void conn_ping(struct conn *c, enum ping_kind kind)
{
    const uint8_t opaque[8] = { (uint8_t)kind };
    counter_add(&c->lane->stats.pings_out, 1);
    if (c->h1 != NULL) {
        ws_ping(c->h1);
        return;
    }
    nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, opaque);
    conn_wants_flush(c);
}

static void ping(struct conn *c)
{
    c->pinged = true;
    conn_ping(c, PING_KEEPALIVE);
    start_timer(c, &c->keepalive_timer, keepalive_timeout_ms(c));
}

/* A body of HTTP/1.1 that does not go on: there is no ping that could ask why. */
static void check_body(struct conn *c)
{
    const uint64_t most_ms = options_of(c)->keepalive_time_ms + keepalive_timeout_ms(c);
    if (!not_yet(c, &c->keepalive_timer, c->heard_ms, most_ms))
        conn_cut(c, REFUSED_KEEPALIVE);
}

static void on_keepalive_timer(struct timer *timer)
{
    struct conn *c = container_of(timer, struct conn, keepalive_timer);
    const struct connection_options *o = options_of(c);
    if (c->h1 != NULL && !h1_listens(c)) { /* its silence says nothing */
        start_timer(c, timer, o->keepalive_time_ms);
        return;
    }
    if (c->h1 != NULL && c->ops != &ws_session) {
        check_body(c);
        return;
    }
    if (c->pinged) {
        if (!not_yet(c, timer, c->heard_ms, keepalive_timeout_ms(c)))
            conn_cut(c, REFUSED_KEEPALIVE);
        return;
    }
    if (not_yet(c, timer, c->heard_ms, o->keepalive_time_ms))
        return;
    if (c->ncalls == 0 && !o->keepalive_without_stream)
        start_timer(c, timer, o->keepalive_time_ms);
    else
        ping(c);
}

static void on_idle_timer(struct timer *timer)
{
    struct conn *c = container_of(timer, struct conn, idle_timer);
    if (c->ncalls == 0 && !not_yet(c, timer, c->idle_ms, options_of(c)->max_idle_ms))
        conn_leave(c);
}

/* Connections that were made together do not end together. */
static uint64_t vary(uint64_t ms)
{
    const uint64_t tenth = ms / 10;
    return tenth == 0 ? ms : ms - tenth + (uint64_t)random() % (2 * tenth);
}

static void on_age_timer(struct timer *timer)
{
    struct conn *c = container_of(timer, struct conn, age_timer);
    const uint64_t grace_ms = options_of(c)->max_age_grace_ms;
    if (c->old) {
        conn_close(c);
        return;
    }
    c->old = true;
    conn_leave(c);
    if (grace_ms > 0 && c->state < CONN_CLOSED)
        start_timer(c, timer, grace_ms);
}

/* Fails the calls whose client has read nothing of them for so long. Returns when the
 * next one may be due. */
static uint64_t cut_stuck_calls(struct conn *c, uint64_t timeout_ms)
{
    const uint64_t now_ms = loop_now_ms(c->lane->loop);
    const struct status why = status_of(STATUS_UNAVAILABLE, "the client did not read for too long");
    uint64_t next_ms = UINT64_MAX;
    for (struct ring *r = c->calls.next, *next; r != &c->calls; r = next) {
        struct http_call *call = container_of(r, struct http_call, link);
        next = r->next;
        if (!call_out_waits(call))
            continue;
        const uint64_t due_ms = call->out.progress_ms + timeout_ms;
        if (now_ms >= due_ms)
            http_call_cut(call, &why);
        else if (due_ms < next_ms)
            next_ms = due_ms;
    }
    return next_ms;
}

/* A client that reads nothing at all cannot even be told which calls have failed. */
static void on_stuck_timer(struct timer *timer)
{
    struct conn *c = container_of(timer, struct conn, stuck_timer);
    const uint64_t timeout_ms = c->lane->server->options.write_timeout_ms;
    const uint64_t now_ms = loop_now_ms(c->lane->loop);
    uint64_t next_ms = cut_stuck_calls(c, timeout_ms);
    if (c->rest != NULL) {
        const uint64_t due_ms = conn_rest_since_ms(c) + timeout_ms;
        if (now_ms >= due_ms) {
            conn_cut(c, REFUSED_WRITE);
            return;
        }
        next_ms = due_ms < next_ms ? due_ms : next_ms;
    }
    if (next_ms != UINT64_MAX)
        start_timer(c, timer, next_ms - now_ms);
}

static void start_timers(struct conn *c)
{
    const struct connection_options *o = options_of(c);
    c->heard_ms = c->idle_ms = loop_now_ms(c->lane->loop);
    if (o->keepalive_time_ms > 0)
        start_timer(c, &c->keepalive_timer, o->keepalive_time_ms);
    if (o->max_idle_ms > 0)
        start_timer(c, &c->idle_timer, o->max_idle_ms);
    if (o->max_age_ms > 0)
        start_timer(c, &c->age_timer, vary(o->max_age_ms));
}

static void stop_timers(struct conn *c)
{
    timer_stop(&c->phase_timer);
    timer_stop(&c->keepalive_timer);
    timer_stop(&c->idle_timer);
    timer_stop(&c->age_timer);
    timer_stop(&c->stuck_timer);
}

/* --- Farewells ---------------------------------------------------------------------- */

static const struct state_row farewells[] = {
    [FAREWELL_NONE] = { NULL, STATE(FAREWELL_NOTICE) | STATE(FAREWELL_DUE) },
    [FAREWELL_NOTICE] = { NULL, STATE(FAREWELL_DUE) },
    [FAREWELL_DUE] = { NULL, STATE(FAREWELL_SAID) },
    [FAREWELL_SAID] = { NULL, 0 },
};

/* The only writer of c->farewell. */
static void farewell_move(struct conn *c, enum farewell next)
{
    c->farewell = state_step(farewells, c->farewell, next);
}

static void give_notice(struct conn *c)
{
    farewell_move(c, FAREWELL_NOTICE);
    nghttp2_submit_shutdown_notice(c->session);
    conn_ping(c, PING_NOTICE);
}

/* Or was said: then what is left to do is to look whether it is done. HTTP/1.1 says it in the
 * head of its last answer. */
static void last_is_due(struct conn *c)
{
    if (c->state != CONN_LEAVING)
        return;
    if (c->farewell < FAREWELL_DUE && c->session != NULL)
        farewell_move(c, FAREWELL_DUE);
    conn_wants_flush(c);
}

void conn_say_farewell(struct conn *c)
{
    if (c->farewell != FAREWELL_DUE || c->session == NULL)
        return;
    farewell_move(c, FAREWELL_SAID);
    nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
}

/* --- Pings -------------------------------------------------------------------------- */

static void widen_calls(struct conn *c)
{
    for (struct ring *r = c->calls.next; r != &c->calls; r = r->next)
        call_in_widen(container_of(r, struct http_call, link));
}

void conn_ponged(struct conn *c, enum ping_kind kind)
{
    if (kind == PING_BDP && bdp_answered(&c->bdp))
        widen_calls(c);
    if (kind == PING_KEEPALIVE && c->pinged) {
        c->pinged = false;
        start_timer(c, &c->keepalive_timer, options_of(c)->keepalive_time_ms);
    }
    if (kind == PING_NOTICE)
        last_is_due(c);
}

void conn_pinged(struct conn *c)
{
    const struct connection_options *o = options_of(c);
    const uint64_t min_ms = c->ncalls == 0 && !o->keepalive_without_stream
                                ? PING_IDLE_MIN_MS
                                : o->keepalive_min_time_ms;
    counter_add(&c->lane->stats.pings_in, 1);
    if (!pings_take(&c->pings, loop_now_ms(c->lane->loop), min_ms))
        conn_calm_down(c, REFUSED_TOO_MANY_PINGS, "too_many_pings");
}

void conn_sent_data(struct conn *c, bool earns)
{
    pings_forgive(&c->pings);
    if (earns)
        flood_credit(&c->flood, FLOOD_CREDIT_OF_A_FRAME);
}

/* --- Floods ------------------------------------------------------------------------- */

/* The client is told, and nothing more of it is looked at. */
void conn_calm_down(struct conn *c, enum refusal why, const char *reason)
{
    if (c->broken || c->session == NULL)
        return;
    log_debug("connection %s is cut: %s", c->peer, reason);
    nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(c->session),
                          NGHTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)reason, strlen(reason));
    conn_break(c, why);
}

void conn_charge(struct conn *c, uint32_t tokens)
{
    if (!flood_charge(&c->flood, tokens, loop_now_ms(c->lane->loop)))
        conn_calm_down(c, REFUSED_FLOOD, "too many frames that do nothing");
}

void conn_count_frame(struct conn *c, const nghttp2_frame_hd *hd)
{
    if (hd->type == NGHTTP2_WINDOW_UPDATE)
        pings_forgive(&c->pings);
    conn_charge(c, flood_price(hd));
}

/* --- Calls -------------------------------------------------------------------------- */

void conn_call_began(struct conn *c)
{
    if (c->ncalls++ == 0)
        ring_remove(&c->spare);
    c->begun++;
    counter_add(&c->lane->stats.streams, 1);
}

void conn_call_ended(struct conn *c)
{
    if (--c->ncalls > 0)
        return;
    c->idle_ms = loop_now_ms(c->lane->loop);
    if (c->state == CONN_OPEN)
        ring_append(&c->lane->pressure.spares, &c->spare);
    if (options_of(c)->max_idle_ms > 0 && c->state == CONN_OPEN && !timer_running(&c->idle_timer))
        start_timer(c, &c->idle_timer, options_of(c)->max_idle_ms);
    if (c->state == CONN_LEAVING) /* whoever comes now is not processed, and tries again */
        last_is_due(c);
}

/* --- Life --------------------------------------------------------------------------- */

void conn_move(struct conn *c, enum conn_state next)
{
    c->state = state_step_logged(states, c->state, next, "connection %s", c->peer);
    ring_remove(&c->spare);
    if (next == CONN_OPEN) {
        ring_append(&c->lane->pressure.spares, &c->spare);
        start_timers(c);
    }
    if (next == CONN_LINGER) {
        stop_timers(c);
        start_timer(c, &c->phase_timer, LINGER_MS);
    }
}

static uint64_t hello_timeout_ms(const struct conn *c)
{
    const uint64_t ms = options_of(c)->handshake_timeout_ms;
    return ms > 0 ? ms : DEFAULT_HELLO_TIMEOUT_MS;
}

void conn_expect_hello(struct conn *c)
{
    c->greeted = false;
    start_timer(c, &c->phase_timer, hello_timeout_ms(c));
}

void conn_heard_hello(struct conn *c)
{
    if (c->greeted || c->state != CONN_OPEN)
        return;
    c->greeted = true;
    timer_stop(&c->phase_timer);
}

void conn_wants_flush(struct conn *c)
{
    if (c->state < CONN_CLOSED)
        task_defer(c->lane->loop, &c->flush);
}

void conn_leave(struct conn *c)
{
    if (c->state == CONN_HELLO)
        conn_close(c);
    if (c->state != CONN_OPEN)
        return;
    conn_move(c, CONN_LEAVING);
    if (c->ncalls > 0 && c->session != NULL)
        give_notice(c);
    else
        last_is_due(c);
}

void conn_cut(struct conn *c, enum refusal why)
{
    if (c->state == CONN_CLOSED)
        return;
    log_debug("connection %s is cut: %s", c->peer, refusal_text(why));
    counter_add(&c->lane->stats.refused[why], 1);
    conn_close(c);
}

void conn_close_soon(struct conn *c)
{
    stop_timers(c); /* there is no session any more that could ping */
    start_timer(c, &c->phase_timer, LINGER_MS);
}

/* Its calls have failed; those that the client does not read are over with it. */
void conn_give_up(struct conn *c)
{
    conn_leave(c);
    last_is_due(c);
    if (c->state == CONN_LEAVING)
        start_timer(c, &c->phase_timer, LINGER_MS);
}

void conn_break(struct conn *c, enum refusal why)
{
    if (c->broken || c->state >= CONN_LINGER)
        return;
    counter_add(&c->lane->stats.refused[why], 1);
    c->broken = true;
    conn_wants_flush(c);
}

static void end_calls(struct conn *c)
{
    while (!ring_empty(&c->calls))
        http_call_over(container_of(c->calls.next, struct http_call, link));
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    struct lane *lane = c->lane;
    tls_session_free(c->tls);
    ring_remove(&c->link);
    free(c);
    counter_add(&lane->stats.closed, 1);
    atomic_fetch_sub_explicit(&lane->server->nconns, 1, memory_order_relaxed);
    lane->conn_gone(lane);
}

void conn_end_session(struct conn *c)
{
    end_calls(c);
    nghttp2_session_del(c->session);
    c->session = NULL;
    h1_free(c);
}

static void close_now(struct conn *c)
{
    conn_move(c, CONN_CLOSED);
    stop_timers(c);
    task_cancel(&c->flush);
    ring_remove(&c->hello);
    conn_end_session(c);
    conn_note_end(c);
    uv_close(&c->uv.handle, on_closed);
}

/* Inside nghttp2 its session must stay. */
void conn_close(struct conn *c)
{
    if (c->state == CONN_CLOSED)
        return;
    if (c->parsing) {
        c->broken = true;
        conn_wants_flush(c);
        return;
    }
    close_now(c);
}

/* --- The beginning ------------------------------------------------------------------ */

static void set_peer(struct conn *c, int fd)
{
    struct sockaddr_storage a = { 0 };
    socklen_t len = sizeof a;
    char host[INET6_ADDRSTRLEN];
    if (getpeername(fd, (struct sockaddr *)&a, &len) != 0)
        a.ss_family = AF_UNSPEC;
    if (a.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a;
        uv_ip4_name(v4, host, sizeof host);
        snprintf(c->peer, sizeof c->peer, "ipv4:%s:%u", host, ntohs(v4->sin_port));
    } else if (a.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a;
        uv_ip6_name(v6, host, sizeof host);
        snprintf(c->peer, sizeof c->peer, "ipv6:[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        snprintf(c->peer, sizeof c->peer, "unix:");
    }
}

static bool is_unix(const struct conn *c)
{
    return strcmp(c->peer, "unix:") == 0;
}

static int adopt(struct conn *c, int fd)
{
    uv_loop_t *uv = loop_uv(c->lane->loop);
    set_peer(c, fd);
    if (is_unix(c)) {
        uv_pipe_init(uv, &c->uv.pipe, 0);
        return uv_pipe_open(&c->uv.pipe, fd);
    }
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    uv_tcp_init(uv, &c->uv.tcp);
    return uv_tcp_open(&c->uv.tcp, fd);
}

static struct conn *conn_new(struct lane *lane)
{
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->lane = lane;
    c->flush.run = conn_on_flush;
    c->phase_timer.fired = on_phase_timer;
    c->keepalive_timer.fired = on_keepalive_timer;
    c->idle_timer.fired = on_idle_timer;
    c->age_timer.fired = on_age_timer;
    c->stuck_timer.fired = on_stuck_timer;
    flood_init(&c->flood, loop_now_ms(lane->loop));
    bdp_init(&c->bdp);
    c->read_bytes = READ_MIN_BYTES;
    ring_init(&c->hello);
    ring_init(&c->hoard);
    ring_init(&c->calls);
    ring_init(&c->sent);
    ring_init(&c->spare);
    ring_append(&lane->pressure.strangers, &c->spare);
    ring_append(&lane->conns, &c->link);
    return c;
}

static void refuse_fd(struct lane *lane, int fd)
{
    log_error("out of memory: a connection is refused");
    counter_add(&lane->stats.refused[REFUSED_MEMORY], 1);
    atomic_fetch_sub_explicit(&lane->server->nconns, 1, memory_order_relaxed);
    close(fd);
}

/* One too many takes the place of one that is not needed, if there is one. */
static bool is_one_too_many(struct conn *c)
{
    const size_t max = (size_t)options_of(c)->max_connections;
    return max > 0 && atomic_load_explicit(&c->lane->server->nconns, memory_order_relaxed) > max &&
           !lane_make_way(c->lane, c);
}

void conn_open(struct lane *lane, int fd, bool tls)
{
    struct conn *c = conn_new(lane);
    if (c == NULL) {
        refuse_fd(lane, fd);
        return;
    }
    counter_add(&lane->stats.opened, 1);
    const bool adopted = adopt(c, fd) == 0;
    c->uv.handle.data = c;
    if (!adopted)
        close(fd);
    if (tls)
        c->tls = tls_session_new(lane->tls, loop_now_ms(lane->loop));
    if (tls && c->tls == NULL) {
        conn_cut(c, REFUSED_MEMORY);
        return;
    }
    if (!adopted || lane_stops(lane)) {
        conn_close(c);
        return;
    }
    if (lane_is_full(lane)) {
        conn_cut(c, REFUSED_MEMORY);
        return;
    }
    if (is_one_too_many(c)) {
        conn_cut(c, REFUSED_TOO_MANY_CONNECTIONS);
        return;
    }
    conn_note(c);
    conn_expect_hello(c);
    conn_start_io(c);
}
