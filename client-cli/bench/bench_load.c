#include "bench_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/container.h"
#include "client-cli/frame/call_policy.h"
#include "client-cli/frame/connection.h"
#include "weir/channel.h"
#include "weir/stream.h"

/* Closed loop: a slot whose call found nobody waits, or it would do nothing but
 * fail. */
#define PAUSE_MS 10

/* Calls that are due closer together are started together: each alarm costs a
 * wake-up. */
#define ALARM_STEP_NS UINT64_C(100000)

#define MS_NS UINT64_C(1000000)

/* One call at a time. */
struct slot {
    struct bench_load *load;
    struct channel *channel;
    struct ring idle;      /* with the load's, if no call is open */
    struct stream *stream; /* NULL: none */
    struct timer timer;    /* the pause of a slow reader, or after UNAVAILABLE */
    uint64_t due_ns;       /* the call */
    uint64_t message_ns;   /* the last message; 0: none yet */
    uint64_t read_ns;      /* slow reader: when it is to read next */
    uint64_t item;         /* the next to ask for, counted over the whole load */
    uint64_t left;         /* items of this call still to be sent */
    uint64_t requests;     /* sent */
    uint64_t answers;      /* that are complete */
    bool got_post;
    bool flawed; /* a request of this call failed */
    bool cut;    /* by us */
};

uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void start_calls(struct bench_load *load);

/* --- Requests out ------------------------------------------------------------------- */

/* Sends one request; false: there is no room, or the call is over. */
static bool send_one(struct slot *slot)
{
    struct bench_load *load = slot->load;
    uint64_t items;
    struct buf *b = requests_make(load->requests, slot->item, slot->left, &items);
    if (b == NULL) {
        stream_fail(slot->stream, STATUS_RESOURCE_EXHAUSTED, "out of memory in the client");
        return false;
    }
    size_t len = b->len;
    int rv = stream_send(slot->stream, b, 0, len, slot->left > items ? STREAM_MORE : STREAM_LAST);
    buf_unref(b);
    if (rv == ENOMEM)
        stream_fail(slot->stream, STATUS_RESOURCE_EXHAUSTED, "out of memory in the client");
    if (rv != 0)
        return false;
    slot->item += items;
    slot->left -= items;
    slot->requests++;
    if (load->plan->shape == BENCH_IMPORT) {
        struct series_point *point = series_at(&load->stats.series, now_ns());
        point->messages++;
        point->bytes += len;
        load->stats.messages++;
        load->stats.bytes += len;
    }
    return true;
}

static void send_more(struct slot *slot)
{
    while (slot->left > 0 && send_one(slot))
        ;
}

static void on_sent(struct stream *stream)
{
    send_more(stream->data);
}

/* --- Responses in ------------------------------------------------------------------- */

static void read_next(struct slot *slot, uint64_t now, size_t bytes)
{
    const struct bench_plan *plan = slot->load->plan;
    if (plan->slow.per_second > 0) {
        pace_next(&plan->slow, &slot->read_ns, now, bytes);
        if (slot->read_ns > now) {
            uint64_t wait_ms = (slot->read_ns - now + MS_NS - 1) / MS_NS;
            timer_start(slot->load->loop, &slot->timer, wait_ms);
            return;
        }
    }
    stream_read(slot->stream);
}

static void count_times(struct slot *slot, uint64_t now, uint64_t posts)
{
    struct stats *stats = &slot->load->stats;
    if (slot->message_ns > 0)
        hist_add(&stats->gap, now - slot->message_ns);
    slot->message_ns = now;
    if (posts == 0 || slot->got_post)
        return;
    slot->got_post = true;
    hist_add(&stats->first, now - slot->due_ns);
}

