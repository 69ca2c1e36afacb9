#include "grpc_request.h"

static bool read_timeout(struct stream *s, struct accepted *ret)
{
    const struct bytes timeout = stream_get(s, METADATA_HEADERS, "grpc-timeout");
    if (timeout.data == NULL)
        return true;
    ret->has_timeout = true;
    if (!grpc_timeout_parse(timeout, &ret->timeout_ms)) {
        ret->wrong = status_of(STATUS_INTERNAL, "grpc-timeout is malformed");
        status_because(&ret->wrong, REASON_PROTOCOL_VIOLATION);
        return false;
    }
    if (ret->timeout_ms > 0)
        return true;
    ret->wrong = status_of(STATUS_DEADLINE_EXCEEDED, "Deadline Exceeded");
    return false;
}

static bool read_encodings(struct stream *s, struct accepted *ret)
{
    const struct bytes accepted = stream_get(s, METADATA_HEADERS, "grpc-accept-encoding");
    const struct bytes encoding = stream_get(s, METADATA_HEADERS, "grpc-encoding");
    if (accepted.data != NULL)
        ret->encodings = grpc_encodings_accepted(accepted);
    if (encoding.data != NULL)
        ret->encoding = grpc_encoding_of(encoding);
    if (ret->encoding != ENCODING_UNKNOWN)
        return true;
    ret->wrong =
        status_of(STATUS_UNIMPLEMENTED,
                  "messages in the encoding %.*s are not understood; gzip and deflate are",
                  (int)(encoding.len < 64 ? encoding.len : 64), (const char *)encoding.data);
    return false;
}

void grpc_request_read(struct stream *s, struct accepted *ret)
{
    ret->is_wrong = !read_timeout(s, ret) || !read_encodings(s, ret);
}
