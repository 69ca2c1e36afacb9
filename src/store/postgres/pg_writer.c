/* Batches into transactions, one after the other: those that wait go into the next one
 * together, which is one round trip.
 *
 * A batch is answered within --store-timeout, or twice that if it was sent late. What was not
 * sent by then is not done. What was sent is never broken off, for a commit that waits for its
 * standby would show, and could still be lost: its batches hear that the outcome is not known,
 * and the next ones wait until it is. Only where the database says that nobody is at work for
 * us any more, or does not answer at all, the connection is made anew; the end of a connection
 * breaks off no commit. */
#include <inttypes.h>

#include "pg_transaction.h"

/* When a transaction is large enough. */
#define RECORDS_MAX ((size_t)16384)
#define BYTES_MAX   ((size_t)16 << 20)

/* --- Its end ------------------------------------------------------------------------ */

static void on_answered(struct loop *loop, void *arg)
{
    struct write_batch *b = arg;
    loop_release(loop);
    b->done(b);
}

/* The batch is its loop's again when this returns. */
static void answer(struct write_batch *b, const struct pg_error *error)
{
    b->error[0] = '\0';
    b->full = error != NULL && error->trouble == PG_FULL;
    b->unavailable = error != NULL && error->trouble == PG_AGAIN;
    if (error != NULL) {
        store_fail(b->error, "%s%s", error->line,
                   error->unknown ? "; it may have been written all the same" : "");
        write_break(b);
    }
    b->next = NULL;
    loop_post_with(b->loop, &b->answer, on_answered, b);
}

static void answer_all(struct write_batch *b, const struct pg_error *error)
{
    while (b != NULL) {
        struct write_batch *next = b->next;
        answer(b, error);
        b = next;
    }
}

static void go_on(struct pg_store *s);

static void on_done(struct pg_request *r, const struct pg_error *error)
{
    struct pg_transaction *t = container_of(r, struct pg_transaction, request);
    struct pg_store *s = t->s;
    answer_all(t->batches, error);
    pg_transaction_free(t);
    s->writer.now = NULL;
    pg_probe_cancel(s);
    pg_feed_look(s);
    go_on(s);
}

/* --- What waits --------------------------------------------------------------------- */

static bool is_sound(const struct write_batch *b)
{
    for (size_t i = 0; i < b->nrecords; i++) {
        const struct write_record *r = &b->records[i];
        if (r->id.len == 0 || r->id.len > STORE_ID_MAX || r->group.len > STORE_ID_MAX)
            return false;
    }
    return true;
}

static struct write_batch *take(struct pg_writer *w)
{
    struct write_batch *b = w->first;
    w->first = b->next;
    if (w->first == NULL)
        w->last = &w->first;
    b->next = NULL;
    return b;
}

/* Those whose turn it is not any more are answered. */
static void sift(struct pg_store *s)
{
    struct pg_error why = { .trouble = PG_OTHER };
    struct write_batch **at = &s->writer.first;
    store_fail(why.line, "cannot write to the database %s: %s", s->target->name, WRITE_BROKEN);
    while (*at != NULL) {
        struct write_batch *b = *at;
        if (write_is_broken(b)) {
            *at = b->next;
            answer(b, &why);
        } else {
            at = &b->next;
        }
    }
    s->writer.last = at;
}

/* What waits, until it is enough. false: out of memory. */
static bool fill(struct pg_transaction *t, struct pg_writer *w)
{
    struct write_batch **last = &t->batches;
    bool fits = true;
    while (fits && w->first != NULL && t->records < RECORDS_MAX && t->bytes < BYTES_MAX) {
        *last = take(w);
        fits = pg_transaction_add(t, *last);
        last = &(*last)->next;
    }
    return fits && pg_transaction_close(t);
}

static void fail_memory(struct pg_store *s, struct write_batch *batches)
{
    struct pg_error why = { .trouble = PG_OTHER };
    snprintf(why.line, sizeof why.line, "cannot write to the database %s: out of memory",
             s->target->name);
    answer_all(batches, &why);
}

static void begin(struct pg_store *s)
{
    struct pg_transaction *t = pg_transaction_new(s);
    if (t == NULL) {
        fail_memory(s, take(&s->writer));
        return;
    }
    t->request.done = on_done;
    if (!fill(t, &s->writer)) {
        fail_memory(s, t->batches);
        pg_transaction_free(t);
        return;
    }
    s->writer.now = t;
    t->due_ms = loop_now_ms(s->loop) + s->timeout_ms;
    pg_pool_submit_until(s->writer.pool, &t->request, t->batches->deadline_ms);
}

/* --- What takes too long ------------------------------------------------------------ */

