/* Answers of one message, and what all answers share. */
#include <errno.h>

#include "codes.h"
#include "details.h"
#include "error_json.h"
#include "json_codec.h"
#include "rest_internal.h"

/* --- What all share ----------------------------------------------------------------- */

/* Of a message that the rule answers one field of: the parts of a message may be many. */
static int put_field(const struct dialect_call *d, const struct pb_field *f, struct bytes message,
                     struct buf *to)
{
    struct buf *whole = buf_new(message.len);
    struct wire_field w;
    bool put = whole != NULL;
    while (put && wire_next(&message, &w))
        if (w.number == f->number && w.type == WIRE_BYTES)
            put = buf_append(whole, w.bytes);
    const int rv = put ? json_encode(rest_api(d)->pool, f->message, buf_bytes(whole), to) : ENOMEM;
    buf_unref(whole);
    return rv;
}

int rest_put_message(const struct dialect_call *d, struct bytes message, struct buf *to)
{
    struct rest *r = rest_of(d);
    const struct pb_field *f = r->route->response_body;
    const int rv = f != NULL ? put_field(d, f, message, to)
                             : json_encode(rest_api(d)->pool, r->route->types->output, message, to);
    r->unsayable |= rv == EINVAL;
    r->has_messages |= rv == 0;
    return rv;
}

void rest_put_status(const struct dialect_call *d, struct jsonout *o, const struct status *status)
{
    uint8_t room[DETAILS_MAX_BYTES];
    status_json(o, rest_api(d)->pool, status, details_of(d, room));
}

struct status rest_end_of(const struct dialect_call *d, const struct status *status)
{
    return rest_of(d)->unsayable && status->code == STATUS_OK ? json_unsayable() : *status;
}

/* HTTP has a status of its own for what is too large to be read. */
static unsigned status_of_error(const struct status *status)
{
    if (strcmp(status->reason, REASON_MESSAGE_TOO_LARGE) == 0)
        return 413;
    return http_status_of(status->code);
}

/* What the handler and the interceptors have put into the trailers becomes headers, where the
 * answer's head has waited for them. */
static void put_trailers(const struct dialect_call *d, struct answer *a)
{
    struct bytes name, value;
    for (size_t n = 0; details_next_trailer(d, &n, &name, &value);)
        answer_put_bytes(a, name, value);
}

/* The route has several forms: a cache has to look at what was asked for. */
static void put_vary(const struct dialect_call *d, struct answer *a)
{
    const struct rest_route *route = rest_of(d)->route;
    if (route->twin != NULL || route->method->responses == MANY)
        answer_put(a, "vary", "accept");
}

void rest_put_type(const struct dialect_call *d, struct answer *a, const char *type)
{
    answer_put(a, "content-type", type);
    put_vary(d, a);
}

void rest_head_of_error(const struct dialect_call *d, struct answer *a, const struct status *status)
{
    answer_status(a, status_of_error(status));
    rest_put_type(d, a, "application/json");
    details_put_headers(a, status);
    put_trailers(d, a);
}

/* --- One message -------------------------------------------------------------------- */

static void head(const struct dialect_call *d, struct answer *a, const struct status *status)
{
    const struct status last = rest_end_of(d, status);
    if (last.code != STATUS_OK) {
        rest_head_of_error(d, a, &last);
        return;
    }
    rest_put_type(d, a, "application/json");
    put_trailers(d, a);
}

static bool encode(const struct dialect_call *d, struct bytes message, struct buf *to)
{
    const int rv = rest_put_message(d, message, to);
    return rv == EINVAL || (rv == 0 && buf_append(to, bytes_of("\n", 1)));
}

static bool end(const struct dialect_call *d, const struct status *status, bool started,
                struct buf *to)
{
    const struct status last = rest_end_of(d, status);
    struct jsonout o = { .b = to, .max_len = SIZE_MAX, .first = true };
    (void)started;
    if (last.code == STATUS_OK)
        return true;
    rest_put_status(d, &o, &last);
    jsonout_literal(&o, "\n");
    return o.rv == 0;
}

#define OBJECT(requests)                                                                           \
    {                                                                                              \
        .frames = (requests), .answer_frames = FRAMES_WHOLE, .head_waits = true,                   \
        .decode = rest_decode, .head = head, .encode = encode, .end = end                          \
    }

const struct dialect rest_object = OBJECT(FRAMES_WHOLE);
const struct dialect rest_object_of_lines = OBJECT(FRAMES_LINES);
