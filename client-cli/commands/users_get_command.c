/* users get: one unary call an id, one after the other. */
#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "v1/user/user.pb-c.h"

static int asked; /* ids */

static int check(const struct command *c, int n, char **ids)
{
    (void)ids;
    return n == 0 ? usage_error(c->name, "takes at least one id", "") : EXIT_DONE;
}

static void next(struct session *s)
{
    V1__User__GetUserRequest m = V1__USER__GET_USER_REQUEST__INIT;
    m.user_id = s->arguments[asked++];
    calls_ask(s, s->user, "/v1.user.User/GetUser", &m.base);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const void *record = ((const V1__User__GetUserResponse *)message)->user_message;
    (void)bytes;
    if (record == NULL)
        stream_fail(s->call, STATUS_INTERNAL, "the server's answer names no user");
    else if (!rows_add(&s->rows, &record, 1))
        calls_no_memory(s->call);
}

/* A failure that is about this id only; the others can still be asked. */
static bool concerns_id(const struct status *status)
{
    return status->code == STATUS_NOT_FOUND || status->code == STATUS_INVALID_ARGUMENT;
}

static struct status judge(struct session *s, const struct status *status)
{
    if (s->stopping || !concerns_id(status))
        return *status;
    session_say(s, "%s: %s: %s", s->arguments[asked - 1], status_name((int)status->code),
                status->message);
    s->failed = true;
    return status_ok();
}

static bool more(struct session *s)
{
    return asked < s->argument_count;
}

static const struct option_row rows[] = { ROW_FORMAT, ROW_DEADLINE };

const struct routine users_get_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = { .answer = &v1__user__get_user_response__descriptor, .rows = &row_user },
    .check = check,
    .next = next,
    .take = take,
    .judge = judge,
    .more = more,
};
