#include "call_metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "weir/loop.h"

#define CODES (STATUS_UNAUTHENTICATED + 1)

/* What went one way. */
struct flow {
    struct counter messages, bytes, records;
};

/* One method on one loop. */
struct cell {
    struct counter started, handled[CODES];
    struct flow in, out;
    struct histogram handling, first_message;
};

/* What servers speak (struct protocol, http/dialect.h); a name that is not here is "other". */
static const char *const protocols[] = {
    "grpc", "grpc-web", "websocket", "connect", "rest", "other"
};
#define PROTOCOLS (sizeof protocols / sizeof protocols[0])

struct call_metrics {
    enum call_metrics_of side;
    size_t nloops, nmethods;
    const struct method **methods;
    struct cell **cells;                 /* of each loop: nmethods and one more, for unknown ones */
    struct counter (*spoken)[PROTOCOLS]; /* of each loop: calls that began */
};

/* What is kept of a call. */
struct metrics_state {
    struct cell *cell;
    uint64_t records_in, records_out; /* so many are counted */
};

/* --- Counting ----------------------------------------------------------------------- */

static bool is_of(const struct stream *s, const struct method *m)
{
    return s->method != NULL ? s->method == m : strcmp(s->path, m->path) == 0;
}

static struct cell *cell_of(const struct call_metrics *m, const struct stream *s)
{
    size_t i = 0;
    while (i < m->nmethods && !is_of(s, m->methods[i]))
        i++;
    return &m->cells[loop_index(s->loop)][i];
}

/* The handler adds them after the message has passed here. */
static void count_records(struct metrics_state *state, const struct stream *s)
{
    counter_add(&state->cell->in.records, s->in.records - state->records_in);
    counter_add(&state->cell->out.records, s->out.records - state->records_out);
    state->records_in = s->in.records;
    state->records_out = s->out.records;
}

static enum intercept count_message(const struct intercepted *i, struct flow *flow,
                                    struct bytes message)
{
    counter_add(&flow->messages, 1);
    counter_add(&flow->bytes, message.len);
    count_records(i->state, i->stream);
    return INTERCEPT_PASS;
}

static size_t protocol_of(const struct stream *s)
{
    size_t i = 0;
    while (s->protocol != NULL && i < PROTOCOLS - 1 && strcmp(protocols[i], s->protocol) != 0)
        i++;
    return i; /* that is not said, of the core, is gRPC */
}

static enum intercept on_call(const struct intercepted *i, struct status *why)
{
    struct metrics_state *state = i->state;
    const struct call_metrics *m = i->arg;
    (void)why;
    counter_add(&m->spoken[loop_index(i->stream->loop)][protocol_of(i->stream)], 1);
    state->cell = cell_of(i->arg, i->stream);
    counter_add(&state->cell->started, 1);
    return INTERCEPT_PASS;
}

static enum intercept on_message_in(const struct intercepted *i, struct bytes message,
                                    struct status *why)
{
    const struct metrics_state *state = i->state;
    (void)why;
    return count_message(i, &state->cell->in, message);
}

static enum intercept on_message_out(const struct intercepted *i, struct bytes message,
                                     struct status *why)
{
    const struct metrics_state *state = i->state;
    (void)why;
    return count_message(i, &state->cell->out, message);
}

static void on_close(const struct intercepted *i, const struct status *status)
{
    const struct call_metrics *m = i->arg;
    const struct stream *s = i->stream;
    struct metrics_state *state = i->state;
    const struct traffic *answers = m->side == CALL_METRICS_SERVER ? &s->out : &s->in;
    const unsigned code = (unsigned)status->code < CODES ? (unsigned)status->code : STATUS_UNKNOWN;
    count_records(state, s);
    counter_add(&state->cell->handled[code], 1);
    histogram_observe(&state->cell->handling, s->ended_ns - s->began_ns);
    if (answers->first_ns != 0)
        histogram_observe(&state->cell->first_message, answers->first_ns - s->began_ns);
}