static void count_response(struct slot *slot, uint64_t now, const struct response *r, size_t bytes)
{
    struct stats *stats = &slot->load->stats;
    struct series_point *point = series_at(&stats->series, now);
    stats->posts += r->posts;
    point->posts += r->posts;
    slot->answers += r->last;
    slot->flawed |= r->errors > 0;
    if (slot->load->plan->shape == BENCH_IMPORT) {
        slot->message_ns = now;
        return; /* what it has sent was counted */
    }
    count_times(slot, now, r->posts);
    stats->messages++;
    stats->bytes += bytes;
    point->messages++;
    point->bytes += bytes;
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct slot *slot = stream->data;
    struct response r;
    uint64_t now = now_ns();
    (void)message; /* not decoded */
    if (!response_read(slot->load->plan, bytes, &slot->load->stats, &r)) {
        stream_fail(stream, STATUS_INTERNAL, "the server sent bytes that are not such a response");
        return;
    }
    count_response(slot, now, &r, bytes.len);
    if (plan_kind(slot->load->plan)->many_responses)
        read_next(slot, now, bytes.len);
}

/* --- A call's end ------------------------------------------------------------------- */

/* What the server calls OK may be no answer. */
static struct status judge(const struct slot *slot, const struct status *status)
{
    if (status->code != STATUS_OK)
        return *status;
    if (slot->message_ns == 0)
        return status_of(STATUS_INTERNAL, "the server answered OK without a message");
    if (plan_kind(slot->load->plan)->one_answer_each && slot->answers != slot->requests)
        return status_of(STATUS_INTERNAL, "the stream ended before its last answer");
    return *status;
}

static void count_cut(struct slot *slot, uint64_t now)
{
    struct stats *stats = &slot->load->stats;
    stats->cut++;
    if (now - slot->due_ns > stats->cut_oldest_ns)
        stats->cut_oldest_ns = now - slot->due_ns;
}

static void count_call(struct slot *slot, uint64_t now, const struct status *status)
{
    struct bench_load *load = slot->load;
    struct series_point *point = series_at(&load->stats.series, now);
    uint64_t took_ns = now - slot->due_ns;
    bool ok = status->code == STATUS_OK;
    stats_code(&load->stats.calls, (int)status->code, status->message, strlen(status->message), 1);
    hist_add(ok ? &load->stats.latency : &load->stats.failed, took_ns);
    load->stats.flawed += ok && slot->flawed;
    point->calls++;
    point->failed += !ok;
    if (ok)
        series_point_add(point, took_ns);
    if (took_ns > load->slowest_ns)
        load->slowest_ns = took_ns;
}

static void become_idle(struct slot *slot)
{
    ring_append(&slot->load->idle, &slot->idle);
    start_calls(slot->load);
}

static void on_timer(struct timer *t)
{
    struct slot *slot = container_of(t, struct slot, timer);
    if (slot->stream != NULL)
        stream_read(slot->stream);
    else
        become_idle(slot);
}

static void end_call(struct slot *slot, bool pause)
{
    struct bench_load *load = slot->load;
    load->open--;
    if (pause && load->state == LOAD_STARTING)
        timer_start(load->loop, &slot->timer, PAUSE_MS);
    else
        become_idle(slot);
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct slot *slot = stream->data;
    struct bench_load *load = slot->load;
    uint64_t now = now_ns();
    slot->stream = NULL;
    timer_stop(&slot->timer);
    load->stats.end_ns = now;
    struct status truth = judge(slot, status);
    if (slot->cut)
        count_cut(slot, now);
    else
        count_call(slot, now, &truth);
    end_call(slot, truth.code == STATUS_UNAVAILABLE && load->schedule.rate <= 0);
}

static const struct stream_handler handler = {
    .message = NULL, /* bytes are enough */
    .on_message = on_message,
    .on_sent = on_sent,
    .on_close = on_close,
};

/* --- Starting calls ----------------------------------------------------------------- */

