#include "change_block.h"

static uint16_t be16_read(const uint8_t *from)
{
    uint16_t number;
    memcpy(&number, from, sizeof number);
    return be16toh(number);
}

int log_ends_with(uint64_t revision, int rc, MDB_val key)
{
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    if (rc == 0 && key.mv_size != REVISION_KEY_BYTES)
        return MDB_CORRUPTED;
    const uint64_t last = rc == 0 ? be64_read(key.mv_data) : 0;
    return last == revision ? 0 : MDB_CORRUPTED;
}

int block_read(MDB_val key, MDB_val stored, struct block *ret)
{
    const uint8_t *data = stored.mv_data;
    if (key.mv_size != REVISION_KEY_BYTES || stored.mv_size < BLOCK_HEAD_BYTES)
        return MDB_CORRUPTED;
    const uint64_t last = be64_read(key.mv_data);
    const uint16_t n = be16_read(data + CHECK_BYTES + sizeof(uint64_t));
    if (be32_read(data) != block_sum(last, data, stored.mv_size) || n == 0 || n > last)
        return MDB_CORRUPTED;
    *ret = (struct block){
        .next = last - n + 1,
        .last = last,
        .time_ms = be64_read(data + CHECK_BYTES),
        .at = data + BLOCK_HEAD_BYTES,
        .end = data + stored.mv_size,
    };
    return 0;
}

int block_next(struct block *b, struct change *ret)
{
    const size_t left = (size_t)(b->end - b->at);
    const size_t head = 1 + RECORD_KEY_BYTES + 1;
    if (b->next > b->last)
        return left == 0 ? 0 : MDB_CORRUPTED;
    if (left < head || left < head + b->at[head - 1] + 1u || b->at[0] > CHANGE_DELETE)
        return MDB_CORRUPTED;
    *ret = (struct change){
        .revision = b->next++,
        .kind = (enum change_kind)b->at[0],
        .at = record_key_read(b->at + 1),
        .id = bytes_of(b->at + head, b->at[head - 1] + 1u),
        .time_ms = b->time_ms,
    };
    b->at = ret->id.data + ret->id.len;
    return 1;
}

size_t block_put(uint8_t to[BLOCK_BYTES], size_t len, const struct change *c)
{
    uint8_t *at = to + (len == 0 ? BLOCK_HEAD_BYTES : len);
    *at++ = (uint8_t)c->kind;
    record_key(at, c->at);
    at += RECORD_KEY_BYTES;
    *at++ = (uint8_t)(c->id.len - 1);
    memcpy(at, c->id.data, c->id.len);
    return (size_t)(at - to) + c->id.len;
}

void block_end(uint8_t to[BLOCK_BYTES], size_t len, unsigned n, uint64_t last, uint64_t time_ms)
{
    const uint16_t number = htobe16((uint16_t)n);
    be64_write(to + CHECK_BYTES, time_ms);
    memcpy(to + CHECK_BYTES + sizeof time_ms, &number, sizeof number);
    be32_write(to, block_sum(last, to, len));
}
