/* How a call ends that could not read the store. */
#ifndef STREAMS_STORE_STATUS_H
#define STREAMS_STORE_STATUS_H

#include "store/store.h"
#include "weir/status.h"

/** UNAVAILABLE with the reason STORE_UNAVAILABLE, if it may work later; else INTERNAL with
 * STORE_UNREADABLE. @error: reader_error(), or the line of reader_begin(). */
struct status status_of_store(const struct reader *reader, const char *error);

#endif
