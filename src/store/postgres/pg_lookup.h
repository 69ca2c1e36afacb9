/* Where the hosts of a database are now: their names are looked up by libuv's threads,
 * for libpq would hold the loop up. It is then told both, the names for TLS to check,
 * the addresses to connect to. */
#ifndef PG_LOOKUP_H
#define PG_LOOKUP_H

#include "pg_target.h"
#include "weir/loop.h"

/* Lists with commas, as libpq's options of these names want them. */
struct pg_places {
    char *host, *hostaddr, *port;
};

struct pg_lookup;

/** @places: they belong to the callee (pg_places_free); NULL: there is none, and @why
 * tells. The lookup is gone. */
typedef void (*pg_lookup_cb)(void *arg, struct pg_places *places, const char *why);

/** Looks up every host that needs it; @first (modulo their count) is to be tried first.
 * Calls @done once, from a later round. The loop is held while libuv works. Returns
 * NULL: no memory. Loop thread only, as the next. */
struct pg_lookup *pg_lookup_start(struct loop *loop, const struct pg_target *target, unsigned first,
                                  pg_lookup_cb done, void *arg);

/** done will not be called. NULL is fine. */
void pg_lookup_drop(struct pg_lookup *lookup);

void pg_places_free(struct pg_places *places); /* NULL is fine */

#endif
