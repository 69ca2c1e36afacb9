/* Starting with too little memory: each allocation of our code fails in turn.
 * What cannot be made says so, and leaves nothing behind. */
#include <criterion/criterion.h>
#include <errno.h>
#include <grpc/grpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/options.h"
#include "lib/call_world.h"
#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "lib/tls_world.h"
#include "lib/tmpdir.h"
#include "serverkit/auth/verifier.h"
#include "serverkit/health/health.h"
#include "serverkit/intercept/call_metrics.h"
#include "serverkit/reflection/reflection.h"
#include "store/store.h"
#include "weir/tls.h"

/* Nothing of what the tests start may say more than they want to read; and each
 * first loop would start gRPC anew. */
static void init(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    grpc_init();
}

TestSuite(memory_start, .init = init);

/* Until @make needs no more. It returns whether it has made what it should, and
 * has freed it by then. */
static void every_allocation(bool (*make)(void))
{
    unsigned at = 1;
    for (;; at++) {
        heap_watch();
        heap_fail_at(at);
        const bool made = make();
        const bool failed = heap_failed();
        heap_fail_at(0);
        cr_assert_eq(heap_live(), 0, "allocation %u: %zu blocks", at, heap_live());
        if (!failed) {
            cr_assert(made, "undisturbed");
            break;
        }
        cr_assert(!made, "allocation %u failed, and nothing was said", at);
    }
    cr_assert_gt(at, 1);
    cr_log_info("%u allocations", at - 1);
    assert_no_leaks();
}

/* --- A server ----------------------------------------------------------------------- */

static const char *g_address = "127.0.0.1:0", *g_path;

struct made {
    struct loop *loop;
    struct health *health;
    struct reflection *reflection;
    struct call_metrics *metrics;
    struct server *server;
    struct chain chain;
    bool started;
};

static bool make_parts(struct made *m, const struct service *const *services, size_t n)
{
    return loop_new(&m->loop, LOOP_IN_UV) == 0 &&
           health_new(&m->health, &m->loop, 1, services, n) == 0 &&
           reflection_new(&m->reflection, services, n, NULL) == 0 &&
           call_metrics_new(&m->metrics, CALL_METRICS_SERVER, services, n, 1) == 0;
}

static bool start(struct made *m, const struct service *const *services, size_t n)
{
    const struct server_options options = { .chain = &m->chain, .tls = g_server };
    chain_add(&m->chain, &call_metrics, m->metrics);
    if (server_new(&m->server, &m->loop, 1, services, n, &options) != 0 ||
        server_listen(m->server, g_address, NULL) == 0)
        return false;
    m->started = server_start(m->server) == 0;
    return m->started;
}

static void on_drained(struct server *server, void *arg)
{
    (void)server;
    loop_stop(arg);
}

static void finish(struct made *m)
{
    if (m->started) {
        server_drain(m->server, 1000, on_drained, m->loop);
        loop_run(m->loop);
    }
    server_free(m->server);
    call_metrics_free(m->metrics);
    reflection_free(m->reflection);
    loop_free(m->loop);
    health_free(m->health);
}

static bool make_server(void)
{
    const struct service echo = { "test.Echo", echo_methods, 4 };
    const struct service *const services[] = { &echo };
    struct made m = { 0 };
    const bool made = make_parts(&m, services, 1) && start(&m, services, 1);
    finish(&m);
    cr_assert(g_path == NULL || access(g_path, F_OK) != 0, "its socket is left behind");
    return made;
}

Test(memory_start, server)
{
    every_allocation(make_server);
}

Test(memory_start, server_with_tls)
{
    tls_world_open();
    tls_open(NULL);
    every_allocation(make_server);
    tls_world_close();
}

Test(memory_start, server_on_a_path)
{
    char *dir = tmpdir_make(), *path = tmpdir_path(dir, "socket"), address[256];
    snprintf(address, sizeof address, "unix:%s", path);
    g_address = address;
    g_path = path;
    every_allocation(make_server);
    free(path);
    tmpdir_remove(dir);
}

/* --- A channel ---------------------------------------------------------------------- */

static bool make_channel(void)
{
    struct channel *channel;
    const struct channel_options options = { .service_config = "{}" };
    if (channel_new(&channel, "127.0.0.1:1,127.0.0.1:2", &options) != 0)
        return false;
    channel_free(channel);
    return true;
}

Test(memory_start, channel)
{
    every_allocation(make_channel);
}

