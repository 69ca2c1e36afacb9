/* users list: unary calls, page by page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"
#include "session.h"
#include "users.h"
#include "v1/user/user.pb-c.h"

struct users_list {
    struct session *session;
    struct rows rows;
    struct stream *call; /* NULL: between two pages */
    char *token;         /* where the next page starts */
    int64_t left;        /* users still wanted; negative: no limit */
    bool answered;
};

static void ask(struct users_list *l);

static void end(struct users_list *l, const struct status *status)
{
    rows_end(&l->rows);
    if (status != NULL)
        session_fail(l->session, status);
    else
        session_end(l->session, EXIT_DONE);
}

static bool take(struct users_list *l, const V1__User__ListUsersResponse *m)
{
    char *token = strdup(m->next_page_token);
    if (token == NULL)
        return false;
    free(l->token);
    l->token = token;
    size_t n = m->n_user_messages;
    if (l->left >= 0 && (int64_t)n > l->left)
        n = (size_t)l->left;
    if (l->left >= 0)
        l->left -= (int64_t)n;
    l->session->progress.counts.done += n;
    return rows_add(&l->rows, (const void *const *)m->user_messages, n);
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct users_list *l = stream->data;
    char *mark;
    l->answered = true;
    if (!take(l, (const V1__User__ListUsersResponse *)message)) {
        stream_fail(stream, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    l->session->progress.counts.bytes += bytes.len;
    if (*l->token != '\0' && asprintf(&mark, "--page-token %s", l->token) >= 0)
        output_mark(&l->session->out, mark);
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

static bool complete(const struct users_list *l)
{
    return *l->token == '\0' || l->left == 0 || l->session->options->page_size == 0;
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct users_list *l = stream->data;
    struct status silent = status_of(STATUS_INTERNAL, "the server answered OK without a message");
    l->call = NULL;
    if (status->code != STATUS_OK)
        end(l, status);
    else if (!l->answered)
        end(l, &silent);
    else if (l->session->stopping || complete(l))
        end(l, NULL);
    else if (!output_full(&l->session->out))
        ask(l);
}

static const struct stream_handler handler = {
    .message = &v1__user__list_users_response__descriptor,
    .on_message = on_message,
    .on_end = on_end,
    .on_close = on_close,
};

static void ask(struct users_list *l)
{
    struct session *s = l->session;
    struct status status;
    V1__User__ListUsersRequest m = V1__USER__LIST_USERS_REQUEST__INIT;
    m.page_size = (int32_t)s->options->page_size;
    m.page_token = l->token;
    m.limit = l->left > 0 ? l->left : 0;
    l->answered = false;
    l->call = session_open(s, s->user, "/v1.user.User/ListUsers", &handler, l, &status);
    if (l->call == NULL)
        end(l, &status);
    else if (stream_send_message(l->call, &m.base, STREAM_LAST) == 0)
        stream_read(l->call);
    else
        stream_fail(l->call, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

static void on_room(struct session *s)
{
    struct users_list *l = s->command;
    if (l->call == NULL)
        ask(l);
}

static void on_stop(struct session *s)
{
    struct users_list *l = s->command;
    if (l->call != NULL)
        stream_fail(l->call, STATUS_CANCELLED, "stopped");
    else
        end(l, NULL);
}

static void start(struct session *s)
{
    struct users_list *l = s->command;
    struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    l->session = s;
    l->left = s->options->limit > 0 ? s->options->limit : -1;
    rows_init(&l->rows, &row_user, (enum format)s->options->format, &s->out);
    progress_start(&s->progress, "users");
    l->token = strdup(s->options->page_token);
    if (l->token != NULL)
        ask(l);
    else
        end(l, &status);
}

static struct common common = { COMMON_DEFAULTS, .page_size = 1000 };

static const struct option_row rows[] = {
    ROW_FORMAT(common),
    ROW_LIMIT(common),
    ROW_PAGE_SIZE(common, "users to ask for at once; 0: all in one call"),
    ROW_PAGE_TOKEN(common),
    ROW_DEADLINE(common),
    ROW_PROGRESS(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "users list [OPTION]...",
    .summary = "Lists all users page by page, by ListUsers.",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int users_list_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    if (first < argc)
        return usage_error("users list", "takes no argument", argv[first]);
    struct users_list l = { 0 };
    struct session session = {
        .command = &l,
        .start = start,
        .on_stop = on_stop,
        .on_room = on_room,
        .resumable = true,
    };
    code = session_run(&session, &common);
    free(l.token);
    return code;
}
