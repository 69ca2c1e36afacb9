/* The resolver's table of names: who holds them, which of them have to be
 * asked for, and which are only kept because they may be wanted again.
 *
 * A name is on one ring at most:
 *
 *   wanted   WANTED, so it is held         oldest wish first
 *   cached   known, and held by nobody     least recently used first
 *
 * An ASKED name stays until its answer comes, held or not. A name that is
 * neither held, nor ASKED, nor cached does not exist. */
#ifndef STREAMS_NAMES_H
#define STREAMS_NAMES_H

#include <stddef.h>

#include "base/counter.h"
#include "base/ring.h"
#include "resolver.h"

struct names {
    struct name **buckets;
    size_t nbuckets; /* a power of two */
    uint64_t seed;   /* of the hash: ids come from strangers */
    size_t held;

    struct ring wanted;
    struct ring cached;
    size_t cached_bytes, max_cached_bytes;

    /* Names there are, those on `cached`; wishes for a name that was known, for
     * one that was not; names forgotten for want of room. */
    struct counter n, ncached, hits, misses, evicted;
};

struct name {
    struct names *names;
    struct name *chain; /* the next in its bucket */
    struct ring link;   /* on wanted or cached */
    struct ring waits;  /* struct name_wait; when known, only those that watch */
    uint64_t hash;
    size_t holds;
    enum name_state state;
    unsigned request; /* ASKED: in which of the requests in flight */
    uint32_t note;    /* of name_note() */
    uint64_t mark;    /* of name_mark() */
    char *text;       /* FOUND; ends with a NUL that does not count */
    size_t text_len;
    size_t id_len;
    char id[]; /* ends with a NUL that does not count */
};

/** Returns 0 or ENOMEM. */
int names_init(struct names *names, size_t max_cached_bytes, uint64_t seed);

/** Frees all names. None may be held. */
void names_close(struct names *names);

/** NULL: not in the table. */
struct name *names_find(const struct names *names, struct bytes id);

/** The name for @id with one hold more; new ones are WANTED, but an id that no
 * user can have is MISSING at once. NULL: out of memory. */
struct name *names_hold(struct names *names, struct bytes id);

/** Gives one hold back. The last one drops a WANTED name, and caches a known one. */
void names_unhold(struct name *name);

/** A WANTED name was sent in @request. */
void names_asked(struct name *name, unsigned request);

/** User's word on a name in whatever state: FOUND with @text, or MISSING.
 * Those that nobody holds are cached. false: out of memory, nothing changed. */
bool names_learn(struct name *name, bool found, struct bytes text);

/** What is known may be out of date. With @asked_too, no answers will come any more to
 * what was asked. Names that are held become WANTED again, and others are forgotten. */
void names_distrust(struct names *names, bool asked_too);

/** Forgets the least recently used names until the cache is in its bounds. */
void names_trim(struct names *names);

#endif
