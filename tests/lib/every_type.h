/* The descriptors of tests/unit/pbjson/every_type.proto and every_legacy.proto, and of
 * what they import: a FileDescriptorSet as bytes. */
#ifndef TESTS_EVERY_TYPE_H
#define TESTS_EVERY_TYPE_H

#include "base/bytes.h"

extern const uint8_t every_type_set[], every_type_set_end[];

static inline struct bytes every_type(void)
{
    return bytes_of(every_type_set, (size_t)(every_type_set_end - every_type_set));
}

#endif
