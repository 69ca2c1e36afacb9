/* All of proto/, and what it imports, as a FileDescriptorSet that is part of the program. */
#ifndef REFLECTION_DESCRIPTORS_H
#define REFLECTION_DESCRIPTORS_H

#include "base/bytes.h"

extern const uint8_t descriptors[], descriptors_end[]; /* descriptors.S */

static inline struct bytes descriptors_set(void)
{
    return bytes_of(descriptors, (size_t)(descriptors_end - descriptors));
}

#endif
