#include "rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/loop.h"

static void note_metadata(struct stream *s, enum metadata_place place, const char *name,
                          char to[64])
{
    const struct bytes value = stream_get(s, place, name);
    snprintf(to, 64, "%.*s", (int)value.len, (const char *)value.data);
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    struct rpc *rpc = s->data;
    (void)message; /* ours stays after this returns, so we decode it */
    rpc_close(rpc);
    rpc->response = protobuf_c_message_unpack(rpc->type, NULL, bytes.len, bytes.data);
    if (rpc->response == NULL)
        stream_fail(s, STATUS_INTERNAL, "the bytes are not a valid %s", rpc->type->name);
    rpc->responses++;
    rpc->compressed = s->compressed;
    note_metadata(s, METADATA_HEADERS, ECHO_INITIAL, rpc->initial);
    loop_break(s->loop);
}

static void on_end(struct stream *s)
{
    struct rpc *rpc = s->data;
    rpc->ended = true;
    loop_break(s->loop);
}

static void on_sent(struct stream *s)
{
    loop_break(s->loop);
}

static void on_close(struct stream *s, const struct status *status)
{
    struct rpc *rpc = s->data;
    note_metadata(s, METADATA_TRAILERS, ECHO_TRAILING, rpc->trailing);
    rpc->stream = NULL;
    rpc->ended = true;
    rpc->status = *status;
    loop_break(s->loop);
}

static const struct stream_handler handler = {
    .on_message = on_message,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_close = on_close,
};

void rpc_open(struct rpc *rpc, struct channel *channel, struct loop *loop, const char *path,
              const ProtobufCMessageDescriptor *type, uint64_t timeout_ms)
{
    const struct call_options options = { .timeout_ms = timeout_ms };
    *rpc = (struct rpc){ .loop = loop, .type = type };
    if (channel_open(channel, loop, path, &handler, rpc, &options, &rpc->stream) != 0)
        abort();
}

void rpc_send(struct rpc *rpc, const ProtobufCMessage *message, unsigned flags)
{
    while (rpc->stream != NULL && stream_send_message(rpc->stream, message, flags) == EAGAIN)
        loop_run(rpc->loop);
}

bool rpc_read(struct rpc *rpc)
{
    const int before = rpc->responses;
    if (!rpc->ended)
        stream_read(rpc->stream);
    while (!rpc->ended && rpc->responses == before)
        loop_run(rpc->loop);
    return rpc->responses > before;
}

static enum status_code wait_for_status(struct rpc *rpc)
{
    while (rpc->stream != NULL)
        loop_run(rpc->loop);
    return rpc->status.code;
}

enum status_code rpc_finish(struct rpc *rpc)
{
    const struct status ok = status_ok();
    if (rpc->stream != NULL)
        stream_finish(rpc->stream, &ok);
    while (rpc_read(rpc)) {
    }
    return wait_for_status(rpc);
}

enum status_code rpc_cancel(struct rpc *rpc)
{
    if (rpc->stream != NULL)
        stream_fail(rpc->stream, STATUS_CANCELLED, "the test cancels");
    return wait_for_status(rpc);
}

void rpc_close(struct rpc *rpc)
{
    if (rpc->response != NULL)
        protobuf_c_message_free_unpacked(rpc->response, NULL);
    rpc->response = NULL;
}
