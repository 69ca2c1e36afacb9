/* google.api.http: how a method is called by HTTP alone, as its descriptor says it.
 * https://github.com/googleapis/googleapis/blob/master/google/api/http.proto. Any thread. */
#ifndef WEB_HTTP_RULE_H
#define WEB_HTTP_RULE_H

#include <stdbool.h>

#include "base/bytes.h"

/* All views of the option. */
struct http_rule {
    struct bytes verb; /* "GET" */
    struct bytes path; /* "/v1/users/{user_id}/posts" */
    struct bytes body; /* the field that the body is; "*": all that the path has not set; empty:
                          there is no body */
    struct bytes response_body; /* the field of the response that is answered; empty: all of it */
};

/** The rule of a method with these MethodOptions, as bytes, and then each of its
 * additional_bindings. *n counts them, from 0. false: there are no more. */
bool http_rule_next(struct bytes options, unsigned *n, struct http_rule *ret);

#endif
