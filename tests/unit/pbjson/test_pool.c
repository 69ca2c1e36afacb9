/* Descriptors by name, in whatever order files come, and what is refused. */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/wire.h"
#include "lib/every_type.h"
#include "lib/heap.h"
#include "pbjson/pool.h"

#define LIMIT_BYTES   ((size_t)4 << 20)
#define TEXT(literal) bytes_of("" literal, sizeof(literal) - 1)

static struct pb_pool *pool_of_every(void)
{
    struct pb_pool *p = pb_pool_new(LIMIT_BYTES);
    cr_assert_eq(pb_pool_add_set(p, every_type()), 0, "%s", pb_pool_error(p));
    return p;
}

static const struct pb_field *field_of(const struct pb_pool *p, const char *name)
{
    const struct pb_message *m = pb_find_message(p, TEXT("every.Every"));
    return pb_field_by_name(m, bytes_of_text(name));
}

Test(pool, finds_messages_and_fields)
{
    struct pb_pool *p = pool_of_every();
    const struct pb_message *m = pb_find_message(p, TEXT("every.Every"));
    cr_assert_not_null(m);
    const struct pb_field *f = pb_field_by_number(m, 536870911);
    cr_assert_eq(f, pb_field_by_name(m, TEXT("far_number")));
    cr_assert_eq(f, pb_field_by_json_name(m, TEXT("farNumber")));
    cr_assert_eq(f->type, PB_INT32);
    cr_assert_null(pb_field_by_number(m, 0));
    cr_assert_null(pb_field_by_number(m, 18));
    cr_assert_null(pb_field_by_name(m, TEXT("farNumber")));
    cr_assert_null(pb_field_by_json_name(m, TEXT("")));
    cr_assert_eq(field_of(p, "inner")->message, pb_find_message(p, TEXT("every.Every.Inner")));
    cr_assert_null(pb_find_message(p, TEXT("every")));
    cr_assert_null(pb_find_message(p, TEXT("every.Color")));
    pb_pool_free(p);
}

Test(pool, knows_what_a_field_is)
{
    struct pb_pool *p = pool_of_every();
    cr_assert(field_of(p, "int32s")->packed && field_of(p, "int32s")->repeated);
    cr_assert(!field_of(p, "unpacked")->packed && field_of(p, "unpacked")->repeated);
    cr_assert(!field_of(p, "strings")->packed);
    cr_assert(!field_of(p, "int32_value")->presence && field_of(p, "inner")->presence);
    cr_assert(field_of(p, "maybe_int32")->presence && field_of(p, "maybe_int32")->oneof == 0);
    cr_assert_eq(field_of(p, "one_text")->oneof, field_of(p, "one_inner")->oneof);
    cr_assert_neq(field_of(p, "one_text")->oneof, 0);
    cr_assert(pb_is_map(field_of(p, "text_map")) && !pb_is_map(field_of(p, "inners")));
    cr_assert_eq(field_of(p, "wrapped_bool")->message->known, PB_WRAPPER);
    cr_assert_eq(field_of(p, "wrapped_bool")->message->wrapped, PB_BOOL);
    const struct pb_message *legacy = pb_find_message(p, TEXT("every.Legacy"));
    cr_assert(pb_field_by_name(legacy, TEXT("with_default"))->presence);
    cr_assert(!pb_field_by_name(legacy, TEXT("unpacked"))->packed);
    cr_assert(pb_field_by_name(legacy, TEXT("packed"))->packed);
    cr_assert_eq(pb_field_by_name(legacy, TEXT("old"))->type, PB_GROUP);
    pb_pool_free(p);
}

