/* list: unary calls, page by page. The next page is asked for when the output
 * has room for it. --page-size 0 is one single call, all or nothing. */
#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "paging.h"

static struct paging paging;

static bool begin(struct session *s)
{
    return paging_init(&paging, s);
}

static void next(struct session *s)
{
    const char *user = s->options->user;
    struct post_query q = paging_query(&paging, s, user, s->options->page_size);
    if (q.page_size > 0 && q.limit > 0 && q.limit < q.page_size)
        q.page_size = q.limit;
    if (calls_open(s, s->post, post_query_path(SHAPE_UNARY, user != NULL)) &&
        post_query_send(s->call, &q, STREAM_LAST) == 0)
        calls_read(s);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    if (paging_take_posts(&paging, s, (const V1__Post__ListPostsResponse *)message, bytes.len))
        paging_mark(&paging, s);
}

static bool more(struct session *s)
{
    return paging_more(&paging, s);
}

static void close_list(void)
{
    paging_close(&paging);
}

static const struct option_row rows[] = {
    ROW_FORMAT,
    ROW_USER,
    ROW_LIMIT,
    ROW_TAG,
    ROW_PAGE_SIZE("posts to ask for at once; 0: all in one call"),
    ROW_PAGE_TOKEN,
    ROW_DEADLINE,
    ROW_PROGRESS,
};

const struct routine list_routine = {
    .options = rows,
    .noptions = COUNT_OF(rows),
    .page_size = 1000,
    .counts = "posts",
    .rows = &row_post,
    .resumable = true,
    .answer = POST_QUERY_RESPONSE,
    .begin = begin,
    .next = next,
    .take = take,
    .more = more,
    .close = close_list,
};
