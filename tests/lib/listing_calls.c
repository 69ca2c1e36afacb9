#include "listing_calls.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Calls -------------------------------------------------------------------------- */

static const struct method *method_of(enum shape shape, const struct ask *ask)
{
    static const char *const suffixes[SHAPES] = { "", "ServerStream", "ClientStream",
                                                  "BidiStream" };
    char name[64];
    snprintf(name, sizeof name, "%s%s", ask->user == NULL ? "ListPosts" : "ListPostsByUserId",
             suffixes[shape]);
    return post_method(name);
}

static char *text(const char *s)
{
    return s != NULL ? (char *)s : "";
}

static size_t pack(const struct ask *ask, uint8_t *room)
{
    if (ask->user == NULL) {
        V1__Post__ListPostsRequest m = V1__POST__LIST_POSTS_REQUEST__INIT;
        m.page_size = ask->page_size;
        m.page_token = text(ask->token);
        m.limit = ask->limit;
        m.tag = text(ask->tag);
        m.follow = ask->follow;
        m.from_now = ask->from_now;
        return v1__post__list_posts_request__pack(&m, room);
    }
    V1__Post__ListPostsByUserIdRequest m = V1__POST__LIST_POSTS_BY_USER_ID_REQUEST__INIT;
    m.user_id = text(ask->user);
    m.page_size = ask->page_size;
    m.page_token = text(ask->token);
    m.limit = ask->limit;
    m.tag = text(ask->tag);
    m.follow = ask->follow;
    m.from_now = ask->from_now;
    return v1__post__list_posts_by_user_id_request__pack(&m, room);
}

void listing_push(struct fake_stream *f, const struct ask *ask)
{
    uint8_t room[2048];
    fake_stream_push(f, bytes_of(room, pack(ask, room)));
}

struct fake_stream *listing_open(struct post_world *w, enum shape shape, const struct ask *asks,
                                 size_t n)
{
    const struct method *m = method_of(shape, &asks[0]);
    if (!many_asks(shape)) {
        uint8_t room[2048];
        cr_assert_eq(n, 1);
        return fake_stream_request(w->loop, m, bytes_of(room, pack(&asks[0], room)));
    }
    struct fake_stream *f = fake_stream_open(w->loop, m);
    for (size_t i = 0; i < n; i++)
        listing_push(f, &asks[i]);
    return f;
}

struct fake_stream *listing_start(struct post_world *w, enum shape shape, const struct ask *asks,
                                  size_t n)
{
    struct fake_stream *f = listing_open(w, shape, asks, n);
    if (many_asks(shape))
        fake_stream_end(f);
    return f;
}

struct answer listing_end(struct post_world *w, struct fake_stream *f)
{
    POST_UNTIL(w, f->closed);
    struct answer a = answer_read(f);
    fake_stream_free(f);
    return a;
}

struct answer listing_call(struct post_world *w, enum shape shape, const struct ask *asks, size_t n)
{
    return listing_end(w, listing_start(w, shape, asks, n));
}

struct answer listing_one(struct post_world *w, enum shape shape, struct ask ask)
{
    struct answer a = listing_call(w, shape, &ask, 1);
    cr_assert_eq(a.status.code, STATUS_OK, "%s", a.status.message);
    return a;
}

void listing_hang_up(struct post_world *w, struct fake_stream *f)
{
    if (!f->closed)
        fake_stream_close(f, STATUS_CANCELLED, "gone");
    POST_UNTIL(w, f->closed);
    fake_stream_free(f);
}

/* --- Answers ------------------------------------------------------------------------ */

static void check_post(const V1__Post__PostMessage *p)
{
    char author[64] = "";
    if (p->user_id[0] == 'u')
        snprintf(author, sizeof author, "name of %s", p->user_id);
    cr_assert_str_eq(p->author, author, "%s by %s", p->post_id, p->user_id);
    const size_t len = strlen(p->body);
    cr_assert(len == 0 || strspn(p->body, (char[]){ p->body[0], '\0' }) == len);
}

