/* A channel, as its own file and that of its calls know it. */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "weir/channel.h"

/* A channel of gRPC: there as long as new calls go to it, or one of its own is
 * open. Its credentials cannot be changed. */
struct link {
    grpc_channel *grpc;
    atomic_uint users;
    bool tls;
};

struct channel {
    char *target;
    struct channel_options options;
    char refused[CHANNEL_ERROR_MAX]; /* "": it was not */
    pthread_mutex_t lock;            /* with TLS: of what is below; a call takes it once */
    struct link *link;               /* for new calls */
    unsigned tls_seen;
    uint64_t looked_ns; /* at the files */
};

/** The link for a call that begins now; until link_put(). Any thread. */
struct link *link_get(struct channel *channel);

/** NULL is fine. */
void link_put(struct link *link);

#endif
