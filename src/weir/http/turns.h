/* Whose turn it is, when there is more to do than fits a round of the loop.
 *
 * A round should be short, for the calls of all wait until it is over. What takes
 * longest are calls that begin (a read of 64 KiB can hold a thousand, of ten
 * microseconds and more each) and long answers (the next message of a listing is made
 * when the one before is written). So a lane has so much of either for a round, and a
 * connection that needs much of it, a busy one, waits for the next round once that is
 * used up. One that is not busy never waits, and takes nothing of their share.
 *
 * Busy ones are served in epochs: each is served once, in as many rounds as that
 * takes, before one is served twice. An epoch is over when a round is in which none had
 * to wait that it has not served yet. */
#ifndef HTTP_TURNS_H
#define HTTP_TURNS_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/loop.h"

/* Of a lane. */
struct turns {
    const struct loop *loop;
    size_t limit;   /* of a round */
    size_t used;    /* of that, in this round */
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

/** Whether the connection may go on in this round. If not, it has to ask again in the
 * next one. */
bool turn_may(struct turns *turns, const struct turn *turn);

/** It has done so much. @busy: that is much. */
void turn_used(struct turns *turns, struct turn *turn, size_t amount, bool busy);

#endif