static void make_ca(const char *dir)
{
    char command[512];
    snprintf(command, sizeof command, "tests/certs.sh %s ca", dir);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void forget_call(struct stream *s, const struct status *status)
{
    *(bool *)s->data = true;
    (void)status;
}

/* Opens a call, which ends at once. Returns whether an allocation of the size
 * that a channel of the core has here has failed. */
static bool open_call_without_link(struct channel *channel, struct loop *loop)
{
    static const struct stream_handler handler = { .on_close = forget_call };
    bool closed = false;
    struct stream *s;
    heap_fail_at(0);
    heap_fail_size(sizeof(struct {
        void *grpc;
        unsigned users;
        bool tls;
    }));
    cr_assert_eq(channel_open(channel, loop, "/a", &handler, &closed, NULL, &s), 0);
    const bool failed = heap_failed();
    heap_fail_size(0);
    stream_fail(s, STATUS_CANCELLED, "enough");
    LOOP_UNTIL(loop, closed);
    loop_turns(loop, 2);
    return failed;
}

/* It goes on with the old ones, and tries again at the next call. (It does not
 * look for new ones at every call.) */
Test(memory_start, channel_with_new_tls_files)
{
    char error[TLS_ERROR_MAX], *dir = tmpdir_make(), *ca = tmpdir_path(dir, "ca.pem");
    struct tls_client *tls;
    struct channel *channel;
    struct loop *loop;
    heap_watch();
    make_ca(dir);
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    cr_assert(tls_client_new(&tls, &(struct tls_client_options){ .ca = ca }, error), "%s", error);
    const struct channel_options options = { .tls = tls };
    cr_assert_eq(channel_new(&channel, "127.0.0.1:1", &options), 0);
    cr_assert_not(open_call_without_link(channel, loop), "nothing is new");
    make_ca(dir);
    LOOP_UNTIL(loop, open_call_without_link(channel, loop));
    cr_assert(open_call_without_link(channel, loop), "it is tried again");
    channel_free(channel);
    tls_client_free(tls);
    loop_free(loop);
    free(ca);
    tmpdir_remove(dir);
    cr_assert_eq(heap_live(), 0);
}

/* --- A store ------------------------------------------------------------------------ */

static char *g_store_dir;

static bool make_store(void)
{
    char error[STORE_ERROR_MAX] = "";
    struct store *store;
    struct reader *reader;
    if (store_open(&store, g_store_dir, "posts", NULL, error) != 0) {
        cr_assert_not_null(strstr(error, "memory"), "%s", error);
        return false;
    }
    const bool made = reader_new(&reader, store, NULL, error) == 0;
    if (made)
        reader_free(reader);
    else
        cr_assert_not_null(strstr(error, "memory"), "%s", error);
    store_close(store);
    return made;
}

Test(memory_start, store)
{
    g_store_dir = tmpdir_make();
    every_allocation(make_store);
    tmpdir_remove(g_store_dir);
}

/* --- Tokens ------------------------------------------------------------------------- */

static struct auth_options g_auth;

static bool make_verifier(void)
{
    char error[AUTH_ERROR] = "";
    struct loop *loop;
    struct verifier *verifier = NULL;
    if (loop_new(&loop, LOOP_IN_UV) != 0)
        return false;
    const bool made = verifier_new(&verifier, &g_auth, &loop, 1, error);
    if (!made)
        cr_assert_not_null(strstr(error, "memory"), "\"%s\"", error);
    loop_free(loop);
    verifier_free(verifier);
    return made;
}

Test(memory_start, verifier)
{
    char *dir = tmpdir_make(), *path = tmpdir_path(dir, "tokens");
    FILE *file = fopen(path, "w");
    fputs("b9f195c5cc7ef6afadbfbc42892ad47d3b24c6bc94bb510c4564a90a14e8b799 ann never read\n",
          file);
    fclose(file);
    g_auth = (struct auth_options){ .token_file = path };
    every_allocation(make_verifier);
    free(path);
    tmpdir_remove(dir);
}

/* --- Options ------------------------------------------------------------------------ */

static struct option_list g_list;
static const char *g_text;
static bool g_flag;

static enum option_result parse(void)
{
    static const struct option_row rows[] = {
        OPT_TEXT("text", g_text, "a text", .arg = "TEXT"),
        OPT_LIST("list", g_list, "words", .arg = "WORD"),
        OPT_FLAG("flag", g_flag, "yes or no"),
    };
    const struct option_program program = {
        .name = "test-program", .usage = "", .summary = "", .rows = rows, .nrows = 3
    };
    char *argv[] = { "test-program", "--text", "x", NULL };
    int first;
    return options_parse(&program, 3, argv, &first);
}

/* The list's copy is never freed, as options.h says. */
Test(memory_start, options)
{
    setenv("TEST_PROGRAM_LIST", "a,b", 1);
    unsigned at = 1;
    for (;; at++) {
        heap_watch();
        heap_fail_at(at);
        const enum option_result result = parse();
        const bool failed = heap_failed();
        heap_fail_at(0);
        cr_assert_eq(result, failed ? OPTIONS_BAD : OPTIONS_OK, "allocation %u", at);
        cr_assert_leq(heap_live(), 1, "allocation %u: %zu blocks", at, heap_live());
        if (!failed)
            break;
    }
    cr_assert_gt(at, 5);
    cr_assert_eq(g_list.n, 2);
}
