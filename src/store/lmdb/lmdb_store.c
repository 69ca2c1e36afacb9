/* The store's folder and its format: open, check, close. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "change_block.h"
#include "fault_guard.h"
#include "pages.h"
#include "populate.h"

/* The map is address space, not memory or disk: large, so that it need never
 * grow. Where the system refuses so much, a smaller one has to do. */
#define MAP_BYTES     ((size_t)1 << 40)
#define MAP_BYTES_MIN ((size_t)1 << 26)

#define MAX_READERS 1024 /* one for each loop */

/* A transaction may have taken a few pages at the end of the file and given
 * them back unwritten. If more are missing than these, the file was cut. */
#define PAGES_UNWRITTEN_MAX 64

/* --- The folder --------------------------------------------------------------------- */

/* A file that was made is there after a crash once its folder is synced. */
static void sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static void sync_parent(const char *path)
{
    char *copy = strdup(path); /* dirname() writes into it */
    if (copy != NULL)
        sync_folder(dirname(copy));
    free(copy);
}

static int make_folder(const char *dir, bool *ret_made, char error[STORE_ERROR_MAX])
{
    *ret_made = mkdir(dir, 0700) == 0;
    if (*ret_made) {
        sync_parent(dir);
        return 0;
    }
    if (errno == EEXIST)
        return 0;
    return store_fail(error, "cannot make the folder %s: %s", dir, strerror(errno));
}

/* Of a start that failed: what it made, if that is all that is in there. */
static void unmake_folder(const char *dir)
{
    static const char *const files[] = { "data.mdb", "lock.mdb", "lock" };
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (snprintf(path, sizeof path, "%s/%s", dir, files[i]) < (int)sizeof path)
            unlink(path);
    rmdir(dir);
}

/* LMDB allows several processes. We do not: sequence numbers, and the names
 * that were pushed, are known to one process only. */
static int lock_folder(struct lmdb_store *s, char error[STORE_ERROR_MAX])
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/lock", s->dir) >= (int)sizeof path)
        return store_fail(error, "the name of the folder is too long: %.100s...", s->dir);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return store_fail(error, "cannot open %s: %s", path, strerror(errno));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return store_fail(
            error, "%s is in use by another process: stop that one, or use another folder", s->dir);
    return store_fail(error, "cannot lock %s: %s", path, strerror(errno));
}

/* --- The LMDB environment ----------------------------------------------------------- */

static int open_sized(struct lmdb_store *s, size_t map_bytes, unsigned flags)
{
    int rc = mdb_env_create(&s->env);
    if (rc != 0)
        return rc;
    rc = mdb_env_set_mapsize(s->env, map_bytes);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(s->env, 6);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(s->env, MAX_READERS);
    if (rc == 0)
        rc = mdb_env_open(s->env, s->dir, flags | MDB_NOTLS, 0600);
    if (rc != 0) {
        mdb_env_close(s->env);
        s->env = NULL;
    }
    return rc;
}

/* Reading a page that the file does not have would be a SIGBUS. */
static int check_length(struct lmdb_store *s, unsigned flags, char error[STORE_ERROR_MAX])
{
    MDB_envinfo info;
    MDB_stat stat_;
    struct stat file;
    mdb_filehandle_t fd;
    mdb_env_info(s->env, &info);
    mdb_env_stat(s->env, &stat_);
    mdb_env_get_fd(s->env, &fd);
    if (fstat(fd, &file) != 0)
        return store_fail(error, "cannot read %s/data.mdb: %s", s->dir, strerror(errno));
    uint64_t page = stat_.ms_psize, want = (info.me_last_pgno + 1) * page;
    uint64_t have = (uint64_t)file.st_size;
    if (have >= want)
        return 0;
    if (want - have > PAGES_UNWRITTEN_MAX * page)
        return store_fail(error,
                          "%s/data.mdb is damaged: it has %" PRIu64 " bytes of %" PRIu64
                          "; restore it from a backup",
                          s->dir, have, want);
    if (!(flags & MDB_RDONLY) && ftruncate(fd, (off_t)want) != 0)
        return store_fail(error, "cannot write to %s/data.mdb: %s", s->dir, strerror(errno));
    return 0;
}

