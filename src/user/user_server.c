/* user-server: people, and the names that Post shows for them. */
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "openapi.h"
#include "resolve_users.h"
#include "serverkit/daemon/daemon.h"
#include "serverkit/health/health.h"
#include "streams/check_store.h"
#include "streams/service_metrics.h"
#include "user_env.h"
#include "user_service.h"
#include "v1/user/user.pb-c.h"
#include "weir/loop.h"
#include "weir/news.h"

static const char *g_db = "user-data";
static int64_t g_max_answer_bytes = 4 << 20;
static int64_t g_answer_memory_bytes = 128 << 20;
static struct budget g_budget;
static struct user_shared g_service;
static const char *g_db_replica; /* NULL: none */
static uint64_t g_store_timeout_ms = STORE_TIMEOUT_MS;
static struct health *g_health;
static struct news g_news; /* of its commits */

static const struct option_row rows[] = {
    OPT_TEXT("db", g_db,
             "the folder of the users, which is made if it is missing; or a PostgreSQL database: "
             "postgres://...",
             .arg = "DIR"),
    OPT_TEXT("db-replica", g_db_replica,
             "standbys of that database, which may answer listings: postgres://...", .arg = "URI"),
    OPT_DURATION("store-timeout", g_store_timeout_ms,
                 "how long a call waits for a database of --db, with the wait for a connection",
                 .min = 100, .max = 3600000),
    OPT_INT("max-answer-bytes", g_max_answer_bytes, "the most bytes of one unary listing",
            .min = 1024, .max = INT32_MAX),
    OPT_INT("answer-memory", g_answer_memory_bytes, "the most bytes of all such answers together",
            .min = 1024, .max = INT64_MAX),
};

/* On the store's writer thread. */
static void on_committed(void *arg)
{
    (void)arg;
    news_publish(&g_news);
}

/* The same. */
static void on_reachable(void *arg, bool yes)
{
    (void)arg;
    for (size_t i = 0; i < USER_NSERVICES; i++)
        health_set(g_health, user_services[i]->name, yes ? HEALTH_SERVING : HEALTH_NOT_SERVING);
}

static bool open_store(struct loop *const *loops, size_t nloops, struct health *health,
                       char error[DAEMON_ERROR_MAX])
{
    const struct store_options options = { .keep_changes = CHANGES_KEPT,
                                           .committed = on_committed,
                                           .reachable = on_reachable,
                                           .timeout_ms = g_store_timeout_ms,
                                           .replica = g_db_replica };
    (void)loops;
    (void)nloops;
    g_health = health;
    g_budget.max = (size_t)g_answer_memory_bytes;
    g_budget.total = connections_budget();
    g_service = (struct user_shared){
        .news = &g_news,
        .answer_max_bytes = (size_t)g_max_answer_bytes,
        .budget = &g_budget,
    };
    return store_open(&g_service.store, g_db, "users", &options, error) == 0;
}

static void close_store(void)
{
    store_close(g_service.store);
}

static bool start_loop(struct loop *loop, char error[DAEMON_ERROR_MAX])
{
    struct user_env *env;
    return user_env_new(&env, &g_service, loop, error) == 0;
}

static void free_loop(struct loop *loop)
{
    user_env_free(user_env_of(loop));
}

static void print_metrics(struct exposition *e, void *arg)
{
    (void)arg;
    metrics_of_answers(e, &g_budget);
    metrics_of_store(e, g_service.store);
}

static int check(void)
{
    const struct check_store_words words = {
        .program = "user-server", .dir = g_db, .kind = "users", .groups = NULL
    };
    return check_store(&words, &import_users_kind, &v1__user__user_message__descriptor);
}

int main(int argc, char **argv)
{
    const struct daemon_program program = {
        .name = "user-server",
        .summary = "Serves people: their names for Post, listings and imports.",
        .version = VERSION,
        .listen = "127.0.0.1:9000",
        .rows = rows,
        .nrows = sizeof rows / sizeof rows[0],
        .services = user_services,
        .nservices = USER_NSERVICES,
        .openapi = user_openapi_document(),
        .check = check,
        .news = &g_news,
        .open = open_store,
        .start_loop = start_loop,
        .print_metrics = print_metrics,
        .free_loop = free_loop,
        .close = close_store,
    };
    return daemon_main(&program, argc, argv);
}
