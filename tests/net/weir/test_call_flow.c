/* Calls over real gRPC: back-pressure, what is written together, limits, and
 * the ways in which a call ends that is not over. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/call_world.h"
#include "lib/leaks.h"
#include "lib/tmpdir.h"
#include "v1/user/user.pb-c.h"

static struct call_world g_world;

/* --- A service that pours ----------------------------------------------------------- */

enum { MESSAGE_BYTES = 16 * 1024 };

/* How a row's handler behaves. */
struct pour {
    unsigned messages, size, flags;
    bool reads;            /* while it pours */
    enum status_code code; /* its end */
};

static unsigned g_poured;  /* messages that stream_send() took */
static unsigned g_refused; /* EAGAIN */
static bool g_closed, g_drain_seen;
static struct status g_status;

static void pour(struct stream *s)
{
    const struct pour *p = s->method->data;
    while (g_poured < p->messages && !s->finished) {
        struct buf *b = buf_new(p->size);
        b->len = p->size;
        memset(b->data, (int)('a' + g_poured % 26), b->len);
        const bool last = g_poured + 1 == p->messages;
        unsigned flags = last ? 0 : p->flags;
        if (last && p->code == STATUS_OK)
            flags |= STREAM_LAST;
        const int rv = stream_send(s, b, 0, b->len, flags);
        buf_unref(b);
        if (rv == EAGAIN) {
            g_refused++;
            return;
        }
        cr_assert_eq(rv, 0);
        g_poured++;
    }
    if (g_poured == p->messages && p->code != STATUS_OK)
        stream_fail(s, p->code, "after %u", g_poured);
}

static void pour_open(struct stream *s)
{
    const struct pour *p = s->method->data;
    g_echo.opened++;
    g_echo.open = s;
    if (p->reads)
        stream_read(s);
    pour(s);
}

static void pour_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)m;
    (void)bytes;
    g_echo.messages++;
    if (s->method->requests == MANY)
        stream_read(s);
}

static void pour_end(struct stream *s)
{
    (void)s;
    g_echo.ends++;
}

static void pour_drain(struct stream *s)
{
    (void)s;
    g_drain_seen = true;
}

static void pour_close(struct stream *s, const struct status *status)
{
    (void)s;
    g_echo.closed++;
    g_echo.code = status->code;
    g_echo.open = NULL;
    g_closed = true;
    g_status = *status;
}

static const struct stream_handler pourer = {
    .on_open = pour_open,
    .on_message = pour_message,
    .on_end = pour_end,
    .on_sent = pour,
    .on_drain = pour_drain,
    .on_close = pour_close,
};

/* Its messages have to be users. */
static const struct stream_handler strict = {
    .message = &v1__user__user_message__descriptor,
    .on_open = pour_open,
    .on_message = pour_message,
    .on_end = pour_end,
    .on_close = pour_close,
};

static const struct pour endless = { 1000000, MESSAGE_BYTES, 0, false, STATUS_OK };
static const struct pour many_small = { 2000, 100, STREAM_MORE, true, STATUS_OK };
static const struct pour two_and_fail = { 2, 100, STREAM_MORE, true, STATUS_ABORTED };
static const struct pour nothing = { 0, 0, 0, true, STATUS_OK };
static const struct pour one_bad = { 1, 3, 0, true, STATUS_OK };

static const struct pour deaf = { 0, 0, 0, false, STATUS_OK };

static const struct method methods[] = {
    { "/test.Pour/Deaf", MANY, MANY, &pourer, &deaf, NULL },
    { "/test.Pour/Endless", MANY, MANY, &pourer, &endless, NULL },
    { "/test.Pour/Small", MANY, MANY, &pourer, &many_small, NULL },
    { "/test.Pour/Fail", MANY, MANY, &pourer, &two_and_fail, NULL },
    { "/test.Pour/Silent", MANY, MANY, &pourer, &nothing, NULL },
    { "/test.Pour/OneBad", MANY, MANY, &pourer, &one_bad, NULL },
    { "/test.Pour/Strict", MANY, MANY, &strict, &nothing, NULL },
};

static void open_world(const struct server_options *options)
{
    g_poured = g_refused = 0;
    g_closed = g_drain_seen = false;
    call_world_open(&g_world, methods, sizeof methods / sizeof *methods, options);
}