static void take_message(struct answer *a, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    struct got *got = &a->messages[a->n++];
    *got = (struct got){ .from = a->nposts,
                         .n = m->n_post_messages,
                         .index = m->request_index,
                         .last = m->last,
                         .total = m->total_size,
                         .caught_up = m->caught_up,
                         .unresolved = m->n_unresolved_user_ids,
                         .errors = m->n_errors,
                         .deleted = m->n_deleted_post_ids,
                         .bytes = bytes };
    snprintf(got->token, sizeof got->token, "%s", m->next_page_token);
    if (m->n_unresolved_user_ids > 0)
        snprintf(got->unresolved_id, sizeof got->unresolved_id, "%s",
                 m->unresolved_user_ids[m->n_unresolved_user_ids - 1]);
    if (m->n_deleted_post_ids > 0)
        snprintf(got->deleted_id, sizeof got->deleted_id, "%s",
                 m->deleted_post_ids[m->n_deleted_post_ids - 1]);
    if (m->n_errors > 0) {
        got->error_index = m->errors[m->n_errors - 1]->request_index;
        got->error_code = (enum status_code)m->errors[m->n_errors - 1]->code;
    }
    a->posts = realloc(a->posts, (a->nposts + m->n_post_messages + 1) * sizeof *a->posts);
    for (size_t i = 0; i < m->n_post_messages; i++) {
        check_post(m->post_messages[i]);
        a->posts[a->nposts++] = (uint32_t)strtoul(m->post_messages[i]->post_id + 1, NULL, 10);
    }
}

struct answer answer_read(const struct fake_stream *f)
{
    struct answer a = { .messages = calloc(f->sent.n + 1, sizeof *a.messages) };
    a.status = f->close_status;
    for (const struct fake_message *sent = f->sent.first; sent != NULL; sent = sent->next) {
        V1__Post__ListPostsResponse *m =
            v1__post__list_posts_response__unpack(NULL, sent->bytes.len, sent->bytes.data);
        cr_assert_not_null(m, "message %zu is not valid", a.n);
        take_message(&a, m, sent->bytes.len);
        v1__post__list_posts_response__free_unpacked(m, NULL);
    }
    return a;
}

void answer_free(struct answer *a)
{
    free(a->posts);
    free(a->messages);
}

void answer_append(struct answer *a, struct answer *b)
{
    a->posts = realloc(a->posts, (a->nposts + b->nposts + 1) * sizeof *a->posts);
    for (size_t i = 0; i < b->nposts; i++)
        a->posts[a->nposts++] = b->posts[i];
    answer_free(b);
}

/* --- Posts -------------------------------------------------------------------------- */

void posts_add(struct posts *p, const char *user, size_t body_len, const char *tag)
{
    p->list = realloc(p->list, (p->n + 1) * sizeof *p->list);
    struct post *post = &p->list[p->n++];
    *post = (struct post){ .body_len = body_len, .filler = 'a' };
    snprintf(post->user, sizeof post->user, "%s", user);
    snprintf(post->tag, sizeof post->tag, "%s", tag);
}

static void import_range(struct post_world *w, const struct posts *p, size_t from, size_t to)
{
    V1__Post__PostMessage *m = calloc(to - from, sizeof *m);
    char **tags = calloc(to - from, sizeof *tags), **ids = calloc(to - from, sizeof *ids);
    for (size_t i = 0; i < to - from; i++) {
        struct post *post = &p->list[from + i];
        v1__post__post_message__init(&m[i]);
        cr_assert_gt(asprintf(&ids[i], "p%zu", from + i), 0);
        m[i].post_id = ids[i];
        m[i].user_id = post->user;
        tags[i] = post->tag;
        m[i].tags = &tags[i];
        m[i].n_tags = post->tag[0] != '\0';
        m[i].body = malloc(post->body_len + 1);
        memset(m[i].body, post->filler, post->body_len);
        m[i].body[post->body_len] = '\0';
    }
    post_world_import(w, m, to - from);
    for (size_t i = 0; i < to - from; i++) {
        free(ids[i]);
        free(m[i].body);
    }
    free(ids);
    free(tags);
    free(m);
}

void posts_import(struct post_world *w, const struct posts *p)
{
    import_range(w, p, 0, p->n);
}

void posts_refill(struct post_world *w, struct posts *p, size_t from, size_t to, char filler)
{
    for (size_t i = from; i < to; i++)
        p->list[i].filler = filler;
    import_range(w, p, from, to);
}

void posts_free(struct posts *p)
{
    free(p->list);
    *p = (struct posts){ 0 };
}

static bool is_first_of_user(const struct posts *p, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(p->list[k].user, p->list[i].user) == 0)
            return false;
    return true;
}

static bool is_listed(const struct post *post, const char *user, const char *tag)
{
    return (user == NULL || strcmp(post->user, user) == 0) &&
           (tag == NULL || strcmp(post->tag, tag) == 0);
}

uint32_t *posts_expect(const struct posts *p, const char *user, const char *tag, size_t *ret_n)
{
    uint32_t *order = malloc((p->n + 1) * sizeof *order);
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (!is_first_of_user(p, i))
            continue;
        for (size_t k = i; k < p->n; k++)
            if (strcmp(p->list[k].user, p->list[i].user) == 0 && is_listed(&p->list[k], user, tag))
                order[n++] = (uint32_t)k;
    }
    *ret_n = n;
    return order;
}
