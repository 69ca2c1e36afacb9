#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/utf8.h"
#include "number.h"
#include "print_internal.h"

/* --- One value ---------------------------------------------------------------------- */

static int64_t unzigzag(uint64_t raw)
{
    return (int64_t)(raw >> 1 ^ (0 - (raw & 1)));
}

static int64_t signed_of(enum pb_type type, uint64_t raw)
{
    switch (type) {
    case PB_SINT32:
        return (int32_t)unzigzag((uint32_t)raw);
    case PB_SINT64:
        return unzigzag(raw);
    case PB_INT64:
    case PB_SFIXED64:
        return (int64_t)raw;
    default:
        return (int32_t)raw;
    }
}

static void print_integer(struct printer *p, enum pb_type type, uint64_t raw)
{
    char text[NUMBER_TEXT_BYTES + 2] = "\"";
    const bool quoted = pb_is_64(type) && !p->options->numbers64;
    size_t n = quoted;
    if (pb_is_unsigned(type))
        n += number_put_unsigned(text + n, pb_is_64(type) ? raw : (uint32_t)raw);
    else
        n += number_put_signed(text + n, signed_of(type, raw));
    if (quoted)
        text[n++] = '"';
    jsonout_put(&p->out, bytes_of(text, n));
}

static void print_float(struct printer *p, enum pb_type type, uint64_t raw)
{
    const uint32_t raw32 = (uint32_t)raw;
    char text[NUMBER_TEXT_BYTES];
    double d;
    float f;
    memcpy(&d, &raw, sizeof d);
    memcpy(&f, &raw32, sizeof f);
    const double value = type == PB_FLOAT ? (double)f : d;
    if (isnan(value))
        jsonout_literal(&p->out, "\"NaN\"");
    else if (value == 0 && signbit(value))
        jsonout_literal(&p->out, "-0.0"); /* some take -0 for an integer, which has no sign */
    else if (isinf(value))
        jsonout_put(&p->out, bytes_of_text(value > 0 ? "\"Infinity\"" : "\"-Infinity\""));
    else
        jsonout_put(&p->out, bytes_of(text, type == PB_FLOAT ? number_put_float(text, f)
                                                             : number_put_double(text, d)));
}

static void print_enum(struct printer *p, const struct pb_enum *e, uint64_t raw)
{
    const struct pb_enum_value *value = pb_enum_by_number(e, (int32_t)raw);
    if (e->is_null)
        jsonout_literal(&p->out, "null");
    else if (value != NULL && !p->options->enum_numbers)
        jsonout_text(&p->out, value->name);
    else
        print_integer(p, PB_INT32, raw);
}

static int print_text(struct printer *p, struct bytes text, const struct place *at)
{
    if (jsonout_plain_text(&p->out, text))
        return 0;
    if (text.len > 0 && !utf8_valid(text))
        return place_refuse(p->error, at, "the text is not UTF-8");
    jsonout_text(&p->out, text);
    return 0;
}

int print_scalar(struct printer *p, enum pb_type type, const struct pb_enum *e, struct value v,
                 const struct place *at)
{
    switch (type) {
    case PB_DOUBLE:
    case PB_FLOAT:
        print_float(p, type, v.raw);
        return 0;
    case PB_BOOL:
        jsonout_put(&p->out, bytes_of_text(v.raw != 0 ? "true" : "false"));
        return 0;
    case PB_ENUM:
        print_enum(p, e, v.raw);
        return 0;
    case PB_BYTES:
        jsonout_base64(&p->out, v.bytes);
        return 0;
    case PB_STRING:
        return print_text(p, v.bytes, at);
    default:
        print_integer(p, type, v.raw);
        return 0;
    }
}

/* --- Fields ------------------------------------------------------------------------- */

static bool is_zero(const struct pb_field *f, struct value v)
{
    switch (f->type) {
    case PB_STRING:
    case PB_BYTES:
        return v.bytes.len == 0;
    case PB_INT32:
    case PB_UINT32:
    case PB_SINT32:
    case PB_ENUM:
        return (uint32_t)v.raw == 0;
    default:
        return v.raw == 0;
    }
}