static void expire_waiting(struct pg_store *s, uint64_t now_ms)
{
    struct pg_writer *w = &s->writer;
    const struct pg_error why =
        pg_error_again("no transaction of the database %s was free for %" PRIu64 " ms",
                       s->target->name, s->timeout_ms);
    while (w->first != NULL && w->first->deadline_ms <= now_ms)
        answer(take(w), &why);
}

/* It goes on without its batches. */
static void lose_patience(struct pg_store *s, struct pg_transaction *t)
{
    struct pg_error why =
        pg_error_again("no answer of the database %s to a commit for %" PRIu64 " ms",
                       s->target->name, s->timeout_ms);
    why.unknown = true;
    answer_all(t->batches, &why);
    t->batches = t->at = NULL;
    t->due_ms = loop_now_ms(s->loop) + s->timeout_ms;
    pg_probe_start(s);
}

/* In the line the pool looks after it, and it may have been sent just now. */
static void look_at(struct pg_store *s, struct pg_transaction *t, uint64_t now_ms)
{
    const struct pg_request *r = &t->request;
    const uint64_t since_ms = pg_request_is_sent(r) ? r->sent_ms : now_ms;
    if (since_ms + s->timeout_ms <= now_ms)
        lose_patience(s, t);
    else
        t->due_ms = since_ms + s->timeout_ms;
}

static void watch(struct pg_store *s)
{
    const struct pg_writer *w = &s->writer;
    const uint64_t now_ms = loop_now_ms(s->loop);
    uint64_t due_ms = w->now != NULL ? w->now->due_ms : UINT64_MAX;
    if (w->first != NULL && w->first->deadline_ms < due_ms)
        due_ms = w->first->deadline_ms;
    if (due_ms == UINT64_MAX)
        timer_stop(&s->writer.timer);
    else if (!timer_running(&w->timer) || w->timer.due_ms > due_ms)
        timer_start(s->loop, &s->writer.timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void on_timer(struct timer *timer)
{
    struct pg_writer *w = container_of(timer, struct pg_writer, timer);
    struct pg_store *s = container_of(w, struct pg_store, writer);
    const uint64_t now_ms = loop_now_ms(s->loop);
    expire_waiting(s, now_ms);
    if (w->now != NULL && w->now->due_ms <= now_ms)
        look_at(s, w->now, now_ms);
    go_on(s);
}

/* A transaction that nobody waits for any more comes to its end without us. */
static bool is_over(const struct pg_writer *w)
{
    return w->stopping && w->pool != NULL && w->first == NULL &&
           (w->now == NULL || w->now->batches == NULL);
}

static void end(struct pg_store *s)
{
    struct pg_transaction *t = s->writer.now;
    timer_stop(&s->writer.timer);
    pg_probe_cancel(s);
    s->writer.now = NULL;
    if (t != NULL) {
        pg_request_cancel(&t->request);
        pg_transaction_free(t);
    }
    pg_store_writer_ended(s);
}

/* --- The writer --------------------------------------------------------------------- */

static void go_on(struct pg_store *s)
{
    struct pg_writer *w = &s->writer;
    if (w->now == NULL)
        sift(s);
    while (w->now == NULL && w->first != NULL)
        begin(s);
    if (is_over(w))
        end(s);
    else
        watch(s);
}

static void refuse(struct pg_store *s, struct write_batch *b)
{
    struct pg_error why = { .trouble = PG_OTHER };
    snprintf(why.line, sizeof why.line,
             "cannot write to the database %s: an id is empty, or longer than %d bytes",
             s->target->name, STORE_ID_MAX);
    answer(b, &why);
}

static void on_batch(struct loop *loop, void *arg)
{
    struct write_batch *b = arg;
    struct pg_store *s = b->of_engine;
    if (!is_sound(b)) {
        refuse(s, b);
        return;
    }
    b->deadline_ms = loop_now_ms(loop) + s->timeout_ms;
    *s->writer.last = b;
    s->writer.last = &b->next;
    go_on(s);
}

void pg_write(struct store *store, struct write_batch *batch)
{
    struct pg_store *s = pg_store_of(store);
    loop_hold(batch->loop); /* it must not stop before it can call done */
    batch->next = NULL;
    batch->of_engine = s;
    loop_post_with(s->loop, &batch->answer, on_batch, batch);
}

void pg_writer_end(struct pg_store *s)
{
    s->writer.stopping = true;
    go_on(s);
}

int pg_writer_start(struct pg_store *s)
{
    struct pg_pool_options o = pg_store_pool(s);
    o.each.statements = pg_writes;
    o.each.nstatements = PG_WRITES;
    s->writer.last = &s->writer.first;
    s->writer.timer.fired = on_timer;
    return pg_pool_new(&s->writer.pool, s->loop, &o);
}
