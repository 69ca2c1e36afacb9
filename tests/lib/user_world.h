/* The User service without a network: a store in a folder of its own, one
 * loop, and fake streams on the methods of its table. */
#ifndef TESTS_USER_WORLD_H
#define TESTS_USER_WORLD_H

#include "fake_stream.h"
#include "loop_until.h"
#include "store/store.h"
#include "tmpdir.h"
#include "user/user_env.h"
#include "user/user_service.h"
#include "v1/user/user.pb-c.h"
#include "weir/news.h"

struct user_world {
    char *dir;
    struct loop *loop;
    struct user_shared service;
    struct news news; /* of the store's commits */
    struct user_env *env;
};

void user_world_open(struct user_world *w);

/** No stream is open any more. */
void user_world_close(struct user_world *w);

/** A call of "/v1.user.User/@name" arrives. */
struct fake_stream *user_call(struct user_world *w, const char *name);
struct fake_stream *user_request(struct user_world *w, const char *name,
                                 const ProtobufCMessage *request);

/** An ImportUsersRequest with one user arrives on @f. */
void user_push(struct fake_stream *f, const char *id, const char *name);

/** Imports one user, from call to answer. */
void user_import(struct user_world *w, const char *id, const char *name);

/** Deletes one user, from call to answer. */
void user_delete(struct user_world *w, const char *id);

/** The client of a server's stream goes away; frees the stream. */
void user_hang_up(struct user_world *w, struct fake_stream *f);

#endif
