/* One message each way: the body is the message. An error has a status of HTTP, and JSON for a
 * body. Trailers are headers. */
#include <stdlib.h>

#include "codes.h"
#include "connect_internal.h"
#include "details.h"

#define PREFIX "trailer-"

static void put_trailer(struct answer *a, struct bytes name, struct bytes value)
{
    uint8_t full[256] = PREFIX;
    if (name.len > sizeof full - (sizeof PREFIX - 1))
        return; /* no name of ours is so long */
    memcpy(full + sizeof PREFIX - 1, name.data, name.len);
    answer_put_bytes(a, bytes_of(full, sizeof PREFIX - 1 + name.len), value);
}

/* They wait for the status, so it is known. */
static void head(const struct dialect_call *d, struct answer *a, const struct status *status)
{
    const struct status last = connect_end_of(d, status);
    struct bytes name, value;
    const bool ok = last.code == STATUS_OK;
    answer_status(a, http_status_of(last.code));
    answer_put(a, "content-type",
               connect_of(d)->json || !ok ? "application/json" : "application/proto");
    answer_put(a, "accept-encoding", "gzip, deflate");
    details_put_headers(a, &last);
    for (size_t n = 0; details_next_trailer(d, &n, &name, &value);)
        put_trailer(a, name, value);
}

static bool end(const struct dialect_call *d, const struct status *status, bool started,
                struct buf *to)
{
    const struct status last = connect_end_of(d, status);
    struct jsonout o = { .b = to, .max_len = SIZE_MAX, .first = true };
    (void)started;
    if (last.code != STATUS_OK)
        connect_put_error(d, &o, &last);
    return o.rv == 0;
}

const struct dialect connect_unary = {
    .frames = FRAMES_WHOLE,
    .answer_frames = FRAMES_WHOLE,
    .head_waits = true,
    .decode = connect_decode,
    .head = head,
    .encode = connect_encode,
    .end = end,
};
