#include "headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "grpc_text.h"

/* --- Received ----------------------------------------------------------------------- */

struct decoded {
    struct decoded *next;
    const uint8_t *of; /* where its text is */
    size_t len;
    uint8_t bytes[];
};

static bool grow(struct received_headers *h)
{
    const uint16_t cap = h->cap == 0 ? 12 : (uint16_t)(h->cap * 2);
    struct received_header *items = realloc(h->items, cap * sizeof *items);
    if (items == NULL)
        return false;
    h->items = items;
    h->cap = cap;
    return true;
}

static bool append_received(struct received_headers *h, const struct received_header *one)
{
    h->bytes += (uint32_t)(one->name.len + one->value.len + HEADER_OVERHEAD);
    if (h->n == h->cap && !grow(h))
        return false;
    h->items[h->n++] = *one;
    return true;
}

bool received_headers_add(struct received_headers *h, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
    const struct received_header one = { rcbuf_bytes(name), rcbuf_bytes(value), name, value };
    if (!append_received(h, &one))
        return false;
    nghttp2_rcbuf_incref(name);
    nghttp2_rcbuf_incref(value);
    return true;
}

bool received_headers_put(struct received_headers *h, struct bytes name, struct bytes value)
{
    return append_received(h, &(struct received_header){ .name = name, .value = value });
}

void received_headers_own(struct received_headers *h, struct buf *block)
{
    h->blocks[h->blocks[0] != NULL] = block;
    h->block_bytes += block->cap;
}

static bool is_binary(struct bytes name)
{
    return name.len > 4 && memcmp(name.data + name.len - 4, "-bin", 4) == 0;
}

/* The first of several values that were joined by commas. */
static struct bytes first_value(struct bytes list)
{
    struct bytes first;
    return grpc_list_next(&list, &first) ? first : list;
}

static struct bytes decoded_value(struct received_headers *h, struct bytes value)
{
    for (const struct decoded *d = h->decoded; d != NULL; d = d->next)
        if (d->of == value.data)
            return bytes_of(d->bytes, d->len);
    const struct bytes text = first_value(value);
    struct decoded *d = malloc(sizeof *d + base64_room(text.len));
    if (d == NULL)
        return bytes_of(NULL, 0);
    if (!base64_decode(d->bytes, text, BASE64_STANDARD, &d->len)) {
        free(d);
        return bytes_of(NULL, 0);
    }
    d->of = value.data;
    d->next = h->decoded;
    h->decoded = d;
    return bytes_of(d->bytes, d->len);
}

struct bytes received_headers_get(struct received_headers *h, const char *name)
{
    const struct bytes wanted = bytes_of_text(name);
    for (uint16_t i = 0; i < h->n; i++) {
        if (!bytes_equal(h->items[i].name, wanted))
            continue;
        const struct bytes value = h->items[i].value;
        return is_binary(wanted) ? decoded_value(h, value) : value;
    }
    return bytes_of(NULL, 0);
}

void received_headers_clear(struct received_headers *h)
{
    for (uint16_t i = 0; i < h->n; i++) {
        if (h->items[i].name_buf == NULL)
            continue;
        nghttp2_rcbuf_decref(h->items[i].name_buf);
        nghttp2_rcbuf_decref(h->items[i].value_buf);
    }
    free(h->items);
    buf_unref(h->blocks[0]);
    buf_unref(h->blocks[1]);
    for (struct decoded *d = h->decoded, *next; d != NULL; d = next) {
        next = d->next;
        free(d);
    }
    *h = (struct received_headers){ 0 };
}

/* --- To be sent --------------------------------------------------------------------- */

/* "Header-Name" and "ASCII-Value" of gRPC's PROTOCOL-HTTP2.md. */
static bool is_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        const uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return name.len > 0;
}

static bool is_ascii_value(struct bytes value)
{
    size_t i = 0;
    while (i < value.len && value.data[i] >= ' ' && value.data[i] <= '~')
        i++;
    return i == value.len;
}

/* clang-format off */
#define NAME(text) { (const uint8_t *)(text), sizeof(text) - 1 }
/* clang-format on */

/* Those that the transport itself sends: twice would be wrong. And those of HTTP/1's
 * connections, which make a message of HTTP/2 malformed (RFC 9113, 8.2.2). */
static bool is_reserved(struct bytes name)
{
    static const struct bytes names[] = {
        NAME("content-type"),     NAME("te"),
        NAME("grpc-status"),      NAME("grpc-message"),
        NAME("grpc-encoding"),    NAME("grpc-accept-encoding"),
        NAME("connection"),       NAME("transfer-encoding"),
        NAME("proxy-connection"), NAME("keep-alive"),
        NAME("upgrade"),
    };
#undef NAME
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bytes_equal(names[i], name))
            return true;
    return false;
}

static void append(struct sent_headers *h, struct sent_header *one)
{
    one->next = NULL;
    *(h->first == NULL ? &h->first : &h->last->next) = one;
    h->last = one;
    h->n++;
}

int sent_headers_put(struct sent_headers *h, const char *name, struct bytes value)
{
    const struct bytes key = bytes_of_text(name);
    const bool binary = is_binary(key);
    if (!is_name(key) || is_reserved(key) || !(binary || is_ascii_value(value)))
        return EINVAL;
    if (h->n == SENT_HEADERS_MAX)
        return ENOMEM;
    const size_t len = binary ? base64_text_len(value.len) : value.len;
    struct sent_header *one = malloc(sizeof *one + key.len + len);
    if (one == NULL)
        return ENOMEM;
    uint8_t *at = one->texts + key.len;
    memcpy(one->texts, key.data, key.len);
    if (binary)
        base64_encode((char *)at, value, BASE64_STANDARD);
    else if (len > 0)
        memcpy(at, value.data, len);
    /* Most are of one call only: no place in the table of the connection. */
    one->nv = (nghttp2_nv){ one->texts, at, key.len, len, NGHTTP2_NV_FLAG_NO_INDEX };
    append(h, one);
    return 0;
}

void sent_headers_clear(struct sent_headers *h)
{
    for (struct sent_header *one = h->first, *next; one != NULL; one = next) {
        next = one->next;
        free(one);
    }
    *h = (struct sent_headers){ 0 };
}
