/* Importing and deleting: the one thread that writes.
 *
 * A commit waits for the disk, so batches that came meanwhile go into the next
 * commit together. A loop only ever holds the lock to append to a list. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "change_log.h"
#include "dirty.h"
#include "entries.h"
#include "weir/loop.h"

/* When a transaction is large enough, and the batches that are left wait for the next:
 * what its pages take stays with the process. Records in the order of their users and
 * ids share pages; one at a random place can change three. */
#define COMMIT_PAGES   ((size_t)12288)
#define COMMIT_RECORDS ((size_t)16384)

#define PROBE_BYTES ((off_t)64 << 20) /* more than a commit writes */

/* --- One record --------------------------------------------------------------------- */

struct write_txn {
    struct lmdb_store *store;
    MDB_txn *txn;
    struct dirty_table records, ids;
    struct change_log log;
    uint64_t next_sequence;
    uint32_t groups, groups_before; /* how many there are, and were */
    size_t taken;                   /* records */
};

static int add_group(struct write_txn *w, struct bytes id, uint32_t *ret_ordinal)
{
    if (w->groups == UINT32_MAX)
        return MDB_MAP_FULL;
    uint8_t place[GROUP_BYTES], name[CHECK_BYTES + STORE_ID_MAX], room[GROUP_KEY_BYTES];
    be32_write(place, w->groups);
    be32_write(place + sizeof w->groups, group_sum(w->groups, id));
    be32_write(name, group_sum(w->groups, id));
    if (id.len > 0)
        memcpy(name + CHECK_BYTES, id.data, id.len);
    MDB_val number = val_of(place, sizeof w->groups), named = val_of(name, CHECK_BYTES + id.len);
    int rc = mdb_put(w->txn, w->store->order, &number, &named, MDB_APPEND);
    MDB_val key = group_key(room, id), placed = val_of(place, sizeof place);
    if (rc == 0)
        rc = mdb_put(w->txn, w->store->groups, &key, &placed, MDB_NOOVERWRITE);
    if (rc == 0)
        *ret_ordinal = w->groups++;
    return rc;
}

/* In its place, with its check sum. @place is what dirty_find() gave. */
static int put_value(struct write_txn *w, struct position at, struct bytes value, MDB_val place,
                     unsigned flags)
{
    uint8_t room[RECORD_KEY_BYTES];
    MDB_val to = { .mv_size = CHECK_BYTES + value.len };
    int rc = dirty_put(&w->records, record_key(room, at), &to, place, flags | MDB_RESERVE);
    if (rc != 0)
        return rc;
    be32_write(to.mv_data, check_sum(at, value));
    if (value.len > 0)
        memcpy((uint8_t *)to.mv_data + CHECK_BYTES, value.data, value.len);
    return 0;
}

/* The id leads to the place, and the log has the change. @found is what dirty_find()
 * gave for the id. */
static int put_place(struct write_txn *w, struct bytes id, struct position at, MDB_val found)
{
    uint8_t room[PLACE_BYTES];
    struct place place = { .at = at };
    int rc = change_log_add(&w->log, CHANGE_PUT, at, id, &place.revision);
    if (rc != 0)
        return rc;
    MDB_val stored = place_write(room, place, id);
    return dirty_put(&w->ids, val_of(id.data, id.len), &stored, found, 0);
}

/* In the last group it is the last record of all: appended, pages get full. */
static int add_value(struct write_txn *w, struct position at, struct bytes value)
{
    uint8_t room[RECORD_KEY_BYTES];
    MDB_val place = { 0 };
    if (at.group == w->groups - 1)
        return put_value(w, at, value, place, MDB_APPEND);
    const int rc = dirty_find(&w->records, record_key(room, at), &place);
    if (rc != MDB_NOTFOUND)
        return rc == 0 ? MDB_CORRUPTED : rc; /* a sequence number that is in use */
    return put_value(w, at, value, place, MDB_NOOVERWRITE);
}

/* @found is what dirty_find() gave for its id. */
static int add_record(struct write_txn *w, struct write_record *r, MDB_val found)
{
    struct position at = { .sequence = w->next_sequence };
    int rc = group_find(w->store, w->txn, r->group, &at.group);
    if (rc == MDB_NOTFOUND)
        rc = add_group(w, r->group, &at.group);
    if (rc != 0)
        return rc;
    rc = add_value(w, at, r->value);
    if (rc == 0)
        rc = put_place(w, r->id, at, found);
    if (rc != 0)
        return rc;
    w->next_sequence++;
    r->result = WRITE_NEW;
    return 0;
}

