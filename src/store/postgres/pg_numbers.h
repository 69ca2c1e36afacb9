/* What the connections of a store are at, for its metrics: those of all its pools, on several
 * threads, together. */
#ifndef PG_NUMBERS_H
#define PG_NUMBERS_H

#include <stdatomic.h>
#include <stdint.h>

#define PG_STATES 6 /* of enum pg_conn_state */

struct pg_numbers {
    atomic_uint_fast64_t states[PG_STATES]; /* connections that are so, but for CLOSED */
    atomic_uint_fast64_t waiting;           /* requests that wait for a connection */
    atomic_uint_fast64_t waits;             /* those that ever had to */
    atomic_uint_fast64_t requests;          /* that were sent, and are over */
    atomic_uint_fast64_t request_ns;        /* what these took, from when they were sent */
};

/** @by may be (uint64_t)-1. Any thread, as all. */
static inline void pg_number_add(atomic_uint_fast64_t *number, uint64_t by)
{
    atomic_fetch_add_explicit(number, by, memory_order_relaxed);
}

static inline uint64_t pg_number_get(const atomic_uint_fast64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

#endif
