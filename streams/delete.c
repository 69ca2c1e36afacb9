#include "delete.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/wire.h"
#include "weir/server.h"

/* Fields of the responses of deletions. */
enum { FIELD_DELETED = 1, FIELD_MISSING = 2 };

#define COUNTS_BYTES 32 /* more than the two of them */

struct deletion {
    struct writing writing;
    int64_t deleted, missing;
};

/* With the ids behind the records, in one allocation. */
struct doomed {
    struct writing_batch base;
    struct write_record records[];
};

/* --- Ids of a request --------------------------------------------------------------- */

static const char *name_of_ids(const ProtobufCMessage *request)
{
    return protobuf_c_message_descriptor_get_field(request->descriptor, 1)->name;
}

static bool check_length(const char *field, size_t len, struct status *why)
{
    if (len == 0)
        *why = status_invalid(field, "FIELD_EMPTY", "one of %s is empty", field);
    else if (len > STORE_ID_MAX)
        *why = status_invalid(field, "FIELD_TOO_LONG",
                              "one of %s has %zu bytes, and at most %d are allowed", field, len,
                              STORE_ID_MAX);
    return len > 0 && len <= STORE_ID_MAX;
}

/* Whether all can be ids, and how many bytes they have. */
static bool check_ids(const ProtobufCMessage *request, struct bytes raw, size_t *ret_bytes,
                      struct status *why)
{
    size_t n;
    char *const *ids = writing_list(request, &n);
    const char *field = name_of_ids(request);
    if (n > DELETE_IDS_MAX)
        *why =
            status_invalid(field, "TOO_MANY", "%zu %s in one request, and at most %d are allowed",
                           n, field, DELETE_IDS_MAX);
    else if (wire_bad_text(request->descriptor, raw) != NULL)
        *why = status_invalid(field, "FIELD_NOT_TEXT",
                              "one of %s is not valid text: UTF-8 without NUL", field);
    if (why->code != STATUS_OK)
        return false;
    *ret_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t len = strlen(ids[i]);
        *ret_bytes += len;
        if (!check_length(field, len, why))
            return false;
    }
    return true;
}

/* NULL: out of memory. */
static struct writing_batch *batch_new(char *const *ids, size_t n, size_t ids_bytes)
{
    const size_t bytes = sizeof(struct doomed) + n * sizeof(struct write_record) + ids_bytes;
    struct doomed *d = calloc(1, bytes);
    if (d == NULL)
        return NULL;
    uint8_t *to = (uint8_t *)&d->records[n];
    for (size_t i = 0; i < n; i++) {
        d->records[i] = (struct write_record){ .op = WRITE_DELETE, .id = bytes_of_text(ids[i]) };
        to = writing_keep(to, &d->records[i].id);
    }
    d->base.bytes = bytes;
    d->base.batch.records = d->records;
    d->base.batch.nrecords = n;
    return &d->base;
}

static struct writing_batch *batch_of(struct writing *w, const ProtobufCMessage *request,
                                      struct bytes raw, struct status *why)
{
    size_t n, bytes;
    char *const *ids = writing_list(request, &n);
    w->stream->in.records += n;
    if (n == 0 || !check_ids(request, raw, &bytes, why))
        return NULL;
    struct writing_batch *b = batch_new(ids, n, bytes);
    if (b == NULL)
        *why = status_no_memory();
    return b;
}

/* --- The response ------------------------------------------------------------------- */

static void count(struct writing *w, const struct writing_batch *b)
{
    struct deletion *d = container_of(w, struct deletion, writing);
    for (size_t i = 0; i < b->batch.nrecords; i++) {
        if (b->batch.records[i].result == WRITE_DELETED)
            d->deleted++;
        else
            d->missing++;
    }
}

static struct buf *response_of(const struct writing *w)
{
    const struct deletion *d = container_of(w, const struct deletion, writing);
    struct buf *b = buf_new(COUNTS_BYTES);
    if (b != NULL && writing_put_count(b, FIELD_DELETED, d->deleted) &&
        writing_put_count(b, FIELD_MISSING, d->missing))
        return b;
    buf_unref(b);
    return NULL;
}

static const struct writing_content content = {
    .bytes = sizeof(struct deletion),
    .batch = batch_of,
    .count = count,
    .response = response_of,
};

void delete_on_open(struct stream *s)
{
    const struct delete_kind *kind = s->method->data;
    writing_open(s, &content, kind->store);
}
