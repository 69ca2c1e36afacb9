#include "service.h"

#include "store/store.h"
#include "streams/listing.h"
#include "v1/post/post.pb-c.h"

#define FIELD_TAGS 5 /* of PostMessage */

/* --- The two listings, as the pipeline sees them ------------------------------------ */

static void decode_list_posts(const ProtobufCMessage *message, struct listing_request *ret)
{
    const V1__Post__ListPostsRequest *m = (const V1__Post__ListPostsRequest *)message;
    ret->page_size = m->page_size;
    ret->limit = m->limit;
    ret->page_token = bytes_of_text(m->page_token);
    ret->tag = bytes_of_text(m->tag);
}

static void decode_list_posts_by_user_id(const ProtobufCMessage *message,
                                         struct listing_request *ret)
{
    const V1__Post__ListPostsByUserIdRequest *m =
        (const V1__Post__ListPostsByUserIdRequest *)message;
    ret->user_id = bytes_of_text(m->user_id);
    ret->page_size = m->page_size;
    ret->limit = m->limit;
    ret->page_token = bytes_of_text(m->page_token);
    ret->tag = bytes_of_text(m->tag);
}

static const struct listing_kind all_posts = {
    .name = "ListPosts",
    .authors = true,
    .tag_field = FIELD_TAGS,
    .decode = decode_list_posts,
};

static const struct listing_kind user_posts = {
    .name = "ListPostsByUserId",
    .by_user = true,
    .authors = true,
    .tag_field = FIELD_TAGS,
    .decode = decode_list_posts_by_user_id,
};

static const struct field_rule all_fields[] = {
    { 1, RULE_NOT_NEGATIVE, 0, 0 },         /* page_size */
    { 3, RULE_NOT_NEGATIVE, 0, 0 },         /* limit */
    { 4, RULE_LENGTH, 0, LISTING_TAG_MAX }, /* tag */
};

static const struct field_rule user_fields[] = {
    { 2, RULE_NOT_NEGATIVE, 0, 0 },         /* page_size */
    { 4, RULE_NOT_NEGATIVE, 0, 0 },         /* limit */
    { 1, RULE_LENGTH, 1, STORE_ID_MAX },    /* user_id */
    { 5, RULE_LENGTH, 0, LISTING_TAG_MAX }, /* tag */
};

static const struct message_rules all_rules = {
    &v1__post__list_posts_request__descriptor,
    all_fields,
    sizeof all_fields / sizeof *all_fields,
};

static const struct message_rules user_rules = {
    &v1__post__list_posts_by_user_id_request__descriptor,
    user_fields,
    sizeof user_fields / sizeof *user_fields,
};

static const struct stream_handler all_handler =
    LISTING_HANDLER(v1__post__list_posts_request__descriptor, all_rules);
static const struct stream_handler user_handler =
    LISTING_HANDLER(v1__post__list_posts_by_user_id_request__descriptor, user_rules);

/* --- The table -------------------------------------------------------------------------- */

static const struct method methods[] = {
    { "/v1.post.Post/ListPosts", ONE, ONE, &all_handler, &all_posts, SCOPE_READ },
    { "/v1.post.Post/ListPostsServerStream", ONE, MANY, &all_handler, &all_posts, SCOPE_READ },
    { "/v1.post.Post/ListPostsClientStream", MANY, ONE, &all_handler, &all_posts, SCOPE_READ },
    { "/v1.post.Post/ListPostsBidiStream", MANY, MANY, &all_handler, &all_posts, SCOPE_READ },

    { "/v1.post.Post/ListPostsByUserId", ONE, ONE, &user_handler, &user_posts, SCOPE_READ },
    { "/v1.post.Post/ListPostsByUserIdServerStream", ONE, MANY, &user_handler, &user_posts,
      SCOPE_READ },
    { "/v1.post.Post/ListPostsByUserIdClientStream", MANY, ONE, &user_handler, &user_posts,
      SCOPE_READ },
    { "/v1.post.Post/ListPostsByUserIdBidiStream", MANY, MANY, &user_handler, &user_posts,
      SCOPE_READ },

    { "/v1.post.Post/ImportPosts", MANY, ONE, &import_posts_handler, &import_posts_row,
      SCOPE_WRITE },
};

/* The first edition's package. */
static const struct method first_methods[] = {
    { "/post.Post/ListPosts", ONE, ONE, &all_handler, &all_posts, SCOPE_READ },
    { "/post.Post/ListPostsByUserId", ONE, ONE, &user_handler, &user_posts, SCOPE_READ },
};

static const struct service service = { "v1.post.Post", methods, sizeof methods / sizeof *methods };
static const struct service first_service = { "post.Post", first_methods,
                                              sizeof first_methods / sizeof *first_methods };

const struct service *const post_services[POST_NSERVICES] = { &service, &first_service };
