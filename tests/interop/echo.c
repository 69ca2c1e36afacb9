#include <stdlib.h>

#include "service.h"

#define PAYLOAD_MAX_BYTES (64 << 20)

void echo_metadata(struct stream *s)
{
    static const char initial[] = "x-grpc-test-echo-initial";
    static const char trailing[] = "x-grpc-test-echo-trailing-bin";
    const struct bytes first = stream_get(s, METADATA_HEADERS, initial);
    const struct bytes last = stream_get(s, METADATA_HEADERS, trailing);
    if (first.data != NULL)
        stream_put(s, METADATA_HEADERS, initial, first);
    if (last.data != NULL)
        stream_put(s, METADATA_TRAILERS, trailing, last);
}

bool echo_status(struct stream *s, const Grpc__Testing__EchoStatus *status)
{
    if (status == NULL || status->code == STATUS_OK)
        return false;
    stream_fail(s, (enum status_code)status->code, "%s", status->message);
    return true;
}

bool check_compressed(struct stream *s, const Grpc__Testing__BoolValue *compressed)
{
    if (compressed == NULL || (compressed->value != 0) == s->compressed)
        return true;
    stream_fail(s, STATUS_INVALID_ARGUMENT, "the message came %scompressed",
                s->compressed ? "" : "un");
    return false;
}

bool fill_payload(struct stream *s, int32_t size, Grpc__Testing__Payload *payload)
{
    *payload = (Grpc__Testing__Payload)GRPC__TESTING__PAYLOAD__INIT;
    if (size < 0 || size > PAYLOAD_MAX_BYTES) {
        stream_fail(s, STATUS_INVALID_ARGUMENT, "a payload of %d bytes: 0 to %d are possible",
                    (int)size, PAYLOAD_MAX_BYTES);
        return false;
    }
    payload->body.len = (size_t)size;
    payload->body.data = calloc(1, (size_t)size + 1);
    if (payload->body.data == NULL)
        stream_fail(s, STATUS_RESOURCE_EXHAUSTED, "out of memory");
    return payload->body.data != NULL;
}

unsigned plain_unless(const Grpc__Testing__BoolValue *compressed)
{
    return compressed != NULL && compressed->value ? 0 : STREAM_PLAIN;
}

void ignore(struct stream *s)
{
    (void)s;
}

void ignore_close(struct stream *s, const struct status *status)
{
    (void)s;
    (void)status;
}
