/* Listings, imports, deletions and name streams with too little memory: each allocation of
 * our code fails in turn, until a call needs no more. It ends with a status that
 * says so, leaves nothing behind, and the next one is answered in full. */
#include <criterion/criterion.h>
#include <grpc/grpc.h>

#include "base/log.h"
#include "lib/heap.h"
#include "lib/listing_calls.h"
#include "lib/user_world.h"

/* Every failure is logged. And each first loop would start gRPC anew. */
static void init(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    grpc_init();
}

TestSuite(memory_streams, .init = init);

static bool is_clean(enum status_code code)
{
    return code == STATUS_OK || code == STATUS_RESOURCE_EXHAUSTED || code == STATUS_UNAVAILABLE;
}

/* --- Post: listings, with the resolver ---------------------------------------------- */

static struct posts g_posts;

static void make_posts(void)
{
    for (int i = 0; i < 40; i++)
        posts_add(&g_posts, i % 2 == 0 ? "u1" : i % 3 == 0 ? "x1" : "u2", 3000, "even");
}

static void check_answer(const struct answer *a, size_t expected, unsigned at)
{
    bool refused = false;
    cr_assert(is_clean(a->status.code), "allocation %u: %d %s", at, a->status.code,
              a->status.message);
    for (size_t i = 0; i < a->n; i++) {
        refused |= a->messages[i].errors > 0;
        cr_assert(is_clean(a->messages[i].error_code), "allocation %u: error %d", at,
                  a->messages[i].error_code);
    }
    if (a->status.code == STATUS_OK && !refused)
        cr_assert_eq(a->nposts, expected, "allocation %u", at);
}

static bool listing_with_failure(enum shape shape, const struct ask *ask, unsigned at)
{
    struct post_world w = { 0 };
    size_t expected;
    free(posts_expect(&g_posts, ask->user, NULL, &expected));
    heap_watch();
    post_world_open(&w);
    posts_import(&w, &g_posts);
    struct fake_stream *f = listing_start(&w, shape, ask, 1);
    heap_fail_at(at);
    struct answer a = listing_end(&w, f);
    const bool failed = heap_failed();
    heap_fail_at(0);
    check_answer(&a, expected, at);
    struct answer next = listing_one(&w, shape, *ask);
    cr_assert_eq(next.nposts, expected, "after allocation %u", at);
    answer_free(&a);
    answer_free(&next);
    post_world_close(&w);
    cr_assert_eq(heap_live(), 0, "allocation %u: %zu blocks", at, heap_live());
    return failed;
}

static void listing(const char *user)
{
    const struct ask ask = { .user = user };
    make_posts();
    for (int shape = 0; shape < SHAPES; shape++) {
        unsigned at = 1;
        while (listing_with_failure((enum shape)shape, &ask, at))
            at++;
        cr_assert_gt(at, 5);
        cr_log_info("%s, shape %d: %u allocations", user, shape, at - 1);
    }
    posts_free(&g_posts);
}

Test(memory_streams, list_posts)
{
    listing(NULL);
}

Test(memory_streams, list_posts_by_user)
{
    listing("u1");
}

/* --- User --------------------------------------------------------------------------- */

/* Returns a call that the client has said everything to. */
typedef struct fake_stream *(*begin_fn)(struct user_world *w);

static struct fake_stream *begin_import(struct user_world *w)
{
    struct fake_stream *f = user_call(w, "ImportUsers");
    user_push(f, "3", "Claire");
    user_push(f, "1", "Henriette");
    user_push(f, "", "nobody");
    fake_stream_end(f);
    return f;
}

static struct fake_stream *begin_delete(struct user_world *w)
{
    V1__User__DeleteUsersRequest request = V1__USER__DELETE_USERS_REQUEST__INIT;
    char *ids[] = { "1", "2", "x" };
    request.user_ids = ids;
    request.n_user_ids = 3;
    struct fake_stream *f = user_call(w, "DeleteUsers");
    fake_stream_push_message(f, &request.base);
    fake_stream_end(f);
    return f;
}

static struct fake_stream *begin_list(struct user_world *w)
{
    const V1__User__ListUsersRequest request = V1__USER__LIST_USERS_REQUEST__INIT;
    return user_request(w, "ListUsers", &request.base);
}

