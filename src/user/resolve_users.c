#include "resolve_users.h"

#include <errno.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/wire.h"
#include "streams/store_status.h"
#include "user_env.h"
#include "v1/user/user.pb-c.h"
#include "weir/news.h"

/* The field numbers of what is written by hand; a test decodes it. */
enum { RESPONSE_USERS = 1, RESPONSE_INVALIDATE_ALL = 2 };
enum { RESOLVED_USER_ID = 1, RESOLVED_NAME = 2, RESOLVED_FOUND = 3 };
enum { USER_NAME = 2 };

/* A request that waits for its answer. */
struct request {
    struct request *next;
    size_t n, answered;
    struct bytes ids[]; /* point behind the array */
};

struct resolve {
    struct stream *stream;
    struct user_env *env;

    struct request *requests, **requests_end;
    size_t nrequests;

    struct news_reader news;
    bool has_revision;
    uint64_t revision; /* changes up to it were told */
    bool behind;       /* there may be some after it */

    struct store_fetch fetch; /* of what the next message needs */
    bool fetching;
    bool again; /* there were news meanwhile, which it does not have */

    struct buf *built; /* waits for room on the stream */
    bool reading, ended, over;
};

/* --- What waits --------------------------------------------------------------------- */

static struct request *request_new(char *const *ids, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(ids[i]);
    struct request *q = malloc(sizeof *q + n * sizeof *q->ids + bytes);
    if (q == NULL)
        return NULL;
    q->next = NULL;
    q->n = n;
    q->answered = 0;
    uint8_t *to = (uint8_t *)&q->ids[n];
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(ids[i]);
        memcpy(to, ids[i], len);
        q->ids[i] = bytes_of(to, len);
        to += len;
    }
    return q;
}

static void add_request(struct resolve *r, struct request *q)
{
    *r->requests_end = q;
    r->requests_end = &q->next;
    r->nrequests++;
}

static void drop_request(struct resolve *r)
{
    struct request *q = r->requests;
    r->requests = q->next;
    if (r->requests == NULL)
        r->requests_end = &r->requests;
    r->nrequests--;
    free(q);
}

/* --- Messages ----------------------------------------------------------------------- */

static bool append_user(struct buf *b, struct bytes id, bool found, struct bytes name)
{
    size_t size = wire_bytes_size(RESOLVED_USER_ID, id.len) +
                  wire_bytes_size(RESOLVED_NAME, name.len) + (found ? 2 : 0);
    return wire_begin_bytes(b, RESPONSE_USERS, size) &&
           wire_append_bytes(b, RESOLVED_USER_ID, id) &&
           wire_append_bytes(b, RESOLVED_NAME, name) &&
           (!found || wire_append_varint(b, RESOLVED_FOUND, 1));
}

/* As many of the request's as were fetched. */
static bool append_users(struct resolve *r, struct buf *b, struct request *q, struct status *why)
{
    struct reader *reader = r->env->listing.reader;
    for (; q->answered < q->n; q->answered++) {
        const struct bytes id = q->ids[q->answered];
        struct bytes user = { 0 };
        const int found = reader_get(reader, id, &user);
        if (found == READER_MORE)
            return true;
        if (found < 0) {
            *why = status_of_store(reader, reader_error(reader));
            return false;
        }
        if (!append_user(b, id, found, wire_find(user, USER_NAME))) {
            *why = status_no_memory();
            return false;
        }
    }
    return true;
}

static void fail(struct resolve *r, const struct status *why)
{
    r->over = true;
    stream_finish(r->stream, why);
}

static struct buf *fail_unreadable(struct resolve *r, const char *error)
{
    const struct status why = status_of_store(r->env->listing.reader, error);
    fail(r, &why);
    return NULL;
}

static struct buf *fail_memory(struct resolve *r)
{
    const struct status why = status_no_memory();
    fail(r, &why);
    return NULL;
}

/* What the request asks for, as it is now, or a part of it. In a step of the reader. NULL: the
 * stream has failed. */
static struct buf *build_answer(struct resolve *r)
{
    struct status why = status_no_memory();
    struct request *q = r->requests;
    struct buf *b = buf_new(64 * (q->n - q->answered) + 1);
    if (b == NULL || !append_users(r, b, q, &why)) {
        buf_unref(b);
        fail(r, &why);
        return NULL;
    }
    if (q->answered == q->n)
        drop_request(r);
    return b;
}

