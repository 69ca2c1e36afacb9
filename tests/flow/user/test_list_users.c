/* ListUsers: the same pipeline, without names, tags and the fields after the
 * token. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "lib/leaks.h"
#include "lib/user_world.h"

static struct user_world w;
static struct budget budget = { .max = 1 << 20 };

static void start(int n)
{
    char id[24];
    w.service.answer_max_bytes = 100 * 1000;
    w.service.budget = &budget;
    user_world_open(&w);
    for (int i = 0; i < n; i++) {
        snprintf(id, sizeof id, "u%d", i);
        user_import(&w, id, id);
    }
}

static void stop(void)
{
    cr_assert_eq(atomic_load(&budget.used), 0);
    user_world_close(&w);
    assert_no_leaks();
}

static struct fake_stream *list(const char *name, int32_t page_size, int64_t limit,
                                const char *token)
{
    V1__User__ListUsersRequest m = V1__USER__LIST_USERS_REQUEST__INIT;
    m.page_size = page_size;
    m.limit = limit;
    m.page_token = (char *)token;
    struct fake_stream *f = user_request(&w, name, &m.base);
    LOOP_UNTIL(w.loop, f->closed);
    return f;
}

/* Checks users [from, from + n) in message @i; its token, if it is wanted. */
static void expect_users(const struct fake_stream *f, size_t i, size_t from, size_t n,
                         char token[64])
{
    char id[24];
    V1__User__ListUsersResponse *m = (V1__User__ListUsersResponse *)fake_stream_sent_message(
        f, i, &v1__user__list_users_response__descriptor);
    cr_assert_eq(m->n_user_messages, n);
    cr_assert_eq(m->base.n_unknown_fields, 0, "two fields and no more");
    for (size_t k = 0; k < n; k++) {
        snprintf(id, sizeof id, "u%zu", from + k);
        cr_assert_str_eq(m->user_messages[k]->user_id, id);
        cr_assert_str_eq(m->user_messages[k]->name, id);
    }
    snprintf(token, 64, "%s", m->next_page_token);
    v1__user__list_users_response__free_unpacked(m, NULL);
}

Test(list_users, lists_all_or_page_by_page)
{
    char token[64];
    start(10);
    struct fake_stream *f = list("ListUsers", 0, 0, "");
    cr_assert_eq(f->close_status.code, STATUS_OK, "%s", f->close_status.message);
    expect_users(f, 0, 0, 10, token);
    cr_assert_str_empty(token);
    fake_stream_free(f);
    for (size_t from = 0; from < 10; from += 4) {
        f = list("ListUsers", 4, 0, token);
        expect_users(f, 0, from, from < 8 ? 4 : 2, token);
        cr_assert_eq(token[0] != '\0', from < 8);
        fake_stream_free(f);
    }
    stop();
}

Test(list_users, streams_and_stops_at_the_limit)
{
    char token[64];
    start(10);
    struct fake_stream *f = list("ListUsersServerStream", 3, 8, "");
    cr_assert_eq(f->sent.n, 3);
    for (size_t i = 0; i < 3; i++) {
        expect_users(f, i, i * 3, i < 2 ? 3 : 2, token);
        cr_assert_str_not_empty(token);
    }
    fake_stream_free(f);
    f = list("ListUsersServerStream", 0, 0, token);
    expect_users(f, 0, 8, 2, token);
    cr_assert_str_empty(token);
    fake_stream_free(f);
    stop();
}

Test(list_users, answers_when_there_are_none)
{
    char token[64];
    const char *const names[] = { "ListUsers", "ListUsersServerStream" };
    start(0);
    for (int i = 0; i < 2; i++) {
        struct fake_stream *f = list(names[i], 0, 0, "");
        cr_assert_eq(f->close_status.code, STATUS_OK, "%s", f->close_status.message);
        cr_assert_eq(f->sent.n, 1);
        expect_users(f, 0, 0, 0, token);
        fake_stream_free(f);
    }
    stop();
}
