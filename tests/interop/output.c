/* Many responses to one request, or to each of many.
 *
 * What is still to be sent stands in a list; tick() sends from it whenever
 * something has changed: a request came, a pause is over, the stream has room
 * again. The next request is read when the list is empty, so a client that
 * does not read its answers cannot make it grow. HalfDuplexCall wants all
 * requests before the first answer; its list has a limit instead. */
#include <errno.h>
#include <stdlib.h>

#include "base/container.h"
#include "service.h"
#include "weir/loop.h"

#define WANTED_MAX 10000

struct wanted {
    int32_t size;
    uint64_t pause_ms; /* before it */
    unsigned flags;
};

struct output {
    struct stream *stream;
    struct wanted *list; /* [sent, n) are to be sent */
    size_t n, sent;
    struct timer pause;
    bool paused;         /* the pause before [sent] is over */
    bool reading, ended; /* the next request is asked for; there is none */
};

static bool answers_at_end(const struct stream *s)
{
    return s->method->data != NULL;
}

/* 0, or as stream_send(). */
static int send_one(struct output *o, const struct wanted *w)
{
    Grpc__Testing__StreamingOutputCallResponse response =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_RESPONSE__INIT;
    Grpc__Testing__Payload payload;
    if (!fill_payload(o->stream, w->size, &payload))
        return EPIPE;
    response.payload = &payload;
    const int rv = stream_send_message(o->stream, &response.base, w->flags);
    free(payload.body.data);
    return rv;
}

/* Sends what it may; false: it waits, for room or time, or has failed. */
static bool send_all(struct output *o)
{
    while (o->sent < o->n) {
        const struct wanted *w = &o->list[o->sent];
        if (w->pause_ms > 0 && !o->paused) {
            if (!timer_running(&o->pause))
                timer_start(o->stream->loop, &o->pause, w->pause_ms);
            return false;
        }
        const int rv = send_one(o, w);
        if (rv == ENOMEM)
            stream_fail(o->stream, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        if (rv != 0)
            return false;
        o->paused = false;
        o->sent++;
    }
    return true;
}

static void read_next(struct output *o)
{
    o->reading = true;
    stream_read(o->stream);
}

static void tick(struct output *o)
{
    const struct status ok = status_ok();
    if (!send_all(o))
        return;
    if (o->ended)
        stream_finish(o->stream, &ok);
    else if (!o->reading)
        read_next(o);
}

/* The list is empty, or answers_at_end(). */
static bool add_wanted(struct output *o, const Grpc__Testing__StreamingOutputCallRequest *m)
{
    if (o->sent == o->n)
        o->sent = o->n = 0;
    if (m->n_response_parameters > WANTED_MAX - o->n)
        return false;
    struct wanted *list = realloc(o->list, (o->n + m->n_response_parameters + 1) * sizeof *list);
    if (list == NULL)
        return false;
    o->list = list;
    for (size_t i = 0; i < m->n_response_parameters; i++) {
        const Grpc__Testing__ResponseParameters *p = m->response_parameters[i];
        const uint64_t pause_us = p->interval_us > 0 ? (uint64_t)p->interval_us : 0;
        list[o->n++] =
            (struct wanted){ p->size, (pause_us + 999) / 1000, plain_unless(p->compressed) };
    }
    return true;
}

/* --- What happens to the stream ----------------------------------------------------- */

static void on_pause(struct timer *timer)
{
    struct output *o = container_of(timer, struct output, pause);
    o->paused = true;
    tick(o);
}

static void on_open(struct stream *s)
{
    struct output *o = calloc(1, sizeof *o);
    s->data = o;
    if (o == NULL) {
        stream_fail(s, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    o->stream = s;
    o->pause.fired = on_pause;
    echo_metadata(s);
    if (s->method->requests == MANY)
        read_next(o);
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const Grpc__Testing__StreamingOutputCallRequest *m =
        (const Grpc__Testing__StreamingOutputCallRequest *)message;
    struct output *o = s->data;
    (void)bytes;
    o->reading = false;
    o->ended = s->method->requests == ONE;
    if (echo_status(s, m->response_status))
        return;
    if (!add_wanted(o, m))
        stream_fail(s, STATUS_RESOURCE_EXHAUSTED, "more than %d responses", WANTED_MAX);
    else if (answers_at_end(s))
        read_next(o);
    else
        tick(o);
}

static void on_end(struct stream *s)
{
    struct output *o = s->data;
    o->reading = false;
    o->ended = true;
    tick(o);
}

static void on_sent(struct stream *s)
{
    tick(s->data);
}

static void on_close(struct stream *s, const struct status *status)
{
    struct output *o = s->data;
    (void)status;
    if (o == NULL)
        return;
    timer_stop(&o->pause);
    free(o->list);
    free(o);
}

const struct stream_handler output_handler = {
    .message = &grpc__testing__streaming_output_call_request__descriptor,
    .on_open = on_open,
    .on_message = on_message,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_close = on_close,
};