const struct interceptor call_metrics = {
    .name = "metrics",
    .state_bytes = sizeof(struct metrics_state),
    .on_call = on_call,
    .on_message_in = on_message_in,
    .on_message_out = on_message_out,
    .on_close = on_close,
};

/* --- Printing ----------------------------------------------------------------------- */

/* A method's labels: "/v1.user.User/GetUser" in two. */
struct method_labels {
    struct label item[4]; /* room for the code */
    struct labels labels;
    char service[128];
};

static const char *type_of(const struct method *m)
{
    if (m->requests == ONE)
        return m->responses == ONE ? "unary" : "server_stream";
    return m->responses == ONE ? "client_stream" : "bidi_stream";
}

static void label_method(struct method_labels *l, const struct call_metrics *m, size_t method)
{
    const char *type = "unknown", *name = "unknown";
    strcpy(l->service, "unknown");
    if (method < m->nmethods) {
        const char *path = m->methods[method]->path;
        const char *slash = strrchr(path, '/');
        type = type_of(m->methods[method]);
        name = slash + 1;
        snprintf(l->service, sizeof l->service, "%.*s", (int)(slash - path - 1), path + 1);
    }
    l->item[0] = (struct label){ "grpc_type", type };
    l->item[1] = (struct label){ "grpc_service", l->service };
    l->item[2] = (struct label){ "grpc_method", name };
    l->labels = (struct labels){ l->item, 3 };
}

static uint64_t sum(const struct call_metrics *m, size_t method, size_t offset)
{
    uint64_t n = 0;
    for (size_t i = 0; i < m->nloops; i++)
        n += counter_get((const struct counter *)((const char *)&m->cells[i][method] + offset));
    return n;
}

static uint64_t sum_code(const struct call_metrics *m, size_t method, size_t code)
{
    return sum(m, method, offsetof(struct cell, handled) + code * sizeof(struct counter));
}

static void begin(struct exposition *e, const struct call_metrics *m, const char *name,
                  enum metric_kind kind, const char *help)
{
    exposition_family(e, m->side == CALL_METRICS_SERVER ? "grpc_server" : "grpc_client", name, kind,
                      help);
}

static const struct {
    const char *name, *help;
    size_t offset;
} counters[] = {
    { "started_total", "Calls that began.", offsetof(struct cell, started) },
    { "msg_received_total", "Messages received.", offsetof(struct cell, in.messages) },
    { "msg_sent_total", "Messages sent.", offsetof(struct cell, out.messages) },
    { "received_bytes_total", "Bytes of the messages received.", offsetof(struct cell, in.bytes) },
    { "sent_bytes_total", "Bytes of the messages sent.", offsetof(struct cell, out.bytes) },
    { "received_records_total", "Posts or users in the messages that were received.",
      offsetof(struct cell, in.records) },
    { "sent_records_total", "Posts or users in the messages sent.",
      offsetof(struct cell, out.records) },
};

static void print_counters(struct exposition *e, const struct call_metrics *m)
{
    struct method_labels l;
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        begin(e, m, counters[i].name, METRIC_COUNTER, counters[i].help);
        for (size_t method = 0; method <= m->nmethods; method++) {
            label_method(&l, m, method);
            exposition_count(e, &l.labels, sum(m, method, counters[i].offset));
        }
    }
}

/* Codes that never came have no sample. */
static void print_handled(struct exposition *e, const struct call_metrics *m)
{
    struct method_labels l;
    begin(e, m, "handled_total", METRIC_COUNTER, "Calls that ended, by status code.");
    for (size_t method = 0; method <= m->nmethods; method++) {
        label_method(&l, m, method);
        l.labels.n = 4;
        for (size_t code = 0; code < CODES; code++) {
            const uint64_t n = sum_code(m, method, code);
            l.item[3] = (struct label){ "grpc_code", status_name((int)code) };
            if (n > 0)
                exposition_count(e, &l.labels, n);
        }
    }
}

/* Those that ended are counted first: an end in between does not make it less
 * than none. */
