/* post-server: what people wrote, listed in the four call shapes of gRPC. */
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/version.h"
#include "openapi.h"
#include "post_env.h"
#include "post_metrics.h"
#include "post_service.h"
#include "readiness.h"
#include "serverkit/daemon/daemon.h"
#include "serverkit/intercept/client_chain.h"
#include "serverkit/intercept/limits.h"
#include "streams/check_store.h"
#include "streams/resolver.h"
#include "user_channels.h"
#include "v1/post/post.pb-c.h"
#include "weir/channel.h"
#include "weir/loop.h"

static struct {
    const char *db, *db_replica; /* db_replica NULL: none */
    int64_t max_answer_bytes, answer_memory_bytes;
    int64_t keep_changes, max_follows_per_caller;
    uint64_t store_timeout_ms;

    struct store *store;
    struct news news; /* of its commits */
    struct limits follows;
    struct budget budget;
    struct readiness readiness;
    struct user_link links[DAEMON_LOOPS_MAX];
    struct post_metrics metrics;
    struct chain chain; /* of the channels to User */
} g = {
    .db = "post-data",
    .max_answer_bytes = 4 << 20,
    .answer_memory_bytes = 128 << 20,
    .keep_changes = STORE_KEEP_CHANGES,
    .store_timeout_ms = STORE_TIMEOUT_MS,
    .max_follows_per_caller = 1000,
};

static const struct option_row rows[] = {
    OPT_TEXT("db", g.db,
             "the folder of the posts, which is made if it is missing; or a PostgreSQL database: "
             "postgres://...",
             .arg = "DIR"),
    OPT_TEXT("db-replica", g.db_replica,
             "standbys of that database, which may answer listings: postgres://...", .arg = "URI"),
    OPT_DURATION("store-timeout", g.store_timeout_ms,
                 "how long a call waits for a database of --db, with the wait for a connection",
                 .min = 100, .max = 3600000),
    OPT_INT("max-answer-bytes", g.max_answer_bytes,
            "the most bytes of one unary or client-streaming answer", .min = 1024,
            .max = INT32_MAX),
    OPT_INT("answer-memory", g.answer_memory_bytes, "the most bytes of all such answers together",
            .min = 1024, .max = INT64_MAX),
    OPT_INT("keep-changes", g.keep_changes,
            "how many changes the store keeps, so that a follow can go on after a break", .min = 1,
            .max = INT64_MAX),
    OPT_INT("max-follows-per-caller", g.max_follows_per_caller,
            "how many requests of one caller may follow at once; 0: no limit", .max = 1 << 20),
};

/* --- One loop's things -------------------------------------------------------------- */

struct loop_things {
    struct post_env env;
    struct loop *loop;
    struct channel *channel; /* each loop has its own connection to User */
    struct user_link *link;
    void (*stopped)(struct loop *loop);
};

static struct loop_things *things_of(const struct loop *loop)
{
    return container_of(post_env_of(loop), struct loop_things, env);
}

static int dial_user(void *arg, struct loop *loop, const struct stream_handler *handler, void *data,
                     struct stream **ret)
{
    struct loop_things *t = arg;
    return channel_open(t->channel, loop, USER_RESOLVE_PATH, handler, data, NULL, ret);
}

static void on_link(void *arg, bool up)
{
    struct loop_things *t = arg;
    readiness_link(t->link, up);
}

static bool make_resolver(struct loop_things *t, char error[DAEMON_ERROR_MAX])
{
    const struct resolver_options resolver = {
        .timeout_ms = user_channels.timeout_ms,
        .on_link = on_link,
    };
    char why[CHANNEL_ERROR_MAX];
    if (user_channel_new(&t->channel, &g.chain, why) != 0) {
        snprintf(error, DAEMON_ERROR_MAX, "cannot open a channel to User at %.200s: %s",
                 user_channels.target, why);
        return false;
    }
    if (resolver_new(&t->env.listing.resolver, t->loop, dial_user, t, &resolver) == 0)
        return true;
    snprintf(error, DAEMON_ERROR_MAX, "out of memory");
    return false;
}

static void free_loop(struct loop *loop)
{
    struct loop_things *t = things_of(loop);
    channel_free(t->channel);
    if (t->env.listing.feed != NULL)
        feed_close(&t->env.feed);
    reader_free(t->env.listing.reader);
    post_env_set(loop, NULL);
    free(t);
}

static bool start_loop(struct loop *loop, char error[DAEMON_ERROR_MAX])
{
    struct loop_things *t = calloc(1, sizeof *t);
    if (t == NULL) {
        snprintf(error, DAEMON_ERROR_MAX, "out of memory");
        return false;
    }
    t->loop = loop;
    t->link = &g.links[loop_index(loop)];
    t->link->readiness = &g.readiness;
    t->env.store = g.store;
    t->env.listing.store_id = store_id(g.store);
    t->env.listing.answer_max_bytes = (size_t)g.max_answer_bytes;
    t->env.listing.budget = &g.budget;
    t->env.listing.follows = g.max_follows_per_caller > 0 ? &g.follows : NULL;
    post_env_set(loop, &t->env);
    if (reader_new(&t->env.listing.reader, g.store, loop, error) != 0 || !make_resolver(t, error)) {
        free_loop(loop);
        return false;
    }
    feed_init(&t->env.feed, loop, t->env.listing.reader, &g.news);
    t->env.listing.feed = &t->env.feed;
    return true;
}

static void on_resolver_closed(void *arg)
{
    struct loop_things *t = arg;
    t->stopped(t->loop);
}

static void stop_loop(struct loop *loop, void (*stopped)(struct loop *loop))
{
    struct loop_things *t = things_of(loop);
    t->stopped = stopped;
    user_channels_stop(loop);
    resolver_close(t->env.listing.resolver, on_resolver_closed, t);
}

