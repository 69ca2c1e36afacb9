/* Numbers as JSON has them. The decimal point is that of the C locale: programs
 * here set no other. Any thread. */
#ifndef PBJSON_NUMBER_H
#define PBJSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define NUMBER_TEXT_BYTES 32 /* room for any of them, with a NUL */

/** Write the number, which is finite, with the fewest digits that are read back
 * as the same; return the length. */
size_t number_put_double(char *to, double value);
size_t number_put_float(char *to, float value);

/** Write an integer; return the length. */
size_t number_put_unsigned(char *to, uint64_t value);
size_t number_put_signed(char *to, int64_t value);

/** How much of the front of @text is a JSON number, as far as it goes: "1.5e3". 0:
 * nothing. */
size_t number_length(struct bytes text);

/** Reads a JSON number that is an integer, however it is written (1e3, 10.0); exactly.
 * Returns 0; EINVAL: it is no integer; ERANGE: it is not between @min and @max. */
int number_read_signed(struct bytes text, int64_t min, int64_t max, int64_t *ret);
int number_read_unsigned(struct bytes text, uint64_t max, uint64_t *ret);

/** Read a JSON number at the NUL-terminated @text. false: it is too large. */
bool number_read_double(const char *text, double *ret);
bool number_read_float(const char *text, float *ret);

#endif