static struct fake_stream *begin_list_stream(struct user_world *w)
{
    const V1__User__ListUsersRequest request = V1__USER__LIST_USERS_REQUEST__INIT;
    return user_request(w, "ListUsersServerStream", &request.base);
}

static struct fake_stream *begin_get(struct user_world *w)
{
    V1__User__GetUserRequest request = V1__USER__GET_USER_REQUEST__INIT;
    request.user_id = (char *)"1";
    return user_request(w, "GetUser", &request.base);
}

static struct fake_stream *begin_resolve(struct user_world *w)
{
    V1__User__ResolveUsersRequest request = V1__USER__RESOLVE_USERS_REQUEST__INIT;
    char *ids[] = { "1", "2", "x" };
    request.user_ids = ids;
    request.n_user_ids = 3;
    struct fake_stream *f = user_call(w, "ResolveUsers");
    fake_stream_push_message(f, &request.base);
    fake_stream_end(f);
    return f;
}

static bool call_with_failure(begin_fn begin, unsigned at)
{
    struct budget budget = { .max = 1 << 20 };
    struct user_world w = { .service = { .answer_max_bytes = 1 << 20, .budget = &budget } };
    heap_watch();
    user_world_open(&w);
    user_import(&w, "1", "Henry");
    user_import(&w, "2", "Michael");
    struct fake_stream *f = begin(&w);
    heap_fail_at(at);
    LOOP_UNTIL(w.loop, f->closed);
    const bool failed = heap_failed();
    heap_fail_at(0);
    cr_assert(is_clean(f->close_status.code), "allocation %u: %d %s", at, f->close_status.code,
              f->close_status.message);
    fake_stream_free(f);
    f = begin(&w);
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->close_status.code, STATUS_OK, "after allocation %u: %s", at,
                 f->close_status.message);
    fake_stream_free(f);
    user_world_close(&w);
    cr_assert_eq(heap_live(), 0, "allocation %u: %zu blocks", at, heap_live());
    return failed;
}

static void every_allocation(begin_fn begin)
{
    unsigned at = 1;
    while (call_with_failure(begin, at))
        at++;
    cr_assert_gt(at, 1);
    cr_log_info("%u allocations", at - 1);
}

Test(memory_streams, import_users)
{
    every_allocation(begin_import);
}

Test(memory_streams, delete_users)
{
    every_allocation(begin_delete);
}

Test(memory_streams, list_users)
{
    every_allocation(begin_list);
    every_allocation(begin_list_stream);
}

Test(memory_streams, get_user)
{
    every_allocation(begin_get);
}

Test(memory_streams, resolve_users)
{
    every_allocation(begin_resolve);
}

/* A stream that stays open hears of a change, whatever fails on the way: its
 * client has no other way to know. */
static bool change_with_failure(unsigned at)
{
    struct user_world w = { 0 };
    heap_watch();
    user_world_open(&w);
    user_import(&w, "1", "Henry");
    V1__User__ResolveUsersRequest request = V1__USER__RESOLVE_USERS_REQUEST__INIT;
    char *ids[] = { "1" };
    request.user_ids = ids;
    request.n_user_ids = 1;
    struct fake_stream *f = user_call(&w, "ResolveUsers");
    fake_stream_push_message(f, &request.base);
    LOOP_UNTIL(w.loop, f->sent.n == 1);
    struct fake_stream *import = user_call(&w, "ImportUsers");
    user_push(import, "1", "Henriette");
    fake_stream_end(import);
    heap_fail_at(at);
    LOOP_UNTIL(w.loop, import->closed);
    if (import->close_status.code == STATUS_OK) /* else nothing has changed */
        LOOP_UNTIL(w.loop, f->sent.n > 1 || f->closed);
    const bool failed = heap_failed();
    heap_fail_at(0);
    fake_stream_free(import);
    user_hang_up(&w, f);
    user_world_close(&w);
    cr_assert_eq(heap_live(), 0, "allocation %u: %zu blocks", at, heap_live());
    return failed;
}

Test(memory_streams, a_change_is_told)
{
    unsigned at = 1;
    while (change_with_failure(at))
        at++;
    cr_log_info("%u allocations", at - 1);
}