int open_env(struct lmdb_store *s, unsigned flags, char error[STORE_ERROR_MAX])
{
    int rc = ENOMEM; /* EINVAL: valgrind's */
    for (size_t map = MAP_BYTES; (rc == ENOMEM || rc == EINVAL) && map >= MAP_BYTES_MIN; map /= 4)
        rc = open_sized(s, map, flags);
    switch (rc) {
    case 0:
        mdb_reader_check(s->env, NULL); /* frees the slots of processes that died */
        mdb_env_set_assert(s->env, guard_on_assert);
        return check_length(s, flags, error);
    case MDB_INVALID:
        return store_fail(error,
                          "%s/data.mdb is not a store, or damaged: use another folder, or restore "
                          "it from a backup",
                          s->dir);
    case MDB_VERSION_MISMATCH:
        return store_fail(error, "%s/data.mdb was written by another version of LMDB than %s",
                          s->dir, mdb_version(NULL, NULL, NULL));
    default:
        return store_fail(error, "cannot open the store in %s: %s", s->dir, mdb_strerror(rc));
    }
}

/* --- The format --------------------------------------------------------------------- */

static int open_tables(struct lmdb_store *s, MDB_txn *txn, unsigned flags)
{
    const struct {
        const char *name;
        MDB_dbi *table;
    } tables[] = {
        { "meta", &s->meta },           { "groups", &s->groups }, { "order", &s->order },
        { RECORDS_TABLE, &s->records }, { "ids", &s->ids },
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof tables / sizeof *tables; i++)
        rc = mdb_dbi_open(txn, tables[i].name, flags, tables[i].table);
    return rc;
}

static int open_log(struct lmdb_store *s, MDB_txn *txn, unsigned flags)
{
    s->logs = true;
    return mdb_dbi_open(txn, "changes", flags, &s->changes);
}

/* What a store of the format before lacks, and every new one. */
static int add_log(struct lmdb_store *s, MDB_txn *txn)
{
    int rc = open_log(s, txn, MDB_CREATE);
    if (rc == 0)
        rc = meta_put(s, txn, "revision", 0);
    return rc == 0 ? meta_put(s, txn, "version", STORE_FORMAT) : rc;
}

static int draw_id(uint64_t *ret)
{
    ssize_t n;
    do
        n = getrandom(ret, sizeof *ret, 0);
    while (n < 0 && errno == EINTR);
    return n == sizeof *ret ? 0 : EIO;
}

static int format_new(struct lmdb_store *s, MDB_txn *txn, const char *kind)
{
    MDB_val key = val_of("kind", 4), value = val_of(kind, strlen(kind));
    int rc = open_tables(s, txn, MDB_CREATE);
    if (rc == 0)
        rc = draw_id(&s->store.id);
    if (rc == 0)
        rc = mdb_put(txn, s->meta, &key, &value, 0);
    if (rc == 0)
        rc = add_log(s, txn);
    if (rc == 0)
        rc = meta_put(s, txn, "store_id", s->store.id);
    if (rc == 0)
        rc = meta_put(s, txn, "next_sequence", 1);
    return rc;
}

static int fail_foreign(struct lmdb_store *s, char error[STORE_ERROR_MAX])
{
    return store_fail(
        error, "%s/data.mdb is not a store: another program wrote it; use another folder", s->dir);
}

/* The version comes first: what follows it is for this version to know. */
int check_format(struct lmdb_store *s, MDB_txn *txn, const char *kind, char error[STORE_ERROR_MAX])
{
    uint64_t version;
    MDB_val key = val_of("kind", 4), value;
    int rc = mdb_dbi_open(txn, NULL, 0, &s->unnamed);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "meta", 0, &s->meta);
    if (rc == 0)
        rc = meta_get(s, txn, "version", &version);
    if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
        return fail_foreign(s, error);
    if (rc == 0 && version != STORE_FORMAT && version != STORE_FORMAT_TAKEN)
        return store_fail(error,
                          "the store in %s was written by a %s version of this program: format "
                          "%" PRIu64 ", and this one knows %d",
                          s->dir, version > STORE_FORMAT ? "newer" : "different", version,
                          STORE_FORMAT);
    if (rc == 0)
        rc = mdb_get(txn, s->meta, &key, &value);
    if (rc == 0 && !bytes_equal(val_bytes(value), bytes_of_text(kind)))
        return store_fail(error, "the store in %s holds %.*s, not %s: use another folder", s->dir,
                          (int)(value.mv_size < 32 ? value.mv_size : 32),
                          (const char *)value.mv_data, kind);
    if (rc == 0)
        rc = meta_get(s, txn, "store_id", &s->store.id);
    if (rc == 0)
        rc = open_tables(s, txn, 0);
    if (rc == 0 && version == STORE_FORMAT)
        rc = open_log(s, txn, 0);
    if (rc != 0)
        return store_fail(error, "the store in %s is damaged: %s; restore it from a backup", s->dir,
                          mdb_strerror(rc));
    return 0;
}

