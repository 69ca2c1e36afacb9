#include "tell_changes.h"

#include "base/container.h"
#include "changes.h"
#include "resolve_users.h"
#include "user_env.h"

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
    const struct user_shared *service = env->service;
    for (size_t i = 0; i < service->nloops; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not count references */
        if (loop_post(service->loops[i], on_changes, changes_ref(c)) == 0)
            continue;
        changes_unref(c);
        task_defer(env->loop, &env->forget_names);
    }
}

void tell_all_changed(struct task *task)
{
    tell(container_of(task, struct user_env, forget_names), NULL);
}

void tell_changes(struct loop *loop, const struct write_batch *batch)
{
    struct user_env *env = user_env_of(loop);
    if (env == NULL)
        return;
    struct changes *c = changes_new(batch);
    tell(env, c);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as in tell() */
    changes_unref(c);
}
