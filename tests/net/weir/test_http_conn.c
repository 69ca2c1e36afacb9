/* A server's connections and clients that no library of gRPC's is: what the
 * connection does then, and that everything is given back. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "lib/call_world.h"
#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "lib/raw_peer.h"
#include "weir/http/lane.h"

static struct call_world g_world;
static struct raw_peer g_peer;
static struct frames g_frames;

static void init(void)
{
    setenv("CALL_TRANSPORT", "http", 1);
    signal(SIGPIPE, SIG_IGN);
    log_init("test", LOG_ERROR, LOG_TEXT);
}

TestSuite(http_conn, .init = init);

static struct lane *lane(void)
{
    return &http_server_of(g_world.server)->lanes[0];
}

/* The only connection; NULL: there is none. */
static struct conn *conn(void)
{
    struct ring *conns = &lane()->conns;
    return ring_empty(conns) ? NULL : container_of(conns->next, struct conn, link);
}

static unsigned refused(enum refusal why)
{
    return (unsigned)counter_get(&lane()->stats.refused[why]);
}

static void meet(const struct server_options *options, int receive_bytes)
{
    int port = 0;
    heap_watch();
    call_world_open(&g_world, echo_methods, ECHO_NMETHODS, options);
    sscanf(strrchr(g_world.target, ':'), ":%d", &port);
    raw_open(&g_peer, port, receive_bytes);
    frames_hello(&g_frames);
}

static void part(void)
{
    raw_close(&g_peer);
    call_world_close(&g_world);
    cr_assert_eq(heap_live_in_the_end(), 0);
    assert_no_leaks();
}

static void put_odd_frames(int n)
{
    const uint8_t priority[5] = { 0, 0, 0, 0, 1 };
    for (int i = 0; i < n; i++)
        frames_frame(&g_frames, NGHTTP2_PRIORITY, 0, 1, bytes_of(priority, sizeof priority));
}

#define A_FLOOD 4000

/* --- Floods ------------------------------------------------------------------------- */

/* It asks for more than the socket takes, and reads nothing. */
static void fill_the_socket_with(const char *const *headers)
{
    const uint8_t large_windows[6] = { 0,   NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7f, 0xff, 0xff,
                                       0xff };
    frames_frame(&g_frames, NGHTTP2_SETTINGS, 0, 0, bytes_of(large_windows, sizeof large_windows));
    frames_window(&g_frames, 0, 1 << 30);
    for (int32_t id = 1; id < 200; id += 2) {
        frames_request(&g_frames, id, "/test.Echo/Runs", headers);
        frames_message(&g_frames, id, bytes_of_text("a"), NGHTTP2_FLAG_END_STREAM);
    }
    raw_send(&g_peer, &g_frames);
    LOOP_UNTIL(g_world.loop, conn() != NULL && conn()->rest != NULL);
}

static void fill_the_socket(void)
{
    fill_the_socket_with(NULL);
}

/* It cannot be told, and is gone all the same; meanwhile its timers find nothing. */
Test(http_conn, a_flood_of_one_that_does_not_read)
{
    const struct server_options options = { .connections = { .keepalive_time_ms = 20,
                                                             .keepalive_without_stream = true } };
    meet(&options, 4096);
    fill_the_socket();
    put_odd_frames(A_FLOOD);
    raw_send(&g_peer, &g_frames);
    LOOP_UNTIL(g_world.loop, conn() == NULL);
    cr_assert_eq(refused(REFUSED_FLOOD), 1);
    cr_assert_eq(g_echo.opened, 100);
    cr_assert_eq(g_echo.closed, 100);
    part();
}

Test(http_conn, the_server_stops_while_a_flood_is_not_read)
{
    meet(NULL, 4096);
    fill_the_socket();
    put_odd_frames(A_FLOOD);
    raw_send(&g_peer, &g_frames);
    LOOP_UNTIL(g_world.loop, conn()->session == NULL);
    cr_assert_not_null(conn()->rest);
    call_world_drain(&g_world, 10000);
    loop_run(g_world.loop);
    cr_assert(g_world.drained);
    part();
}