static void talk_to_the_end(struct talk *t, const char *path, const struct call_options *options)
{
    talk_open(t, &g_world, path, options);
    loop_run(g_world.loop);
    cr_assert_eq(t->closes, 1);
    call_world_close(&g_world);
    assert_no_leaks();
}

static long resident_kb(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    cr_assert_eq(fscanf(f, "%ld %ld", &pages, &resident), 2);
    fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* --- Out ---------------------------------------------------------------------------- */

static void break_when_fired(struct timer *t)
{
    loop_break(t->loop);
}

static void run_for(uint64_t ms)
{
    struct timer t = { .fired = break_when_fired };
    timer_start(g_world.loop, &t, ms);
    loop_run(g_world.loop);
    timer_stop(&t); /* the loop may have been stopped before */
}

/* The client does not read, so the server's stream takes what the windows
 * hold and then no more; and it goes on once the client is gone. */
Test(call_flow, a_deaf_client_stops_the_server)
{
    open_world(NULL);
    struct talk t = { .say = SAY(), .stay = true, .deaf = true };
    talk_open(&t, &g_world, "/test.Pour/Endless", NULL);
    run_for(300);
    const unsigned poured = g_poured;
    const long before_kb = resident_kb();
    cr_assert_gt(g_refused, 0);
    cr_assert_lt(poured, endless.messages);
    run_for(300);
    cr_assert_eq(g_poured, poured, "nothing moves");
    cr_assert_lt(resident_kb() - before_kb, 1024);
    cr_assert_not(g_closed);
    stream_fail(t.s, STATUS_CANCELLED, "enough");
    loop_run(g_world.loop);
    cr_assert(g_closed);
    cr_assert_eq(g_status.code, STATUS_CANCELLED);
    call_world_close(&g_world);
    assert_no_leaks();
}

Test(call_flow, a_deaf_client_is_cut_off_after_the_write_timeout)
{
    const struct server_options options = { .write_timeout_ms = 200 };
    open_world(&options);
    struct talk t = { .say = SAY(), .stay = true, .deaf = true };
    talk_open(&t, &g_world, "/test.Pour/Endless", NULL);
    while (!g_closed)
        run_for(10);
    if (t.s != NULL) /* what came before a status is there to be read */
        stream_read(t.s);
    while (t.closes == 0) /* or it was over with the server's end */
        run_for(10);
    call_world_close(&g_world);
    cr_assert_eq(t.status.code, STATUS_UNAVAILABLE, "%s", t.status.message);
    if (call_world_transport() == TRANSPORT_CORE) /* else a message is half out: it is a reset */
        cr_assert_str_eq(t.status.message, "the client did not read for too long");
    cr_assert_gt(g_refused, 0);
}

/* An idle stream is not slow: nothing waits to be written. */
Test(call_flow, the_write_timeout_does_not_concern_idle_streams)
{
    const struct server_options options = { .write_timeout_ms = 50 };
    open_world(&options);
    struct talk t = { .say = SAY("x"), .stay = true };
    talk_open(&t, &g_world, "/test.Pour/Silent", NULL);
    run_for(300);
    cr_assert_eq(t.closes, 0);
    stream_fail(t.s, STATUS_CANCELLED, "enough");
    loop_run(g_world.loop);
    call_world_close(&g_world);
}

static int g_order_errors;

static void check_order(struct talk *t)
{
    if (t->heard[0] != 'a' + (t->messages - 1) % 26)
        g_order_errors++;
    t->heard[0] = '\0';
}

/* Messages that were to wait for another one all arrive, the last one too. */
Test(call_flow, hinted_messages_all_arrive)
{
    for (int i = 0; i < 20; i++) {
        open_world(NULL);
        struct talk t = { .say = SAY(), .stay = i % 2, .on_heard = check_order };
        talk_to_the_end(&t, "/test.Pour/Small", NULL);
        cr_assert_eq((unsigned)t.messages, many_small.messages);
        cr_assert_eq(t.status.code, STATUS_OK);
        cr_assert_eq(g_status.code, STATUS_OK);
        cr_assert_eq(g_order_errors, 0);
    }
}

Test(call_flow, what_was_sent_before_an_error_arrives_first)
{
    for (int i = 0; i < 20; i++) {
        open_world(NULL);
        struct talk t = { .say = SAY(), .stay = true };
        talk_to_the_end(&t, "/test.Pour/Fail", NULL);
        cr_assert_eq(t.messages, 2);
        cr_assert_eq(t.status.code, STATUS_ABORTED);
        cr_assert_str_eq(t.status.message, "after 2");
        cr_assert_eq(g_status.code, STATUS_ABORTED);
    }
}

static void check_send(struct stream *s)
{
    cr_assert_eq(say(s, "1", 0), 0);
    cr_assert_eq(say(s, "2", 0), 0);
    cr_assert_eq(say(s, "3", 0), EAGAIN);
    cr_assert_eq(say(s, "3", STREAM_LAST), EAGAIN);
    const struct status ok = status_ok();
    stream_finish(s, &ok);
    stream_finish(s, &ok);
    cr_assert_eq(say(s, "4", 0), EPIPE);
}

Test(call_flow, two_messages_wait_and_no_more)
{
    call_world_open(&g_world, echo_methods, 4, NULL);
    struct talk t = { .say = SAY(), .stay = true };
    talk_open(&t, &g_world, "/test.Echo/BidiStream", NULL);
    check_send(t.s);
    loop_run(g_world.loop);
    cr_assert_str_eq(t.heard, "1,2,end,");
    cr_assert_eq(t.status.code, STATUS_OK);
    call_world_close(&g_world);
}

static enum status_code g_strict_code;

static void strict_close(struct stream *s, const struct status *status)
{
    (void)s;
    g_strict_code = status->code;
    call_world_drain(&g_world, 1000);
}

static unsigned g_flood_bytes;

static void flood(struct stream *s)
{
    static const char word[75] = "";
    struct buf *b = buf_copy(bytes_of(word, sizeof word));
    while (stream_send(s, b, 0, b->len, 0) == 0)
        g_flood_bytes += sizeof word + 5; /* with gRPC's prefix */
    buf_unref(b);
}

static const struct stream_handler flooder = {
    .on_message = pour_message,
    .on_end = pour_end,
    .on_sent = flood,
    .on_close = strict_close,
};

/* A handler that does not read is what bounds a client's sending: the server
 * keeps a window for each stream, not whatever comes. */
Test(call_flow, a_deaf_server_stops_the_client)
{
    struct stream *s;
    open_world(NULL);
    cr_assert_eq(
        channel_open(g_world.channel, g_world.loop, "/test.Pour/Deaf", &flooder, NULL, NULL, &s),
        0);
    flood(s);
    unsigned sent_bytes;
    do { /* until nothing moves */
        sent_bytes = g_flood_bytes;
        run_for(300);
    } while (g_flood_bytes != sent_bytes && sent_bytes < 600 * 1024);
    cr_assert_gt(sent_bytes, 100 * 1024);
    cr_assert_lt(sent_bytes, 600 * 1024);
    stream_fail(s, STATUS_CANCELLED, "enough");
    loop_run(g_world.loop);
    call_world_close(&g_world);
    assert_no_leaks();
}

/* --- All four shapes ---------------------------------------------------------------- */

Test(call_flow, four_shapes)
{
    const struct {
        size_t method;
        const char *const *say;
        const char *heard;
    } rows[] = {
        { 0, SAY("x"), "x," }, { 1, SAY("x"), "x,end," },
        { 2, SAY(), "end," },  { 2, SAY("x", "y", "z"), "end," },
        { 3, SAY(), "end," },  { 3, SAY("x", "y", "z"), "x,y,z,end," },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        call_world_open(&g_world, echo_methods, 4, NULL);
        struct talk t = { .say = rows[i].say };
        talk_to_the_end(&t, echo_methods[rows[i].method].path, NULL);
        cr_assert_str_eq(t.heard, rows[i].heard, "row %zu", i);
        cr_assert_eq(t.status.code, STATUS_OK);
        cr_assert_eq(g_echo.code, STATUS_OK);
    }
}

/* --- In ----------------------------------------------------------------------------- */

/* A client that goes away has not ended its requests: what an import got so
 * far is no whole. */
Test(call_flow, a_cancel_is_not_the_end_of_the_requests)
{
    for (int i = 0; i < 50; i++) {
        open_world(NULL);
        struct talk t = { .say = SAY("x"), .stay = true };
        talk_open(&t, &g_world, "/test.Pour/Silent", NULL);
        while (g_echo.messages == 0)
            run_for(1);
        stream_fail(t.s, STATUS_CANCELLED, "enough");
        loop_run(g_world.loop);
        cr_assert_eq(g_echo.ends, 0);
        cr_assert_eq(g_status.code, STATUS_CANCELLED);
        call_world_close(&g_world);
    }
}

Test(call_flow, an_undecodable_request_is_invalid)
{
    open_world(NULL);
    struct talk t = { .say = SAY("\xff"), .stay = true };
    talk_to_the_end(&t, "/test.Pour/Strict", NULL);
    cr_assert_eq(t.status.code, STATUS_INVALID_ARGUMENT);
    cr_assert_not_null(strstr(t.status.message, "v1.user.UserMessage"));
    cr_assert_eq(g_status.code, STATUS_INVALID_ARGUMENT);
}

static void strict_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)s;
    (void)m;
    (void)bytes;
    cr_assert(false, "it cannot be decoded");
}

