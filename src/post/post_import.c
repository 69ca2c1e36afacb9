/* ImportPosts: the import pipeline with Post's check. */
#include "post_check.h"
#include "post_env.h"
#include "post_service.h"
#include "v1/post/post.pb-c.h"

static struct store *store_of(struct loop *loop)
{
    return post_env_of(loop)->store;
}

static struct resolver *resolver_of(struct loop *loop)
{
    return post_env_of(loop)->listing.resolver;
}

/* A value of a newer contract is as good as none. */
static enum unknown_users unknown_of(const ProtobufCMessage *request)
{
    switch (((const V1__Post__ImportPostsRequest *)request)->unknown_users) {
    case V1__POST__UNKNOWN_USERS__UNKNOWN_USERS_COUNT:
        return UNKNOWN_COUNT;
    case V1__POST__UNKNOWN_USERS__UNKNOWN_USERS_REJECT:
        return UNKNOWN_REJECT;
    default:
        return UNKNOWN_STORE;
    }
}

const struct import_kind import_posts_kind = {
    .id_name = "post_id",
    .group_name = "user",
    .check = post_check,
    .store = store_of,
    .unknown = unknown_of,
    .resolver = resolver_of,
};

const struct stream_handler import_posts_handler =
    IMPORT_HANDLER(&v1__post__import_posts_request__descriptor);
