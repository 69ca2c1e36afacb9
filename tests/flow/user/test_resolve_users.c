#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/user_world.h"
#include "user/resolve_users.h"

static struct user_world w;
static struct fake_stream *f;

static void init(void)
{
    user_world_open(&w);
    user_import(&w, "1", "Henry");
    user_import(&w, "2", "Michael");
    f = user_call(&w, "ResolveUsers");
    LOOP_UNTIL(w.loop, f->reading);
}

static void fini(void)
{
    user_hang_up(&w, f);
    user_world_close(&w);
}

TestSuite(resolve_users, .init = init, .fini = fini);

static void ask(const char *a, const char *b)
{
    V1__User__ResolveUsersRequest request = V1__USER__RESOLVE_USERS_REQUEST__INIT;
    char *ids[] = { (char *)a, (char *)b };
    request.user_ids = ids;
    request.n_user_ids = b != NULL ? 2 : a != NULL ? 1 : 0;
    fake_stream_push_message(f, &request.base);
}

static void ask_many(size_t n, char *id)
{
    V1__User__ResolveUsersRequest request = V1__USER__RESOLVE_USERS_REQUEST__INIT;
    request.user_ids = calloc(n, sizeof(char *));
    request.n_user_ids = n;
    for (size_t i = 0; i < n; i++)
        request.user_ids[i] = id;
    fake_stream_push_message(f, &request.base);
    free(request.user_ids);
}

/* The @i-th message as "id=name id=? ", or "*" for invalidate_all. */
static const char *said(size_t i)
{
    static char text[65536];
    LOOP_UNTIL(w.loop, f->sent.n > i);
    V1__User__ResolveUsersResponse *m = (V1__User__ResolveUsersResponse *)fake_stream_sent_message(
        f, i, &v1__user__resolve_users_response__descriptor);
    char *to = text;
    *to = '\0';
    if (m->invalidate_all)
        to += sprintf(to, "*");
    for (size_t k = 0; k < m->n_users && to - text < 60000; k++)
        to += sprintf(to, "%s=%s ", m->users[k]->user_id,
                      m->users[k]->found ? m->users[k]->name : "?");
    protobuf_c_message_free_unpacked(&m->base, NULL);
    return text;
}

Test(resolve_users, answers_each_request_in_order)
{
    ask("2", "1");
    ask("none", "1");
    ask(NULL, NULL);
    ask("2", NULL);
    cr_assert_str_eq(said(0), "2=Michael 1=Henry ");
    cr_assert_str_eq(said(1), "none=? 1=Henry ");
    cr_assert_str_eq(said(2), "");
    cr_assert_str_eq(said(3), "2=Michael ");
}

Test(resolve_users, ends_after_the_last_answer)
{
    fake_stream_window(f, false);
    ask("1", NULL);
    ask("2", NULL);
    ask("1", NULL);
    ask("2", NULL);
    fake_stream_end(f);
    loop_turns(w.loop, 20);
    cr_assert_not(f->s.finished);
    fake_stream_window(f, true);
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK);
    cr_assert_eq(f->sent.n, 4);
}

Test(resolve_users, tells_changes_unasked)
{
    user_import(&w, "1", "Harry");
    cr_assert_str_eq(said(0), "1=Harry ");
    user_import(&w, "3", "new");
    cr_assert_str_eq(said(1), "3=new ");
    user_import(&w, "3", "new"); /* unchanged: nothing to tell */
    user_import(&w, "3", "newer");
    cr_assert_str_eq(said(2), "3=newer ");
    loop_turns(w.loop, 10);
    cr_assert_eq(f->sent.n, 3);
}

Test(resolve_users, tells_of_deleted_users)
{
    user_delete(&w, "1");
    cr_assert_str_eq(said(0), "1=? ");
    user_delete(&w, "1"); /* there is none: nothing to tell */
    user_import(&w, "1", "Harry");
    cr_assert_str_eq(said(1), "1=Harry ");
    loop_turns(w.loop, 10);
    cr_assert_eq(f->sent.n, 2);
}

Test(resolve_users, tells_every_stream)
{
    struct fake_stream *first = f;
    f = user_call(&w, "ResolveUsers");
    LOOP_UNTIL(w.loop, f->reading);
    user_import(&w, "1", "Harry");
    cr_assert_str_eq(said(0), "1=Harry ");
    user_hang_up(&w, f);
    f = first;
    cr_assert_str_eq(said(0), "1=Harry ");
    user_import(&w, "1", "Hal");
    cr_assert_str_eq(said(1), "1=Hal ");
}

/* Names are read when a message is built, so a slow client hears the newest: ten changes are
 * one or two messages, beside four answers. */
Test(resolve_users, the_last_word_is_the_newest)
{
    fake_stream_window(f, false);
    for (int i = 0; i < 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "name %d", i);
        user_import(&w, "1", name);
        if (i % 3 == 0)
            ask("1", NULL);
    }
    loop_turns(w.loop, 20);
    fake_stream_window(f, true);
    LOOP_UNTIL(w.loop, f->out.n == 0 && f->sent.n >= 5 && f->reading);
    loop_turns(w.loop, 20);
    cr_assert_str_eq(said(f->sent.n - 1), "1=name 9 ");
}