/* What comes behind it is not processed, as the GOAWAY says. */
Test(http_conn, a_call_behind_a_flood)
{
    struct frame goaway;
    meet(NULL, 0);
    put_odd_frames(A_FLOOD);
    frames_request(&g_frames, 1, "/test.Echo/Unary", NULL);
    frames_message(&g_frames, 1, bytes_of_text("a"), NGHTTP2_FLAG_END_STREAM);
    raw_send(&g_peer, &g_frames);
    LOOP_UNTIL(g_world.loop, (raw_read(&g_peer), g_peer.gone));
    cr_assert_eq(raw_frames(&g_peer, NGHTTP2_GOAWAY, &goaway), 1);
    cr_assert_eq(goaway.payload.data[7], NGHTTP2_ENHANCE_YOUR_CALM);
    cr_assert_eq(goaway.payload.data[3], 0, "no call was processed");
    cr_assert_eq(g_echo.opened, 0);
    part();
}

/* --- Requests ----------------------------------------------------------------------- */

/* It lies in what was kept of the first piece when the second one makes it whole,
 * and wrong. (Who reads it then is for a sanitizer to see.) */
Test(http_conn, a_request_in_pieces_and_more)
{
    struct frame end;
    meet(NULL, 0);
    frames_request(&g_frames, 1, "/test.Echo/Unary", NULL);
    frames_frame(&g_frames, NGHTTP2_DATA, 0, 1, bytes_of("\0\0\0\0\4ab", 7));
    frames_frame(&g_frames, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, bytes_of("cde", 3));
    raw_send(&g_peer, &g_frames);
    LOOP_UNTIL(g_world.loop, (raw_read(&g_peer), raw_frames(&g_peer, NGHTTP2_HEADERS, &end) > 0));
    cr_assert_neq(end.flags & NGHTTP2_FLAG_END_STREAM, 0);
    cr_assert_eq(g_echo.opened, 0);
    part();
}

/* --- Goodbyes ----------------------------------------------------------------------- */

