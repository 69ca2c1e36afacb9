#include "post_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "late_reader.h"
#include "leaks.h"

/* --- User --------------------------------------------------------------------------- */

static void forget_asked(struct post_world *w)
{
    for (size_t i = 0; i < w->nasked; i++)
        free(w->asked[i]);
    free(w->asked);
    w->asked = NULL;
    w->nasked = w->answered = 0;
}

static int dial(void *arg, struct loop *loop, const struct stream_handler *handler, void *data,
                struct stream **ret)
{
    struct post_world *w = arg;
    cr_assert_lt(w->ndialled, POST_WORLD_DIALS);
    struct fake_stream *f = fake_stream_dial(loop, handler, data);
    w->dialled[w->ndialled++] = f;
    forget_asked(w);
    *ret = &f->s;
    return 0;
}

static struct fake_stream *user_stream(const struct post_world *w)
{
    return w->dialled[w->ndialled - 1];
}

static void note_asked(struct post_world *w, const char *id)
{
    for (size_t i = 0; i < w->nasked; i++)
        cr_assert_str_neq(w->asked[i], id, "asked twice");
    w->asked = realloc(w->asked, (w->nasked + 1) * sizeof *w->asked);
    w->asked[w->nasked++] = strdup(id);
}

static void answer(struct post_world *w, char **ids, size_t n)
{
    V1__User__ResolveUsersResponse m = V1__USER__RESOLVE_USERS_RESPONSE__INIT;
    V1__User__ResolvedUser *users = calloc(n + 1, sizeof *users);
    V1__User__ResolvedUser **list = calloc(n + 1, sizeof *list);
    char(*names)[64] = calloc(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++) {
        list[i] = &users[i];
        v1__user__resolved_user__init(&users[i]);
        users[i].user_id = ids[i];
        users[i].found = ids[i][0] == 'u';
        snprintf(names[i], sizeof names[i], "name of %.40s", ids[i]);
        if (users[i].found)
            users[i].name = names[i];
    }
    m.users = list;
    m.n_users = n;
    fake_stream_push_message(user_stream(w), &m.base);
    free(names);
    free(list);
    free(users);
}

static void answer_next(struct post_world *w)
{
    V1__User__ResolveUsersRequest *r = (V1__User__ResolveUsersRequest *)fake_stream_sent_message(
        user_stream(w), w->answered++, &v1__user__resolve_users_request__descriptor);
    for (size_t i = 0; i < r->n_user_ids; i++)
        note_asked(w, r->user_ids[i]);
    answer(w, r->user_ids, r->n_user_ids);
    v1__user__resolve_users_request__free_unpacked(r, NULL);
}

void post_world_turn(struct post_world *w)
{
    while (!w->silent && !user_stream(w)->closing && w->answered < user_stream(w)->sent.n)
        answer_next(w);
}

void post_world_turns(struct post_world *w, unsigned n)
{
    while (n-- > 0) {
        post_world_turn(w);
        loop_turns(w->loop, 1);
    }
}

void post_world_tell(struct post_world *w, const char *id)
{
    char *ids[] = { (char *)id };
    answer(w, ids, 1);
}

void post_world_tell_gone(struct post_world *w, const char *id)
{
    V1__User__ResolveUsersResponse m = V1__USER__RESOLVE_USERS_RESPONSE__INIT;
    V1__User__ResolvedUser user = V1__USER__RESOLVED_USER__INIT, *list = &user;
    user.user_id = (char *)id;
    m.users = &list;
    m.n_users = 1;
    fake_stream_push_message(user_stream(w), &m.base);
}

void post_world_lose_user(struct post_world *w)
{
    struct fake_stream *f = user_stream(w);
    fake_stream_break(f, STATUS_UNAVAILABLE, "connection lost");
    POST_UNTIL(w, f->closed);
}

/* --- The store ---------------------------------------------------------------------- */

static bool imported;

static void on_imported(struct write_batch *batch)
{
    cr_assert_str_empty(batch->error);
    imported = true;
}

