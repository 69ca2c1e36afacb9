/* Between the files of the Connect protocol.
 *
 *   connect_accept.c   what a request is
 *   connect_get.c      a request without a body
 *   connect_unary.c    answers of one message
 *   connect_stream.c   answers in envelopes
 *   connect_codec.c    messages, and what both kinds of answers share */
#ifndef WEB_CONNECT_INTERNAL_H
#define WEB_CONNECT_INTERNAL_H

#include "api.h"
#include "connect_protocol.h"
#include "pbjson/json_out.h"

/* Of one call. */
struct connect {
    const struct pb_method *types; /* NULL: of no descriptor */
    bool json;
    bool unsayable;      /* a message could not be said in JSON: the call ends so */
    struct buf *message; /* of a GET; NULL: the body has it */
};

static inline struct connect *connect_of(const struct dialect_call *d)
{
    return d->state;
}

static inline const struct web_api *connect_api(const struct dialect_call *d)
{
    return d->arg;
}

extern const struct dialect connect_unary, connect_stream;

/** Takes the message and its codec of a GET out of its @query. false: *why is set. */
bool connect_get_read(struct connect *c, struct bytes query, struct status *why);

/** dialect.decode and encode. */
bool connect_decode(const struct dialect_call *d, struct bytes coded, size_t max_bytes,
                    struct buf **ret, struct status *why);
bool connect_encode(const struct dialect_call *d, struct bytes message, struct buf *to);

/** What the call ends with after all: @status, unless a message could not be said. */
struct status connect_end_of(const struct dialect_call *d, const struct status *status);

/** Writes Connect's error. */
void connect_put_error(const struct dialect_call *d, struct jsonout *o,
                       const struct status *status);

#endif
