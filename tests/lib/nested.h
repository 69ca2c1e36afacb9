/* Messages in messages in messages. */
#ifndef TESTS_NESTED_H
#define TESTS_NESTED_H

#include <stddef.h>

#include "base/buf.h"

/** A google.protobuf.DescriptorProto with @depth more of them, each in the one
 * before (nested_type), and @filler, bytes of its fields, in the last. The
 * caller's. */
struct buf *nested_descriptors(size_t depth, struct bytes filler);

#endif
