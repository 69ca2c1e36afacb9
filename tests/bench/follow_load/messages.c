#include "messages.h"

#include <arpa/inet.h>

#include "die.h"

#define HEAD_BYTES 5 /* whether it is compressed, and how long it is */

/* Of a message with its head; of its head alone as long as that is not whole. */
static size_t size_of(const uint8_t *data, size_t len)
{
    uint32_t size;
    if (len < HEAD_BYTES)
        return HEAD_BYTES;
    if (data[0] != 0)
        die("a message is compressed");
    memcpy(&size, data + 1, sizeof size);
    return HEAD_BYTES + (size_t)ntohl(size);
}

static struct bytes front(struct bytes *data, size_t n)
{
    struct bytes taken = bytes_of(data->data, n < data->len ? n : data->len);
    *data = bytes_of(data->data + taken.len, data->len - taken.len);
    return taken;
}

static bool is_whole(struct bytes b)
{
    return b.len >= HEAD_BYTES && b.len >= size_of(b.data, b.len);
}

static struct bytes content(struct bytes whole)
{
    return bytes_of(whole.data + HEAD_BYTES, whole.len - HEAD_BYTES);
}

static void keep(struct messages *m, struct bytes part)
{
    size_t size = size_of(m->kept, m->len);
    if (size > m->room) {
        m->kept = must_have(realloc(m->kept, size));
        m->room = size;
    }
    memcpy(m->kept + m->len, part.data, part.len);
    m->len += part.len;
}

void messages_take(struct messages *m, struct bytes data, message_cb on_message, void *arg)
{
    while (data.len > 0) {
        if (m->len == 0 && is_whole(data)) {
            on_message(arg, content(front(&data, size_of(data.data, data.len))));
            continue;
        }
        keep(m, front(&data, size_of(m->kept, m->len) - m->len));
        if (is_whole(bytes_of(m->kept, m->len))) {
            on_message(arg, content(bytes_of(m->kept, m->len)));
            m->len = 0;
        }
    }
}

void messages_close(struct messages *m)
{
    free(m->kept);
    *m = (struct messages){ 0 };
}

size_t messages_begin(struct buf *b)
{
    static const uint8_t head[HEAD_BYTES];
    if (!buf_append(b, bytes_of(head, sizeof head)))
        die("out of memory");
    return b->len - HEAD_BYTES;
}

void messages_end(struct buf *b, size_t begin)
{
    uint32_t size = htonl((uint32_t)(b->len - begin - HEAD_BYTES));
    memcpy(b->data + begin + 1, &size, sizeof size);
}
