#include "bench_follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "bench_load.h"
#include "client-cli/frame/call_policy.h"
#include "client-cli/frame/common.h"
#include "client-cli/frame/connection.h"
#include "client-cli/frame/session.h"
#include "weir/channel.h"

#define MS_NS UINT64_C(1000000)

/* After so long without anything new, what is missing will not come any more. */
#define GIVE_UP_NS         (5000 * MS_NS)
#define GIVE_UP_STOPPED_NS (1000 * MS_NS)

#define LOOK_MS   20  /* SETTLING: whether all is there */
#define LINGER_MS 200 /* for what comes twice */
#define TICK_MS   1000

static void start_imports(struct bench_follow *run);
static void settle(struct bench_follow *run);

static uint64_t posts_of_call(const struct bench_follow *run)
{
    return (uint64_t)run->plan->items;
}

/* --- The end ------------------------------------------------------------------------ */

static void finish_if_over(struct bench_follow *run)
{
    if (run->state == BENCH_FOLLOW_CLOSING && run->open == 0 && run->followers.open == 0)
        task_defer(run->session->loop, &run->finish);
}

static void on_finish(struct task *task)
{
    struct bench_follow *run = container_of(task, struct bench_follow, finish);
    run->state = BENCH_FOLLOW_OVER;
    timer_stop(&run->tick);
    bench_live_hide(&run->live);
    alarm_close(&run->alarm);
    followers_close(&run->followers);
    channel_free(run->channel);
    run->channel = NULL;
    run->done(run);
}

static void cut_imports(struct bench_follow *run)
{
    for (size_t i = 0; i < FOLLOW_IMPORTS_MAX; i++) {
        struct bench_follow_import *import = &run->imports[i];
        if (import->stream == NULL || import->cut)
            continue;
        import->cut = true;
        stream_fail(import->stream, STATUS_CANCELLED, "the run is over");
    }
}

static void count_followers(struct bench_follow *run)
{
    run->stats.follow = (struct stats_follow){
        .followers = run->followers.n,
        .missed = ledger_missed(&run->ledger),
        .doubled = run->ledger.doubled,
        .breaks = run->followers.breaks,
    };
}

static void close_all(struct bench_follow *run)
{
    if (run->state == BENCH_FOLLOW_CLOSING)
        return;
    run->measured = run->state != BENCH_FOLLOW_OPENING || !run->stopping;
    run->state = BENCH_FOLLOW_CLOSING;
    timer_stop(&run->end);
    timer_stop(&run->look);
    count_followers(run);
    cut_imports(run);
    followers_cut(&run->followers);
    finish_if_over(run);
}

/* --- Settling ----------------------------------------------------------------------- */

static void on_linger(struct timer *timer)
{
    close_all(container_of(timer, struct bench_follow, end));
}

static bool all_told(const struct bench_follow *run)
{
    return run->open == 0 && ledger_missed(&run->ledger) == 0;
}

static void on_look(struct timer *timer)
{
    struct bench_follow *run = container_of(timer, struct bench_follow, look);
    const uint64_t give_up_ns = run->stopping ? GIVE_UP_STOPPED_NS : GIVE_UP_NS;
    if (all_told(run)) {
        run->end.fired = on_linger;
        timer_start(run->session->loop, &run->end, LINGER_MS);
    } else if (now_ns() - run->quiet_ns > give_up_ns || run->followers.open == 0) {
        close_all(run);
    } else {
        timer_start(run->session->loop, &run->look, LOOK_MS);
    }
}

static void settle(struct bench_follow *run)
{
    if (run->state != BENCH_FOLLOW_IMPORTING)
        return;
    run->state = BENCH_FOLLOW_SETTLING;
    const uint64_t due = schedule_count(&run->schedule, now_ns());
    const uint64_t wanted = due < run->most ? due : run->most;
    run->stats.unstarted = wanted > run->stats.begun ? wanted - run->stats.begun : 0;
    run->quiet_ns = now_ns();
    timer_stop(&run->end);
    timer_start(run->session->loop, &run->look, LOOK_MS);
}

/* --- Imports ------------------------------------------------------------------------ */

/* false: there is no room, or the call is over. */
static bool send_one(struct bench_follow_import *import)
{
    struct bench_follow *run = import->run;
    const uint64_t item = (import->call + 1) * posts_of_call(run) - import->left;
    uint64_t items;
    struct buf *b = requests_make(&run->requests, item, import->left, &items);
    int rv = ENOMEM;
    if (b != NULL)
        rv = stream_send(import->stream, b, 0, b->len,
                         import->left > items ? STREAM_MORE : STREAM_LAST);
    buf_unref(b);
    if (rv == ENOMEM)
        stream_fail(import->stream, STATUS_RESOURCE_EXHAUSTED, "out of memory in the client");
    if (rv == 0)
        import->left -= items;
    return rv == 0;
}

