#include "import.h"

#include <assert.h>
#include <stdlib.h>

#include "answer.h"
#include "base/container.h"
#include "base/wire.h"
#include "import_errors.h"
#include "weir/loop.h"
#include "weir/server.h"

/* Fields of the responses of imports. */
enum {
    FIELD_IMPORTED = 1,
    FIELD_UPDATED = 2,
    FIELD_UNCHANGED = 3,
    FIELD_REJECTED = 4,
    FIELD_ERRORS = 5,
};

#define COUNTS_BYTES 64 /* more than the four of them */

struct import {
    struct stream *stream; /* NULL once it is closed */
    const struct import_kind *kind;
    int64_t records; /* received */
    int64_t imported, updated, unchanged;
    struct import_errors errors;
    size_t batches; /* with the writer, and the memory they take */
    size_t bytes;
    bool reading, ended;
    bool over; /* answered, or failed */
};

struct item {
    ProtobufCMessage *message; /* until it is encoded */
    int64_t number;            /* of the record, over the whole stream */
};

/* One request's records on their way through the store; one allocation, apart
 * from `data`. */
struct upsert {
    struct write_batch batch;
    struct import *import;
    uint8_t *data; /* groups, ids and values */
    size_t data_bytes;
    size_t bytes; /* all in all */
    struct item *items;
    struct write_record records[];
};

/* --- Records of a request ----------------------------------------------------------- */

/* The repeated messages that are field 1 of a request, whatever its type. What
 * is decoded is ours alone, so checks may change it. */
static ProtobufCMessage **records_of(const ProtobufCMessage *request, size_t *ret_n)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field(request->descriptor, 1);
    const char *base = (const char *)request;
    *ret_n = *(const size_t *)(base + f->quantifier_offset);
    return *(ProtobufCMessage * *const *)(base + f->offset);
}

/* The encoded form of the next record of a request. */
static struct bytes next_raw(struct bytes *rest)
{
    struct wire_field f;
    while (wire_next(rest, &f))
        if (f.number == 1 && f.type == WIRE_BYTES)
            return f.bytes;
    return (struct bytes){ 0 };
}

bool import_check_id(const char *field, const char *id, struct status *why)
{
    size_t len = strlen(id);
    if (len == 0)
        *why = status_of(STATUS_INVALID_ARGUMENT, "%s is empty", field);
    else if (len > STORE_ID_MAX)
        *why = status_of(STATUS_INVALID_ARGUMENT, "%s has %zu bytes, and at most %d are allowed",
                         field, len, STORE_ID_MAX);
    return len > 0 && len <= STORE_ID_MAX;
}

static bool check(struct import *im, ProtobufCMessage *record, struct bytes raw,
                  struct write_record *ret, struct status *why)
{
    const char *bad = wire_bad_text(record->descriptor, raw);
    if (bad != NULL) {
        *why = status_of(STATUS_INVALID_ARGUMENT, "%s is not valid text: UTF-8 without NUL", bad);
        return false;
    }
    return im->kind->check(record, ret, why);
}

/* Fills it with the records that pass. */
static void check_records(struct import *im, struct upsert *u, const ProtobufCMessage *request,
                          struct bytes raw)
{
    size_t n;
    ProtobufCMessage **records = records_of(request, &n);
    im->stream->in.records += n;
    for (size_t i = 0; i < n; i++) {
        struct write_record *r = &u->records[u->batch.nrecords];
        struct status why;
        int64_t number = im->records++;
        if (!check(im, records[i], next_raw(&raw), r, &why)) {
            import_errors_add(&im->errors, number, &why);
            continue;
        }
        r->value.len = protobuf_c_message_get_packed_size(records[i]);
        u->items[u->batch.nrecords++] = (struct item){ records[i], number };
        u->data_bytes += r->group.len + r->id.len + r->value.len;
    }
}

static uint8_t *keep(uint8_t *to, struct bytes *b)
{
    if (b->len > 0)
        memcpy(to, b->data, b->len);
    b->data = to;
    return to + b->len;
}

/* Copies what was checked out of the request, which is about to go. */
static bool keep_records(struct upsert *u)
{
    u->data = malloc(u->data_bytes);
    if (u->data == NULL)
        return false;
    u->bytes += u->data_bytes;
    uint8_t *to = u->data;
    for (size_t i = 0; i < u->batch.nrecords; i++) {
        struct write_record *r = &u->records[i];
        to = keep(to, &r->group);
        to = keep(to, &r->id);
        r->value.data = to;
        to += protobuf_c_message_pack(u->items[i].message, to);
        u->items[i].message = NULL;
    }
    assert(to == u->data + u->data_bytes);
    return true;
}

static void upsert_free(struct upsert *u)
{
    free(u->data);
    free(u);
}

static struct upsert *upsert_new(size_t n)
{
    size_t bytes = sizeof(struct upsert) + n * (sizeof(struct write_record) + sizeof(struct item));
    struct upsert *u = calloc(1, bytes);
    if (u != NULL) {
        u->bytes = bytes;
        u->batch.records = u->records;
        u->items = (struct item *)&u->records[n];
    }
    return u;
}

/* --- The call ----------------------------------------------------------------------- */

