/* Posts and users as lines of JSON: the protobuf JSON mapping with the names
 * of the .proto files, every field always printed. What is printed reads back
 * as the same message. One thread a buffer and an arena. */
#ifndef CLI_NDJSON_H
#define CLI_NDJSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "v1/post/post.pb-c.h"
#include "v1/user/user.pb-c.h"

#define NDJSON_ERROR_BYTES 256

/** Appends one line, with its '\n'. A create_time that is absent, or not
 * within the years 1 to 9999, is null. false: out of memory; nothing was
 * appended. */
bool ndjson_write_post(struct buf *b, const V1__Post__PostMessage *post);
bool ndjson_write_user(struct buf *b, const V1__User__UserMessage *user);

/** Append one value of those: a list of texts, a time or null. false: out of memory. */
bool ndjson_write_tags(struct buf *b, char *const *tags, size_t n);
bool ndjson_write_time(struct buf *b, const Google__Protobuf__Timestamp *time);

/** Reads one line, with or without its '\n'; the message lives in the arena
 * until its reset. A field that is missing or null has its default. NULL, with
 * a reason of one line in @ret_error (NDJSON_ERROR_BYTES), for
 *   what is no JSON object in strict UTF-8 (the reason has the column)
 *   an unknown or doubled field, a value of the wrong type
 *   a text with U+0000, a number that does not fit
 *   a line that takes more memory than the arena may give */
V1__Post__PostMessage *ndjson_read_post(struct arena *a, struct bytes line, char *ret_error);
V1__User__UserMessage *ndjson_read_user(struct arena *a, struct bytes line, char *ret_error);

#endif
