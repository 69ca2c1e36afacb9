#include "bench_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/wire.h"
#include "bench_stats.h"
#include "client-cli/records/generate.h"

#define BATCH_BYTES ((size_t)256 * 1024) /* of an import request */
#define RESOLVE_MAX 1000                 /* ids that User takes in one request */

/* Import: so many different texts, by so many users where none are given. */
#define TEXTS 1000
#define USERS 1000

enum { POST_ID = 1, USER_ID = 6, RECORD = 1, RESOLVE_ID = 1 };

/* --- Making ------------------------------------------------------------------------- */

/* The fields of ListPostsRequest from 1 on are those of
 * ListPostsByUserIdRequest from 2 on. */
static bool put_listing(struct buf *b, const struct bench_plan *p)
{
    const uint32_t first = p->users.n > 0 ? 2 : 1;
    const bool sized = p->page_size > 0, limited = p->limit > 0, tagged = *p->tag != '\0';
    return (!sized || wire_append_varint(b, first, (uint64_t)p->page_size)) &&
           (!limited || wire_append_varint(b, first + 2, (uint64_t)p->limit)) &&
           (!tagged || wire_append_bytes(b, first + 3, bytes_of_text(p->tag)));
}

static struct buf *make_listing(const struct requests *r, uint64_t item)
{
    char room[USERS_ID_MAX + 32];
    if (r->plan->users.n == 0)
        return buf_ref(r->tail);
    struct bytes id = users_at(&r->plan->users, item, room);
    struct buf *b = buf_new(id.len + 8 + r->tail->len);
    if (b == NULL || !wire_append_bytes(b, 1, id) || !buf_append(b, buf_bytes(r->tail))) {
        buf_unref(b);
        return NULL;
    }
    return b;
}

static struct bytes user_of(const struct bench_plan *p, uint64_t item, char *room)
{
    if (p->users.n > 0)
        return users_at(&p->users, item, room);
    int len = snprintf(room, USERS_ID_MAX + 32, "u%" PRIu64, 1 + item % USERS);
    return bytes_of(room, (size_t)len);
}

static bool put_record(const struct requests *r, struct buf *b, uint64_t item)
{
    char user_room[USERS_ID_MAX + 32], id_room[USERS_ID_MAX + 32];
    struct bytes rest = buf_bytes(r->post[item % r->nposts]);
    struct bytes user = user_of(r->plan, item, user_room);
    int len = snprintf(id_room, sizeof id_room, "%s%" PRIu64, r->plan->prefix, item);
    struct bytes id = bytes_of(id_room, (size_t)len);
    size_t size = wire_bytes_size(POST_ID, id.len) + wire_bytes_size(USER_ID, user.len) + rest.len;
    return wire_begin_bytes(b, RECORD, size) && wire_append_bytes(b, POST_ID, id) &&
           wire_append_bytes(b, USER_ID, user) && buf_append(b, rest);
}

static struct buf *make_import(const struct requests *r, uint64_t item, uint64_t left,
                               uint64_t *ret_items)
{
    uint64_t most = r->plan->page_size > 0 ? (uint64_t)r->plan->page_size : UINT64_MAX;
    most = left < most ? left : most;
    struct buf *b = buf_new(most < BATCH_BYTES / 256 ? (size_t)most * 256 : BATCH_BYTES + 4096);
    uint64_t n = 0;
    while (b != NULL && n < most && (r->plan->page_size > 0 || b->len < BATCH_BYTES)) {
        if (!put_record(r, b, item + n)) {
            buf_unref(b);
            return NULL;
        }
        n++;
    }
    *ret_items = n;
    return b;
}

static struct buf *make_resolve(const struct requests *r, uint64_t item, uint64_t left,
                                uint64_t *ret_items)
{
    char room[USERS_ID_MAX + 32];
    uint64_t most = r->plan->page_size > 0 ? (uint64_t)r->plan->page_size : RESOLVE_MAX;
    most = left < most ? left : most;
    struct buf *b = buf_new((size_t)(most < RESOLVE_MAX ? most : RESOLVE_MAX) * 16);
    for (uint64_t i = 0; b != NULL && i < most; i++) {
        if (!wire_append_bytes(b, RESOLVE_ID, users_at(&r->plan->users, item + i, room))) {
            buf_unref(b);
            return NULL;
        }
    }
    *ret_items = most;
    return b;
}

struct buf *requests_make(const struct requests *r, uint64_t item, uint64_t left,
                          uint64_t *ret_items)
{
    *ret_items = 1;
    if (plan_imports(r->plan))
        return make_import(r, item, left, ret_items);
    if (r->plan->shape == BENCH_RESOLVE)
        return make_resolve(r, item, left, ret_items);
    return make_listing(r, item);
}

/* --- Reading ------------------------------------------------------------------------ */

