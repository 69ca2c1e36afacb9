/* The feed of changes: it tells followers that there is something to read.
 *
 * There is one feed on each loop. Whenever a commit makes news (weir/news.h), it reads
 * the store's log of changes once, and finds the followers who are concerned: those of
 * a user, by the user; and those of all records. A follower holds no changes. It has
 * only the revision up to which it has told everything, and reads the log from there
 * itself. So a slow follower costs its place in the log, and nothing else.
 *
 *   OUT      it is not one of the feed's                       -> BEHIND
 *   LIVE     it has told everything that the feed has read     -> BEHIND
 *   BEHIND   it has to read, from its revision on              -> LIVE
 *
 * Followers that are behind read in turns. A round of the loop gives them a
 * millisecond together, and the rest wait for the next round. When a thousand come back
 * at once, only they are slower.
 *
 * Everything here is for the loop's thread only. */
#ifndef STREAMS_FEED_H
#define STREAMS_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/counter.h"
#include "base/ring.h"
#include "serverkit/metrics/histogram.h"
#include "store/store.h"
#include "weir/loop.h"
#include "weir/news.h"

/* A turn to read; lives in whoever wants one. */
struct feed_turn {
    void (*run)(struct feed_turn *turn);
    struct ring link; /* private; next is NULL or itself: it does not wait */
};

enum follower_state { FOLLOWER_OUT, FOLLOWER_LIVE, FOLLOWER_BEHIND };

/* Those who follow one group: on a chain of the feed's table. */
struct feed_group {
    uint32_t ordinal;
    size_t followers; /* of it, LIVE and BEHIND */
    struct ring live;
    struct feed_group *next;
};

/* Lives in its owner; zero it, and set what is above the line. */
struct follower {
    /* LIVE has become BEHIND. This comes from inside a step of the feed's reader, so
     * only note it, wait for a turn, and read nothing yet. Followers may leave here, but
     * none may join. */
    void (*behind)(struct follower *follower);
    bool all;           /* of all records, else of one group: */
    struct bytes group; /* its id; must stay */
    uint64_t revision;  /* everything up to it was told */
    /* Private. */
    enum follower_state state;
    struct feed *feed;
    struct feed_group *of; /* its group; NULL: of all, or the group has no record yet */
    struct ring link;      /* LIVE: on its group's ring, all or unborn; BEHIND: on behind */
};

struct feed_stats {
    struct counter followers, behind; /* how many there are, and of those */
    struct histogram delay;           /* from a commit to the message that tells of it */
    struct counter lag; /* changes that the one who is behind for longest has to read */
};

struct feed {
    struct loop *loop;
    struct reader *reader;
    struct news *news;
    struct news_reader look;
    struct store_fetch fetch; /* of changes, where they have to be fetched */
    bool fetching, again;     /* that; there were news meanwhile */
    uint64_t revision;        /* of the last change that was read */

    /* LIVE ones of all records, and of groups that the store does not have yet; and those
     * who are BEHIND, in the order in which they became so. */
    struct ring all, unborn, behind;
    uint64_t groups; /* that the store had when those were looked for */
    struct feed_group **groups_by_ordinal;
    size_t nchains, ngroups; /* a power of two, or 0; groups that are followed */
    struct timer retry;      /* the store could not be read */

    struct ring turns;
    struct task task;
    struct feed_stats stats;
};

/** Zeroes @feed. @news are of the store behind @reader, which the feed and its
 * followers share with others of the loop. */
void feed_init(struct feed *feed, struct loop *loop, struct reader *reader, struct news *news);

/** Call it when nobody follows any more. */
void feed_close(struct feed *feed);

/** @follower joins, and is BEHIND. Call it in a step of the reader that knows its group.
 * Returns 0, ENOMEM, or EIO (see reader_error()). */
int feed_join(struct feed *feed, struct follower *follower);

/** @follower, which is BEHIND, has told everything up to its revision, the last one that
 * it could read. It becomes LIVE. false: the feed knows of more already, and @follower
 * stays BEHIND. */
bool feed_caught_up(struct follower *follower);

/** @follower, which is BEHIND, has told everything up to this revision. */
void feed_progress(struct follower *follower, uint64_t revision);

/** A message tells @follower's client of a change that was committed at @time_ms. */
void feed_told(const struct follower *follower, uint64_t time_ms);

/** @follower leaves. It is fine if it has not joined. */
void feed_leave(struct follower *follower);

/** The revision up to which there is nothing for @follower that it has not told. */
uint64_t follower_revision(const struct follower *follower);

/** Calls turn->run(@turn) once, later. It is fine if @turn waits already. */
void feed_wait_turn(struct feed *feed, struct feed_turn *turn);
void feed_cancel_turn(struct feed_turn *turn); /* fine if it does not wait */

#endif