static void open_call(struct slot *slot, uint64_t due_ns, uint64_t now)
{
    struct bench_load *load = slot->load;
    const struct bench_plan *plan = load->plan;
    const struct call_options options = { .timeout_ms = plan->deadline_ms,
                                          .wait_for_ready = call_policy.wait_for_ready };
    uint64_t call = (load->finished + load->stats.begun) * load->loops + load->number;
    slot->due_ns = due_ns;
    slot->message_ns = slot->read_ns = slot->requests = slot->answers = 0;
    slot->left = (uint64_t)plan->items;
    slot->item = call * slot->left;
    slot->got_post = slot->flawed = slot->cut = false;
    load->stats.begun++;
    load->open++;
    if (load->schedule.rate > 0)
        hist_add(&load->stats.late, now - due_ns);
    if (channel_open(slot->channel, load->loop, plan_path(plan), &handler, slot, &options,
                     &slot->stream) != 0) {
        struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory in the client");
        count_call(slot, now, &status);
        end_call(slot, true);
        return;
    }
    stream_read(slot->stream);
    send_more(slot);
}

/* Slots that pause are idle again. */
static void end_pauses(struct bench_load *load)
{
    for (size_t i = 0; i < load->nslots; i++) {
        struct slot *slot = &load->slots[i];
        if (timer_running(&slot->timer)) {
            timer_stop(&slot->timer);
            ring_append(&load->idle, &slot->idle);
        }
    }
}

static void drain_if_over(struct bench_load *load)
{
    if (load->state != LOAD_DRAINING || load->open > 0)
        return;
    load->state = LOAD_IDLE;
    load->finished += load->stats.begun;
    timer_stop(&load->end);
    end_pauses(load);
    load->drained(load);
}

static void start_calls(struct bench_load *load)
{
    const bool open_loop = load->schedule.rate > 0;
    uint64_t now = now_ns();
    while (load->state == LOAD_STARTING && load->stats.begun < load->most &&
           !ring_empty(&load->idle)) {
        uint64_t due_ns = open_loop ? schedule_due(&load->schedule, load->stats.begun) : now;
        if (due_ns > now) {
            uint64_t step_ns = now + ALARM_STEP_NS;
            alarm_set(&load->alarm, due_ns > step_ns ? due_ns : step_ns);
            break;
        }
        struct slot *slot = container_of(load->idle.next, struct slot, idle);
        ring_remove(&slot->idle);
        open_call(slot, due_ns, now);
    }
    if (load->state == LOAD_STARTING && load->stats.begun == load->most)
        load->state = LOAD_DRAINING;
    drain_if_over(load);
}

static void on_alarm(struct bench_alarm *alarm)
{
    start_calls(container_of(alarm, struct bench_load, alarm));
}

/* --- A run -------------------------------------------------------------------------- */

static void stop_starting(struct bench_load *load)
{
    if (load->state != LOAD_STARTING)
        return;
    load->state = LOAD_DRAINING;
    if (load->schedule.rate > 0) {
        uint64_t due = schedule_count(&load->schedule, now_ns());
        due = due < load->most ? due : load->most;
        load->stats.unstarted = due > load->stats.begun ? due - load->stats.begun : 0;
    }
}

static void cut_open(struct bench_load *load)
{
    for (size_t i = 0; i < load->nslots; i++) {
        struct slot *slot = &load->slots[i];
        if (slot->stream == NULL || slot->cut)
            continue;
        slot->cut = true;
        stream_fail(slot->stream, STATUS_CANCELLED, "the run is over");
    }
}

static void on_run_end(struct timer *t)
{
    struct bench_load *load = container_of(t, struct bench_load, end);
    if (load->in_grace) {
        cut_open(load);
        return;
    }
    load->in_grace = true;
    stop_starting(load);
    timer_start(load->loop, &load->end, LOAD_GRACE_MS);
    drain_if_over(load);
}

/* The share of this loop. */
static uint64_t share(uint64_t all, const struct bench_load *load)
{
    return all / load->loops + (load->number < all % load->loops);
}

void load_begin(struct bench_load *load, const struct load_run *run)
{
    stats_close(&load->stats); /* the warm-up's */
    if (stats_init(&load->stats, run->origin_ns) != 0) {
        load->drained(load); /* nothing was begun: that shows */
        return;
    }
    load->state = LOAD_STARTING;
    load->in_grace = false;
    load->slowest_ns = 0;
    load->most = run->count > 0 ? share((uint64_t)run->count, load) : UINT64_MAX;
    load->schedule = (struct schedule){ .origin_ns = run->origin_ns,
                                        .rate = (double)load->plan->rate,
                                        .loop = load->number,
                                        .loops = load->loops };
    if (run->duration_ms > 0 && load->plan->rate > 0) {
        uint64_t due = schedule_count(&load->schedule, run->origin_ns + run->duration_ms * MS_NS);
        load->most = due < load->most ? due : load->most;
    }
    if (run->duration_ms > 0)
        timer_start(load->loop, &load->end, run->duration_ms);
    start_calls(load);
}

