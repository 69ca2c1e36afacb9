/* Nesting: what may be decoded is no deeper than it may be, and what may not is,
 * as protobuf-c decodes it.
 *
 * Bytes at random do not nest. So an input is read as what is done to a message,
 * from the innermost on: put it into another, in this field or that; or put
 * bytes before or behind it. */
#include <stdlib.h>

#include "base/nesting.h"
#include "base/wire.h"
#include "fuzz.h"
#include "google/protobuf/descriptor.pb-c.h"

#define MAX_STEPS 1000 /* protobuf-c may go as deep */

static size_t depth_of(const ProtobufCMessage *m);

static size_t depth_of_field(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    const char *base = (const char *)m;
    ProtobufCMessage *const *one = (ProtobufCMessage *const *)(const void *)(base + f->offset);
    size_t n = *one != NULL, deepest = 0;
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        n = *(const size_t *)(const void *)(base + f->quantifier_offset);
        one = *(ProtobufCMessage * *const *)(const void *)(base + f->offset);
    }
    for (size_t i = 0; i < n; i++) {
        const size_t depth = 1 + depth_of(one[i]);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static size_t depth_of(const ProtobufCMessage *m)
{
    size_t deepest = 0;
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        if (m->descriptor->fields[i].type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        const size_t depth = depth_of_field(m, &m->descriptor->fields[i]);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static void check(const ProtobufCMessageDescriptor *type, struct bytes bytes)
{
    const enum nesting nesting = nesting_check(type, bytes);
    ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, bytes.len, bytes.data);
    if (m == NULL)
        return;
    const size_t depth = depth_of(m);
    cr_assert(nesting != NESTING_FINE || depth <= NESTING_MAX);
    /* Of a field that comes twice, protobuf-c may keep the flatter one, if it is a
     * choice; DescriptorProto has none. */
    cr_assert(nesting != NESTING_TOO_DEEP || depth > NESTING_MAX);
    protobuf_c_message_free_unpacked(m, NULL);
}

static struct buf *step(struct buf *b, struct bytes *in)
{
    const uint8_t how = fuzz_byte(in);
    struct buf *next = buf_new(0);
    if (how < 0x80) { /* mostly in DescriptorProto's nested_type */
        cr_assert(wire_append_bytes(next, how < 0x60 ? 3 : how & 15, buf_bytes(b)));
    } else {
        const struct bytes more = fuzz_bytes(in, how & 7);
        cr_assert(buf_append(next, how & 8 ? more : buf_bytes(b)));
        cr_assert(buf_append(next, how & 8 ? buf_bytes(b) : more));
    }
    buf_unref(b);
    return next;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &google__protobuf__descriptor_proto__descriptor,
        &google__protobuf__file_descriptor_proto__descriptor,
        &google__protobuf__file_descriptor_set__descriptor,
    };
    struct bytes in = bytes_of(data, size);
    const uint8_t first = fuzz_byte(&in);
    struct buf *b = buf_new(0);
    check(types[first % 3], in);
    for (int left = first & 0x80 ? 90 : 0; left > 0; left--) /* near the limit at once */
        b = step(b, &(struct bytes){ (const uint8_t *)"", 1 });
    for (int i = 0; i < MAX_STEPS && in.len > 0; i++)
        b = step(b, &in);
    check(types[0], buf_bytes(b));
    buf_unref(b);
    return 0;
}