/* A RequestError: { request_index = 1, code = 2, message = 3 }. */
static bool count_error(struct bytes error, struct stats *stats, struct response *ret)
{
    struct wire_field f;
    struct bytes text = bytes_of("", 0);
    uint64_t code = STATUS_UNKNOWN;
    while (wire_next(&error, &f)) {
        if (f.number == 2 && f.type == WIRE_VARINT)
            code = f.varint;
        else if (f.number == 3 && f.type == WIRE_BYTES)
            text = f.bytes;
    }
    int known = code < STATS_CODES ? (int)code : STATUS_UNKNOWN;
    stats_code(&stats->errors, known, (const char *)text.data, text.len, 1);
    ret->errors++;
    return error.len == 0;
}

/* { post_messages = 1, errors = 5, last = 6 } */
static bool read_listing(const struct wire_field *f, struct stats *stats, struct response *ret)
{
    if (f->number == 1 && f->type == WIRE_BYTES)
        ret->posts++;
    else if (f->number == 5 && f->type == WIRE_BYTES)
        return count_error(f->bytes, stats, ret);
    else if (f->number == 6 && f->type == WIRE_VARINT)
        ret->last = f->varint != 0;
    return true;
}

/* { imported = 1, updated = 2, unchanged = 3, rejected = 4, errors = 5 } */
static bool read_import(const struct wire_field *f, struct stats *stats, struct response *ret)
{
    if (f->number <= 3 && f->type == WIRE_VARINT)
        ret->posts += f->varint;
    else if (f->number == 4 && f->type == WIRE_VARINT)
        ret->rejected = f->varint;
    else if (f->number == 5 && f->type == WIRE_BYTES)
        return count_error(f->bytes, stats, ret);
    return true;
}

/* { users = 1 { user_id = 1, name = 2, found = 3 } } */
static bool read_resolve(const struct wire_field *f, struct stats *stats, struct response *ret)
{
    static const char unknown[] = "User does not know an id";
    struct wire_field inner;
    bool found = false;
    if (f->number != 1 || f->type != WIRE_BYTES)
        return true;
    struct bytes user = f->bytes;
    while (wire_next(&user, &inner))
        found |= inner.number == 3 && inner.type == WIRE_VARINT && inner.varint != 0;
    ret->posts++;
    if (!found) {
        stats_code(&stats->errors, STATUS_NOT_FOUND, unknown, sizeof unknown - 1, 1);
        ret->errors++;
    }
    return user.len == 0;
}

bool response_read(const struct bench_plan *plan, struct bytes bytes, struct stats *stats,
                   struct response *ret)
{
    struct wire_field f;
    bool good = true;
    *ret = (struct response){ 0 };
    while (good && wire_next(&bytes, &f)) {
        if (plan_imports(plan))
            good = read_import(&f, stats, ret);
        else if (plan->shape == BENCH_RESOLVE)
            good = read_resolve(&f, stats, ret);
        else
            good = read_listing(&f, stats, ret);
    }
    if (ret->rejected > ret->errors) { /* the reasons of the first 100 come */
        stats_code(&stats->errors, STATUS_UNKNOWN, "", 0, ret->rejected - ret->errors);
        ret->errors = ret->rejected;
    }
    return good && bytes.len == 0;
}

/* --- Life --------------------------------------------------------------------------- */

static struct buf *make_text(uint64_t i)
{
    static const struct generate_plan texts = { .seed = 1, .posts = TEXTS, .users = 1 };
    struct generated_post post;
    generate_post(&texts, i, &post);
    post.message.post_id = post.message.user_id = (char *)protobuf_c_empty_string;
    struct buf *b = buf_new(protobuf_c_message_get_packed_size(&post.message.base));
    if (b != NULL)
        b->len = protobuf_c_message_pack(&post.message.base, b->data);
    return b;
}

static int make_texts(struct requests *r)
{
    r->post = calloc(TEXTS, sizeof(struct buf *));
    while (r->post != NULL && r->nposts < TEXTS) {
        r->post[r->nposts] = make_text(r->nposts);
        if (r->post[r->nposts] == NULL)
            return ENOMEM;
        r->nposts++;
    }
    return r->post != NULL ? 0 : ENOMEM;
}

int requests_init(struct requests *r, const struct bench_plan *plan)
{
    *r = (struct requests){ .plan = plan, .tail = buf_new(64 + strlen(plan->tag)) };
    int rv = r->tail != NULL && put_listing(r->tail, plan) ? 0 : ENOMEM;
    if (rv == 0 && plan_imports(plan))
        rv = make_texts(r);
    if (rv != 0)
        requests_close(r);
    return rv;
}

void requests_close(struct requests *r)
{
    for (uint64_t i = 0; i < r->nposts; i++)
        buf_unref(r->post[i]);
    free(r->post);
    buf_unref(r->tail);
    *r = (struct requests){ 0 };
}
