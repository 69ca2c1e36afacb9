/* get: one post an id, by one unary call each, one after the other. */
#include "client-cli/commands.h"
#include "client-cli/frame/by_id.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "v1/post/post.pb-c.h"

static void next(struct session *s)
{
    V1__Post__GetPostRequest m = V1__POST__GET_POST_REQUEST__INIT;
    m.post_id = by_id_next(s);
    calls_ask(s, s->post, "/v1.post.Post/GetPost", &m.base);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    (void)bytes;
    by_id_take(s, ((const V1__Post__GetPostResponse *)message)->post_message, "post");
}

static const struct option_row rows[] = { ROWS_OF_OUTPUT(COLUMNS_OF_POSTS), ROW_DEADLINE };

const struct routine get_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = { .answer = &v1__post__get_post_response__descriptor,
                .rows = &row_post,
                .pages = true },
    BY_ID_STEPS,
    .next = next,
    .take = take,
};
