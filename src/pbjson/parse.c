#include <errno.h>

#include "known.h"
#include "parse_internal.h"

/* --- Values of a field -------------------------------------------------------------- */

static bool is_null_enum(const struct pb_field *f)
{
    return f->type == PB_ENUM && f->enumeration->is_null;
}

/* Whether null is a value of it. */
static bool takes_null(const struct pb_field *f)
{
    return is_null_enum(f) || (f->type == PB_MESSAGE && f->message->known == PB_VALUE);
}

/* A field of one value; @always: even if it is the default one. */
static int parse_one(struct parser *p, const struct pb_field *f, bool always,
                     const struct place *at)
{
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct number_or_bytes v;
    size_t begin;
    int rv;
    if (f->type == PB_GROUP)
        return place_refuse(p->error, at, "is a group of proto2, which is not supported");
    if (f->type == PB_MESSAGE) {
        rv = write_begin(p, f->number, &begin);
        if (rv == 0)
            rv = parse_message(p, f->message, at);
        return rv != 0 ? rv : write_end(p, begin);
    }
    rv = take_scalar(p, f->type, f->enumeration, at, &v);
    if (rv == 0 && (always || v.raw != 0 || v.bytes.len > 0))
        rv = write_field(p, f->number, f->wire, v);
    scratch_release(&p->scratch, mark);
    return rv;
}

static int parse_packed(struct parser *p, const struct pb_field *f, const struct place *at)
{
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct number_or_bytes v;
    int rv = take_scalar(p, f->type, f->enumeration, at, &v);
    if (rv == 0)
        rv = write_value(p, f->wire, v);
    scratch_release(&p->scratch, mark);
    return rv;
}

static int parse_item(struct parser *p, const struct pb_field *f, bool packed,
                      const struct place *item)
{
    if (jsonin_peek(&p->in) == JSON_NULL && !takes_null(f))
        return place_refuse(p->error, item, "null is no item of a list");
    return packed ? parse_packed(p, f, item) : parse_one(p, f, true, item);
}

static int parse_items(struct parser *p, const struct pb_field *f, const struct place *at)
{
    struct place item = { .up = at, .kind = PLACE_INDEX };
    bool first = true;
    int rv = enter(p, '[', at);
    for (; rv == 0 && jsonin_more(&p->in, ']', &first); item.index++)
        rv = parse_item(p, f, f->packed, &item);
    leave(p);
    return rv == 0 && p->in.wrong != NULL ? refuse_json(p) : rv;
}

static int parse_list(struct parser *p, const struct pb_field *f, const struct place *at)
{
    const size_t before = p->out->len;
    size_t begin;
    if (!f->packed)
        return parse_items(p, f, at);
    int rv = write_begin(p, f->number, &begin);
    if (rv == 0)
        rv = parse_items(p, f, at);
    if (rv == 0 && p->out->len > begin)
        return write_end(p, begin);
    p->out->len = before;
    return rv;
}

/* --- Maps --------------------------------------------------------------------------- */

static int parse_entry(struct parser *p, const struct pb_field *map, const struct place *up)
{
    const struct pb_field *fields = map->message->fields;
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct place at = { .up = up, .kind = PLACE_KEY };
    struct number_or_bytes key;
    size_t begin;
    int rv = take_key(p, &at.name);
    if (rv == 0)
        rv = key_of_text(p, fields[0].type, at.name, up, &key);
    if (rv == 0 && jsonin_peek(&p->in) == JSON_NULL && !takes_null(&fields[1]))
        rv = place_refuse(p->error, &at, "null is no value of a map");
    if (rv == 0)
        rv = write_begin(p, map->number, &begin);
    if (rv == 0)
        rv = write_field(p, ENTRY_KEY, fields[0].wire, key);
    if (rv == 0)
        rv = parse_one(p, &fields[1], true, &at);
    if (rv == 0)
        rv = write_end(p, begin);
    scratch_release(&p->scratch, mark);
    return rv;
}

static int parse_map(struct parser *p, const struct pb_field *map, const struct place *at)
{
    const size_t from = p->out->len;
    bool first = true;
    int rv = enter(p, '{', at);
    while (rv == 0 && jsonin_more(&p->in, '}', &first))
        rv = parse_entry(p, map, at);
    leave(p);
    if (rv == 0 && p->in.wrong != NULL)
        rv = refuse_json(p);
    return rv == 0 ? write_check_keys(p, from, map->number, at) : rv;
}

/* --- Objects ------------------------------------------------------------------------ */

/* Which fields and oneofs of a message we have met: a bit for each, in the scratch. */
struct members {
    struct parser *p;
    const struct pb_message *type;
    uint64_t *seen;
    bool in_any;
    const struct place *at;
};

/* Whether it was; from now on it is. */
static bool was_seen(const struct members *m, size_t bit)
{
    uint64_t *word = &m->seen[bit / 64];
    const uint64_t mask = UINT64_C(1) << bit % 64;
    const bool was = (*word & mask) != 0;
    *word |= mask;
    return was;
}

static int parse_values(struct parser *p, const struct pb_field *f, const struct place *at)
{
    if (pb_is_map(f))
        return parse_map(p, f, at);
    return f->repeated ? parse_list(p, f, at) : parse_one(p, f, f->presence, at);
}

