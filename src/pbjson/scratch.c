#include "scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct scratch_block {
    struct scratch_block *below;
    size_t size;
    alignas(16) uint8_t data[];
};

static void use(struct scratch *s, struct scratch_block *block, size_t used)
{
    s->top = block;
    s->data = block != NULL ? block->data : s->first;
    s->size = block != NULL ? block->size : sizeof s->first;
    s->used = used;
}

void scratch_open(struct scratch *s, size_t max_bytes)
{
    s->spare = NULL;
    s->total = 0;
    s->max = max_bytes > 0 ? max_bytes : SCRATCH_DEFAULT_BYTES;
    use(s, NULL, 0);
}

static void drop(struct scratch *s, struct scratch_block *block)
{
    if (block != NULL)
        s->total -= block->size;
    free(block);
}

void scratch_release(struct scratch *s, struct scratch_mark mark)
{
    while (s->top != mark.top) {
        struct scratch_block *block = s->top;
        s->top = block->below;
        if (s->spare == NULL)
            s->spare = block; /* the largest */
        else
            drop(s, block);
    }
    use(s, mark.top, mark.used);
}

void scratch_close(struct scratch *s)
{
    scratch_release(s, (struct scratch_mark){ NULL, 0 });
    drop(s, s->spare);
}

static int new_block(struct scratch *s, size_t size)
{
    drop(s, s->spare);
    s->spare = NULL;
    if (size > s->max - s->total)
        return EMSGSIZE;
    size_t more = 2 * s->size; /* so that blocks are few */
    if (more < size || more > s->max - s->total)
        more = size;
    s->spare = malloc(sizeof *s->spare + more);
    if (s->spare == NULL)
        return ENOMEM;
    s->spare->size = more;
    s->total += more;
    return 0;
}

static int add_block(struct scratch *s, size_t size)
{
    const int rv = s->spare == NULL || s->spare->size < size ? new_block(s, size) : 0;
    if (rv != 0)
        return rv;
    struct scratch_block *block = s->spare;
    s->spare = NULL;
    block->below = s->top;
    use(s, block, 0);
    return 0;
}

int scratch_push(struct scratch *s, size_t size, void *ret)
{
    const size_t used = (s->used + 15) / 16 * 16;
    const int rv = used > s->size || s->size - used < size ? add_block(s, size) : 0;
    if (rv != 0)
        return rv;
    if (s->used > 0)
        s->used = used; /* not in a new block */
    uint8_t *room = s->data + s->used;
    memcpy(ret, &room, sizeof room);
    s->used += size;
    return 0;
}

int scratch_extend(struct scratch *s, void *array, size_t len, size_t more)
{
    uint8_t *old, *moved;
    memcpy(&old, array, sizeof old);
    if (len > 0 && (size_t)(old - s->data) + len + more <= s->size) {
        s->used = (size_t)(old - s->data) + len + more;
        return 0;
    }
    const int rv = scratch_push(s, 2 * len + more, &moved);
    if (rv != 0)
        return rv;
    if (len > 0)
        memcpy(moved, old, len);
    s->used = (size_t)(moved - s->data) + len + more; /* the rest is there to grow into */
    memcpy(array, &moved, sizeof moved);
    return 0;
}
