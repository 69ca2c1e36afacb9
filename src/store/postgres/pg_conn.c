#include "pg_conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/states.h"

static const struct state_row states[] = {
    [PG_CLOSED] = { "CLOSED", STATE(PG_RESOLVING) },
    [PG_RESOLVING] = { "RESOLVING", STATE(PG_CONNECTING) | STATE(PG_BROKEN) | STATE(PG_CLOSED) },
    [PG_CONNECTING] = { "CONNECTING", STATE(PG_PREPARING) | STATE(PG_BROKEN) | STATE(PG_CLOSED) },
    [PG_PREPARING] = { "PREPARING", STATE(PG_READY) | STATE(PG_BROKEN) | STATE(PG_CLOSED) },
    [PG_READY] = { "READY", STATE(PG_BROKEN) | STATE(PG_CLOSED) },
    [PG_BROKEN] = { "BROKEN", STATE(PG_RESOLVING) | STATE(PG_CLOSED) },
};

static const char *name_of(const struct pg_conn *c)
{
    return c->options->target->name;
}

/* Nobody has those that are CLOSED. */
static void count(const struct pg_conn *c, enum pg_conn_state state, uint64_t by)
{
    if (c->options->numbers != NULL && state != PG_CLOSED)
        pg_number_add(&c->options->numbers->states[state], by);
}

void pg_conn_move(struct pg_conn *c, enum pg_conn_state next)
{
    count(c, c->state, (uint64_t)-1);
    count(c, next, 1);
    c->state = state_step_logged(states, c->state, next, "database %s", name_of(c));
}

/* --- The watch ---------------------------------------------------------------------- */

/* Closed, it stays until libuv has let go of it. */
struct pg_watch {
    uv_poll_t poll;
    struct pg_conn *conn;
    int events;
};

static void on_watch_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct pg_watch, poll));
}

static void unwatch(struct pg_conn *c)
{
    if (c->watch != NULL)
        uv_close((uv_handle_t *)&c->watch->poll, on_watch_closed);
    c->watch = NULL;
}

static void connect_step(struct pg_conn *c);

/* What is wrong with the descriptor libpq finds out by itself. libuv stops to watch one that
 * has an error, and there may be something to read before that. */
static void on_event(uv_poll_t *poll, int status, int events)
{
    struct pg_watch *w = container_of(poll, struct pg_watch, poll);
    struct pg_conn *c = w->conn;
    (void)events;
    if (status != 0)
        w->events = 0;
    if (c->state == PG_CONNECTING)
        connect_step(c);
    else
        pg_conn_io(c);
}

static struct pg_watch *new_watch(struct pg_conn *c)
{
    struct pg_watch *w = calloc(1, sizeof *w);
    if (w == NULL || uv_poll_init(loop_uv(c->loop), &w->poll, PQsocket(c->pg)) != 0) {
        free(w);
        return NULL;
    }
    w->conn = c;
    return w;
}

bool pg_conn_watch(struct pg_conn *c, int events)
{
    if (c->watch == NULL)
        c->watch = new_watch(c);
    if (c->watch != NULL && c->watch->events == events)
        return true;
    if (c->watch != NULL && uv_poll_start(&c->watch->poll, events, on_event) == 0) {
        c->watch->events = events;
        return true;
    }
    const struct pg_error why = pg_error_again("cannot watch a connection to the database %s: "
                                               "out of memory or of descriptors",
                                               name_of(c));
    pg_conn_break_soon(c, &why);
    return false;
}

/* --- Its end ------------------------------------------------------------------------ */

static void drop(struct pg_conn *c)
{
    c->generation++;
    timer_stop(&c->timer);
    task_cancel(&c->failing);
    pg_lookup_drop(c->lookup);
    c->lookup = NULL;
    unwatch(c); /* before libpq closes the descriptor */
    PQfinish(c->pg);
    c->pg = NULL;
    c->alone = c->full = c->listens = false;
}

static void count_request(const struct pg_conn *c, uint64_t sent_ns)
{
    struct pg_numbers *n = c->options->numbers;
    if (n == NULL)
        return;
    pg_number_add(&n->requests, 1);
    pg_number_add(&n->request_ns, clock_ns() - sent_ns);
}

struct pg_slot pg_conn_pop(struct pg_conn *c)
{
    const struct pg_slot slot = c->slots[c->first_slot];
    c->first_slot = (c->first_slot + 1) % PG_IN_FLIGHT_MAX;
    c->in_flight--;
    if (slot.kind == PG_SLOT_REQUEST)
        count_request(c, slot.sent_ns);
    if (slot.request != NULL)
        slot.request->place = PG_NOWHERE;
    return slot;
}

/* The oldest one has its own error, if the server gave it one. */
static void fail_oldest(struct pg_conn *c)
{
    struct pg_error why = c->has_failed ? c->answer_error : c->error;
    const struct pg_slot slot = pg_conn_pop(c);
    c->has_failed = false;
    why.unknown = slot.commits && !slot.synced;
    if (slot.request != NULL)
        c->over(c, slot.request, &why);
}

void pg_conn_break(struct pg_conn *c, const struct pg_error *why)
{
    c->error = *why;
    drop(c);
    pg_conn_move(c, PG_BROKEN);
    while (c->state == PG_BROKEN && c->in_flight > 0)
        fail_oldest(c);
    if (c->state == PG_BROKEN)
        c->changed(c);
}

void pg_conn_give_up(struct pg_conn *c, const struct pg_error *why)
{
    if (c->state == PG_READY)
        pg_conn_break(c, why);
}

static void on_failing(struct task *task)
{
    struct pg_conn *c = container_of(task, struct pg_conn, failing);
    pg_conn_break(c, &c->pending_error);
}

