/* Descriptors: any bytes are refused with a reason, or what they define can be found. With them
 * go messages of the first type that they define, which are printed and parsed. */
#include "fuzz.h"
#include "pbjson/pbjson.h"

#define POOL_BYTES  ((size_t)256 << 10)
#define PRINT_BYTES ((size_t)64 << 10)

static void look_up(const struct pb_message *m)
{
    for (size_t i = 0; i < m->nfields; i++) {
        const struct pb_field *f = &m->fields[i];
        cr_assert_eq(pb_field_by_number(m, f->number), f);
        cr_assert_eq(pb_field_by_name(m, f->name), f);
        cr_assert_eq(pb_field_by_json_name(m, f->json_name), f);
        cr_assert(f->oneof <= m->noneofs);
        if (f->message != NULL && f->message->defined && f->message != m)
            cr_assert(f->message->nfields == 0 || f->message->fields != NULL);
    }
}

static void try_message(const struct pb_pool *p, const struct pb_message *m, struct bytes bytes)
{
    const struct pbjson_print print = { .defaults = true, .max_bytes = PRINT_BYTES };
    struct buf *json = buf_new(256), *wire = buf_new(256);
    char why[PBJSON_ERROR_BYTES];
    if (pbjson_print(json, p, m, bytes, &print, why) == 0) {
        struct bytes text = buf_bytes(json);
        pbjson_parse(wire, p, m, &text, NULL, why);
    }
    buf_unref(json);
    buf_unref(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    const struct bytes message = fuzz_bytes(&in, fuzz_byte(&in));
    struct pb_pool *p = pb_pool_new(POOL_BYTES);
    const int rv = pb_pool_add_set(p, in);
    cr_assert(rv == 0 || pb_pool_error(p)[0] != '\0');
    pb_pool_settle(p);
    for (const struct pb_service *s = pb_services(p); rv == 0 && s != NULL; s = s->next)
        for (size_t i = 0; i < s->nmethods; i++) {
            const struct pb_message *m = s->methods[i].input;
            look_up(m);
            try_message(p, m, message);
        }
    if (rv == 0)
        pb_pool_missing(p);
    pb_pool_free(p);
    return 0;
}
