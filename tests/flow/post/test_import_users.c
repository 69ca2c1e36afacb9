/* ImportPosts that asks User who there is: names that wait, that never come, and no memory. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "lib/heap.h"
#include "lib/post_world.h"

#define POSTS_MOST 8

static struct post_world w;

static void init(void)
{
    w.options.timeout_ms = 300;
    post_world_open(&w);
    post_world_turns(&w, 5); /* User has answered on its stream */
}

static void fini(void)
{
    post_world_close(&w);
}

TestSuite(import_users, .init = init, .fini = fini);

enum { COUNT = V1__POST__UNKNOWN_USERS__UNKNOWN_USERS_COUNT, REJECT = 2, STORE = 0 };

/* One request with a post for each user. */
static void push(struct fake_stream *f, int unknown, const char *first_id, const char *const *users)
{
    V1__Post__ImportPostsRequest m = V1__POST__IMPORT_POSTS_REQUEST__INIT;
    V1__Post__PostMessage list[POSTS_MOST], *pointers[POSTS_MOST];
    char ids[POSTS_MOST][16];
    for (; users[m.n_post_messages] != NULL; m.n_post_messages++) {
        const size_t i = m.n_post_messages;
        v1__post__post_message__init(&list[i]);
        snprintf(ids[i], sizeof ids[i], "%s%zu", first_id, i);
        list[i].post_id = ids[i];
        list[i].user_id = (char *)(uintptr_t)users[i];
        pointers[i] = &list[i];
    }
    m.post_messages = pointers;
    m.unknown_users = (V1__Post__UnknownUsers)unknown;
    fake_stream_push_message(f, &m.base);
}

static struct fake_stream *begin(int unknown, const char *const *users)
{
    struct fake_stream *f = fake_stream_open(w.loop, post_method("ImportPosts"));
    push(f, unknown, "p", users);
    fake_stream_end(f);
    return f;
}

static V1__Post__ImportPostsResponse *answer(struct fake_stream *f)
{
    POST_UNTIL(&w, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK, "%s", f->status.message);
    return (V1__Post__ImportPostsResponse *)fake_stream_sent_message(
        f, 0, &v1__post__import_posts_response__descriptor);
}

static void end(struct fake_stream *f, V1__Post__ImportPostsResponse *m)
{
    protobuf_c_message_free_unpacked(&m->base, NULL);
    fake_stream_free(f);
}

static const char *const some[] = { "u1", "ghost", "u2", "ghost", "x", NULL };

Test(import_users, are_counted)
{
    struct fake_stream *f = begin(COUNT, some);
    V1__Post__ImportPostsResponse *m = answer(f);
    cr_assert_eq(m->imported, 5);
    cr_assert_eq(m->rejected, 0);
    cr_assert_eq(m->unresolved, 3);
    cr_assert_eq(m->n_unresolved_user_ids, 2);
    cr_assert_str_eq(m->unresolved_user_ids[0], "ghost");
    cr_assert_str_eq(m->unresolved_user_ids[1], "x");
    cr_assert_not(m->users_unchecked);
    end(f, m);
    cr_assert_eq(w.nasked, 4, "each once");
}

Test(import_users, are_rejected)
{
    struct fake_stream *f = begin(REJECT, some);
    V1__Post__ImportPostsResponse *m = answer(f);
    cr_assert_eq(m->imported, 2);
    cr_assert_eq(m->rejected, 3);
    cr_assert_eq(m->n_errors, 3);
    cr_assert_eq(m->errors[0]->request_index, 1);
    cr_assert_eq(m->errors[2]->request_index, 4);
    cr_assert_eq(m->errors[2]->code, STATUS_NOT_FOUND);
    cr_assert_str_eq(m->errors[2]->message, "there is no user x");
    end(f, m);
}

Test(import_users, of_a_request_that_does_not_ask_are_nobodys_business)
{
    w.silent = true;
    struct fake_stream *f = begin(STORE, some);
    V1__Post__ImportPostsResponse *m = answer(f);
    cr_assert_eq(m->imported, 5);
    cr_assert_eq(m->unresolved, 0);
    cr_assert_not(m->users_unchecked);
    end(f, m);
    cr_assert_eq(w.nasked, 0);
}

