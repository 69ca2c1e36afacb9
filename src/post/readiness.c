#include "readiness.h"

#include "health/health.h"
#include "runtime/container.h"
#include "runtime/log.h"
#include "runtime/server.h"

static void say(struct readiness *r, enum health_state state)
{
    for (size_t i = 0; i < r->nservices; i++)
        health_set(r->health, r->services[i]->name, state);
}

static void on_patience(struct timer *timer)
{
    say(container_of(timer, struct readiness, patience), HEALTH_NOT_SERVING);
}

static void on_up(struct loop *first, void *arg)
{
    struct user_link *link = arg;
    struct readiness *r = link->readiness;
    (void)first;
    if (link->up)
        return;
    link->up = r->was_up = true;
    r->nup++;
    timer_stop(&r->patience);
    say(r, HEALTH_SERVING);
}

static void on_lost(struct readiness *r)
{
    if (--r->nup == 0)
        timer_start(r->first, &r->patience, r->user_timeout_ms);
}

static void on_down(struct loop *first, void *arg)
{
    struct user_link *link = arg;
    struct readiness *r = link->readiness;
    (void)first;
    if (link->up) {
        link->up = false;
        on_lost(r);
    } else if (!r->was_up) { /* this is how the first attempts end */
        say(r, HEALTH_NOT_SERVING);
    }
}

void readiness_link(struct user_link *link, bool up)
{
    if (loop_post(link->readiness->first, up ? on_up : on_down, link) != 0)
        log_error("out of memory: the health of Post may be told wrongly");
}

void readiness_init(struct readiness *r)
{
    r->patience.fired = on_patience;
    say(r, HEALTH_UNKNOWN);
    timer_start(r->first, &r->patience, r->user_timeout_ms);
}

void readiness_close(struct readiness *r)
{
    timer_stop(&r->patience);
}
