/* gRPC's own headers: any value is refused, or means what a plain reading of it
 * means; and a message that was encoded is text that can be decoded. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "weir/http/grpc_text.h"

static void check_timeout(struct bytes in)
{
    uint64_t ms;
    unsigned n;
    char text[16], unit, more;
    if (!grpc_timeout_parse(in, &ms))
        return;
    cr_assert_lt(in.len, sizeof text);
    snprintf(text, sizeof text, "%.*s", (int)in.len, in.data);
    cr_assert_eq(sscanf(text, "%8u%c%c", &n, &unit, &more), 2);
    const double of = unit == 'H'   ? 3600e3
                      : unit == 'M' ? 60e3
                      : unit == 'S' ? 1e3
                      : unit == 'm' ? 1
                      : unit == 'u' ? 1e-3
                                    : 1e-6;
    const double least = unit == 'n' ? n * of - 1 : n * of * (1 - 1e-12); /* those round down */
    cr_assert((double)ms >= least && (double)ms < n * of + 1);
}

static size_t count(struct bytes in, uint8_t c)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++)
        n += in.data[i] == c;
    return n;
}

static void check_list(struct bytes in)
{
    const struct bytes whole = in;
    struct bytes item;
    size_t n = 0;
    for (; grpc_list_next(&in, &item); n++) {
        cr_assert(item.data >= whole.data && item.data + item.len <= whole.data + whole.len);
        cr_assert_eq(count(item, ','), 0);
    }
    cr_assert_eq(n, count(whole, ',') + 1);
    grpc_encodings_accepted(whole);
    cr_assert(grpc_encoding_of(whole) == ENCODING_UNKNOWN || whole.len <= 8);
    cr_assert(!grpc_content_type(whole) || whole.len >= 16);
}

static uint8_t hex(char c)
{
    cr_assert((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
    return (uint8_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

static size_t decode(uint8_t *to, const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        cr_assert(text[i] >= ' ' && text[i] <= '~');
        to[n] = (uint8_t)text[i];
        if (text[i] == '%') {
            cr_assert(i + 2 < len);
            to[n] = (uint8_t)(hex(text[i + 1]) << 4 | hex(text[i + 2]));
            i += 2;
        }
        n++;
    }
    return n;
}

static void check_message(struct bytes in, size_t room)
{
    char *message = strndup((const char *)in.data, in.len), *to = malloc(3 * in.len + 1);
    uint8_t *back = malloc(3 * in.len + 1);
    const size_t whole = strlen(message);
    size_t len = percent_encode(to, 3 * in.len, message);
    cr_assert_eq(decode(back, to, len), whole);
    cr_assert_arr_eq(back, message, whole);
    if (room < len) {
        len = percent_encode(to, room, message);
        cr_assert_leq(len, room);
        cr_assert_arr_eq(back, message, decode(back, to, len));
    }
    free(message);
    free(to);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    const size_t room = fuzz_byte(&in);
    if (in.data == NULL)
        return 0;
    check_timeout(in);
    check_list(in);
    check_message(in, room);
    return 0;
}
