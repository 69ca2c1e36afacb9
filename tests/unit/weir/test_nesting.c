/* How deep messages lie in one another: seen to the byte, for whatever types, and
 * nothing gets by. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/nesting.h"
#include "base/wire.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "lib/nested.h"
#include "v1/post/post.pb-c.h"
#include "weir/rules.h"

#define BYTES(text) bytes_of(text, sizeof(text) - 1)
#define NOTHING     bytes_of(NULL, 0)
#define TREE        (&google__protobuf__descriptor_proto__descriptor)

/* --- Messages ----------------------------------------------------------------------- */

static void expect(const ProtobufCMessageDescriptor *type, struct buf *b, enum nesting expected)
{
    cr_assert_eq(nesting_check(type, buf_bytes(b)), expected);
    cr_assert_eq(nesting_check(type, buf_bytes(b)), expected, "and when the type is known");
    buf_unref(b);
}

Test(nesting, is_counted_exactly)
{
    for (size_t depth = 0; depth < 300; depth++) {
        const enum nesting expected = depth <= 100 ? NESTING_FINE : NESTING_TOO_DEEP;
        expect(TREE, nested_descriptors(depth, NOTHING), expected);
        expect(TREE,
               nested_descriptors(depth, BYTES("\x0a\x01"
                                               "A")),
               expected);
    }
    expect(TREE, nested_descriptors(1000000, NOTHING), NESTING_TOO_DEEP);
}

/* The short cut takes lengths for what they can hold. */
Test(nesting, the_shortest_message_that_is_too_deep)
{
    struct buf *b = nested_descriptors(63, NOTHING); /* whose lengths have one byte each */
    cr_assert_eq(b->len, 2 * 63);
    buf_unref(b);
    b = nested_descriptors(101, NOTHING);
    cr_assert_geq(b->len, 2 * 101);
    cr_assert_eq(nesting_check(TREE, buf_bytes(b)), NESTING_TOO_DEEP);
    buf_unref(b);
}

/* Many messages side by side are not deep. */
Test(nesting, the_deepest_branch_counts)
{
    struct buf *b = buf_new(0), *branch = nested_descriptors(99, NOTHING);
    for (int i = 0; i < 1000; i++)
        cr_assert(wire_append_bytes(b, 3, buf_bytes(branch)));
    cr_assert_eq(nesting_check(TREE, buf_bytes(b)), NESTING_FINE);
    buf_unref(branch);
    branch = nested_descriptors(100, NOTHING);
    cr_assert(wire_append_bytes(b, 3, buf_bytes(branch)));
    expect(TREE, b, NESTING_TOO_DEEP);
    buf_unref(branch);
}

Test(nesting, below_a_type_that_does_not_contain_itself)
{
    struct buf *file = buf_new(0), *message = nested_descriptors(99, NOTHING);
    const ProtobufCMessageDescriptor *type = &google__protobuf__file_descriptor_proto__descriptor;
    cr_assert(wire_append_bytes(file, 4, buf_bytes(message)));
    cr_assert_eq(nesting_check(type, buf_bytes(file)), NESTING_FINE);
    buf_unref(message);
    message = nested_descriptors(100, NOTHING);
    cr_assert(wire_append_bytes(file, 4, buf_bytes(message)));
    expect(type, file, NESTING_TOO_DEEP);
    buf_unref(message);
}

/* protobuf-c leaves unknown fields as they are. So it does with what is a message
 * to look at, but is a text. */
Test(nesting, only_what_is_decoded_counts)
{
    struct buf *deep = nested_descriptors(500, NOTHING), *b = buf_new(0);
    cr_assert(wire_append_bytes(b, 1, buf_bytes(deep)));
    cr_assert(wire_append_bytes(b, 1000, buf_bytes(deep)));
    cr_assert_eq(nesting_check(TREE, buf_bytes(b)), NESTING_FINE);
    ProtobufCMessage *m = protobuf_c_message_unpack(TREE, NULL, b->len, b->data);
    cr_assert_not_null(m);
    protobuf_c_message_free_unpacked(m, NULL);
    buf_unref(deep);
    buf_unref(b);
}

