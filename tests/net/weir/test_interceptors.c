/* Interceptors over real gRPC: what they see, and in which order; what each of
 * their answers does at each moment, on both sides and in all four shapes; and
 * calls that end while they are held. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/call_world.h"
#include "lib/probe.h"

#define SHAPES 4

static struct call_world g_world;
static struct talk g_talk;
static struct chain g_server, g_client;

static void add_both(struct probe *server, struct probe *client)
{
    g_server = g_client = (struct chain){ 0 };
    if (server != NULL)
        probe_add(&g_server, server);
    if (client != NULL)
        probe_add(&g_client, client);
}

static void open_world(void)
{
    const struct server_options server = { .chain = &g_server };
    const struct channel_options client = { .chain = &g_client };
    call_world_open_both(&g_world, echo_methods, SHAPES, &server, &client);
}

static const char *const *words_of(const struct method *m)
{
    static const char *const one[] = { "a", NULL }, *const many[] = { "a", "b", NULL };
    return m->requests == ONE ? one : many;
}

/* One call from its start to its end, with the chains that are set. */
static void run_to_end(const struct method *m, const struct call_options *options)
{
    open_world();
    g_talk = (struct talk){ .say = words_of(m) };
    talk_open(&g_talk, &g_world, m->path, options);
    loop_run(g_world.loop);
    cr_assert_eq(g_talk.closes, 1);
    call_world_close(&g_world);
}

/* --- Life --------------------------------------------------------------------------- */

/* The streams of a channel that is gone pass its chain to their ends, and not
 * any longer. */
Test(interceptors, a_chain_is_for_the_streams_not_for_the_channel)
{
    struct probe c = { .name = "C" };
    struct chain *chain = calloc(1, sizeof *chain);
    const struct channel_options client = { .chain = chain };
    probe_add(chain, &c);
    call_world_open_both(&g_world, echo_methods, SHAPES, NULL, &client);
    g_talk = (struct talk){ .say = SAY("a", "b") };
    talk_open(&g_talk, &g_world, echo_methods[3].path, NULL);
    channel_free(g_world.channel);
    g_world.channel = NULL;
    loop_run(g_world.loop);
    free(chain);
    cr_assert_str_eq(g_talk.heard, "a,b,end,");
    cr_assert_eq(c.seen[INTERCEPT_IN], 3);
    cr_assert_eq(c.closed, 1);
    call_world_close(&g_world);
}

/* --- Order -------------------------------------------------------------------------- */

Test(interceptors, from_the_network_in_and_back_out)
{
    struct probe_log server = { "" }, client = { "" };
    struct probe s = { .name = "S", .log = &server }, t = { .name = "T", .log = &server };
    struct probe c = { .name = "C", .log = &client }, d = { .name = "D", .log = &client };
    add_both(&s, &c);
    probe_add(&g_server, &t);
    probe_add(&g_client, &d);
    run_to_end(&echo_methods[0], NULL);
    cr_assert_str_eq(server.text, "S.call T.call S.in T.in T.out S.out T.finish S.finish "
                                  "T.close S.close ");
    cr_assert_str_eq(client.text, "C.call D.call C.out D.out D.in C.in D.finish C.finish "
                                  "D.close C.close ");
}

Test(interceptors, every_message_of_a_stream_passes)
{
    struct probe s = { .name = "S" }, c = { .name = "C" };
    add_both(&s, &c);
    run_to_end(&echo_methods[3], NULL);
    cr_assert_str_eq(g_talk.heard, "a,b,end,");
    cr_assert_eq(s.seen[INTERCEPT_IN], 2);
    cr_assert_eq(s.seen[INTERCEPT_OUT], 3);
    cr_assert_eq(c.seen[INTERCEPT_OUT], 2);
    cr_assert_eq(c.seen[INTERCEPT_IN], 3);
}

/* --- Every answer, at every moment, on both sides, in every shape ------------------- */

static const char *heard_of(const struct method *m)
{
    static const char *const heard[SHAPES] = { "a,", "a,end,", "end,", "a,b,end," };
    return heard[m - echo_methods];
}

static bool rejects(enum probe_act act, enum intercept_stage stage)
{
    /* A plain REJECT of a status that was left alone changes nothing. */
    return act == PROBE_LATER_REJECT || (act == PROBE_REJECT && stage != INTERCEPT_FINISH);
}

