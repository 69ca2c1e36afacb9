#include "json_out.h"

#include <errno.h>

#include "base/base64.h"
#include "json_text.h"

/* Room for @n bytes; NULL: there is none. */
static uint8_t *room_for(struct jsonout *o, size_t n)
{
    if (o->rv != 0)
        return NULL;
    if (n > o->max_len - o->b->len) {
        o->rv = EMSGSIZE;
        return NULL;
    }
    uint8_t *to = buf_reserve(o->b, n);
    if (to == NULL)
        o->rv = ENOMEM;
    return to;
}

void jsonout_put(struct jsonout *o, struct bytes json)
{
    uint8_t *to = room_for(o, json.len);
    if (to == NULL)
        return;
    memcpy(to, json.data, json.len);
    o->b->len += json.len;
}

static inline void put_byte(struct jsonout *o, char c)
{
    struct buf *b = o->b;
    if (b->len < b->cap && b->len < o->max_len && o->rv == 0)
        b->data[b->len++] = (uint8_t)c;
    else
        jsonout_put(o, bytes_of(&c, 1));
}

/* --- Strings ------------------------------------------------------------------------ */

/* C1 is U+0080 to U+009F. */
static bool is_plain(const uint8_t *p)
{
    const uint8_t c = *p;
    return c >= ' ' && c != '"' && c != '\\' && c != 0x7f && !(c == 0xc2 && p[1] < 0xa0);
}

static size_t plain_length(const uint8_t *from, const uint8_t *end)
{
    const uint8_t *p = from;
    while (p < end)
        if (json_plain_word(p, end))
            p += sizeof(uint64_t);
        else if (is_plain(p))
            p++;
        else
            break;
    return (size_t)(p - from);
}

/* Writes what stands for the character at *p, and moves past it. Returns the length. */
static size_t put_escape(uint8_t *to, const uint8_t **p)
{
    uint8_t c = *(*p)++;
    if (c == 0xc2)
        c = *(*p)++; /* of C1: its second byte is its code */
    return json_put_escape(to, c);
}

/* The rest of a text, from the first character on that is not plain. */
static void put_rest(struct jsonout *o, const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        uint8_t *to = room_for(o, JSON_ESCAPE_BYTES);
        if (to == NULL)
            return;
        o->b->len += put_escape(to, &p);
        const size_t plain = plain_length(p, end);
        jsonout_put(o, bytes_of(p, plain));
        p += plain;
    }
    put_byte(o, '"');
}

/* Each copies while it looks. One that is fooled by a plain character makes us look again. */
static bool copy_word(uint8_t *to, const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    memcpy(to, &word, sizeof word);
    return !json_any_special(word);
}

/* 4 to 7 bytes, as two halves that overlap. */
static bool copy_halves(uint8_t *to, const uint8_t *from, size_t n)
{
    uint32_t first, last;
    memcpy(&first, from, sizeof first);
    memcpy(&last, from + n - sizeof last, sizeof last);
    memcpy(to, &first, sizeof first);
    memcpy(to + n - sizeof last, &last, sizeof last);
    return !json_any_special((uint64_t)first << 32 | last);
}

static bool copy_bytes(uint8_t *to, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (from[i] >= 0x7f || !is_plain(from + i))
            return false;
        to[i] = from[i];
    }
    return true;
}

static bool copy_plain(uint8_t *to, const uint8_t *from, size_t n)
{
    const size_t word = sizeof(uint64_t);
    size_t i = 0;
    if (n < word)
        return n < word / 2 ? copy_bytes(to, from, n) : copy_halves(to, from, n);
    for (; i + word < n; i += word)
        if (!copy_word(to + i, from + i))
            return false;
    return copy_word(to + n - word, from + n - word);
}

bool jsonout_plain_text(struct jsonout *o, struct bytes text)
{
    uint8_t *to = room_for(o, text.len + 2);
    if (to == NULL || !copy_plain(to + 1, text.data, text.len))
        return false;
    to[0] = to[text.len + 1] = '"';
    o->b->len += text.len + 2;
    return true;
}

/* Most texts are plain. */
void jsonout_text(struct jsonout *o, struct bytes utf8)
{
    uint8_t *to = room_for(o, utf8.len + 2);
    if (to == NULL)
        return;
    const uint8_t *from = utf8.data, *end = utf8.len > 0 ? from + utf8.len : from;
    const size_t plain = plain_length(from, end);
    to[0] = '"';
    if (plain > 0)
        memcpy(to + 1, from, plain);
    o->b->len += 1 + plain;
    if (plain == utf8.len)
        put_byte(o, '"');
    else
        put_rest(o, from + plain, end);
}

void jsonout_base64(struct jsonout *o, struct bytes bytes)
{
    uint8_t *to = room_for(o, (bytes.len + 2) / 3 * 4 + 2);
    if (to == NULL)
        return;
    size_t n = 0;
    to[n++] = '"';
    n += base64_encode((char *)to + n, bytes, BASE64_STANDARD);
    while (n % 4 != 1)
        to[n++] = '=';
    to[n++] = '"';
    o->b->len += n;
}

/* --- Between values ----------------------------------------------------------------- */

static void new_line(struct jsonout *o)
{
    if (o->indent == 0)
        return;
    const size_t n = 1 + (size_t)o->indent * o->depth;
    uint8_t *to = room_for(o, n);
    if (to == NULL)
        return;
    memset(to, ' ', n);
    to[0] = '\n';
    o->b->len += n;
}

void jsonout_begin(struct jsonout *o, char bracket)
{
    put_byte(o, bracket);
    o->depth++;
    o->first = true;
}

void jsonout_end(struct jsonout *o, char bracket)
{
    o->depth--;
    if (!o->first)
        new_line(o);
    put_byte(o, bracket);
    o->first = false;
}

void jsonout_next(struct jsonout *o)
{
    if (!o->first)
        put_byte(o, ',');
    o->first = false;
    new_line(o);
}

void jsonout_key(struct jsonout *o, struct bytes name)
{
    jsonout_next(o);
    if (!jsonout_plain_text(o, name))
        jsonout_text(o, name);
    put_byte(o, ':');
    if (o->indent > 0)
        put_byte(o, ' ');
}
