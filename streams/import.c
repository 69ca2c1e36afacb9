#include "import.h"

#include <assert.h>
#include <stdlib.h>

#include "answer.h"
#include "base/container.h"
#include "base/wire.h"
#include "import_errors.h"
#include "import_users.h"
#include "weir/server.h"

/* Fields of the responses of imports. */
enum {
    FIELD_IMPORTED = 1,
    FIELD_UPDATED = 2,
    FIELD_UNCHANGED = 3,
    FIELD_REJECTED = 4,
    FIELD_ERRORS = 5,
    FIELD_UNRESOLVED = 6,
    FIELD_UNRESOLVED_USER_IDS = 7,
    FIELD_USERS_UNCHECKED = 8,
};

#define COUNTS_BYTES 80 /* more than those of them that are numbers */

struct import {
    struct writing writing;
    const struct import_kind *kind;
    int64_t records; /* received */
    int64_t imported, updated, unchanged;
    struct import_errors errors;

    enum unknown_users unknown; /* of the request at hand */
    struct import_users users;
    bool unchecked; /* User was not asked for all that was to be counted */
};

struct item {
    ProtobufCMessage *message; /* until it is encoded */
    int64_t number;            /* of the record, over the whole stream */
};

/* One allocation, apart from its data: groups, ids and values. */
struct upsert {
    struct writing_batch base;
    size_t data_bytes;
    struct item *items;
    struct write_record records[];
};

static struct import *import_of(struct writing *w)
{
    return container_of(w, struct import, writing);
}

/* --- Records of a request ----------------------------------------------------------- */

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
    /* What is decoded is ours alone, so checks may change it. */
    ProtobufCMessage *const *records = writing_list(request, &n);
    im->writing.stream->in.records += n;
    for (size_t i = 0; i < n; i++) {
        struct write_record *r = &u->records[u->base.batch.nrecords];
        struct status why;
        int64_t number = im->records++;
        if (!check(im, records[i], next_raw(&raw), r, &why)) {
            import_errors_add(&im->errors, number, &why);
            continue;
        }
        r->value.len = protobuf_c_message_get_packed_size(records[i]);
        u->items[u->base.batch.nrecords++] = (struct item){ records[i], number };
        u->data_bytes += r->group.len + r->id.len + r->value.len;
    }
}

/* Copies what was checked out of the request, which is about to go. */
static bool keep_records(struct upsert *u)
{
    uint8_t *to = malloc(u->data_bytes);
    if (to == NULL)
        return false;
    u->base.data = to;
    u->base.bytes += u->data_bytes;
    for (size_t i = 0; i < u->base.batch.nrecords; i++) {
        struct write_record *r = &u->records[i];
        to = writing_keep(to, &r->group);
        to = writing_keep(to, &r->id);
        r->value.data = to;
        to += protobuf_c_message_pack(u->items[i].message, to);
        u->items[i].message = NULL;
    }
    assert(to == u->base.data + u->data_bytes);
    return true;
}

static struct upsert *upsert_new(size_t n)
{
    size_t bytes = sizeof(struct upsert) + n * (sizeof(struct write_record) + sizeof(struct item));
    struct upsert *u = calloc(1, bytes);
    if (u != NULL) {
        u->base.bytes = bytes;
        u->base.batch.records = u->records;
        u->items = (struct item *)&u->records[n];
    }
    return u;
}

static struct writing_batch *batch_of(struct writing *w, const ProtobufCMessage *request,
                                      struct bytes raw, struct status *why)
{
    size_t n;
    struct import *im = import_of(w);
    writing_list(request, &n);
    im->unknown = im->kind->unknown != NULL ? im->kind->unknown(request) : UNKNOWN_STORE;
    struct upsert *u = upsert_new(n);
    if (u == NULL) {
        *why = status_no_memory();
        return NULL;
    }
    check_records(im, u, request, raw);
    if (u->base.batch.nrecords > 0 && keep_records(u))
        return &u->base;
    if (u->base.batch.nrecords > 0)
        *why = status_no_memory();
    writing_batch_free(&u->base);
    return NULL;
}

/* --- Its users ---------------------------------------------------------------------- */

static struct bytes group_of(const void *arg, size_t i)
{
    return ((const struct upsert *)arg)->records[i].group;
}

static void reject_unknown(struct import *im, const struct write_record *r, int64_t number)
{
    struct status why = status_of(STATUS_NOT_FOUND, "there is no %s %.*s", im->kind->group_name,
                                  (int)r->group.len, (const char *)r->group.data);
    import_errors_add(&im->errors, number, &why);
}

