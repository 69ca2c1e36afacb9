/* What the files of health share; for nobody else.
 *
 *   health.c          the states, and who may know of them
 *   health_service.c  the calls Check and Watch */
#ifndef HEALTH_INTERNAL_H
#define HEALTH_INTERNAL_H

#include <stdatomic.h>
#include <string.h>

#include "health.h"
#include "weir/news.h"
#include "weir/server.h"

struct health_entry {
    const char *name;
    _Atomic enum health_state state;
};

struct health {
    struct health_entry *entries; /* the process, then the services */
    size_t nentries;
    atomic_bool stopping;
    struct news news; /* of the states and of the stop: for the watches */
    struct method methods[2];
    struct service service;
};

/** NULL: not known. Any thread. */
static inline struct health_entry *health_find(const struct health *health, const char *name)
{
    for (size_t i = 0; i < health->nentries; i++)
        if (strcmp(health->entries[i].name, name) == 0)
            return &health->entries[i];
    return NULL;
}

/** What is to be told about an entry of health_find(). Any thread. */
static inline enum health_state health_state(const struct health *health,
                                             const struct health_entry *entry)
{
    if (entry == NULL)
        return HEALTH_SERVICE_UNKNOWN;
    return health->stopping ? HEALTH_NOT_SERVING : entry->state;
}

extern const struct stream_handler health_check_handler, health_watch_handler;

#endif
