/* JSON as messages: any text is refused with a reason of one line or becomes a message, which is
 * printed, and that is read as the same message again. */
#include "fuzz.h"
#include "lib/every_type.h"
#include "pbjson/pbjson.h"

static struct pb_pool *pool;

static void set_up(void)
{
    if (pool != NULL)
        return;
    pool = pb_pool_new((size_t)4 << 20);
    cr_assert_eq(pb_pool_add_set(pool, every_type()), 0);
}

static void check_back(const struct pb_message *type, struct bytes wire)
{
    const struct pbjson_print print = { .max_depth = 1000 };
    const struct pbjson_parse parse = { .max_depth = 1000 };
    struct buf *json = buf_new(256), *back = buf_new(256), *again = buf_new(256);
    char why[PBJSON_ERROR_BYTES];
    cr_assert_eq(pbjson_print(json, pool, type, wire, &print, why), 0);
    struct bytes text = buf_bytes(json);
    cr_assert_eq(pbjson_parse(back, pool, type, &text, &parse, why), 0);
    cr_assert_eq(pbjson_print(again, pool, type, buf_bytes(back), &print, why), 0);
    cr_assert(bytes_equal(buf_bytes(json), buf_bytes(again)));
    buf_unref(json);
    buf_unref(back);
    buf_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    const uint8_t flags = fuzz_byte(&in);
    const struct pbjson_parse o = {
        .ignore_unknown = flags & 1,
        .max_bytes = flags & 2 ? 64 : 0,
        .scratch_bytes = flags & 4 ? 4096 : 0,
    };
    set_up();
    const struct pb_message *type =
        pb_find_message(pool, bytes_of_text(flags & 8 ? "every.Legacy" : "every.Every"));
    struct buf *wire = buf_new(16);
    char why[PBJSON_ERROR_BYTES] = "";
    while (in.len > 0) {
        wire->len = 0;
        if (pbjson_parse(wire, pool, type, &in, &o, why) != 0) {
            cr_assert(why[0] != '\0' && strchr(why, '\n') == NULL);
            cr_assert_eq(wire->len, 0);
            break;
        }
        check_back(type, buf_bytes(wire));
    }
    buf_unref(wire);
    return 0;
}
