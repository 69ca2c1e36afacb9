/* Calls with too little memory: each allocation of our code fails in turn, at
 * both ends, until a call needs no more. Nothing may be left behind or hang, and
 * the next call must be answered. */
#include <criterion/criterion.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/call_world.h"
#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "lib/probe.h"
#include "lib/tls_world.h"
#include "serverkit/daemon/server_chain.h"
#include "serverkit/intercept/client_chain.h"
#include "weir/grpc_core/core_server_internal.h"
#include "weir/tls.h"

/* Long enough to be worth compressing. */
#define WORD "so much of the same, so much of the same, so much of the same, so much of the same"

static struct call_world g_world;

/* Every failure is logged. */
static void init(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
}

TestSuite(memory_calls, .init = init);

static bool is_clean(const struct status *status)
{
    return status->code == STATUS_OK || status->code == STATUS_RESOURCE_EXHAUSTED ||
           status->code == STATUS_UNAVAILABLE;
}

/* A whole call. Returns what it ended with. Where memory was short for the whole
 * connection, the next call waits for another. */
static struct status call(const char *path, const char *const *words, unsigned fail_at)
{
    const struct call_options options = { .wait_for_ready = fail_at == 0 };
    struct talk t = { .say = words, .leave = true };
    heap_fail_at(fail_at);
    if (talk_try(&t, &g_world, path, &options) != 0)
        return status_no_memory();
    LOOP_UNTIL(g_world.loop, t.s == NULL && g_echo.opened == g_echo.closed);
    cr_assert_eq(t.closes, 1);
    return t.status;
}

/* The next one is answered. A connection that memory was short for may still be
 * about to break when it comes, and then the one behind it is. */
static void call_again(const struct method *m, const char *const *words, unsigned at)
{
    struct status next = call(m->path, words, 0);
    if (next.code == STATUS_UNAVAILABLE)
        next = call(m->path, words, 0);
    cr_assert_eq(next.code, STATUS_OK, "%s, after allocation %u: %s", m->path, at, next.message);
}

/* Returns whether that many allocations were needed. */
static bool call_with_failure(const struct method *m, const struct server_options *server,
                              const struct channel_options *client, unsigned at)
{
    const char *const *words = m->requests == ONE ? SAY(WORD) : SAY(WORD, WORD, WORD);
    heap_watch();
    call_world_open_both(&g_world, echo_methods, ECHO_NMETHODS, server, client);
    const struct status status = call(m->path, words, at);
    const bool failed = heap_failed();
    cr_assert(is_clean(&status), "%s, allocation %u: %d %s", m->path, at, status.code,
              status.message);
    call_again(m, words, at);
    call_world_close(&g_world);
    const size_t live = heap_live_in_the_end();
    cr_assert_eq(live, 0, "%s, allocation %u: %zu blocks", m->path, at, live);
    return failed;
}

static void every_allocation_of(size_t nmethods, const struct server_options *server,
                                const struct channel_options *client)
{
    for (size_t i = 0; i < nmethods; i++) {
        unsigned at = 1;
        while (call_with_failure(&echo_methods[i], server, client, at))
            at++;
        cr_assert_gt(at, 5, "only %u allocations", at);
        cr_log_info("%s: %u allocations", echo_methods[i].path, at - 1);
    }
    assert_no_leaks();
}

static void every_allocation(const struct server_options *server,
                             const struct channel_options *client)
{
    every_allocation_of(ECHO_NMETHODS, server, client);
}

Test(memory_calls, fail_one_allocation)
{
    every_allocation(NULL, NULL);
}

/* With what our programs have: interceptors, compressed messages, time limits. */
Test(memory_calls, fail_one_allocation_in_a_full_chain)
{
    struct chain servers = { 0 }, clients = { 0 };
    const struct chain_parts parts = { 0 };
    chain_of_server(&servers, &parts);
    chain_of_client(&clients, LOG_DEBUG, NULL);
    every_allocation(
        &(struct server_options){
            .chain = &servers, .compress = true, .write_timeout_ms = 1000, .max_call_ms = 1000 },
        &(struct channel_options){ .chain = &clients, .compress = true });
}

/* Everything goes on after a while, and not from inside of what came in. (Not for
 * each message of the runs: there are too many.) */
Test(memory_calls, fail_one_allocation_of_what_was_held)
{
    struct chain servers = { 0 };
    struct probe probe = { .name = "A" };
    for (int stage = 0; stage < INTERCEPT_NR; stage++)
        probe.at[stage] = PROBE_LATER;
    probe_add(&servers, &probe);
    every_allocation_of(ECHO_RUNS, &(struct server_options){ .chain = &servers }, NULL);
}

/* What OpenSSL takes is its own. */
Test(memory_calls, fail_one_allocation_over_tls)
{
    char error[TLS_ERROR_MAX], ca[256];
    struct tls_client *client;
    if (call_world_transport() == TRANSPORT_CORE)
        cr_skip_test("of our own wire");
    tls_world_open();
    tls_open(NULL);
    snprintf(ca, sizeof ca, "%s", tls_path("ca.pem"));
    const struct tls_client_options o = { .ca = ca, .server_name = "localhost" };
    cr_assert(tls_client_new(&client, &o, error), "%s", error);
    every_allocation_of(1, &(struct server_options){ .tls = g_server },
                        &(struct channel_options){ .tls = client });
    tls_client_free(client);
    tls_world_close();
}

/* Our own wire offers nothing to anybody. */
static void only_on_the_core(void)
{
    if (call_world_transport() != TRANSPORT_CORE)
        cr_skip_test("of the gRPC core");
}

/* What was offered to gRPC is used up if no accepted call is replaced by
 * another: then the next one would wait for ever. */
Test(memory_calls, without_room_for_new_ones_the_old_ones_are_offered_again)
{
    only_on_the_core();
    const size_t align = alignof(max_align_t);
    call_world_open(&g_world, echo_methods, 4, NULL);
    heap_fail_size((sizeof(struct server_call) + align - 1) / align * align);
    for (int i = 0; i < 30; i++) {
        for (size_t m = 0; m < 4; m++)
            cr_assert_eq(call(echo_methods[m].path, SAY("a"), 0).code, STATUS_OK);
        cr_assert_eq(call("/test.Echo/None", SAY("a"), 0).code, STATUS_UNIMPLEMENTED);
        cr_assert(heap_failed());
    }
    heap_fail_size(0);
    call_world_close(&g_world);
    assert_no_leaks();
}

/* Once there is memory again, calls that stay for long keep no other out. */
Test(memory_calls, offers_are_made_up_for_while_the_old_ones_are_open)
{
    only_on_the_core();
    const size_t align = alignof(max_align_t);
    struct talk stay[OFFERED_MIN];
    call_world_open(&g_world, echo_methods, 4, NULL);
    heap_fail_size((sizeof(struct server_call) + align - 1) / align * align);
    for (size_t i = 0; i < OFFERED_MIN; i++) {
        stay[i] = (struct talk){ .say = SAY("a"), .stay = true, .leave = true };
        talk_open(&stay[i], &g_world, "/test.Echo/BidiStream", NULL);
        LOOP_UNTIL(g_world.loop, stay[i].messages == 1);
    }
    cr_assert(heap_failed());
    heap_fail_size(0);
    struct talk another = { .say = SAY("c"), .leave = true };
    talk_open(&another, &g_world, "/test.Echo/BidiStream", NULL);
    LOOP_UNTIL(g_world.loop, another.s == NULL);
    cr_assert_eq(another.status.code, STATUS_OK);
    call_world_close(&g_world);
    assert_no_leaks();
}
