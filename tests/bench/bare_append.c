/* What LMDB alone needs to take in the posts of an import: every record is
 * appended to one table, under the key that the store gives it, and nothing
 * else is done: no ids, no check, no network.
 *
 *   bare_append DIR FILE RECORDS_PER_COMMIT
 *
 * FILE holds ImportPostsRequests, each behind gRPC's five bytes. DIR must exist.
 * Prints "RECORDS SECONDS". */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/wire.h"
#include "store/internal.h"

#define MAP_BYTES   ((size_t)64 << 30)
#define FRAME_BYTES 5
#define FIRST_GROUP 1

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
    MDB_val key = record_key(room, (struct position){ FIRST_GROUP, a->done + 1 });
    MDB_val value = val_of(record.data, record.len);
    if (a->txn == NULL)
        must(mdb_txn_begin(a->env, NULL, 0, &a->txn), "mdb_txn_begin");
    must(mdb_put(a->txn, a->records, &key, &value, MDB_APPEND), "mdb_put");
    if (++a->done % a->per_commit == 0)
        append_commit(a);
}