static void print_key(struct printer *p, const struct pb_field *f)
{
    jsonout_key(&p->out, p->options->proto_names ? f->name : f->json_name);
}

static int print_element(struct printer *p, const struct pb_field *f, struct value v,
                         const struct place *at)
{
    if (f->type != PB_MESSAGE)
        return print_scalar(p, f->type, f->enumeration, v, at);
    const struct parts one = { .one = v.bytes };
    return print_message(p, f->message, &one, at);
}

static int print_list(struct printer *p, struct elements e, const struct place *at)
{
    struct place item = { .up = at, .kind = PLACE_INDEX };
    struct value v;
    int rv = 0;
    jsonout_begin(&p->out, '[');
    for (; rv == 0 && elements_next(&e, &v); item.index++) {
        jsonout_next(&p->out);
        rv = p->out.rv != 0 ? p->out.rv : print_element(p, e.field, v, &item);
    }
    jsonout_end(&p->out, ']');
    return rv == 0 && e.bad ? place_refuse(p->error, at, "the list is damaged") : rv;
}

/* A list with nothing in it is no list: packed fields may be empty. */
static bool is_empty(const struct elements *e)
{
    struct elements first = *e;
    struct value v;
    return e->n == 0 || (e->field->wire != WIRE_BYTES && !elements_next(&first, &v) && !first.bad);
}

static int print_repeated(struct printer *p, const struct elements *e, const struct place *at)
{
    if (!p->options->defaults && is_empty(e))
        return 0;
    print_key(p, e->field);
    return pb_is_map(e->field) ? print_map(p, *e, at) : print_list(p, *e, at);
}

static int print_singular(struct printer *p, const struct elements *e, const struct place *at)
{
    const struct pb_field *f = e->field;
    const struct value v = e->n > 0 ? e->runs[e->n - 1].last : (struct value){ 0 };
    if (e->n == 0 && (!p->options->defaults || f->presence))
        return 0;
    if (!f->presence && !p->options->defaults && is_zero(f, v))
        return 0;
    print_key(p, f);
    return print_scalar(p, f->type, f->enumeration, v, at);
}

static int print_sub_message(struct printer *p, const struct elements *e, const struct place *at)
{
    struct parts parts;
    if (e->n == 0)
        return 0;
    const int rv = elements_join(p, *e, &parts);
    if (rv != 0)
        return rv;
    print_key(p, e->field);
    return print_message(p, e->field->message, &parts, at);
}

/* The field of these runs; of none: what is printed of an absent one. */
static int print_field(struct printer *p, const struct pb_field *f, const struct run *runs,
                       size_t n, const struct place *up)
{
    const struct place at = { .up = up, .kind = PLACE_FIELD, .name = f->name };
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    const struct elements e = { .field = f, .runs = runs, .n = n };
    int rv = 0;
    if (p->out.rv != 0)
        rv = p->out.rv;
    else if (f->repeated)
        rv = print_repeated(p, &e, &at);
    else if (f->type == PB_MESSAGE)
        rv = print_sub_message(p, &e, &at);
    else if (f->type != PB_GROUP)
        rv = print_singular(p, &e, &at);
    scratch_release(&p->scratch, mark);
    return rv;
}

/* Those of the type in turn, if absent ones are printed; else those that are there. */
static int print_fields(struct printer *p, const struct pb_message *type, const struct run *runs,
                        size_t n, const struct place *at)
{
    size_t done = 0, next_field = 0;
    int rv = 0;
    while (rv == 0 && (p->options->defaults ? next_field < type->nfields : done < n)) {
        const struct pb_field *f =
            p->options->defaults ? &type->fields[next_field++] : runs[done].field;
        const size_t from = done;
        while (done < n && runs[done].field == f)
            done++;
        rv = print_field(p, f, done > from ? &runs[from] : NULL, done - from, at);
    }
    return rv;
}

/* --- Messages as most are ----------------------------------------------------------- */

