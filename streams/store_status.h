/* How a call ends that could not read the store. */
#ifndef STREAMS_STORE_STATUS_H
#define STREAMS_STORE_STATUS_H

#include "base/log.h"
#include "store/store.h"
#include "weir/status.h"

/** UNAVAILABLE with the reason STORE_UNAVAILABLE, if it may work later; else INTERNAL with
 * STORE_UNREADABLE. @error: reader_error(), or the line of reader_begin(). */
struct status status_of_store(const struct reader *reader, const char *error);

/** How much that matters: of a database that is away the store tells once itself, and not
 * each call. */
enum log_level store_log_level(const struct reader *reader);

#endif
