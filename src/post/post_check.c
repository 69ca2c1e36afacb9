#include "post_check.h"

#include <inttypes.h>

#include "v1/post/post.pb-c.h"

/* 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z: what JSON can print. */
#define SECONDS_MIN INT64_C(-62135596800)
#define SECONDS_MAX INT64_C(253402300799)
#define NANOS_MAX   999999999

static bool check_time(Google__Protobuf__Timestamp *time, struct status *why)
{
    if (time == NULL)
        return true;
    time->base.n_unknown_fields = 0;
    if (time->seconds >= SECONDS_MIN && time->seconds <= SECONDS_MAX && time->nanos >= 0 &&
        time->nanos <= NANOS_MAX)
        return true;
    *why = status_of(STATUS_INVALID_ARGUMENT,
                     "create_time is no time from year 1 to 9999: %" PRId64 " s, %" PRId32 " ns",
                     time->seconds, time->nanos);
    return false;
}

static bool check_size(const V1__Post__PostMessage *post, struct status *why)
{
    size_t size = protobuf_c_message_get_packed_size(&post->base);
    if (size <= POST_MAX_BYTES)
        return true;
    *why = status_of(STATUS_INVALID_ARGUMENT, "the post has %zu bytes, and at most %zu are allowed",
                     size, POST_MAX_BYTES);
    return false;
}

bool post_check(ProtobufCMessage *record, struct write_record *ret, struct status *why)
{
    V1__Post__PostMessage *post = (V1__Post__PostMessage *)record;
    post->author = "";
    post->base.n_unknown_fields = 0;
    ret->group = bytes_of_text(post->user_id);
    ret->id = bytes_of_text(post->post_id);
    return import_check_id("post_id", post->post_id, why) &&
           import_check_id("user_id", post->user_id, why) && check_time(post->create_time, why) &&
           check_size(post, why);
}