static const struct stream_handler strict_client = {
    .message = &v1__user__user_message__descriptor,
    .on_message = strict_message,
    .on_end = pour_end,
    .on_close = strict_close,
};

Test(call_flow, an_undecodable_answer_is_the_servers_fault)
{
    struct stream *s;
    open_world(NULL);
    cr_assert_eq(channel_open(g_world.channel, g_world.loop, "/test.Pour/OneBad", &strict_client,
                              NULL, NULL, &s),
                 0);
    stream_read(s);
    loop_run(g_world.loop);
    cr_assert_eq(g_strict_code, STATUS_INTERNAL);
    call_world_close(&g_world);
    assert_no_leaks();
}

static struct talk g_second;

static void second_talk(struct loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    talk_open(&g_second, &g_world, "/test.Echo/Unary", NULL);
}

static void first_closed(struct stream *s, const struct status *status)
{
    struct talk *t = s->data;
    t->closes++;
    t->status = *status;
    cr_assert_eq(loop_post(s->loop, second_talk, NULL), 0);
}

static const struct stream_handler first_talker = {
    .on_message = pour_message,
    .on_end = pour_end,
    .on_close = first_closed,
};

/* Over the limit: this call fails, and the next one is served. */
static void check_too_large(const char *path)
{
    static char big[3000];
    const struct server_options options = { .max_request_bytes = 2000 };
    call_world_open(&g_world, echo_methods, 4, &options);
    memset(big, 'x', sizeof big - 1);
    g_second = (struct talk){ .say = SAY("small") };
    struct talk first = { .world = &g_world };
    struct stream *s;
    cr_assert_eq(channel_open(g_world.channel, g_world.loop, path, &first_talker, &first, NULL, &s),
                 0);
    cr_assert_eq(say(s, big, STREAM_LAST), 0);
    stream_read(s);
    loop_run(g_world.loop);
    cr_assert_eq(first.closes, 1);
    cr_assert_eq(first.status.code, STATUS_RESOURCE_EXHAUSTED, "%s: %d %s", path,
                 (int)first.status.code, first.status.message);
    cr_assert_eq(g_second.status.code, STATUS_OK);
    cr_assert_str_eq(g_second.heard, "small,");
    call_world_close(&g_world);
    assert_no_leaks();
}

