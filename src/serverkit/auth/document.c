#include "document.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/container.h"
#include "base/log.h"

/* Strangers can ask for loads: not more often than this. */
#define RENEW_MS        5000
#define RENEW_FAILED_MS 1000 /* after one that failed */

#define RETRY_MS 10000 /* nobody asks, and the last load failed */

struct document {
    struct document_options options;
    struct loop *loop;
    struct load load;
    struct timer timer;
    uv_work_t work;
    bool loading;
    struct buf *loaded; /* by the work; NULL: it failed */
    char error[LOAD_ERROR];
    struct document_wait *waits;
    bool was_renewed;
    uint64_t renewed_ms;
    atomic_bool failing;

    pthread_mutex_t lock; /* the text and its number change together */
    struct buf *text;
    atomic_uint edition;
};

/* --- Editions ----------------------------------------------------------------------- */

unsigned document_edition(const struct document *d)
{
    return atomic_load_explicit(&d->edition, memory_order_relaxed);
}

struct buf *document_text(struct document *d, unsigned *ret_edition)
{
    pthread_mutex_lock(&d->lock);
    struct buf *text = d->text != NULL ? buf_ref(d->text) : NULL;
    *ret_edition = document_edition(d);
    pthread_mutex_unlock(&d->lock);
    return text;
}

bool document_failing(const struct document *d)
{
    return atomic_load(&d->failing);
}

/* Takes the text; true: it differs from the one before. */
static bool publish(struct document *d, struct buf *text)
{
    if (d->text != NULL && bytes_equal(buf_bytes(d->text), buf_bytes(text))) {
        buf_unref(text);
        return false;
    }
    pthread_mutex_lock(&d->lock);
    buf_unref(d->text);
    d->text = text;
    atomic_fetch_add(&d->edition, 1);
    pthread_mutex_unlock(&d->lock);
    return true;
}

/* --- Loading ------------------------------------------------------------------------ */

static struct buf *load_good(struct document *d)
{
    struct buf *text = d->options.load(&d->load, d->error);
    if (text == NULL || d->options.good(buf_bytes(text), d->error))
        return text;
    buf_unref(text);
    return NULL;
}

bool document_load(struct document *d, char error[DOCUMENT_ERROR])
{
    struct buf *text = load_good(d);
    if (text != NULL) {
        publish(d, text);
        return true;
    }
    snprintf(error, DOCUMENT_ERROR, "%s %.200s: %s", d->options.what, d->options.where, d->error);
    return false;
}

static void on_answer(struct loop *loop, void *arg)
{
    struct document_wait *wait = arg;
    loop_release(loop);
    wait->done(wait);
}

static void answer(struct document_wait *wait)
{
    loop_post_with(wait->loop, &wait->post, on_answer, wait);
}

static void answer_all(struct document *d)
{
    struct document_wait *wait = d->waits;
    d->waits = NULL;
    while (wait != NULL) {
        struct document_wait *next = wait->next;
        answer(wait);
        wait = next;
    }
}

static void note_outcome(struct document *d)
{
    const bool failed = d->loaded == NULL, failed_before = atomic_exchange(&d->failing, failed);
    if (failed && !failed_before && !atomic_load(&d->load.stop))
        log_warn("%s %s: %s%s", d->options.what, d->options.where, d->error,
                 d->text != NULL ? "; the last good one stays in use" : "");
    if (!failed && (publish(d, d->loaded) || failed_before))
        log_info("%s %s: read", d->options.what, d->options.where);
}

static void on_work(uv_work_t *work)
{
    struct document *d = container_of(work, struct document, work);
    d->loaded = load_good(d);
}

static void on_worked(uv_work_t *work, int status)
{
    struct document *d = container_of(work, struct document, work);
    (void)status; /* never cancelled */
    d->loading = false;
    note_outcome(d);
    answer_all(d);
    if (!atomic_load(&d->load.stop)) {
        const bool soon = document_failing(d) && RETRY_MS < d->options.every_ms;
        timer_start(d->loop, &d->timer, soon ? RETRY_MS : d->options.every_ms);
    }
    loop_release(d->loop);
}

static void start_loading(struct document *d)
{
    if (d->loading)
        return;
    d->loading = true;
    timer_stop(&d->timer);
    loop_hold(d->loop);
    uv_queue_work(loop_uv(d->loop), &d->work, on_work, on_worked);
}

static void on_due(struct timer *timer)
{
    start_loading(container_of(timer, struct document, timer));
}

/* --- Renewal ------------------------------------------------------------------------ */

/* 0: now. */
static uint32_t pause_left_ms(const struct document *d)
{
    const uint64_t age_ms = loop_now_ms(d->loop) - d->renewed_ms;
    const uint32_t pause_ms = document_failing(d) ? RENEW_FAILED_MS : RENEW_MS;
    if (atomic_load(&d->load.stop))
        return pause_ms;
    return d->was_renewed && age_ms < pause_ms ? pause_ms - (uint32_t)age_ms : 0;
}

static void on_renew(struct loop *loop, void *arg)
{
    struct document_wait *wait = arg;
    struct document *d = wait->document;
    (void)loop;
    wait->retry_ms = d->loading ? 0 : pause_left_ms(d);
    if (wait->retry_ms > 0) {
        answer(wait);
        return;
    }
    if (!d->loading) {
        d->was_renewed = true;
        d->renewed_ms = loop_now_ms(d->loop);
    }
    wait->next = d->waits;
    d->waits = wait;
    start_loading(d);
}

void document_renew(struct document *d, struct document_wait *wait)
{
    wait->document = d;
    loop_hold(wait->loop);
    loop_post_with(d->loop, &wait->post, on_renew, wait);
}

/* --- Life --------------------------------------------------------------------------- */

int document_new(struct document **ret, const struct document_options *options)
{
    struct document *d = calloc(1, sizeof *d);
    if (d == NULL)
        return ENOMEM;
    d->options = *options;
    d->load = (struct load){
        .where = options->where,
        .ca = options->ca,
        .max_bytes = options->max_bytes,
    };
    d->timer.fired = on_due;
    pthread_mutex_init(&d->lock, NULL);
    *ret = d;
    return 0;
}

void document_watch(struct document *d, struct loop *loop)
{
    d->loop = loop;
    timer_start(loop, &d->timer, d->text == NULL ? 0 : d->options.every_ms);
}

void document_stop(struct document *d)
{
    atomic_store(&d->load.stop, true);
    timer_stop(&d->timer);
}

void document_free(struct document *d)
{
    if (d == NULL)
        return;
    buf_unref(d->text);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
