#include <stdio.h>

#include "user_world.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "late_reader.h"

static void on_committed(void *arg)
{
    struct user_world *w = arg;
    news_publish(&w->news);
}

void user_world_open(struct user_world *w)
{
    char error[STORE_ERROR_MAX];
    w->dir = tmpdir_make();
    cr_assert_eq(loop_new(&w->loop, LOOP_IN_UV), 0);
    cr_assert_eq(news_init(&w->news, &w->loop, 1), 0);
    const struct store_options options = { .committed = on_committed, .arg = w };
    cr_assert_eq(store_open(&w->service.store, w->dir, "users", &options, error), 0, "%s", error);
    w->service.news = &w->news;
    cr_assert_eq(user_env_new(&w->env, &w->service, w->loop, error), 0, "%s", error);
    if (late_wanted())
        w->env->listing.reader = late_reader(w->env->listing.reader, w->loop, LATE_BLOCK);
}

void user_world_close(struct user_world *w)
{
    user_env_free(w->env);
    store_close(w->service.store);
    loop_turns(w->loop, 3); /* what was answered meanwhile */
    loop_free(w->loop);
    news_close(&w->news);
    tmpdir_remove(w->dir);
}

static const struct method *method_named(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "/v1.user.User/%s", name);
    const struct method *m = services_find(user_services, USER_NSERVICES, path);
    cr_assert_not_null(m, "no method %s", name);
    return m;
}

struct fake_stream *user_call(struct user_world *w, const char *name)
{
    return fake_stream_open(w->loop, method_named(name));
}

struct fake_stream *user_request(struct user_world *w, const char *name,
                                 const ProtobufCMessage *request)
{
    uint8_t room[4096];
    cr_assert_leq(protobuf_c_message_get_packed_size(request), sizeof room);
    size_t len = protobuf_c_message_pack(request, room);
    return fake_stream_request(w->loop, method_named(name), bytes_of(room, len));
}

void user_push(struct fake_stream *f, const char *id, const char *name)
{
    V1__User__ImportUsersRequest request = V1__USER__IMPORT_USERS_REQUEST__INIT;
    V1__User__UserMessage user = V1__USER__USER_MESSAGE__INIT, *list = &user;
    user.user_id = (char *)id;
    user.name = (char *)name;
    request.n_user_messages = 1;
    request.user_messages = &list;
    fake_stream_push_message(f, &request.base);
}

void user_import(struct user_world *w, const char *id, const char *name)
{
    struct fake_stream *f = user_call(w, "ImportUsers");
    user_push(f, id, name);
    fake_stream_end(f);
    LOOP_UNTIL(w->loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK, "%s", f->status.message);
    fake_stream_free(f);
}

void user_delete(struct user_world *w, const char *id)
{
    V1__User__DeleteUsersRequest request = V1__USER__DELETE_USERS_REQUEST__INIT;
    char *ids[] = { (char *)(uintptr_t)id };
    request.user_ids = ids;
    request.n_user_ids = 1;
    struct fake_stream *f = user_call(w, "DeleteUsers");
    fake_stream_push_message(f, &request.base);
    fake_stream_end(f);
    LOOP_UNTIL(w->loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK, "%s", f->status.message);
    fake_stream_free(f);
}

void user_hang_up(struct user_world *w, struct fake_stream *f)
{
    if (!f->closed)
        fake_stream_close(f, STATUS_CANCELLED, "gone");
    LOOP_UNTIL(w->loop, f->closed);
    fake_stream_free(f);
}
