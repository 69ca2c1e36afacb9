/* Who makes a call, and what they may do. A token that was found good stands for
 * an identity. stream->identity is one, and the call has a reference to it for as
 * long as it lives.
 *
 * An identity belongs to one loop, as its calls do, so the count of references is
 * not an atomic. */
#ifndef WEIR_IDENTITY_H
#define WEIR_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define NEVER_EXPIRES INT64_MAX

struct identity {
    const char *name;
    const char *scopes; /* words, as a method's scope is one; with spaces between them */
    int64_t expires_s;  /* of the token, in seconds since 1970; NEVER_EXPIRES */
    unsigned refs;      /* private */
};

/** A new identity with one reference, the caller's. @name and @scopes (words
 * with one or more spaces between them) are copied. NULL: out of memory. */
struct identity *identity_new(struct bytes name, struct bytes scopes, int64_t expires_s);

/** Takes one reference more. Returns @id. */
struct identity *identity_ref(struct identity *id);

/** Gives one reference back. The last one frees the identity. NULL is fine. */
void identity_unref(struct identity *id);

/** Whether @scope is one of its scopes. */
bool identity_may(const struct identity *id, const char *scope);

#endif
