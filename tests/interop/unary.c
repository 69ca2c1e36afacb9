/* One request, one response: the request comes by itself, right after on_open. */
#include <stdio.h>
#include <stdlib.h>

#include "service.h"

static void on_empty(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    (void)message;
    (void)bytes;
    if (stream_send_message(s, &empty.base, STREAM_LAST) != 0)
        stream_fail(s, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

const struct stream_handler empty_handler = {
    .message = &grpc__testing__empty__descriptor,
    .on_open = echo_metadata,
    .on_message = on_empty,
    .on_end = ignore,
    .on_close = ignore_close,
};

/* We know no users: whoever sends "Bearer NAME" is NAME. */
static void caller_name(struct stream *s, char *name, size_t room)
{
    static const char scheme[] = "Bearer ";
    const struct bytes header = stream_get(s, METADATA_HEADERS, "authorization");
    const size_t skip = sizeof scheme - 1;
    name[0] = '\0';
    if (header.len > skip && memcmp(header.data, scheme, skip) == 0)
        snprintf(name, room, "%.*s", (int)(header.len - skip), (const char *)header.data + skip);
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const Grpc__Testing__SimpleRequest *m = (const Grpc__Testing__SimpleRequest *)message;
    Grpc__Testing__SimpleResponse response = GRPC__TESTING__SIMPLE_RESPONSE__INIT;
    Grpc__Testing__Payload payload;
    char name[256], scope[] = "test.scope";
    (void)bytes;
    if (!check_compressed(s, m->expect_compressed) || echo_status(s, m->response_status) ||
        !fill_payload(s, m->response_size, &payload))
        return;
    caller_name(s, name, sizeof name);
    response.payload = &payload;
    if (m->fill_username)
        response.username = name;
    if (m->fill_oauth_scope && name[0] != '\0')
        response.oauth_scope = scope;
    if (stream_send_message(s, &response.base,
                            STREAM_LAST | plain_unless(m->response_compressed)) != 0)
        stream_fail(s, STATUS_RESOURCE_EXHAUSTED, "out of memory");
    free(payload.body.data);
}

const struct stream_handler unary_handler = {
    .message = &grpc__testing__simple_request__descriptor,
    .on_open = echo_metadata,
    .on_message = on_message,
    .on_end = ignore,
    .on_close = ignore_close,
};
