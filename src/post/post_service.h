/* The Post service: its methods, and where each is done. */
#ifndef POST_SERVICE_H
#define POST_SERVICE_H

#include <stddef.h>

#include "streams/delete.h"
#include "streams/import.h"
#include "weir/server.h"

/** For server_new(). Every loop has a post_env. */
#define POST_NSERVICES 2
extern const struct service *const post_services[POST_NSERVICES];

/** User, of whose health Post tells as far as it knows: no methods. */
extern const struct service post_user_service;

extern const struct stream_handler get_post_handler;     /* get_post.c */
extern const struct stream_handler import_posts_handler; /* post_import.c */
extern const struct import_kind import_posts_kind;
extern const struct stream_handler delete_posts_handler; /* post_delete.c */
extern const struct delete_kind delete_posts_kind;

#endif
