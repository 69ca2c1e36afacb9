#include "metadata.h"

#include <errno.h>
#include <grpc/slice.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_legal(grpc_slice key, grpc_slice value)
{
    return grpc_header_key_is_legal(key) != 0 &&
           (grpc_is_binary_header(key) != 0 || grpc_header_nonbin_value_is_legal(value) != 0);
}

int metadata_put(struct metadata *m, const char *name, struct bytes value)
{
    grpc_metadata *items = realloc(m->items, (m->n + 1) * sizeof *items);
    if (items == NULL)
        return ENOMEM;
    m->items = items;
    grpc_metadata *item = &items[m->n];
    *item = (grpc_metadata){
        .key = grpc_slice_from_copied_string(name),
        .value = value.len == 0
                     ? grpc_empty_slice()
                     : grpc_slice_from_copied_buffer((const char *)value.data, value.len),
    };
    if (!is_legal(item->key, item->value)) {
        grpc_slice_unref(item->key);
        grpc_slice_unref(item->value);
        return EINVAL;
    }
    m->n++;
    return 0;
}

void metadata_clear(struct metadata *m)
{
    for (size_t i = 0; i < m->n; i++) {
        grpc_slice_unref(m->items[i].key);
        grpc_slice_unref(m->items[i].value);
    }
    free(m->items);
    *m = (struct metadata){ 0 };
}

struct bytes metadata_get(const grpc_metadata_array *received, const char *name)
{
    for (size_t i = 0; i < received->count; i++) {
        const grpc_metadata *item = &received->metadata[i];
        if (grpc_slice_str_cmp(item->key, name) == 0)
            return bytes_of(GRPC_SLICE_START_PTR(item->value), GRPC_SLICE_LENGTH(item->value));
    }
    return bytes_of(NULL, 0);
}
