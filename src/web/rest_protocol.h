/* Methods called by HTTP alone, as their rules say (google.api.http), with JSON.
 *
 * A request is made of the path, the query and the body. What it has and the method does not know
 * is refused, in the body as in the query: a misspelt field would be taken for none. Where the
 * requests are a stream, each line of the body is one. A body that is a repeated field may have
 * one item of it for a line.
 *
 * An answer of one message is an object. One of many is what the client accepts:
 *   application/x-ndjson   {"result":…} on each line, and {"error":…} on the last if it failed
 *   application/json       one array; if it failed {"error":…} is its last item
 *   text/event-stream      events with the messages as data, and with next_page_token for an id:
 *                          "last-event-id" becomes the page_token of a request. The last event is
 *                          named "status". A call that is UNAVAILABLE is answered with 200 here
 *                          too: EventSource tries again after that, and after nothing else.
 * An error that comes before any message has the HTTP status of its code, and google.rpc.Status
 * for a body.
 *
 * It answers whatever no other protocol has taken: with 404, if there is no rule. */
#ifndef WEB_REST_PROTOCOL_H
#define WEB_REST_PROTOCOL_H

#include "weir/http/dialect.h"

/* Its argument is a struct web_api. */
extern const struct protocol rest_protocol;

#endif
