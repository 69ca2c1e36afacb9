/* A listing of posts as a request: of everybody or of one user, in each of
 * the four call shapes. */
#ifndef CLI_POST_QUERY_H
#define CLI_POST_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "v1/post/post.pb-c.h"
#include "weir/stream.h"

struct session;

enum shape { SHAPE_UNARY, SHAPE_SERVER, SHAPE_CLIENT, SHAPE_BIDI, SHAPE_NR };

struct post_query {
    const char *user_id; /* NULL: everybody's */
    int64_t page_size;
    const char *page_token;
    int64_t limit; /* 0: none */
    const char *tag;
    bool follow, from_now;
};

/* The responses of ListPosts and ListPostsByUserId have the same fields with
 * the same numbers, so one descriptor decodes both. */
#define POST_QUERY_RESPONSE (&v1__post__list_posts_response__descriptor)

/* What a listing of posts brings. */
#define LISTED_POSTS                                                                               \
    {                                                                                              \
        .answer = POST_QUERY_RESPONSE, .rows = &row_post, .counts = "posts", .pages = true         \
    }

/** "/v1.post.Post/ListPostsByUserIdBidiStream" */
const char *post_query_path(enum shape shape, bool by_user);

/** The same without the service: "ListPostsByUserIdBidiStream". */
const char *post_query_rpc(enum shape shape, bool by_user);

/** The query that goes on from where the session's listing is, for @user_id or (NULL)
 * everybody. Its texts belong to the session and the caller. */
struct post_query post_query_next(const struct session *s, const char *user_id, int64_t page_size);

/** Sends the query as one request, by calls_send(). */
int post_query_send(struct stream *s, const struct post_query *q, unsigned flags);

/** Opens a call, sends the query as its only request, and reads. */
void post_query_ask(struct session *s, enum shape shape, const struct post_query *q);

/** paging_take() of @message, which has @bytes. */
bool post_query_take(struct session *s, const V1__Post__ListPostsResponse *message, size_t bytes);

#endif