static void check_rejected(bool server, enum intercept_stage stage, const struct probe *inner)
{
    cr_assert_eq(g_talk.status.code, STATUS_PERMISSION_DENIED);
    cr_assert_str_eq(g_talk.status.message, "no");
    const bool entered = stage != INTERCEPT_CALL;
    cr_assert_eq(inner->seen[INTERCEPT_CALL], entered);
    cr_assert_eq(inner->closed, entered);
    if (!entered)
        cr_assert_eq(g_echo.opened, 0);
    if (server && entered)
        cr_assert_eq(g_echo.code, STATUS_PERMISSION_DENIED);
}

static void check_passed(const struct method *m, const struct probe *inner)
{
    cr_assert_eq(g_talk.status.code, STATUS_OK);
    cr_assert_str_eq(g_talk.heard, heard_of(m));
    cr_assert_eq(inner->closed, 1);
}

static void try(bool server, enum intercept_stage stage, enum probe_act act, const struct method *m)
{
    struct probe_log log = { "" };
    struct probe outer = { .name = "outer" }, inner = { .name = "inner" };
    struct probe middle = { .name = "middle", .log = &log };
    middle.at[stage] = act;
    g_server = g_client = (struct chain){ 0 };
    struct chain *chain = server ? &g_server : &g_client;
    probe_add(chain, &outer);
    probe_add(chain, &middle);
    probe_add(chain, &inner);
    cr_log_info("%s, stage %d, act %d, %s\n", server ? "server" : "client", stage, act, m->path);
    run_to_end(m, NULL);
    cr_assert_eq(outer.closed, 1);
    cr_assert_eq(middle.closed, 1);
    cr_assert_eq(middle.code, g_talk.status.code);
    cr_assert_not_null(strstr(log.text, "finish "));
    if (rejects(act, stage))
        check_rejected(server, stage, &inner);
    else
        check_passed(m, &inner);
}

static void try_all(bool server)
{
    for (int stage = 0; stage < INTERCEPT_NR; stage++)
        for (int act = 0; act < PROBE_HOLD; act++)
            for (size_t i = 0; i < SHAPES; i++)
                try(server, stage, act, &echo_methods[i]);
}

Test(interceptors, every_answer_of_a_server)
{
    try_all(true);
}

Test(interceptors, every_answer_of_a_client)
{
    try_all(false);
}

/* The outer ones hear of what an inner one rejected, and no others do. */
Test(interceptors, only_rows_that_were_entered_hear_of_the_end)
{
    struct probe_log log = { "" };
    struct probe s = { .name = "S", .log = &log }, u = { .name = "U", .log = &log };
    struct probe t = { .name = "T", .log = &log, .at = { PROBE_REJECT } };
    add_both(&s, NULL);
    probe_add(&g_server, &t);
    probe_add(&g_server, &u);
    run_to_end(&echo_methods[3], NULL);
    cr_assert_str_eq(log.text, "S.call T.call T.finish S.finish T.close S.close ");
}

static void make_it_aborted(struct stream *s, struct status *status)
{
    (void)s;
    cr_assert_eq(status->code, STATUS_OK);
    *status = status_of(STATUS_ABORTED, "changed");
}

static void expect_aborted(struct stream *s, struct status *status)
{
    (void)s;
    cr_assert_eq(status->code, STATUS_ABORTED);
}

Test(interceptors, the_status_can_be_changed_on_its_way)
{
    struct probe outer = { .name = "outer", .on_finish = expect_aborted };
    struct probe inner = { .name = "inner", .on_finish = make_it_aborted };
    add_both(&outer, NULL);
    probe_add(&g_server, &inner);
    run_to_end(&echo_methods[1], NULL);
    cr_assert_eq(g_talk.status.code, STATUS_ABORTED);
    cr_assert_str_eq(g_talk.status.message, "changed");
    cr_assert_eq(g_echo.code, STATUS_ABORTED);

    add_both(NULL, &outer);
    probe_add(&g_client, &inner);
    run_to_end(&echo_methods[1], NULL);
    cr_assert_eq(g_talk.status.code, STATUS_ABORTED);
    cr_assert_eq(g_echo.code, STATUS_OK);
}

static void expect_path(struct stream *s)
{
    cr_assert_str_eq(s->path, "/test.Echo/Nothing");
    cr_assert_eq(s->method->requests, MANY);
}

Test(interceptors, unknown_methods_pass_the_chain)
{
    static const struct method unknown = { "/test.Echo/Nothing", ONE, ONE, NULL, NULL, NULL };
    struct probe s = { .name = "S", .on_call = expect_path };
    add_both(&s, NULL);
    run_to_end(&unknown, NULL);
    cr_assert_eq(g_talk.status.code, STATUS_UNIMPLEMENTED);
    cr_assert_eq(s.closed, 1);

    struct probe no = { .name = "S", .at = { PROBE_REJECT } };
    add_both(&no, NULL);
    run_to_end(&unknown, NULL);
    cr_assert_eq(g_talk.status.code, STATUS_PERMISSION_DENIED);
}

