#include "trace.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "weir/stream.h"

/* --- Chance ------------------------------------------------------------------------- */

/* splitmix64: no number comes twice before 2^64 of them. For names, not for
 * secrets. */
static uint64_t random_number(void)
{
    static _Thread_local uint64_t at;
    if (at == 0 && getrandom(&at, sizeof at, GRND_NONBLOCK) != sizeof at)
        at = clock_ns() ^ (uint64_t)(uintptr_t)&at;
    at += 0x9e3779b97f4a7c15;
    uint64_t z = at;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

#define NUMBER_DIGITS 16

static void put_hex(char *to, uint64_t number)
{
    for (int i = NUMBER_DIGITS - 1; i >= 0; i--, number >>= 4)
        to[i] = "0123456789abcdef"[number & 15];
}

/* --- Request ids -------------------------------------------------------------------- */

static bool is_id_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-_.:/+=@", c) != NULL);
}

bool request_id_valid(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!is_id_character(id.data[i]))
            return false;
    return id.len > 0 && id.len <= REQUEST_ID_MAX;
}

void request_id_make(struct trace *t)
{
    put_hex(t->request_id, random_number());
    t->request_id[NUMBER_DIGITS] = '\0';
}

static void take_request_id(struct trace *t, struct bytes id)
{
    if (!request_id_valid(id)) {
        request_id_make(t);
        return;
    }
    memcpy(t->request_id, id.data, id.len);
    t->request_id[id.len] = '\0';
}

/* --- Trace context ----------------------------------------------------------------------
 *
 *   00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
 *   version, trace, parent span, flags; later versions may have more after that */

enum { TRACE_AT = 3, TRACE_DIGITS = 32, SPAN_AT = 36, SPAN_DIGITS = 16, FLAGS_AT = 53 };

static bool are_zeros(const uint8_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (at[i] != '0')
            return false;
    return true;
}

static bool are_digits(const uint8_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((at[i] >= '0' && at[i] <= '9') || (at[i] >= 'a' && at[i] <= 'f')))
            return false;
    return true;
}

/* An id is digits, but not all of them 0. */
static bool is_id(const uint8_t *at, size_t n)
{
    return are_digits(at, n) && !are_zeros(at, n);
}

static bool version_fits(struct bytes parent)
{
    const uint8_t *p = parent.data;
    if (!are_digits(p, 2) || memcmp(p, "ff", 2) == 0)
        return false;
    if (memcmp(p, "00", 2) == 0)
        return parent.len == TRACEPARENT;
    return parent.len == TRACEPARENT || p[TRACEPARENT] == '-';
}

static bool is_traceparent(struct bytes parent)
{
    const uint8_t *p = parent.data;
    return parent.len >= TRACEPARENT && version_fits(parent) && p[TRACE_AT - 1] == '-' &&
           is_id(p + TRACE_AT, TRACE_DIGITS) && p[SPAN_AT - 1] == '-' &&
           is_id(p + SPAN_AT, SPAN_DIGITS) && p[FLAGS_AT - 1] == '-' && are_digits(p + FLAGS_AT, 2);
}

bool traceparent_continue(struct bytes parent, struct trace *t)
{
    t->traceparent[0] = '\0';
    if (!is_traceparent(parent))
        return false;
    memcpy(t->traceparent, parent.data, TRACEPARENT);
    t->traceparent[TRACEPARENT] = '\0';
    memcpy(t->traceparent, "00", 2);
    put_hex(t->traceparent + SPAN_AT, random_number() | 1); /* not 0 */
    const uint8_t flags = parent.data[FLAGS_AT + 1];
    const int digit = flags <= '9' ? flags - '0' : flags - 'a' + 10;
    memcpy(t->traceparent + FLAGS_AT, digit & 1 ? "01" : "00", 2); /* sampled, or not */
    return true;
}

/* --- The interceptor ---------------------------------------------------------------- */

struct trace_state {
    struct trace trace;
    bool returned;
};

static enum intercept on_call(const struct intercepted *i, struct status *why)
{
    struct stream *s = i->stream;
    struct trace_state *state = i->state;
    (void)why;
    take_request_id(&state->trace, stream_get(s, METADATA_HEADERS, "x-request-id"));
    traceparent_continue(stream_get(s, METADATA_HEADERS, "traceparent"), &state->trace);
    s->context = &state->trace;
    return INTERCEPT_PASS;
}

const struct trace *trace_of(const struct stream *s)
{
    return s->context;
}

/* What cannot be returned is still in the log. */
static void give_back(const struct intercepted *i, enum metadata_place place)
{
    struct trace_state *state = i->state;
    const struct trace *t = &state->trace;
    if (state->returned)
        return;
    state->returned = true;
    stream_put(i->stream, place, "x-request-id", bytes_of_text(t->request_id));
    if (t->traceparent[0] != '\0')
        stream_put(i->stream, place, "traceparent", bytes_of_text(t->traceparent));
}

static enum intercept on_message_out(const struct intercepted *i, struct bytes message,
                                     struct status *why)
{
    (void)message;
    (void)why;
    give_back(i, METADATA_HEADERS);
    return INTERCEPT_PASS;
}

/* A call that fails at once has only trailers: headers would forbid its client
 * to try again by itself. */
static enum intercept on_finish(const struct intercepted *i, struct status *status)
{
    (void)status;
    give_back(i, METADATA_TRAILERS);
    return INTERCEPT_PASS;
}

const struct interceptor call_trace = {
    .name = "trace",
    .state_bytes = sizeof(struct trace_state),
    .on_call = on_call,
    .on_message_out = on_message_out,
    .on_finish = on_finish,
};
