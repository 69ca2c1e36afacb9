/* What a post must be to be imported. */
#ifndef POST_CHECK_H
#define POST_CHECK_H

#include "streams/import.h"

#define POST_MAX_BYTES ((size_t)1 << 20) /* encoded, without the author */

/** The check of Post's import_kind. The author goes out of @record: whose name
 * it is is for User to say. */
bool post_check(ProtobufCMessage *record, struct write_record *ret, struct status *why);

#endif