static int parse_field(const struct members *m, const struct pb_field *f, const struct place *at)
{
    struct parser *p = m->p;
    if (was_seen(m, (size_t)(f - m->type->fields)))
        return place_refuse(p->error, at, "the key comes twice");
    if (jsonin_peek(&p->in) == JSON_NULL && (f->repeated || !takes_null(f)))
        return jsonin_null(&p->in) ? 0 : refuse_json(p);
    if (f->oneof != 0 && was_seen(m, m->type->nfields + f->oneof - 1))
        return place_refuse(p->error, at, "another field of the same oneof is set");
    return parse_values(p, f, at);
}

int parse_unknown(struct parser *p, struct bytes key, struct bytes type, const struct place *at)
{
    char quote[PLACE_QUOTE_BYTES];
    if (!p->options->ignore_unknown)
        return place_refuse(p->error, at, "%.*s has no field %s", (int)type.len,
                            (const char *)type.data, place_quote(quote, key));
    return jsonin_skip(&p->in, p->left) ? 0 : refuse_json(p);
}

static int parse_member(const struct members *m)
{
    struct parser *p = m->p;
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct place at = { .up = m->at, .kind = PLACE_FIELD };
    int rv = take_key(p, &at.name);
    if (rv != 0)
        return rv;
    const struct pb_field *f = pb_field_by_json_name(m->type, at.name);
    if (f == NULL)
        f = pb_field_by_name(m->type, at.name);
    if (m->in_any && bytes_equal(at.name, bytes_of_text("@type")))
        rv = jsonin_skip(&p->in, 0) ? 0 : refuse_json(p); /* known, and a text */
    else if (f != NULL)
        rv = parse_field(m, f, &at);
    else
        rv = parse_unknown(p, at.name, m->type->full_name, m->at);
    scratch_release(&p->scratch, mark);
    return rv;
}

int parse_members(struct parser *p, const struct pb_message *type, bool in_any,
                  const struct place *at)
{
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct members m = { p, type, NULL, in_any, at };
    const size_t size = (type->nfields + type->noneofs + 63) / 64 * sizeof(uint64_t);
    bool first = true;
    if (!type->defined)
        return place_refuse(p->error, at, "nothing describes the type %.*s",
                            (int)type->full_name.len, (const char *)type->full_name.data);
    int rv = scratch_push(&p->scratch, size, &m.seen);
    if (rv == 0)
        memset(m.seen, 0, size);
    while (rv == 0 && jsonin_more(&p->in, '}', &first))
        rv = parse_member(&m);
    scratch_release(&p->scratch, mark);
    return rv == 0 && p->in.wrong != NULL ? refuse_json(p) : rv;
}

int parse_message(struct parser *p, const struct pb_message *type, const struct place *at)
{
    if (type->known != PB_PLAIN)
        return parse_known(p, type, at);
    int rv = enter(p, '{', at);
    if (rv != 0)
        return rv;
    rv = parse_members(p, type, false, at);
    leave(p);
    return rv;
}

/* --- All of it ---------------------------------------------------------------------- */

/* A field that stands for itself; one item of a list needs no brackets. */
static int parse_bare(struct parser *p, const struct pb_field *f)
{
    const struct place at = { .kind = PLACE_FIELD, .name = f->name };
    const struct place item = { .up = &at, .kind = PLACE_INDEX };
    if (f->repeated && !pb_is_map(f) && jsonin_peek(&p->in) != JSON_LIST)
        return parse_item(p, f, false, &item);
    return parse_values(p, f, &at);
}

static void parser_open(struct parser *p, struct buf *b, const struct pb_pool *pool,
                        struct bytes text, const struct pbjson_parse *options, char *error)
{
    static const struct pbjson_parse usual;
    const struct pbjson_parse *o = options != NULL ? options : &usual;
    const size_t room = SIZE_MAX - b->len;
    p->in = jsonin_of(text);
    p->out = b;
    p->max_len = o->max_bytes > 0 && o->max_bytes < room ? b->len + o->max_bytes : SIZE_MAX;
    p->pool = pool;
    p->options = o;
    p->error = error;
    p->left = o->max_depth > 0 ? o->max_depth : PBJSON_MAX_DEPTH;
    scratch_open(&p->scratch, o->scratch_bytes);
}

/* @before: how long the output was. Returns @rv. */
static int parser_close(struct parser *p, int rv, size_t before, struct bytes *text)
{
    jsonin_space(&p->in);
    scratch_close(&p->scratch);
    if (rv == ENOMEM || rv == EMSGSIZE)
        place_refuse(p->error, NULL, "%s",
                     rv == ENOMEM ? "out of memory" : "the message is too large");
    if (rv != 0)
        p->out->len = before;
    else
        *text = bytes_of(p->in.at, (size_t)(p->in.end - p->in.at));
    return rv;
}

int pbjson_parse(struct buf *b, const struct pb_pool *pool, const struct pb_message *type,
                 struct bytes *text, const struct pbjson_parse *options, char *ret_error)
{
    const size_t before = b->len;
    struct parser p;
    parser_open(&p, b, pool, *text, options, ret_error);
    return parser_close(&p, parse_message(&p, type, NULL), before, text);
}

int pbjson_parse_field(struct buf *b, const struct pb_pool *pool, const struct pb_field *f,
                       struct bytes *text, const struct pbjson_parse *options, char *ret_error)
{
    const size_t before = b->len;
    struct parser p;
    parser_open(&p, b, pool, *text, options, ret_error);
    return parser_close(&p, parse_bare(&p, f), before, text);
}
