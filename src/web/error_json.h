/* How a call ended, as JSON: google.rpc.Status for REST, and Connect's error. Any thread. */
#ifndef WEB_ERROR_JSON_H
#define WEB_ERROR_JSON_H

#include "pbjson/json_out.h"
#include "pbjson/pbjson.h"
#include "weir/status.h"

/** Writes {"code":5,"message":"…","details":[{"@type":"…",…}]}. @details is the
 * google.rpc.Status that the call had in its trailers, or empty: then there are none. A detail of
 * a type that @pool does not have is left out. */
void status_json(struct jsonout *o, const struct pb_pool *pool, const struct status *status,
                 struct bytes details);

/** Writes {"code":"not_found","message":"…","details":[{"type":"…","value":"…","debug":{…}}]}; a
 * detail of a type that @pool does not have is without "debug". */
void connect_error_json(struct jsonout *o, const struct pb_pool *pool, const struct status *status,
                        struct bytes details);

#endif
