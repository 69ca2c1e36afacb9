#include "metadata.h"

#include <errno.h>
#include <grpc/slice.h>
#include <stdlib.h>
#include <string.h>

/* "Header-Name" and "ASCII-Value" of gRPC's PROTOCOL-HTTP2.md. The core looks at both again, and
 * fails the whole batch for one that is wrong. */

static bool is_name(const char *name)
{
    const char *c = name;
    while ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' ||
           *c == '.')
        c++;
    return *c == '\0' && c > name;
}

static bool is_ascii_value(struct bytes value)
{
    size_t i = 0;
    while (i < value.len && value.data[i] >= ' ' && value.data[i] <= '~')
        i++;
    return i == value.len;
}

static bool is_binary(const char *name)
{
    const size_t len = strlen(name);
    return len > 4 && memcmp(name + len - 4, "-bin", 4) == 0;
}

int metadata_put(struct metadata *m, const char *name, struct bytes value)
{
    if (!is_name(name) || !(is_ascii_value(value) || is_binary(name)))
        return EINVAL;
    grpc_metadata *items = realloc(m->items, (m->n + 1) * sizeof *items);
    if (items == NULL)
        return ENOMEM;
    m->items = items;
    items[m->n++] = (grpc_metadata){
        .key = grpc_slice_from_copied_string(name),
        .value = value.len == 0
                     ? grpc_empty_slice()
                     : grpc_slice_from_copied_buffer((const char *)value.data, value.len),
    };
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

static struct bytes bytes_in(const grpc_slice *slice)
{
    return bytes_of(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

bool metadata_get_nth(const grpc_metadata_array *received, size_t n, struct bytes *ret_name,
                      struct bytes *ret_value)
{
    if (n >= received->count)
        return false;
    *ret_name = bytes_in(&received->metadata[n].key);
    *ret_value = bytes_in(&received->metadata[n].value);
    return true;
}

struct bytes metadata_get(const grpc_metadata_array *received, const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < received->count; i++) {
        const grpc_metadata *item = &received->metadata[i];
        if (GRPC_SLICE_LENGTH(item->key) == len &&
            memcmp(GRPC_SLICE_START_PTR(item->key), name, len) == 0)
            return bytes_of(GRPC_SLICE_START_PTR(item->value), GRPC_SLICE_LENGTH(item->value));
    }
    return bytes_of(NULL, 0);
}