/* --- --wait-for-user: any answer of User will do ------------------------------------ */

struct wait_for_user {
    struct name_wait wait;
    struct timer timer;
    struct loop *loop;
    struct name *name;
    bool answered;
    struct status why;
};

static void on_answered(struct name_wait *wait)
{
    struct wait_for_user *w = container_of(wait, struct wait_for_user, wait);
    w->answered = true;
    timer_stop(&w->timer);
    loop_break(w->loop);
}

/* --user-timeout is over, but not ours: wait again. */
static void on_not_yet(struct name_wait *wait, const struct status *status)
{
    struct wait_for_user *w = container_of(wait, struct wait_for_user, wait);
    w->why = *status;
    name_wait_start(w->name, wait);
}

static void on_waited_enough(struct timer *timer)
{
    struct wait_for_user *w = container_of(timer, struct wait_for_user, timer);
    name_wait_stop(&w->wait);
    loop_break(w->loop);
}

static bool wait_for_user(struct loop *loop, char error[DAEMON_ERROR_MAX])
{
    struct loop_things *t = things_of(loop);
    struct wait_for_user w = {
        .wait = { .known = on_answered, .failed = on_not_yet },
        .timer = { .fired = on_waited_enough },
        .loop = loop,
        .why = status_of(STATUS_UNAVAILABLE, "no answer yet"),
    };
    if (user_channels.wait_ms == 0)
        return true;
    w.name = resolver_want(t->env.listing.resolver, bytes_of_text("?"));
    if (w.name == NULL) {
        snprintf(error, DAEMON_ERROR_MAX, "out of memory");
        return false;
    }
    timer_start(loop, &w.timer, user_channels.wait_ms);
    name_wait_start(w.name, &w.wait);
    loop_run(loop);
    name_release(w.name);
    if (!w.answered)
        snprintf(error, DAEMON_ERROR_MAX, "no User at %.200s within %llu ms: %.200s",
                 user_channels.target, (unsigned long long)user_channels.wait_ms, w.why.message);
    return w.answered;
}

/* --- The program -------------------------------------------------------------------- */

static bool open_user(struct loop *const *loops, size_t nloops, char error[DAEMON_ERROR_MAX])
{
    g.metrics = (struct post_metrics){ .loops = loops, .nloops = nloops, .budget = &g.budget };
    if (post_metrics_init(&g.metrics) != 0) {
        snprintf(error, DAEMON_ERROR_MAX, "out of memory");
        return false;
    }
    chain_of_client(&g.chain, LOG_DEBUG, g.metrics.user_calls);
    if (user_channels_open(loops[0], &g.chain, error))
        return true;
    post_metrics_close(&g.metrics);
    return false;
}

static void close_user(void)
{
    user_channels_close();
    post_metrics_close(&g.metrics);
}

/* On the store's writer thread. */
static void on_committed(void *arg)
{
    (void)arg;
    news_publish(&g.news);
}

/* The same. */
static void on_reachable(void *arg, bool yes)
{
    (void)arg;
    readiness_store(&g.readiness, yes);
}

static bool open_posts(char error[DAEMON_ERROR_MAX])
{
    const struct store_options options = { .keep_changes = (uint64_t)g.keep_changes,
                                           .committed = on_committed,
                                           .reachable = on_reachable,
                                           .timeout_ms = g.store_timeout_ms,
                                           .replica = g.db_replica };
    const struct limits_options follows = { .max_calls_per_caller = g.max_follows_per_caller };
    limits_init(&g.follows, &follows);
    return store_open(&g.store, g.db, "posts", &options, error) == 0;
}

static bool open_post(struct loop *const *loops, size_t nloops, struct health *health,
                      char error[DAEMON_ERROR_MAX])
{
    g.budget.max = (size_t)g.answer_memory_bytes;
    g.budget.total = connections_budget();
    if (!open_user(loops, nloops, error))
        return false;
    g.readiness = (struct readiness){
        .health = health,
        .services = post_services,
        .nservices = POST_NSERVICES,
        .user = &post_user_service,
        .first = loops[0],
        .user_timeout_ms = user_channels.timeout_ms,
    };
    if (!open_posts(error)) { /* it tells readiness, once it is open */
        close_user();
        return false;
    }
    g.metrics.store = g.store;
    readiness_init(&g.readiness);
    return true;
}

static void close_post(void)
{
    readiness_close(&g.readiness);
    store_close(g.store);
    close_user();
}

static int check(void)
{
    const struct check_store_words words = {
        .program = "post-server", .dir = g.db, .kind = "posts", .groups = "users"
    };
    return check_store(&words, &import_posts_kind, &v1__post__post_message__descriptor);
}

int main(int argc, char **argv)
{
    static const struct service *const others[] = { &post_user_service };
    const struct daemon_program program = {
        .name = "post-server",
        .summary = "Serves posts: listings in the four call shapes of gRPC, and imports.",
        .version = VERSION,
        .listen = "127.0.0.1:9001",
        .rows = rows,
        .nrows = sizeof rows / sizeof rows[0],
        .groups = &user_channels_group,
        .ngroups = 1,
        .services = post_services,
        .nservices = POST_NSERVICES,
        .openapi = post_openapi_document(),
        .others = others,
        .nothers = sizeof others / sizeof others[0],
        .check_options = user_channels_check,
        .check = check,
        .news = &g.news,
        .open = open_post,
        .start_loop = start_loop,
        .ready = wait_for_user,
        .print_metrics = post_metrics_print,
        .print_arg = &g.metrics,
        .stop_loop = stop_loop,
        .free_loop = free_loop,
        .close = close_post,
    };
    return daemon_main(&program, argc, argv);
}
