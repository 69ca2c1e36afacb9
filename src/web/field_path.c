/* A value in a path or in a query is what JSON has in quotes, mostly; so it is made JSON, and
 * there is one place that knows how texts become fields. */
#include "field_path.h"

#include <errno.h>

#include "base/utf8.h"
#include "pbjson/json_out.h"
#include "pbjson/number.h"
#include "pbjson/place.h"

static const struct pb_field *field_of(const struct pb_message *type, struct bytes name)
{
    const struct pb_field *f = pb_field_by_name(type, name);
    return f != NULL ? f : pb_field_by_json_name(type, name);
}

/* Takes the first name off the front of @dotted. */
static struct bytes next_name(struct bytes *dotted)
{
    const uint8_t *dot = dotted->len > 0 ? memchr(dotted->data, '.', dotted->len) : NULL;
    const struct bytes name =
        bytes_of(dotted->data, dot != NULL ? (size_t)(dot - dotted->data) : dotted->len);
    const size_t taken = dot != NULL ? name.len + 1 : name.len;
    *dotted = bytes_of(dotted->data + taken, dotted->len - taken);
    return name;
}

bool field_path_find(struct field_path *ret, const struct pb_message *type, struct bytes dotted)
{
    bool ends_with_dot = dotted.len > 0 && dotted.data[dotted.len - 1] == '.';
    ret->n = 0;
    do {
        if (type == NULL || type->known != PB_PLAIN || ret->n == FIELD_PATH_MAX)
            return false;
        const struct pb_field *f = field_of(type, next_name(&dotted));
        if (f == NULL || pb_is_map(f) || (f->repeated && dotted.len > 0))
            return false;
        ret->fields[ret->n++] = f;
        type = f->message;
    } while (dotted.len > 0);
    return !ends_with_dot;
}

bool field_path_equal(const struct field_path *a, const struct field_path *b)
{
    return a->n == b->n && memcmp(a->fields, b->fields, a->n * sizeof a->fields[0]) == 0;
}

/* --- Values ------------------------------------------------------------------------- */

static enum pb_type scalar_type(const struct pb_field *f)
{
    return f->type == PB_MESSAGE && f->message->known == PB_WRAPPER ? f->message->wrapped : f->type;
}

/* Messages that are a text in JSON. */
static bool is_text_message(const struct pb_message *m)
{
    return m->known == PB_TIMESTAMP || m->known == PB_DURATION || m->known == PB_FIELD_MASK ||
           m->known == PB_WRAPPER;
}

static bool is_word(struct bytes text, const char *word)
{
    return bytes_equal(text, bytes_of_text(word));
}

/* Whether it goes into JSON as it is, without quotes. */
static bool is_bare(enum pb_type type, struct bytes text)
{
    if (type == PB_BOOL)
        return is_word(text, "true") || is_word(text, "false");
    return type == PB_ENUM && text.len > 0 && number_length(text) == text.len;
}

static void put_value(struct jsonout *o, const struct pb_field *f, struct bytes text)
{
    if (f->repeated)
        jsonout_literal(o, "[");
    if (is_bare(scalar_type(f), text))
        jsonout_put(o, text);
    else
        jsonout_text(o, text);
    if (f->repeated)
        jsonout_literal(o, "]");
}

static void put_object(struct jsonout *o, const struct field_path *path, struct bytes text)
{
    for (unsigned i = 0; i < path->n; i++) {
        jsonout_begin(o, '{');
        jsonout_key(o, path->fields[i]->name);
    }
    put_value(o, field_path_last(path), text);
    for (unsigned i = 0; i < path->n; i++)
        jsonout_end(o, '}');
}

static struct place place_of(const struct pb_field *f)
{
    return (struct place){ .kind = PLACE_FIELD, .name = f->name };
}

/* Refuses what would be refused as JSON, but in words of JSON. */
static int check(const struct pb_field *f, struct bytes text, char *ret_error)
{
    char quote[PLACE_QUOTE_BYTES];
    const struct place at = place_of(f);
    if (!utf8_valid(text))
        return place_refuse(ret_error, &at, "is not valid text: it has to be UTF-8");
    if (f->type == PB_MESSAGE && !is_text_message(f->message))
        return place_refuse(ret_error, &at, "is a message: name one of its fields");
    if (scalar_type(f) == PB_BOOL && !is_bare(PB_BOOL, text))
        return place_refuse(ret_error, &at, "%s is neither true nor false",
                            place_quote(quote, text));
    return 0;
}

int field_path_put(struct buf *b, const struct pb_pool *pool, const struct pb_message *type,
                   const struct field_path *path, struct bytes text, char *ret_error)
{
    int rv = check(field_path_last(path), text, ret_error);
    if (rv != 0)
        return rv;
    struct buf *json = buf_new(text.len + 64);
    if (json == NULL)
        return ENOMEM;
    struct jsonout o = { .b = json, .max_len = SIZE_MAX, .first = true };
    put_object(&o, path, text);
    rv = o.rv;
    if (rv == 0) {
        struct bytes object = buf_bytes(json);
        rv = pbjson_parse(b, pool, type, &object, NULL, ret_error);
    }
    buf_unref(json);
    return rv;
}
