#include "call_requests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/container.h"
#include "client-cli/frame/calls.h"

/* Of the text of one request. */
#define REQUEST_TEXT_MAX ((size_t)64 << 20)

/* --- What is wrong ------------------------------------------------------------------ */

/* Before the call: it was never made. During the call, it is cancelled. */
__attribute__((format(printf, 2, 3))) static void refuse(struct call_requests *r,
                                                         const char *format, ...)
{
    char why[PBJSON_ERROR_BYTES + 128];
    char place[48] = "the request";
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    r->failed = true;
    if (r->from_input && r->taken > 0)
        snprintf(place, sizeof place, "standard input, line %" PRIu64, r->values.line);
    else if (r->from_input)
        snprintf(place, sizeof place, "standard input");
    else if (r->taken > 1)
        snprintf(place, sizeof place, "request %zu", r->taken);
    if (r->session->call != NULL) {
        stream_fail(r->session->call, STATUS_INVALID_ARGUMENT, "%s: %s", place, why);
    } else if (!r->opened) {
        session_say(r->session, "%s: %s", place, why);
        session_end(r->session, EXIT_USAGE);
    }
}

static void no_memory(struct call_requests *r)
{
    const struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    r->failed = true;
    if (r->session->call != NULL)
        session_no_memory(r->session->call);
    else
        session_fail(r->session, &status);
}

static bool takes_many(const struct call_requests *r)
{
    return r->method->many_requests;
}

/* --- From text to messages ---------------------------------------------------------- */

/* NULL: it is refused, or there is no memory. */
static struct buf *message_of(struct call_requests *r, struct bytes json)
{
    char error[PBJSON_ERROR_BYTES];
    struct buf *b = buf_new(json.len / 2 + 16);
    if (b == NULL) {
        no_memory(r);
        return NULL;
    }
    const int rv = pbjson_parse(b, r->pool, r->method->input, &json, NULL, error);
    if (rv == 0 && json.len == 0)
        return b;
    buf_unref(b);
    if (rv == ENOMEM)
        no_memory(r);
    else
        refuse(r, "%s", rv != 0 ? error : "there is something behind the value");
    return NULL;
}

/* The next request; NULL: there is none yet, or no more. */
static struct buf *next_message(struct call_requests *r)
{
    struct bytes json;
    const enum json_value_result result = json_values_next(&r->values, &json);
    if (result == JSON_VALUE_NONE)
        return NULL;
    r->taken++;
    if (result == JSON_VALUE_TOO_LONG)
        refuse(r, "the text of a request has more than %zu MiB", REQUEST_TEXT_MAX >> 20);
    else if (r->taken > 1 && !takes_many(r))
        refuse(r, "%.*s takes one request, and this is a second one", (int)r->method->name.len,
               (const char *)r->method->name.data);
    else
        return message_of(r, json);
    return NULL;
}

/* --- A method that takes one -------------------------------------------------------- */

/* Takes what there is of the text, which may be all. */
static void gather(struct call_requests *r)
{
    struct buf *b;
    while (!r->failed && (b = next_message(r)) != NULL)
        r->waiting = b;
    if (r->failed || !r->ended)
        return;
    if (r->waiting == NULL) {
        refuse(r, "there is no request");
        return;
    }
    r->on_ready(r->session);
}

/* --- One that takes many ------------------------------------------------------------ */

static bool is_open(const struct call_requests *r)
{
    const struct session *s = r->session;
    return r->opened && !r->failed && s->call != NULL && !s->half_closed;
}

static void send_waiting(struct call_requests *r)
{
    const unsigned flags = takes_many(r) ? 0 : STREAM_LAST;
    const int rv = stream_send(r->session->call, r->waiting, 0, r->waiting->len, flags);
    if (rv == EAGAIN) {
        if (r->from_input)
            input_pause(&r->in);
        return;
    }
    buf_unref(r->waiting);
    r->waiting = NULL;
    r->failed = rv != 0;
    r->session->half_closed = rv == 0 && !takes_many(r);
    if (rv == ENOMEM)
        session_no_memory(r->session->call);
}

/* Sends until there is no room, or nothing to send. */
static void pump(struct call_requests *r)
{
    while (is_open(r)) {
        if (r->waiting == NULL)
            r->waiting = next_message(r);
        if (r->waiting == NULL)
            break;
        send_waiting(r);
        if (r->waiting != NULL)
            return;
    }
    if (!is_open(r))
        return;
    if (r->ended)
        calls_half_close(r->session);
    else
        input_resume(&r->in);
}

/* --- Standard input ----------------------------------------------------------------- */

static void advance(struct call_requests *r)
{
    if (r->failed)
        input_pause(&r->in);
    else if (takes_many(r))
        pump(r);
    else
        gather(r);
}

static void on_text(struct input *in, struct bytes text)
{
    struct call_requests *r = container_of(in, struct call_requests, in);
    if (r->failed)
        return;
    if (!json_values_add(&r->values, text))
        no_memory(r);
    else
        advance(r);
}

static void on_end(struct input *in, int error)
{
    struct call_requests *r = container_of(in, struct call_requests, in);
    if (r->failed)
        return;
    r->ended = true;
    json_values_end(&r->values);
    if (error != 0)
        refuse(r, "%s", strerror(error));
    else
        advance(r);
}

/* --- Life --------------------------------------------------------------------------- */

/* Before anything is sent: all of it, as messages that nobody keeps. */
static void look_at_argument(struct call_requests *r)
{
    const struct json_values all = r->values;
    struct buf *b;
    while (!r->failed && (b = next_message(r)) != NULL)
        buf_unref(b);
    r->values = all;
    r->taken = 0;
}

static bool begin_argument(struct call_requests *r, const char *argument)
{
    if (!json_values_add(&r->values, bytes_of_text(argument)))
        return false;
    json_values_end(&r->values);
    r->ended = true;
    if (takes_many(r))
        look_at_argument(r);
    if (!takes_many(r))
        gather(r);
    else if (!r->failed)
        r->on_ready(r->session);
    return true;
}

/* A message without a field has no bytes, whatever its JSON looks like. */
static bool begin_empty(struct call_requests *r)
{
    r->ended = true;
    r->waiting = buf_new(1);
    if (r->waiting == NULL)
        return false;
    r->on_ready(r->session);
    return true;
}

static bool begin_input(struct call_requests *r)
{
    r->from_input = true;
    r->in.on_text = on_text;
    r->in.on_end = on_end;
    if (input_init(&r->in, r->session, "-") != 0)
        return false;
    if (takes_many(r))
        r->on_ready(r->session);
    else
        input_resume(&r->in);
    return true;
}

bool call_requests_begin(struct call_requests *r, struct session *s, const struct pb_pool *pool,
                         const struct pb_method *method, const char *argument)
{
    r->session = s;
    r->pool = pool;
    r->method = method;
    if (!json_values_init(&r->values, REQUEST_TEXT_MAX))
        return false;
    if (argument == NULL && !takes_many(r))
        return begin_empty(r);
    if (argument == NULL || strcmp(argument, "-") == 0)
        return begin_input(r);
    return begin_argument(r, argument);
}

void call_requests_open(struct call_requests *r)
{
    r->opened = true;
    pump(r);
}

void call_requests_room(struct call_requests *r)
{
    pump(r);
}

void call_requests_close(struct call_requests *r)
{
    buf_unref(r->waiting);
    json_values_close(&r->values);
    if (r->from_input)
        input_close(&r->in);
}
