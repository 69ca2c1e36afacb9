/* Is it UTF-8? protobuf-c does not ask, and clients in other languages refuse
 * a whole message for one bad string in it. */
#ifndef RUNTIME_UTF8_H
#define RUNTIME_UTF8_H

#include <stdbool.h>

#include "bytes.h"

/** Whether @text is valid UTF-8: no overlong forms, no surrogates, nothing
 * above U+10FFFF, no sequence cut short. U+0000 is valid. Any thread. */
bool utf8_valid(struct bytes text);

#endif
