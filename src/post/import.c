/* What a post must be to be imported. */
#include "streams/import.h"

#include "env.h"
#include "service.h"
#include "v1/post/post.pb-c.h"

#define POST_MAX_BYTES ((size_t)1 << 20) /* encoded */

/* What google.protobuf.Timestamp allows and JSON can print: years 1 to 9999. */
#define TIME_MIN_SECONDS (-62135596800)
#define TIME_MAX_SECONDS 253402300799

static bool check_time(const Google__Protobuf__Timestamp *t, struct status *why)
{
    if (t == NULL || (t->seconds >= TIME_MIN_SECONDS && t->seconds <= TIME_MAX_SECONDS &&
                      t->nanos >= 0 && t->nanos < 1000000000))
        return true;
    *why = status_of(STATUS_INVALID_ARGUMENT,
                     "create_time is not between the years 1 and 9999: %lld s, %d ns",
                     (long long)t->seconds, (int)t->nanos);
    return false;
}

static bool check_size(const V1__Post__PostMessage *post, struct status *why)
{
    const size_t size = v1__post__post_message__get_packed_size(post);
    if (size <= POST_MAX_BYTES)
        return true;
    *why = status_of(STATUS_INVALID_ARGUMENT, "the post has %zu bytes, and at most %zu are allowed",
                     size, POST_MAX_BYTES);
    return false;
}

static bool check(ProtobufCMessage *record, struct import_record *ret, struct status *why)
{
    static char no_author[] = "";
    V1__Post__PostMessage *post = (V1__Post__PostMessage *)record;
    post->base.n_unknown_fields = 0;
    post->author = no_author; /* User's to tell */
    ret->group = bytes_of_text(post->user_id);
    ret->id = bytes_of_text(post->post_id);
    return import_check_id("post_id", post->post_id, why) &&
           import_check_id("user_id", post->user_id, why) && check_time(post->create_time, why) &&
           check_size(post, why);
}

static struct store *store_of(struct loop *loop)
{
    return post_env_of(loop)->store;
}

const struct import_row import_posts_row = {
    .id_name = "post_id",
    .group_name = "user",
    .check = check,
    .store = store_of,
};

const struct stream_handler import_posts_handler =
    IMPORT_HANDLER(&v1__post__import_posts_request__descriptor);