static void on_import_sent(struct stream *stream)
{
    struct bench_follow_import *import = stream->data;
    while (import->left > 0 && send_one(import))
        ;
}

static void on_import_answer(struct stream *stream, const ProtobufCMessage *message,
                             struct bytes bytes)
{
    struct bench_follow_import *import = stream->data;
    struct response r;
    (void)message;
    if (!response_read(import->run->plan, bytes, &import->run->stats, &r))
        stream_fail(stream, STATUS_INTERNAL, "the server sent bytes that are not such a response");
    else
        import->stored = r.rejected == 0;
}

static void count_import(struct bench_follow_import *import, const struct status *status)
{
    struct bench_follow *run = import->run;
    const uint64_t now = now_ns();
    const uint64_t took_ns = now - run->due_ns[import->call];
    const bool ok = status->code == STATUS_OK;
    struct series_point *point = series_at(&run->stats.series, now);
    stats_code(&run->stats.calls, (int)status->code, status->message, strlen(status->message), 1);
    hist_add(ok ? &run->stats.first : &run->stats.failed, took_ns);
    run->stats.flawed += ok && !import->stored;
    point->calls++;
    point->failed += !ok;
    for (uint64_t i = 0; ok && import->stored && i < posts_of_call(run); i++)
        ledger_store(&run->ledger, import->call * posts_of_call(run) + i);
}

static void on_import_close(struct stream *stream, const struct status *status)
{
    struct bench_follow_import *import = stream->data;
    struct bench_follow *run = import->run;
    import->stream = NULL;
    run->open--;
    run->quiet_ns = run->stats.end_ns = now_ns();
    if (import->cut)
        run->stats.cut++;
    else
        count_import(import, status);
    ring_append(&run->idle, &import->idle);
    start_imports(run);
    finish_if_over(run);
}

static const struct stream_handler import_handler = {
    .message = NULL, /* bytes are enough */
    .on_message = on_import_answer,
    .on_sent = on_import_sent,
    .on_close = on_import_close,
};

static void import_next(struct bench_follow *run, uint64_t due_ns)
{
    const struct call_options options = { .timeout_ms = run->plan->deadline_ms,
                                          .wait_for_ready = call_policy.wait_for_ready };
    struct bench_follow_import *import =
        container_of(run->idle.next, struct bench_follow_import, idle);
    import->call = run->stats.begun++;
    import->left = posts_of_call(run);
    import->stored = import->cut = false;
    run->due_ns[import->call] = due_ns;
    hist_add(&run->stats.late, now_ns() - due_ns);
    if (channel_open(run->channel, run->session->loop, bench_kinds[BENCH_IMPORT].path,
                     &import_handler, import, &options, &import->stream) != 0) {
        stats_code(&run->stats.calls, STATUS_RESOURCE_EXHAUSTED, "", 0, 1);
        import->stream = NULL;
        return;
    }
    ring_remove(&import->idle);
    run->open++;
    stream_read(import->stream);
    on_import_sent(import->stream);
}

static void start_imports(struct bench_follow *run)
{
    while (run->state == BENCH_FOLLOW_IMPORTING && run->stats.begun < run->most &&
           !ring_empty(&run->idle)) {
        const uint64_t due_ns = schedule_due(&run->schedule, run->stats.begun);
        if (due_ns > now_ns()) {
            alarm_set(&run->alarm, due_ns);
            return;
        }
        import_next(run, due_ns);
    }
    if (run->state == BENCH_FOLLOW_IMPORTING && run->stats.begun == run->most)
        settle(run);
}

static void on_alarm(struct bench_alarm *alarm)
{
    start_imports(container_of(alarm, struct bench_follow, alarm));
}

static void on_end(struct timer *timer)
{
    settle(container_of(timer, struct bench_follow, end));
}

static int begin(struct bench_follow *run)
{
    const uint64_t now = now_ns();
    stats_close(&run->stats); /* of the listing's end */
    const int rv = stats_init(&run->stats, now);
    if (rv != 0)
        return rv;
    run->state = BENCH_FOLLOW_IMPORTING;
    run->schedule.origin_ns = now;
    bench_live_begin(&run->live, false, now);
    if (run->plan->duration_ms > 0)
        timer_start(run->session->loop, &run->end, run->plan->duration_ms);
    start_imports(run);
    return 0;
}

/* --- Followers ---------------------------------------------------------------------- */

static void on_changed(struct bench_followers *all)
{
    struct bench_follow *run = container_of(all, struct bench_follow, followers);
    if (run->state == BENCH_FOLLOW_OPENING && all->opening == 0) {
        /* Those that could not begin are told of, and nothing is measured. */
        if (all->open < all->n || begin(run) != 0)
            close_all(run);
    }
    finish_if_over(run);
}

