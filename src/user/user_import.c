/* What a user must be to be imported. */
#include "streams/import.h"

#include "user_env.h"
#include "user_service.h"
#include "v1/user/user.pb-c.h"

/* Names travel with every post, so they are short; the number is no essay. */
#define TEXT_MAX_BYTES 1024

static bool check_text(const char *field, const char *text, struct status *why)
{
    size_t len = strlen(text);
    if (len <= TEXT_MAX_BYTES)
        return true;
    *why = status_of(STATUS_INVALID_ARGUMENT, "%s has %zu bytes, and at most %d are allowed", field,
                     len, TEXT_MAX_BYTES);
    return false;
}

static bool check(ProtobufCMessage *record, struct write_record *ret, struct status *why)
{
    V1__User__UserMessage *user = (V1__User__UserMessage *)record;
    user->base.n_unknown_fields = 0;
    ret->group = bytes_of(NULL, 0); /* all users are in one */
    ret->id = bytes_of_text(user->user_id);
    return import_check_id("user_id", user->user_id, why) && check_text("name", user->name, why) &&
           check_text("phone_number", user->phone_number, why);
}

static struct store *store_of(struct loop *loop)
{
    return user_env_of(loop)->service->store;
}

const struct import_kind import_users_kind = {
    .id_name = "user_id",
    .group_name = "group",
    .check = check,
    .store = store_of,
};

const struct stream_handler import_users_handler =
    IMPORT_HANDLER(&v1__user__import_users_request__descriptor);