void pg_conn_break_soon(struct pg_conn *c, const struct pg_error *why)
{
    c->pending_error = *why;
    task_defer(c->loop, &c->failing);
}

void pg_conn_close(struct pg_conn *c)
{
    if (c->state == PG_CLOSED)
        return;
    drop(c);
    while (c->in_flight > 0)
        pg_conn_pop(c);
    c->has_failed = false;
    pg_conn_move(c, PG_CLOSED);
}

/* --- Connecting --------------------------------------------------------------------- */

static void break_connecting(struct pg_conn *c, const char *text)
{
    char doing[STORE_ERROR_MAX];
    snprintf(doing, sizeof doing, "cannot connect to the database %s", name_of(c));
    const struct pg_error why = pg_error_of_connecting(text, doing);
    pg_conn_break(c, &why);
}

static void connected(struct pg_conn *c)
{
    if (PQsetnonblocking(c->pg, 1) != 0 || PQenterPipelineMode(c->pg) != 1) {
        break_connecting(c, PQerrorMessage(c->pg));
        return;
    }
    pg_conn_move(c, PG_PREPARING);
    pg_conn_prepare(c);
}

static void connect_step(struct pg_conn *c)
{
    unwatch(c);
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING:
        pg_conn_watch(c, UV_READABLE);
        break;
    case PGRES_POLLING_WRITING:
        pg_conn_watch(c, UV_WRITABLE);
        break;
    case PGRES_POLLING_OK:
        connected(c);
        break;
    default:
        break_connecting(c, PQerrorMessage(c->pg));
        break;
    }
}

/* A commit that comes with a warning may not be on its standby: its wait for that was broken off.
 */
static void doubt(struct pg_conn *c, const char *text)
{
    struct pg_slot *slot = &c->slots[c->first_slot];
    if (c->in_flight == 0 || !slot->commits || c->has_failed)
        return;
    slot->doubted = true;
    c->answer_error = pg_error_again("cannot write to the database %s: %s", name_of(c), text);
    c->answer_error.unknown = true;
}

static void on_notice(void *arg, const PGresult *notice)
{
    struct pg_conn *c = arg;
    const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (text == NULL || severity == NULL)
        return;
    if (strcmp(severity, "WARNING") != 0) {
        log_debug("the database %s: %s", name_of(c), text);
        return;
    }
    log_warn("the database %s: %s", name_of(c), text);
    doubt(c, text);
}

/* What comes before --db is a default; what comes behind it counts. A link that is dead
 * without a word is noticed within a minute. Kerberos' encryption blocks, and keeps bytes
 * where neither the descriptor nor libpq tells of them. */
static PGconn *start(const struct pg_target *target, const struct pg_places *places)
{
    const char *const options[][2] = {
        { "keepalives_idle", "30" },
        { "keepalives_interval", "10" },
        { "keepalives_count", "3" },
        { "tcp_user_timeout", "60000" },
        { "fallback_application_name", program_invocation_short_name },
        { "dbname", target->db },
        { "host", places->host },
        { "hostaddr", places->hostaddr },
        { "port", places->port },
        { "client_encoding", "UTF8" },
        { "gssencmode", "disable" },
        { "sslmode", target->verifies ? "verify-full" : NULL },
    };
    enum { N = sizeof options / sizeof options[0] };
    const char *keywords[N + 1] = { 0 }, *values[N + 1] = { 0 };
    for (size_t i = 0; i < N; i++) {
        keywords[i] = options[i][0];
        values[i] = options[i][1];
    }
    return PQconnectStartParams(keywords, values, 1);
}

static void on_places(void *arg, struct pg_places *places, const char *why)
{
    struct pg_conn *c = arg;
    c->lookup = NULL;
    if (places == NULL) {
        break_connecting(c, why);
        return;
    }
    pg_conn_move(c, PG_CONNECTING);
    c->pg = start(c->options->target, places);
    pg_places_free(places);
    if (c->pg == NULL || PQstatus(c->pg) == CONNECTION_BAD) {
        break_connecting(c, c->pg != NULL ? PQerrorMessage(c->pg) : "out of memory");
        return;
    }
    PQsetErrorVerbosity(c->pg, PQERRORS_VERBOSE); /* for pg_error_of_connecting() */
    PQsetNoticeReceiver(c->pg, on_notice, c);
    pg_conn_watch(c, UV_WRITABLE); /* libpq wants it so at first */
}

/* The next attempt begins with another host: libpq would be stuck at the same one. */
static void on_timer(struct timer *timer)
{
    struct pg_conn *c = container_of(timer, struct pg_conn, timer);
    const struct pg_options *o = c->options;
    struct pg_error why;
    c->first_host++;
    if (c->state == PG_READY) {
        why = pg_error_again("no answer of the database %s for %llu ms", name_of(c),
                             (unsigned long long)o->statement_timeout_ms);
    } else {
        why = pg_error_again("cannot connect to the database %s: no answer within %llu ms",
                             name_of(c), (unsigned long long)o->connect_timeout_ms);
    }
    pg_conn_break(c, &why);
}

void pg_conn_open(struct pg_conn *c)
{
    pg_conn_move(c, PG_RESOLVING);
    c->timer.fired = on_timer;
    c->failing.run = on_failing;
    if (c->options->connect_timeout_ms > 0)
        timer_start(c->loop, &c->timer, c->options->connect_timeout_ms);
    c->lookup = pg_lookup_start(c->loop, c->options->target, c->first_host, on_places, c);
    if (c->lookup == NULL) {
        const struct pg_error why =
            pg_error_again("cannot connect to the database %s: out of memory", name_of(c));
        pg_conn_break_soon(c, &why);
    }
}
