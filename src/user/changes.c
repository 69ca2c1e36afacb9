#include "changes.h"

#include <stdlib.h>

#include "base/container.h"
#include "resolve_users.h"
#include "user_env.h"

struct changes *changes_ref(struct changes *c)
{
    if (c != NULL)
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void changes_unref(struct changes *c)
{
    if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        free(c);
}

/* --- The list ------------------------------------------------------------------- */

static bool is_changed(const struct import_record *r)
{
    return r->result == IMPORT_NEW || r->result == IMPORT_UPDATED;
}

static void fill(struct changes *c, const struct import_batch *batch)
{
    uint8_t *to = (uint8_t *)&c->ids[c->n];
    size_t n = 0;
    for (size_t i = 0; i < batch->nrecords; i++) {
        const struct import_record *r = &batch->records[i];
        if (!is_changed(r))
            continue;
        memcpy(to, r->id.data, r->id.len);
        c->ids[n++] = bytes_of(to, r->id.len);
        to += r->id.len;
    }
}

/* NULL: too many, or out of memory. One reference, the caller's. */
static struct changes *changes_new(const struct import_batch *batch)
{
    size_t n = 0, bytes = 0;
    for (size_t i = 0; i < batch->nrecords; i++) {
        if (!is_changed(&batch->records[i]))
            continue;
        n++;
        bytes += batch->records[i].id.len;
    }
    if (n > CHANGES_MAX)
        return NULL;
    struct changes *c = malloc(sizeof *c + n * sizeof *c->ids + bytes);
    if (c == NULL)
        return NULL;
    atomic_init(&c->refs, 1);
    c->n = n;
    fill(c, batch);
    return c;
}

/* --- Telling ---------------------------------------------------------------------- */

static void on_changes(struct loop *loop, void *arg)
{
    struct changes *c = arg;
    struct user_env *env = user_env_of(loop);
    if (env != NULL) /* else the loop is about to stop, and has no streams */
        resolve_tell_streams(env, c);
    changes_unref(c);
}

/* NULL: anything may have changed. */
static void tell(struct user_env *env, struct changes *c)
{
    const struct user_service *service = env->service;
    for (size_t i = 0; i < service->nloops; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not count references */
        if (loop_post(service->loops[i], on_changes, changes_ref(c)) == 0)
            continue;
        changes_unref(c);
        task_defer(env->loop, &env->forget_names);
    }
}

void changes_forget_names(struct task *task)
{
    tell(container_of(task, struct user_env, forget_names), NULL);
}

void changes_tell(struct loop *loop, const struct import_batch *batch)
{
    struct user_env *env = user_env_of(loop);
    if (env == NULL)
        return;
    struct changes *c = changes_new(batch);
    tell(env, c);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as in tell() */
    changes_unref(c);
}
