/* Queries: each is refused with a reason of one line, or becomes a message that can be printed. */
#include "fuzz.h"
#include "lib/shelf.h"
#include "web/query.h"

static struct pb_pool *pool;

static void set_up(void)
{
    if (pool != NULL)
        return;
    pool = pb_pool_new((size_t)4 << 20);
    cr_assert_eq(pb_pool_add_set(pool, shelf_set()), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    static const char *const types[] = { "every.Every", "shelf.Book", "shelf.GetRequest" };
    struct buf *b = buf_new(16), *text = buf_new(16);
    char why[PBJSON_ERROR_BYTES] = "";
    set_up();
    const char *name = types[fuzz_byte(&in) % 3];
    const struct pb_message *type = pb_find_message(pool, bytes_of_text(name));
    const int rv = query_put(b, pool, type, in, NULL, 0, NULL, why);
    cr_assert((rv == 0) == (why[0] == '\0') && strchr(why, '\n') == NULL);
    if (rv == 0)
        cr_assert_eq(pbjson_print(text, pool, type, buf_bytes(b), NULL, why), 0);
    buf_unref(b);
    buf_unref(text);
    return 0;
}
