/* The descriptors of tests/unit/web/shelf.proto, and of what it imports: a FileDescriptorSet as
 * bytes. */
#ifndef TESTS_SHELF_H
#define TESTS_SHELF_H

#include "base/bytes.h"

extern const uint8_t shelf_set_begin[], shelf_set_end[];

static inline struct bytes shelf_set(void)
{
    return bytes_of(shelf_set_begin, (size_t)(shelf_set_end - shelf_set_begin));
}

#endif
