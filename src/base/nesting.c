#include "nesting.h"

#include <assert.h>
#include <stdatomic.h>

#include "wire.h"

/* --- Can a type contain itself? ----------------------------------------------------- */

/* With no more types than this, none of which contains itself, no message is too deep. */
#define TYPES_MAX 64
static_assert(TYPES_MAX <= NESTING_MAX, "a chain of them must be no deeper than is allowed");

struct search {
    const ProtobufCMessageDescriptor *seen[TYPES_MAX];
    bool open[TYPES_MAX]; /* on the way to here */
    size_t n;
};

/* Too many types count as endless: to walk a message in vain does no harm. */
static bool is_endless(struct search *s, const ProtobufCMessageDescriptor *type)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->seen[i] == type)
            return s->open[i];
    if (s->n == TYPES_MAX)
        return true;
    const size_t at = s->n++;
    s->seen[at] = type;
    s->open[at] = true;
    for (unsigned i = 0; i < type->n_fields; i++)
        if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
            is_endless(s, type->fields[i].descriptor))
            return true;
    s->open[at] = false;
    return false;
}

/* What is known: the address of a type, and in its lowest bit, which is 0 there, the
 * answer. Nothing is locked: where two threads write the same place, one of them
 * finds out again. */
#define SLOT_BITS 6
#define NSLOTS    ((size_t)1 << SLOT_BITS)
#define TRIES     8 /* places for one type; where all are taken, it takes over the first */

static _Atomic uintptr_t known[NSLOTS];

static bool find_out(const ProtobufCMessageDescriptor *type, size_t slot)
{
    struct search s = { .n = 0 };
    const bool endless = is_endless(&s, type);
    atomic_store_explicit(&known[slot], (uintptr_t)type | endless, memory_order_relaxed);
    return endless;
}

static bool can_contain_itself(const ProtobufCMessageDescriptor *type)
{
    const uint64_t hash = (uint64_t)(uintptr_t)type * UINT64_C(0x9e3779b97f4a7c15);
    const size_t first = (size_t)(hash >> (64 - SLOT_BITS));
    for (size_t i = 0; i < TRIES; i++) {
        const size_t slot = (first + i) % NSLOTS;
        const uintptr_t value = atomic_load_explicit(&known[slot], memory_order_relaxed);
        if ((value & ~(uintptr_t)1) == (uintptr_t)type)
            return value & 1;
        if (value == 0)
            return find_out(type, slot);
    }
    return find_out(type, first);
}

/* --- How deep is a message? --------------------------------------------------------- */

static enum nesting walk(const ProtobufCMessageDescriptor *type, struct bytes message, int left)
{
    struct wire_field f;
    while (wire_next(&message, &f)) {
        const ProtobufCFieldDescriptor *d =
            f.type == WIRE_BYTES ? protobuf_c_message_descriptor_get_field(type, f.number) : NULL;
        if (d == NULL || d->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (left == 0)
            return NESTING_TOO_DEEP;
        const enum nesting inner = walk(d->descriptor, f.bytes, left - 1);
        if (inner != NESTING_FINE)
            return inner;
    }
    return message.len == 0 ? NESTING_FINE : NESTING_DAMAGED;
}

enum nesting nesting_check_long(const ProtobufCMessageDescriptor *type, struct bytes message)
{
    return can_contain_itself(type) ? walk(type, message, NESTING_MAX) : NESTING_FINE;
}
