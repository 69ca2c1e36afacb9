/* What the files of the LMDB store share. The tables:
 *
 *   groups   '=' ‖ group id               -> ordinal BE32
 *   order    ordinal BE32                 -> group id
 *   records  ordinal BE32 ‖ sequence BE64 -> value
 *   ids      record id                    -> key of the record
 *   meta     "version", "kind", "store_id", "next_sequence"
 *
 * Big-endian keys sort as their numbers do, so a walk through `records` is the
 * listing. The group id has a byte before it because LMDB has no empty keys,
 * and the group of all users is "". */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <endian.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "store.h"

#define RECORDS_TABLE "records"

#define STORE_FORMAT 1 /* of the tables; a program reads this one and no newer one */

/* The thread that writes. `lock` guards what the loops hand over. */
struct writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct import_batch *first, **last; /* those that wait */
    bool stopping;
};

struct store {
    MDB_env *env;
    MDB_dbi unnamed, groups, order, records, ids, meta;
    uint64_t id;
    char *dir;
    int lock_fd;
    struct writer writer;
};

/** Starts the writer thread. Returns 0, or -1 with a line in @error. */
int writer_start(struct store *store, char error[STORE_ERROR_MAX]);

/** Writes what waits, then ends the thread. */
void writer_stop(struct store *store);

/** Puts a line into @error, cut if it is too long. Returns -1. */
__attribute__((format(printf, 2, 3))) int store_fail(char error[STORE_ERROR_MAX],
                                                     const char *format, ...);

/* The number that the meta table holds under @name. Returns 0 or LMDB's error;
 * MDB_CORRUPTED if what is there is no number. */
int meta_get(struct store *store, MDB_txn *txn, const char *name, uint64_t *ret);
int meta_put(struct store *store, MDB_txn *txn, const char *name, uint64_t number);

/* --- Keys ---------------------------------------------------------------------- */

#define RECORD_KEY_BYTES 12
#define GROUP_KEY_BYTES  (1 + STORE_ID_MAX)

static inline MDB_val val_of(const void *data, size_t len)
{
    return (MDB_val){ .mv_size = len, .mv_data = (void *)data };
}

static inline struct bytes val_bytes(MDB_val v)
{
    return bytes_of(v.mv_data, v.mv_size);
}

static inline void be32_write(uint8_t *to, uint32_t number)
{
    number = htobe32(number);
    memcpy(to, &number, sizeof number);
}

static inline uint32_t be32_read(const uint8_t *from)
{
    uint32_t number;
    memcpy(&number, from, sizeof number);
    return be32toh(number);
}

static inline void be64_write(uint8_t *to, uint64_t number)
{
    number = htobe64(number);
    memcpy(to, &number, sizeof number);
}

static inline uint64_t be64_read(const uint8_t *from)
{
    uint64_t number;
    memcpy(&number, from, sizeof number);
    return be64toh(number);
}

static inline MDB_val record_key(uint8_t room[RECORD_KEY_BYTES], struct position at)
{
    be32_write(room, at.group);
    be64_write(room + 4, at.sequence);
    return val_of(room, RECORD_KEY_BYTES);
}

static inline struct position record_key_read(const uint8_t *key)
{
    return (struct position){ .group = be32_read(key), .sequence = be64_read(key + 4) };
}

/* @id has at most STORE_ID_MAX bytes. */
static inline MDB_val group_key(uint8_t room[GROUP_KEY_BYTES], struct bytes id)
{
    room[0] = '=';
    if (id.len > 0)
        memcpy(room + 1, id.data, id.len);
    return val_of(room, 1 + id.len);
}

/* The ordinal of a group: 0, MDB_NOTFOUND, MDB_CORRUPTED, ... */
static inline int group_find(struct store *store, MDB_txn *txn, struct bytes id, uint32_t *ret)
{
    uint8_t room[GROUP_KEY_BYTES];
    MDB_val key = group_key(room, id), value;
    int rc = mdb_get(txn, store->groups, &key, &value);
    if (rc == 0 && value.mv_size != sizeof(uint32_t))
        rc = MDB_CORRUPTED;
    if (rc == 0)
        *ret = be32_read(value.mv_data);
    return rc;
}

#endif
