/* What the files of a FileDescriptorSet describe, by name.
 *
 * protobuf-c has no pool of descriptors: this is the little of one that
 * reflection needs. Made once, at the start; any thread may read it then. */
#ifndef REFLECTION_INDEX_H
#define REFLECTION_INDEX_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct index;

struct index_file {
    const char *name;
    /* The file as it is in the set, then all that it imports, and what those
     * import; each once. */
    ProtobufCBinaryData *closure;
    size_t nclosure;
};

/** Makes an index of the files that define @services, and of what those
 * import; other files of @set stay unknown. A service that no file defines is
 * skipped. @set, which is what protoc writes, must stay.
 * Returns 0, ENOMEM, or EINVAL: not a FileDescriptorSet, or imports are missing. */
int index_new(struct index **ret, struct bytes set, const char *const *services, size_t nservices);

/** Frees it. NULL is fine. */
void index_free(struct index *ix);

/** By its name in import statements. NULL: not known. */
const struct index_file *index_find_file(const struct index *ix, const char *name);

/** The file that defines @symbol: the full name of a service, method, message,
 * field, oneof, enum, enum value or extension. NULL: not known. */
const struct index_file *index_find_symbol(const struct index *ix, const char *symbol);

bool index_has_message(const struct index *ix, const char *full_name);

/** The file that extends the message @type by a field of this @number. NULL:
 * not known. */
const struct index_file *index_find_extension(const struct index *ix, const char *type,
                                              int32_t number);

/** The numbers of all extensions of @type; how many. */
size_t index_extensions(const struct index *ix, const char *type, const int32_t **ret_numbers);

#endif
