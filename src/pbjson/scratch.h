/* Memory for notes that are needed while a message is walked through: a stack, which
 * whoever has pushed sets back. What is on it does not move. It begins in the caller's
 * frame, and has a limit. */
#ifndef PBJSON_SCRATCH_H
#define PBJSON_SCRATCH_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#define SCRATCH_FIRST_BYTES   2048
#define SCRATCH_DEFAULT_BYTES ((size_t)16 << 20)

struct scratch_block;

struct scratch {
    struct scratch_block *top;   /* NULL: the first bytes, which are here */
    struct scratch_block *spare; /* one that is empty again */
    uint8_t *data;               /* of the block */
    size_t size, used;
    size_t total, max; /* of all blocks */
    alignas(16) uint8_t first[SCRATCH_FIRST_BYTES];
};

struct scratch_mark {
    struct scratch_block *top;
    size_t used;
};

/** @max_bytes: 0 stands for SCRATCH_DEFAULT_BYTES. */
void scratch_open(struct scratch *s, size_t max_bytes);
void scratch_close(struct scratch *s);

/** Room for @size bytes, aligned for any number. 0, EMSGSIZE or ENOMEM. */
int scratch_push(struct scratch *s, size_t size, void *ret);

/** Room for @more bytes behind an array of @len bytes, which is what was pushed last;
 * *array may move. *array may be NULL, if @len is 0. 0, EMSGSIZE or ENOMEM. */
int scratch_extend(struct scratch *s, void *array, size_t len, size_t more);

static inline struct scratch_mark scratch_mark(const struct scratch *s)
{
    return (struct scratch_mark){ s->top, s->used };
}

/** Takes back what was pushed since. */
void scratch_release(struct scratch *s, struct scratch_mark mark);

#endif