/* --- Changes ------------------------------------------------------------------------ */

struct telling {
    struct change_visit visit;
    struct resolve *r;
    struct buf *b;
    size_t n;
    bool failed;
};

static bool tell(struct telling *t, const struct change *c, bool found, struct bytes user)
{
    t->n++;
    t->failed = !append_user(t->b, c->id, found, wire_find(user, USER_NAME));
    return !t->failed;
}

/* One that changed again since is told then. */
static bool visit_change(struct change_visit *visit, const struct change *c)
{
    struct telling *t = container_of(visit, struct telling, visit);
    struct reader *reader = t->r->env->listing.reader;
    struct bytes user = { 0 };
    struct position at;
    if (t->n == RESOLVE_IDS_MAX)
        return false;
    const int found = c->kind == CHANGE_PUT ? reader_put_value(reader, c, &user)
                                            : reader_place(reader, c->id, &at);
    t->failed = found < 0;
    if (found < 0)
        return false;
    return found == (c->kind == CHANGE_DELETE) || tell(t, c, found, user);
}

static struct buf *build_invalidate(struct resolve *r, uint64_t revision)
{
    struct buf *b = buf_new(4);
    if (b == NULL || !wire_append_varint(b, RESPONSE_INVALIDATE_ALL, 1)) {
        buf_unref(b);
        return fail_memory(r);
    }
    r->revision = revision;
    return b;
}

/* In a step of the reader. NULL: there is nothing to tell, or the stream has failed. */
static struct buf *build_changes(struct resolve *r)
{
    struct reader *reader = r->env->listing.reader;
    uint64_t last = 0;
    struct telling t = { .visit.change = visit_change, .r = r };
    if (reader_revision(reader, &last) < 0)
        return fail_unreadable(r, reader_error(reader));
    if (last - r->revision > CHANGES_MAX)
        return build_invalidate(r, last);
    t.b = buf_new(64);
    if (t.b == NULL)
        return fail_memory(r);
    const int rv = reader_changes(reader, &r->revision, &t.visit);
    r->behind = rv == 1 || rv == READER_MORE || r->again;
    r->again = false;
    if (rv != READER_EXPIRED && rv >= 0 && !t.failed && t.n > 0)
        return t.b;
    buf_unref(t.b);
    if (rv == READER_EXPIRED)
        return build_invalidate(r, last);
    if (rv < 0 || t.failed)
        return fail_unreadable(r, reader_error(reader));
    return NULL;
}

static int need(struct resolve *r)
{
    const struct request *q = r->requests;
    const struct store_need changes = { .kind = NEED_CHANGES,
                                        .revision = r->has_revision ? r->revision : UINT64_MAX };
    if (q == NULL || !r->has_revision)
        return reader_need(r->env->listing.reader, &r->fetch, &changes);
    const struct store_need ids = { .kind = NEED_IDS,
                                    .ids = q->ids + q->answered,
                                    .nids = q->n - q->answered };
    return reader_need(r->env->listing.reader, &r->fetch, &ids);
}

/* In a step of the reader. */
static struct buf *build(struct resolve *r)
{
    const int rv = need(r);
    r->fetching = rv == 0;
    if (rv < 0)
        return fail_unreadable(r, reader_error(r->env->listing.reader));
    if (rv == 0)
        return NULL;
    if (!r->has_revision) { /* it is told of what changes after this */
        if (reader_revision(r->env->listing.reader, &r->revision) < 0)
            return fail_unreadable(r, reader_error(r->env->listing.reader));
        r->has_revision = true;
        return build(r);
    }
    return r->requests != NULL ? build_answer(r) : build_changes(r);
}

/* NULL: there is nothing to say, or not yet, or the stream has failed. */
static struct buf *build_next(struct resolve *r)
{
    char error[STORE_ERROR_MAX];
    if (r->fetching || (r->requests == NULL && !r->behind))
        return NULL;
    if (reader_begin(r->env->listing.reader, error) != 0)
        return fail_unreadable(r, error);
    struct buf *b = build(r);
    reader_end(r->env->listing.reader);
    return b;
}

/* --- The stream --------------------------------------------------------------------- */

