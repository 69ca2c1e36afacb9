/* The author resolver: names for user ids, over one bidirectional stream.
 *
 * It is a client of User's contract, proto/v1/user/user.proto. Whoever lists what
 * people wrote can use it. The rest of streams/ knows no types of a service.
 *
 * There is one resolver on each loop. From the start on it keeps one ResolveUsers
 * stream to User open, and reopens it with backoff. A *name* is an entry of its table:
 *
 *   WANTED   waits to be sent          -> ASKED
 *   ASKED    was sent on this stream   -> FOUND | MISSING
 *   FOUND    User knows it; the text is there
 *   MISSING  User does not know the id
 *
 * User also sends changes by itself. Then FOUND and MISSING change into each
 * other, or the text changes. So a name in use is never stale. When the stream
 * breaks, or User says invalidate_all, changes may have been missed. Then every
 * name becomes WANTED again, and those that nobody holds are forgotten.
 *
 * A new stream carries at least an empty request, and its empty answer shows that
 * User is there. Answers and changes are treated alike: an id is answered when User
 * says something about it, in whatever message. If a request stays unanswered for
 * six timeouts, the stream is replaced.
 *
 * Back-pressure: ids that are wanted go out together, at most 1,000 in a request,
 * with at most REQUESTS_IN_FLIGHT requests unanswered. The rest waits. Reading
 * never waits for sending, so the two sides cannot block each other. Memory: it
 * keeps the names that somebody holds, and a bounded number of others, of which the
 * least recently used goes first.
 *
 * Everything here is for the loop's thread only. */
#ifndef STREAMS_RESOLVER_H
#define STREAMS_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/ring.h"
#include "weir/status.h"

struct loop;
struct name;
struct resolver;
struct stream;
struct stream_handler;

struct resolver_options {
    uint64_t timeout_ms;                     /* --user-timeout: a wait fails after this long */
    uint64_t cache_bytes;                    /* of names that nobody holds; 0: 2 MiB */
    uint64_t min_backoff_ms, max_backoff_ms; /* between streams; 0: 50 ms, 1 s. What the
                                                channel waits between connections is its own */

    /** User answers on a new stream; or the stream broke, or one could not be
     * had: that comes again with each attempt. Gets the dial_arg. May come from
     * inside resolver_new(), and must not close the resolver. May be NULL. */
    void (*on_link)(void *dial_arg, bool up);
};

/** Opens a stream to User's ResolveUsers for @handler, with stream->data =
 * @data. Returns 0 and *ret, or an errno value. The program gives one that
 * uses its channel; a test gives a fake. */
typedef int (*resolver_dial)(void *dial_arg, struct loop *loop,
                             const struct stream_handler *handler, void *data, struct stream **ret);

/** Makes a resolver and opens its stream. Returns 0 or ENOMEM. */
int resolver_new(struct resolver **ret, struct loop *loop, resolver_dial dial, void *dial_arg,
                 const struct resolver_options *options);

/** Ends the stream. Calls @closed(arg) later, and never from inside, when the stream
 * is gone and the resolver is freed. No name may be held, and nobody may wait. */
void resolver_close(struct resolver *resolver, void (*closed)(void *arg), void *arg);

/* --- Names -------------------------------------------------------------------------- */

/** The name for @user_id, which is held until name_release(). If it is not known it
 * is asked for, and never twice at once. Ids that are wanted in one round of the loop
 * go out in one request. Something that cannot be an id (empty, over 256 bytes, not
 * UTF-8, with a NUL in it) is MISSING without asking. NULL: out of memory. */
struct name *resolver_want(struct resolver *resolver, struct bytes user_id);
void name_release(struct name *name); /* NULL is fine */

enum name_state { NAME_WANTED, NAME_ASKED, NAME_FOUND, NAME_MISSING };
enum name_state name_state(const struct name *name);
static inline bool name_is_known(enum name_state state)
{
    return state >= NAME_FOUND;
}

/** The text; empty unless FOUND. Valid until the loop's next turn. */
struct bytes name_text(const struct name *name);
struct bytes name_user_id(const struct name *name); /* valid while held */

/** A number that users of the name may keep with it. It is 0 at first, and 0 again
 * after the name was forgotten. */
uint32_t *name_note(struct name *name);

/** For whoever collects names one after the other, and each once. resolver_mark() gives
 * a new number for each collection, and name_mark() says whether the name did not have
 * that number yet. */
uint64_t resolver_mark(struct resolver *r);
bool name_mark(struct name *name, uint64_t mark);

/* --- Waiting ------------------------------------------------------------------------ */

/* Lives in whoever waits; zero it, and set known and failed. */
struct name_wait {
    void (*known)(struct name_wait *wait); /* the name is FOUND or MISSING */
    /* It took longer than timeout_ms: UNAVAILABLE, and why. */
    void (*failed)(struct name_wait *wait, const struct status *status);
    struct name *name; /* private, as all below; NULL: not waiting */
    uint64_t deadline_ms;
    struct ring with_name; /* those who wait for the same name */
    struct ring with_all;  /* all of the resolver, by deadline */
};

/** Waits for a name that is not known; exactly one of the callbacks follows,
 * later, and then the wait is over. The name must be held meanwhile. */
void name_wait_start(struct name *name, struct name_wait *wait);

/** Ends a wait: neither callback comes. It is fine if nothing is waited for. */
void name_wait_stop(struct name_wait *wait);

/** Waits without a deadline for a change of a name, which may be known already. known comes
 * once, when User has said something about the name again; name_state() says what. The name
 * must be held meanwhile. */
void name_watch_start(struct name *name, struct name_wait *wait);

/* --- Figures ------------------------------------------------------------------------ */

struct resolver_stats {
    uint64_t connected;    /* 1: the stream is open and User has answered on it; 0 */
    uint64_t names;        /* in the table */
    uint64_t cached;       /* of those, held by nobody */
    uint64_t hits, misses; /* names wanted and known, and not known */
    uint64_t evicted;      /* names forgotten for want of room */
    uint64_t reconnects;   /* streams opened after the first */
    uint64_t asked;        /* ids sent */
    uint64_t pending;      /* of those, not answered yet */
    uint64_t pushed;       /* changes that came unasked */
};

/** Any thread, as long as the resolver exists. */
struct resolver_stats resolver_stats(const struct resolver *resolver);

#endif
