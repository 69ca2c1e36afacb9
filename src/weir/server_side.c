#include "server_side.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "status_details.h"

/* --- Calls without a handler of their own ------------------------------------------- */

const struct stream_handler server_nobody = { 0 };

static void unknown_open(struct stream *s)
{
    stream_fail_because(s, STATUS_UNIMPLEMENTED, "UNKNOWN_METHOD", "there is no method %s",
                        s->path);
}

static const struct stream_handler unknown_handler = { .on_open = unknown_open };

const struct method server_unknown_method = {
    "(unknown)", MANY, MANY, &unknown_handler, NULL, NULL
};

static void late_open(struct stream *s)
{
    stream_fail_stopping(s);
}

const struct stream_handler server_late = { .on_open = late_open };

/* --- Errors ------------------------------------------------------------------------- */

static void put_trailer(struct stream *s, const char *name, struct bytes value)
{
    if (stream_put(s, METADATA_TRAILERS, name, value) != 0)
        log_warn("out of memory: a call ends without %s", name);
}

/* gRPC's own retries wait for the pushback, and a negative one ends them. */
void server_put_details(struct stream *s, const struct status *status)
{
    uint8_t details[STATUS_DETAILS_MAX];
    char pushback[16];
    const size_t len = status_details_pack(status, s->path, details);
    put_trailer(s, STATUS_DETAILS_NAME, bytes_of(details, len));
    if (status->retry_after_ms == 0 && !status->waited)
        return;
    snprintf(pushback, sizeof pushback, "%" PRId64,
             status->waited ? INT64_C(-1) : (int64_t)status->retry_after_ms);
    put_trailer(s, "grpc-retry-pushback-ms", bytes_of_text(pushback));
}
