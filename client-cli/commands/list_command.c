/* list: unary calls, page by page. The next page is asked for when the output
 * has room for it. --page-size 0 is one single call, all or nothing. */
#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "post_query.h"

static void next(struct session *s)
{
    struct post_query q = post_query_next(s, s->options->user, s->options->page_size);
    if (q.page_size > 0 && q.limit > 0 && q.limit < q.page_size)
        q.page_size = q.limit;
    post_query_ask(s, SHAPE_UNARY, &q);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    if (post_query_take(s, (const V1__Post__ListPostsResponse *)message, bytes.len))
        paging_mark(s);
}

static const struct option_row rows[] = {
    ROWS_OF_POSTS(ROW_USER, "how many posts to ask for at once; 0: all in one call"),
    ROW_DEADLINE,
    ROW_PROGRESS,
};

const struct routine list_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = LISTED_POSTS,
    .page_size = 1000,
    .next = next,
    .take = take,
    .more = paging_more,
};
