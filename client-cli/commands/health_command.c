/* health: one call of Check, or of Watch until somebody has seen enough. */
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "client-cli/output/json_write.h"
#include "client-cli/output/terminal.h"
#include "grpc/health/v1/health.pb-c.h"
#include "pbjson/time_text.h"

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING

static const char *service = "";
static bool watch;

/* --- Rows --------------------------------------------------------------------------- */

struct health_record {
    char time[TIME_TEXT_BYTES]; /* when this was heard of, by the clock here */
    char clock[sizeof "12:34:56"];
    const char *service, *status;
};

enum { HEALTH_TIME, HEALTH_CLOCK, HEALTH_SERVICE, HEALTH_STATUS };

#define IN_ALL (IN_TABLE | IN_WIDE | IN_FULL)

/* Where a line has room for the whole time, and for what is behind it. */
#define TIME_COLUMNS 63

/* The time is in the rows of a watch, and elsewhere if --columns names it. */
static struct row_field fields[] = {
    [HEALTH_TIME] = { "time", 0, { "TIME", 24, 0, 0, false, 0 } },
    [HEALTH_CLOCK] = { "clock", 0, { "TIME", 8, 8, 0, false, 0 } },
    [HEALTH_SERVICE] = { "service", IN_ALL, { "SERVICE", 20, 0, 0, false, 0 } },
    [HEALTH_STATUS] = { "status", IN_ALL, { "STATUS", 15, 0, 0, false, 0 } },
};

static bool cells(const void *record, struct row_scratch *scratch, const char **ret_cells)
{
    const struct health_record *r = record;
    (void)scratch;
    ret_cells[HEALTH_TIME] = r->time;
    ret_cells[HEALTH_CLOCK] = r->clock;
    ret_cells[HEALTH_SERVICE] = *r->service != '\0' ? r->service : "(the process)";
    ret_cells[HEALTH_STATUS] = r->status;
    return true;
}

static bool json_field(struct buf *b, const void *record, size_t field)
{
    const struct health_record *r = record;
    const char *const texts[] = { r->time, r->clock, r->service, r->status };
    return json_write_text(b, bytes_of_text(texts[field]));
}

static bool json(struct buf *b, const void *record)
{
    bool ok = json_write_literal(b, "{");
    if (ok && watch)
        ok = json_write_literal(b, "\"time\":") && json_field(b, record, HEALTH_TIME) &&
             json_write_literal(b, ",");
    return ok && json_write_literal(b, "\"service\":") && json_field(b, record, HEALTH_SERVICE) &&
           json_write_literal(b, ",\"status\":") && json_field(b, record, HEALTH_STATUS) &&
           json_write_literal(b, "}\n");
}

static const struct row_kind row_health = { ROW_FIELDS(fields), cells, json, json_field, NULL };

/* --- The call ----------------------------------------------------------------------- */

static const char *name_of(int status)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(
        &grpc__health__v1__health_check_response__serving_status__descriptor, status);
    return v != NULL ? v->name : "UNKNOWN"; /* of a newer protocol */
}

static void next(struct session *s)
{
    const char *path = watch ? "/grpc.health.v1.Health/Watch" : "/grpc.health.v1.Health/Check";
    Grpc__Health__V1__HealthCheckRequest m = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    if (s->argument_count > 0)
        service = s->arguments[0];
    m.service = (char *)(uintptr_t)service;
    s->failed = true; /* until it says that it serves */
    calls_ask(s, session_channel(s), path, &m.base);
}

static void put_time(char *to)
{
    const uint64_t now_ms = clock_unix_ms();
    const size_t len =
        time_text_put(to, (int64_t)(now_ms / 1000), (int64_t)(now_ms % 1000) * 1000000);
    to[len] = '\0';
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const Grpc__Health__V1__HealthCheckResponse *m =
        (const Grpc__Health__V1__HealthCheckResponse *)message;
    struct health_record r = { .service = service, .status = name_of((int)m->status) };
    const void *record = &r;
    put_time(r.time);
    snprintf(r.clock, sizeof r.clock, "%.8s", strchr(r.time, 'T') + 1);
    (void)bytes;
    s->failed = m->status != SERVING;
    if (!rows_add(&s->rows, &record, 1))
        session_no_memory(s->call);
    else if (watch)
        calls_read(s);
}

/* Without an answer it does not serve: that is all there is to say. */
static struct status judge(struct session *s, const struct status *status)
{
    (void)s;
    return *status;
}

static int check(const struct command *c, int n, char **arguments)
{
    (void)c;
    (void)n;
    (void)arguments;
    const bool narrow = terminal_is_one() && terminal_columns() < TIME_COLUMNS;
    if (watch) {
        fields[HEALTH_TIME].in = narrow ? IN_WIDE | IN_FULL : IN_ALL;
        fields[HEALTH_CLOCK].in = narrow ? IN_TABLE : 0;
    }
    return EXIT_DONE;
}

static const struct option_row rows[] = {
    ROW_SERVER,
    OPT_FLAG("watch", watch, "print each change with its time, until Ctrl-C"),
    ROWS_OF_RECORDS("time|clock|service|status"),
    ROW_DEADLINE,
};

const struct routine health_routine = {
    .options = { rows, COUNT_OF(rows) },
    .any_server = true,
    .brings = { .answer = &grpc__health__v1__health_check_response__descriptor,
                .rows = &row_health },
    .check = check,
    .next = next,
    .take = take,
    .judge = judge,
};
