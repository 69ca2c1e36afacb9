/* DeletePosts: posts by their ids. */
#include "post_env.h"
#include "post_service.h"
#include "v1/post/post.pb-c.h"

static struct store *store_of(struct loop *loop)
{
    return post_env_of(loop)->store;
}

const struct delete_kind delete_posts_kind = { .store = store_of };

const struct stream_handler delete_posts_handler =
    DELETE_HANDLER(&v1__post__delete_posts_request__descriptor);
