#include "post_service.h"

#include "post_env.h"
#include "serverkit/auth/scopes.h"
#include "store/store.h"
#include "streams/listing.h"
#include "v1/post/post.pb-c.h"

#define FIELD_TAGS 5 /* of PostMessage */

/* --- The two listings, as the pipeline sees them ------------------------------------ */

/* Of ListPostsRequest and ListPostsByUserIdRequest, in the order in which they are
 * checked. */
enum { PAGE_SIZE, LIMIT, FOLLOW, FROM_NOW, TAG, PAGE_TOKEN };
enum { USER_PAGE_SIZE, USER_LIMIT, USER_FOLLOW, USER_FROM_NOW, USER_ID, USER_TAG, USER_PAGE_TOKEN };

static void read_list_posts(const struct said *said, struct listing_request *ret)
{
    ret->page_size = (int32_t)said[PAGE_SIZE].number;
    ret->limit = (int64_t)said[LIMIT].number;
    ret->follow = said[FOLLOW].number != 0;
    ret->from_now = said[FROM_NOW].number != 0;
    ret->page_token = said[PAGE_TOKEN].text;
    ret->tag = said[TAG].text;
}

static void read_list_posts_by_user_id(const struct said *said, struct listing_request *ret)
{
    ret->user_id = said[USER_ID].text;
    ret->page_size = (int32_t)said[USER_PAGE_SIZE].number;
    ret->limit = (int64_t)said[USER_LIMIT].number;
    ret->follow = said[USER_FOLLOW].number != 0;
    ret->from_now = said[USER_FROM_NOW].number != 0;
    ret->page_token = said[USER_PAGE_TOKEN].text;
    ret->tag = said[USER_TAG].text;
}

static const struct listing_env *listing_env_of(const struct loop *loop)
{
    return &post_env_of(loop)->listing;
}

static const struct listing_kind all_posts = {
    .name = "ListPosts",
    .authors = true,
    .tag_field = FIELD_TAGS,
    .read = read_list_posts,
    .env = listing_env_of,
};

static const struct listing_kind user_posts = {
    .name = "ListPostsByUserId",
    .by_user = true,
    .authors = true,
    .tag_field = FIELD_TAGS,
    .read = read_list_posts_by_user_id,
    .env = listing_env_of,
};

static const struct field_rule all_fields[] = {
    [PAGE_SIZE] = { 1, RULE_NOT_NEGATIVE, 0, 0 },
    [LIMIT] = { 3, RULE_NOT_NEGATIVE, 0, 0 },
    [FOLLOW] = { 5, RULE_BOOL, 0, 0 },
    [FROM_NOW] = { 6, RULE_BOOL, 0, 0 },
    [TAG] = { 4, RULE_LENGTH, 0, LISTING_TAG_MAX },
    [PAGE_TOKEN] = { 2, RULE_LENGTH, 0, SIZE_MAX },
};

static const struct field_rule user_fields[] = {
    [USER_PAGE_SIZE] = { 2, RULE_NOT_NEGATIVE, 0, 0 },
    [USER_LIMIT] = { 4, RULE_NOT_NEGATIVE, 0, 0 },
    [USER_FOLLOW] = { 6, RULE_BOOL, 0, 0 },
    [USER_FROM_NOW] = { 7, RULE_BOOL, 0, 0 },
    [USER_ID] = { 1, RULE_LENGTH, 1, STORE_ID_MAX },
    [USER_TAG] = { 5, RULE_LENGTH, 0, LISTING_TAG_MAX },
    [USER_PAGE_TOKEN] = { 3, RULE_LENGTH, 0, SIZE_MAX },
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

static const struct stream_handler all_handler = LISTING_HANDLER(all_rules);
static const struct stream_handler user_handler = LISTING_HANDLER(user_rules);

/* --- The table ---------------------------------------------------------------------- */

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

    { "/v1.post.Post/GetPost", ONE, ONE, &get_post_handler, NULL, SCOPE_READ },
    { "/v1.post.Post/ImportPosts", MANY, ONE, &import_posts_handler, &import_posts_kind,
      SCOPE_WRITE },
    { "/v1.post.Post/DeletePosts", MANY, ONE, &delete_posts_handler, &delete_posts_kind,
      SCOPE_DELETE },
};

/* The first edition's package. */
static const struct method first_methods[] = {
    { "/post.Post/ListPosts", ONE, ONE, &all_handler, &all_posts, SCOPE_READ },
    { "/post.Post/ListPostsByUserId", ONE, ONE, &user_handler, &user_posts, SCOPE_READ },
};

static const struct service service = { "v1.post.Post", methods, sizeof methods / sizeof *methods };
static const struct service first_service = { "post.Post", first_methods,
                                              sizeof first_methods / sizeof *first_methods };

const struct service post_user_service = { .name = "v1.user.User" };

const struct service *const post_services[POST_NSERVICES] = { &service, &first_service };
