#include "path_template.h"

/* --- Reading ------------------------------------------------------------------------ */

/* Takes what stands before the first of @ends, or all, off the front of *rest. */
static struct bytes take_until(struct bytes *rest, const char *ends)
{
    size_t n = 0;
    while (n < rest->len && (rest->data[n] == '\0' || strchr(ends, rest->data[n]) == NULL))
        n++;
    const struct bytes taken = bytes_of(rest->data, n);
    *rest = bytes_of(rest->data + n, rest->len - n);
    return taken;
}

static bool take(struct bytes *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != (uint8_t)c)
        return false;
    *rest = bytes_of(rest->data + 1, rest->len - 1);
    return true;
}

static bool is(struct bytes text, const char *other)
{
    return bytes_equal(text, bytes_of_text(other));
}

/* A "*", "**" or a literal. */
static bool read_plain(struct path_template *t, struct bytes *rest)
{
    const struct bytes text = take_until(rest, "/:{}=");
    const bool after_rest = t->nsegments > 0 && t->segments[t->nsegments - 1].kind == SEGMENT_REST;
    if (text.len == 0 || t->nsegments == PATH_SEGMENTS_MAX || after_rest)
        return false;
    struct path_segment *s = &t->segments[t->nsegments++];
    s->literal = text;
    s->kind = is(text, "*") ? SEGMENT_ANY : is(text, "**") ? SEGMENT_REST : SEGMENT_LITERAL;
    return s->kind != SEGMENT_LITERAL || memchr(text.data, '*', text.len) == NULL;
}

static bool read_variable(struct path_template *t, struct bytes *rest)
{
    if (t->nvariables == PATH_VARIABLES_MAX)
        return false;
    struct path_variable *v = &t->variables[t->nvariables++];
    v->field_path = take_until(rest, "=}/:{*");
    v->first = t->nsegments;
    struct bytes any = bytes_of_text("*");
    struct bytes *pattern = take(rest, '=') ? rest : &any;
    do {
        if (!read_plain(t, pattern))
            return false;
    } while (take(pattern, '/'));
    v->n = (uint8_t)(t->nsegments - v->first);
    return v->field_path.len > 0 && take(rest, '}');
}

static bool read_segment(struct path_template *t, struct bytes *rest)
{
    return take(rest, '{') ? read_variable(t, rest) : read_plain(t, rest);
}

bool path_template_read(struct path_template *ret, struct bytes text)
{
    *ret = (struct path_template){ 0 };
    if (!take(&text, '/'))
        return false;
    do {
        if (!read_segment(ret, &text))
            return false;
    } while (take(&text, '/'));
    if (!take(&text, ':'))
        return text.len == 0;
    ret->verb = take_until(&text, "/:{}=*");
    return ret->verb.len > 0 && text.len == 0;
}

/* --- Matching ----------------------------------------------------------------------- */

/* Takes ":verb" off the end of *path. */
static bool take_verb(struct bytes *path, struct bytes verb)
{
    if (verb.len == 0)
        return true;
    if (path->len <= verb.len)
        return false;
    const size_t colon = path->len - verb.len - 1;
    const struct bytes end = bytes_of(path->data + colon + 1, verb.len);
    if (path->data[colon] != ':' || !bytes_equal(end, verb))
        return false;
    path->len = colon;
    return true;
}

/* Moves *rest beyond a segment, and the slash before it. */
static bool match_segment(const struct path_segment *s, struct bytes *rest)
{
    if (!take(rest, '/'))
        return false;
    const struct bytes found = s->kind == SEGMENT_REST ? *rest : take_until(rest, "/");
    if (s->kind == SEGMENT_REST)
        *rest = bytes_of(rest->data + rest->len, 0);
    return s->kind == SEGMENT_LITERAL ? bytes_equal(found, s->literal) : found.len > 0;
}

bool path_template_match(const struct path_template *t, struct bytes path,
                         struct bytes ret_values[PATH_VARIABLES_MAX])
{
    const uint8_t *ends[PATH_SEGMENTS_MAX + 1]; /* of the segments, from 1 */
    if (!take_verb(&path, t->verb))
        return false;
    struct bytes rest = path;
    ends[0] = rest.data;
    for (unsigned i = 0; i < t->nsegments; i++) {
        if (!match_segment(&t->segments[i], &rest))
            return false;
        ends[i + 1] = rest.data;
    }
    for (unsigned i = 0; i < t->nvariables; i++) {
        const struct path_variable *v = &t->variables[i];
        const uint8_t *from = ends[v->first] + 1; /* behind the slash */
        ret_values[i] = bytes_of(from, (size_t)(ends[v->first + v->n] - from));
    }
    return rest.len == 0;
}

/* --- Order -------------------------------------------------------------------------- */

static int compare_bytes(struct bytes a, struct bytes b)
{
    const size_t n = a.len < b.len ? a.len : b.len;
    const int order = n > 0 ? memcmp(a.data, b.data, n) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_segment(const struct path_segment *a, const struct path_segment *b)
{
    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    return a->kind == SEGMENT_LITERAL ? compare_bytes(a->literal, b->literal) : 0;
}

int path_template_compare(const struct path_template *a, const struct path_template *b)
{
    if ((a->verb.len == 0) != (b->verb.len == 0))
        return a->verb.len == 0 ? 1 : -1; /* "*" would take "x:verb" too */
    for (unsigned i = 0; i < a->nsegments && i < b->nsegments; i++) {
        const int order = compare_segment(&a->segments[i], &b->segments[i]);
        if (order != 0)
            return order;
    }
    if (a->nsegments != b->nsegments)
        return (int)b->nsegments - (int)a->nsegments;
    return compare_bytes(a->verb, b->verb);
}