static int print_few_texts(struct printer *p, const struct run *run, const struct place *at)
{
    struct bytes rest = bytes_of(run->from, (size_t)(run->to - run->from));
    struct place item = { .up = at, .kind = PLACE_INDEX };
    struct wire_field f;
    int rv = 0;
    print_key(p, run->field);
    jsonout_begin(&p->out, '[');
    for (; rv == 0 && wire_next(&rest, &f); item.index++) {
        jsonout_next(&p->out);
        rv = print_text(p, f.bytes, &item);
    }
    jsonout_end(&p->out, ']');
    return rv;
}

/* What is not a scalar or a list of texts goes the way of all. */
static int print_one_run(struct printer *p, const struct run *run, const struct place *up)
{
    const struct pb_field *f = run->field;
    const struct place at = { .up = up, .kind = PLACE_FIELD, .name = f->name };
    if (p->out.rv != 0)
        return p->out.rv;
    if (f->repeated && f->type == PB_STRING)
        return print_few_texts(p, run, &at);
    if (f->repeated || f->type == PB_MESSAGE)
        return print_field(p, f, run, 1, up);
    if (!f->presence && is_zero(f, run->last))
        return 0;
    print_key(p, f);
    return print_scalar(p, f->type, f->enumeration, run->last, &at);
}

/* false: it is not as most are, and nothing was printed. */
static bool print_few(struct printer *p, const struct pb_message *type, const struct parts *parts,
                      const struct place *at, int *ret)
{
    struct run runs[FEW_RUNS];
    size_t n;
    if (p->options->defaults || parts->n > 0 || !runs_read_few(type, parts->one, runs, &n))
        return false;
    *ret = 0;
    for (size_t i = 0; *ret == 0 && i < n; i++)
        *ret = print_one_run(p, &runs[i], at);
    return true;
}

int print_members(struct printer *p, const struct pb_message *type, const struct parts *parts,
                  const struct place *at)
{
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct run *runs;
    size_t n;
    int rv;
    if (!type->defined)
        return place_refuse(p->error, at, "nothing describes the type %.*s",
                            (int)type->full_name.len, (const char *)type->full_name.data);
    if (print_few(p, type, parts, at, &rv))
        return rv;
    rv = runs_read(p, type, parts, at, &runs, &n);
    if (rv == 0)
        rv = print_fields(p, type, runs, n, at);
    scratch_release(&p->scratch, mark);
    return rv;
}

int print_message(struct printer *p, const struct pb_message *type, const struct parts *parts,
                  const struct place *at)
{
    int rv;
    if (p->left == 0)
        return place_refuse(p->error, at, "messages too deep in one another");
    p->left--;
    if (type->known == PB_PLAIN || type->known == PB_EMPTY) {
        jsonout_begin(&p->out, '{');
        rv = type->known == PB_PLAIN ? print_members(p, type, parts, at) : 0;
        jsonout_end(&p->out, '}');
    } else {
        rv = print_known(p, type->known, type->wrapped, parts, at);
    }
    p->left++;
    return rv;
}

/* --- All of it ---------------------------------------------------------------------- */

static const char *why(int rv)
{
    return rv == ENOMEM ? "out of memory" : "the message is too large";
}

int pbjson_print(struct buf *b, const struct pb_pool *pool, const struct pb_message *type,
                 struct bytes message, const struct pbjson_print *options, char *ret_error)
{
    static const struct pbjson_print usual;
    const struct pbjson_print *o = options != NULL ? options : &usual;
    const size_t before = b->len;
    const struct parts parts = { .one = message };
    struct printer p;
    p.out = (struct jsonout){ .b = b, .max_len = SIZE_MAX, .indent = o->indent };
    if (o->max_bytes > 0 && o->max_bytes < SIZE_MAX - before)
        p.out.max_len = before + o->max_bytes;
    p.pool = pool;
    p.options = o;
    p.error = ret_error;
    p.left = o->max_depth > 0 ? o->max_depth : PBJSON_MAX_DEPTH;
    scratch_open(&p.scratch, o->scratch_bytes);
    int rv = print_message(&p, type, &parts, NULL);
    scratch_close(&p.scratch);
    if (rv == 0)
        rv = p.out.rv;
    if (rv == ENOMEM || rv == EMSGSIZE)
        place_refuse(ret_error, NULL, "%s", why(rv));
    if (rv != 0)
        b->len = before;
    return rv;
}
