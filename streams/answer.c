#include "answer.h"

#include "weir/stream.h"
#include "wire_put.h"

/* Fields of the responses of listings, and of what is in them. */
enum {
    FIELD_RECORDS = 1,
    FIELD_TOKEN = 2,
    FIELD_REQUEST_INDEX = 3,
    FIELD_UNRESOLVED = 4,
    FIELD_ERRORS = 5,
    FIELD_LAST = 6,
    FIELD_TOTAL_SIZE = 7,
    FIELD_CAUGHT_UP = 8,
    FIELD_DELETED = 9,

    FIELD_AUTHOR = 2, /* of a record */

    FIELD_ERROR_INDEX = 1, /* of a RequestError */
    FIELD_ERROR_CODE = 2,
    FIELD_ERROR_MESSAGE = 3,
};

/* A draft keeps so much for the fields of its next messages. */
#define EXTRA_KEPT_BYTES 1024

/* Key and varint, for each of the fields of a trailer but the token. */
#define TRAILER_BYTES (4 * (1 + WIRE_PUT_VARINT_MAX))

void chunk_clear(struct chunk *c)
{
    buf_unref(c->buf);
    *c = (struct chunk){ 0 };
}

static uint8_t *reserve(struct buf **b, size_t expect_bytes, size_t n)
{
    if (*b == NULL)
        *b = buf_new(n > expect_bytes ? n : expect_bytes);
    return *b == NULL ? NULL : buf_reserve(*b, n);
}

/* The draft's record or fields go here: behind what it has, or its head. */
static uint8_t *reserve_in_draft(const struct draft *d, struct chunk *c, size_t n)
{
    uint8_t *to = reserve(&c->buf, c->expect_bytes, STREAM_HEAD_BYTES + n);
    if (to == NULL)
        return NULL;
    return c->buf->len == d->from ? to + STREAM_HEAD_BYTES : to;
}

static void advance(struct buf *b, const uint8_t *to)
{
    b->len = (size_t)(to - b->data);
}

bool draft_put_record(struct draft *d, struct chunk *c, struct bytes record, struct bytes author)
{
    const size_t len = record.len + (author.len > 0 ? wire_put_bytes_size(author.len) : 0);
    uint8_t *to = reserve_in_draft(d, c, wire_put_bytes_size(len));
    if (to == NULL)
        return false;
    to = wire_put_key(to, FIELD_RECORDS, WIRE_BYTES);
    to = wire_put_varint(to, len);
    memcpy(to, record.data, record.len);
    to += record.len;
    if (author.len > 0)
        to = wire_put_bytes(to, FIELD_AUTHOR, author);
    advance(c->buf, to);
    d->records++;
    return true;
}

static bool put_id(struct draft *d, unsigned field, struct bytes id)
{
    uint8_t *to = reserve(&d->extra, 0, wire_put_bytes_size(id.len));
    if (to == NULL)
        return false;
    advance(d->extra, wire_put_bytes(to, field, id));
    return true;
}

bool draft_put_unresolved(struct draft *d, struct bytes user_id)
{
    return put_id(d, FIELD_UNRESOLVED, user_id);
}

bool draft_put_deleted(struct draft *d, struct bytes id)
{
    if (!put_id(d, FIELD_DELETED, id))
        return false;
    d->deleted++;
    return true;
}

bool answer_put_error(struct buf **b, unsigned field, int32_t request_index, enum status_code why,
                      const char *message)
{
    const struct bytes text = bytes_of_text(message);
    const uint64_t index = (uint64_t)request_index, code = (uint64_t)why;
    const size_t len = 1 + wire_put_varint_size(index) + 1 + wire_put_varint_size(code) +
                       wire_put_bytes_size(text.len);
    uint8_t *to = reserve(b, 0, wire_put_bytes_size(len));
    if (to == NULL)
        return false;
    to = wire_put_key(to, field, WIRE_BYTES);
    to = wire_put_varint(to, len);
    to = wire_put_key(to, FIELD_ERROR_INDEX, WIRE_VARINT);
    to = wire_put_varint(to, index);
    to = wire_put_key(to, FIELD_ERROR_CODE, WIRE_VARINT);
    to = wire_put_varint(to, code);
    advance(*b, wire_put_bytes(to, FIELD_ERROR_MESSAGE, text));
    return true;
}

bool draft_put_error(struct draft *d, int32_t request_index, const struct status *status)
{
    return answer_put_error(&d->extra, FIELD_ERRORS, request_index, status->code, status->message);
}

static uint8_t *put_number(uint8_t *to, unsigned field, uint64_t value)
{
    if (value == 0) /* proto3: a default is not sent */
        return to;
    to = wire_put_key(to, field, WIRE_VARINT);
    return wire_put_varint(to, value);
}

static uint8_t *put_trailer(uint8_t *to, const struct trailer *t)
{
    if (t->token.len > 0)
        to = wire_put_bytes(to, FIELD_TOKEN, t->token);
    if (t->plain)
        return to;
    to = put_number(to, FIELD_REQUEST_INDEX, (uint64_t)t->request_index);
    to = put_number(to, FIELD_LAST, t->last);
    to = put_number(to, FIELD_TOTAL_SIZE, t->total_size);
    return put_number(to, FIELD_CAUGHT_UP, t->caught_up);
}

bool draft_close(struct draft *d, struct chunk *c, const struct trailer *t)
{
    const struct bytes extra = d->extra == NULL ? bytes_of("", 0) : buf_bytes(d->extra);
    uint8_t *to =
        reserve_in_draft(d, c, extra.len + wire_put_bytes_size(t->token.len) + TRAILER_BYTES);
    if (to == NULL)
        return false;
    if (extra.len > 0)
        memcpy(to, extra.data, extra.len);
    advance(c->buf, put_trailer(to + extra.len, t));
    c->last_bytes = c->buf->len - d->from;
    stream_put_head(c->buf->data + d->from, c->last_bytes - STREAM_HEAD_BYTES);
    c->messages++;
    c->records += d->records;
    d->from = c->buf->len;
    d->records = d->deleted = 0;
    if (d->extra != NULL)
        d->extra->len = 0;
    if (d->extra != NULL && d->extra->cap > EXTRA_KEPT_BYTES) {
        buf_unref(d->extra); /* what follows may be idle for long */
        d->extra = NULL;
    }
    return true;
}

size_t draft_bytes(const struct draft *d, const struct chunk *c)
{
    const size_t extra = d->extra == NULL ? 0 : d->extra->len;
    if (c->buf == NULL || c->buf->len == d->from)
        return extra;
    return c->buf->len - d->from - STREAM_HEAD_BYTES + extra;
}

void draft_clear(struct draft *d)
{
    buf_unref(d->extra);
    *d = (struct draft){ 0 };
}
