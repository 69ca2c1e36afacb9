/* DeleteUsers: users by their ids. */
#include "user_env.h"
#include "user_service.h"
#include "v1/user/user.pb-c.h"

static struct store *store_of(struct loop *loop)
{
    return user_env_of(loop)->service->store;
}

const struct delete_kind delete_users_kind = { .store = store_of };

const struct stream_handler delete_users_handler =
    DELETE_HANDLER(&v1__user__delete_users_request__descriptor);
