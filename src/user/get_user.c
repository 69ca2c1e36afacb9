/* GetUser: one request, one response. */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "streams/get_record.h"
#include "user_env.h"
#include "user_service.h"
#include "v1/user/user.pb-c.h"
#include "weir/rules.h"
#include "weir/stream.h"

#define RESPONSE_USER_MESSAGE 1 /* field number */

static const struct field_rule fields[] = { { 1, RULE_LENGTH, 1, STORE_ID_MAX } }; /* user_id */

static const struct message_rules rules = { &v1__user__get_user_request__descriptor, fields, 1 };

/* The stored value is an encoded UserMessage: the response is a head before it. */
static struct buf *response_of(struct bytes user)
{
    struct buf *b = buf_new(wire_bytes_size(RESPONSE_USER_MESSAGE, user.len));
    if (b != NULL && !wire_append_bytes(b, RESPONSE_USER_MESSAGE, user)) {
        buf_unref(b);
        b = NULL;
    }
    return b;
}

static void answer(struct stream *s, struct bytes user)
{
    struct buf *b = response_of(user);
    if (b == NULL || stream_send(s, b, 0, b->len, STREAM_LAST) != 0)
        stream_fail_memory(s);
    else
        s->out.records++;
    buf_unref(b);
}

static const struct record_kind users = { "user", "USER_NOT_FOUND", answer };

static void on_open(struct stream *s)
{
    struct record_get *g = stream_new_data(s, sizeof *g);
    if (g == NULL)
        return;
    g->kind = &users;
    g->stream = s;
    g->reader = user_env_of(s->loop)->listing.reader;
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__User__GetUserRequest *m = (const V1__User__GetUserRequest *)message;
    struct record_get *g = s->data;
    (void)bytes;
    if (g == NULL)
        return;
    strcpy(g->id, m->user_id); /* the rules know how long it may be */
    get_record(g);
}

static void on_close(struct stream *s, const struct status *status)
{
    struct record_get *g = s->data;
    (void)status;
    if (g == NULL)
        return;
    get_record_close(g);
    free(g);
}

const struct stream_handler get_user_handler = {
    .message = &v1__user__get_user_request__descriptor,
    .rules = &rules,
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
};
