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

static const struct stream_handler list_handler =
    LISTING_HANDLER(v1__user__list_users_request__descriptor);

const struct method user_methods[] = {
    { "/v1.user.User/GetUser", ONE, ONE, &get_user_handler, NULL },
    { "/v1.user.User/ListUsers", ONE, ONE, &list_handler, &all_users },
    { "/v1.user.User/ListUsersServerStream", ONE, MANY, &list_handler, &all_users },
    { "/v1.user.User/ResolveUsers", MANY, MANY, &resolve_handler, NULL },
    { "/v1.user.User/ImportUsers", MANY, ONE, &import_users_handler, &import_users_row },

    /* The first edition's package. */
    { "/user.User/GetUser", ONE, ONE, &get_user_handler, NULL },
    { "/user.User/ListUsers", ONE, ONE, &list_handler, &all_users },
};
const size_t user_nmethods = sizeof user_methods / sizeof *user_methods;
