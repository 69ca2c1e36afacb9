#include "user_service.h"

#include "resolve_users.h"
#include "serverkit/auth/scopes.h"
#include "streams/listing.h"
#include "user_env.h"
#include "v1/user/user.pb-c.h"

/* Of ListUsersRequest, in the order in which they are checked. */
enum { PAGE_SIZE, LIMIT, PAGE_TOKEN };

static void read_list_users(const struct said *said, struct listing_request *ret)
{
    ret->page_size = (int32_t)said[PAGE_SIZE].number;
    ret->limit = (int64_t)said[LIMIT].number;
    ret->page_token = said[PAGE_TOKEN].text;
}

static const struct listing_env *listing_env_of(const struct loop *loop)
{
    return &user_env_of(loop)->listing;
}

static const struct listing_kind all_users = {
    .name = "ListUsers",
    .plain = true,
    .read = read_list_users,
    .env = listing_env_of,
};

static const struct field_rule list_fields[] = {
    [PAGE_SIZE] = { 1, RULE_NOT_NEGATIVE, 0, 0 },
    [LIMIT] = { 3, RULE_NOT_NEGATIVE, 0, 0 },
    [PAGE_TOKEN] = { 2, RULE_LENGTH, 0, SIZE_MAX },
};

static const struct message_rules list_rules = {
    &v1__user__list_users_request__descriptor,
    list_fields,
    sizeof list_fields / sizeof *list_fields,
};

static const struct stream_handler list_handler = LISTING_HANDLER(list_rules);

static const struct method methods[] = {
    { "/v1.user.User/GetUser", ONE, ONE, &get_user_handler, NULL, SCOPE_READ },
    { "/v1.user.User/ListUsers", ONE, ONE, &list_handler, &all_users, SCOPE_READ },
    { "/v1.user.User/ListUsersServerStream", ONE, MANY, &list_handler, &all_users, SCOPE_READ },
    { "/v1.user.User/ResolveUsers", MANY, MANY, &resolve_handler, NULL, SCOPE_READ },
    { "/v1.user.User/ImportUsers", MANY, ONE, &import_users_handler, &import_users_kind,
      SCOPE_WRITE },
    { "/v1.user.User/DeleteUsers", MANY, ONE, &delete_users_handler, &delete_users_kind,
      SCOPE_DELETE },
};

/* The first edition's package. */
static const struct method first_methods[] = {
    { "/user.User/GetUser", ONE, ONE, &get_user_handler, NULL, SCOPE_READ },
    { "/user.User/ListUsers", ONE, ONE, &list_handler, &all_users, SCOPE_READ },
};

static const struct service service = { "v1.user.User", methods, sizeof methods / sizeof *methods };
static const struct service first_service = { "user.User", first_methods,
                                              sizeof first_methods / sizeof *first_methods };

const struct service *const user_services[USER_NSERVICES] = { &service, &first_service };
