/* Timestamp and Duration as the JSON mapping writes them: years 1 to 9999 of the
 * Gregorian calendar, no leap seconds. Any thread. */
#ifndef PBJSON_TIME_TEXT_H
#define PBJSON_TIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define TIME_TEXT_BYTES 40 /* room for either */

/** "2020-10-25T00:00:00.500Z", in UTC, with 0, 3, 6 or 9 digits of fraction. Returns
 * the length; 0: it is not within the years 1 to 9999, or @nanos no fraction. */
size_t time_text_put(char *to, int64_t seconds, int64_t nanos);

/** Reads RFC 3339 with any offset, as the mapping has it: T and Z are capitals. false: it is
 * no such text, or not within the years 1 to 9999 of UTC; nothing is set. */
bool time_text_read(struct bytes text, int64_t *ret_seconds, int32_t *ret_nanos);

/** "-1.500s". Returns the length; 0: more than 10000 years, or the two have not one sign. */
size_t duration_text_put(char *to, int64_t seconds, int64_t nanos);

bool duration_text_read(struct bytes text, int64_t *ret_seconds, int32_t *ret_nanos);

#endif
