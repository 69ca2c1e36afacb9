/* GetPost: one request, one response, with the author's name from the resolver.
 *
 *   the post is read ──▶ its author is known ──▶ answered
 *          ▲          └─▶ waits for the name ──▶ UNAVAILABLE: User did not say it in time
 *          └──────────────────── known ─┘
 *
 * A step of the store is short and a wait is not, so the post is read once more when
 * the name is there: what waits holds an id and a name, and no post. */
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/wire.h"
#include "post_env.h"
#include "post_service.h"
#include "streams/get_record.h"
#include "streams/resolver.h"
#include "v1/post/post.pb-c.h"
#include "weir/rules.h"

/* Field numbers. */
enum { RESPONSE_POST_MESSAGE = 1, POST_AUTHOR = 2, POST_USER_ID = 6 };

struct get_post {
    struct record_get record;
    struct name *author;
    struct name_wait wait;
};

/* --- The answer --------------------------------------------------------------------- */

/* The post, with its author's field behind it: to protobuf the order of fields is the
 * same. An author whom User does not know has no name, as in a listing. */
static struct buf *response_of(struct bytes post, struct bytes author)
{
    const size_t named = author.len > 0 ? wire_bytes_size(POST_AUTHOR, author.len) : 0;
    const size_t len = post.len + named;
    struct buf *b = buf_new(wire_bytes_size(RESPONSE_POST_MESSAGE, len));
    if (b == NULL)
        return NULL;
    if (wire_begin_bytes(b, RESPONSE_POST_MESSAGE, len) && buf_append(b, post) &&
        (named == 0 || wire_append_bytes(b, POST_AUTHOR, author)))
        return b;
    buf_unref(b);
    return NULL;
}

static void answer(struct get_post *g, struct bytes post)
{
    struct stream *s = g->record.stream;
    struct buf *b = response_of(post, name_text(g->author));
    if (b == NULL || stream_send(s, b, 0, b->len, STREAM_LAST) != 0)
        stream_fail_memory(s);
    else
        s->out.records++;
    buf_unref(b);
}

/* --- The post ----------------------------------------------------------------------- */

/* A post keeps its user, so the name that was waited for is still its author's. */
static void on_post(struct stream *s, struct bytes post)
{
    struct get_post *g = s->data;
    if (g->author == NULL)
        g->author =
            resolver_want(post_env_of(s->loop)->listing.resolver, wire_find(post, POST_USER_ID));
    if (g->author == NULL)
        stream_fail_memory(s);
    else if (name_is_known(name_state(g->author)))
        answer(g, post);
    else
        name_wait_start(g->author, &g->wait);
}

static const struct record_kind posts = { "post", "POST_NOT_FOUND", on_post };

static void on_name_known(struct name_wait *wait)
{
    get_record(&container_of(wait, struct get_post, wait)->record);
}

static void on_name_failed(struct name_wait *wait, const struct status *status)
{
    stream_finish(container_of(wait, struct get_post, wait)->record.stream, status);
}

/* --- The call ----------------------------------------------------------------------- */

static const struct field_rule fields[] = { { 1, RULE_LENGTH, 1, STORE_ID_MAX } }; /* post_id */

static const struct message_rules rules = { &v1__post__get_post_request__descriptor, fields, 1 };

static void on_open(struct stream *s)
{
    struct get_post *g = stream_new_data(s, sizeof *g);
    if (g == NULL)
        return;
    g->record.kind = &posts;
    g->record.stream = s;
    g->record.reader = post_env_of(s->loop)->listing.reader;
    g->wait.known = on_name_known;
    g->wait.failed = on_name_failed;
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__Post__GetPostRequest *m = (const V1__Post__GetPostRequest *)message;
    struct get_post *g = s->data;
    (void)bytes;
    strcpy(g->record.id, m->post_id); /* the rules know how long it may be */
    get_record(&g->record);
}

static void on_close(struct stream *s, const struct status *status)
{
    struct get_post *g = s->data;
    (void)status;
    if (g == NULL)
        return;
    get_record_close(&g->record);
    name_wait_stop(&g->wait);
    name_release(g->author);
    free(g);
}

const struct stream_handler get_post_handler = {
    .message = &v1__post__get_post_request__descriptor,
    .rules = &rules,
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
};