Test(call_flow, a_request_over_the_limit)
{
    for (size_t i = 0; i < 4; i++)
        check_too_large(echo_methods[i].path);
}

/* --- Ends --------------------------------------------------------------------------- */

Test(call_flow, deadline)
{
    const struct call_options options = { .timeout_ms = 100 };
    open_world(NULL);
    struct talk t = { .say = SAY("x"), .stay = true };
    talk_to_the_end(&t, "/test.Pour/Silent", &options);
    cr_assert_eq(t.status.code, STATUS_DEADLINE_EXCEEDED);
    /* Which of the two notices it first. */
    cr_assert(g_status.code == STATUS_CANCELLED || g_status.code == STATUS_DEADLINE_EXCEEDED);
    cr_assert_eq(g_echo.ends, 0);
}

Test(call_flow, what_does_not_end_by_itself_is_unavailable_after_the_drain_timeout)
{
    open_world(NULL);
    struct talk t = { .say = SAY("x"), .stay = true };
    talk_open(&t, &g_world, "/test.Pour/Silent", NULL);
    while (g_echo.messages == 0)
        run_for(1);
    call_world_drain(&g_world, 100);
    loop_run(g_world.loop);
    cr_assert(g_drain_seen);
    cr_assert_eq(t.closes, 1);
    /* Our message is lost: the core closes a connection whose last stream is
     * cancelled after its GOAWAY before it writes the status. */
    cr_assert_eq(t.status.code, STATUS_UNAVAILABLE);
    call_world_close(&g_world);
    assert_no_leaks();
}

