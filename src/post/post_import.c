/* ImportPosts: the import pipeline with Post's check. */
#include "post_check.h"
#include "post_env.h"
#include "post_service.h"
#include "v1/post/post.pb-c.h"

static struct store *store_of(struct loop *loop)
{
    return post_env_of(loop)->store;
}

const struct import_kind import_posts_kind = {
    .id_name = "post_id",
    .group_name = "user",
    .check = post_check,
    .store = store_of,
};

const struct stream_handler import_posts_handler =
    IMPORT_HANDLER(&v1__post__import_posts_request__descriptor);
