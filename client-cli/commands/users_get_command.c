/* users get: one unary call an id, one after the other. */
#include "client-cli/commands.h"
#include "client-cli/frame/by_id.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "v1/user/user.pb-c.h"

static void next(struct session *s)
{
    V1__User__GetUserRequest m = V1__USER__GET_USER_REQUEST__INIT;
    m.user_id = by_id_next(s);
    calls_ask(s, s->user, "/v1.user.User/GetUser", &m.base);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    (void)bytes;
    by_id_take(s, ((const V1__User__GetUserResponse *)message)->user_message, "user");
}

static const struct option_row rows[] = { ROWS_OF_OUTPUT(COLUMNS_OF_USERS), ROW_DEADLINE };

const struct routine users_get_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = { .answer = &v1__user__get_user_response__descriptor,
                .rows = &row_user,
                .pages = true },
    BY_ID_STEPS,
    .next = next,
    .take = take,
};