static void server_goes(void)
{
    call_world_drain(&g_world, 0);
    loop_run(g_world.loop);
    server_free(g_world.server);
    g_world.draining = g_world.drained = false;
}

static void server_comes_back(void)
{
    cr_assert_eq(server_of(&g_world.server, &g_world.loop, 1, echo_methods, 4, NULL), 0);
    cr_assert_gt(server_listen(g_world.server, g_world.target, NULL), 0);
    cr_assert_eq(server_start(g_world.server), 0);
}

/* --- Addresses ---------------------------------------------------------------------- */

Test(call_flow, two_servers_on_one_port_are_refused)
{
    struct server *other;
    open_world(NULL);
    cr_assert_eq(server_of(&other, &g_world.loop, 1, methods, 1, NULL), 0);
    cr_assert_eq(server_listen(other, g_world.target, NULL), 0);
    server_free(other);
    call_world_close(&g_world);
    assert_no_leaks();
}

/* The path of a socket is unlinked by whoever binds it next, so nothing would
 * tell the first server that it is not reached any more. */
Test(call_flow, unix_sockets)
{
    struct server *other;
    char *dir = tmpdir_make();
    call_world_open(&g_world, echo_methods, 4, NULL);
    server_goes();
    snprintf(g_world.target, sizeof g_world.target, "unix:%s/s", dir);
    server_comes_back();
    channel_free(g_world.channel);
    cr_assert_eq(channel_new(&g_world.channel, g_world.target, NULL), 0);

    cr_assert_eq(server_of(&other, &g_world.loop, 1, echo_methods, 1, NULL), 0);
    cr_assert_eq(server_listen(other, g_world.target, NULL), 0, "in use");
    server_free(other);

    struct talk t = { .say = SAY("x", "y") };
    talk_to_the_end(&t, "/test.Echo/BidiStream", NULL);
    cr_assert_str_eq(t.heard, "x,y,end,");
    tmpdir_remove(dir);
}

/* The file that a killed server leaves behind is in nobody's way. */
Test(call_flow, a_unix_socket_that_nobody_serves_is_taken_over)
{
    char *dir = tmpdir_make();
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s/s", dir);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    call_world_open(&g_world, echo_methods, 4, NULL);
    server_goes();
    snprintf(g_world.target, sizeof g_world.target, "unix:%s/s", dir);
    server_comes_back();
    call_world_close(&g_world);
    tmpdir_remove(dir);
}

Test(call_flow, one_path_twice_is_refused)
{
    const struct method twice[] = { echo_methods[0], echo_methods[0] };
    struct server *server;
    open_world(NULL);
    cr_assert_eq(server_of(&server, &g_world.loop, 1, twice, 2, NULL), EEXIST);
    call_world_close(&g_world);
    assert_no_leaks();
}

/* --- A server that comes and goes --------------------------------------------------- */

Test(call_flow, wait_for_ready_waits)
{
    const struct call_options options = { .wait_for_ready = true };
    call_world_open(&g_world, echo_methods, 4, NULL);
    server_goes();
    struct talk t = { .say = SAY("x") };
    talk_open(&t, &g_world, "/test.Echo/Unary", &options);
    run_for(100);
    cr_assert_eq(t.closes, 0);
    server_comes_back();
    loop_run(g_world.loop);
    cr_assert_eq(t.status.code, STATUS_OK, "%s", t.status.message);
    cr_assert_str_eq(t.heard, "x,");
    call_world_close(&g_world);
    assert_no_leaks();
}

Test(call_flow, without_it_a_call_fails_at_once)
{
    call_world_open(&g_world, echo_methods, 4, NULL);
    server_goes();
    struct talk t = { .say = SAY("x"), .stay = true };
    g_world.draining = true; /* there is nothing to drain */
    talk_open(&t, &g_world, "/test.Echo/BidiStream", NULL);
    while (t.closes == 0)
        run_for(1);
    cr_assert_eq(t.status.code, STATUS_UNAVAILABLE);
    g_world.draining = false;
    server_comes_back();
    call_world_close(&g_world);
    assert_no_leaks();
}
