/* Whether User knows the users of what is imported.
 *
 *   IDLE -a batch whose request asks for that-> ASKING -all names are known-> IDLE
 *   ASKING -User does not answer in time, or the call is closed-> IDLE
 *
 * The names are held from the question to the answer, and then counted: so nothing is asked
 * twice, and what was known already is not asked at all. Loop's thread only. */
#ifndef STREAMS_IMPORT_USERS_H
#define STREAMS_IMPORT_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "resolver.h"

#define IMPORT_USERS_MAX 100 /* unknown ones whose ids are kept */

struct import_users {
    /** All names are known: import_users_check() tells of each. */
    void (*known)(struct import_users *u);
    /** User did not answer. The names are given back already. */
    void (*failed)(struct import_users *u, const struct status *status);

    int64_t unresolved;          /* read-only: records of users whom User does not know */
    char *ids[IMPORT_USERS_MAX]; /* read-only: of these, each once */
    size_t nids;

    struct name **names; /* private, like the rest. NULL: IDLE */
    size_t n, at;
    struct name_wait wait;
};

/** Wants the name of each of @n ids, where ids come from @id_of(@arg, i). Returns 0: all are
 * known already if import_users_waits() says no, else known or failed follows, later. ENOMEM:
 * neither does. */
int import_users_ask(struct import_users *u, struct resolver *resolver, size_t n,
                     struct bytes (*id_of)(const void *arg, size_t i), const void *arg);

bool import_users_waits(const struct import_users *u);

/** Once all are known: whether User knows the @i-th. One that is not known is counted. */
bool import_users_check(struct import_users *u, size_t i);

/** Back to IDLE: gives the names back, and neither callback comes. */
void import_users_stop(struct import_users *u);

/** IDLE already; frees what was counted. */
void import_users_close(struct import_users *u);

#endif
