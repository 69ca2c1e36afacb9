#include <errno.h>
#include <stdlib.h>

#include "print_internal.h"

/* --- Walks -------------------------------------------------------------------------- */

void walk_begin(struct walk *w, const struct parts *parts)
{
    *w = (struct walk){ .parts = *parts };
}

static uint64_t fixed(const uint8_t *from, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static struct value value_of(const struct wire_field *f, const uint8_t *end)
{
    switch (f->type) {
    case WIRE_64:
        return (struct value){ .raw = fixed(end - 8, 8) };
    case WIRE_32:
        return (struct value){ .raw = fixed(end - 4, 4) };
    default:
        return (struct value){ .raw = f->varint, .bytes = f->bytes };
    }
}

/* A field of bytes with a number below 16, as most are, and less than 16,384 of them. */
static bool next_short(struct walk *w)
{
    const uint8_t *from = w->rest.data;
    size_t head = 2, len;
    if (w->rest.len < 3 || (from[0] & 0x87) != WIRE_BYTES || from[0] < 8)
        return false;
    len = from[1];
    if (len >= 0x80) {
        len = (len & 0x7f) | (size_t)from[2] << 7;
        head = 3;
    }
    if (from[head - 1] >= 0x80 || w->rest.len - head < len)
        return false;
    w->from = from;
    w->field = (struct wire_field){ from[0] >> 3, WIRE_BYTES, 0, bytes_of(from + head, len) };
    w->value = (struct value){ 0, w->field.bytes };
    w->rest = bytes_of(from + head + len, w->rest.len - head - len);
    return true;
}

bool walk_next(struct walk *w)
{
    if (next_short(w))
        return true;
    const struct bytes *list = w->parts.n > 0 ? w->parts.list : &w->parts.one;
    const size_t n = w->parts.n > 0 ? w->parts.n : 1;
    while (w->rest.len == 0 && w->next < n)
        w->rest = list[w->next++];
    w->from = w->rest.data;
    if (!wire_next(&w->rest, &w->field)) {
        w->bad = w->rest.len > 0;
        return false;
    }
    w->value = value_of(&w->field, w->rest.data);
    return true;
}

/* The key is that of a group, begun or ended. */
int refuse_damaged(struct printer *p, struct bytes rest, const struct place *at)
{
    const unsigned type = rest.len > 0 ? rest.data[0] & 7 : 0;
    if (type == 3 || type == 4)
        return place_refuse(p->error, at, "has a group of proto2, which is not supported");
    return place_refuse(p->error, at, "the message is damaged");
}

/* --- Runs --------------------------------------------------------------------------- */

static bool is_known_enum(const struct pb_field *f, uint64_t raw)
{
    return f->type != PB_ENUM || !f->enumeration->closed ||
           pb_enum_by_number(f->enumeration, (int32_t)raw) != NULL;
}

/* An entry of a map whose value has no name is unknown, if its enum is closed. */
static bool is_known_entry(const struct pb_field *f, struct bytes entry)
{
    const struct pb_field *value = &f->message->fields[1];
    uint64_t number = 0;
    struct wire_field each;
    if (value->type != PB_ENUM || !value->enumeration->closed)
        return true;
    while (wire_next(&entry, &each))
        if (each.number == value->number && each.type == WIRE_VARINT)
            number = each.varint;
    return is_known_enum(value, number);
}

/* Whether the field is what its descriptor says: else it is as if it were unknown. */
static bool fits(const struct pb_field *f, const struct walk *w)
{
    const enum wire_type wire = w->field.type;
    if (wire == f->wire && pb_is_map(f))
        return is_known_entry(f, w->field.bytes);
    if (wire == f->wire)
        return is_known_enum(f, w->field.varint) && f->type != PB_GROUP;
    return wire == WIRE_BYTES && f->repeated && f->type != PB_GROUP;
}

/* Goes on with the run in *last, or begins one. */
static int note(struct printer *p, const struct walk *w, const struct pb_field *f,
                struct run **runs, size_t *n)
{
    struct run *last = *n > 0 ? &(*runs)[*n - 1] : NULL;
    if (last != NULL && last->field == f && last->to == w->from) {
        last->to = w->rest.data;
        last->one = false;
        last->last = w->value;
        return 0;
    }
    const int rv = scratch_extend(&p->scratch, runs, *n * sizeof **runs, sizeof **runs);
    if (rv == 0) {
        (*runs)[*n] = (struct run){ f, w->from, w->rest.data, *n, true, w->value };
        ++*n;
    }
    return rv;
}

static int by_number(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->field->number != y->field->number)
        return x->field->number < y->field->number ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* Latest first, of each oneof. */
static int by_oneof(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->field->oneof != y->field->oneof)
        return x->field->oneof < y->field->oneof ? -1 : 1;
    return (x->order < y->order) - (x->order > y->order);
}

/* Of the members of a oneof only the last counts; and of that what came behind the
 * last other one. Returns how many runs are left. */
static size_t settle_oneofs(struct run *runs, size_t n)
{
    size_t kept = 0;
    qsort(runs, n, sizeof *runs, by_oneof);
    const struct pb_field *last = NULL;
    bool over = false;
    for (size_t i = 0; i < n; i++) {
        const struct pb_field *f = runs[i].field;
        if (last == NULL || f->oneof != last->oneof) {
            last = f;
            over = false;
        }
        over = over || (f->oneof != 0 && f != last);
        if (!over)
            runs[kept++] = runs[i];
    }
    return kept;
}

