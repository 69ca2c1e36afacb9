/* Answers of many messages: each on a line of its own, or all in one array. */
#include <errno.h>

#include "rest_internal.h"

static bool put(struct buf *to, const char *text)
{
    return buf_append(to, bytes_of_text(text));
}

/* --- Lines -------------------------------------------------------------------------- */

static void head_of_lines(const struct dialect_call *d, struct answer *a,
                          const struct status *status)
{
    const struct status last = status != NULL ? rest_end_of(d, status) : status_ok();
    if (last.code != STATUS_OK)
        rest_head_of_error(d, a, &last);
    else
        rest_put_type(d, a, "application/x-ndjson");
}

/* A message that cannot be said leaves no line. */
static bool encode_line(const struct dialect_call *d, struct bytes message, struct buf *to)
{
    const size_t before = to->len;
    if (!put(to, "{\"result\":"))
        return false;
    const int rv = rest_put_message(d, message, to);
    if (rv == EINVAL)
        to->len = before;
    return rv == EINVAL || (rv == 0 && put(to, "}\n"));
}

static bool put_error(const struct dialect_call *d, const struct status *status, struct buf *to)
{
    struct jsonout o = { .b = to, .max_len = SIZE_MAX, .first = true };
    jsonout_begin(&o, '{');
    jsonout_key(&o, bytes_of_text("error"));
    rest_put_status(d, &o, status);
    jsonout_end(&o, '}');
    return o.rv == 0;
}

/* By itself, before any message. */
static bool put_bare_error(const struct dialect_call *d, const struct status *status,
                           struct buf *to)
{
    struct jsonout o = { .b = to, .max_len = SIZE_MAX, .first = true };
    rest_put_status(d, &o, status);
    jsonout_literal(&o, "\n");
    return o.rv == 0;
}

static bool end_lines(const struct dialect_call *d, const struct status *status, bool started,
                      struct buf *to)
{
    const struct status last = rest_end_of(d, status);
    if (last.code == STATUS_OK)
        return true;
    if (!started)
        return put_bare_error(d, &last, to);
    return put_error(d, &last, to) && put(to, "\n");
}

/* --- An array ----------------------------------------------------------------------- */

static void head_of_array(const struct dialect_call *d, struct answer *a,
                          const struct status *status)
{
    const struct status last = status != NULL ? rest_end_of(d, status) : status_ok();
    if (last.code != STATUS_OK)
        rest_head_of_error(d, a, &last);
    else
        rest_put_type(d, a, "application/json");
}

/* What stands before an item. */
static const char *before_item(const struct dialect_call *d)
{
    return rest_of(d)->has_messages ? ",\n" : "[";
}

static bool encode_item(const struct dialect_call *d, struct bytes message, struct buf *to)
{
    const size_t before = to->len;
    if (!put(to, before_item(d)))
        return false;
    const int rv = rest_put_message(d, message, to);
    if (rv == EINVAL)
        to->len = before;
    return rv != ENOMEM;
}

static bool end_array(const struct dialect_call *d, const struct status *status, bool started,
                      struct buf *to)
{
    const struct status last = rest_end_of(d, status);
    if (last.code == STATUS_OK)
        return put(to, rest_of(d)->has_messages ? "]\n" : "[]\n");
    if (!started)
        return put_bare_error(d, &last, to);
    return put(to, before_item(d)) && put_error(d, &last, to) && put(to, "]\n");
}

/* --- The dialects ------------------------------------------------------------------- */

#define LINES(requests)                                                                            \
    {                                                                                              \
        .frames = (requests), .answer_frames = FRAMES_LINES, .decode = rest_decode,                \
        .head = head_of_lines, .encode = encode_line, .end = end_lines                             \
    }
#define ARRAY(requests)                                                                            \
    {                                                                                              \
        .frames = (requests), .answer_frames = FRAMES_LINES, .decode = rest_decode,                \
        .head = head_of_array, .encode = encode_item, .end = end_array                             \
    }

const struct dialect rest_lines = LINES(FRAMES_WHOLE);
const struct dialect rest_lines_of_lines = LINES(FRAMES_LINES);
const struct dialect rest_array = ARRAY(FRAMES_WHOLE);
const struct dialect rest_array_of_lines = ARRAY(FRAMES_LINES);
