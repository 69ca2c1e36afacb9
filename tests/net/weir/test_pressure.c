/* What connections hold, and who goes when it is too much. The server's budget is the
 * test's, so that others (answers) can take of it what a test needs them to have. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "lib/call_world.h"
#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "lib/raw_peer.h"
#include "weir/http/lane.h"

#define KIB       ((size_t)1024)
#define BUDGET    (64 * KIB * KIB)
#define NEAR_FULL (BUDGET / 8 * 7) /* relief begins beyond that */

static struct call_world g_world;
static struct budget g_budget;
static size_t g_others; /* what was taken of it, but by connections */

struct client {
    struct raw_peer peer;
    struct conn *conn; /* its other end */
    size_t requested;  /* bytes of its request that were sent */
};

static void init(void)
{
    setenv("CALL_TRANSPORT", "http", 1);
    signal(SIGPIPE, SIG_IGN);
    log_init("test", LOG_ERROR, LOG_TEXT);
}

TestSuite(pressure, .init = init);

static struct lane *lane(void)
{
    return &http_server_of(g_world.server)->lanes[0];
}

static unsigned refused(enum refusal why)
{
    return (unsigned)counter_get(&lane()->stats.refused[why]);
}

static bool is_hoard(const struct conn *c)
{
    return !ring_empty(&c->hoard);
}

/* --- Clients ------------------------------------------------------------------------ */

static void meet(int64_t max_connections)
{
    g_budget.max = BUDGET;
    heap_watch();
    call_world_open(&g_world, echo_methods, ECHO_NMETHODS,
                    &(struct server_options){ .budget = &g_budget,
                                              .connections.max_connections = max_connections });
}

static void part(void)
{
    budget_give(&g_budget, g_others);
    call_world_close(&g_world);
    cr_assert_eq(budget_used(&g_budget), 0, "all was given back");
    cr_assert_eq(heap_live_in_the_end(), 0);
    assert_no_leaks();
}

/* Others take so much that this is used in all. */
static void others_take_up_to(size_t bytes)
{
    g_others = bytes - budget_used(&g_budget);
    budget_add(&g_budget, g_others);
}

/* One that has connected, and says nothing. */
static void come(struct client *c)
{
    const uint64_t before = counter_get(&lane()->stats.opened);
    int port = 0;
    sscanf(strrchr(g_world.target, ':'), ":%d", &port);
    *c = (struct client){ 0 };
    raw_open(&c->peer, port, 0);
    LOOP_UNTIL(g_world.loop, counter_get(&lane()->stats.opened) == before + 1);
    c->conn = container_of(lane()->conns.prev, struct conn, link);
}

static void greet(struct client *c)
{
    struct frames f = { 0 };
    frames_hello(&f);
    frames_frame(&f, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, bytes_of(NULL, 0));
    raw_send(&c->peer, &f);
    LOOP_UNTIL(g_world.loop, c->conn->state == CONN_OPEN);
}

/* Sends @bytes of a request that is longer: the server has to keep them. */
static void send_part(struct client *c, size_t bytes)
{
    static const uint8_t zeros[8 * 1024];
    struct frames f = { 0 };
    if (c->requested == 0) {
        frames_request(&f, 1, "/test.Echo/Unary", NULL);
        frames_frame(&f, NGHTTP2_DATA, 0, 1, bytes_of("\0\0\3\xff\xff", 5)); /* 256 KiB - 1 */
    }
    for (size_t sent = 0; sent < bytes; sent += sizeof zeros) {
        frames_frame(&f, NGHTTP2_DATA, 0, 1, bytes_of(zeros, sizeof zeros));
        const size_t len = f.len;
        cr_assert_eq(raw_send(&c->peer, &f), len);
        loop_turns(g_world.loop, 2);
    }
    c->requested += bytes;
    LOOP_UNTIL(g_world.loop, c->conn->state != CONN_OPEN || c->conn->noted_bytes >= c->requested);
}

/* It is told to go, and goes: returns the code that it was told. */
static uint32_t farewell(struct client *c)
{
    struct frame goaway;
    LOOP_UNTIL(g_world.loop, (raw_read(&c->peer), c->peer.gone));
    cr_assert_gt(raw_frames(&c->peer, NGHTTP2_GOAWAY, &goaway), 0);
    const uint32_t code = goaway.payload.data[7];
    raw_close(&c->peer);
    return code;
}

static bool is_here(struct client *c)
{
    raw_read(&c->peer);
    return !c->peer.gone && raw_frames(&c->peer, NGHTTP2_GOAWAY, NULL) == 0;
}

