/* GetPost without a network: a store, a played User, and too little memory. */
#include <criterion/criterion.h>

#include <malloc.h>
#include <string.h>

#include "lib/heap.h"
#include "lib/post_world.h"

static struct post_world w;

static void import(const char *post_id, const char *user_id)
{
    V1__Post__PostMessage m = V1__POST__POST_MESSAGE__INIT;
    m.post_id = (char *)post_id;
    m.user_id = (char *)user_id;
    m.title = (char *)"a title";
    post_world_import(&w, &m, 1);
}

static void init(void)
{
    w.options.timeout_ms = 500;
    post_world_open(&w);
    import("p1", "u1");
    import("p2", "ghost");
}

static void fini(void)
{
    post_world_close(&w);
}

TestSuite(get_post, .init = init, .fini = fini);

static struct fake_stream *begin(const char *post_id)
{
    uint8_t room[64] = { 0x0a, (uint8_t)strlen(post_id) };
    memcpy(room + 2, post_id, strlen(post_id));
    return fake_stream_request(w.loop, post_method("GetPost"), bytes_of(room, 2 + strlen(post_id)));
}

static void expect(const char *post_id, const char *user_id, const char *author)
{
    struct fake_stream *f = begin(post_id);
    POST_UNTIL(&w, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK, "%s", f->status.message);
    cr_assert_eq(f->sent.n, 1);
    cr_assert_eq(f->s.out.records, 1);
    V1__Post__GetPostResponse *m = (V1__Post__GetPostResponse *)fake_stream_sent_message(
        f, 0, &v1__post__get_post_response__descriptor);
    cr_assert_str_eq(m->post_message->post_id, post_id);
    cr_assert_str_eq(m->post_message->user_id, user_id);
    cr_assert_str_eq(m->post_message->title, "a title");
    cr_assert_str_eq(m->post_message->author, author);
    protobuf_c_message_free_unpacked(&m->base, NULL);
    fake_stream_free(f);
}

Test(get_post, has_its_author)
{
    expect("p1", "u1", "name of u1"); /* User is asked, */
    expect("p1", "u1", "name of u1"); /* and not again */
    cr_assert_eq(w.nasked, 1);
}

Test(get_post, an_author_whom_user_does_not_know)
{
    expect("p2", "ghost", "");
}

Test(get_post, there_is_none)
{
    struct fake_stream *f = begin("p3");
    POST_UNTIL(&w, f->closed);
    cr_assert_eq(f->status.code, STATUS_NOT_FOUND);
    cr_assert_str_eq(f->status.message, "there is no post p3");
    fake_stream_free(f);
}

Test(get_post, the_client_goes_while_it_waits_for_the_name)
{
    w.silent = true;
    struct fake_stream *f = begin("p1");
    post_world_turns(&w, 3);
    cr_assert(!f->closed);
    fake_stream_close(f, STATUS_CANCELLED, "gone");
    POST_UNTIL(&w, f->closed);
    fake_stream_free(f);
}

Test(get_post, user_does_not_say_the_name_in_time)
{
    w.silent = true;
    struct fake_stream *f = begin("p1");
    POST_UNTIL(&w, f->closed);
    cr_assert_eq(f->status.code, STATUS_UNAVAILABLE, "%s", f->status.message);
    fake_stream_free(f);
}

static size_t taken_bytes(void)
{
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

Test(get_post, what_waits_holds_no_post)
{
    static char body[200000];
    memset(body, 'x', sizeof body - 1);
    V1__Post__PostMessage m = V1__POST__POST_MESSAGE__INIT;
    m.post_id = (char *)"large";
    m.user_id = (char *)"u2";
    m.body = body;
    post_world_import(&w, &m, 1);
    w.silent = true;
    const size_t before = taken_bytes();
    struct fake_stream *f = begin("large");
    post_world_turns(&w, 3);
    cr_assert(!f->closed);
    cr_assert_lt(taken_bytes(), before + sizeof body / 2);
    fake_stream_close(f, STATUS_CANCELLED, "gone");
    POST_UNTIL(&w, f->closed);
    fake_stream_free(f);
}

/* --- With too little memory: each allocation fails in turn -------------------------- */

static bool get_with_failure(unsigned at)
{
    heap_watch();
    w = (struct post_world){ 0 };
    init();
    struct fake_stream *f = begin("p1");
    heap_fail_at(at);
    POST_UNTIL(&w, f->closed);
    const bool failed = heap_failed();
    heap_fail_at(0);
    cr_assert(f->status.code == STATUS_OK || f->status.code == STATUS_RESOURCE_EXHAUSTED ||
                  f->status.code == STATUS_UNAVAILABLE,
              "allocation %u: %d %s", at, f->status.code, f->status.message);
    fake_stream_free(f);
    expect("p1", "u1", "name of u1");
    fini();
    cr_assert_eq(heap_live(), 0, "allocation %u: %zu blocks", at, heap_live());
    return failed;
}

Test(get_post_memory, each_allocation)
{
    unsigned at = 1;
    while (get_with_failure(at))
        at++;
    cr_assert_gt(at, 4, "%u", at);
}
