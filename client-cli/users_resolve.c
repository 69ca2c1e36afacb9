/* users resolve: names for ids, by one bidirectional call, as Post asks for
 * them. Ids that are there go out together; the answer is awaited before the
 * next ones do. Between answers the server may tell of users that changed:
 * those are not shown. */
#include <string.h>

#include "base/container.h"
#include "ids.h"
#include "rows.h"
#include "users.h"
#include "v1/user/user.pb-c.h"

#define AT_ONCE 1000 /* what one request may ask */

struct users_resolve {
    struct session *session;
    struct rows rows;
    struct ids ids;
    struct stream *call;
    size_t asked, answered; /* ids; asked > answered: a request is out */
    bool idle;              /* no more ids for now: ask those that are here */
    bool half_closed, wants_room;
    bool failed; /* somebody was not found */
};

static char **arguments;
static int argument_count;

static void end(struct users_resolve *r, const struct status *status)
{
    rows_end(&r->rows);
    if (status->code != STATUS_OK)
        session_fail(r->session, status);
    else
        session_end(r->session, r->failed || r->ids.failed ? EXIT_FAILED : EXIT_DONE);
}

/* --- Requests out ------------------------------------------------------------------ */

static void ask(struct users_resolve *r, size_t n)
{
    V1__User__ResolveUsersRequest m = V1__USER__RESOLVE_USERS_REQUEST__INIT;
    char *user_ids[AT_ONCE];
    for (size_t i = 0; i < n; i++)
        user_ids[i] = (char *)ids_at(&r->ids, r->asked + i);
    m.n_user_ids = n;
    m.user_ids = user_ids;
    /* The answer to the request before is here, so there is room. */
    if (stream_send_message(r->call, &m.base, 0) != 0)
        stream_fail(r->call, STATUS_RESOURCE_EXHAUSTED, "out of memory");
    else
        r->asked += n;
}

static void ask_more(struct users_resolve *r)
{
    size_t waiting = r->ids.n - r->asked;
    if (r->call == NULL || r->half_closed || r->asked > r->answered)
        return;
    if (waiting >= AT_ONCE) {
        ask(r, AT_ONCE);
    } else if (waiting > 0 && (r->idle || r->ids.ended)) {
        ask(r, waiting);
    } else if (waiting == 0 && r->ids.ended) {
        struct status ok = status_ok();
        r->half_closed = true;
        stream_finish(r->call, &ok);
    } else {
        ids_want(&r->ids, r->asked + AT_ONCE);
    }
}

static void on_ids(struct ids *ids)
{
    struct users_resolve *r = container_of(ids, struct users_resolve, ids);
    r->idle = false;
    if (ids->ended || ids->n - r->asked >= AT_ONCE)
        ask_more(r);
}

static void on_ids_idle(struct ids *ids)
{
    struct users_resolve *r = container_of(ids, struct users_resolve, ids);
    r->idle = true;
    if (ids->n > r->asked)
        ask_more(r);
}

/* --- Answers in ---------------------------------------------------------------------- */

static void read_next(struct users_resolve *r)
{
    r->wants_room = output_full(&r->session->out);
    if (!r->wants_room)
        stream_read(r->call);
}

/* An answer has the ids of the request, in its order. */
static bool is_answer(const struct users_resolve *r, const V1__User__ResolveUsersResponse *m)
{
    if (m->n_users == 0 || m->n_users != r->asked - r->answered)
        return false;
    for (size_t i = 0; i < m->n_users; i++) {
        if (strcmp(m->users[i]->user_id, ids_at(&r->ids, r->answered + i)) != 0)
            return false;
    }
    return true;
}

static bool take(struct users_resolve *r, const V1__User__ResolveUsersResponse *m)
{
    for (size_t i = 0; i < m->n_users; i++)
        r->failed |= !m->users[i]->found;
    r->answered = r->asked;
    ids_forget(&r->ids, r->answered);
    return rows_add(&r->rows, (const void *const *)m->users, m->n_users);
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct users_resolve *r = stream->data;
    const V1__User__ResolveUsersResponse *m = (const V1__User__ResolveUsersResponse *)message;
    (void)bytes;
    if (is_answer(r, m) && !take(r, m)) {
        stream_fail(stream, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    ask_more(r);
    read_next(r);
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct users_resolve *r = stream->data;
    struct status truth = *status;
    r->call = NULL;
    if (truth.code == STATUS_OK && (r->answered < r->ids.n || !r->ids.ended))
        truth = status_of(STATUS_UNAVAILABLE, "the stream ended before its last answer");
    end(r, &truth);
}

static const struct stream_handler handler = {
    .message = &v1__user__resolve_users_response__descriptor,
    .on_message = on_message,
    .on_end = on_end,
    .on_close = on_close,
};

/* --- Life ----------------------------------------------------------------------------- */

static void on_room(struct session *s)
{
    struct users_resolve *r = s->command;
    if (r->wants_room && r->call != NULL)
        read_next(r);
}

static void on_stop(struct session *s)
{
    struct users_resolve *r = s->command;
    struct status ok = status_ok();
    if (r->call != NULL)
        stream_fail(r->call, STATUS_CANCELLED, "stopped");
    else
        end(r, &ok);
}

static void start(struct session *s)
{
    struct users_resolve *r = s->command;
    struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    r->session = s;
    r->ids.on_change = on_ids;
    r->ids.on_idle = on_ids_idle;
    rows_init(&r->rows, &row_resolved, (enum format)s->options->format, &s->out);
    if (ids_init(&r->ids, s, arguments, argument_count) == 0)
        r->call = session_open(s, s->user, "/v1.user.User/ResolveUsers", &handler, r, &status);
    if (r->call == NULL) {
        end(r, &status);
        return;
    }
    stream_read(r->call);
    ask_more(r);
}

static struct common common = { COMMON_DEFAULTS };

static const struct option_row rows[] = {
    ROW_FORMAT(common),
    ROW_DEADLINE(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "users resolve [OPTION]... [ID]...",
    .summary = "Shows the names of the users with these ids, or of ids from standard input, by\n"
               "ResolveUsers.",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int users_resolve_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    arguments = argv + first;
    argument_count = argc - first;
    struct users_resolve r = { 0 };
    struct session session = {
        .command = &r,
        .start = start,
        .on_stop = on_stop,
        .on_room = on_room,
    };
    common.progress = false;
    code = session_run(&session, &common);
    ids_close(&r.ids);
    return code;
}
