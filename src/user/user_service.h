/* The User service: its methods, and where each is done. */
#ifndef USER_SERVICE_H
#define USER_SERVICE_H

#include <stddef.h>

#include "streams/delete.h"
#include "streams/import.h"
#include "weir/server.h"

/** For server_new(). Every loop has a user_env. */
#define USER_NSERVICES 2
extern const struct service *const user_services[USER_NSERVICES];

extern const struct stream_handler get_user_handler;     /* get_user.c */
extern const struct stream_handler import_users_handler; /* user_import.c */
extern const struct import_kind import_users_kind;
extern const struct stream_handler delete_users_handler; /* user_delete.c */
extern const struct delete_kind delete_users_kind;

#endif
