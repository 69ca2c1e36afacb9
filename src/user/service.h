/* The User service: its methods, and where each is done. */
#ifndef USER_SERVICE_H
#define USER_SERVICE_H

#include <stddef.h>

#include "runtime/server.h"
#include "streams/import.h"

/** For server_new(). Every loop has a user_env. */
extern const struct method user_methods[];
extern const size_t user_nmethods;

extern const struct stream_handler get_user_handler;     /* get.c */
extern const struct stream_handler import_users_handler; /* import.c */
extern const struct import_row import_users_row;

#endif
