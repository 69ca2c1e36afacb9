/* Metadata as gRPC wants it; the streams' headers and trailers (stream.h) are
 * made of it. Loop thread only. */
#ifndef CORE_METADATA_H
#define CORE_METADATA_H

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* To be sent; zero is empty. */
struct metadata {
    grpc_metadata *items;
    size_t n;
};

/** Adds a copy. Returns 0, ENOMEM; or EINVAL: gRPC does not allow the name
 * (lower case, digits, "-_.") or the value (printable ASCII, unless the name
 * ends in "-bin"). */
int metadata_put(struct metadata *m, const char *name, struct bytes value);

/** Frees what it holds; it is empty then. */
void metadata_clear(struct metadata *m);

/** The first value of this name that was received. data == NULL: there is none.
 * It belongs to the call. */
struct bytes metadata_get(const grpc_metadata_array *received, const char *name);

/** Entry @n, from 0, of what was received. false: there are no more. The same. */
bool metadata_get_nth(const grpc_metadata_array *received, size_t n, struct bytes *ret_name,
                      struct bytes *ret_value);

#endif
