/* Fields and enum values: sorted for finding, and looked at for doubles. */
#include <errno.h>
#include <stdlib.h>

#include "pool_internal.h"

/* Any order will do, so that of their lengths comes first. */
static int compare_names(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len > 0 ? memcmp(a.data, b.data, a.len) : 0;
}

/* --- Fields ------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const struct pb_field *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static int by_name(const void *a, const void *b)
{
    const struct pb_field *const *x = a, *const *y = b;
    return compare_names((*x)->name, (*y)->name);
}

static int by_json_name(const void *a, const void *b)
{
    const struct pb_field *const *x = a, *const *y = b;
    return compare_names((*x)->json_name, (*y)->json_name);
}

static const struct pb_field **sorted(struct pb_pool *p, const struct pb_message *m,
                                      int (*compare)(const void *, const void *))
{
    const struct pb_field **list = pool_alloc(p, m->nfields, sizeof *list);
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < m->nfields; i++)
        list[i] = &m->fields[i];
    qsort(list, m->nfields, sizeof *list, compare);
    return list;
}

/* proto2 may have "a_b" beside "aB". Those that would have one name in JSON keep theirs. */
static void settle_json_names(const struct pb_message *m, struct pb_field *fields)
{
    bool again = false;
    for (size_t i = 0; i + 1 < m->nfields; i++) {
        const struct pb_field *a = m->by_json_name[i], *b = m->by_json_name[i + 1];
        if (!bytes_equal(a->json_name, b->json_name))
            continue;
        fields[a - fields].json_name = a->name;
        fields[b - fields].json_name = b->name;
        again = true;
    }
    if (again)
        qsort(m->by_json_name, m->nfields, sizeof *m->by_json_name, by_json_name);
}

int pool_index_fields(struct pb_pool *p, struct pb_message *m, struct pb_field *fields)
{
    if (m->nfields == 0)
        return 0;
    qsort(fields, m->nfields, sizeof *fields, by_number);
    m->fields = fields;
    m->by_name = sorted(p, m, by_name);
    m->by_json_name = sorted(p, m, by_json_name);
    if (m->by_name == NULL || m->by_json_name == NULL)
        return pool_no_memory(p);
    settle_json_names(m, fields);
    for (size_t i = 0; i + 1 < m->nfields; i++) {
        if (by_number(&fields[i], &fields[i + 1]) == 0)
            return pool_refuse(p, EINVAL, "two fields of one number in", m->full_name);
        if (by_name(&m->by_name[i], &m->by_name[i + 1]) == 0)
            return pool_refuse(p, EINVAL, "two fields of one name in", m->full_name);
        if (by_json_name(&m->by_json_name[i], &m->by_json_name[i + 1]) == 0)
            return pool_refuse(p, EINVAL, "two fields of one name in JSON in", m->full_name);
    }
    return 0;
}

/* Most messages number their fields without a gap. */
const struct pb_field *pb_field_by_number(const struct pb_message *m, uint32_t number)
{
    if (number - 1 < m->nfields && m->fields[number - 1].number == number)
        return &m->fields[number - 1];
    const struct pb_field key = { .number = number };
    return m->nfields > 0 ? bsearch(&key, m->fields, m->nfields, sizeof key, by_number) : NULL;
}

const struct pb_field *pb_field_by_name(const struct pb_message *m, struct bytes name)
{
    const struct pb_field key = { .name = name }, *of_key = &key;
    const struct pb_field **found =
        m->nfields > 0 ? bsearch(&of_key, m->by_name, m->nfields, sizeof of_key, by_name) : NULL;
    return found != NULL ? *found : NULL;
}

const struct pb_field *pb_field_by_json_name(const struct pb_message *m, struct bytes name)
{
    const struct pb_field key = { .json_name = name }, *of_key = &key;
    const struct pb_field **found =
        m->nfields > 0 ? bsearch(&of_key, m->by_json_name, m->nfields, sizeof of_key, by_json_name)
                       : NULL;
    return found != NULL ? *found : NULL;
}

enum wire_type pb_wire_of(enum pb_type type)
{
    switch (type) {
    case PB_DOUBLE:
    case PB_FIXED64:
    case PB_SFIXED64:
        return WIRE_64;
    case PB_FLOAT:
    case PB_FIXED32:
    case PB_SFIXED32:
        return WIRE_32;
    case PB_STRING:
    case PB_BYTES:
    case PB_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

/* --- Enum values -------------------------------------------------------------------- */

/* Names point into the file, where those that come first are lower. */
static int value_by_number(const void *a, const void *b)
{
    const struct pb_enum_value *x = a, *y = b;
    const int rv = (x->number > y->number) - (x->number < y->number);
    return rv != 0 ? rv : (x->name.data > y->name.data) - (x->name.data < y->name.data);
}

static int value_by_name(const void *a, const void *b)
{
    const struct pb_enum_value *x = a, *y = b;
    return compare_names(x->name, y->name);
}

int pool_index_values(struct pb_pool *p, struct pb_enum *e, struct pb_enum_value *values)
{
    struct pb_enum_value *named = pool_alloc(p, e->nvalues, sizeof *named);
    if (named == NULL)
        return pool_no_memory(p);
    if (e->nvalues == 0)
        return pool_refuse(p, EINVAL, "an enum without values", e->full_name);
    memcpy(named, values, e->nvalues * sizeof *named);
    qsort(values, e->nvalues, sizeof *values, value_by_number);
    qsort(named, e->nvalues, sizeof *named, value_by_name);
    e->by_number = values;
    e->by_name = named;
    for (size_t i = 0; i + 1 < e->nvalues; i++)
        if (value_by_name(&named[i], &named[i + 1]) == 0)
            return pool_refuse(p, EINVAL, "two values of one name in", e->full_name);
    return 0;
}

const struct pb_enum_value *pb_enum_by_number(const struct pb_enum *e, int32_t number)
{
    size_t from = 0, to = e->nvalues; /* the first that is not smaller is between them */
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (e->by_number[middle].number < number)
            from = middle + 1;
        else
            to = middle;
    }
    return from < e->nvalues && e->by_number[from].number == number ? &e->by_number[from] : NULL;
}

const struct pb_enum_value *pb_enum_by_name(const struct pb_enum *e, struct bytes name)
{
    const struct pb_enum_value key = { .name = name };
    return e->nvalues > 0 ? bsearch(&key, e->by_name, e->nvalues, sizeof key, value_by_name) : NULL;
}
