#include "post_query.h"

#include <string.h>

#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"

const char *post_query_path(enum shape shape, bool by_user)
{
    static const char *const paths[SHAPE_NR][2] = {
        [SHAPE_UNARY] = { "/v1.post.Post/ListPosts", "/v1.post.Post/ListPostsByUserId" },
        [SHAPE_SERVER] = { "/v1.post.Post/ListPostsServerStream",
                           "/v1.post.Post/ListPostsByUserIdServerStream" },
        [SHAPE_CLIENT] = { "/v1.post.Post/ListPostsClientStream",
                           "/v1.post.Post/ListPostsByUserIdClientStream" },
        [SHAPE_BIDI] = { "/v1.post.Post/ListPostsBidiStream",
                         "/v1.post.Post/ListPostsByUserIdBidiStream" },
    };
    return paths[shape][by_user];
}

const char *post_query_rpc(enum shape shape, bool by_user)
{
    return strrchr(post_query_path(shape, by_user), '/') + 1;
}

struct post_query post_query_next(const struct session *s, const char *user_id, int64_t page_size)
{
    return (struct post_query){
        .user_id = user_id,
        .page_size = page_size,
        .page_token = s->paging.token,
        .limit = paging_limit(s),
        .tag = s->options->tag,
    };
}

static int send_all(struct stream *s, const struct post_query *q, unsigned flags)
{
    V1__Post__ListPostsRequest m = V1__POST__LIST_POSTS_REQUEST__INIT;
    m.page_size = (int32_t)q->page_size;
    m.page_token = (char *)q->page_token;
    m.limit = q->limit;
    m.tag = (char *)q->tag;
    m.follow = q->follow;
    m.from_now = q->from_now;
    return calls_send(s, &m.base, flags);
}

static int send_by_user(struct stream *s, const struct post_query *q, unsigned flags)
{
    V1__Post__ListPostsByUserIdRequest m = V1__POST__LIST_POSTS_BY_USER_ID_REQUEST__INIT;
    m.user_id = (char *)q->user_id;
    m.page_size = (int32_t)q->page_size;
    m.page_token = (char *)q->page_token;
    m.limit = q->limit;
    m.tag = (char *)q->tag;
    m.follow = q->follow;
    m.from_now = q->from_now;
    return calls_send(s, &m.base, flags);
}

int post_query_send(struct stream *s, const struct post_query *q, unsigned flags)
{
    return q->user_id != NULL ? send_by_user(s, q, flags) : send_all(s, q, flags);
}

void post_query_ask(struct session *s, enum shape shape, const struct post_query *q)
{
    if (calls_open(s, s->post, post_query_path(shape, q->user_id != NULL)) &&
        post_query_send(s->call, q, STREAM_LAST) == 0)
        calls_read(s);
}

bool post_query_take(struct session *s, const V1__Post__ListPostsResponse *message, size_t bytes)
{
    const struct taking t = {
        .records = (const void *const *)message->post_messages,
        .n = message->n_post_messages,
        .gone = (const char *const *)message->deleted_post_ids,
        .ngone = message->n_deleted_post_ids,
        .token = message->next_page_token,
        .total = message->total_size,
        .bytes = bytes,
    };
    return paging_take(s, &t);
}
