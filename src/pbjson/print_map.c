/* Maps. Entries of one key may come several times, and the last one counts; JSON must
 * not have a key twice. So the entries are noted, sorted by key to find those, and
 * printed in the order in which they came. */
#include <errno.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "known.h"
#include "number.h"
#include "print_internal.h"

struct entry {
    struct value key;
    struct bytes bytes; /* the whole entry */
    size_t order;       /* SIZE_MAX: a later one has its key */
};

struct map {
    struct printer *p;
    const struct place *at;
    enum pb_type key_type;
    const struct pb_field *value; /* NULL: google.protobuf.Value */
    struct entry *entries;        /* in the scratch */
    size_t n;
};

/* --- Entries ------------------------------------------------------------------------ */

/* Two ways to write one number are one key. */
static uint64_t same_key(enum pb_type type, uint64_t raw)
{
    switch (type) {
    case PB_INT32:
    case PB_UINT32:
    case PB_SINT32:
        return (uint32_t)raw;
    case PB_BOOL:
        return raw != 0;
    default:
        return raw;
    }
}

static int read_key(struct map *m, struct bytes entry, struct value *ret)
{
    const struct parts parts = { .one = entry };
    struct walk w;
    *ret = (struct value){ 0 };
    walk_begin(&w, &parts);
    while (walk_next(&w))
        if (w.field.number == ENTRY_KEY && w.field.type == pb_wire_of(m->key_type))
            *ret = w.value;
    ret->raw = same_key(m->key_type, ret->raw);
    return w.bad ? refuse_damaged(m->p, w.rest, m->at) : 0;
}

static int add_entry(struct map *m, struct bytes bytes)
{
    const size_t size = sizeof *m->entries;
    struct value key;
    int rv = read_key(m, bytes, &key);
    if (rv == 0)
        rv = scratch_extend(&m->p->scratch, &m->entries, m->n * size, size);
    if (rv == 0) {
        m->entries[m->n] = (struct entry){ key, bytes, m->n };
        m->n++;
    }
    return rv;
}

/* --- One of each key ---------------------------------------------------------------- */

static int compare_keys(const struct entry *a, const struct entry *b)
{
    const struct bytes x = a->key.bytes, y = b->key.bytes;
    if (a->key.raw != b->key.raw)
        return a->key.raw < b->key.raw ? -1 : 1;
    if (x.len != y.len)
        return x.len < y.len ? -1 : 1;
    return x.len > 0 ? memcmp(x.data, y.data, x.len) : 0;
}

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const int rv = compare_keys(x, y);
    return rv != 0 ? rv : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static void drop_replaced(struct map *m)
{
    struct entry *entries = m->entries;
    size_t dropped = 0;
    if (m->n < 2)
        return;
    qsort(entries, m->n, sizeof *entries, by_key);
    for (size_t i = 0; i + 1 < m->n; i++)
        if (compare_keys(&entries[i], &entries[i + 1]) == 0) {
            entries[i].order = SIZE_MAX;
            dropped++;
        }
    qsort(entries, m->n, sizeof *entries, by_order);
    m->n -= dropped;
}

/* --- Printing ----------------------------------------------------------------------- */

/* The text of a key, in @room if it is a number. */
static struct bytes key_text(const struct map *m, const struct value *key,
                             char room[NUMBER_TEXT_BYTES])
{
    switch (m->key_type) {
    case PB_STRING:
        return key->bytes;
    case PB_BOOL:
        return bytes_of_text(key->raw != 0 ? "true" : "false");
    case PB_UINT32:
    case PB_UINT64:
    case PB_FIXED32:
    case PB_FIXED64:
        return bytes_of(room, number_put_unsigned(room, key->raw));
    case PB_INT64:
    case PB_SFIXED64:
        return bytes_of(room, number_put_signed(room, (int64_t)key->raw));
    case PB_SINT32:
    case PB_SINT64:
        return bytes_of(room,
                        number_put_signed(room, (int64_t)(key->raw >> 1 ^ (0 - (key->raw & 1)))));
    default:
        return bytes_of(room, number_put_signed(room, (int32_t)key->raw));
    }
}

/* The parts of a message that is a value. */
static int value_parts(struct map *m, struct bytes entry, struct parts *ret)
{
    const struct parts whole = { .one = entry };
    struct walk w;
    int rv = 0;
    *ret = (struct parts){ .n = 0 };
    walk_begin(&w, &whole);
    while (rv == 0 && walk_next(&w))
        if (w.field.number == ENTRY_VALUE && w.field.type == WIRE_BYTES)
            rv = parts_add(m->p, ret, w.value.bytes);
    return rv;
}

static int print_value(struct map *m, struct bytes entry, const struct place *at)
{
    struct parts parts;
    if (m->value == NULL || m->value->type == PB_MESSAGE) {
        const int rv = value_parts(m, entry, &parts);
        if (rv != 0)
            return rv;
        if (m->value != NULL)
            return print_message(m->p, m->value->message, &parts, at);
        return print_known(m->p, PB_VALUE, 0, &parts, at);
    }
    const struct parts whole = { .one = entry };
    struct value v = { 0 };
    struct walk w;
    walk_begin(&w, &whole);
    while (walk_next(&w))
        if (w.field.number == ENTRY_VALUE && w.field.type == m->value->wire)
            v = w.value;
    return print_scalar(m->p, m->value->type, m->value->enumeration, v, at);
}

static int print_entry(struct map *m, const struct entry *e)
{
    char room[NUMBER_TEXT_BYTES];
    const struct scratch_mark mark = scratch_mark(&m->p->scratch);
    const struct bytes key = key_text(m, &e->key, room);
    const struct place at = { .up = m->at, .kind = PLACE_KEY, .name = key };
    if (key.len > 0 && !utf8_valid(key))
        return place_refuse(m->p->error, m->at, "the text of a key is not UTF-8");
    jsonout_key(&m->p->out, key);
    const int rv = m->p->out.rv != 0 ? m->p->out.rv : print_value(m, e->bytes, &at);
    scratch_release(&m->p->scratch, mark);
    return rv;
}

static int print_entries(struct map *m)
{
    int rv = 0;
    drop_replaced(m);
    jsonout_begin(&m->p->out, '{');
    for (size_t i = 0; rv == 0 && i < m->n; i++)
        rv = print_entry(m, &m->entries[i]);
    jsonout_end(&m->p->out, '}');
    return rv;
}

int print_map(struct printer *p, struct elements e, const struct place *at)
{
    const struct pb_field *fields = e.field->message->fields;
    struct map m = { .p = p, .at = at, .key_type = fields[0].type, .value = &fields[1] };
    struct value v;
    int rv = 0;
    if (m.value->type == PB_GROUP)
        return place_refuse(p->error, at, "has a group of proto2, which is not supported");
    while (rv == 0 && elements_next(&e, &v))
        rv = add_entry(&m, v.bytes);
    return rv == 0 ? print_entries(&m) : rv;
}

int print_struct(struct printer *p, const struct parts *parts, const struct place *at)
{
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct map m = { .p = p, .at = at, .key_type = PB_STRING };
    struct walk w;
    int rv = 0;
    walk_begin(&w, parts);
    while (rv == 0 && walk_next(&w))
        if (w.field.number == STRUCT_FIELDS && w.field.type == WIRE_BYTES)
            rv = add_entry(&m, w.value.bytes);
    if (rv == 0 && w.bad)
        rv = refuse_damaged(p, w.rest, at);
    if (rv == 0)
        rv = print_entries(&m);
    scratch_release(&p->scratch, mark);
    return rv;
}
