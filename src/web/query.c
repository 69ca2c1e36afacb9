#include "query.h"

#include <errno.h>
#include <stdlib.h>

#include "pbjson/place.h"
#include "url.h"

struct query {
    struct buf *out;
    const struct pb_pool *pool;
    const struct pb_message *type;
    const struct field_path *taken;
    size_t ntaken;
    const struct pb_field *body;
    struct field_path seen[QUERY_FIELDS_MAX]; /* that are not repeated */
    unsigned nseen, n;
    uint8_t *room; /* for a name and a value without escapes */
    char *error;
};

static bool is_among(const struct field_path *path, const struct field_path *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (field_path_equal(path, &list[i]))
            return true;
    return false;
}

static int refuse(const struct query *q, struct bytes name, const char *why)
{
    char quote[PLACE_QUOTE_BYTES];
    return place_refuse(q->error, NULL, "%s in the query %s", place_quote(quote, name), why);
}

static int put_field(struct query *q, struct bytes name, struct bytes value)
{
    struct field_path path;
    if (!field_path_find(&path, q->type, name))
        return refuse(q, name, "is no field of the request");
    if (is_among(&path, q->taken, q->ntaken))
        return refuse(q, name, "is in the path already");
    if (path.fields[0] == q->body)
        return refuse(q, name, "is in the body already");
    if (!field_path_last(&path)->repeated) {
        if (is_among(&path, q->seen, q->nseen))
            return refuse(q, name, "comes twice, and takes one value");
        q->seen[q->nseen++] = path;
    }
    return field_path_put(q->out, q->pool, q->type, &path, value, q->error);
}

static int put_pair(struct query *q, struct bytes name, struct bytes value)
{
    uint8_t *second = q->room + name.len;
    size_t n, m;
    if (q->n++ == QUERY_FIELDS_MAX)
        return place_refuse(q->error, NULL, "the query has more than %d fields", QUERY_FIELDS_MAX);
    if (!url_decode(q->room, name, URL_QUERY, &n) || !url_decode(second, value, URL_QUERY, &m))
        return refuse(q, name, "has a '%' that two hexadecimal digits have to follow");
    return put_field(q, bytes_of(q->room, n), bytes_of(second, m));
}

int query_put(struct buf *b, const struct pb_pool *pool, const struct pb_message *type,
              struct bytes query, const struct field_path *taken, size_t ntaken,
              const struct pb_field *body, char *ret_error)
{
    struct query q = { .out = b,
                       .pool = pool,
                       .type = type,
                       .taken = taken,
                       .ntaken = ntaken,
                       .body = body,
                       .error = ret_error };
    struct bytes name, value;
    int rv = 0;
    if (query.len == 0)
        return 0;
    q.room = malloc(query.len);
    if (q.room == NULL)
        return ENOMEM;
    while (rv == 0 && url_query_next(&query, &name, &value))
        rv = put_pair(&q, name, value);
    free(q.room);
    return rv;
}
