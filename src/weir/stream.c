#include "stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/nesting.h"
#include "server.h"

void stream_fail(struct stream *s, enum status_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const struct status status = status_with(code, format, args);
    va_end(args);
    stream_finish(s, &status);
}

void stream_fail_because(struct stream *s, enum status_code code, const char *reason,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct status status = status_with(code, format, args);
    va_end(args);
    status_because(&status, reason);
    stream_finish(s, &status);
}

void stream_fail_field(struct stream *s, const char *field, const char *reason, const char *format,
                       ...)
{
    va_list args;
    va_start(args, format);
    struct status status = status_with(STATUS_INVALID_ARGUMENT, format, args);
    va_end(args);
    status_blame(&status, field, reason);
    stream_finish(s, &status);
}

void stream_fail_memory(struct stream *s)
{
    const struct status status = status_no_memory();
    stream_finish(s, &status);
}

void stream_fail_stopping(struct stream *s)
{
    const struct status status = status_stopping();
    stream_finish(s, &status);
}

void *stream_new_data(struct stream *s, size_t bytes)
{
    s->data = calloc(1, bytes);
    if (s->data == NULL)
        stream_fail_memory(s);
    return s->data;
}

int stream_send_message(struct stream *s, const ProtobufCMessage *message, unsigned flags)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    struct buf *b = buf_new(size);
    if (b == NULL)
        return ENOMEM;
    b->len = protobuf_c_message_pack(message, b->data);
    int rv = stream_send(s, b, 0, b->len, flags);
    buf_unref(b);
    return rv;
}

struct bytes stream_get(struct stream *s, enum metadata_place place, const char *name)
{
    return s->ops->get != NULL ? s->ops->get(s, place, name) : bytes_of(NULL, 0);
}

bool stream_get_nth(struct stream *s, enum metadata_place place, size_t n, struct bytes *ret_name,
                    struct bytes *ret_value)
{
    return s->ops->get_nth != NULL && s->ops->get_nth(s, place, n, ret_name, ret_value);
}

int stream_put(struct stream *s, enum metadata_place place, const char *name, struct bytes value)
{
    return s->ops->put != NULL ? s->ops->put(s, place, name, value) : ENOTSUP;
}

void stream_peer(struct stream *s, char *to, size_t room)
{
    to[0] = '\0';
    if (s->ops->peer != NULL)
        s->ops->peer(s, to, room);
}

void interceptor_resume(struct stream *s, enum intercept_stage stage, enum intercept verdict,
                        const struct status *why)
{
    s->ops->resume(s, stage, verdict, why);
}

static void fail_decode(struct stream *s)
{
    const char *name = s->on->message->name;
    if (arena_no_memory(s->arena))
        stream_fail_memory(s);
    else if (arena_exhausted(s->arena))
        stream_fail_because(s, STATUS_RESOURCE_EXHAUSTED, REASON_MESSAGE_TOO_LARGE,
                            "%s is too large when decoded: send less at once", name);
    else if (s->method != NULL)
        stream_fail_because(s, STATUS_INVALID_ARGUMENT, "INVALID_MESSAGE",
                            "the bytes are not a valid %s", name);
    else
        stream_fail(s, STATUS_INTERNAL, "the server sent bytes that are not a valid %s", name);
}

static void fail_deep(struct stream *s)
{
    const char *name = s->on->message->name;
    if (s->method != NULL)
        stream_fail_because(s, STATUS_INVALID_ARGUMENT, "MESSAGE_TOO_DEEP",
                            "a %s has " NESTING_TOO_DEEP_TEXT, name);
    else
        stream_fail(s, STATUS_INTERNAL, "the server sent a %s that has " NESTING_TOO_DEEP_TEXT,
                    name);
}

void stream_deliver(struct stream *s, struct bytes bytes)
{
    const ProtobufCMessageDescriptor *type = s->on->message;
    if (type == NULL) {
        s->on->on_message(s, NULL, bytes);
        return;
    }
    ProtobufCMessage *m = NULL;
    arena_reset(s->arena);
    const enum nesting nesting = nesting_check(type, bytes);
    if (nesting == NESTING_FINE)
        m = protobuf_c_message_unpack(type, arena_protobuf(s->arena), bytes.len, bytes.data);
    if (nesting == NESTING_TOO_DEEP)
        fail_deep(s);
    else if (m == NULL)
        fail_decode(s);
    else
        s->on->on_message(s, m, bytes);
}
