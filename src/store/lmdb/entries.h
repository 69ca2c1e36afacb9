/* What is in the tables, byte by byte: keys, values and their check sums.
 *
 *   groups   '=' ‖ group id               -> ordinal BE32 ‖ check sum
 *   order    ordinal BE32                 -> check sum ‖ group id
 *   records  ordinal BE32 ‖ sequence BE64 -> check sum ‖ value
 *   ids      record id                    -> key of the record ‖ check sum ‖ revision BE64
 *   changes  see change_block.h
 *   meta     "version", "kind", "store_id", "next_sequence", "revision"
 *
 * The revision is that of the record's last change. It is with the id, and not with the
 * value, because listings read values only. A store of format 2 had no revisions and no
 * changes: ids that were written then have none, which is 0.
 *
 * Big-endian keys sort as their numbers do, so a walk through `records` is the
 * listing. The group id has a byte before it because LMDB has no empty keys,
 * and the group of all users is "".
 *
 * LMDB keeps no check sums, so we do: of what is stored and of its key, for a
 * page that went wrong may well be one of this table, at an earlier time. */
#ifndef LMDB_ENTRIES_H
#define LMDB_ENTRIES_H

#include <endian.h>
#include <lmdb.h>
#include <stdint.h>
#include <string.h>
#define XXH_INLINE_ALL /* of a value: 180 bytes are over in 15 ns */
#include <xxhash.h>

#include "lmdb_internal.h"

/* Of the tables; a program reads this one and no newer one. Another check sum, or
 * another key, is another format. */
#define STORE_FORMAT       3
#define STORE_FORMAT_TAKEN 2 /* is taken over */

/* --- Keys --------------------------------------------------------------------------- */

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

/* --- Check sums --------------------------------------------------------------------- */

#define CHECK_BYTES sizeof(uint32_t)

/* In `ids`; before format 3 without the revision. */
#define PLACE_BYTES_2 (RECORD_KEY_BYTES + CHECK_BYTES)
#define PLACE_BYTES   (PLACE_BYTES_2 + sizeof(uint64_t))

/* Of a value, or an id, with the place it belongs to. */
static inline uint32_t check_sum(struct position at, struct bytes b)
{
    return (uint32_t)XXH3_64bits_withSeed(b.data, b.len, at.sequence ^ (uint64_t)at.group << 32);
}

/* --- Groups ------------------------------------------------------------------------- */

#define GROUP_BYTES (sizeof(uint32_t) + CHECK_BYTES) /* in `groups` */

static inline uint32_t group_sum(uint32_t ordinal, struct bytes id)
{
    return check_sum((struct position){ .group = ordinal }, id);
}

/* What `order` holds: 0, or MDB_CORRUPTED. */
static inline int group_id(uint32_t ordinal, MDB_val stored, struct bytes *ret)
{
    if (stored.mv_size < CHECK_BYTES || stored.mv_size > CHECK_BYTES + STORE_ID_MAX)
        return MDB_CORRUPTED;
    const uint8_t *data = stored.mv_data;
    *ret = bytes_of(data + CHECK_BYTES, stored.mv_size - CHECK_BYTES);
    return be32_read(data) == group_sum(ordinal, *ret) ? 0 : MDB_CORRUPTED;
}

/* The id of an ordinal, and the ordinal of a group: 0, MDB_NOTFOUND,
 * MDB_CORRUPTED, ... */
static inline int group_find_id(struct lmdb_store *store, MDB_txn *txn, uint32_t ordinal,
                                struct bytes *ret)
{
    uint8_t room[sizeof ordinal];
    be32_write(room, ordinal);
    MDB_val key = val_of(room, sizeof room), stored;
    int rc = table_get(txn, store->order, &key, &stored);
    return rc == 0 ? group_id(ordinal, stored, ret) : rc;
}

static inline int group_find(struct lmdb_store *store, MDB_txn *txn, struct bytes id, uint32_t *ret)
{
    uint8_t room[GROUP_KEY_BYTES];
    MDB_val key = group_key(room, id), stored;
    int rc = table_get(txn, store->groups, &key, &stored);
    if (rc != 0)
        return rc;
    if (stored.mv_size != GROUP_BYTES)
        return MDB_CORRUPTED;
    const uint8_t *data = stored.mv_data;
    *ret = be32_read(data);
    return be32_read(data + sizeof *ret) == group_sum(*ret, id) ? 0 : MDB_CORRUPTED;
}

/* --- Records ------------------------------------------------------------------------ */

/* 0, or MDB_CORRUPTED. */
static inline int record_value(struct position at, MDB_val stored, struct bytes *ret)
{
    if (stored.mv_size < CHECK_BYTES)
        return MDB_CORRUPTED;
    const uint8_t *data = stored.mv_data;
    *ret = bytes_of(data + CHECK_BYTES, stored.mv_size - CHECK_BYTES);
    return be32_read(data) == check_sum(at, *ret) ? 0 : MDB_CORRUPTED;
}

/* Where a record is, and the revision of its last change. */
struct place {
    struct position at;
    uint64_t revision;
};

/* Each bit of the revision counts, far from those of the sequence; revision 0, which ids of
 * format 2 have, leaves the sum as it was. */
static inline uint32_t place_sum(struct place p, struct bytes id)
{
    const uint64_t spread = p.revision * UINT64_C(0x9e3779b97f4a7c15);
    return check_sum((struct position){ p.at.group, p.at.sequence ^ spread }, id);
}

static inline MDB_val place_write(uint8_t room[PLACE_BYTES], struct place p, struct bytes id)
{
    record_key(room, p.at);
    be32_write(room + RECORD_KEY_BYTES, place_sum(p, id));
    be64_write(room + PLACE_BYTES_2, p.revision);
    return val_of(room, PLACE_BYTES);
}

/* What `ids` holds: 0, or MDB_CORRUPTED. */
static inline int place_read(struct bytes id, MDB_val stored, struct place *ret)
{
    if (stored.mv_size != PLACE_BYTES && stored.mv_size != PLACE_BYTES_2)
        return MDB_CORRUPTED;
    const uint8_t *data = stored.mv_data;
    ret->at = record_key_read(data);
    ret->revision = stored.mv_size == PLACE_BYTES ? be64_read(data + PLACE_BYTES_2) : 0;
    return be32_read(data + RECORD_KEY_BYTES) == place_sum(*ret, id) ? 0 : MDB_CORRUPTED;
}

/* Where the record with this id is: 0, MDB_NOTFOUND, MDB_CORRUPTED, ... */
static inline int place_find(struct lmdb_store *store, MDB_txn *txn, struct bytes id,
                             struct place *ret)
{
    MDB_val key = val_of(id.data, id.len), stored;
    int rc = table_get(txn, store->ids, &key, &stored);
    return rc == 0 ? place_read(id, stored, ret) : rc;
}

#endif