/* --- Calls that end while they are held --------------------------------------------- */

/* A client's interceptor that holds the status itself is waited for. */
static int held_stages(int side)
{
    return side == 0 ? INTERCEPT_NR : INTERCEPT_FINISH;
}

static void client_cancels(struct probe *p)
{
    (void)p;
    stream_fail(g_talk.s, STATUS_ABORTED, "enough");
}

Test(interceptors, the_client_goes_away_while_held)
{
    for (int side = 0; side < 2; side++)
        for (int stage = 0; stage < held_stages(side); stage++)
            for (size_t i = 0; i < SHAPES; i++) {
                struct probe p = { .name = "P", .on_held = client_cancels };
                p.at[stage] = PROBE_HOLD;
                add_both(side == 0 ? &p : NULL, side == 0 ? NULL : &p);
                cr_log_info("side %d, stage %d, shape %zu\n", side, stage, i);
                run_to_end(&echo_methods[i], NULL);
                cr_assert_eq(p.closed, 1);
                cr_assert_eq(g_talk.status.code, STATUS_ABORTED);
                cr_assert_eq(p.code, side == 0 ? STATUS_CANCELLED : STATUS_ABORTED);
            }
}

/* Returns whether the call came so far that it was held. */
static bool deadline_while_held(int side, int stage, uint64_t timeout_ms)
{
    const struct call_options soon = { .timeout_ms = timeout_ms };
    struct probe p = { .name = "P" };
    p.at[stage] = PROBE_HOLD;
    add_both(side == 0 ? &p : NULL, side == 0 ? NULL : &p);
    cr_log_info("side %d, stage %d, %d ms\n", side, stage, (int)timeout_ms);
    run_to_end(&echo_methods[3], &soon);
    cr_assert_eq(p.closed, p.seen[INTERCEPT_CALL]);
    cr_assert_eq(g_talk.status.code, STATUS_DEADLINE_EXCEEDED);
    return p.seen[stage] > 0;
}

Test(interceptors, the_deadline_passes_while_held)
{
    for (int side = 0; side < 2; side++)
        for (int stage = 0; stage < held_stages(side); stage++)
            for (uint64_t ms = 30; !deadline_while_held(side, stage, ms); ms *= 2)
                cr_assert_lt(ms, 10000);
}

static void cancel_and_go_on(struct probe *p)
{
    stream_fail(g_talk.s, STATUS_ABORTED, "enough");
    for (int stage = 0; stage < INTERCEPT_NR; stage++)
        if (p->at[stage] == PROBE_HOLD)
            interceptor_resume(p->held, stage, INTERCEPT_PASS, NULL);
}

/* It was let go before it heard that the call was cancelled. */
Test(interceptors, goes_on_with_a_call_that_was_cancelled)
{
    for (int stage = 0; stage < INTERCEPT_NR; stage++)
        for (size_t i = 0; i < SHAPES; i++) {
            struct probe p = { .name = "P", .on_held = cancel_and_go_on }, inner = { .name = "I" };
            p.at[stage] = PROBE_HOLD;
            add_both(NULL, &p);
            probe_add(&g_client, &inner);
            run_to_end(&echo_methods[i], NULL);
            cr_assert_eq(p.closed, 1);
            cr_assert_eq(g_talk.status.code, STATUS_ABORTED);
        }
}

/* The status waits for the message before it. */
Test(interceptors, no_status_overtakes_a_held_message)
{
    struct probe p = { .name = "P" };
    p.at[INTERCEPT_IN] = PROBE_LATER;
    add_both(NULL, &p);
    run_to_end(&echo_methods[0], NULL);
    cr_assert_str_eq(g_talk.heard, "a,");
    cr_assert_eq(g_talk.status.code, STATUS_OK);
}

static void drain(struct probe *p)
{
    (void)p;
    call_world_drain(&g_world, 20);
}

Test(interceptors, a_server_stops_while_a_call_is_held)
{
    for (int stage = 0; stage < INTERCEPT_NR; stage++) {
        struct probe p = { .name = "P", .on_held = drain };
        p.at[stage] = PROBE_HOLD;
        add_both(&p, NULL);
        run_to_end(&echo_methods[3], NULL);
        cr_assert_eq(p.closed, 1);
        cr_assert_eq(g_talk.status.code, STATUS_UNAVAILABLE);
    }
}

