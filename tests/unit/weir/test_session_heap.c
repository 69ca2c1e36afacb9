/* What nghttp2 is given is what is counted, and all of it comes back. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <string.h>

#include "lib/heap.h"
#include "weir/http/http_session_heap.h"

static size_t g_held;
static nghttp2_mem g_mem;

static void init(void)
{
    g_held = 0;
    g_mem = session_heap(&g_held);
    heap_watch();
}

TestSuite(session_heap, .init = init);

Test(session_heap, counts_what_is_taken)
{
    void *a = g_mem.malloc(1000, &g_held);
    cr_assert_eq(g_held, malloc_usable_size(a));
    uint8_t *b = g_mem.calloc(10, 50, &g_held);
    cr_assert_eq(g_held, malloc_usable_size(a) + malloc_usable_size(b));
    cr_assert(b[0] == 0 && b[499] == 0);
    g_mem.free(a, &g_held);
    cr_assert_eq(g_held, malloc_usable_size(b));
    g_mem.free(b, &g_held);
    cr_assert_eq(g_held, 0);
    cr_assert_eq(heap_live(), 0);
}

Test(session_heap, counts_what_changes)
{
    char *a = g_mem.realloc(NULL, 100, &g_held);
    cr_assert_eq(g_held, malloc_usable_size(a));
    strcpy(a, "it stays");
    a = g_mem.realloc(a, 100000, &g_held);
    cr_assert_str_eq(a, "it stays");
    cr_assert_eq(g_held, malloc_usable_size(a));
    a = g_mem.realloc(a, 10, &g_held);
    cr_assert_eq(g_held, malloc_usable_size(a));
    g_mem.free(a, &g_held);
    g_mem.free(NULL, &g_held);
    cr_assert_eq(g_held, 0);
    cr_assert_eq(heap_live(), 0);
}

Test(session_heap, what_fails_is_not_counted)
{
    char *a = g_mem.malloc(100, &g_held);
    const size_t before = g_held;
    heap_fail_at(1);
    cr_assert_null(g_mem.malloc(100, &g_held));
    heap_fail_at(1);
    cr_assert_null(g_mem.calloc(1, 100, &g_held));
    heap_fail_at(1);
    cr_assert_null(g_mem.realloc(a, 1000, &g_held));
    cr_assert_eq(g_held, before, "the old block is still there");
    g_mem.free(a, &g_held);
    cr_assert_eq(g_held, 0);
}

static ssize_t throw_away(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
                          void *arg)
{
    (void)session;
    (void)data;
    (void)flags;
    (void)arg;
    return (ssize_t)len;
}

Test(session_heap, a_session_gives_all_of_it_back)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    cr_assert_eq(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_send_callback(callbacks, throw_away);
    cr_assert_eq(nghttp2_session_server_new3(&session, callbacks, NULL, NULL, &g_mem), 0);
    nghttp2_session_callbacks_del(callbacks);
    cr_assert_gt(g_held, 1000);
    cr_assert_gt(heap_live(), 3);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0);
    nghttp2_session_send(session);
    nghttp2_session_del(session);
    cr_assert_eq(g_held, 0);
    cr_assert_eq(heap_live(), 0);
}
