/* Messages of a call as JSON and back, as the web has it: lowerCamelCase out, both names in,
 * 64-bit integers as strings, no defaults. */
#ifndef WEB_JSON_CODEC_H
#define WEB_JSON_CODEC_H

#include "pbjson/pbjson.h"
#include "weir/status.h"

#define JSON_MAX_DEPTH 64 /* of what clients send */

/** Appends the message to @to. Returns 0; ENOMEM; EINVAL: JSON cannot say it, and the log tells
 * why; nothing is appended then. */
int json_encode(const struct pb_pool *pool, const struct pb_message *type, struct bytes message,
                struct buf *to);

struct json_reading {
    bool ignore_unknown;
    size_t max_bytes; /* of protobuf */
};

/** Appends what @text, one JSON value, stands for to @to. false: *why is set. */
bool json_decode(const struct pb_pool *pool, const struct pb_message *type, struct bytes text,
                 const struct json_reading *how, struct buf *to, struct status *why);

/** The same of one field; an item of a list may stand without the list. */
bool json_decode_field(const struct pb_pool *pool, const struct pb_field *f, struct bytes text,
                       const struct json_reading *how, struct buf *to, struct status *why);

/** INTERNAL: what encode() could not say ends the call so. */
struct status json_unsayable(void);

/** INVALID_ARGUMENT or what else @rv of pbjson_parse() and its like stands for, with @text. */
struct status json_refused(int rv, const char *text);

#endif