Test(pool, finds_enums)
{
    struct pb_pool *p = pool_of_every();
    const struct pb_enum *e = pb_find_enum(p, TEXT("every.Color"));
    cr_assert(bytes_equal(pb_enum_by_number(e, 1)->name, TEXT("COLOR_RED")));
    cr_assert_eq(pb_enum_by_name(e, TEXT("COLOR_ROT"))->number, 1);
    cr_assert_eq(pb_enum_by_name(e, TEXT("COLOR_FAR"))->number, INT32_MIN);
    cr_assert_null(pb_enum_by_number(e, 3));
    cr_assert_null(pb_enum_by_name(e, TEXT("COLOR")));
    cr_assert(!e->closed && pb_find_enum(p, TEXT("every.Closed"))->closed);
    pb_pool_free(p);
}

Test(pool, finds_methods)
{
    struct pb_pool *p = pool_of_every();
    const struct pb_method *m = pb_find_method(p, TEXT("/every.Everything/Talk"));
    cr_assert(m != NULL && m->many_requests && m->many_responses);
    cr_assert(bytes_equal(m->options, TEXT("\x90\x02\x01"))); /* idempotency_level = 34: 1 */
    cr_assert_eq(m, pb_find_method(p, TEXT("every.Everything/Talk")));
    cr_assert_eq(m, pb_find_method(p, TEXT("every.Everything.Talk")));
    m = pb_find_method(p, TEXT("every.Everything.Get"));
    cr_assert(bytes_equal(m->output->full_name, TEXT("every.Every.Inner")));
    cr_assert(!m->many_requests && !m->many_responses);
    cr_assert_null(pb_find_method(p, TEXT("every.Everything.Gone")));
    cr_assert_null(pb_find_method(p, TEXT("Get")));
    cr_assert_null(pb_find_method(p, TEXT("")));
    cr_assert(bytes_equal(pb_services(p)->full_name, TEXT("every.Everything")));
    cr_assert_null(pb_services(p)->next);
    pb_pool_free(p);
}

/* Last file first, each of them twice; the end of a walk over what is missing. */
Test(pool, takes_files_in_any_order)
{
    struct bytes files[16], rest = every_type();
    struct wire_field f;
    size_t n = 0;
    while (wire_next(&rest, &f))
        files[n++] = f.bytes;
    struct pb_pool *p = pb_pool_new(LIMIT_BYTES);
    for (size_t i = n; i > 0; i--) {
        cr_assert_eq(pb_pool_add_file(p, files[i - 1]), 0, "%s", pb_pool_error(p));
        cr_assert_eq(pb_pool_add_file(p, files[i - 1]), 0, "%s", pb_pool_error(p));
        cr_assert_eq(pb_pool_missing(p).len == 0, i == 1);
    }
    cr_assert_eq(field_of(p, "far_number")->number, 536870911);
    cr_assert(field_of(p, "timestamp")->message->defined);
    pb_pool_free(p);
}

Test(pool, names_what_is_spoken_of_only)
{
    struct wire_field f;
    struct bytes last = { 0 }, rest = every_type();
    while (wire_next(&rest, &f))
        last = f.bytes; /* every_type.proto is before or after every_legacy.proto */
    struct pb_pool *p = pb_pool_new(LIMIT_BYTES);
    cr_assert_eq(pb_pool_add_file(p, last), 0);
    cr_assert(pb_pool_missing(p).len > 0);
    cr_assert_null(pb_find_message(p, TEXT("google.protobuf.Timestamp")));
    pb_pool_free(p);
}

/* --- What is refused ---------------------------------------------------------------- */

/* A file a.proto of proto3, with @rest behind. */
static int add(struct pb_pool *p, struct bytes rest)
{
    struct buf *b = buf_new(64);
    wire_append_bytes(b, 1, TEXT("a.proto"));
    wire_append_bytes(b, 12, TEXT("proto3"));
    buf_append(b, rest);
    const int rv = pb_pool_add_file(p, buf_bytes(b));
    buf_unref(b);
    return rv;
}

static int add_t(struct pb_pool *p)
{
    return pb_pool_add_file(p, TEXT("\x0a\x01"
                                    "b\x12\x03"
                                    "a.o\x22\x03\x0a\x01T"));
}

