/* How many pages a transaction changes: what is counted, beside what changes in the
 * file. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/tmpdir.h"
#include "store/lmdb/dirty.h"
#include "weir/loop.h"

#define RECORDS 40000
#define VALUE   120
#define PAGE    4096

#ifdef __SANITIZE_ADDRESS__
#define MEMORY_IS_OTHERS true
#else
#define MEMORY_IS_OTHERS false
#endif

static char *dir;
static struct loop *loop;
static struct store *store;

struct file {
    uint8_t *bytes;
    size_t pages;
};

static struct file read_file(void)
{
    char path[512];
    struct stat stat;
    struct file f;
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    const int fd = open(path, O_RDONLY);
    cr_assert_eq(fstat(fd, &stat), 0);
    f.pages = (size_t)stat.st_size / PAGE;
    f.bytes = malloc(f.pages * PAGE);
    cr_assert_eq(pread(fd, f.bytes, f.pages * PAGE, 0), (ssize_t)(f.pages * PAGE));
    close(fd);
    return f;
}

static size_t changed_pages(const struct file *a, const struct file *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->pages; i++)
        if (i >= a->pages || memcmp(a->bytes + i * PAGE, b->bytes + i * PAGE, PAGE) != 0)
            n++;
    return n;
}

static MDB_txn *begin(struct dirty_table *table)
{
    MDB_txn *txn;
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(store)->env, NULL, 0, &txn), 0);
    cr_assert_eq(dirty_open(table, lmdb_store_of(store), txn, lmdb_store_of(store)->records), 0);
    return txn;
}

static void put(struct dirty_table *table, uint64_t sequence, size_t bytes)
{
    static uint8_t value[100000];
    uint8_t room[RECORD_KEY_BYTES];
    MDB_val key = record_key(room, (struct position){ 1, sequence }), at, to = val_of(value, bytes);
    memset(value, (int)(sequence + bytes), bytes);
    const int found = dirty_find(table, key, &at);
    cr_assert(found == 0 || found == MDB_NOTFOUND);
    cr_assert_eq(dirty_put(table, key, &to, at, 0), 0);
}

static void open_store(void)
{
    char error[STORE_ERROR_MAX];
    cr_assert_eq(store_open(&store, dir, "posts", NULL, error), 0, "%s", error);
}

/* LMDB keeps what the largest transaction took, until the store is closed. */
static void init(void)
{
    struct dirty_table table;
    dir = tmpdir_make();
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    open_store();
    MDB_txn *txn = begin(&table);
    for (uint64_t i = 0; i < RECORDS; i++)
        put(&table, 2 * i, VALUE);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    store_close(store);
    open_store();
}

static void fini(void)
{
    store_close(store);
    loop_free(loop);
    tmpdir_remove(dir);
}

TestSuite(dirty, .init = init, .fini = fini);

static void put_small(struct dirty_table *table, uint64_t sequence)
{
    put(table, sequence, VALUE);
}

static void put_large(struct dirty_table *table, uint64_t sequence)
{
    put(table, sequence, 100000);
}

static void erase(struct dirty_table *table, uint64_t sequence)
{
    uint8_t room[RECORD_KEY_BYTES];
    MDB_val at;
    const int found = dirty_find(table, record_key(room, (struct position){ 1, sequence }), &at);
    cr_assert(found == 0 || found == MDB_NOTFOUND);
    if (found == 0)
        cr_assert_eq(dirty_delete(table, at), 0);
}

/* Of this process, but for what it has mapped of the file. */
static size_t memory_pages(void)
{
    char line[128];
    size_t kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    cr_assert_not_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        sscanf(line, "RssAnon: %zu kB", &kib);
    fclose(f);
    return kib * 1024 / PAGE;
}

/* Changes @n records, and compares. The commit itself changes some pages, too: of the
 * list of free pages, of the table of tables, and LMDB's two of its own. A deletion is
 * counted as two pages: @slack is how often a page may be counted. */
static void expect_counted(int n, uint64_t (*sequence)(int i),
                           void (*change)(struct dirty_table *, uint64_t), double slack)
{
    struct dirty_table table;
    struct file before = read_file();
    MDB_txn *txn = begin(&table);
    const size_t memory = memory_pages();
    for (int i = 0; i < n; i++)
        change(&table, sequence(i));
    const size_t counted = dirty_pages(&table), taken = memory_pages() - memory;
    cr_assert_eq(mdb_txn_commit(txn), 0);
    struct file after = read_file();
    const size_t changed = changed_pages(&before, &after);
    cr_expect_leq(changed, counted + counted / 10 + 20, "%zu counted, %zu changed", counted,
                  changed);
    cr_expect_leq(counted, (size_t)((double)changed * slack) + 20, "%zu counted, %zu changed",
                  counted, changed);
    cr_expect(MEMORY_IS_OTHERS || taken <= counted + counted / 10 + 64, "%zu counted, %zu taken",
              counted, taken);
    free(before.bytes);
    free(after.bytes);
}

static uint64_t anywhere(int i)
{
    return (uint64_t)i * 2654435761 % (2 * RECORDS);
}

static uint64_t behind_all(int i)
{
    return 2 * RECORDS + (uint64_t)i;
}

static uint64_t in_one_place(int i)
{
    return RECORDS + (uint64_t)i % 2;
}

Test(dirty, few_at_random_places)
{
    expect_counted(300, anywhere, put_small, 1.25);
}

Test(dirty, more_than_there_are_pages)
{
    expect_counted(20000, anywhere, put_small, 1.25);
}

Test(dirty, behind_all_others)
{
    expect_counted(5000, behind_all, put_small, 1.25);
}

Test(dirty, the_same_again_and_again)
{
    expect_counted(5000, in_one_place, put_small, 1.25);
}

Test(dirty, large_values)
{
    expect_counted(100, anywhere, put_large, 1.25);
}

/* --- Deletes ------------------------------------------------------------------------- */

static uint64_t there(int i)
{
    return (uint64_t)i * 2654435761 % RECORDS * 2;
}

static uint64_t in_order(int i)
{
    return (uint64_t)i * 2;
}

static uint64_t most_of_each_page(int i)
{
    return ((uint64_t)i + (uint64_t)i / 20 * 5) * 2;
}

static uint64_t backwards(int i)
{
    return (RECORDS - 1 - (uint64_t)i) * 2;
}

Test(dirty, few_are_deleted_at_random_places)
{
    expect_counted(300, there, erase, 2.1);
}

Test(dirty, many_are_deleted_at_random_places)
{
    expect_counted(20000, there, erase, 1.25);
}

/* A page that gets empty is the copy of the next. */
Test(dirty, neighbours_are_deleted)
{
    expect_counted(20000, in_order, erase, 2.1);
}

Test(dirty, neighbours_are_deleted_backwards)
{
    expect_counted(20000, backwards, erase, 2.1);
}

Test(dirty, most_of_each_page_is_deleted)
{
    expect_counted(30000, most_of_each_page, erase, 2.1);
}

Test(dirty, nearly_all_are_deleted_at_random_places)
{
    expect_counted(RECORDS - 10, there, erase, 2.1);
}

Test(dirty, all_are_deleted)
{
    expect_counted(RECORDS, there, erase, 2.1);
}
