#include "waits.h"

#include <assert.h>

void waits_init(struct waits *ws)
{
    ring_init(&ws->by_deadline);
    ring_init(&ws->ready);
}

void waits_add(struct waits *ws, struct name *name, struct name_wait *w, uint64_t deadline_ms)
{
    assert(w->name == NULL && !name_is_known(name->state) && name->holds > 0);
    w->name = name;
    w->deadline_ms = deadline_ms;
    ring_append(&name->waits, &w->with_name);
    ring_append(&ws->by_deadline, &w->with_all);
}

void waits_watch(struct name *name, struct name_wait *w)
{
    assert(w->name == NULL && name->holds > 0);
    w->name = name;
    ring_append(&name->waits, &w->with_name);
    ring_init(&w->with_all);
}

void waits_remove(struct name_wait *w)
{
    if (w->name == NULL)
        return;
    w->name = NULL;
    ring_remove(&w->with_name);
    ring_remove(&w->with_all);
}

void waits_ready(struct waits *ws, struct name *name)
{
    ring_move(&ws->ready, &name->waits);
}

/* Callbacks may change the rings in any way, so each turn starts at the head. */
void waits_tell(struct waits *ws)
{
    while (!ring_empty(&ws->ready)) {
        struct name_wait *w = container_of(ws->ready.next, struct name_wait, with_name);
        waits_remove(w);
        w->known(w);
    }
}

static struct name_wait *first(const struct waits *ws)
{
    if (ring_empty(&ws->by_deadline))
        return NULL;
    return container_of(ws->by_deadline.next, struct name_wait, with_all);
}

void waits_expire(struct waits *ws, uint64_t now_ms, const struct status *why)
{
    struct name_wait *w;
    while ((w = first(ws)) != NULL && w->deadline_ms <= now_ms) {
        waits_remove(w);
        w->failed(w, why);
    }
}

uint64_t waits_deadline(const struct waits *ws, uint64_t otherwise_ms)
{
    const struct name_wait *w = first(ws);
    return w != NULL ? w->deadline_ms : otherwise_ms;
}