/* Moves each back to its place: of those that are in order, as most are, that is where it is. */
static void sort_few(struct run *runs, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (by_number(&runs[i - 1], &runs[i]) < 0)
            continue;
        const struct run one = runs[i];
        size_t at = i;
        for (; at > 0 && by_number(&runs[at - 1], &one) > 0; at--)
            runs[at] = runs[at - 1];
        runs[at] = one;
    }
}

static void sort(struct run *runs, size_t n)
{
    if (n <= FEW_RUNS)
        sort_few(runs, n);
    else
        qsort(runs, n, sizeof *runs, by_number);
}

/* --- Few runs ----------------------------------------------------------------------- */

/* Fields of a type are sorted by number, and mostly these are 1, 2, 3, … */
static const struct pb_field *field_of(const struct pb_message *type, uint32_t number)
{
    if (number <= type->nfields && type->fields[number - 1].number == number)
        return &type->fields[number - 1];
    return pb_field_by_number(type, number);
}

static bool needs_a_look(const struct pb_field *f)
{
    return f->oneof != 0 || f->type == PB_GROUP || pb_is_map(f) ||
           (f->type == PB_ENUM && f->enumeration->closed);
}

/* One of each field, once they are sorted. */
static bool are_different(const struct run *runs, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (runs[i].field == runs[i + 1].field)
            return false;
    return true;
}

/* Goes on with the last run, or begins one. false: there are too many. */
static bool note_few(const struct walk *w, const struct pb_field *f, struct run *runs, size_t *n)
{
    struct run *last = *n > 0 ? &runs[*n - 1] : NULL;
    if (last != NULL && last->field == f && last->to == w->from) {
        last->to = w->rest.data;
        last->one = false;
        last->last = w->value;
        return true;
    }
    if (*n == FEW_RUNS)
        return false;
    runs[*n] = (struct run){ f, w->from, w->rest.data, *n, true, w->value };
    ++*n;
    return true;
}

bool runs_read_few(const struct pb_message *type, struct bytes message, struct run runs[FEW_RUNS],
                   size_t *ret_n)
{
    const struct pb_field *f = NULL;
    size_t n = 0;
    struct walk w;
    w.parts.n = 0;
    w.next = 1;
    w.rest = message;
    while (walk_next(&w)) {
        if (f == NULL || f->number != w.field.number)
            f = field_of(type, w.field.number);
        if (f == NULL)
            continue;
        if (w.field.type != f->wire || needs_a_look(f) || !note_few(&w, f, runs, &n))
            return false;
    }
    sort_few(runs, n);
    *ret_n = n;
    return w.rest.len == 0 && are_different(runs, n);
}

int runs_read(struct printer *p, const struct pb_message *type, const struct parts *parts,
              const struct place *at, struct run **ret, size_t *ret_n)
{
    struct walk w;
    struct run *runs = NULL;
    size_t n = 0, of_oneofs = 0;
    const struct pb_field *f = NULL;
    walk_begin(&w, parts);
    while (walk_next(&w)) {
        if (f == NULL || f->number != w.field.number)
            f = pb_field_by_number(type, w.field.number);
        const int rv = f != NULL && fits(f, &w) ? note(p, &w, f, &runs, &n) : 0;
        if (rv != 0)
            return rv;
        of_oneofs += f != NULL && f->oneof != 0;
    }
    if (w.bad)
        return refuse_damaged(p, w.rest, at);
    if (of_oneofs > 1 && n > 1)
        n = settle_oneofs(runs, n);
    sort(runs, n);
    *ret = runs;
    *ret_n = n;
    return 0;
}

/* --- Elements ----------------------------------------------------------------------- */

static bool next_varint(struct bytes *rest, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        *ret |= (uint64_t)(rest->data[i] & 0x7f) << (7 * i);
        if (rest->data[i] < 0x80) {
            *rest = bytes_of(rest->data + i + 1, rest->len - i - 1);
            return true;
        }
    }
    return false;
}

static bool next_packed(struct elements *e, struct value *ret)
{
    if (e->field->wire == WIRE_VARINT)
        return next_varint(&e->packed, &ret->raw);
    const size_t n = e->field->wire == WIRE_64 ? 8 : 4;
    if (e->packed.len < n)
        return false;
    ret->raw = fixed(e->packed.data, n);
    e->packed = bytes_of(e->packed.data + n, e->packed.len - n);
    return true;
}

/* The next field of the runs. false: there is none. */
static bool next_field(struct elements *e, struct wire_field *ret)
{
    if (e->run.len == 0 && e->n > 0) {
        e->run = bytes_of(e->runs->from, (size_t)(e->runs->to - e->runs->from));
        e->runs++;
        e->n--;
    }
    return wire_next(&e->run, ret);
}

bool elements_next(struct elements *e, struct value *ret)
{
    struct wire_field f;
    for (;;) {
        while (e->packed.len > 0) {
            e->bad = !next_packed(e, ret);
            if (e->bad || is_known_enum(e->field, ret->raw))
                return !e->bad;
        }
        if (!next_field(e, &f))
            return false;
        if (f.type == e->field->wire) {
            *ret = value_of(&f, e->run.data);
            return true;
        }
        e->packed = f.bytes;
    }
}

int parts_add(struct printer *p, struct parts *parts, struct bytes part)
{
    const size_t size = sizeof part;
    const int rv = scratch_extend(&p->scratch, &parts->list, parts->n * size, size);
    if (rv == 0)
        parts->list[parts->n++] = part;
    return rv;
}

int elements_join(struct printer *p, struct elements e, struct parts *ret)
{
    struct value v;
    int rv = 0;
    *ret = (struct parts){ .one = e.runs[0].last.bytes };
    if (e.n == 1 && e.runs[0].one)
        return 0;
    while (rv == 0 && elements_next(&e, &v))
        rv = parts_add(p, ret, v.bytes);
    return rv;
}