/* Nothing is left of the request, and nothing is written. */
Test(import_users, all_of_them_rejected)
{
    static const char *const ghosts[] = { "a", "b", NULL };
    struct fake_stream *f = begin(REJECT, ghosts);
    V1__Post__ImportPostsResponse *m = answer(f);
    cr_assert_eq(m->imported, 0);
    cr_assert_eq(m->rejected, 2);
    end(f, m);
}

/* The next request is read when the first one is with the writer; both are in order. */
Test(import_users, of_several_requests)
{
    static const char *const more[] = { "u3", "ghost", NULL };
    struct fake_stream *f = fake_stream_open(w.loop, post_method("ImportPosts"));
    push(f, REJECT, "p", some);
    push(f, COUNT, "q", more);
    push(f, STORE, "r", more);
    fake_stream_end(f);
    V1__Post__ImportPostsResponse *m = answer(f);
    cr_assert_eq(m->imported, 2 + 2 + 2);
    cr_assert_eq(m->rejected, 3);
    cr_assert_eq(m->unresolved, 3 + 1);
    end(f, m);
}

Test(import_users, that_user_does_not_tell_of_are_not_counted)
{
    w.silent = true;
    struct fake_stream *f = begin(COUNT, some);
    V1__Post__ImportPostsResponse *m = answer(f);
    cr_assert_eq(m->imported, 5);
    cr_assert(m->users_unchecked);
    end(f, m);
}

Test(import_users, that_user_does_not_tell_of_are_not_stored_if_others_are_rejected)
{
    w.silent = true;
    struct fake_stream *f = begin(REJECT, some);
    POST_UNTIL(&w, f->closed);
    cr_assert_eq(f->status.code, STATUS_UNAVAILABLE, "%s", f->status.message);
    fake_stream_free(f);
    w.silent = false;
    f = begin(REJECT, some);
    V1__Post__ImportPostsResponse *m = answer(f);
    cr_assert_eq(m->imported, 2, "they were not there");
    end(f, m);
}

Test(import_users, the_client_goes_while_it_waits)
{
    w.silent = true;
    struct fake_stream *f = begin(REJECT, some);
    post_world_turns(&w, 5);
    cr_assert(!f->closed);
    fake_stream_close(f, STATUS_CANCELLED, "gone");
    POST_UNTIL(&w, f->closed);
    fake_stream_free(f);
}

/* Names that were known are wanted again then. */
Test(import_users, the_stream_to_user_breaks_while_it_waits)
{
    w.options.timeout_ms = 0;
    w.silent = true;
    struct fake_stream *f = begin(REJECT, some);
    post_world_turns(&w, 5);
    post_world_lose_user(&w);
    w.silent = false;
    V1__Post__ImportPostsResponse *m = answer(f);
    cr_assert_eq(m->imported, 2);
    end(f, m);
}

Test(import_users_memory, every_allocation_may_fail)
{
    bool failed = true;
    for (unsigned at = 1; failed; at++) {
        heap_watch();
        init();
        struct fake_stream *f = fake_stream_open(w.loop, post_method("ImportPosts"));
        push(f, REJECT, "p", some);
        fake_stream_end(f);
        heap_fail_at(at);
        POST_UNTIL(&w, f->closed);
        failed = heap_failed();
        heap_fail_at(0);
        cr_assert(f->status.code == STATUS_OK || f->status.code == STATUS_RESOURCE_EXHAUSTED ||
                      f->status.code == STATUS_UNAVAILABLE || f->status.code == STATUS_INTERNAL,
                  "allocation %u: %d", at, (int)f->status.code);
        fake_stream_free(f);
        fini();
        w = (struct post_world){ 0 };
        cr_assert_eq(heap_live(), 0, "allocation %u: %zu blocks", at, heap_live());
    }
}
