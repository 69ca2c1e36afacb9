/* What post-server tells of itself: its calls to User, its store, the memory
 * of its answers, the names that it keeps. */
#ifndef POST_METRICS_H
#define POST_METRICS_H

#include "serverkit/intercept/call_metrics.h"
#include "store/store.h"
#include "streams/listing.h"

/* The pointers belong to the program, and stay until the scrapes have ended. */
struct post_metrics {
    struct loop *const *loops;
    size_t nloops;
    struct store *store;
    const struct budget *budget;
    struct call_metrics *user_calls; /* NULL: nobody wants metrics */
};

/** Makes user_calls, if metrics are wanted. Returns 0 or ENOMEM. */
int post_metrics_init(struct post_metrics *metrics);
void post_metrics_close(struct post_metrics *metrics);

/** While the loops have their env. @arg is a struct post_metrics. */
void post_metrics_print(struct exposition *e, void *arg);

#endif
