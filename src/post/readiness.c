#include "readiness.h"

#include "base/container.h"
#include "weir/server.h"

static void tell(const struct readiness *r)
{
    const enum health_state state = r->store_away ? HEALTH_NOT_SERVING : r->by_user;
    for (size_t i = 0; i < r->nservices; i++)
        health_set(r->health, r->services[i]->name, state);
}

static void say(struct readiness *r, enum health_state state)
{
    r->by_user = state;
    tell(r);
}

static void say_of_user(struct readiness *r, enum health_state state)
{
    health_set(r->health, r->user->name, state);
}

static void on_patience(struct timer *timer)
{
    say(container_of(timer, struct readiness, patience), HEALTH_NOT_SERVING);
}

static void note_up(struct user_link *link)
{
    struct readiness *r = link->readiness;
    if (link->up)
        return;
    link->up = r->was_up = true;
    r->nup++;
    timer_stop(&r->patience);
    say(r, HEALTH_SERVING);
    say_of_user(r, HEALTH_SERVING);
}

static void on_lost(struct readiness *r)
{
    if (--r->nup > 0)
        return;
    timer_start(r->first, &r->patience, r->user_timeout_ms);
    say_of_user(r, HEALTH_NOT_SERVING);
}

static void note_down(struct user_link *link)
{
    struct readiness *r = link->readiness;
    if (link->up) {
        link->up = false;
        on_lost(r);
    } else if (!r->was_up) { /* this is how the first attempts end */
        say(r, HEALTH_NOT_SERVING);
        say_of_user(r, HEALTH_NOT_SERVING);
    }
}

static void on_news(struct loop *first, void *arg)
{
    struct user_link *link = arg;
    (void)first;
    atomic_store(&link->has_news, false); /* what comes from now on is told again */
    if (atomic_load(&link->says_up))
        note_up(link);
    else
        note_down(link);
}

void readiness_link(struct user_link *link, bool up)
{
    atomic_store(&link->says_up, up);
    if (!atomic_exchange(&link->has_news, true))
        loop_post_with(link->readiness->first, &link->news, on_news, link);
}

static void on_store(struct loop *first, void *arg)
{
    struct readiness *r = arg;
    (void)first;
    atomic_store(&r->has_news, false);
    r->store_away = atomic_load(&r->store_says_away);
    tell(r);
}

void readiness_store(struct readiness *r, bool there)
{
    atomic_store(&r->store_says_away, !there);
    if (!atomic_exchange(&r->has_news, true))
        loop_post_with(r->first, &r->news, on_store, r);
}

void readiness_init(struct readiness *r)
{
    r->patience.fired = on_patience;
    say(r, HEALTH_UNKNOWN);
    say_of_user(r, HEALTH_UNKNOWN);
    timer_start(r->first, &r->patience, r->user_timeout_ms);
}

void readiness_close(struct readiness *r)
{
    timer_stop(&r->patience);
}
