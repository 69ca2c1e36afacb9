/* What LMDB alone needs to take in the posts of an import: every record is
 * appended to one table, under the key that the store gives it, and nothing
 * else is done: no ids, no check, no network.
 *
 *   bare_append DIR FILE RECORDS_PER_COMMIT
 *
 * FILE holds ImportPostsRequests, each behind gRPC's five bytes. DIR must exist.
 * Prints "RECORDS SECONDS". */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/wire.h"
#include "store/lmdb/entries.h"

#define MAP_BYTES   ((size_t)64 << 30)
#define FRAME_BYTES 5

struct append {
    MDB_env *env;
    MDB_txn *txn; /* NULL: none is open */
    MDB_dbi records;
    uint64_t done, per_commit;
};

static void must(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "bare_append: %s: %s\n", what, mdb_strerror(rc));
    exit(1);
}

static void append_open(struct append *a, const char *dir)
{
    must(mdb_env_create(&a->env), "mdb_env_create");
    must(mdb_env_set_mapsize(a->env, MAP_BYTES), "mdb_env_set_mapsize");
    must(mdb_env_open(a->env, dir, 0, 0644), dir);
    must(mdb_txn_begin(a->env, NULL, 0, &a->txn), "mdb_txn_begin");
    must(mdb_dbi_open(a->txn, NULL, 0, &a->records), "mdb_dbi_open");
}

static void append_commit(struct append *a)
{
    if (a->txn != NULL)
        must(mdb_txn_commit(a->txn), "mdb_txn_commit");
    a->txn = NULL;
}

static void append_record(struct append *a, struct bytes record)
{
    uint8_t room[RECORD_KEY_BYTES];
    MDB_val key = record_key(room, (struct position){ 0, a->done + 1 });
    MDB_val value = val_of(record.data, record.len);
    if (a->txn == NULL)
        must(mdb_txn_begin(a->env, NULL, 0, &a->txn), "mdb_txn_begin");
    must(mdb_put(a->txn, a->records, &key, &value, MDB_APPEND), "mdb_put");
    if (++a->done % a->per_commit == 0)
        append_commit(a);
}

/* One request: its field 1 are the records. */
static void append_request(struct append *a, struct bytes request)
{
    struct wire_field f;
    while (wire_next(&request, &f))
        if (f.number == 1 && f.type == WIRE_BYTES)
            append_record(a, f.bytes);
}

static void append_all(struct append *a, struct bytes file)
{
    while (file.len >= FRAME_BYTES) {
        size_t len = be32_read(file.data + 1);
        file = bytes_of(file.data + FRAME_BYTES, file.len - FRAME_BYTES);
        if (len > file.len)
            break;
        append_request(a, bytes_of(file.data, len));
        file = bytes_of(file.data + len, file.len - len);
    }
    append_commit(a);
}

static struct bytes file_map(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        must(errno, path);
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED)
        must(errno, path);
    close(fd);
    return bytes_of(data, (size_t)st.st_size);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct append a = { .per_commit = argc == 4 ? strtoull(argv[3], NULL, 10) : 0 };
    if (a.per_commit == 0) {
        fputs("usage: bare_append DIR FILE RECORDS_PER_COMMIT\n", stderr);
        return 2;
    }
    struct bytes file = file_map(argv[2]);
    append_open(&a, argv[1]);
    double start = now_s();
    append_all(&a, file);
    printf("%" PRIu64 " %.6f\n", a.done, now_s() - start);
    mdb_env_close(a.env);
    munmap((void *)file.data, file.len);
    return 0;
}