/* Sends until there is nothing to say, or no room: on_sent goes on then. */
static void send_all(struct resolve *r)
{
    while (!r->over) {
        if (r->built == NULL)
            r->built = build_next(r);
        if (r->built == NULL)
            return;
        int rv = stream_send(r->stream, r->built, 0, r->built->len, 0);
        if (rv == EAGAIN)
            return;
        buf_unref(r->built);
        r->built = NULL;
        if (rv != 0) {
            struct status why = status_no_memory();
            fail(r, &why);
        }
    }
}

static void tick(struct resolve *r)
{
    send_all(r);
    if (r->over || r->reading)
        return;
    if (!r->ended && r->nrequests < RESOLVE_REQUESTS) {
        r->reading = true;
        stream_read(r->stream);
    } else if (r->ended && r->requests == NULL && r->built == NULL) {
        struct status ok = status_ok();
        r->over = true;
        stream_finish(r->stream, &ok);
    }
}

static void on_fetched(struct store_fetch *fetch)
{
    struct resolve *r = container_of(fetch, struct resolve, fetch);
    r->fetching = false;
    if (!r->over)
        tick(r);
}

static void on_news(struct news_reader *news)
{
    struct resolve *r = container_of(news, struct resolve, news);
    r->behind = true;
    r->again = r->fetching;
    if (!r->over)
        tick(r);
}

static void on_open(struct stream *s)
{
    struct resolve *r = stream_new_data(s, sizeof *r);
    if (r == NULL)
        return;
    r->stream = s;
    r->requests_end = &r->requests;
    r->news.look = on_news;
    r->fetch.ready = on_fetched;
    r->env = user_env_of(s->loop);
    r->behind = true; /* it does not know its revision */
    news_join(r->env->service->news, s->loop, &r->news);
    tick(r);
}

static bool check_ids(const V1__User__ResolveUsersRequest *m, struct bytes raw, struct status *why)
{
    if (m->n_user_ids > RESOLVE_IDS_MAX) {
        *why = status_invalid("user_ids", "TOO_MANY",
                              "%zu user_ids in one request, and at most %d are allowed",
                              m->n_user_ids, RESOLVE_IDS_MAX);
        return false;
    }
    if (wire_bad_text(m->base.descriptor, raw) != NULL) {
        *why = status_invalid("user_ids", "FIELD_NOT_TEXT",
                              "one of user_ids is not valid text: UTF-8 without NUL");
        return false;
    }
    for (size_t i = 0; i < m->n_user_ids; i++) {
        size_t len = strlen(m->user_ids[i]);
        if (len <= STORE_ID_MAX)
            continue;
        *why = status_invalid("user_ids", "FIELD_TOO_LONG",
                              "one of user_ids has %zu bytes, and at most %d are allowed", len,
                              STORE_ID_MAX);
        return false;
    }
    return true;
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    struct resolve *r = s->data;
    const V1__User__ResolveUsersRequest *m = (const V1__User__ResolveUsersRequest *)message;
    struct status why = status_no_memory();
    r->reading = false;
    if (r->over)
        return;
    struct request *q = check_ids(m, bytes, &why) ? request_new(m->user_ids, m->n_user_ids) : NULL;
    if (q == NULL) {
        fail(r, &why);
        return;
    }
    add_request(r, q);
    tick(r);
}

static void on_end(struct stream *s)
{
    struct resolve *r = s->data;
    r->reading = false;
    r->ended = true;
    tick(r);
}

static void on_sent(struct stream *s)
{
    tick(s->data);
}

static void on_drain(struct stream *s)
{
    struct resolve *r = s->data;
    struct status why = status_stopping();
    if (r != NULL && !r->over)
        fail(r, &why);
}

static void on_close(struct stream *s, const struct status *status)
{
    struct resolve *r = s->data;
    (void)status;
    if (r == NULL)
        return;
    news_leave(&r->news);
    store_fetch_drop(&r->fetch);
    while (r->requests != NULL)
        drop_request(r);
    buf_unref(r->built);
    free(r);
}

const struct stream_handler resolve_handler = {
    .message = &v1__user__resolve_users_request__descriptor,
    .on_open = on_open,
    .on_message = on_message,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_drain = on_drain,
    .on_close = on_close,
};
