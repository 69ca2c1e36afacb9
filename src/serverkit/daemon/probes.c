#include "probes.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "pulse.h"
#include "serverkit/health/health.h"
#include "weir/server.h"

int probes_init(struct probes *p, struct loop *const *loops, size_t nloops)
{
    atomic_init(&p->serving, false);
    return pulse_new(&p->pulse, loops, nloops);
}

void probes_serving(struct probes *p)
{
    atomic_store(&p->serving, true);
}

void probes_close(struct probes *p)
{
    pulse_free(p->pulse);
    p->pulse = NULL;
}

/* --- Alive -------------------------------------------------------------------------- */

/* Each probe puts the question to which the next one wants the answer. So a probe itself never
 * waits, and a loop is charged only with silence of which two probes know. */
const char *probes_alive(struct probes *p, uint64_t now_ms, char *why, size_t size)
{
    size_t loop;
    if (!atomic_load(&p->serving))
        return NULL;
    if (!pulse_silent(p->pulse, &loop)) {
        p->asked_ms = now_ms;
        pulse_ask(p->pulse);
        return NULL;
    }
    const uint64_t silent_ms = now_ms - p->asked_ms;
    if (silent_ms <= PROBES_PATIENCE_MS)
        return NULL;
    snprintf(why, size, "loop %zu has given no sign of life for %" PRIu64 " s", loop,
             silent_ms / 1000);
    return why;
}

/* --- Ready -------------------------------------------------------------------------- */

/* The first of them that is not SERVING, or NULL. */
static const char *first_unfit(const struct probes *p, const struct service *const *services,
                               size_t n, enum health_state *ret)
{
    for (size_t i = 0; i < n; i++) {
        *ret = health_get(p->health, services[i]->name);
        if (*ret != HEALTH_SERVING)
            return services[i]->name;
    }
    return NULL;
}

const char *probes_ready(const struct probes *p, char *why, size_t size)
{
    enum health_state state, needed;
    if (!atomic_load(&p->serving)) {
        snprintf(why, size, "the server is starting");
        return why;
    }
    if (health_get(p->health, HEALTH_PROCESS) != HEALTH_SERVING) {
        snprintf(why, size, "the server is stopping");
        return why;
    }
    const char *name = first_unfit(p, p->services, p->nservices, &state);
    if (name == NULL)
        return NULL;
    const char *need = first_unfit(p, p->needs, p->nneeds, &needed);
    if (need == NULL)
        snprintf(why, size, "%s is %s", name, health_state_name(state));
    else
        snprintf(why, size, "%s is %s: it needs %s, which is %s", name, health_state_name(state),
                 need, health_state_name(needed));
    return why;
}

/* --- For the listener --------------------------------------------------------------- */

static const char *ask_alive(void *arg, char *why, size_t size)
{
    return probes_alive(arg, clock_ns() / 1000000, why, size);
}

static const char *ask_ready(void *arg, char *why, size_t size)
{
    return probes_ready(arg, why, size);
}

struct http_probes probes_http(struct probes *p)
{
    return (struct http_probes){ .alive = ask_alive, .ready = ask_ready, .arg = p };
}