static uint32_t last_stream_of(const struct frame *goaway)
{
    const uint8_t *p = goaway->payload.data;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Its last call ends before it has answered the ping behind the first GOAWAY: it hears all
 * the same which of its calls was the last one, before the server hangs up. */
Test(http_conn, the_last_goaway_comes_with_the_end_of_the_last_call)
{
    struct frame goaway;
    meet(NULL, 0);
    frames_request(&g_frames, 1, "/test.Echo/BidiStream", NULL);
    raw_send(&g_peer, &g_frames);
    LOOP_UNTIL(g_world.loop, g_echo.opened == 1);
    call_world_drain(&g_world, 10000);
    LOOP_UNTIL(g_world.loop, (raw_read(&g_peer), raw_frames(&g_peer, NGHTTP2_GOAWAY, &goaway) > 0));
    cr_assert_eq(last_stream_of(&goaway), INT32_MAX, "there will be another one");
    frames_message(&g_frames, 1, bytes_of_text("a"), NGHTTP2_FLAG_END_STREAM);
    raw_send(&g_peer, &g_frames);
    LOOP_UNTIL(g_world.loop, (raw_read(&g_peer), g_peer.gone));
    cr_assert_eq(raw_frames(&g_peer, NGHTTP2_GOAWAY, &goaway), 2);
    cr_assert_eq(last_stream_of(&goaway), 1);
    part();
}

/* --- Several loops ------------------------------------------------------------------ */

static void on_drained(struct server *server, void *arg)
{
    (void)server;
    *(bool *)arg = true;
}

/* Runs both loops, which this thread has, in turn. */
#define BOTH_UNTIL(loops, condition) LOOP_UNTIL((loops)[0], (loop_turns((loops)[1], 1), condition))

/* The second connection is the other loop's, and there is no memory to hand it
 * over: it is refused, and the third is the first loop's again. */
Test(http_conn, one_that_cannot_be_handed_over)
{
    struct raw_peer peers[3];
    struct loop *loops[2];
    struct server *server;
    bool drained = false;
    heap_watch();
    for (int i = 0; i < 2; i++)
        cr_assert_eq(loop_new(&loops[i], LOOP_IN_UV), 0);
    cr_assert_eq(server_of(&server, loops, 2, echo_methods, ECHO_NMETHODS, NULL), 0);
    const int port = server_listen(server, "127.0.0.1:0", NULL);
    cr_assert_eq(server_start(server), 0);
    const struct http_server *http = http_server_of(server);
    raw_open(&peers[0], port, 0);
    BOTH_UNTIL(loops, counter_get(&http->lanes[0].stats.opened) == 1);
    heap_fail_at(1);
    raw_open(&peers[1], port, 0);
    BOTH_UNTIL(loops, (raw_read(&peers[1]), peers[1].gone));
    heap_fail_at(0);
    raw_open(&peers[2], port, 0);
    BOTH_UNTIL(loops, counter_get(&http->lanes[0].stats.opened) == 2);
    cr_assert_eq(atomic_load(&http->nconns), 2);
    cr_assert_eq(counter_get(&http->lanes[0].stats.refused[REFUSED_MEMORY]), 1);
    server_drain(server, 1000, on_drained, &drained);
    BOTH_UNTIL(loops, drained);
    server_free(server);
    for (int i = 0; i < 3; i++)
        raw_close(&peers[i]);
    for (int i = 0; i < 2; i++)
        loop_free(loops[i]);
    cr_assert_eq(heap_live(), 0);
}

/* --- A full socket ------------------------------------------------------------------ */

/* Nothing can leave, not even a reset: the handlers hear of their deadline all the same. */
Test(http_conn, deadlines_hold_while_the_socket_is_full)
{
    const char *const headers[] = { "grpc-timeout", "300m", NULL };
    meet(NULL, 4096);
    fill_the_socket_with(headers);
    cr_assert_gt(g_echo.opened, g_echo.closed);
    LOOP_UNTIL(g_world.loop, g_echo.opened == 100 && g_echo.closed == 100);
    cr_assert_not_null(conn());
    cr_assert_not_null(conn()->rest);
    cr_assert_eq(conn()->ncalls, 0);
    part();
}

Test(http_conn, a_client_that_reads_nothing_at_all_is_cut)
{
    const struct server_options options = { .write_timeout_ms = 200 };
    meet(&options, 4096);
    fill_the_socket();
    LOOP_UNTIL(g_world.loop, conn() == NULL);
    cr_assert_eq(refused(REFUSED_WRITE), 1);
    cr_assert_eq(g_echo.closed, g_echo.opened);
    part();
}

/* It reads so slowly that each call is given up, but it reads. */
Test(http_conn, a_client_that_reads_something_is_not_cut)
{
    const struct server_options options = { .write_timeout_ms = 200 };
    meet(&options, 4096);
    fill_the_socket();
    LOOP_UNTIL(g_world.loop, (raw_read(&g_peer), g_echo.opened == 100 && g_echo.closed == 100));
    cr_assert_not_null(conn());
    cr_assert_eq(refused(REFUSED_WRITE), 0);
    part();
}

/* --- Turns -------------------------------------------------------------------------- */

#define CROWD 900

static void put_unary(int32_t id)
{
    frames_request(&g_frames, id, "/test.Echo/Unary", NULL);
    frames_message(&g_frames, id, bytes_of_text("a"), NGHTTP2_FLAG_END_STREAM);
}

/* All calls of the crowd are there before the other client's. */
Test(http_conn, calls_of_a_crowd_do_not_all_begin_before_another_one)
{
    const struct server_options options = { .connections = { .max_streams = 2 * CROWD } };
    struct raw_peer other;
    int port = 0;
    meet(&options, 0);
    for (int32_t i = 0; i < CROWD; i++)
        put_unary(2 * i + 1);
    raw_send(&g_peer, &g_frames);
    sscanf(strrchr(g_world.target, ':'), ":%d", &port);
    raw_open(&other, port, 0);
    frames_hello(&g_frames);
    put_unary(1);
    raw_send(&other, &g_frames);
    LOOP_UNTIL(g_world.loop, (raw_read(&other), raw_frames(&other, NGHTTP2_DATA, NULL) > 0));
    cr_assert_lt(g_echo.opened, CROWD / 2);
    LOOP_UNTIL(g_world.loop, g_echo.closed == CROWD + 1);
    raw_close(&other);
    part();
}
