/* Requests out, answers in. */
#include <assert.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/container.h"
#include "pg_conn.h"

/* --- Slots -------------------------------------------------------------------------- */

static struct pg_slot *front(struct pg_conn *c)
{
    return &c->slots[c->first_slot];
}

static void push(struct pg_conn *c, struct pg_slot slot)
{
    const uint64_t timeout_ms = c->options->statement_timeout_ms;
    assert(c->in_flight < PG_IN_FLIGHT_MAX);
    if (timeout_ms > 0 && !slot.commits)
        slot.deadline_ms = loop_now_ms(c->loop) + timeout_ms;
    c->slots[(c->first_slot + c->in_flight++) % PG_IN_FLIGHT_MAX] = slot;
}

/* Starts the timer for the oldest answer, or stops it. */
static void arm(struct pg_conn *c)
{
    const uint64_t due_ms = c->in_flight > 0 ? front(c)->deadline_ms : 0;
    const uint64_t now_ms = loop_now_ms(c->loop);
    if (c->state != PG_READY)
        return; /* the time to connect counts */
    if (due_ms > 0)
        timer_start(c->loop, &c->timer, due_ms > now_ms ? due_ms - now_ms : 0);
    else
        timer_stop(&c->timer);
}

void pg_conn_forget(struct pg_conn *c, struct pg_request *r)
{
    for (unsigned i = 0; i < c->in_flight; i++) {
        struct pg_slot *slot = &c->slots[(c->first_slot + i) % PG_IN_FLIGHT_MAX];
        if (slot->request == r)
            slot->request = NULL;
    }
    r->place = PG_NOWHERE;
}

/* --- Out ---------------------------------------------------------------------------- */

static struct pg_error lost(const struct pg_conn *c)
{
    char doing[STORE_ERROR_MAX];
    snprintf(doing, sizeof doing, "lost the connection to the database %s",
             c->options->target->name);
    return pg_error_of_losing(PQerrorMessage(c->pg), doing);
}

static void lose_soon(struct pg_conn *c)
{
    const struct pg_error why = lost(c);
    pg_conn_break_soon(c, &why);
}

