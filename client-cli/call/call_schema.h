/* What postcli call knows of the types of a server: from a file, or asked by server
 * reflection, file by file, until nothing that one of them imports is missing.
 *
 *   ASK the file with the service -files, one is missing-> ASK that file
 *                                 -files, none is missing-> whole
 *                                 -NOT_FOUND-> ASK which services there are -> whole
 *   any -UNIMPLEMENTED-> once more from the start, by v1alpha, which older servers have
 *
 * Loop thread. */
#ifndef CLI_CALL_SCHEMA_H
#define CLI_CALL_SCHEMA_H

#include <stdbool.h>

#include "client-cli/frame/session.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "pbjson/pool.h"

#define SCHEMA_ERROR_BYTES 512

/** The name of the service in @method, "v1.post.Post/GetPost" or "v1.post.Post.GetPost", with
 * or without a slash before it; and in *ret_name that of the method. Empty: it has none. */
struct bytes schema_service(const char *method, struct bytes *ret_name);

/** A pool of what is in @path, a FileDescriptorSet. NULL: @error says why, in one line. */
struct pb_pool *schema_read(const char *path, char error[SCHEMA_ERROR_BYTES]);

/* What is asked of reflection. */
struct schema {
    struct pb_pool *pool; /* read-only; the caller frees it */
    struct buf *services; /* read-only: "a\nb\n", if the one asked for is not there; or empty */

    struct bytes service; /* private, like the rest */
    struct buf *name;     /* what was asked for last, with a NUL */
    enum { SCHEMA_SERVICE, SCHEMA_FILE, SCHEMA_LIST } asked;
    bool alpha; /* by the older name */
};

/** Begins with the @service, which stays the caller's. false: out of memory. */
bool schema_init(struct schema *c, struct bytes service);
void schema_close(struct schema *c);

/** The path of the method that is to be opened. */
const char *schema_path(const struct schema *c);

/** The first request, on a call that was just opened. */
void schema_ask(struct schema *c, struct session *s);

/** An answer came: sends the next request, half-closes, or fails the call. */
void schema_take(struct schema *c, struct session *s,
                 const Grpc__Reflection__V1__ServerReflectionResponse *m);

/** Whether to open another call, after one that ended so. */
bool schema_again(struct schema *c, const struct status *status);

/** Why there is no such method, and which there are. */
struct status schema_no_method(const struct pb_pool *pool, const struct buf *services,
                               const char *method);

#endif