static void fail(struct import *im, enum status_code code, const char *message)
{
    if (im->over || im->stream == NULL)
        return;
    im->over = true;
    stream_fail(im->stream, code, "%s", message);
}

static bool put_count(struct buf *b, unsigned field, int64_t n)
{
    return n == 0 || wire_append_varint(b, field, (uint64_t)n); /* proto3: 0 is not sent */
}

static bool put_error(struct buf **b, const struct import_error *e)
{
    const int32_t index = e->number < INT32_MAX ? (int32_t)e->number : INT32_MAX;
    return answer_put_error(b, FIELD_ERRORS, index, e->code, e->message);
}

/* NULL: out of memory. */
static struct buf *response_of(const struct import *im)
{
    struct buf *b = buf_new(COUNTS_BYTES);
    bool whole = b != NULL && put_count(b, FIELD_IMPORTED, im->imported) &&
                 put_count(b, FIELD_UPDATED, im->updated) &&
                 put_count(b, FIELD_UNCHANGED, im->unchanged) &&
                 put_count(b, FIELD_REJECTED, im->errors.total);
    for (size_t i = 0; whole && i < im->errors.n; i++)
        whole = put_error(&b, &im->errors.first[i]);
    if (whole)
        return b;
    buf_unref(b);
    return NULL;
}

static void answer(struct import *im)
{
    struct buf *b = response_of(im);
    if (b == NULL || stream_send(im->stream, b, 0, b->len, STREAM_LAST) != 0)
        fail(im, STATUS_RESOURCE_EXHAUSTED, "out of memory");
    buf_unref(b);
    im->over = true;
}

/* Does what there is to do next. May free @im, so it comes last. */
static void tick(struct import *im)
{
    if (im->stream == NULL) {
        if (im->batches > 0)
            return;
        import_errors_close(&im->errors);
        free(im);
    } else if (im->over || im->reading) {
        return;
    } else if (!im->ended && im->batches < IMPORT_BATCHES && im->bytes < IMPORT_BYTES) {
        im->reading = true;
        stream_read(im->stream);
    } else if (im->ended && im->batches == 0) {
        answer(im);
    }
}

static void count_foreign(struct import *im, const struct upsert *u, size_t i)
{
    const struct write_record *r = &u->records[i];
    struct status why =
        status_of(STATUS_ALREADY_EXISTS, "%s %.*s belongs to another %s", im->kind->id_name,
                  (int)r->id.len, (const char *)r->id.data, im->kind->group_name);
    import_errors_add(&im->errors, u->items[i].number, &why);
}

/* Counts what became of the records; whether any is new or changed. */
static bool count(struct import *im, const struct upsert *u)
{
    int64_t before = im->imported + im->updated;
    for (size_t i = 0; i < u->batch.nrecords; i++) {
        switch (u->records[i].result) {
        case WRITE_NEW:
            im->imported++;
            break;
        case WRITE_UPDATED:
            im->updated++;
            break;
        case WRITE_UNCHANGED:
            im->unchanged++;
            break;
        case WRITE_FOREIGN:
            count_foreign(im, u, i);
            break;
        case WRITE_DELETED:
        case WRITE_MISSING:
            break; /* nothing is deleted here */
        }
    }
    return im->imported + im->updated > before;
}

static void on_committed(struct write_batch *batch)
{
    struct upsert *u = container_of(batch, struct upsert, batch);
    struct import *im = u->import;
    im->batches--;
    im->bytes -= u->bytes;
    if (batch->error[0] != '\0')
        fail(im, batch->full ? STATUS_RESOURCE_EXHAUSTED : STATUS_INTERNAL, batch->error);
    else if (count(im, u) && im->kind->changed != NULL)
        im->kind->changed(batch->loop, batch);
    upsert_free(u);
    tick(im);
}

static void hand_over(struct import *im, struct upsert *u)
{
    u->import = im;
    u->batch.loop = im->stream->loop;
    u->batch.done = on_committed;
    im->batches++;
    im->bytes += u->bytes;
    store_write(im->kind->store(im->stream->loop), &u->batch);
}

/* --- The stream --------------------------------------------------------------------- */

void import_on_open(struct stream *s)
{
    struct import *im = stream_new_data(s, sizeof *im);
    if (im == NULL)
        return;
    im->stream = s;
    im->kind = s->method->data;
    tick(im);
}

void import_on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    struct import *im = s->data;
    im->reading = false;
    if (im->over)
        return;
    size_t n;
    records_of(message, &n);
    struct upsert *u = upsert_new(n);
    if (u == NULL) {
        fail(im, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    check_records(im, u, message, bytes);
    if (u->batch.nrecords == 0) {
        upsert_free(u);
    } else if (keep_records(u)) {
        hand_over(im, u);
    } else {
        upsert_free(u);
        fail(im, STATUS_RESOURCE_EXHAUSTED, "out of memory");
    }
    tick(im);
}

void import_on_end(struct stream *s)
{
    struct import *im = s->data;
    im->reading = false;
    im->ended = true;
    tick(im);
}

void import_on_close(struct stream *s, const struct status *status)
{
    struct import *im = s->data;
    (void)status;
    if (im == NULL)
        return;
    im->stream = NULL;
    tick(im);
}
