/* Requests of every method of both services, as bytes: each call ends, with
 * one status, whatever was asked; what a server says of itself (INTERNAL,
 * UNKNOWN) is never what a request can bring about. */
#include <stdlib.h>

#include "fuzz_call.h"
#include "lib/post_world.h"
#include "lib/user_world.h"

static struct post_world g_posts;
static struct user_world g_users;

static void import_posts(void)
{
    char *const tags[] = { (char *)"a" };
    char ids[8][16];
    V1__Post__PostMessage posts[8];
    for (int i = 0; i < 8; i++) {
        snprintf(ids[i], sizeof ids[i], "p%d", i);
        v1__post__post_message__init(&posts[i]);
        posts[i].post_id = ids[i];
        posts[i].user_id = (char *)(i % 3 == 0 ? "x1" : "u1"); /* x1 is nobody */
        posts[i].tags = (char **)(uintptr_t)tags;
        posts[i].n_tags = (size_t)(i % 2);
    }
    post_world_import(&g_posts, posts, 8);
}

static void open_worlds(void)
{
    static bool open;
    if (open)
        return;
    open = true;
    g_posts.options.timeout_ms = 2000;
    post_world_open(&g_posts);
    user_world_open(&g_users);
    user_import(&g_users, "u1", "Henry");
    import_posts();
}

static const struct method *method_of(uint8_t n, bool *ret_post)
{
    const struct service *post = post_services[0], *user = user_services[0];
    n %= (uint8_t)(post->nmethods + user->nmethods);
    *ret_post = n < post->nmethods;
    return *ret_post ? &post->methods[n] : &user->methods[n - post->nmethods];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    bool post;
    open_worlds();
    const struct method *m = method_of(fuzz_byte(&in), &post);
    struct fake_stream *f = fuzz_call(post ? g_posts.loop : g_users.loop, m, in);
    if (post)
        POST_UNTIL(&g_posts, f->closed);
    else
        LOOP_UNTIL(g_users.loop, f->closed);
    cr_assert(f->status.code != STATUS_INTERNAL && f->status.code != STATUS_UNKNOWN);
    fake_stream_free(f);
    return 0;
}
