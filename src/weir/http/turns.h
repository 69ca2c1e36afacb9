/* Whose turn it is, when there is more to do than fits a round of the loop.
 *
 * A round should be short, because all calls wait until it is over. Two things take
 * longest. One is calls that begin: a read of 64 KiB can hold a thousand, and each takes
 * ten microseconds or more. The other is long answers, because the next message of a
 * listing is made when the one before is written. So a lane has a limit for each of the
 * two in a round. A connection that needs much of it is *busy*. Once the limit is used
 * up, busy connections wait for the next round. A connection that is not busy never
 * waits, and takes nothing of their share.
 *
 * Busy connections are served in epochs. In an epoch each is served once, in as many
 * rounds as that takes, before one is served twice. An epoch is over after a round in
 * which no connection had to wait that the epoch has not served yet. */
#ifndef HTTP_TURNS_H
#define HTTP_TURNS_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/loop.h"

/* Of a lane. */
struct turns {
    const struct loop *loop;
    size_t limit;   /* in a round */
    size_t used;    /* of it, in this round */
    unsigned round; /* of the loop */
    unsigned epoch;
    bool waiting; /* some busy connection, which this epoch has not served yet */
};

/* Of a connection. Zero is one that is not busy. */
struct turn {
    bool busy;
    unsigned epoch; /* that it was served in last */
};

void turns_init(struct turns *turns, const struct loop *loop, size_t limit);

/** Whether the connection may go on in this round. If not, it must ask again in the next
 * round. */
bool turn_may(struct turns *turns, const struct turn *turn);

/** The connection has used @amount. @busy: that was much. */
void turn_used(struct turns *turns, struct turn *turn, size_t amount, bool busy);

#endif