/* --- Hoards ------------------------------------------------------------------------- */

Test(pressure, a_connection_is_a_hoard_while_it_holds_much)
{
    struct client c;
    meet(0);
    come(&c);
    greet(&c);
    send_part(&c, 32 * KIB);
    cr_assert_not(is_hoard(c.conn));
    send_part(&c, 64 * KIB);
    cr_assert(is_hoard(c.conn));
    struct frames f = { 0 };
    frames_reset(&f, 1, NGHTTP2_CANCEL);
    raw_send(&c.peer, &f);
    LOOP_UNTIL(g_world.loop, c.conn->ncalls == 0);
    LOOP_UNTIL(g_world.loop, !is_hoard(c.conn));
    cr_assert_eq(refused(REFUSED_MEMORY), 0);
    raw_close(&c.peer);
    part();
}

/* Each hoard is small beside the budget: one without a call goes first, and hears no
 * reproach; then the one that holds most all the same. */
Test(pressure, idle_ones_go_before_small_hoards)
{
    struct client idle, less, more;
    meet(0);
    come(&idle);
    come(&less);
    come(&more);
    greet(&idle);
    greet(&less);
    greet(&more);
    send_part(&less, 80 * KIB);
    send_part(&more, 96 * KIB);
    less.conn->hoard_ms = more.conn->hoard_ms; /* neither has held it for longer */
    others_take_up_to(NEAR_FULL - 32 * KIB);
    send_part(&more, 64 * KIB);
    cr_assert_eq(farewell(&idle), NGHTTP2_NO_ERROR);
    cr_assert_eq(farewell(&more), NGHTTP2_ENHANCE_YOUR_CALM);
    LOOP_UNTIL(g_world.loop, lane()->conns.next == lane()->conns.prev);
    cr_assert(is_here(&less), "with the largest it was enough");
    cr_assert_eq(refused(REFUSED_MEMORY), 2);
    raw_close(&less.peer);
    part();
}

/* A large message on its way is no hoard: it counts less while it is new. */
Test(pressure, an_old_hoard_goes_before_a_larger_new_one)
{
    struct client old, larger;
    meet(0);
    come(&old);
    come(&larger);
    greet(&old);
    greet(&larger);
    send_part(&old, 80 * KIB);
    old.conn->hoard_ms -= 1000;
    send_part(&larger, 96 * KIB);
    others_take_up_to(NEAR_FULL - 32 * KIB);
    send_part(&larger, 64 * KIB);
    cr_assert_eq(farewell(&old), NGHTTP2_ENHANCE_YOUR_CALM);
    cr_assert(is_here(&larger));
    raw_close(&larger.peer);
    part();
}

/* --- All is taken ------------------------------------------------------------------- */

Test(pressure, over_all_of_it_no_call_and_no_connection_is_taken)
{
    struct client known, late;
    struct frame reset;
    struct frames f = { 0 };
    meet(0);
    come(&known);
    greet(&known);
    others_take_up_to(BUDGET + 1);
    frames_request(&f, 1, "/test.Echo/Unary", NULL);
    raw_send(&known.peer, &f);
    LOOP_UNTIL(g_world.loop,
               (raw_read(&known.peer), raw_frames(&known.peer, NGHTTP2_RST_STREAM, &reset) > 0));
    cr_assert_eq(reset.payload.data[3], NGHTTP2_REFUSED_STREAM, "it may be tried again");
    come(&late);
    LOOP_UNTIL(g_world.loop, (raw_read(&late.peer), late.peer.gone));
    cr_assert_eq(refused(REFUSED_MEMORY), 2);
    cr_assert_eq(g_echo.opened, 0);
    raw_close(&late.peer);
    raw_close(&known.peer);
    part();
}

/* --- Too many ----------------------------------------------------------------------- */

Test(pressure, a_stranger_makes_way_for_a_newcomer)
{
    struct client stranger, known, newcomer, refused_one;
    meet(2);
    come(&known);
    greet(&known);
    come(&stranger);
    come(&newcomer);
    LOOP_UNTIL(g_world.loop, (raw_read(&stranger.peer), stranger.peer.gone));
    greet(&newcomer);
    come(&refused_one);
    LOOP_UNTIL(g_world.loop, (raw_read(&refused_one.peer), refused_one.peer.gone));
    cr_assert(is_here(&known));
    cr_assert(is_here(&newcomer));
    cr_assert_eq(refused(REFUSED_TOO_MANY_CONNECTIONS), 2);
    raw_close(&stranger.peer);
    raw_close(&refused_one.peer);
    raw_close(&known.peer);
    raw_close(&newcomer.peer);
    part();
}
