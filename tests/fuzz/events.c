/* A listing with a network that is played: a byte of the input is an event,
 * such as a request, a full window, a turn of the loop, a word of User, a post that
 * changes, a client that goes away. The fake stream fails when its user breaks the contract of
 * weir/stream.h; and every call ends, with nothing left behind. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "lib/listing_calls.h"

#define MAX_EVENTS 200
#define N_POSTS    60

static struct post_world g_world;
static struct posts g_posts;
static unsigned g_changes;
static bool g_follows; /* the call of now has one */

static void open_world(void)
{
    static bool open;
    if (open)
        return;
    open = true;
    g_world.answer_max_bytes = 40000;
    post_world_open(&g_world);
    for (int i = 0; i < N_POSTS; i++)
        posts_add(&g_posts,
                  i % 2 == 0   ? "u1"
                  : i % 3 == 0 ? "x1"
                               : "u2",
                  (size_t)(i * 37) % 9000, i % 5 == 0 ? "even" : "odd");
    posts_import(&g_world, &g_posts);
}

static struct ask ask_of(struct bytes *in)
{
    static const char *const users[] = { "u1", "u2", "x1", "u3" };
    const uint8_t what = fuzz_byte(in);
    g_follows |= (what & 128) != 0;
    return (struct ask){
        .user = what & 1 ? users[what >> 1 & 3] : NULL,
        .page_size = what & 8 ? fuzz_byte(in) : 0,
        .limit = what & 16 ? fuzz_byte(in) : 0,
        .tag = what & 32 ? "even" : NULL,
        .token = (what & 192) == 64 ? "nonsense" : NULL,
        .follow = what & 128,
        .from_now = (what & 192) == 192,
    };
}

/* It is deleted, changes or comes again. */
static void change_post(uint8_t what)
{
    static bool gone[N_POSTS];
    char id[8];
    const size_t i = what % N_POSTS;
    snprintf(id, sizeof id, "p%zu", i);
    if (gone[i] || what < 2 * N_POSTS)
        posts_refill(&g_world, &g_posts, i, i + 1, (char)('a' + g_changes++ % 26));
    else
        post_world_delete(&g_world, (const char *const[]){ id }, 1);
    gone[i] = !gone[i] && what >= 2 * N_POSTS;
}

static void event(struct fake_stream *f, enum shape shape, const char *user, struct bytes *in,
                  bool *ended)
{
    struct ask ask;
    switch (fuzz_byte(in) % 10) {
    case 0:
        ask = ask_of(in);
        ask.user = user;
        if (many_asks(shape) && !*ended && !f->closed)
            listing_push(f, &ask);
        break;
    case 1:
        if (many_asks(shape) && !*ended && !f->closed)
            fake_stream_end(f);
        *ended = true;
        break;
    case 2:
    case 3:
        fake_stream_window(f, fuzz_byte(in) & 1);
        break;
    case 4:
        fake_stream_drain(f);
        break;
    case 5:
        if (!f->closed && !f->closing)
            fake_stream_close(f, STATUS_CANCELLED, "gone");
        *ended = true;
        break;
    case 6:
        post_world_tell(&g_world, fuzz_byte(in) & 1 ? "u1" : "x1");
        break;
    case 7:
        loop_turns(g_world.loop, 1);
        break;
    case 8:
        change_post(fuzz_byte(in));
        break;
    default:
        post_world_turns(&g_world, 1u + fuzz_byte(in) % 4);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    open_world();
    g_follows = false;
    const enum shape shape = (enum shape)(fuzz_byte(&in) % SHAPES);
    const struct ask ask = ask_of(&in);
    struct fake_stream *f = listing_open(&g_world, shape, &ask, 1);
    bool ended = !many_asks(shape);
    f->burst = in.len % 2;
    for (int i = 0; i < MAX_EVENTS && in.len > 0; i++)
        event(f, shape, ask.user, &in, &ended);
    fake_stream_window(f, true);
    if (!ended && !f->closed)
        fake_stream_end(f);
    if (g_follows && !f->closed)
        fake_stream_drain(f); /* it has no other end */
    POST_UNTIL(&g_world, f->closed);
    cr_assert(f->close_status.code != STATUS_INTERNAL && f->close_status.code != STATUS_UNKNOWN);
    fake_stream_free(f);
    cr_assert_eq(g_world.budget.used, 0);
    return 0;
}