static struct buf *before_deep(struct bytes front)
{
    struct buf *deep = nested_descriptors(500, NOTHING), *b = buf_copy(front);
    cr_assert(buf_append(b, buf_bytes(deep)));
    buf_unref(deep);
    return b;
}

Test(nesting, nothing_in_front_hides_it)
{
    expect(TREE,
           before_deep(BYTES("\x0a\x01"
                             "A")),
           NESTING_TOO_DEEP);
    expect(TREE, before_deep(BYTES("\xf8\x7f\x01")), NESTING_TOO_DEEP); /* unknown: a number */
    expect(TREE, before_deep(BYTES("\x1a\x00\x1a\x00")), NESTING_TOO_DEEP);
    /* protobuf-c refuses groups, and takes a field 0 and reads on. */
    expect(TREE, before_deep(BYTES("\x53\x54")), NESTING_DAMAGED);
    expect(TREE, before_deep(BYTES("\x1b\x1c")), NESTING_DAMAGED);
    expect(TREE, before_deep(BYTES("\x80\x00\x00")), NESTING_DAMAGED);
}

/* A number and a length may be written with more bytes than they need. */
Test(nesting, is_seen_however_it_is_written)
{
    struct buf *inner = nested_descriptors(100, NOTHING), *b = buf_new(0);
    static const uint8_t number[] = { 0x9a, 0x80, 0x80, 0x80, 0 };
    const uint8_t len[] = { (uint8_t)(inner->len | 0x80), (uint8_t)(inner->len >> 7 | 0x80), 0x80,
                            0x80, 0 };
    cr_assert_lt(inner->len, 1 << 14);
    cr_assert(buf_append(b, bytes_of(number, sizeof number)));
    cr_assert(buf_append(b, bytes_of(len, sizeof len)));
    cr_assert(buf_append(b, buf_bytes(inner)));
    ProtobufCMessage *m = protobuf_c_message_unpack(TREE, NULL, b->len, b->data);
    cr_assert_not_null(m, "protobuf-c takes it");
    protobuf_c_message_free_unpacked(m, NULL);
    expect(TREE, b, NESTING_TOO_DEEP);
    buf_unref(inner);
}

Test(nesting, damage_anywhere_is_told)
{
    struct buf *b = nested_descriptors(90, BYTES("\x0a\x05"
                                                 "A"));
    cr_assert_gt(b->len, 202);
    expect(TREE, b, NESTING_DAMAGED);
}

/* Our own messages are not looked at: not even these, which are none. */
Test(nesting, types_that_cannot_be_deep_are_not_walked)
{
    uint8_t no_message[1000];
    memset(no_message, 0xff, sizeof no_message);
    const struct bytes bytes = bytes_of(no_message, sizeof no_message);
    cr_assert_eq(nesting_check(&v1__post__list_posts_response__descriptor, bytes), NESTING_FINE);
    cr_assert_eq(nesting_check(TREE, bytes), NESTING_DAMAGED);
}

/* --- Types made by hand ------------------------------------------------------------- */

#define NTYPES 300

/* Each type has one field, number 1, of the next type. */
static ProtobufCMessageDescriptor types[NTYPES];
static ProtobufCFieldDescriptor links[NTYPES];
static const ProtobufCIntRange only_1[] = { { 1, 0 }, { 0, 1 } };

static void chain(size_t n, size_t last_leads_to)
{
    for (size_t i = 0; i < n; i++) {
        const size_t next = i + 1 < n ? i + 1 : last_leads_to;
        links[i] = (ProtobufCFieldDescriptor){ .id = 1, .type = PROTOBUF_C_TYPE_MESSAGE };
        links[i].descriptor = &types[next];
        types[i] = (ProtobufCMessageDescriptor){ .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                 .fields = &links[i],
                                                 .n_fields = next < n,
                                                 .field_ranges = only_1,
                                                 .n_field_ranges = next < n };
    }
}

