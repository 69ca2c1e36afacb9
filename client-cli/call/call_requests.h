/* The requests of postcli call: JSON of an argument or of standard input, as messages, each
 * sent as soon as it is there and the call has room. Standard input is read no faster than
 * that.
 *
 *   a method that takes one   all of the text is read, then `ready`: the call may be opened
 *   one that takes many       `ready` at once; the call is half-closed when the text ends
 *
 * Loop thread. */
#ifndef CLI_CALL_REQUESTS_H
#define CLI_CALL_REQUESTS_H

#include <stdbool.h>

#include "client-cli/frame/session.h"
#include "client-cli/input/input.h"
#include "client-cli/input/json_values.h"
#include "pbjson/pbjson.h"

struct call_requests {
    /** The call may be opened, once. */
    void (*on_ready)(struct session *s);

    struct session *session; /* private, like the rest */
    const struct pb_pool *pool;
    const struct pb_method *method;
    struct json_values values;
    struct input in;
    bool from_input, ended, opened;
    bool failed;         /* nothing more is sent */
    struct buf *waiting; /* for the call, or for its turn; NULL: none */
    size_t taken;        /* values */
};

/** Takes requests for @method from @argument: JSON; "-" stands for standard input, as NULL
 * does for a method that takes many; for one that takes one, NULL is an empty request. An
 * argument is looked at now, all of it: what is wrong ends the session, and on_ready never
 * comes. false: out of memory. */
bool call_requests_begin(struct call_requests *r, struct session *s, const struct pb_pool *pool,
                         const struct pb_method *method, const char *argument);

/** The call is open: sends what there is. */
void call_requests_open(struct call_requests *r);

/** The call has room again. */
void call_requests_room(struct call_requests *r);

/** After the session has ended; fine if it was only zeroed. */
void call_requests_close(struct call_requests *r);

#endif
