/* The author resolver: names for user ids, over one bidirectional stream.
 *
 * It is a client of User's contract, proto/v1/user/user.proto: whoever lists what
 * people wrote can use it. The rest of streams/ knows no types of a service.
 *
 * One resolver per loop. It keeps one ResolveUsers stream to User open, from
 * start on, and reopens it with backoff. A *name* is an entry of its table:
 *
 *   WANTED   waits to be sent          -> ASKED
 *   ASKED    was sent on this stream   -> FOUND | MISSING
 *   FOUND    User knows it; the text is there
 *   MISSING  User does not know the id
 *
 * FOUND and MISSING change into each other, and the text changes, when User
 * says so unasked: a name in use is never stale. When the stream breaks, or
 * User says invalidate_all, every name becomes WANTED again (those that nobody
 * holds are forgotten), because changes may have been missed.
 *
 * A new stream carries at least an empty request, whose (empty) answer tells
 * that User is there. Answers and unasked changes are taken in alike: an id is
 * answered when User says something about it, in whatever message. A request
 * that stays unanswered for six timeouts has the stream replaced.
 *
 * Back-pressure: ids that are wanted go out together, at most 1,000 a request,
 * at most REQUESTS_IN_FLIGHT unanswered requests; the rest waits. Reading never
 * waits for sending, so the two sides cannot block each other. Memory: names
 * that someone holds, plus a bounded number of others, the least recently used
 * of which goes first.
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

/** Ends the stream and calls @closed(arg) when it is gone and the resolver
 * freed: later, never from inside. No name is held and nobody waits any more. */
void resolver_close(struct resolver *resolver, void (*closed)(void *arg), void *arg);

/* --- Names -------------------------------------------------------------------------- */

/** The name for @user_id, held until name_release(): asked for if it is not
 * known, and never twice at once. Ids wanted in one turn of the loop go out in
 * one request. What cannot be an id (empty, over 256 bytes, not UTF-8, with a
 * NUL in it) is MISSING without asking. NULL: out of memory. */
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

/** A number that goes with the name, for who uses names: 0 at first, and again
 * once the name was forgotten. */
uint32_t *name_note(struct name *name);

/** For who collects names one after the other, each once: another number for each
 * collection, and whether the name does not have that number yet. */
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

/** Neither callback will come; fine if nothing is waited for. */
void name_wait_stop(struct name_wait *wait);

/** A wait that has no deadline, and for a name that may be known: known comes, once, when
 * User has said something of it again, for what that was see name_state(). The name must
 * be held meanwhile. */
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

/** Any thread, as long as the resolver is there. */
struct resolver_stats resolver_stats(const struct resolver *resolver);

#endif
