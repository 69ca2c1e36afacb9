/* Is it UTF-8? protobuf-c does not ask, and clients in other languages refuse
 * a whole message for one bad string in it. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>

#include "bytes.h"

/** Whether @text is valid UTF-8: no overlong forms, no surrogates, nothing
 * above U+10FFFF, no sequence cut short. U+0000 is valid. Any thread. */
bool utf8_valid(struct bytes text);

/** The first character of the NUL-terminated @text: its length in bytes and,
 * in *ret, its code; 1 and 0 at the end. 0, and *ret untouched: @text does not
 * begin with valid UTF-8, as above. Any thread. */
size_t utf8_decode(const char *text, uint32_t *ret);

#endif
