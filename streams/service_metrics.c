#include "service_metrics.h"

#include "base/clock.h"
#include "feed.h"
#include "listing.h"
#include "resolver.h"
#include "store/store.h"

/* --- The store ---------------------------------------------------------------------- */

/* A clock that was put back makes no age below 0. */
static double age_s(uint64_t unix_ms)
{
    const uint64_t now_ms = clock_unix_ms();
    return unix_ms == 0 || unix_ms > now_ms ? 0 : (double)(now_ms - unix_ms) / 1000;
}

static void metrics_of_log(struct exposition *e, const struct store_stats *s)
{
    exposition_single(e, "store_changes_total", METRIC_COUNTER,
                      "Changes that were ever made in the store: its revision.",
                      (double)s->revision);
    exposition_single(e, "store_kept_changes", METRIC_GAUGE,
                      "How many of them are kept for those who follow.", (double)s->changes);
    exposition_single(e, "store_kept_changes_bytes", METRIC_GAUGE,
                      "Bytes that the kept changes take.", (double)s->log_bytes);
    exposition_single(e, "store_oldest_kept_change_seconds", METRIC_GAUGE,
                      "How long ago the oldest kept change was made. Whoever comes back later than "
                      "that must list anew.",
                      age_s(s->oldest_ms));
}

static void metrics_of_connections(struct exposition *e, const struct store_database *d)
{
    const struct {
        const char *name;
        uint64_t n;
    } states[] = { { "connecting", d->connecting },
                   { "ready", d->ready },
                   { "broken", d->broken } };
    exposition_family(e, "store", "database_connections", METRIC_GAUGE,
                      "Connections to the database, by their state.");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        const struct label state = { "state", states[i].name };
        exposition_count(e, &(struct labels){ &state, 1 }, states[i].n);
    }
}

static void metrics_of_database(struct exposition *e, const struct store_database *d)
{
    metrics_of_connections(e, d);
    exposition_single(e, "store_database_waiting", METRIC_GAUGE,
                      "Requests that wait for a connection to the database.", (double)d->waiting);
    exposition_single(e, "store_database_waits_total", METRIC_COUNTER,
                      "Requests that had to wait for a connection to the database.",
                      (double)d->waits);
    exposition_single(e, "store_database_requests_total", METRIC_COUNTER,
                      "Requests to the database that are over.", (double)d->requests);
    exposition_single(
        e, "store_database_request_seconds_total", METRIC_COUNTER,
        "The time that these requests took together, after the wait for a connection.",
        (double)d->request_ns / 1e9);
}

/* A store that cannot be read says so to its callers: here it has no metrics. */
void metrics_of_store(struct exposition *e, struct store *store)
{
    struct store_stats s;
    if (store_stats(store, &s) != 0)
        return;
    exposition_single(e, "store_records", METRIC_GAUGE, "Posts, or users, in the store.",
                      (double)s.records);
    exposition_single(e, "store_groups", METRIC_GAUGE, "Users that the records belong to.",
                      (double)s.groups);
    exposition_single(e, "store_used_bytes", METRIC_GAUGE,
                      "Bytes of the store's pages, including those that are free to be used again.",
                      (double)s.used_bytes);
    exposition_single(e, "store_file_bytes", METRIC_GAUGE,
                      "Bytes that the store's file takes on the disk.", (double)s.file_bytes);
    if (s.map_bytes > 0)
        exposition_single(e, "store_map_bytes", METRIC_GAUGE,
                          "How large the store's file may become.", (double)s.map_bytes);
    metrics_of_log(e, &s);
    if (s.is_database)
        metrics_of_database(e, &s.database);
}

/* --- Followers ---------------------------------------------------------------------- */

void metrics_of_feeds(struct exposition *e, const struct feed *const *feeds, size_t n)
{
    uint64_t followers = 0, behind = 0, lag = 0;
    struct histogram delay = { 0 };
    for (size_t i = 0; i < n; i++) {
        const struct feed_stats *s = &feeds[i]->stats;
        followers += counter_get(&s->followers);
        behind += counter_get(&s->behind);
        lag = counter_get(&s->lag) > lag ? counter_get(&s->lag) : lag;
        histogram_merge(&delay, &s->delay);
    }
    exposition_single(e, "followers", METRIC_GAUGE,
                      "Requests that follow and have ended their listing.", (double)followers);
    exposition_single(e, "followers_behind", METRIC_GAUGE, "How many of them have news to read.",
                      (double)behind);
    exposition_single(e, "followers_lag_changes", METRIC_GAUGE,
                      "Changes that the follower who is furthest behind has to read.", (double)lag);
    exposition_family(e, "followers", "delay_seconds", METRIC_HISTOGRAM,
                      "From a change's commit to the message that tells it.");
    exposition_histogram(e, NULL, &delay);
}

/* --- Answers ------------------------------------------------------------------------ */

void metrics_of_answers(struct exposition *e, const struct budget *budget)
{
    exposition_single(e, "answer_memory_used_bytes", METRIC_GAUGE,
                      "Memory that single answers under way have taken of their budget.",
                      (double)atomic_load(&budget->used));
    exposition_single(e, "answer_memory_max_bytes", METRIC_GAUGE, "That budget.",
                      (double)budget->max);
}

/* --- Names -------------------------------------------------------------------------- */

/* clang-format off */
#define METRIC(name, kind, field, help) { name, help, kind, offsetof(struct resolver_stats, field) }
/* clang-format on */

static const struct {
    const char *name, *help;
    enum metric_kind kind;
    size_t offset; /* of a uint64_t */
} metrics[] = {
    METRIC("streams_connected", METRIC_GAUGE, connected,
           "Streams to User that are open and answered; one for each loop."),
    METRIC("stream_reconnects_total", METRIC_COUNTER, reconnects,
           "Streams to User opened after the first ones."),
    METRIC("names", METRIC_GAUGE, names, "Names of users in the tables."),
    METRIC("names_cached", METRIC_GAUGE, cached, "How many of them nobody uses now."),
    METRIC("name_hits_total", METRIC_COUNTER, hits, "How often a name was wanted and known."),
    METRIC("name_misses_total", METRIC_COUNTER, misses,
           "How often a name was wanted and not known."),
    METRIC("names_evicted_total", METRIC_COUNTER, evicted,
           "Names that were forgotten to make room."),
    METRIC("ids_asked_total", METRIC_COUNTER, asked, "Ids that Post has asked User for."),
    METRIC("ids_pending", METRIC_GAUGE, pending, "How many of them are not answered yet."),
    METRIC("changes_pushed_total", METRIC_COUNTER, pushed,
           "Changes of names that User sent by itself."),
#undef METRIC
};

static uint64_t value_of(const struct resolver_stats *s, size_t offset)
{
    return *(const uint64_t *)((const char *)s + offset);
}

static void add(struct resolver_stats *sum, const struct resolver_stats *s)
{
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        *(uint64_t *)((char *)sum + metrics[i].offset) += value_of(s, metrics[i].offset);
}

void metrics_of_resolvers(struct exposition *e, const struct resolver *const *resolvers, size_t n)
{
    struct resolver_stats sum = { 0 };
    for (size_t i = 0; i < n; i++) {
        const struct resolver_stats s = resolver_stats(resolvers[i]);
        add(&sum, &s);
    }
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        exposition_family(e, "resolver", metrics[i].name, metrics[i].kind, metrics[i].help);
        exposition_count(e, NULL, value_of(&sum, metrics[i].offset));
    }
}
