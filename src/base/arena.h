/* A bump allocator with a limit: allocations are freed all at once. Behind
 * protobuf-c's allocator interface it makes decoding cheap and bounded. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

/** An arena that gives out at most @limit_bytes between two resets. Takes no
 * memory for blocks until first used. NULL: out of memory. */
struct arena *arena_new(size_t limit_bytes);

/** Returns @size bytes, aligned for any type and uninitialised. NULL: the limit is
 * reached, or there is no memory. */
void *arena_alloc(struct arena *a, size_t size);

/** Takes everything back, and keeps one block for the next use. */
void arena_reset(struct arena *a);

/** Whether an allocation since the last reset failed at the limit. */
bool arena_exhausted(const struct arena *a);

/** Whether one failed because there was no memory. */
bool arena_no_memory(const struct arena *a);

/** For protobuf_c_message_unpack(). What it unpacks lives until the next
 * reset; never call free_unpacked on it. Belongs to the arena. */
ProtobufCAllocator *arena_protobuf(struct arena *a);

/** Frees it. NULL is fine. */
void arena_free(struct arena *a);

#endif