static int make_format(struct lmdb_store *s, MDB_txn *txn, const char *kind,
                       char error[STORE_ERROR_MAX])
{
    int rc = format_new(s, txn, kind);
    if (rc != 0)
        return store_fail(error, "cannot make a store in %s: %s", s->dir, mdb_strerror(rc));
    return 0;
}

/* Of this kind, in this format or in the one before, which is taken over. */
static int take_format(struct lmdb_store *s, MDB_txn *txn, const char *kind,
                       char error[STORE_ERROR_MAX])
{
    if (check_format(s, txn, kind, error) != 0)
        return -1;
    const int rc = s->logs ? 0 : add_log(s, txn);
    if (rc != 0)
        return store_fail(error, "cannot take over the store in %s: %s", s->dir, mdb_strerror(rc));
    return 0;
}

/* In one transaction, so that a crash leaves a whole store, of the old format or the new
 * one, or an empty file. */
static int open_format(struct lmdb_store *s, const char *kind, char error[STORE_ERROR_MAX])
{
    MDB_txn *txn;
    MDB_stat tables;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc != 0)
        goto err;
    rc = mdb_dbi_open(txn, NULL, 0, &s->unnamed);
    if (rc == 0)
        rc = mdb_stat(txn, s->unnamed, &tables);
    if (rc != 0) {
        mdb_txn_abort(txn);
        goto err;
    }
    bool fresh = tables.ms_entries == 0;
    if ((fresh ? make_format : take_format)(s, txn, kind, error) != 0) {
        mdb_txn_abort(txn);
        return -1;
    }
    rc = mdb_txn_commit(txn);
    if (rc != 0)
        goto err;
    if (fresh)
        sync_folder(s->dir);
    return 0;

err:
    return store_fail(error, "cannot open the store in %s: %s", s->dir, mdb_strerror(rc));
}

/* --- Damage ------------------------------------------------------------------------- */

/* Where the file is mapped, from a page of it, which knows its own number. */
int find_map(struct lmdb_store *s, MDB_txn *txn, char error[STORE_ERROR_MAX])
{
    MDB_stat stat;
    MDB_envinfo info;
    MDB_val key = val_of(RECORDS_TABLE, strlen(RECORDS_TABLE)), value;
    if (!pages_known())
        return 0;
    mdb_env_stat(s->env, &stat);
    mdb_env_info(s->env, &info);
    int rc = mdb_get(txn, s->unnamed, &key, &value);
    if (rc != 0)
        return store_fail(error, "cannot open the store in %s: %s", s->dir, mdb_strerror(rc));
    s->page_bytes = stat.ms_psize;
    s->map_bytes = info.me_mapsize;
    const uintptr_t at = (uintptr_t)value.mv_data & ~(uintptr_t)(s->page_bytes - 1);
    s->map = (const uint8_t *)(at - ((const struct page *)at)->number * s->page_bytes);
    guard_map(s->dir, s->map, info.me_mapsize);
    return 0;
}

/* Runs @look in a transaction that reads. */
static int in_snapshot(struct lmdb_store *s, int (*look)(struct lmdb_store *, MDB_txn *, char *),
                       char error[STORE_ERROR_MAX])
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0)
        return store_fail(error, "cannot open the store in %s: %s", s->dir, mdb_strerror(rc));
    int rv = look(s, txn, error);
    mdb_txn_abort(txn);
    return rv;
}

static int check_branches(struct lmdb_store *s, MDB_txn *txn, char error[STORE_ERROR_MAX])
{
    return pages_check(s, txn, false, error);
}

static void populate_map(struct lmdb_store *s)
{
    MDB_envinfo info;
    if (s->map == NULL)
        return;
    mdb_env_info(s->env, &info);
    populate(s->map, (info.me_last_pgno + 1) * s->page_bytes);
}

