/* Answers of many messages as events for a browser's EventSource
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 *
 * EventSource connects again whenever an answer ends, however it ended, and says which event it
 * had last. After the end of a call that is REST_EVENT_END, and that is answered with 204, which
 * is how such a client is told not to come again. */
#include <errno.h>
#include <stdio.h>

#include "base/container.h"
#include "rest_events.h"
#include "rest_internal.h"

#define RETRY_MS 1000 /* if the status does not say */

/* Fronts cut an answer in which nothing comes, many after 60 s or 30 s. */
#define SILENCE_MS 10000

/* It may come again: not with an HTTP status that EventSource gives up at. */
static bool is_for_later(const struct status *status)
{
    return status->code == STATUS_OK || status->code == STATUS_UNAVAILABLE;
}

static void head(const struct dialect_call *d, struct answer *a, const struct status *status)
{
    const struct status last = status != NULL ? rest_end_of(d, status) : status_ok();
    if (!is_for_later(&last)) {
        rest_head_of_error(d, a, &last);
        return;
    }
    rest_put_type(d, a, "text/event-stream");
    answer_put(a, "cache-control", "no-store");
    answer_put(a, "x-accel-buffering", "no"); /* fronts are not to keep events for later */
}

/* A comment, which EventSource drops. */
static void on_silence(struct timer *timer)
{
    struct rest *r = container_of(timer, struct rest, silence);
    dialect_put(&r->call, bytes_of_text(":\n\n"));
    timer_start(r->call.stream->loop, timer, SILENCE_MS);
}

void rest_events_begin(const struct dialect_call *d)
{
    struct rest *r = rest_of(d);
    r->call = *d;
    r->silence.fired = on_silence;
    timer_start(d->stream->loop, &r->silence, SILENCE_MS);
}

static bool put(struct buf *to, const char *text)
{
    return buf_append(to, bytes_of_text(text));
}

static bool put_id(const struct dialect_call *d, struct bytes message, struct buf *to)
{
    const struct pb_message *output = rest_of(d)->route->types->output;
    const struct pb_field *f = pb_field_by_name(output, bytes_of_text("next_page_token"));
    if (f == NULL || f->wire != WIRE_BYTES)
        return true;
    const struct bytes token = wire_find(message, f->number);
    for (size_t i = 0; i < token.len; i++)
        if (token.data[i] <= ' ' || token.data[i] > '~')
            return true; /* it has no place in a line, or in a header */
    return token.len == 0 || (put(to, "id: ") && buf_append(to, token) && put(to, "\n"));
}

static bool encode(const struct dialect_call *d, struct bytes message, struct buf *to)
{
    const size_t before = to->len;
    if (!put_id(d, message, to) || !put(to, "data: "))
        return false;
    const int rv = rest_put_message(d, message, to);
    if (rv == EINVAL)
        to->len = before;
    return rv == EINVAL || (rv == 0 && put(to, "\n\n"));
}

static bool put_retry(const struct status *status, struct buf *to)
{
    char line[32];
    const unsigned ms = status->retry_after_ms > 0 ? status->retry_after_ms : RETRY_MS;
    snprintf(line, sizeof line, "retry: %u\n", ms);
    return put(to, line);
}

static bool end(const struct dialect_call *d, const struct status *status, bool started,
                struct buf *to)
{
    const struct status last = rest_end_of(d, status);
    const bool bare = !started && !is_for_later(&last);
    struct jsonout o = { .b = to, .max_len = SIZE_MAX, .first = true };
    if (last.code == STATUS_OK && !put(to, "id: " REST_EVENT_END "\n"))
        return false;
    if (last.code == STATUS_UNAVAILABLE && !put_retry(&last, to))
        return false;
    if (!bare && !put(to, "event: status\ndata: "))
        return false;
    rest_put_status(d, &o, &last);
    return o.rv == 0 && put(to, bare ? "\n" : "\n\n");
}

#define EVENTS(requests)                                                                           \
    {                                                                                              \
        .frames = (requests), .answer_frames = FRAMES_LINES, .decode = rest_decode, .head = head,  \
        .encode = encode, .end = end                                                               \
    }

const struct dialect rest_events = EVENTS(FRAMES_WHOLE);
const struct dialect rest_events_of_lines = EVENTS(FRAMES_LINES);
