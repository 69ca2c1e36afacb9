/* Metadata of postcli call: "name: value" of -H, and what came back, on standard error. A
 * name that ends in "-bin" stands for bytes, which are written as base64. Loop thread. */
#ifndef CLI_CALL_METADATA_H
#define CLI_CALL_METADATA_H

#include "base/options.h"
#include "client-cli/frame/session.h"

/** The first of @headers that is no "name: value", or has a value that is not base64 where
 * it has to be. NULL: all are fine. */
const char *call_headers_check(const struct option_list *headers);

/** Adds them to a stream that was just opened, with names in lower case. On failure the
 * stream is failed. */
void call_headers_put(struct stream *stream, const struct option_list *headers);

/** Prints what came from the server: "header name: value" or "trailer name: value". */
void call_metadata_say(struct session *s, struct stream *stream, enum metadata_place place);

#endif
