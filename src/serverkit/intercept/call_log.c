#include "call_log.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "trace.h"
#include "weir/identity.h"
#include "weir/server.h"

struct call_log_options call_log_options = {
    .which = CALL_LOG_SLOW,
    .sample = 1,
    .slow_ms = 1000,
    .request_ids = true,
};

static const struct option_row rows[] = {
    OPT_CHOICE("log-calls", call_log_options.which,
               "which calls get a line: those that failed, those and the slow ones, or all",
               .choices = "off|errors|slow|all"),
    OPT_DURATION("slow-call", call_log_options.slow_ms,
                 "a call is slow if its first message takes longer than this; 0: no call is slow"),
    OPT_INT("log-sample", call_log_options.sample,
            "with --log-calls all: log only one of N calls that were neither slow nor failed",
            .min = 1, .max = INT32_MAX),
    OPT_FLAG("request-ids", call_log_options.request_ids,
             "give every call an id, which is the client's x-request-id or a new one; it is logged "
             "and sent back"),
};

const struct option_group call_log_group = { "Log of calls", rows, sizeof rows / sizeof rows[0] };

/* --- The line ----------------------------------------------------------------------- */

#define MAX_FIELDS 16
#define PEER_MAX   128

struct fields {
    struct log_field item[MAX_FIELDS];
    size_t n;
};

static void add_text(struct fields *f, const char *key, const char *text)
{
    f->item[f->n++] = (struct log_field){ .key = key, .kind = LOG_STRING, .text = text };
}

static void add_count(struct fields *f, const char *key, uint64_t count)
{
    f->item[f->n++] = (struct log_field){ .key = key, .kind = LOG_COUNT, .number = count };
}

static void add_time(struct fields *f, const char *key, uint64_t ns)
{
    f->item[f->n++] =
        (struct log_field){ .key = key, .kind = LOG_MILLISECONDS, .number = ns / 1000 };
}

static void add_trace(struct fields *f, const struct trace *t)
{
    if (t == NULL)
        return;
    if (t->request_id[0] != '\0')
        add_text(f, "request_id", t->request_id);
    if (t->traceparent[0] != '\0')
        add_text(f, "traceparent", t->traceparent);
}

static void add_traffic(struct fields *f, const struct stream *s)
{
    add_count(f, "messages_in", s->in.messages);
    add_count(f, "bytes_in", s->in.bytes);
    add_count(f, "messages_out", s->out.messages);
    add_count(f, "bytes_out", s->out.bytes);
    if (s->in.records > 0)
        add_count(f, "records_in", s->in.records);
    if (s->out.records > 0)
        add_count(f, "records_out", s->out.records);
}

/* A call that has ended. */
struct ended {
    struct stream *stream;
    const struct status *status;
    uint64_t first_ns;         /* when the first answer was there; 0: there was none */
    const struct trace *trace; /* may be NULL */
};

static void write_line(enum log_level level, const char *name, const struct ended *e)
{
    struct stream *s = e->stream;
    struct fields f = { .n = 0 };
    char peer[PEER_MAX];
    stream_peer(s, peer, sizeof peer);
    add_text(&f, "method", s->path);
    add_text(&f, "code", status_name((int)e->status->code));
    add_time(&f, "duration_ms", s->ended_ns - s->began_ns);
    if (e->first_ns != 0)
        add_time(&f, "first_message_ms", e->first_ns - s->began_ns);
    add_traffic(&f, s);
    add_text(&f, "peer", peer);
    if (s->protocol != NULL)
        add_text(&f, "protocol", s->protocol);
    if (s->identity != NULL)
        add_text(&f, "caller", s->identity->name);
    add_trace(&f, e->trace);
    if (e->status->code != STATUS_OK)
        add_text(&f, "error", e->status->message);
    log_event(level, name, f.item, f.n);
}

/* --- Which calls -------------------------------------------------------------------- */

static bool is_slow(const struct call_log_options *o, const struct stream *s)
{
    if (o->slow_ms == 0 || s->method->requests == MANY)
        return false;
    const uint64_t answered_ns = s->out.first_ns != 0 ? s->out.first_ns : s->ended_ns;
    return answered_ns - s->began_ns > o->slow_ms * 1000000;
}

static bool is_sampled(const struct call_log_options *o)
{
    static _Thread_local int64_t skipped; /* a loop is a thread */
    if (++skipped < o->sample)
        return false;
    skipped = 0;
    return true;
}

/* A deadline that a client has set, and what it sends that no server takes. */
static bool is_the_clients_own(const struct status *status)
{
    if (status->code == STATUS_DEADLINE_EXCEEDED)
        return status->reason[0] == '\0';
    return strcmp(status->reason, REASON_PROTOCOL_VIOLATION) == 0 ||
           strcmp(status->reason, REASON_MESSAGE_TOO_LARGE) == 0;
}

/* Ours to look into, ours to do something about, or the client's own. */
static enum log_level level_of(const struct status *status)
{
    if (is_the_clients_own(status))
        return LOG_INFO;
    switch (status->code) {
    case STATUS_UNKNOWN:
    case STATUS_INTERNAL:
    case STATUS_DATA_LOSS:
        return LOG_ERROR;
    case STATUS_DEADLINE_EXCEEDED:
    case STATUS_RESOURCE_EXHAUSTED:
    case STATUS_UNAVAILABLE:
        return LOG_WARN;
    default:
        return LOG_INFO;
    }
}

static void log_call(const struct intercepted *i, const struct status *status)
{
    const struct call_log_options *o = i->arg;
    const struct stream *s = i->stream;
    const struct ended e = { i->stream, status, s->out.first_ns, trace_of(s) };
    if (status->code != STATUS_OK)
        write_line(level_of(status), "call", &e);
    else if (o->which >= CALL_LOG_SLOW && is_slow(o, s))
        write_line(LOG_WARN, "slow call", &e);
    else if (o->which == CALL_LOG_ALL && is_sampled(o))
        write_line(LOG_INFO, "call", &e);
}

const struct interceptor call_log = { .name = "log", .on_close = log_call };

/* The server's request id, from where it returned that. */
static void take_request_id(struct stream *s, struct trace *ret)
{
    struct bytes id = stream_get(s, METADATA_HEADERS, "x-request-id");
    if (id.data == NULL)
        id = stream_get(s, METADATA_TRAILERS, "x-request-id");
    if (request_id_valid(id))
        snprintf(ret->request_id, sizeof ret->request_id, "%.*s", (int)id.len,
                 (const char *)id.data);
}

static void log_client_call(const struct intercepted *i, const struct status *status)
{
    const enum log_level *level = i->arg;
    struct trace trace = { 0 };
    const struct ended e = { i->stream, status, i->stream->in.first_ns, &trace };
    if (!log_on(*level))
        return;
    take_request_id(i->stream, &trace);
    write_line(*level, "client call", &e);
}

const struct interceptor client_call_log = { .name = "client log", .on_close = log_client_call };