/* In package a: N, and M { message N {} N f = 1; o.T g = 2; no.T h = 3; }. */
Test(pool, looks_up_names_that_are_not_full)
{
    const struct bytes file = TEXT("\x12\x01"
                                   "a\x22\x03\x0a\x01N\x22\x31\x0a\x01M"
                                   "\x12\x0d\x0a\x01h\x18\x03\x28\x0b\x32\x04no.T"
                                   "\x12\x0a\x0a\x01"
                                   "f\x18\x01\x28\x0b\x32\x01N"
                                   "\x12\x0c\x0a\x01g\x18\x02\x28\x0b\x32\x03o.T"
                                   "\x1a\x03\x0a\x01N");
    struct pb_pool *p = pb_pool_new(LIMIT_BYTES);
    cr_assert_eq(add(p, file), 0, "%s", pb_pool_error(p));
    cr_assert_eq(add_t(p), 0, "%s", pb_pool_error(p));
    const struct pb_message *m = pb_find_message(p, TEXT("a.M"));
    cr_assert(!pb_field_by_number(m, 1)->message->defined);
    pb_pool_settle(p);
    cr_assert_eq(pb_field_by_number(m, 1)->message, pb_find_message(p, TEXT("a.M.N")));
    cr_assert_eq(pb_field_by_number(m, 2)->message, pb_find_message(p, TEXT("a.o.T")));
    cr_assert(!pb_field_by_number(m, 3)->message->defined);
    pb_pool_settle(p);
    pb_pool_free(p);
}

