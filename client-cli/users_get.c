/* users get: one unary call an id, one after the other. */
#include <stddef.h>

#include "rows.h"
#include "session.h"
#include "users.h"
#include "v1/user/user.pb-c.h"

struct users_get {
    struct session *session;
    struct rows rows;
    struct stream *call; /* NULL: between two ids */
    int next;            /* the id that is asked, or asked next */
    bool failed;         /* somebody was not found */
};

static char **ids;
static int id_count;

static void ask(struct users_get *g);

static void end(struct users_get *g, const struct status *status)
{
    rows_end(&g->rows);
    if (status != NULL)
        session_fail(g->session, status);
    else
        session_end(g->session, g->failed ? EXIT_FAILED : EXIT_DONE);
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct users_get *g = stream->data;
    const V1__User__GetUserResponse *m = (const V1__User__GetUserResponse *)message;
    const void *record = m->user_message;
    (void)bytes;
    if (record == NULL)
        stream_fail(stream, STATUS_INTERNAL, "the server's answer names no user");
    else if (!rows_add(&g->rows, &record, 1))
        stream_fail(stream, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

/* Failures that are about this id only; the others can still be asked. */
static bool concerns_id(const struct status *status)
{
    return status->code == STATUS_NOT_FOUND || status->code == STATUS_INVALID_ARGUMENT;
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct users_get *g = stream->data;
    g->call = NULL;
    if (g->session->stopping || (status->code != STATUS_OK && !concerns_id(status))) {
        end(g, status);
        return;
    }
    if (status->code != STATUS_OK) {
        session_say(g->session, "%s: %s: %s", ids[g->next], status_name((int)status->code),
                    status->message);
        g->failed = true;
    }
    g->next++;
    if (g->next == id_count)
        end(g, NULL);
    else if (!output_full(&g->session->out))
        ask(g);
}

static const struct stream_handler handler = {
    .message = &v1__user__get_user_response__descriptor,
    .on_message = on_message,
    .on_end = on_end,
    .on_close = on_close,
};

static void ask(struct users_get *g)
{
    struct session *s = g->session;
    struct status status;
    V1__User__GetUserRequest m = V1__USER__GET_USER_REQUEST__INIT;
    m.user_id = ids[g->next];
    g->call = session_open(s, s->user, "/v1.user.User/GetUser", &handler, g, &status);
    if (g->call == NULL)
        end(g, &status);
    else if (stream_send_message(g->call, &m.base, STREAM_LAST) == 0)
        stream_read(g->call);
    else
        stream_fail(g->call, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

static void on_room(struct session *s)
{
    struct users_get *g = s->command;
    if (g->call == NULL)
        ask(g);
}

static void on_stop(struct session *s)
{
    struct users_get *g = s->command;
    if (g->call != NULL)
        stream_fail(g->call, STATUS_CANCELLED, "stopped");
    else
        end(g, NULL);
}

static void start(struct session *s)
{
    struct users_get *g = s->command;
    g->session = s;
    rows_init(&g->rows, &row_user, (enum format)s->options->format, &s->out);
    ask(g);
}

static struct common common = { COMMON_DEFAULTS };

static const struct option_row rows[] = {
    ROW_FORMAT(common),
    ROW_DEADLINE(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "users get [OPTION]... ID...",
    .summary = "Shows the users with these ids, by GetUser.",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int users_get_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    if (first == argc)
        return usage_error("users get", "takes at least one id", "");
    ids = argv + first;
    id_count = argc - first;
    struct users_get g = { 0 };
    struct session session = {
        .command = &g,
        .start = start,
        .on_stop = on_stop,
        .on_room = on_room,
    };
    common.progress = false;
    return session_run(&session, &common);
}
