/* Messages as JSON: any bytes are refused with a reason of one line or are valid JSON, which
 * parses into a message that is printed as the same. */
#include <errno.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "lib/every_type.h"
#include "pbjson/json_in.h"
#include "pbjson/pbjson.h"

static struct pb_pool *pool;
static const struct pb_message *types[4];

static void set_up(void)
{
    static const char *const names[] = { "every.Every", "every.Legacy", "google.protobuf.Struct",
                                         "google.protobuf.Any" };
    if (pool != NULL)
        return;
    pool = pb_pool_new((size_t)4 << 20);
    cr_assert_eq(pb_pool_add_set(pool, every_type()), 0);
    for (size_t i = 0; i < 4; i++)
        types[i] = pb_find_message(pool, bytes_of_text(names[i]));
}

/* JSON that others can read, to its end. */
static void check_json(struct bytes json)
{
    struct jsonin in = jsonin_of(json);
    cr_assert(utf8_valid(json));
    cr_assert(jsonin_skip(&in, 1000));
    cr_assert_eq(in.at, in.end);
}

/* What was not read back was deeper than text may be, for a Struct is three messages deep. */
static void check_back(const struct pb_message *type, struct bytes json,
                       const struct pbjson_print *o)
{
    const struct pbjson_parse parse = { .max_depth = 1000 };
    struct buf *wire = buf_new(256), *again = buf_new(256);
    char why[PBJSON_ERROR_BYTES];
    struct bytes text = json;
    struct pbjson_print deep = *o;
    deep.max_depth = 1000;
    deep.scratch_bytes = 0;
    cr_assert_eq(pbjson_parse(wire, pool, type, &text, &parse, why), 0);
    cr_assert_eq(text.len, 0);
    cr_assert_eq(pbjson_print(again, pool, type, buf_bytes(wire), &deep, why), 0);
    cr_assert(bytes_equal(json, buf_bytes(again)));
    buf_unref(wire);
    buf_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    const uint8_t flags = fuzz_byte(&in);
    const struct pb_message *type;
    const struct pbjson_print o = {
        .proto_names = flags & 4,
        .defaults = flags & 8,
        .numbers64 = flags & 16,
        .enum_numbers = flags & 32,
        .indent = flags & 64 ? 2 : 0,
        .scratch_bytes = flags & 128 ? 8192 : 0,
    };
    set_up();
    type = types[flags & 3];
    struct buf *json = buf_new(256);
    char why[PBJSON_ERROR_BYTES] = "";
    if (pbjson_print(json, pool, type, in, &o, why) == 0) {
        check_json(buf_bytes(json));
        check_back(type, buf_bytes(json), &o);
    } else {
        cr_assert(why[0] != '\0' && strchr(why, '\n') == NULL);
        cr_assert_eq(json->len, 0);
    }
    buf_unref(json);
    return 0;
}
