/* Checks how deep messages are nested in a message, before protobuf-c decodes it.
 * protobuf-c goes as deep as the bytes do, and a few KB of bytes can go deeper than
 * the stack allows.
 *
 * Only types that can contain themselves are checked, and only messages that are
 * long enough. Which types can contain themselves is found out once for each type. */
#ifndef BASE_NESTING_H
#define BASE_NESTING_H

#include <protobuf-c/protobuf-c.h>

#include "bytes.h"

#define NESTING_MAX                                                                                \
    100 /* messages below the first one; protobuf's own libraries have this limit                  \
         */

/* For people: "a v1.Tree has " and this. */
#define NESTING_TOO_DEEP_TEXT "messages more than 100 deep in one another"

enum nesting {
    NESTING_FINE,     /* it is safe to try to decode it, and that may still fail */
    NESTING_TOO_DEEP, /* somewhere in it */
    NESTING_DAMAGED, /* it is not made of fields to its end: protobuf-c might see more than we do */
};

/** The same without the short cut; use nesting_check(). */
enum nesting nesting_check_long(const ProtobufCMessageDescriptor *type, struct bytes message);

/** Looks at @message, which is to be decoded as @type. Descriptors are constants,
 * as the generated ones are: what is known of one is kept. Any thread. */
static inline enum nesting nesting_check(const ProtobufCMessageDescriptor *type,
                                         struct bytes message)
{
    /* The smallest message in a message has two bytes: its number, and that it is empty. */
    if (message.len < 2 * (NESTING_MAX + 1))
        return NESTING_FINE;
    return nesting_check_long(type, message);
}

#endif
