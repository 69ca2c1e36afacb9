/* Points in time as text: RFC 3339, as the protobuf JSON mapping wants it.
 * Years 1 to 9999 of the Gregorian calendar; no time zone data, no leap
 * seconds, no state. Any thread. */
#ifndef CLI_TIMESTAMP_H
#define CLI_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Room that timestamp_print() may need: "9999-12-31T23:59:59.123456789Z". */
#define TIMESTAMP_TEXT_BYTES 30

#define TIMESTAMP_MIN_SECONDS INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define TIMESTAMP_MAX_SECONDS INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/** Writes the time in UTC, with 0, 3, 6 or 9 digits of fraction, to @ret (at
 * least TIMESTAMP_TEXT_BYTES; no '\0' is added). Returns the bytes written;
 * 0: out of range (@nanos is from 0 to 999999999). */
size_t timestamp_print(int64_t seconds, int32_t nanos, char *ret);

/** Reads "2020-10-25T09:00:00.5+09:00": any offset, up to 9 digits of
 * fraction. false: not such a text, or not within the years 1 to 9999 of UTC;
 * nothing is set. */
bool timestamp_parse(struct bytes text, int64_t *ret_seconds, int32_t *ret_nanos);

#endif