static void flush(struct pg_conn *c)
{
    const int left = PQflush(c->pg);
    c->full = left > 0;
    if (left < 0)
        lose_soon(c);
    else
        pg_conn_watch(c, c->full ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static bool send_plain(struct pg_conn *c, const char *sql)
{
    return PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 1) == 1;
}

static bool send_step(struct pg_conn *c, const struct pg_step *step)
{
    const char *values[PG_PARAMS_MAX];
    int lengths[PG_PARAMS_MAX], formats[PG_PARAMS_MAX];
    const struct pg_statement *s = step->statement;
    const int n = (int)step->nparams;
    assert(n <= PG_PARAMS_MAX);
    for (int i = 0; i < n; i++) {
        const struct pg_param *p = &step->params[i];
        const char *value = p->value.len > 0 ? (const char *)p->value.data : "";
        values[i] = p->null ? NULL : value;
        lengths[i] = (int)p->value.len;
        formats[i] = p->binary;
    }
    if (s->name != NULL)
        return PQsendQueryPrepared(c->pg, s->name, n, values, lengths, formats, 1) == 1;
    return PQsendQueryParams(c->pg, s->sql, n, NULL, values, lengths, formats, 1) == 1;
}

static bool send_steps(struct pg_conn *c, const struct pg_request *r)
{
    bool sent = r->begin == NULL || send_plain(c, r->begin);
    for (unsigned i = 0; i < r->nsteps && sent; i++)
        sent = send_step(c, &r->steps[i]);
    return sent && (r->begin == NULL || send_plain(c, "COMMIT"));
}

/* The end of what one slot sends. */
static void synchronise(struct pg_conn *c, bool sent)
{
    if (sent && PQpipelineSync(c->pg) == 1)
        flush(c);
    else
        lose_soon(c);
}

bool pg_conn_has_room(const struct pg_conn *c, const struct pg_request *r)
{
    if (c->state != PG_READY || c->alone || c->full)
        return false;
    return pg_request_is_alone(r) ? c->in_flight == 0 : c->in_flight < PG_IN_FLIGHT_MAX;
}

void pg_conn_send(struct pg_conn *c, struct pg_request *r)
{
    assert(pg_conn_has_room(c, r));
    r->place = PG_SENT;
    r->conn = c;
    r->sent_ms = loop_now_ms(c->loop);
    c->alone = pg_request_is_alone(r);
    push(c, (struct pg_slot){ .kind = PG_SLOT_REQUEST,
                              .request = r,
                              .in_transaction = r->begin != NULL,
                              .sent_ns = clock_ns(),
                              .commits = r->commits });
    synchronise(c, send_steps(c, r));
    arm(c);
}

/* One that failed is open still, but if it failed at its end. */
static void roll_back(struct pg_conn *c)
{
    if (PQtransactionStatus(c->pg) != PQTRANS_INERROR)
        return;
    push(c, (struct pg_slot){ .kind = PG_SLOT_ROLLBACK });
    synchronise(c, send_plain(c, "ROLLBACK"));
}

/* --- Preparing ---------------------------------------------------------------------- */

static void become_ready(struct pg_conn *c)
{
    timer_stop(&c->timer);
    pg_conn_move(c, PG_READY);
    c->changed(c);
}

static void prepare_all(struct pg_conn *c)
{
    const struct pg_options *o = c->options;
    bool sent = true;
    push(c, (struct pg_slot){ .kind = PG_SLOT_PREPARE });
    for (unsigned i = 0; i < o->nstatements && sent; i++)
        if (o->statements[i].name != NULL)
            sent = PQsendPrepare(c->pg, o->statements[i].name, o->statements[i].sql, 0, NULL) == 1;
    synchronise(c, sent);
}

static void listen_to(struct pg_conn *c, const char *channel)
{
    char *name = PQescapeIdentifier(c->pg, channel, strlen(channel));
    char sql[256];
    const bool fits = name != NULL && snprintf(sql, sizeof sql, "LISTEN %s", name) < 256;
    PQfreemem(name);
    push(c, (struct pg_slot){ .kind = PG_SLOT_LISTEN });
    synchronise(c, fits && send_plain(c, sql));
}

void pg_conn_prepare(struct pg_conn *c)
{
    prepare_all(c);
    if (c->options->channel != NULL)
        listen_to(c, c->options->channel);
}

/* --- In ----------------------------------------------------------------------------- */

static void note_error(struct pg_conn *c, const struct pg_slot *slot, const PGresult *result)
{
    const char *what = slot->commits ? "write to" : "read";
    char doing[STORE_ERROR_MAX];
    if (c->has_failed)
        return;
    snprintf(doing, sizeof doing, "cannot %s the database %s",
             slot->kind == PG_SLOT_REQUEST ? what : "use", c->options->target->name);
    c->has_failed = true;
    c->answer_error = pg_error_of_result(result, doing);
}

/* BEGIN and COMMIT are ours. */
static void hand_over(const struct pg_slot *slot, unsigned at, const PGresult *rows)
{
    struct pg_request *r = slot->request;
    const unsigned before = slot->in_transaction;
    if (r != NULL && r->rows != NULL && at >= before && at - before < r->nsteps)
        r->rows(r, at - before, rows);
}

/* What is our own has nobody to tell: without it the connection is of no use, but for
 * LISTEN, which a standby cannot do. */
static void end_ours(struct pg_conn *c, enum pg_slot_kind kind, bool failed)
{
    if (kind == PG_SLOT_LISTEN)
        c->listens = !failed;
    else if (failed)
        pg_conn_break(c, &c->answer_error);
}

static void end_request(struct pg_conn *c, const struct pg_slot *slot, bool failed)
{
    struct pg_request *r = slot->request;
    if (failed && slot->in_transaction)
        roll_back(c);
    if (r == NULL)
        return;
    const struct pg_error why = c->answer_error;
    c->over(c, r, failed || slot->doubted ? &why : NULL);
}

static void end_answer(struct pg_conn *c)
{
    const bool failed = c->has_failed;
    if (failed && front(c)->kind == PG_SLOT_REQUEST && pg_error_moves(&c->answer_error)) {
        front(c)->synced = true;
        pg_conn_break(c, &c->answer_error);
        return;
    }
    const struct pg_slot slot = pg_conn_pop(c);
    c->has_failed = c->alone = false;
    if (slot.kind == PG_SLOT_REQUEST)
        end_request(c, &slot, failed);
    else
        end_ours(c, slot.kind, failed);
    /* it may be BROKEN now, or CLOSED by a callback */
    if (c->state == PG_PREPARING && c->in_flight == 0)
        become_ready(c);
    else if (c->state == PG_READY)
        c->room(c);
}

static void on_result(struct pg_conn *c, const PGresult *result)
{
    struct pg_slot *slot = front(c);
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        end_answer(c);
        break;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        hand_over(slot, slot->results++, result);
        break;
    case PGRES_PIPELINE_ABORTED:
        slot->results++;
        break;
    default:
        slot->results++;
        note_error(c, slot, result);
        break;
    }
}

/* Between the statements libpq has a NULL; two of them: it has nothing more to say. */
static void take_answers(struct pg_conn *c)
{
    const unsigned generation = c->generation;
    unsigned nothing = 0;
    while (c->generation == generation && c->in_flight > 0 && nothing < 2 && !PQisBusy(c->pg)) {
        PGresult *result = PQgetResult(c->pg);
        nothing = result == NULL ? nothing + 1 : 0;
        if (result != NULL)
            on_result(c, result);
        PQclear(result);
    }
}

static void take_notifications(struct pg_conn *c)
{
    const unsigned generation = c->generation;
    PGnotify *n;
    while (c->generation == generation && (n = PQnotifies(c->pg)) != NULL) {
        if (c->notified != NULL)
            c->notified(c, n->extra);
        PQfreemem(n);
    }
}

/* Decrypted already, so the descriptor does not tell. */
static bool has_more(const struct pg_conn *c)
{
    const SSL *ssl = PQsslStruct(c->pg, "OpenSSL");
    return ssl != NULL && SSL_pending(ssl) > 0;
}

static void go_on(struct pg_conn *c)
{
    const bool was_full = c->full;
    flush(c);
    arm(c);
    if (was_full && !c->full && c->state == PG_READY)
        c->room(c);
}

/* In the server's own words, if it had the time. */
static void break_lost(struct pg_conn *c)
{
    const bool told = c->has_failed && pg_error_moves(&c->answer_error);
    const struct pg_error why = told ? c->answer_error : lost(c);
    pg_conn_break(c, &why);
}

void pg_conn_io(struct pg_conn *c)
{
    const unsigned generation = c->generation;
    bool alive;
    do {
        alive = PQconsumeInput(c->pg) == 1;
        take_answers(c);
        if (c->generation == generation)
            take_notifications(c);
    } while (c->generation == generation && alive && has_more(c));
    if (c->generation != generation)
        return;
    if (alive)
        go_on(c);
    else
        break_lost(c);
}