static uint64_t count_open(const struct call_metrics *m, size_t method)
{
    uint64_t ended = 0;
    for (size_t code = 0; code < CODES; code++)
        ended += sum_code(m, method, code);
    return sum(m, method, offsetof(struct cell, started)) - ended;
}

static void print_open(struct exposition *e, const struct call_metrics *m)
{
    struct method_labels l;
    begin(e, m, "open_calls", METRIC_GAUGE, "Calls that have begun and have not ended.");
    for (size_t method = 0; method <= m->nmethods; method++) {
        label_method(&l, m, method);
        exposition_count(e, &l.labels, count_open(m, method));
    }
}

/* Only of methods that were called: each has twenty lines. */
static void print_histogram(struct exposition *e, const struct call_metrics *m, const char *name,
                            const char *help, size_t offset)
{
    struct method_labels l;
    begin(e, m, name, METRIC_HISTOGRAM, help);
    for (size_t method = 0; method <= m->nmethods; method++) {
        struct histogram all = { 0 };
        if (sum(m, method, offsetof(struct cell, started)) == 0)
            continue;
        for (size_t i = 0; i < m->nloops; i++)
            histogram_merge(
                &all, (const struct histogram *)((const char *)&m->cells[i][method] + offset));
        label_method(&l, m, method);
        exposition_histogram(e, &l.labels, &all);
    }
}

/* A client's calls are all gRPC's. */
static void print_protocols(struct exposition *e, const struct call_metrics *m)
{
    if (m->side != CALL_METRICS_SERVER)
        return;
    begin(e, m, "protocol_calls_total", METRIC_COUNTER, "Calls that began, by what was spoken.");
    for (size_t p = 0; p < PROTOCOLS; p++) {
        struct label item = { "protocol", protocols[p] };
        const struct labels labels = { &item, 1 };
        uint64_t n = 0;
        for (size_t i = 0; i < m->nloops; i++)
            n += counter_get(&m->spoken[i][p]);
        exposition_count(e, &labels, n);
    }
}

void call_metrics_print(struct exposition *e, void *arg)
{
    const struct call_metrics *m = arg;
    print_counters(e, m);
    print_handled(e, m);
    print_protocols(e, m);
    print_open(e, m);
    print_histogram(e, m, "handling_seconds",
                    "How long calls took from their beginning to their end.",
                    offsetof(struct cell, handling));
    print_histogram(e, m, "first_message_seconds", "How long calls took until their first answer.",
                    offsetof(struct cell, first_message));
}

/* --- Life --------------------------------------------------------------------------- */

static bool list_methods(struct call_metrics *m, const struct service *const *services, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += services[i]->nmethods;
    m->methods = calloc(count + 1, sizeof *m->methods);
    if (m->methods == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < services[i]->nmethods; k++)
            m->methods[m->nmethods++] = &services[i]->methods[k];
    return true;
}

static bool make_cells(struct call_metrics *m, size_t nloops)
{
    m->cells = calloc(nloops, sizeof *m->cells);
    m->spoken = calloc(nloops, sizeof *m->spoken);
    if (m->cells == NULL || m->spoken == NULL)
        return false;
    for (; m->nloops < nloops; m->nloops++) {
        m->cells[m->nloops] = calloc(m->nmethods + 1, sizeof *m->cells[0]);
        if (m->cells[m->nloops] == NULL)
            return false;
    }
    return true;
}

int call_metrics_new(struct call_metrics **ret, enum call_metrics_of side,
                     const struct service *const *services, size_t nservices, size_t nloops)
{
    struct call_metrics *m = calloc(1, sizeof *m);
    if (m == NULL)
        return ENOMEM;
    m->side = side;
    if (!list_methods(m, services, nservices) || !make_cells(m, nloops)) {
        call_metrics_free(m);
        return ENOMEM;
    }
    *ret = m;
    return 0;
}

void call_metrics_free(struct call_metrics *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->nloops; i++)
        free(m->cells[i]);
    free(m->cells);
    free(m->spoken);
    free(m->methods);
    free(m);
}
