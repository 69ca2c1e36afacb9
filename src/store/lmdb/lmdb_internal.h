/* What the files of the LMDB store share; what they write is in entries.h. */
#ifndef LMDB_INTERNAL_H
#define LMDB_INTERNAL_H

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/container.h"
#include "fault_guard.h"
#include "store/engine.h"

#define RECORDS_TABLE "records"

/* The thread that writes. `lock` guards what the loops hand over. */
struct writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct write_batch *first, **last; /* those that wait */
    bool stopping;
};

struct lmdb_store {
    struct store store;
    MDB_env *env;
    MDB_dbi unnamed, groups, order, records, ids, changes, meta;
    bool logs; /* it has a log of changes: not a store of the format before */
    uint64_t keep_changes;
    void (*committed)(void *arg); /* as in store_options */
    void *committed_arg;
    char *dir;
    const uint8_t *map; /* where the file is mapped; NULL: not known */
    size_t map_bytes, page_bytes;
    int lock_fd;
    struct writer writer;
};

static inline struct lmdb_store *lmdb_store_of(struct store *store)
{
    return container_of(store, struct lmdb_store, store);
}

/** Starts the writer thread. Returns 0, or -1 with a line in @error. */
int writer_start(struct lmdb_store *store, char error[STORE_ERROR_MAX]);

/** Writes what waits, then ends the thread. */
void writer_stop(struct lmdb_store *store);

/* The steps of opening, for those who look at a store without opening it. @flags
 * are LMDB's. Each returns 0, or -1 with a line in @error. */
int open_env(struct lmdb_store *store, unsigned flags, char error[STORE_ERROR_MAX]);
int check_format(struct lmdb_store *store, MDB_txn *txn, const char *kind,
                 char error[STORE_ERROR_MAX]);
int find_map(struct lmdb_store *store, MDB_txn *txn, char error[STORE_ERROR_MAX]);

/** Frees what there is of it. */
void free_store(struct lmdb_store *store);

/* Of the engine's table, those in writer.c, lmdb_check.c and reader.c. */
void lmdb_write(struct store *store, struct write_batch *batch);
int lmdb_check(const char *dir, const char *kind, struct store_check *check,
               char error[STORE_ERROR_MAX]);
int lmdb_reader_new(struct reader **ret, struct store *store, struct loop *loop,
                    char error[STORE_ERROR_MAX]);

/* The number that the meta table holds under @name. Returns 0 or LMDB's error;
 * MDB_CORRUPTED if what is there is no number. */
int meta_get(struct lmdb_store *store, MDB_txn *txn, const char *name, uint64_t *ret);
int meta_put(struct lmdb_store *store, MDB_txn *txn, const char *name, uint64_t number);

/* mdb_get(), under guard. */
static inline int table_get(MDB_txn *txn, MDB_dbi table, MDB_val *key, MDB_val *ret)
{
    guard_enter();
    int rc = mdb_get(txn, table, key, ret);
    guard_leave();
    return rc;
}

#endif
