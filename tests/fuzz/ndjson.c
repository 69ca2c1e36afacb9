/* Lines of an import: any bytes are refused with a reason or become a message,
 * and that is printed and read again as the same. */
#include "client-cli/records/ndjson.h"
#include "client-cli/input/lines.h"
#include "fuzz.h"

#define ARENA_BYTES ((size_t)4 << 20)

static void read_post(struct arena *a, struct bytes line)
{
    char why[NDJSON_ERROR_BYTES];
    struct buf *once = buf_new(256), *twice = buf_new(256);
    arena_reset(a);
    const V1__Post__PostMessage *m = ndjson_read_post(a, line, why);
    if (m != NULL) {
        cr_assert(ndjson_write_post(once, m));
        m = ndjson_read_post(a, buf_bytes(once), why);
        cr_assert_not_null(m);
        cr_assert(ndjson_write_post(twice, m));
        cr_assert(bytes_equal(buf_bytes(once), buf_bytes(twice)));
    } else {
        cr_assert(why[0] != '\0' && strchr(why, '\n') == NULL);
    }
    buf_unref(once);
    buf_unref(twice);
}

static void read_user(struct arena *a, struct bytes line)
{
    char why[NDJSON_ERROR_BYTES];
    struct buf *once = buf_new(256), *twice = buf_new(256);
    arena_reset(a);
    const V1__User__UserMessage *m = ndjson_read_user(a, line, why);
    if (m != NULL) {
        cr_assert(ndjson_write_user(once, m));
        m = ndjson_read_user(a, buf_bytes(once), why);
        cr_assert_not_null(m);
        cr_assert(ndjson_write_user(twice, m));
        cr_assert(bytes_equal(buf_bytes(once), buf_bytes(twice)));
    }
    buf_unref(once);
    buf_unref(twice);
}

static void put(struct lines *l, struct bytes piece)
{
    size_t room;
    char *to = lines_room(l, &room);
    cr_assert(to != NULL && room >= piece.len);
    if (piece.len > 0)
        memcpy(to, piece.data, piece.len);
    lines_added(l, piece.len);
}

static void take(struct lines *l, struct arena *a)
{
    char *line;
    size_t len;
    for (enum line_result r; (r = lines_next(l, &line, &len)) != LINE_NONE;) {
        if (r == LINE_TOO_LONG)
            continue;
        cr_assert_eq(line[len], '\0');
        read_post(a, bytes_of(line, len));
        read_user(a, bytes_of(line, len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct arena *a = arena_new(ARENA_BYTES);
    struct lines l;
    lines_init(&l, 1024);
    while (in.len > 0) { /* as it comes from a pipe, in pieces */
        put(&l, fuzz_bytes(&in, fuzz_byte(&in)));
        take(&l, a);
    }
    lines_end(&l);
    take(&l, a);
    lines_close(&l);
    arena_free(a);
    return 0;
}
