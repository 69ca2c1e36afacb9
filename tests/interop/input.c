/* Many requests, one response: each is asked for by stream_read(), and after
 * the last one comes on_end. */
#include <stdlib.h>

#include "service.h"

struct sum {
    int32_t bytes;
};

static void on_open(struct stream *s)
{
    s->data = calloc(1, sizeof(struct sum));
    echo_metadata(s);
    if (s->data != NULL)
        stream_read(s);
    else
        stream_fail(s, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const Grpc__Testing__StreamingInputCallRequest *m =
        (const Grpc__Testing__StreamingInputCallRequest *)message;
    struct sum *sum = s->data;
    (void)bytes;
    if (!check_compressed(s, m->expect_compressed))
        return;
    if (m->payload != NULL)
        sum->bytes += (int32_t)m->payload->body.len;
    stream_read(s);
}

static void on_end(struct stream *s)
{
    const struct sum *sum = s->data;
    Grpc__Testing__StreamingInputCallResponse response =
        GRPC__TESTING__STREAMING_INPUT_CALL_RESPONSE__INIT;
    response.aggregated_payload_size = sum->bytes;
    if (stream_send_message(s, &response.base, STREAM_LAST) != 0)
        stream_fail(s, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

static void on_close(struct stream *s, const struct status *status)
{
    (void)status;
    free(s->data);
}

const struct stream_handler input_handler = {
    .message = &grpc__testing__streaming_input_call_request__descriptor,
    .on_open = on_open,
    .on_message = on_message,
    .on_end = on_end,
    .on_close = on_close,
};
