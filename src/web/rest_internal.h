/* Between the files of REST.
 *
 *   rest_accept.c    what a request is
 *   rest_request.c   path, query and body become a message
 *   rest_object.c    answers of one message, and errors
 *   rest_lines.c     answers of many: lines, an array
 *   rest_events.c    … events */
#ifndef WEB_REST_INTERNAL_H
#define WEB_REST_INTERNAL_H

#include "api.h"
#include "pbjson/json_out.h"
#include "rest_protocol.h"
#include "weir/loop.h"

/* Of one call. */
struct rest {
    struct dialect_call call; /* of events: for what is said while there is nothing to say */
    struct timer silence;
    const struct rest_route *route;
    struct bytes values[PATH_VARIABLES_MAX]; /* of the path, as they came */
    struct bytes query;
    struct buf *fixed; /* what each of its requests has from path and query, as protobuf */
    bool has_messages; /* one was sent */
    bool unsayable;    /* one could not be said in JSON: the call ends so */
};

static inline struct rest *rest_of(const struct dialect_call *d)
{
    return d->state;
}

static inline const struct web_api *rest_api(const struct dialect_call *d)
{
    return d->arg;
}

/* An answer of one message; of many. The requests of @lines are a stream. */
extern const struct dialect rest_object, rest_object_of_lines;
extern const struct dialect rest_lines, rest_lines_of_lines;
extern const struct dialect rest_array, rest_array_of_lines;
extern const struct dialect rest_events, rest_events_of_lines;

/** Begins to say now and then that the answer is there, if nothing else is said. */
void rest_events_begin(const struct dialect_call *d);

/** Makes rest->fixed. @token: a page_token that stands over that of the query; empty: none. false:
 * *why is set. */
bool rest_request_fix(const struct dialect_call *d, struct bytes token, struct status *why);

/** dialect.decode. */
bool rest_decode(const struct dialect_call *d, struct bytes coded, size_t max_bytes,
                 struct buf **ret, struct status *why);

/** Appends what is answered of a message, as JSON. Returns 0, ENOMEM, or EINVAL: it cannot be said,
 * and the call's end will tell. */
int rest_put_message(const struct dialect_call *d, struct bytes message, struct buf *to);

/** Writes google.rpc.Status. */
void rest_put_status(const struct dialect_call *d, struct jsonout *o, const struct status *status);

/** What the call ends with after all: @status, unless a message could not be said. */
struct status rest_end_of(const struct dialect_call *d, const struct status *status);

/** The "content-type" of an answer, and to caches that "accept" chose it, if it did. */
void rest_put_type(const struct dialect_call *d, struct answer *a, const char *type);

/** The head of an error that comes before any message, with the trailers. */
void rest_head_of_error(const struct dialect_call *d, struct answer *a,
                        const struct status *status);

/** The field of the request that takes what @route's responses say in next_page_token; NULL: they
 * do not go on by tokens (https://google.aip.dev/158). */
const struct pb_field *rest_page_token(const struct rest_route *route);

#endif
