/* Mapping what is in the page cache: all of that, and nothing that would have to be read. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/tmpdir.h"
#include "store/lmdb/populate.h"

#define BYTES ((size_t)5 * 1024 * 1024 + 65536) /* two pieces, and a part of one */

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static char *dir;
static int fd;
static void *map;

static void init(void)
{
    dir = tmpdir_make();
    char *path = tmpdir_path(dir, "file"), *bytes = malloc(BYTES);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    cr_assert(fd >= 0 && bytes != NULL);
    memset(bytes, 'x', BYTES);
    cr_assert_eq(write(fd, bytes, BYTES), (ssize_t)BYTES);
    cr_assert_eq(fsync(fd), 0);
    map = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);
    cr_assert_neq(map, MAP_FAILED);
    free(bytes);
    free(path);
}

static void fini(void)
{
    munmap(map, BYTES);
    close(fd);
    tmpdir_remove(dir);
}

TestSuite(populate, .init = init, .fini = fini);

/* Of the mapping: what a process pays no fault for any more. */
static size_t mapped_bytes(void)
{
    unsigned long from = 0, to, kib;
    char line[256];
    bool ours = false;
    FILE *smaps = fopen("/proc/self/smaps", "re");
    cr_assert_not_null(smaps);
    size_t bytes = 0;
    while (fgets(line, sizeof line, smaps) != NULL) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            ours = from == (unsigned long)map;
        else if (ours && sscanf(line, "Rss: %lu kB", &kib) == 1)
            bytes = kib * 1024;
    }
    fclose(smaps);
    return bytes;
}

static size_t cached_bytes(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char pages[BYTES / 4096];
    size_t n = 0;
    cr_assert_eq(mincore(map, BYTES, pages), 0);
    for (size_t i = 0; i < BYTES / page; i++)
        n += pages[i] & 1;
    return n * page;
}

Test(populate, maps_what_is_in_memory)
{
    if (madvise(map, 0, MADV_POPULATE_READ) != 0)
        cr_skip_test("a kernel before 5.14");
    if (cached_bytes() != BYTES)
        cr_skip_test("a file system that does not tell, or no memory to spare");
    cr_assert_eq(mapped_bytes(), 0);
    populate(map, BYTES);
    cr_assert_eq(mapped_bytes(), BYTES);
}

Test(populate, reads_nothing)
{
    cr_assert_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    if (cached_bytes() == BYTES)
        cr_skip_test("a file system that keeps all in memory");
    const size_t before = cached_bytes();
    populate(map, BYTES);
    cr_assert_leq(cached_bytes(), before);
}