void load_stop(struct bench_load *load)
{
    stop_starting(load);
    if (load->state == LOAD_DRAINING) {
        cut_open(load);
        drain_if_over(load);
    }
}

struct load_sample load_sample(struct bench_load *load)
{
    const struct stats *stats = &load->stats;
    struct load_sample sample = {
        .at_ns = now_ns(),
        .calls = stats_ended(stats),
        .failed = stats_failed(stats),
        .bad = stats_bad(stats),
        .posts = stats->posts,
        .messages = stats->messages,
        .bytes = stats->bytes,
        .slowest_ns = load->slowest_ns,
        .open = load->open,
    };
    for (size_t i = 0; i < load->nslots; i++) {
        const struct slot *slot = &load->slots[i];
        if (slot->stream != NULL && sample.at_ns - slot->due_ns > sample.slowest_ns)
            sample.slowest_ns = sample.at_ns - slot->due_ns;
    }
    load->slowest_ns = 0;
    return sample;
}

/* --- Life --------------------------------------------------------------------------- */

static int open_channels(struct bench_load *load)
{
    const struct bench_plan *plan = load->plan;
    const bool user = plan_kind(plan)->user_service;
    struct channel_options options = connection_channel(user ? SERVICE_USER : SERVICE_POST);
    options.own_connection = true;
    options.max_message_bytes = INT32_MAX;
    char error[CONNECTION_ERROR_MAX]; /* the session has made such channels: it is memory */
    size_t n = (size_t)share((uint64_t)plan->connections, load);
    load->channels = calloc(n, sizeof(struct channel *));
    if (load->channels == NULL)
        return ENOMEM;
    for (; load->nchannels < n; load->nchannels++)
        if (!call_policy_channel(&load->channels[load->nchannels],
                                 user ? plan->user_target : plan->target,
                                 user ? "v1.user.User" : "v1.post.Post", options, error))
            return ENOMEM;
    return 0;
}

/* One after the other has another connection, so that those that are idle
 * longest are on different ones. */
static int make_slots(struct bench_load *load)
{
    load->nslots = load->nchannels * (size_t)load->plan->streams;
    load->slots = calloc(load->nslots, sizeof *load->slots);
    if (load->slots == NULL)
        return ENOMEM;
    for (size_t i = 0; i < load->nslots; i++) {
        struct slot *slot = &load->slots[i];
        slot->load = load;
        slot->channel = load->channels[i % load->nchannels];
        slot->timer.fired = on_timer;
        ring_append(&load->idle, &slot->idle);
    }
    return 0;
}

int load_init(struct bench_load *load, struct loop *loop, const struct bench_plan *plan,
              const struct requests *requests, unsigned number, unsigned loops)
{
    *load = (struct bench_load){
        .loop = loop,
        .plan = plan,
        .requests = requests,
        .number = number,
        .loops = loops,
        .alarm = { .fired = on_alarm, .fd = -1 },
        .end = { .fired = on_run_end },
    };
    ring_init(&load->idle);
    int rv = open_channels(load);
    if (rv == 0)
        rv = make_slots(load);
    if (rv == 0 && plan->rate > 0)
        rv = alarm_open(&load->alarm, loop);
    if (rv != 0)
        load_close(load);
    return rv;
}

void load_close(struct bench_load *load)
{
    alarm_close(&load->alarm);
    uv_run(loop_uv(load->loop), UV_RUN_NOWAIT); /* the alarm is ours only to here */
    for (size_t i = 0; i < load->nchannels; i++)
        channel_free(load->channels[i]);
    free(load->channels);
    free(load->slots);
    stats_close(&load->stats);
}
