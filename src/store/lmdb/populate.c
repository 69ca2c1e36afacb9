#include "populate.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_BYTES   ((size_t)1 << 30)
#define PIECE_BYTES ((size_t)2 << 20)
#define PAGE_MIN    4096

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

/* 1, 0; -1: the system does not tell. */
static int is_in_memory(uint8_t *at, size_t bytes, size_t page_bytes)
{
    unsigned char pages[PIECE_BYTES / PAGE_MIN];
    if (mincore(at, bytes, pages) != 0)
        return -1;
    for (size_t i = 0; i < (bytes + page_bytes - 1) / page_bytes; i++)
        if ((pages[i] & 1) == 0)
            return 0;
    return 1;
}

void populate(const void *map, size_t bytes)
{
    const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    const size_t end = bytes < MAX_BYTES ? bytes : MAX_BYTES;
    for (size_t from = 0; from < end; from += PIECE_BYTES) {
        uint8_t *at = (uint8_t *)map + from;
        const size_t n = end - from < PIECE_BYTES ? end - from : PIECE_BYTES;
        const int cached = is_in_memory(at, n, page_bytes);
        if (cached < 0 || (cached > 0 && madvise(at, n, MADV_POPULATE_READ) != 0))
            return;
    }
}
