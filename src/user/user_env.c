#include "user_env.h"

#include <stdlib.h>

int user_env_new(struct user_env **ret, const struct user_shared *service, struct loop *loop,
                 char error[STORE_ERROR_MAX])
{
    struct user_env *env = calloc(1, sizeof *env);
    if (env == NULL) {
        strcpy(error, "out of memory");
        return -1;
    }
    if (reader_new(&env->listing.reader, service->store, loop, error) != 0) {
        free(env);
        return -1;
    }
    env->listing.store_id = store_id(service->store);
    env->listing.answer_max_bytes = service->answer_max_bytes;
    env->listing.budget = service->budget;
    env->service = service;
    env->loop = loop;
    loop_set_env(loop, env);
    *ret = env;
    return 0;
}

void user_env_free(struct user_env *env)
{
    if (env == NULL)
        return;
    loop_set_env(env->loop, NULL);
    reader_free(env->listing.reader);
    free(env);
}
