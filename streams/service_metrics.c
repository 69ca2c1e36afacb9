#include "service_metrics.h"

#include "listing.h"
#include "resolver.h"
#include "store/store.h"

/* --- The store ---------------------------------------------------------------------- */

/* A store that cannot be read says so to its callers: here it has no figures. */
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
                      "The store's pages, with those that are free to be used again.",
                      (double)s.used_bytes);
    exposition_single(e, "store_file_bytes", METRIC_GAUGE, "What its file takes of the disk.",
                      (double)s.file_bytes);
    exposition_single(e, "store_map_bytes", METRIC_GAUGE, "How large it may become.",
                      (double)s.map_bytes);
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
#define FIGURE(name, kind, field, help) { name, help, kind, offsetof(struct resolver_stats, field) }
/* clang-format on */

static const struct {
    const char *name, *help;
    enum metric_kind kind;
    size_t offset; /* of a uint64_t */
} figures[] = {
    FIGURE("streams_connected", METRIC_GAUGE, connected,
           "Streams to User that are open and answered; one for each loop."),
    FIGURE("stream_reconnects_total", METRIC_COUNTER, reconnects,
           "Streams to User opened after the first ones."),
    FIGURE("names", METRIC_GAUGE, names, "Names of users in the tables."),
    FIGURE("names_cached", METRIC_GAUGE, cached, "Of those, the ones that nobody uses now."),
    FIGURE("name_hits_total", METRIC_COUNTER, hits, "Names that were wanted and known."),
    FIGURE("name_misses_total", METRIC_COUNTER, misses, "Names that were wanted and not known."),
    FIGURE("names_evicted_total", METRIC_COUNTER, evicted, "Names forgotten for want of room."),
    FIGURE("ids_asked_total", METRIC_COUNTER, asked, "Ids that User was asked for."),
    FIGURE("ids_pending", METRIC_GAUGE, pending, "Of those, the ones not answered yet."),
    FIGURE("changes_pushed_total", METRIC_COUNTER, pushed, "Changes that User told unasked."),
#undef FIGURE
};

static uint64_t value_of(const struct resolver_stats *s, size_t offset)
{
    return *(const uint64_t *)((const char *)s + offset);
}

static void add(struct resolver_stats *sum, const struct resolver_stats *s)
{
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        *(uint64_t *)((char *)sum + figures[i].offset) += value_of(s, figures[i].offset);
}

void metrics_of_resolvers(struct exposition *e, const struct resolver *const *resolvers, size_t n)
{
    struct resolver_stats sum = { 0 };
    for (size_t i = 0; i < n; i++) {
        const struct resolver_stats s = resolver_stats(resolvers[i]);
        add(&sum, &s);
    }
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        exposition_family(e, "resolver", figures[i].name, figures[i].kind, figures[i].help);
        exposition_count(e, NULL, value_of(&sum, figures[i].offset));
    }
}
