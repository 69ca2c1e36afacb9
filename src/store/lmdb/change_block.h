/* The log of changes, byte by byte: changes of one commit, in blocks.
 *
 *   changes  revision BE64 of the block's last change
 *              -> check sum ‖ time BE64 ‖ number BE16 ‖ changes
 *   change   kind ‖ ordinal BE32 ‖ sequence BE64 ‖ length of the id, less 1 ‖ id
 *
 * In blocks because a change is small: the tree has one entry for fifty of them, which
 * is a quarter of the bytes and a tenth of the work. The first block whose key is not
 * below a revision is the one that has it. */
#ifndef LMDB_CHANGE_BLOCK_H
#define LMDB_CHANGE_BLOCK_H

#include "entries.h"

#define BLOCK_HEAD_BYTES (CHECK_BYTES + sizeof(uint64_t) + sizeof(uint16_t))
#define BLOCK_BYTES      2000 /* two of them share a page of 4 KiB, which LMDB asks for */
#define CHANGE_BYTES_MAX (1 + RECORD_KEY_BYTES + 1 + STORE_ID_MAX)

#define REVISION_KEY_BYTES sizeof(uint64_t)

/* A block that is read, at its next change. */
struct block {
    uint64_t next;    /* revision of that one */
    uint64_t last;    /* of the block */
    uint64_t time_ms; /* of the commit */
    const uint8_t *at, *end;
};

static inline MDB_val revision_key(uint8_t room[REVISION_KEY_BYTES], uint64_t revision)
{
    be64_write(room, revision);
    return val_of(room, REVISION_KEY_BYTES);
}

static inline uint32_t block_sum(uint64_t last, const uint8_t *data, size_t len)
{
    return check_sum((struct position){ .sequence = last },
                     bytes_of(data + CHECK_BYTES, len - CHECK_BYTES));
}

/** Whether the log ends with @revision, which `meta` has without a check sum. @rc and @key
 * are what looking for the last block gave. 0, MDB_CORRUPTED, or @rc. */
int log_ends_with(uint64_t revision, int rc, MDB_val key);

/** What `changes` holds: 0, or MDB_CORRUPTED. */
int block_read(MDB_val key, MDB_val stored, struct block *ret);

/** The block's next change. 1; 0: there is none left; or MDB_CORRUPTED. */
int block_next(struct block *b, struct change *ret);

/** Appends @change to the block of @len bytes at @to, which has room for it. */
size_t block_put(uint8_t to[BLOCK_BYTES], size_t len, const struct change *change);

/** Writes the head of a block of @len bytes with @n changes. */
void block_end(uint8_t to[BLOCK_BYTES], size_t len, unsigned n, uint64_t last, uint64_t time_ms);

#endif
