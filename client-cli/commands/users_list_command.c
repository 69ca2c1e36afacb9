/* users list: unary calls, page by page. */
#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "v1/user/user.pb-c.h"

static void next(struct session *s)
{
    V1__User__ListUsersRequest m = V1__USER__LIST_USERS_REQUEST__INIT;
    m.page_size = (int32_t)s->options->page_size;
    m.page_token = s->paging.token;
    m.limit = paging_limit(s);
    calls_ask(s, s->user, "/v1.user.User/ListUsers", &m.base);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__User__ListUsersResponse *m = (const V1__User__ListUsersResponse *)message;
    const struct taking t = {
        .records = (const void *const *)m->user_messages,
        .n = m->n_user_messages,
        .token = m->next_page_token,
        .bytes = bytes.len,
    };
    if (paging_take(s, &t))
        paging_mark(s);
}

static const struct option_row rows[] = {
    ROWS_OF_OUTPUT(COLUMNS_OF_USERS),
    ROW_LIMIT,
    ROW_PAGE_SIZE("how many users to ask for at once; 0: all in one call"),
    ROW_PAGE_TOKEN,
    ROW_DEADLINE,
    ROW_PROGRESS,
};

const struct routine users_list_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = { .answer = &v1__user__list_users_response__descriptor,
                .rows = &row_user,
                .counts = "users",
                .pages = true },
    .page_size = 1000,
    .next = next,
    .take = take,
    .more = paging_more,
};
