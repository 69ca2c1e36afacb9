/* The names that one request needs next: of its one user, or of the users
 * ahead in the order of the store. Holding them here means that none is looked
 * up twice for one answer, and none can be evicted before it was used. */
#ifndef STREAMS_LOOKAHEAD_H
#define STREAMS_LOOKAHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct name;
struct reader;
struct resolver;

#define LOOKAHEAD_MAX 256

struct lookahead {
    struct name **ring; /* of LOOKAHEAD_MAX, or NULL */
    uint32_t first;     /* group whose name is the first held */
    uint32_t n;         /* names held, of groups from first on */
    struct name *one;   /* of the one user */
};

/** Holds the one name of @user_id. 0 or ENOMEM. */
int lookahead_one(struct lookahead *la, struct resolver *resolver, struct bytes user_id);

/** Releases the names of groups before @group and, when at most half of
 * @ahead (at most LOOKAHEAD_MAX) are left, asks for more. @group may be one
 * before those that are held. Inside a step of
 * @reader. 0, ENOMEM, or EIO (see reader_error()). */
int lookahead_fill(struct lookahead *la, struct resolver *resolver, struct reader *reader,
                   uint32_t group, uint32_t ahead);

/** The name of a group, or of the one user; NULL: not held yet. */
struct name *lookahead_get(const struct lookahead *la, uint32_t group);

void lookahead_clear(struct lookahead *la);

#endif
