/* Blocks of the log of changes, which a damaged disk can make anything of: what is read is
 * within the block, and in order; and what was read is written back as it was. */
#include <stdlib.h>

#include "fuzz.h"
#include "store/lmdb/change_block.h"

static void read_changes(struct block b, struct bytes block)
{
    const uint64_t last = b.last, first = b.next;
    uint8_t again[BLOCK_BYTES];
    size_t len = 0;
    uint64_t n = 0;
    struct change c;
    int rv;
    while ((rv = block_next(&b, &c)) == 1) {
        cr_assert_eq(c.revision, first + n++);
        cr_assert(c.id.len >= 1 && c.id.len <= STORE_ID_MAX);
        cr_assert(c.id.data >= block.data && c.id.data + c.id.len <= block.data + block.len);
        cr_assert(c.kind == CHANGE_PUT || c.kind == CHANGE_DELETE);
        if (block.len <= sizeof again)
            len = block_put(again, len, &c);
    }
    if (rv != 0)
        return;
    cr_assert_eq(n, last - first + 1);
    if (block.len > sizeof again)
        return;
    block_end(again, len, (unsigned)n, last, b.time_ms);
    cr_assert(bytes_equal(bytes_of(again, len), block));
}

/* The check sum is what is hard to guess: as it is, and then with the right one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t room[REVISION_KEY_BYTES];
    struct bytes in = bytes_of(data, size);
    const uint64_t last = (uint64_t)fuzz_byte(&in) << 8 | fuzz_byte(&in);
    const MDB_val key = revision_key(room, last);
    struct block b;
    uint8_t *copy = malloc(in.len > 0 ? in.len : 1);
    if (in.len > 0)
        memcpy(copy, in.data, in.len);
    const struct bytes block = bytes_of(copy, in.len);
    for (int i = 0; i < 2; i++) {
        if (block_read(key, val_of(copy, in.len), &b) == 0)
            read_changes(b, block);
        if (in.len >= BLOCK_HEAD_BYTES)
            be32_write(copy, block_sum(last, copy, in.len));
    }
    free(copy);
    return 0;
}
