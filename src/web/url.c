#include "url.h"

struct url url_of(struct bytes target)
{
    const uint8_t *mark = target.len > 0 ? memchr(target.data, '?', target.len) : NULL;
    if (mark == NULL)
        return (struct url){ .path = target };
    const size_t n = (size_t)(mark - target.data);
    return (struct url){ bytes_of(target.data, n), bytes_of(mark + 1, target.len - n - 1) };
}

/* -1: it is no hexadecimal digit. */
static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const uint8_t lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool url_decode(uint8_t *to, struct bytes text, enum url_part part, size_t *ret_len)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];
        if (c != '%') {
            to[n++] = c == '+' && part == URL_QUERY ? ' ' : c;
            continue;
        }
        const int high = i + 1 < text.len ? digit_of(text.data[i + 1]) : -1;
        const int low = i + 2 < text.len ? digit_of(text.data[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        const uint8_t decoded = (uint8_t)(high << 4 | low);
        if (decoded == '/' && part == URL_SEGMENTS) {
            memmove(to + n, text.data + i, 3);
            n += 3;
        } else {
            to[n++] = decoded;
        }
        i += 2;
    }
    *ret_len = n;
    return true;
}

bool url_query_next(struct bytes *query, struct bytes *ret_name, struct bytes *ret_value)
{
    while (query->len > 0) {
        const uint8_t *and = memchr(query->data, '&', query->len);
        const size_t len = and != NULL ? (size_t)(and-query->data) : query->len;
        const struct bytes pair = bytes_of(query->data, len);
        const size_t taken = and != NULL ? len + 1 : len;
        *query = bytes_of(query->data + taken, query->len - taken);
        if (pair.len == 0)
            continue; /* "a=1&&b=2" */
        const uint8_t *equals = memchr(pair.data, '=', pair.len);
        const size_t name = equals != NULL ? (size_t)(equals - pair.data) : pair.len;
        *ret_name = bytes_of(pair.data, name);
        *ret_value = equals != NULL ? bytes_of(equals + 1, pair.len - name - 1) : bytes_of("", 0);
        return true;
    }
    return false;
}
