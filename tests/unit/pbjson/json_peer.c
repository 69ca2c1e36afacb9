/* Prints and parses what a test in Python sends, so that it can compare thousands of
 * messages with what protobuf's own library makes of them.
 *
 * On stdin, until its end: a byte that is 'p' (print) or 'j' (parse), a byte of FLAG_…,
 * and two runs of bytes, each behind its length in 4 bytes, lowest first: the full name
 * of a type, and a message or JSON. On stdout for each: a byte, 0 or the error, and a
 * run of bytes: what came out, or why nothing did. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/every_type.h"
#include "pbjson/pbjson.h"

#define POOL_BYTES ((size_t)4 << 20)

enum {
    FLAG_PROTO_NAMES = 1,
    FLAG_DEFAULTS = 2,
    FLAG_NUMBERS64 = 4,
    FLAG_ENUM_NUMBERS = 8,
    FLAG_INDENT = 16,
    FLAG_IGNORE_UNKNOWN = 32,
};

static bool read_run(struct buf *to)
{
    uint8_t n[4];
    to->len = 0;
    if (fread(n, 1, sizeof n, stdin) != sizeof n)
        return false;
    const size_t len = n[0] | (size_t)n[1] << 8 | (size_t)n[2] << 16 | (size_t)n[3] << 24;
    uint8_t *room = buf_reserve(to, len);
    if (room == NULL || fread(room, 1, len, stdin) != len)
        return false;
    to->len = len;
    return true;
}

static void write_answer(int rv, struct bytes b)
{
    const uint8_t head[] = { (uint8_t)rv, (uint8_t)b.len, (uint8_t)(b.len >> 8),
                             (uint8_t)(b.len >> 16), (uint8_t)(b.len >> 24) };
    fwrite(head, 1, sizeof head, stdout);
    fwrite(b.data, 1, b.len, stdout);
}

static int print(const struct pb_pool *pool, const struct pb_message *type, int flags,
                 struct bytes from, struct buf *to, char *why)
{
    const struct pbjson_print o = {
        .proto_names = flags & FLAG_PROTO_NAMES,
        .defaults = flags & FLAG_DEFAULTS,
        .numbers64 = flags & FLAG_NUMBERS64,
        .enum_numbers = flags & FLAG_ENUM_NUMBERS,
        .indent = flags & FLAG_INDENT ? 2 : 0,
    };
    return pbjson_print(to, pool, type, from, &o, why);
}

static int parse(const struct pb_pool *pool, const struct pb_message *type, int flags,
                 struct bytes from, struct buf *to, char *why)
{
    const struct pbjson_parse o = { .ignore_unknown = flags & FLAG_IGNORE_UNKNOWN };
    const int rv = pbjson_parse(to, pool, type, &from, &o, why);
    if (rv == 0 && from.len > 0) {
        snprintf(why, PBJSON_ERROR_BYTES, "more than one value");
        return EINVAL;
    }
    return rv;
}

/* The input has no byte to spare: so a sanitizer sees who reads beyond it. */
static void answer(const struct pb_pool *pool, int op, int flags, struct bytes name,
                   struct bytes input, struct buf *to)
{
    char why[PBJSON_ERROR_BYTES] = "no such type";
    const struct pb_message *type = pb_find_message(pool, name);
    uint8_t *copy = malloc(input.len > 0 ? input.len : 1);
    if (copy == NULL)
        exit(1);
    if (input.len > 0)
        memcpy(copy, input.data, input.len);
    const struct bytes from = bytes_of(copy, input.len);
    int rv = EINVAL;
    to->len = 0;
    if (type != NULL)
        rv = (op == 'p' ? print : parse)(pool, type, flags, from, to, why);
    free(copy);
    write_answer(rv, rv == 0 ? buf_bytes(to) : bytes_of_text(why));
}

int main(void)
{
    struct pb_pool *pool = pb_pool_new(POOL_BYTES);
    struct buf *name = buf_new(64), *input = buf_new(1024), *output = buf_new(1024);
    if (pool == NULL || name == NULL || input == NULL || output == NULL)
        return 1;
    if (pb_pool_add_set(pool, every_type()) != 0) {
        fprintf(stderr, "%s\n", pb_pool_error(pool));
        return 1;
    }
    for (int op; (op = getchar()) != EOF;) {
        const int flags = getchar();
        if (!read_run(name) || !read_run(input))
            break;
        answer(pool, op, flags, buf_bytes(name), buf_bytes(input), output);
    }
    buf_unref(name);
    buf_unref(input);
    buf_unref(output);
    pb_pool_free(pool);
    return 0;
}
