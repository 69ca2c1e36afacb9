#include <errno.h>
#include <stdlib.h>

#include "health_internal.h"

/* --- Setting ------------------------------------------------------------------------ */

void health_set(struct health *health, const char *name, enum health_state state)
{
    struct health_entry *entry = health_find(health, name);
    if (atomic_exchange(&entry->state, state) != state)
        news_publish(&health->news);
}

enum health_state health_get(const struct health *health, const char *name)
{
    return health_state(health, health_find(health, name));
}

const char *health_state_name(enum health_state state)
{
    static const char *const names[] = { "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN" };
    return names[state];
}

void health_stop(struct health *health)
{
    health->stopping = true;
    news_publish(&health->news);
}

/* --- Life --------------------------------------------------------------------------- */

static void set_entries(struct health *health, const struct service *const *services, size_t n)
{
    health->entries[0].name = HEALTH_PROCESS;
    for (size_t i = 0; i < n; i++)
        health->entries[1 + i].name = services[i]->name;
    health->nentries = 1 + n;
    for (size_t i = 0; i < health->nentries; i++)
        atomic_init(&health->entries[i].state, HEALTH_SERVING);
}

static void set_methods(struct health *health)
{
    /* Without a scope: who checks the health of a server has no token of its users. */
    health->methods[0] = (struct method){ "/grpc.health.v1.Health/Check", ONE,    ONE,
                                          &health_check_handler,          health, NULL };
    health->methods[1] = (struct method){ "/grpc.health.v1.Health/Watch", ONE,    MANY,
                                          &health_watch_handler,          health, NULL };
    health->service = (struct service){ "grpc.health.v1.Health", health->methods, 2 };
}

int health_new(struct health **ret, struct loop *const *loops, size_t nloops,
               const struct service *const *services, size_t nservices)
{
    struct health *health = calloc(1, sizeof *health);
    if (health == NULL)
        return ENOMEM;
    health->entries = calloc(1 + nservices, sizeof *health->entries);
    if (health->entries == NULL || news_init(&health->news, loops, nloops) != 0) {
        health_free(health);
        return ENOMEM;
    }
    set_entries(health, services, nservices);
    set_methods(health);
    *ret = health;
    return 0;
}

const struct service *health_service(struct health *health)
{
    return &health->service;
}

void health_free(struct health *health)
{
    if (health == NULL)
        return;
    news_close(&health->news);
    free(health->entries);
    free(health);
}