/* The record at @at, whose id is in the store: what dirty_find() gives for it. */
static int find_record(struct write_txn *w, struct position at, MDB_val *ret)
{
    uint8_t room[RECORD_KEY_BYTES];
    const int rc = dirty_find(&w->records, record_key(room, at), ret);
    return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

static bool is_of_group(struct write_txn *w, struct bytes group, struct position at, int *rc)
{
    uint32_t ordinal;
    *rc = group_find(w->store, w->txn, group, &ordinal);
    if (*rc != MDB_NOTFOUND)
        return *rc == 0 && ordinal == at.group;
    *rc = 0;
    return false;
}

/* @found is what dirty_find() gave for its id. */
static int update_record(struct write_txn *w, struct write_record *r, struct position at,
                         MDB_val found)
{
    int rc;
    MDB_val stored;
    struct bytes before;
    if (!is_of_group(w, r->group, at, &rc)) {
        r->result = WRITE_FOREIGN;
        return rc;
    }
    rc = find_record(w, at, &stored);
    if (rc == 0)
        rc = record_value(at, stored, &before);
    if (rc != 0)
        return rc;
    if (bytes_equal(before, r->value)) {
        r->result = WRITE_UNCHANGED;
        return 0;
    }
    r->result = WRITE_UPDATED;
    rc = put_value(w, at, r->value, stored, 0);
    return rc == 0 ? put_place(w, r->id, at, found) : rc;
}

/* The cursor in `ids` is where dirty_find() found it. */
static int delete_record(struct write_txn *w, struct write_record *r, struct position at,
                         MDB_val found)
{
    MDB_val stored;
    uint64_t revision;
    int rc = find_record(w, at, &stored);
    if (rc == 0)
        rc = dirty_delete(&w->records, stored);
    if (rc == 0)
        rc = dirty_delete(&w->ids, found);
    if (rc == 0)
        rc = change_log_add(&w->log, CHANGE_DELETE, at, r->id, &revision);
    r->result = WRITE_DELETED;
    return rc;
}

static int apply_missing(struct write_txn *w, struct write_record *r, MDB_val found)
{
    if (r->op == WRITE_PUT)
        return add_record(w, r, found);
    r->result = WRITE_MISSING;
    return 0;
}

static int apply_record(struct write_txn *w, struct write_record *r)
{
    if (r->id.len == 0 || r->id.len > STORE_ID_MAX || r->group.len > STORE_ID_MAX)
        return MDB_BAD_VALSIZE;
    struct place place;
    MDB_val found;
    int rc = dirty_find(&w->ids, val_of(r->id.data, r->id.len), &found);
    if (rc == MDB_NOTFOUND)
        return apply_missing(w, r, found);
    if (rc == 0)
        rc = place_read(r->id, found, &place);
    if (rc != 0)
        return rc;
    return r->op == WRITE_PUT ? update_record(w, r, place.at, found)
                              : delete_record(w, r, place.at, found);
}

/* --- One commit --------------------------------------------------------------------- */

static int write_begin(struct write_txn *w, struct lmdb_store *store)
{
    MDB_stat order;
    w->store = store;
    w->taken = 0;
    int rc = mdb_txn_begin(store->env, NULL, 0, &w->txn);
    if (rc != 0)
        return rc;
    rc = meta_get(store, w->txn, "next_sequence", &w->next_sequence);
    if (rc == 0)
        rc = mdb_stat(w->txn, store->order, &order);
    if (rc == 0)
        rc = dirty_open(&w->records, store, w->txn, store->records);
    if (rc == 0)
        rc = dirty_open(&w->ids, store, w->txn, store->ids);
    if (rc == 0)
        rc = change_log_open(&w->log, store, w->txn);
    if (rc != 0)
        mdb_txn_abort(w->txn);
    else
        w->groups = w->groups_before = (uint32_t)order.ms_entries;
    return rc;
}

/* Each new group may be on a page of its own. */
static bool is_large(const struct write_txn *w)
{
    const size_t groups = w->groups - w->groups_before;
    return w->taken >= COMMIT_RECORDS ||
           dirty_pages(&w->records) + dirty_pages(&w->ids) + dirty_pages(&w->log.table) + groups >=
               COMMIT_PAGES;
}

static int apply_batch(struct write_txn *w, const struct write_batch *b)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->nrecords; i++)
        rc = apply_record(w, &b->records[i]);
    w->taken += b->nrecords;
    return rc;
}

/* Before the commit. */
static int write_end(struct write_txn *w, uint64_t sequence_before)
{
    int rc = change_log_end(&w->log);
    if (rc == 0 && w->next_sequence != sequence_before)
        rc = meta_put(w->store, w->txn, "next_sequence", w->next_sequence);
    return rc;
}

/* Batches from @first on, one at least, until the transaction is large enough. *ret_end is
 * the first that is not in it. */