Test(resolve_users, reads_no_more_than_it_can_answer)
{
    fake_stream_window(f, false);
    for (int i = 0; i < 30; i++)
        ask("1", "2");
    loop_turns(w.loop, 60);
    /* two messages on the stream, one built, and the rest waits */
    size_t bound = FAKE_QUEUE_MAX + 1 + RESOLVE_REQUESTS;
    cr_assert_eq(f->reads, bound);
    fake_stream_window(f, true);
    said(29);
    LOOP_UNTIL(w.loop, f->reading);
    cr_assert_eq(f->sent.n, 30);
}

/* --- Many changes ------------------------------------------------------------------- */

static void import_many(size_t from, size_t n, const char *name)
{
    V1__User__ImportUsersRequest request = V1__USER__IMPORT_USERS_REQUEST__INIT;
    V1__User__UserMessage *users = calloc(n, sizeof *users);
    char(*ids)[24] = calloc(n, sizeof *ids);
    request.user_messages = calloc(n, sizeof(void *));
    request.n_user_messages = n;
    for (size_t i = 0; i < n; i++) {
        v1__user__user_message__init(&users[i]);
        snprintf(ids[i], sizeof *ids, "u%zu", from + i);
        users[i].user_id = ids[i];
        users[i].name = (char *)name;
        request.user_messages[i] = &users[i];
    }
    struct fake_stream *import = user_call(&w, "ImportUsers");
    fake_stream_push_message(import, &request.base);
    fake_stream_end(import);
    LOOP_UNTIL(w.loop, import->closed);
    cr_assert_eq(import->status.code, STATUS_OK);
    fake_stream_free(import);
    free(request.user_messages);
    free(ids);
    free(users);
}

static size_t users_told(void)
{
    size_t n = 0;
    for (size_t i = 0; i < f->sent.n; i++) {
        V1__User__ResolveUsersResponse *m =
            (V1__User__ResolveUsersResponse *)fake_stream_sent_message(
                f, i, &v1__user__resolve_users_response__descriptor);
        cr_assert_leq(m->n_users, RESOLVE_IDS_MAX);
        cr_assert_not(m->invalidate_all);
        n += m->n_users;
        protobuf_c_message_free_unpacked(&m->base, NULL);
    }
    return n;
}

Test(resolve_users, tells_as_many_as_it_keeps)
{
    fake_stream_window(f, false);
    import_many(0, CHANGES_MAX, "x");
    loop_turns(w.loop, 10);
    fake_stream_window(f, true);
    LOOP_UNTIL(w.loop, f->sent.n == (CHANGES_MAX + RESOLVE_IDS_MAX - 1) / RESOLVE_IDS_MAX);
    cr_assert_eq(users_told(), CHANGES_MAX);
}

Test(resolve_users, says_invalidate_all_for_too_many_at_once)
{
    import_many(0, CHANGES_MAX + 1, "x");
    cr_assert_str_eq(said(0), "*");
    user_import(&w, "1", "Harry");
    cr_assert_str_eq(said(1), "1=Harry ");
}

Test(resolve_users, says_invalidate_all_once_for_what_piled_up)
{
    fake_stream_window(f, false);
    for (size_t i = 0; i < 12; i++)
        import_many(i * 1000, 1000, "x");
    ask("u11999", NULL);
    loop_turns(w.loop, 10);
    fake_stream_window(f, true);
    LOOP_UNTIL(w.loop, f->sent.n == 5);
    /* what was built before the pile, the answer, and one word for the rest */
    cr_assert_str_eq(said(3), "u11999=x ");
    cr_assert_str_eq(said(4), "*");
    user_import(&w, "u5", "y");
    cr_assert_str_eq(said(5), "u5=y ");
}

/* --- Ends --------------------------------------------------------------------------- */

static void assert_failed(enum status_code code, const char *text)
{
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->status.code, code, "%s", f->status.message);
    cr_assert_neq(strstr(f->status.message, text), NULL, "%s", f->status.message);
}

Test(resolve_users, takes_a_thousand_ids)
{
    ask_many(RESOLVE_IDS_MAX, "1");
    cr_assert_neq(strstr(said(0), "1=Henry 1=Henry "), NULL);
    cr_assert_eq(users_told(), RESOLVE_IDS_MAX);
}

Test(resolve_users, refuses_more_ids)
{
    ask_many(RESOLVE_IDS_MAX + 1, "1");
    assert_failed(STATUS_INVALID_ARGUMENT, "1001 user_ids");
}

Test(resolve_users, refuses_bad_ids)
{
    ask("1", "\xff");
    assert_failed(STATUS_INVALID_ARGUMENT, "UTF-8");
}

Test(resolve_users, refuses_long_ids)
{
    char id[STORE_ID_MAX + 2] = "";
    memset(id, 'i', STORE_ID_MAX + 1);
    ask("1", id);
    assert_failed(STATUS_INVALID_ARGUMENT, "257 bytes");
}

Test(resolve_users, drain_ends_it_at_once)
{
    fake_stream_drain(f);
    assert_failed(STATUS_UNAVAILABLE, "stopping");
    user_import(&w, "1", "Harry"); /* nobody is told, and nobody minds */
}

Test(resolve_users, a_client_that_leaves_takes_everything_along)
{
    fake_stream_window(f, false);
    for (int i = 0; i < 10; i++)
        ask("1", "2");
    import_many(0, 3000, "x");
    loop_turns(w.loop, 20);
    fake_stream_close(f, STATUS_CANCELLED, "gone");
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert(ring_empty(&w.news.desks[0].readers), "it waits for no news any more");
}