static struct write_record record_of(V1__Post__PostMessage *post)
{
    const size_t len = v1__post__post_message__get_packed_size(post);
    uint8_t *value = malloc(len + 1);
    v1__post__post_message__pack(post, value);
    return (struct write_record){ .group = bytes_of_text(post->user_id),
                                  .id = bytes_of_text(post->post_id),
                                  .value = bytes_of(value, len) };
}

static void write_all(struct post_world *w, struct write_record *records, size_t n)
{
    struct write_batch batch = {
        .records = records, .nrecords = n, .loop = w->loop, .done = on_imported
    };
    imported = false;
    store_write(w->env.store, &batch);
    POST_UNTIL(w, imported);
}

void post_world_delete(struct post_world *w, const char *const *ids, size_t n)
{
    struct write_record *records = calloc(n, sizeof *records);
    for (size_t i = 0; i < n; i++)
        records[i] = (struct write_record){ .id = bytes_of_text(ids[i]), .op = WRITE_DELETE };
    write_all(w, records, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(records[i].result, WRITE_DELETED, "%s", ids[i]);
    free(records);
}

void post_world_import(struct post_world *w, V1__Post__PostMessage *posts, size_t n)
{
    struct write_record *records = calloc(n, sizeof *records);
    for (size_t i = 0; i < n; i++)
        records[i] = record_of(&posts[i]);
    write_all(w, records, n);
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)records[i].value.data);
    free(records);
}

/* --- Life --------------------------------------------------------------------------- */

const struct method *post_method(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "/v1.post.Post/%s", name);
    const struct method *m = services_find(post_services, POST_NSERVICES, path);
    cr_assert_not_null(m, "no method %s", name);
    return m;
}

static void on_committed(void *arg)
{
    struct post_world *w = arg;
    news_publish(&w->news);
}

static void open_store(struct post_world *w)
{
    char error[STORE_ERROR_MAX];
    const struct store_options options = { .keep_changes = w->keep_changes,
                                           .committed = on_committed,
                                           .arg = w };
    w->dir = tmpdir_make();
    cr_assert_eq(news_init(&w->news, &w->loop, 1), 0);
    cr_assert_eq(store_open(&w->env.store, w->dir, "posts", &options, error), 0, "%s", error);
    cr_assert_eq(reader_new(&w->env.listing.reader, w->env.store, w->loop, error), 0, "%s", error);
    if (w->late_block == 0 && late_wanted())
        w->late_block = LATE_BLOCK;
    if (w->late_block > 0)
        w->env.listing.reader = late_reader(w->env.listing.reader, w->loop, w->late_block);
    w->env.listing.store_id = store_id(w->env.store);
    feed_init(&w->env.feed, w->loop, w->env.listing.reader, &w->news);
    w->env.listing.feed = &w->env.feed;
}

void post_world_open(struct post_world *w)
{
    if (w->options.timeout_ms == 0)
        w->options.timeout_ms = 5000;
    w->options.min_backoff_ms = 1;
    w->budget.max = w->budget_max_bytes != 0 ? w->budget_max_bytes : (size_t)256 << 20;
    cr_assert_eq(loop_new(&w->loop, LOOP_IN_UV), 0);
    open_store(w);
    w->env.listing.answer_max_bytes = w->answer_max_bytes != 0 ? w->answer_max_bytes : 4 << 20;
    w->env.listing.budget = &w->budget;
    cr_assert_eq(resolver_new(&w->env.listing.resolver, w->loop, dial, w, &w->options), 0);
    post_env_set(w->loop, &w->env);
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

void post_world_close(struct post_world *w)
{
    bool closed = false;
    cr_assert_eq(atomic_load(&w->budget.used), 0, "the budget was not given back");
    resolver_close(w->env.listing.resolver, on_closed, &closed);
    LOOP_UNTIL(w->loop, closed);
    for (size_t i = 0; i < w->ndialled; i++)
        fake_stream_free(w->dialled[i]);
    forget_asked(w);
    feed_close(&w->env.feed);
    reader_free(w->env.listing.reader);
    store_close(w->env.store);
    loop_free(w->loop);
    news_close(&w->news);
    tmpdir_remove(w->dir);
    assert_no_leaks();
}
