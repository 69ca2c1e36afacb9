#include "post_metrics.h"

#include "post_env.h"
#include "serverkit/metrics/metrics_http.h"
#include "streams/service_metrics.h"
#include "user_channels.h"

#define LOOPS_MAX 64

static const struct method to_user[] = {
    { USER_RESOLVE_PATH, MANY, MANY, NULL, NULL, NULL },
};

static const struct service user = { "v1.user.User", to_user, sizeof to_user / sizeof to_user[0] };

int post_metrics_init(struct post_metrics *f)
{
    static const struct service *const services[] = { &user };
    f->user_calls = NULL;
    if (!metrics_wanted())
        return 0;
    return call_metrics_new(&f->user_calls, CALL_METRICS_CLIENT, services, 1, f->nloops);
}

void post_metrics_close(struct post_metrics *f)
{
    call_metrics_free(f->user_calls);
}

void post_metrics_print(struct exposition *e, void *arg)
{
    const struct post_metrics *f = arg;
    const struct resolver *resolvers[LOOPS_MAX];
    const struct feed *feeds[LOOPS_MAX];
    for (size_t i = 0; i < f->nloops; i++) {
        resolvers[i] = post_env_of(f->loops[i])->listing.resolver;
        feeds[i] = &post_env_of(f->loops[i])->feed;
    }
    call_metrics_print(e, f->user_calls);
    metrics_of_resolvers(e, resolvers, f->nloops);
    metrics_of_answers(e, f->budget);
    metrics_of_store(e, f->store);
    metrics_of_feeds(e, feeds, f->nloops);
}
