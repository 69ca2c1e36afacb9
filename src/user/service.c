#include "service.h"

#include "resolve.h"
#include "streams/listing.h"
#include "v1/user/user.pb-c.h"

static void decode_list_users(const ProtobufCMessage *message, struct listing_request *ret)
{
    const V1__User__ListUsersRequest *m = (const V1__User__ListUsersRequest *)message;
    ret->page_size = m->page_size;
    ret->limit = m->limit;
    ret->page_token = bytes_of_text(m->page_token);
}

static const struct listing_kind all_users = {
    .name = "ListUsers",
    .plain = true,
    .decode = decode_list_users,
};

static const struct field_rule list_fields[] = {
    { 1, RULE_NOT_NEGATIVE, 0, 0 }, /* page_size */
    { 3, RULE_NOT_NEGATIVE, 0, 0 }, /* limit */
};

static const struct message_rules list_rules = {
    &v1__user__list_users_request__descriptor,
    list_fields,
    sizeof list_fields / sizeof *list_fields,
};

static const struct stream_handler list_handler =
    LISTING_HANDLER(v1__user__list_users_request__descriptor, list_rules);

static const struct method methods[] = {
    { "/v1.user.User/GetUser", ONE, ONE, &get_user_handler, NULL, SCOPE_READ },
    { "/v1.user.User/ListUsers", ONE, ONE, &list_handler, &all_users, SCOPE_READ },
    { "/v1.user.User/ListUsersServerStream", ONE, MANY, &list_handler, &all_users, SCOPE_READ },
    { "/v1.user.User/ResolveUsers", MANY, MANY, &resolve_handler, NULL, SCOPE_READ },
    { "/v1.user.User/ImportUsers", MANY, ONE, &import_users_handler, &import_users_row,
      SCOPE_WRITE },
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
