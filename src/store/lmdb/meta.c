/* The numbers of the meta table. */
#include "entries.h"

int meta_get(struct lmdb_store *s, MDB_txn *txn, const char *name, uint64_t *ret)
{
    MDB_val key = val_of(name, strlen(name)), value;
    int rc = mdb_get(txn, s->meta, &key, &value);
    if (rc == 0 && value.mv_size != sizeof *ret)
        rc = MDB_CORRUPTED;
    if (rc == 0)
        *ret = be64_read(value.mv_data);
    return rc;
}

int meta_put(struct lmdb_store *s, MDB_txn *txn, const char *name, uint64_t number)
{
    uint8_t room[sizeof number];
    be64_write(room, number);
    MDB_val key = val_of(name, strlen(name)), value = val_of(room, sizeof room);
    return mdb_put(txn, s->meta, &key, &value, 0);
}
