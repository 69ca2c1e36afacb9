#include <errno.h>
#include <stdlib.h>

#include "health_internal.h"
#include "weir/loop.h"

/* --- Setting ------------------------------------------------------------------------ */

static void on_news(struct loop *loop, void *arg)
{
    struct health_ward *ward = arg;
    (void)loop;
    atomic_store(&ward->has_news, false); /* what changes from now on is told again */
    health_tell(ward);
}

static void tell_loops(struct health *health)
{
    for (size_t i = 0; i < health->nwards; i++) {
        struct health_ward *ward = &health->wards[i];
        if (!atomic_exchange(&ward->has_news, true))
            loop_post_with(ward->loop, &ward->news, on_news, ward);
    }
}

void health_set(struct health *health, const char *name, enum health_state state)
{
    struct health_entry *entry = health_find(health, name);
    if (atomic_exchange(&entry->state, state) != state)
        tell_loops(health);
}

void health_stop(struct health *health)
{
    health->stopping = true;
    tell_loops(health);
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
    health->wards = calloc(nloops, sizeof *health->wards);
    if (health->entries == NULL || health->wards == NULL) {
        health_free(health);
        return ENOMEM;
    }
    set_entries(health, services, nservices);
    set_methods(health);
    for (size_t i = 0; i < nloops; i++) {
        health->wards[i].loop = loops[i];
        ring_init(&health->wards[i].watches);
    }
    health->nwards = nloops;
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
    free(health->entries);
    free(health->wards);
    free(health);
}