Test(pool, refuses_what_is_no_descriptor)
{
    const struct {
        struct bytes rest;
        int rv;
        const char *why;
    } rows[] = {
        { TEXT("\x22\x03\x0a\x01M"), 0, "" },
        { TEXT("\x22\x02\x0a\x00"), EINVAL, "not a name" },
        { TEXT("\x22\x03\x0a\x01-"), EINVAL, "not a name: -" },
        { TEXT("\x22\x03\x0a\x01\n"), EINVAL, "not a name: ?" },
        { TEXT("\x22\x04\x0a\x01M"), EINVAL, "not a FileDescriptorProto: a.proto" },
        { TEXT("\x22\x03\x0a\x01M\x22\x03\x0a\x01M"), EEXIST, "a message defined twice: M" },
        { TEXT("\x22\x03\x0a\x01M\x2a\x07\x0a\x01M\x12\x02\x0a\x00"), EINVAL,
          "a name for two kinds of things: M" },
        { TEXT("\x2a\x03\x0a\x01"
               "E"),
          EINVAL, "an enum without values: E" },
        { TEXT("\x12\x02.a"), EINVAL, "not a FileDescriptorProto: a.proto" },
        { TEXT("\x62\x08"
               "editions"),
          ENOTSUP, "only proto2 and proto3 are known here, not: editions" },
        /* M { f } without a type; without a number; of a type without a name; of a group. */
        { TEXT("\x22\x0a\x0a\x01M\x12\x05\x0a\x01"
               "f\x18\x01"),
          EINVAL, "a field without a type: f" },
        { TEXT("\x22\x0a\x0a\x01M\x12\x05\x0a\x01"
               "f\x28\x05"),
          EINVAL, "a field without a number: f" },
        { TEXT("\x22\x0f\x0a\x01M\x12\x0a\x0a\x01"
               "f\x18\x01\x28\x0b\x32\x01."),
          EINVAL, "not the name of a type: ." },
        { TEXT("\x22\x0c\x0a\x01M\x12\x07\x0a\x01"
               "f\x18\x01\x28\x0a"),
          0, "" },
        /* Two fields of one number; of a oneof that is not there. */
        { TEXT("\x22\x15\x0a\x01M\x12\x07\x0a\x01"
               "f\x18\x01\x28\x05\x12\x07\x0a\x01g\x18\x01\x28\x05"),
          EINVAL, "two fields of one number in: M" },
        { TEXT("\x22\x15\x0a\x01M\x12\x07\x0a\x01"
               "f\x18\x01\x28\x05\x12\x07\x0a\x01"
               "f\x18\x02\x28\x05"),
          EINVAL, "two fields of one name in: M" },
        { TEXT("\x22\x0e\x0a\x01M\x12\x09\x0a\x01"
               "f\x18\x01\x28\x05\x48\x00"),
          EINVAL, "a field of no oneof: f" },
        /* A map's entry that has no fields. */
        { TEXT("\x22\x07\x0a\x01M\x3a\x02\x38\x01"), EINVAL, "not an entry of a map: M" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pb_pool *p = pb_pool_new(LIMIT_BYTES);
        cr_expect_eq(add(p, rows[i].rest), rows[i].rv, "row %zu: %s", i, pb_pool_error(p));
        cr_expect_str_eq(pb_pool_error(p), rows[i].why, "row %zu", i);
        pb_pool_free(p);
    }
}

Test(pool, refuses_another_file_of_the_same_name)
{
    struct pb_pool *p = pb_pool_new(LIMIT_BYTES);
    cr_assert_eq(add(p, TEXT("\x22\x03\x0a\x01M")), 0);
    cr_assert_eq(add(p, TEXT("\x22\x03\x0a\x01N")), EEXIST);
    cr_assert_str_eq(pb_pool_error(p), "two files of one name: a.proto");
    cr_assert_eq(pb_pool_add_file(p, TEXT("")), EINVAL);
    pb_pool_free(p);
}

Test(pool, refuses_messages_too_deep_in_one_another)
{
    struct buf *in = buf_new(64), *out = buf_new(64);
    for (int i = 0; i < 40; i++) {
        wire_append_bytes(out, 1, TEXT("M"));
        wire_append_bytes(out, i < 39 ? 3 : 4, buf_bytes(in));
        struct buf *swap = in;
        in = out;
        out = swap;
        out->len = 0;
    }
    struct pb_pool *p = pb_pool_new(LIMIT_BYTES);
    out->len = 0;
    wire_append_bytes(out, 4, buf_bytes(in));
    cr_assert_eq(add(p, buf_bytes(out)), EINVAL);
    pb_pool_free(p);
    buf_unref(in);
    buf_unref(out);
}

/* Whatever the limit: refused, or all of it. */
Test(pool, keeps_to_its_limit)
{
    for (size_t limit = 0; limit < 200000; limit += 1777) {
        struct pb_pool *p = pb_pool_new(limit);
        const int rv = pb_pool_add_set(p, every_type());
        cr_assert(rv == EMSGSIZE || (limit > 20000 && rv == 0), "%zu: %d", limit, rv);
        pb_pool_free(p);
    }
}

Test(pool, survives_each_failed_allocation)
{
    heap_watch();
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        heap_fail_at(nth);
        struct pb_pool *p = pb_pool_new(LIMIT_BYTES);
        const int rv = p != NULL ? pb_pool_add_set(p, every_type()) : ENOMEM;
        failed = heap_failed();
        cr_assert_eq(rv, failed ? ENOMEM : 0);
        heap_fail_at(0);
        pb_pool_free(p);
        cr_assert_eq(heap_live(), 0);
    }
}

/* M { int32 a_b = 1; int32 aB = 2; } */
Test(pool, keeps_names_apart_in_json)
{
    struct pb_pool *p = pb_pool_new(LIMIT_BYTES);
    cr_assert_eq(add(p, TEXT("\x22\x18\x0a\x01M\x12\x09\x0a\x03"
                             "a_b\x18\x01\x28\x05\x12\x08\x0a\x02"
                             "aB\x18\x02\x28\x05")),
                 0, "%s", pb_pool_error(p));
    const struct pb_message *m = pb_find_message(p, TEXT("M"));
    cr_assert(bytes_equal(m->fields[0].json_name, TEXT("a_b")));
    cr_assert_eq(pb_field_by_json_name(m, TEXT("aB")), &m->fields[1]);
    cr_assert_eq(pb_field_by_json_name(m, TEXT("a_b")), &m->fields[0]);
    pb_pool_free(p);
}