/* --- Life --------------------------------------------------------------------------- */

static uint64_t disk_bytes(struct lmdb_store *s)
{
    struct stat file;
    int fd;
    return mdb_env_get_fd(s->env, &fd) == 0 && fstat(fd, &file) == 0
               ? (uint64_t)file.st_blocks * 512
               : 0;
}

static int log_stats(struct lmdb_store *s, MDB_txn *txn, struct store_stats *ret)
{
    MDB_stat table;
    MDB_val key, stored;
    MDB_cursor *cursor;
    struct block oldest;
    int rc = meta_get(s, txn, "revision", &ret->revision);
    if (rc == 0)
        rc = mdb_stat(txn, s->changes, &table);
    if (rc == 0)
        rc = mdb_cursor_open(txn, s->changes, &cursor);
    if (rc != 0)
        return rc;
    ret->log_bytes = (table.ms_leaf_pages + table.ms_branch_pages) * (uint64_t)table.ms_psize;
    rc = mdb_cursor_get(cursor, &key, &stored, MDB_FIRST);
    if (rc == 0)
        rc = block_read(key, stored, &oldest);
    mdb_cursor_close(cursor);
    if (rc == 0) {
        ret->changes = ret->revision - oldest.next + 1;
        ret->oldest_ms = oldest.time_ms;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int lmdb_stats(struct store *base, struct store_stats *ret)
{
    struct lmdb_store *s = lmdb_store_of(base);
    MDB_txn *txn;
    MDB_stat records, groups;
    MDB_envinfo info;
    *ret = (struct store_stats){ 0 };
    if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) != 0)
        return -1;
    guard_enter();
    int rc = mdb_stat(txn, s->records, &records);
    if (rc == 0)
        rc = mdb_stat(txn, s->groups, &groups);
    if (rc == 0)
        rc = log_stats(s, txn, ret);
    guard_leave();
    mdb_txn_abort(txn);
    if (rc != 0)
        return -1;
    mdb_env_info(s->env, &info);
    ret->records = records.ms_entries;
    ret->groups = groups.ms_entries;
    ret->used_bytes = (info.me_last_pgno + 1) * (uint64_t)records.ms_psize;
    ret->file_bytes = disk_bytes(s);
    ret->map_bytes = info.me_mapsize;
    return 0;
}

void free_store(struct lmdb_store *s)
{
    if (s->map != NULL)
        guard_unmap(s->map);
    if (s->env != NULL)
        mdb_env_close(s->env);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s->dir);
    free(s);
}

static void set_options(struct lmdb_store *s, const struct store_options *o)
{
    s->keep_changes = o == NULL || o->keep_changes == 0 ? STORE_KEEP_CHANGES : o->keep_changes;
    if (o == NULL)
        return;
    s->committed = o->committed;
    s->committed_arg = o->arg;
}

static int lmdb_open(struct store **ret, const char *dir, const char *kind,
                     const struct store_options *options, char error[STORE_ERROR_MAX])
{
    struct lmdb_store *s = calloc(1, sizeof *s);
    char *copy = strdup(dir);
    if (s == NULL || copy == NULL) {
        free(s);
        free(copy);
        return store_fail(error, "cannot open the store in %s: out of memory", dir);
    }
    s->dir = copy;
    s->store.engine = &lmdb_engine;
    s->lock_fd = -1;
    set_options(s, options);
    bool made = false;
    if (make_folder(dir, &made, error) != 0 || lock_folder(s, error) != 0 ||
        open_env(s, 0, error) != 0 || in_snapshot(s, check_branches, error) != 0 ||
        open_format(s, kind, error) != 0 || in_snapshot(s, find_map, error) != 0 ||
        writer_start(s, error) != 0) {
        free_store(s);
        if (made)
            unmake_folder(dir);
        return -1;
    }
    populate_map(s);
    *ret = &s->store;
    return 0;
}

static void lmdb_close(struct store *base)
{
    struct lmdb_store *s = lmdb_store_of(base);
    writer_stop(s);
    free_store(s);
}

const struct store_engine lmdb_engine = {
    .open = lmdb_open,
    .close = lmdb_close,
    .stats = lmdb_stats,
    .write = lmdb_write,
    .check = lmdb_check,
    .reader_new = lmdb_reader_new,
};
