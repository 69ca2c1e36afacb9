/* Groups that were looked up lately, by id. To find one in the index is a walk
 * of three pages; those who ask for few records ask for the same groups often.
 *
 * A group has its ordinal for ever, and each snapshot of a reader is as new as
 * the one before or newer: what was found once stays right. */
#ifndef STORE_RECENT_H
#define STORE_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/bytes.h"

#define RECENT_SETS   1024
#define RECENT_ID_MAX 27 /* bytes; longer ids are not kept */

/* The two latest ids of one hash, the newest first: 64 bytes. */
struct recent {
    struct recent_place {
        uint32_t ordinal;
        uint8_t len; /* 0: free */
        uint8_t id[RECENT_ID_MAX];
    } sets[RECENT_SETS][2];
};

/* A zeroed one is empty. */

/** false: not here. */
bool recent_find(const struct recent *r, struct bytes id, uint32_t *ret_ordinal);

/** In the place of the one of its set that came first. */
void recent_put(struct recent *r, struct bytes id, uint32_t ordinal);

#endif
