/* health: one call of Check, or of Watch until somebody has seen enough. */
#include <protobuf-c/protobuf-c.h>

#include "command.h"
#include "grpc/health/v1/health.pb-c.h"
#include "json_write.h"
#include "rows.h"
#include "which_server.h"

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING

struct health {
    struct session *session;
    struct rows rows;
    struct stream *call;
    bool serving; /* as the last message says */
    bool wants_room;
};

static const char *service;
static int server;
static bool watch;

/* --- Rows --------------------------------------------------------------------------- */

struct health_record {
    const char *service, *status;
};

static const struct table_column columns[] = {
    { "SERVICE", 20, 0, 0, false },
    { "STATUS", 15, 0, 0, false },
};

static void cells(const void *record, struct row_scratch *scratch, const char **ret_cells)
{
    const struct health_record *r = record;
    (void)scratch;
    ret_cells[0] = *r->service != '\0' ? r->service : "(the process)";
    ret_cells[1] = r->status;
}

static bool json(struct buf *b, const void *record)
{
    const struct health_record *r = record;
    return json_write_literal(b, "{\"service\":") &&
           json_write_text(b, bytes_of_text(r->service)) && json_write_literal(b, ",\"status\":") &&
           json_write_text(b, bytes_of_text(r->status)) && json_write_literal(b, "}\n");
}

static const struct row_kind row_health = { columns, COUNT_OF(columns), cells, json };

/* --- The call ------------------------------------------------------------------------- */

static void end(struct health *h, const struct status *status)
{
    rows_end(&h->rows);
    if (status->code != STATUS_OK)
        session_fail(h->session, status);
    else
        session_end(h->session, h->serving ? EXIT_DONE : EXIT_FAILED);
}

static void read_next(struct health *h)
{
    h->wants_room = output_full(&h->session->out);
    if (!h->wants_room)
        stream_read(h->call);
}

static const char *name_of(int status)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(
        &grpc__health__v1__health_check_response__serving_status__descriptor, status);
    return v != NULL ? v->name : "UNKNOWN"; /* of a newer protocol */
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct health *h = stream->data;
    const Grpc__Health__V1__HealthCheckResponse *m =
        (const Grpc__Health__V1__HealthCheckResponse *)message;
    const struct health_record r = { service, name_of((int)m->status) };
    const void *record = &r;
    (void)bytes;
    h->serving = m->status == SERVING;
    if (!rows_add(&h->rows, &record, 1))
        stream_fail(stream, STATUS_RESOURCE_EXHAUSTED, "out of memory");
    else if (watch)
        read_next(h);
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct health *h = stream->data;
    h->call = NULL;
    end(h, status);
}

static const struct stream_handler handler = {
    .message = &grpc__health__v1__health_check_response__descriptor,
    .on_message = on_message,
    .on_end = on_end,
    .on_close = on_close,
};

/* --- Life ----------------------------------------------------------------------------- */

static void on_room(struct session *s)
{
    struct health *h = s->command;
    if (h->wants_room && h->call != NULL)
        read_next(h);
}

static void on_stop(struct session *s)
{
    struct health *h = s->command;
    if (h->call != NULL)
        stream_fail(h->call, STATUS_CANCELLED, "stopped");
    else
        session_end(s, EXIT_DONE);
}

static void start(struct session *s)
{
    struct health *h = s->command;
    struct status status;
    Grpc__Health__V1__HealthCheckRequest m = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    const char *path = watch ? "/grpc.health.v1.Health/Watch" : "/grpc.health.v1.Health/Check";
    h->session = s;
    rows_init(&h->rows, &row_health, (enum format)s->options->format, &s->out);
    m.service = (char *)(uintptr_t)service;
    h->call = session_open(s, which_channel(s, server), path, &handler, h, &status);
    if (h->call == NULL)
        end(h, &status);
    else if (stream_send_message(h->call, &m.base, STREAM_LAST) == 0)
        stream_read(h->call);
    else
        stream_fail(h->call, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

static struct common common = { COMMON_DEFAULTS };

static const struct option_row rows[] = {
    ROW_SERVER(server),
    { .name = "watch",
      .kind = OPTION_FLAG,
      .value = &watch,
      .help = "tell each change, until interrupted" },
    ROW_FORMAT(common),
    ROW_DEADLINE(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "health [OPTION]... [SERVICE]",
    .summary = "Tells whether a service of a server serves, by grpc.health.v1; without a name,\n"
               "whether the server as a process does. Exit status: 0 it is SERVING, 1 it is not.",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int health_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    if (argc - first > 1)
        return usage_error("health", "takes one service", argv[first + 1]);
    service = first < argc ? argv[first] : "";
    struct health h = { 0 };
    struct session session = {
        .command = &h,
        .start = start,
        .on_stop = on_stop,
        .on_room = on_room,
    };
    common.progress = false;
    return session_run(&session, &common);
}