/* Counts those of unknown users, and keeps them or not. */
static void sort_out(struct import *im, struct upsert *u)
{
    size_t kept = 0;
    for (size_t i = 0; i < u->base.batch.nrecords; i++) {
        if (!import_users_check(&im->users, i) && im->unknown == UNKNOWN_REJECT) {
            reject_unknown(im, &u->records[i], u->items[i].number);
            continue;
        }
        u->records[kept] = u->records[i];
        u->items[kept++] = u->items[i];
    }
    u->base.batch.nrecords = kept;
    import_users_stop(&im->users);
}

static void on_users_known(struct import_users *users)
{
    struct import *im = container_of(users, struct import, users);
    sort_out(im, container_of(im->writing.held, struct upsert, base));
    writing_go_on(&im->writing);
}

static void on_users_failed(struct import_users *users, const struct status *status)
{
    struct import *im = container_of(users, struct import, users);
    if (im->unknown == UNKNOWN_REJECT) {
        writing_fail(&im->writing, status);
        return;
    }
    im->unchecked = true;
    writing_go_on(&im->writing);
}

/* Who only counts does not wait for a User who is away, and not more than once. */
static bool asks(struct import *im, const struct resolver *resolver)
{
    if (im->unknown == UNKNOWN_COUNT)
        im->unchecked |= resolver_stats(resolver).connected == 0;
    return im->unknown == UNKNOWN_REJECT || (im->unknown == UNKNOWN_COUNT && !im->unchecked);
}

static bool hold(struct writing *w, struct writing_batch *b)
{
    struct import *im = import_of(w);
    struct upsert *u = container_of(b, struct upsert, base);
    if (im->unknown == UNKNOWN_STORE)
        return false;
    struct resolver *resolver = im->kind->resolver(w->stream->loop);
    if (!asks(im, resolver))
        return false;
    im->users.known = on_users_known;
    im->users.failed = on_users_failed;
    if (import_users_ask(&im->users, resolver, b->batch.nrecords, group_of, u) != 0) {
        stream_fail_memory(w->stream);
        return true; /* until it is closed */
    }
    if (import_users_waits(&im->users))
        return true;
    sort_out(im, u);
    return false;
}

static void unhold(struct writing *w)
{
    import_users_stop(&import_of(w)->users);
}

/* --- The response ------------------------------------------------------------------- */

static bool put_error(struct buf **b, const struct import_error *e)
{
    const int32_t index = e->number < INT32_MAX ? (int32_t)e->number : INT32_MAX;
    return answer_put_error(b, FIELD_ERRORS, index, e->code, e->message);
}

static bool put_users(struct buf *b, const struct import *im)
{
    bool whole = writing_put_count(b, FIELD_UNRESOLVED, im->users.unresolved) &&
                 writing_put_count(b, FIELD_USERS_UNCHECKED, im->unchecked);
    for (size_t i = 0; whole && i < im->users.nids; i++)
        whole = wire_append_bytes(b, FIELD_UNRESOLVED_USER_IDS, bytes_of_text(im->users.ids[i]));
    return whole;
}

/* NULL: out of memory. */
static struct buf *response_of(const struct writing *w)
{
    const struct import *im = container_of(w, const struct import, writing);
    struct buf *b = buf_new(COUNTS_BYTES);
    bool whole = b != NULL && writing_put_count(b, FIELD_IMPORTED, im->imported) &&
                 writing_put_count(b, FIELD_UPDATED, im->updated) &&
                 writing_put_count(b, FIELD_UNCHANGED, im->unchanged) &&
                 writing_put_count(b, FIELD_REJECTED, im->errors.total);
    for (size_t i = 0; whole && i < im->errors.n; i++)
        whole = put_error(&b, &im->errors.first[i]);
    whole = whole && put_users(b, im);
    if (whole)
        return b;
    buf_unref(b);
    return NULL;
}

static void count_foreign(struct import *im, const struct upsert *u, size_t i)
{
    const struct write_record *r = &u->records[i];
    struct status why =
        status_of(STATUS_ALREADY_EXISTS, "%s %.*s belongs to another %s", im->kind->id_name,
                  (int)r->id.len, (const char *)r->id.data, im->kind->group_name);
    import_errors_add(&im->errors, u->items[i].number, &why);
}

static void count(struct writing *w, const struct writing_batch *b)
{
    const struct upsert *u = container_of(b, const struct upsert, base);
    struct import *im = import_of(w);
    for (size_t i = 0; i < u->base.batch.nrecords; i++) {
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
}

/* --- The call ----------------------------------------------------------------------- */

static void close_import(struct writing *w)
{
    import_errors_close(&import_of(w)->errors);
    import_users_close(&import_of(w)->users);
}

static const struct writing_content content = {
    .bytes = sizeof(struct import),
    .batch = batch_of,
    .hold = hold,
    .unhold = unhold,
    .count = count,
    .response = response_of,
    .close = close_import,
};

void import_on_open(struct stream *s)
{
    const struct import_kind *kind = s->method->data;
    struct writing *w = writing_open(s, &content, kind->store);
    if (w != NULL)
        import_of(w)->kind = kind;
}
