#include "answer.h"

#include <stdio.h>

void answer_status(struct answer *a, unsigned http_status)
{
    a->status = http_status;
}

void answer_put_bytes(struct answer *a, struct bytes name, struct bytes value)
{
    if (a->texts == NULL)
        a->texts = buf_new(512);
    if (a->texts == NULL || a->n == ANSWER_HEADERS_MAX) {
        a->no_memory = true;
        return;
    }
    const size_t at = a->texts->len;
    if (!buf_append(a->texts, name) || !buf_append(a->texts, value)) {
        a->no_memory = true;
        return;
    }
    a->headers[a->n++] =
        (struct answer_header){ (uint32_t)at, (uint32_t)name.len, (uint32_t)value.len };
}

void answer_put(struct answer *a, const char *name, const char *value)
{
    answer_put_bytes(a, bytes_of_text(name), bytes_of_text(value));
}

void answer_body(struct answer *a, struct buf *body)
{
    buf_unref(a->body);
    a->body = buf_ref(body);
}

struct bytes answer_name(const struct answer *a, size_t n)
{
    return bytes_of(a->texts->data + a->headers[n].at, a->headers[n].name_len);
}

static struct bytes value_of(const struct answer *a, size_t n)
{
    const struct answer_header *h = &a->headers[n];
    return bytes_of(a->texts->data + h->at + h->name_len, h->value_len);
}

/* nghttp2 copies names and values: most are of one call only. */
static nghttp2_nv nv_of(struct bytes name, struct bytes value)
{
    return (nghttp2_nv){ (uint8_t *)(uintptr_t)name.data, (uint8_t *)(uintptr_t)value.data,
                         name.len, value.len, NGHTTP2_NV_FLAG_NONE };
}

size_t answer_nvs(struct answer *a, nghttp2_nv *to)
{
    snprintf(a->digits, sizeof a->digits, "%03u", (a->status > 0 ? a->status : 200) % 1000);
    to[0] = nv_of(bytes_of_text(":status"), bytes_of_text(a->digits));
    for (size_t i = 0; i < a->n; i++)
        to[i + 1] = nv_of(answer_name(a, i), value_of(a, i));
    return a->n + 1;
}

void answer_clear(struct answer *a)
{
    buf_unref(a->texts);
    buf_unref(a->body);
    *a = (struct answer){ 0 };
}
