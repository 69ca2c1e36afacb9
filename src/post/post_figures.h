/* What post-server tells of itself: its calls to User, its store, the memory
 * of its answers, the names that it keeps. */
#ifndef POST_FIGURES_H
#define POST_FIGURES_H

#include "serverkit/intercept/call_metrics.h"
#include "store/store.h"
#include "streams/listing.h"

/* The pointers belong to the program, and stay until the scrapes have ended. */
struct post_figures {
    struct loop *const *loops;
    size_t nloops;
    struct store *store;
    const struct budget *budget;
    struct call_metrics *user_calls; /* NULL: nobody wants figures */
};

/** Makes user_calls, if metrics are wanted. Returns 0 or ENOMEM. */
int post_figures_init(struct post_figures *figures);
void post_figures_close(struct post_figures *figures);

/** While the loops have their env. @arg is a struct post_figures. */
void post_figures_print(struct exposition *e, void *arg);

#endif