static void on_told(struct bench_followers *all, uint64_t number, uint64_t now)
{
    struct bench_follow *run = container_of(all, struct bench_follow, followers);
    const uint64_t took_ns = now - run->due_ns[number / posts_of_call(run)];
    hist_add(&run->stats.latency, took_ns);
    series_point_add(series_at(&run->stats.series, now), took_ns);
    run->slowest_ns = took_ns > run->slowest_ns ? took_ns : run->slowest_ns;
    run->quiet_ns = run->stats.end_ns = now;
}

/* --- The live line ------------------------------------------------------------------ */

static void on_tick(struct timer *timer)
{
    struct bench_follow *run = container_of(timer, struct bench_follow, tick);
    const struct stats *stats = &run->stats;
    const struct error_limit *errors = &run->plan->errors;
    const struct load_sample sample = {
        .at_ns = now_ns(),
        .calls = stats_ended(stats),
        .failed = stats_failed(stats),
        .posts = stats->posts,
        .messages = stats->messages,
        .bytes = stats->bytes,
        .slowest_ns = run->slowest_ns,
        .open = run->open + run->followers.open,
    };
    run->slowest_ns = 0;
    if (run->state != BENCH_FOLLOW_OPENING && run->session->options->progress)
        bench_live_show(&run->live, &sample);
    timer_start(run->session->loop, &run->tick, TICK_MS);
    if (!run->stopping && error_limit_passed(errors, stats_bad(stats), stats_ended(stats))) {
        run->too_many_errors = true;
        bench_follow_stop(run);
    }
}

/* --- Life --------------------------------------------------------------------------- */

static int open_channel(struct bench_follow *run)
{
    struct channel_options options = connection_channel(SERVICE_POST);
    char error[CONNECTION_ERROR_MAX]; /* the session has made such a channel: it is memory */
    options.own_connection = true;
    return call_policy_channel(&run->channel, run->plan->target, "v1.post.Post", options, error)
               ? 0
               : ENOMEM;
}

static void make_imports(struct bench_follow *run)
{
    ring_init(&run->idle);
    for (size_t i = 0; i < FOLLOW_IMPORTS_MAX; i++) {
        run->imports[i] = (struct bench_follow_import){ .run = run };
        ring_append(&run->idle, &run->imports[i].idle);
    }
}

static int make_books(struct bench_follow *run)
{
    const struct bench_plan *plan = run->plan;
    const uint64_t users = plan->users.n > 0 ? plan->users.n : 1;
    run->most = plan_calls(plan);
    run->due_ns = calloc((size_t)run->most + 1, sizeof *run->due_ns);
    if (run->due_ns == NULL)
        return ENOMEM;
    int rv = ledger_init(&run->ledger, run->most * posts_of_call(run), users,
                         (size_t)(plan->connections * plan->streams));
    if (rv == 0)
        rv = stats_init(&run->stats, now_ns());
    return rv;
}

static int open_all(struct bench_follow *run)
{
    int rv = make_books(run);
    if (rv == 0)
        rv = requests_init(&run->requests, run->plan);
    if (rv == 0)
        rv = open_channel(run);
    if (rv == 0)
        rv = alarm_open(&run->alarm, run->session->loop);
    if (rv != 0)
        return rv;
    rv = followers_open(&run->followers);
    if (rv != 0)
        alarm_close(&run->alarm);
    return rv;
}

int bench_follow_start(struct bench_follow *run, struct session *s, const struct bench_plan *plan)
{
    run->session = s;
    run->plan = plan;
    run->state = BENCH_FOLLOW_OPENING;
    run->alarm = (struct bench_alarm){ .fired = on_alarm, .fd = -1 };
    run->end.fired = on_end;
    run->look.fired = on_look;
    run->tick.fired = on_tick;
    run->finish.run = on_finish;
    run->schedule = (struct schedule){ .rate = (double)plan->rate, .loops = 1 };
    run->followers = (struct bench_followers){
        .changed = on_changed,
        .told = on_told,
        .plan = plan,
        .loop = s->loop,
        .ledger = &run->ledger,
        .stats = &run->stats,
    };
    bench_live_init(&run->live, plan_kind(plan)->unit);
    make_imports(run);
    const int rv = open_all(run);
    if (rv == 0 && (s->options->progress || *plan->errors.text != '\0'))
        timer_start(s->loop, &run->tick, TICK_MS);
    return rv;
}

void bench_follow_stop(struct bench_follow *run)
{
    if (run->stopping)
        return;
    run->stopping = true;
    if (run->state == BENCH_FOLLOW_OPENING)
        close_all(run);
    else
        settle(run);
}

void bench_follow_close(struct bench_follow *run)
{
    channel_free(run->channel); /* if it never started */
    requests_close(&run->requests);
    ledger_close(&run->ledger);
    stats_close(&run->stats);
    free(run->due_ns);
}