static struct timer g_later;
static struct probe *g_probe;

static void let_in(struct timer *timer)
{
    (void)timer;
    interceptor_resume(g_probe->held, INTERCEPT_CALL, INTERCEPT_PASS, NULL);
}

static void drain_then_let_in(struct probe *p)
{
    call_world_drain(&g_world, 1000); /* it is posted: let it begin */
    g_probe = p;
    g_later = (struct timer){ .fired = let_in };
    timer_start(g_world.loop, &g_later, 5);
}

Test(interceptors, a_call_let_in_after_the_server_began_to_stop)
{
    struct probe p = { .name = "P", .on_held = drain_then_let_in, .at = { PROBE_HOLD } };
    add_both(&p, NULL);
    run_to_end(&echo_methods[0], NULL);
    cr_assert_eq(g_talk.status.code, STATUS_UNAVAILABLE);
    cr_assert_str_eq(g_talk.status.message, "the server is stopping");
    cr_assert_eq(g_echo.opened, 0);
    cr_assert_eq(p.closed, 1);
}

/* --- Two messages at once ----------------------------------------------------------- */

static bool g_last;
static int g_second;

/* Two messages, the second while the first is being written. */
static void burst_open(struct stream *s)
{
    cr_assert_eq(say(s, "one", 0), 0);
    g_second = say(s, "two", g_last ? STREAM_LAST : 0);
    stream_read(s);
}

static void ignore_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)m;
    (void)bytes;
    stream_read(s);
}

static void note_close(struct stream *s, const struct status *status)
{
    (void)s;
    g_echo.closed++;
    g_echo.code = status->code;
}

static const struct stream_handler burst = {
    .on_open = burst_open,
    .on_message = ignore_message,
    .on_close = note_close,
};

static const struct method burst_method = {
    "/test.Echo/Burst", MANY, MANY, &burst, NULL, NULL,
};

static void run_burst(const char *const *words)
{
    const struct server_options server = { .chain = &g_server };
    call_world_open(&g_world, &burst_method, 1, &server);
    g_talk = (struct talk){ .say = words, .stay = true };
    talk_open(&g_talk, &g_world, burst_method.path, NULL);
    loop_run(g_world.loop);
    cr_assert_eq(g_talk.closes, 1);
    g_echo.opened = g_echo.closed;
    cr_assert_eq(g_echo.closed, 1);
    call_world_close(&g_world);
}

Test(interceptors, rejects_the_second_message_while_the_first_is_written)
{
    const enum probe_act acts[] = { PROBE_REJECT, PROBE_LATER_REJECT };
    for (int last = 0; last < 2; last++)
        for (size_t i = 0; i < 2; i++) {
            struct probe p = { .name = "P", .after = { [INTERCEPT_OUT] = 1 } };
            p.at[INTERCEPT_OUT] = acts[i];
            add_both(&p, NULL);
            g_last = last == 1;
            run_burst(SAY());
            cr_assert_eq(g_second, 0);
            cr_assert_str_eq(g_talk.heard, "one,");
            cr_assert_eq(g_talk.status.code, STATUS_PERMISSION_DENIED);
            cr_assert_eq(g_echo.code, STATUS_PERMISSION_DENIED);
        }
}

static void let_out(struct timer *timer)
{
    const struct status late = status_of(STATUS_ABORTED, "too late");
    (void)timer;
    if (g_probe->held != NULL)
        interceptor_resume(g_probe->held, INTERCEPT_OUT, INTERCEPT_REJECT, &late);
}

/* The rejection is on its way: at once, before it is over. */
static void let_out_soon(struct stream *s, struct status *status)
{
    (void)status;
    g_later = (struct timer){ .fired = let_out };
    timer_start(s->loop, &g_later, 0);
}

/* The call is rejected for a message in while one out is held: the first
 * reason stands. */
Test(interceptors, the_first_rejection_counts)
{
    struct probe p = { .name = "P", .on_finish = let_out_soon };
    g_probe = &p;
    p.at[INTERCEPT_OUT] = PROBE_HOLD;
    p.at[INTERCEPT_IN] = PROBE_REJECT;
    p.at[INTERCEPT_FINISH] = PROBE_LATER;
    add_both(&p, NULL);
    run_burst(SAY("x"));
    cr_assert_eq(g_talk.status.code, STATUS_PERMISSION_DENIED);
    cr_assert_eq(g_echo.code, STATUS_PERMISSION_DENIED);
    timer_stop(&g_later);
}
