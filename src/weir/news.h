/* News: how streams wait for something that is changed elsewhere.
 *
 * A state, a log or a store changes on any thread, and streams on every loop
 * have to tell their clients. News carry no content, they only say "look
 * again". So they need no memory, never queue, and however many a loop has
 * still to hear of are one.
 *
 * A service of one's own waits for news like this. Its stream keeps a
 * news_reader and what it has told last, nothing else, and has one function
 * that compares this with the source:
 *
 *   nothing new         it returns
 *   something new       it sends that, and notes what it has told
 *   no room (EAGAIN)    it returns, and keeps nothing of what it could not send
 *
 * This function is called
 *
 *   at the begin        right after news_join(), in that order
 *   by look()           there is news
 *   by on_sent          there is room again: what changed meanwhile is told in
 *                       its newest form
 *
 * and on_close leaves. Whoever changes the source does that first and calls
 * news_publish() then. A client that does not read costs what one that reads
 * does: its place in the source. Watch of serverkit/health is such a service.
 *
 * What was written before news_publish() is seen by the look() that follows,
 * whichever thread wrote it and whether or not its news were joined with
 * others. And nothing falls between news_join() and the first look at the
 * source: what that does not see is news. The source itself is read while others
 * may change it again, so it is an atomic, has a lock, or is read by snapshots. */
#ifndef WEIR_NEWS_H
#define WEIR_NEWS_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/ring.h"
#include "loop.h"

/* The readers of one loop. Private. */
struct news_desk {
    struct loop *loop;
    struct ring readers;
    struct posting post;
    atomic_bool has_news; /* posted, and not yet taken by the loop */
};

/* Of one source. All zero: news_close() is fine, nothing else. */
struct news {
    struct news_desk *desks; /* by loop_index(); private, as all below */
    size_t ndesks;
};

/* Lives in its owner, a stream's data mostly. Zero it before first use, and set
 * look. */
struct news_reader {
    void (*look)(struct news_reader *reader);
    struct ring link; /* private; next is NULL: it has not joined */
};

/** For readers on @loops, which are those of the program by loop_index().
 * Returns 0, or ENOMEM with nothing left to clean. */
int news_init(struct news *news, struct loop *const *loops, size_t nloops);

/** Without readers; and before the loops run, or after they were freed, which
 * may still have its posts. */
void news_close(struct news *news);

/** Has all readers look once more, each on its loop and soon, but not from in
 * here. Any thread, as long as the loops are there; also from inside look(). */
void news_publish(struct news *news);

/** From now on a look(@reader) follows each news_publish(). It may be one look
 * for many of them, and the first may be for one of before. Thread of @loop;
 * also from inside look(). */
void news_join(const struct news *news, struct loop *loop, struct news_reader *reader);

/** look() will not be called; fine if it has not joined. Loop thread; also from
 * inside look(), its own or that of any other reader, and then @reader may go. */
void news_leave(struct news_reader *reader);

#endif
