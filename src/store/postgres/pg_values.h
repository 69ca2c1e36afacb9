/* Values as the protocol has them in binary. */
#ifndef PG_VALUES_H
#define PG_VALUES_H

#include <endian.h>

#include "base/buf.h"
#include "pg_request.h"

/* --- What comes --------------------------------------------------------------------- */

static inline struct bytes pg_bytes_at(const PGresult *rows, int row, int column)
{
    return bytes_of(PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column));
}

/** A bigint or an integer; NULL: 0. */
static inline uint64_t pg_number_at(const PGresult *rows, int row, int column)
{
    uint64_t n = 0;
    const size_t len = (size_t)PQgetlength(rows, row, column);
    if (len > 0 && len <= sizeof n)
        memcpy((uint8_t *)&n + sizeof n - len, PQgetvalue(rows, row, column), len);
    return be64toh(n);
}

/* --- What goes ---------------------------------------------------------------------- */

/* A bigint, which lives in its owner. */
struct pg_bigint {
    uint64_t big_endian;
};

static inline struct pg_param pg_bigint_param(struct pg_bigint *to, uint64_t n)
{
    to->big_endian = htobe64(n);
    return (struct pg_param){ .value = bytes_of(to, sizeof *to), .binary = true };
}

static inline struct pg_param pg_bytes_param(struct bytes b)
{
    return (struct pg_param){ .value = b, .binary = true };
}

/* An array of boolean, bytea or bigint. */
enum pg_array_type { PG_ARRAY_BOOL = 16, PG_ARRAY_BYTEA = 17, PG_ARRAY_BIGINT = 20 };

/** An empty one. NULL: out of memory. */
struct buf *pg_array_new(enum pg_array_type type);

/** false: out of memory. */
bool pg_array_add(struct buf *array, struct bytes value);

/** Before it is sent: it has @n elements. */
struct pg_param pg_array_param(struct buf *array, size_t n);

#endif
