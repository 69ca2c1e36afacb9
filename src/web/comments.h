/* Comments of .proto files, as protoc keeps them with --include_source_info. For what is made
 * while this tree is built. */
#ifndef WEB_COMMENTS_H
#define WEB_COMMENTS_H

#include "base/buf.h"
#include "base/bytes.h"

struct comments;

/** Of all files of @set, a FileDescriptorSet, which must stay. NULL: out of memory. */
struct comments *comments_new(struct bytes set);

/** Frees it. NULL is fine. */
void comments_free(struct comments *c);

/** The comment before a service, method, message, field, enum or value with this full name, or else
 * the one behind it; as it stands in the file, so lines begin with a blank. Empty: none. */
struct bytes comments_of(const struct comments *c, struct bytes full_name);

/** Appends it as running text: lines that belong together become one. false: out of memory. */
bool comments_append(struct buf *b, struct bytes comment);

#endif
