/* News: how streams wait for something that is changed elsewhere.
 *
 * A state, a log or a store changes on any thread, and streams on every loop
 * have to tell their clients. News carry no content; they only say "look
 * again". So they need no memory, and they never queue: all news that a loop
 * has not heard of yet count as one.
 *
 * This is how a service waits for news. Its stream keeps a news_reader, and
 * what it has told last, and nothing else. It has one function that compares
 * this with the source:
 *
 *   nothing new         it returns
 *   something new       it sends that, and notes what it has told
 *   no room (EAGAIN)    it returns, and keeps nothing of what it could not send
 *
 * This function is called
 *
 *   at the beginning    right after news_join(), in that order
 *   by look()           when there are news
 *   by on_sent          when there is room again. What changed meanwhile is told
 *                       in its newest form
 *
 * on_close calls news_leave(). Whoever changes the source makes the change
 * first, and then calls news_publish(). A client that does not read costs its
 * place in the source, like any other client. The watch of serverkit/health is
 * such a service.
 *
 * The look() that follows a news_publish() sees what was written before it,
 * whichever thread wrote it, and also if these news were joined with others.
 * Nothing is lost between news_join() and the first look at the source: a
 * change that this look does not see makes news. Others may change the source
 * while it is read. So the source is an atomic, has a lock, or is read by
 * snapshots. */
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

/** Call it when there are no readers, and before the loops run or after they were
 * freed, because they may still have its posts. */
void news_close(struct news *news);

/** Makes all readers look once more, each on its loop, soon, and not from inside
 * this call. Any thread, as long as the loops exist; also from inside look(). */
void news_publish(struct news *news);

/** From now on a look(@reader) follows each news_publish(). One look may be for
 * many of them, and the first one may be for news of before. Loop thread; also
 * from inside look(). */
void news_join(const struct news *news, struct loop *loop, struct news_reader *reader);

/** look() is not called any more. It is fine if @reader has not joined. Loop
 * thread; also from inside look(), that of @reader or of another one. @reader may
 * be freed then. */
void news_leave(struct news_reader *reader);

#endif
