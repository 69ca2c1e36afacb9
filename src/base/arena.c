#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define FIRST_BLOCK_BYTES 1000 /* malloc() has such a block at hand: see spares.h */
#define MAX_BLOCK_BYTES   (256 * 1024)

struct block {
    struct block *next; /* older */
    size_t size;        /* bytes in data */
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct block *newest;
    size_t used;  /* of the newest block */
    size_t given; /* bytes since the last reset */
    size_t limit;
    bool exhausted, no_memory;
    ProtobufCAllocator protobuf;
};

static void *protobuf_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void protobuf_free(void *arena, void *p)
{
    (void)arena; /* all at once, by arena_reset() */
    (void)p;
}

struct arena *arena_new(size_t limit_bytes)
{
    struct arena *a = malloc(sizeof *a);
    if (a == NULL)
        return NULL;
    *a = (struct arena){ .limit = limit_bytes, .protobuf = { protobuf_alloc, protobuf_free, a } };
    return a;
}

static bool add_block(struct arena *a, size_t need)
{
    size_t size = a->newest == NULL ? FIRST_BLOCK_BYTES : a->newest->size * 2;
    if (size > MAX_BLOCK_BYTES)
        size = MAX_BLOCK_BYTES;
    if (size < need)
        size = need;
    struct block *b = malloc(sizeof *b + size);
    if (b == NULL)
        return false;
    b->size = size;
    b->next = a->newest;
    a->newest = b;
    a->used = 0;
    return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > a->limit) /* also keeps the rounding from overflowing */
        goto exhausted;
    size = (size + align - 1) / align * align;
    if (size > a->limit - a->given)
        goto exhausted;
    if ((a->newest == NULL || a->newest->size - a->used < size) && !add_block(a, size)) {
        a->no_memory = true;
        return NULL;
    }
    void *p = a->newest->data + a->used;
    a->used += size;
    a->given += size;
    return p;

exhausted:
    a->exhausted = true;
    return NULL;
}

/* Keeps the oldest block: the smallest. */
void arena_reset(struct arena *a)
{
    while (a->newest != NULL && a->newest->next != NULL) {
        struct block *b = a->newest;
        a->newest = b->next;
        free(b);
    }
    a->used = 0;
    a->given = 0;
    a->exhausted = a->no_memory = false;
}

bool arena_exhausted(const struct arena *a)
{
    return a->exhausted;
}

bool arena_no_memory(const struct arena *a)
{
    return a->no_memory;
}

ProtobufCAllocator *arena_protobuf(struct arena *a)
{
    return &a->protobuf;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    arena_reset(a);
    free(a->newest);
    free(a);
}