/* As nested_descriptors(), in field 1. */
static struct buf *linked(size_t depth)
{
    struct buf *b = buf_new(0);
    for (; depth > 0; depth--) {
        struct buf *outer = buf_new(0);
        cr_assert(wire_append_bytes(outer, 1, buf_bytes(b)));
        buf_unref(b);
        b = outer;
    }
    return b;
}

Test(nesting, through_other_types)
{
    chain(3, 0);
    for (size_t i = 0; i < 3; i++) {
        expect(&types[i], linked(100), NESTING_FINE);
        expect(&types[i], linked(101), NESTING_TOO_DEEP);
    }
}

Test(nesting, into_a_circle)
{
    chain(20, 15);
    expect(&types[0], linked(100), NESTING_FINE);
    expect(&types[0], linked(101), NESTING_TOO_DEEP);
}

/* Bytes that go on below the last type are of unknown fields. */
Test(nesting, a_chain_with_an_end)
{
    chain(60, NTYPES);
    expect(&types[0], linked(500), NESTING_FINE);
}

Test(nesting, a_chain_with_an_end_that_is_far)
{
    chain(100, NTYPES);
    expect(&types[0], linked(500), NESTING_FINE);
}

Test(nesting, a_chain_with_an_end_that_is_too_far)
{
    chain(150, NTYPES);
    expect(&types[0], linked(100), NESTING_FINE);
    expect(&types[0], linked(101), NESTING_TOO_DEEP);
    expect(&types[60], linked(500), NESTING_FINE);
}

/* More than there are places for what is known; asked again and again. */
Test(nesting, any_number_of_types)
{
    struct buf *deep = linked(101);
    for (size_t i = 0; i < NTYPES; i += 2) /* pairs: to itself, and to nothing */
        for (size_t k = i; k < i + 2; k++) {
            links[k] = (ProtobufCFieldDescriptor){ .id = 1, .type = PROTOBUF_C_TYPE_MESSAGE };
            links[k].descriptor = &types[k];
            types[k] = (ProtobufCMessageDescriptor){ .fields = &links[k],
                                                     .n_fields = k == i,
                                                     .field_ranges = only_1,
                                                     .n_field_ranges = k == i };
        }
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < NTYPES; i++)
            cr_assert_eq(nesting_check(&types[i], buf_bytes(deep)),
                         i % 2 == 0 ? NESTING_TOO_DEEP : NESTING_FINE, "type %zu", i);
    buf_unref(deep);
}

/* --- Those who look before it is decoded -------------------------------------------- */

Test(nesting, rules_are_broken_by_it)
{
    static const struct message_rules rules = { TREE, NULL, 0 };
    struct status why = status_ok();
    struct buf *b = nested_descriptors(100, NOTHING);
    cr_assert(rules_check(&rules, buf_bytes(b), &why));
    buf_unref(b);
    b = nested_descriptors(1000000, NOTHING);
    cr_assert_not(rules_check(&rules, buf_bytes(b), &why));
    cr_assert_eq(why.code, STATUS_INVALID_ARGUMENT);
    cr_assert_str_eq(why.reason, "MESSAGE_TOO_DEEP");
    cr_assert_str_eq(why.message, "a google.protobuf.DescriptorProto has messages more than 100 "
                                  "deep in one another");
    buf_unref(b);
    b = before_deep(BYTES("\x80\x00\x00"));
    cr_assert_not(rules_check(&rules, buf_bytes(b), &why));
    cr_assert_str_eq(why.reason, "INVALID_MESSAGE");
    buf_unref(b);
}

Test(nesting, texts_are_looked_for_no_deeper)
{
    struct buf *b = nested_descriptors(100, BYTES("\x0a\x01\xff"));
    cr_assert_str_eq(wire_bad_text(TREE, buf_bytes(b)), "name");
    buf_unref(b);
    b = nested_descriptors(1000000, NOTHING);
    cr_assert_str_eq(wire_bad_text(TREE, buf_bytes(b)), "DescriptorProto");
    buf_unref(b);
}

Test(nesting, the_text_for_people_has_the_number)
{
    char number[16];
    snprintf(number, sizeof number, " %d ", NESTING_MAX);
    cr_assert_not_null(strstr(NESTING_TOO_DEEP_TEXT, number));
}