static int write_batches(struct lmdb_store *store, struct write_batch *first,
                         struct write_batch **ret_end, bool *ret_changed)
{
    struct write_txn w;
    *ret_end = first->next;
    int rc = write_begin(&w, store);
    if (rc != 0)
        return rc;
    const uint64_t sequence = w.next_sequence;
    rc = apply_batch(&w, first);
    while (rc == 0 && *ret_end != NULL && !is_large(&w)) {
        rc = apply_batch(&w, *ret_end);
        *ret_end = (*ret_end)->next;
    }
    if (rc == 0)
        rc = write_end(&w, sequence);
    if (rc != 0) {
        mdb_txn_abort(w.txn);
        return rc;
    }
    *ret_changed = w.log.revision != w.log.before;
    return mdb_txn_commit(w.txn);
}

static bool is_full(int rc)
{
    return rc == MDB_MAP_FULL || rc == MDB_TXN_FULL || rc == ENOSPC || rc == EDQUOT || rc == EFBIG;
}

/* LMDB says EIO when the system wrote less than it was asked to, as it does when
 * the disk gets full. Asking for more room tells whether that was why. */
static int find_reason(struct lmdb_store *store, int rc)
{
    mdb_filehandle_t fd;
    struct stat file;
    if (rc != EIO || mdb_env_get_fd(store->env, &fd) != 0 || fstat(fd, &file) != 0)
        return rc;
    if (fallocate(fd, 0, file.st_size, PROBE_BYTES) != 0)
        return is_full(errno) ? errno : rc;
    return ftruncate(fd, file.st_size) != 0 ? errno : rc;
}

static void on_done(struct loop *loop, void *arg)
{
    struct write_batch *b = arg;
    loop_release(loop);
    b->done(b);
}

/* The batch is the loop's again when this returns: it may be gone. */
static void answer(const struct lmdb_store *store, struct write_batch *b, int rc)
{
    b->error[0] = '\0';
    b->full = is_full(rc);
    b->unavailable = false;
    if (rc != 0) {
        store_fail(b->error, "cannot write to the store in %s: %s", store->dir,
                   rc == ECANCELED ? WRITE_BROKEN : mdb_strerror(rc));
        write_break(b);
    }
    loop_post_with(b->loop, &b->answer, on_done, b);
}

/* Returns those that are left. */
static struct write_batch *commit(struct lmdb_store *store, struct write_batch *first)
{
    struct write_batch *end;
    bool changed = false;
    int rc = find_reason(store, write_batches(store, first, &end, &changed));
    if (rc == 0 && changed && store->committed != NULL)
        store->committed(store->committed_arg);
    while (first != end) {
        struct write_batch *b = first;
        first = b->next;
        b->next = NULL;
        answer(store, b, rc);
    }
    return end;
}

/* --- The thread --------------------------------------------------------------------- */

/* All batches that wait, at least one; NULL: it is time to end. */
static struct write_batch *take(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->first == NULL && !w->stopping)
        pthread_cond_wait(&w->wake, &w->lock);
    struct write_batch *all = w->first;
    w->first = NULL;
    w->last = &w->first;
    pthread_mutex_unlock(&w->lock);
    return all;
}

/* Those whose turn it is not any more are answered. Returns the others. */
static struct write_batch *sift(const struct lmdb_store *store, struct write_batch *list)
{
    struct write_batch *rest = NULL, **last = &rest;
    while (list != NULL) {
        struct write_batch *b = list;
        list = b->next;
        b->next = NULL;
        if (write_is_broken(b)) {
            answer(store, b, ECANCELED);
        } else {
            *last = b;
            last = &b->next;
        }
    }
    return rest;
}

static void *run(void *arg)
{
    struct lmdb_store *store = arg;
    struct write_batch *list;
    guard_enter(); /* for good: LMDB is all that it does */
    while ((list = take(&store->writer)) != NULL)
        while ((list = sift(store, list)) != NULL)
            list = commit(store, list);
    return NULL;
}

void lmdb_write(struct store *base, struct write_batch *batch)
{
    struct lmdb_store *store = lmdb_store_of(base);
    struct writer *w = &store->writer;
    loop_hold(batch->loop); /* it must not stop before it can call done */
    batch->next = NULL;
    pthread_mutex_lock(&w->lock);
    bool idle = w->first == NULL;
    *w->last = batch;
    w->last = &batch->next;
    pthread_mutex_unlock(&w->lock);
    if (idle)
        pthread_cond_signal(&w->wake);
}

int writer_start(struct lmdb_store *store, char error[STORE_ERROR_MAX])
{
    struct writer *w = &store->writer;
    sigset_t all, before;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    w->last = &w->first;
    sigfillset(&all); /* signals are for the loops, but for those of the guard */
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rv = pthread_create(&w->thread, NULL, run, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rv == 0) {
        pthread_setname_np(w->thread, "store-writer");
        return 0;
    }
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    return store_fail(error, "cannot start the writer of the store in %s: %s", store->dir,
                      strerror(rv));
}

void writer_stop(struct lmdb_store *store)
{
    struct writer *w = &store->writer;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_mutex_unlock(&w->lock);
    pthread_cond_signal(&w->wake);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
}
