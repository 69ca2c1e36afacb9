#include "import.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/wire.h"
#include "import_errors.h"
#include "v1/post/post.pb-c.h"
#include "weir/loop.h"
#include "weir/server.h"

struct import {
    struct stream *stream; /* NULL once it is closed */
    const struct import_row *row;
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
struct chunk {
    struct import_batch batch;
    struct import *import;
    uint8_t *data; /* groups, ids and values */
    size_t data_bytes;
    size_t bytes; /* all in all */
    struct item *items;
    struct import_record records[];
};

/* --- Records of a request ------------------------------------------------------------- */

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
                  struct import_record *ret, struct status *why)
{
    const char *bad = wire_bad_text(record->descriptor, raw);
    if (bad != NULL) {
        *why = status_of(STATUS_INVALID_ARGUMENT, "%s is not valid text: UTF-8 without NUL", bad);
        return false;
    }
    return im->row->check(record, ret, why);
}

/* Fills the chunk with the records that pass. */
static void check_records(struct import *im, struct chunk *c, const ProtobufCMessage *request,
                          struct bytes raw)
{
    size_t n;
    ProtobufCMessage **records = records_of(request, &n);
    im->stream->in.records += n;
    for (size_t i = 0; i < n; i++) {
        struct import_record *r = &c->records[c->batch.nrecords];
        struct status why;
        int64_t number = im->records++;
        if (!check(im, records[i], next_raw(&raw), r, &why)) {
            import_errors_add(&im->errors, number, &why);
            continue;
        }
        r->value.len = protobuf_c_message_get_packed_size(records[i]);
        c->items[c->batch.nrecords++] = (struct item){ records[i], number };
        c->data_bytes += r->group.len + r->id.len + r->value.len;
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
static bool keep_records(struct chunk *c)
{
    c->data = malloc(c->data_bytes);
    if (c->data == NULL)
        return false;
    c->bytes += c->data_bytes;
    uint8_t *to = c->data;
    for (size_t i = 0; i < c->batch.nrecords; i++) {
        struct import_record *r = &c->records[i];
        to = keep(to, &r->group);
        to = keep(to, &r->id);
        r->value.data = to;
        to += protobuf_c_message_pack(c->items[i].message, to);
        c->items[i].message = NULL;
    }
    assert(to == c->data + c->data_bytes);
    return true;
}

static void chunk_free(struct chunk *c)
{
    free(c->data);
    free(c);
}

static struct chunk *chunk_new(size_t n)
{
    size_t bytes = sizeof(struct chunk) + n * (sizeof(struct import_record) + sizeof(struct item));
    struct chunk *c = calloc(1, bytes);
    if (c != NULL) {
        c->bytes = bytes;
        c->batch.records = c->records;
        c->items = (struct item *)&c->records[n];
    }
    return c;
}

/* --- The call ---------------------------------------------------------------------------- */

static void fail(struct import *im, enum status_code code, const char *message)
{
    if (im->over || im->stream == NULL)
        return;
    im->over = true;
    stream_fail(im->stream, code, "%s", message);
}

/* The responses of all imports have the same fields (a test compares them), so
 * one of them serves for all. */
static void answer(struct import *im)
{
    V1__Post__ImportPostsResponse response = V1__POST__IMPORT_POSTS_RESPONSE__INIT;
    V1__Post__RequestError errors[IMPORT_ERRORS_MAX], *list[IMPORT_ERRORS_MAX];
    response.imported = im->imported;
    response.updated = im->updated;
    response.unchanged = im->unchanged;
    response.rejected = im->errors.total;
    response.errors = list;
    response.n_errors = im->errors.n;
    for (size_t i = 0; i < im->errors.n; i++) {
        const struct import_error *e = &im->errors.first[i];
        v1__post__request_error__init(&errors[i]);
        errors[i].request_index = e->number < INT32_MAX ? (int32_t)e->number : INT32_MAX;
        errors[i].code = e->code;
        errors[i].message = e->message;
        list[i] = &errors[i];
    }
    if (stream_send_message(im->stream, &response.base, STREAM_LAST) != 0)
        fail(im, STATUS_RESOURCE_EXHAUSTED, "out of memory");
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

static void count_foreign(struct import *im, const struct chunk *c, size_t i)
{
    const struct import_record *r = &c->records[i];
    struct status why =
        status_of(STATUS_ALREADY_EXISTS, "%s %.*s belongs to another %s", im->row->id_name,
                  (int)r->id.len, (const char *)r->id.data, im->row->group_name);
    import_errors_add(&im->errors, c->items[i].number, &why);
}

/* Counts what became of the records; whether any is new or changed. */
static bool count(struct import *im, const struct chunk *c)
{
    int64_t before = im->imported + im->updated;
    for (size_t i = 0; i < c->batch.nrecords; i++) {
        switch (c->records[i].result) {
        case IMPORT_NEW:
            im->imported++;
            break;
        case IMPORT_UPDATED:
            im->updated++;
            break;
        case IMPORT_UNCHANGED:
            im->unchanged++;
            break;
        case IMPORT_FOREIGN:
            count_foreign(im, c, i);
            break;
        }
    }
    return im->imported + im->updated > before;
}

static void on_committed(struct import_batch *batch)
{
    struct chunk *c = container_of(batch, struct chunk, batch);
    struct import *im = c->import;
    im->batches--;
    im->bytes -= c->bytes;
    if (batch->error[0] != '\0')
        fail(im, batch->full ? STATUS_RESOURCE_EXHAUSTED : STATUS_INTERNAL, batch->error);
    else if (count(im, c) && im->row->changed != NULL)
        im->row->changed(batch->loop, batch);
    chunk_free(c);
    tick(im);
}

static void hand_over(struct import *im, struct chunk *c)
{
    c->import = im;
    c->batch.loop = im->stream->loop;
    c->batch.done = on_committed;
    im->batches++;
    im->bytes += c->bytes;
    store_import(im->row->store(im->stream->loop), &c->batch);
}

/* --- The stream ------------------------------------------------------------------------------ */

void import_on_open(struct stream *s)
{
    struct import *im = calloc(1, sizeof *im);
    s->data = im;
    if (im == NULL) {
        stream_fail_memory(s);
        return;
    }
    im->stream = s;
    im->row = s->method->row;
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
    struct chunk *c = chunk_new(n);
    if (c == NULL) {
        fail(im, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    check_records(im, c, message, bytes);
    if (c->batch.nrecords == 0) {
        chunk_free(c);
    } else if (keep_records(c)) {
        hand_over(im, c);
    } else {
        chunk_free(c);
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
