#include "query.h"

#include <string.h>

const char *query_path(enum shape shape, bool by_user)
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

const char *query_rpc(enum shape shape, bool by_user)
{
    return strrchr(query_path(shape, by_user), '/') + 1;
}

int query_send(struct stream *s, const struct query *q, unsigned flags)
{
    if (q->user_id == NULL) {
        V1__Post__ListPostsRequest m = V1__POST__LIST_POSTS_REQUEST__INIT;
        m.page_size = (int32_t)q->page_size;
        m.page_token = (char *)q->page_token;
        m.limit = q->limit;
        m.tag = (char *)q->tag;
        return stream_send_message(s, &m.base, flags);
    }
    V1__Post__ListPostsByUserIdRequest m = V1__POST__LIST_POSTS_BY_USER_ID_REQUEST__INIT;
    m.user_id = (char *)q->user_id;
    m.page_size = (int32_t)q->page_size;
    m.page_token = (char *)q->page_token;
    m.limit = q->limit;
    m.tag = (char *)q->tag;
    return stream_send_message(s, &m.base, flags);
}
