/* The log of changes, as a reader is told of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lib/store_numbers.h"
#include "lib/store_world.h"
#include "store/lmdb/change_block.h"

static struct store_world w;

static void init(void)
{
    store_world_open(&w);
}

static void fini(void)
{
    store_world_close(&w);
}

TestSuite(changes, .init = init, .fini = fini);

/* All of them after @revision. */
static const char *changes_after(uint64_t revision)
{
    return store_changes(&w, &revision, SIZE_MAX, 0);
}

static uint64_t last_revision(void)
{
    store_begin(&w);
    const uint64_t revision = revision_of(w.reader);
    store_end(&w);
    return revision;
}

/* --- What is told ------------------------------------------------------------------- */

Test(changes, a_new_store_has_none)
{
    uint64_t revision = 0;
    cr_assert_eq(last_revision(), 0);
    cr_assert_str_eq(store_changes(&w, &revision, SIZE_MAX, 0), "");
    cr_assert_eq(revision, 0);
    const struct store_stats s = store_figures(&w);
    cr_assert(s.revision == 0 && s.changes == 0 && s.oldest_ms == 0);
}

Test(changes, come_in_the_order_of_writing)
{
    store_put(&w, "b", "1", "one");
    store_put(&w, "a", "2", "two");
    store_put(&w, "b", "3", "three");
    store_commit(&w);
    store_put(&w, "a", "2", "TWO");
    store_delete(&w, "1");
    store_commit(&w);
    cr_assert_str_eq(changes_after(0), "1+1@0.1 2+2@1.2 3+3@0.3 4+2@1.2 5-1@0.1 ");
    cr_assert_eq(last_revision(), 5);
    store_sound(&w);
}

Test(changes, are_none_where_nothing_changed)
{
    store_put(&w, "a", "1", "one");
    store_put(&w, "a", "1", "one");
    store_put(&w, "b", "1", "stolen");
    store_delete(&w, "2");
    store_put(&w, "a", "3", "three");
    store_commit(&w);
    cr_assert_str_eq(changes_after(0), "1+1@0.1 2+3@0.2 ");
    cr_assert_eq(store_put_now(&w, "a", "1", "one"), WRITE_UNCHANGED);
    cr_assert_eq(store_put_now(&w, "b", "1", "one"), WRITE_FOREIGN);
    cr_assert_eq(store_delete_now(&w, "2"), WRITE_MISSING);
    cr_assert_eq(last_revision(), 2);
    cr_assert_eq(store_put_now(&w, "a", "1", "ONE"), WRITE_UPDATED);
    cr_assert_str_eq(changes_after(2), "3+1@0.1 ");
}

struct clock_visit {
    struct change_visit visit;
    uint64_t first_ms, last_ms;
    int n;
};

static bool read_clock(struct change_visit *visit, const struct change *c)
{
    struct clock_visit *v = (struct clock_visit *)visit;
    if (v->n++ == 0)
        v->first_ms = c->time_ms;
    v->last_ms = c->time_ms;
    return true;
}

Test(changes, have_the_time_of_their_commit)
{
    struct clock_visit v = { .visit.change = read_clock };
    uint64_t revision = 0;
    const uint64_t before = clock_unix_ms();
    store_put_now(&w, "a", "1", "one");
    const uint64_t between = clock_unix_ms();
    store_put(&w, "a", "2", "two");
    store_put(&w, "a", "3", "three");
    store_commit(&w);
    const uint64_t after = clock_unix_ms();
    store_begin(&w);
    cr_assert_eq(reader_changes(w.reader, &revision, &v.visit), 0);
    store_end(&w);
    cr_assert_eq(v.n, 3);
    cr_assert(before <= v.first_ms && v.first_ms <= between);
    cr_assert(between <= v.last_ms && v.last_ms <= after);
    cr_assert_eq(store_figures(&w).oldest_ms, v.first_ms);
}

Test(changes, have_ids_of_every_length)
{
    char id[STORE_ID_MAX + 1] = "", want[STORE_WORLD_TEXT] = "";
    size_t used = 0;
    for (size_t n = 1; n <= STORE_ID_MAX; n++) {
        memset(id, 'a' + (int)n % 26, n);
        store_put(&w, "g", id, "");
        used += (size_t)snprintf(want + used, sizeof want - used, "%zu+%s@0.%zu ", n, id, n);
    }
    store_commit(&w);
    cr_assert_str_eq(changes_after(0), want);
    cr_assert_str_eq(changes_after(STORE_ID_MAX - 1), strrchr(want, '+') - 3);
    store_sound(&w);
}

/* --- Going on ----------------------------------------------------------------------- */

Test(changes, go_on_where_they_were_stopped)
{
    uint64_t revision = 0;
    for (int i = 0; i < 5; i++) {
        char id[8];
        snprintf(id, sizeof id, "%d", i);
        store_put(&w, "g", id, "");
    }
    store_commit(&w);
    store_begin(&w);
    cr_assert_str_eq(store_changes(&w, &revision, 0, 1), "", "one that stops visits nothing");
    cr_assert_eq(revision, 0);
    cr_assert_str_eq(store_changes(&w, &revision, 2, 1), "1+0@0.1 2+1@0.2 ");
    cr_assert_eq(revision, 2);
    cr_assert_str_eq(store_changes(&w, &revision, 3, 0), "3+2@0.3 4+3@0.4 5+4@0.5 ");
    cr_assert_eq(revision, 5);
    cr_assert_str_eq(store_changes(&w, &revision, 3, 0), "");
    cr_assert_eq(revision, 5);
    store_end(&w);
}

Test(changes, of_a_step_are_those_of_its_beginning)
{
    uint64_t revision = 0;
    store_put_now(&w, "g", "1", "");
    store_begin(&w);
    store_put_now(&w, "g", "2", "");
    cr_assert_eq(revision_of(w.reader), 1);
    cr_assert_str_eq(store_changes(&w, &revision, SIZE_MAX, 0), "1+1@0.1 ");
    store_end(&w);
    cr_assert_str_eq(store_changes(&w, &revision, SIZE_MAX, 0), "2+2@0.2 ");
}

Test(changes, after_what_has_not_happened_are_none)
{
    store_put_now(&w, "g", "1", "");
    cr_assert_str_eq(changes_after(2), "");
    cr_assert_str_eq(changes_after(UINT64_MAX - 1), "");
    cr_assert_str_eq(changes_after(UINT64_MAX), "");
}

Test(changes, outlive_the_process)
{
    store_put_now(&w, "g", "1", "");
    store_world_stop(&w);
    store_world_start(&w);
    store_put_now(&w, "g", "2", "");
    cr_assert_str_eq(changes_after(0), "1+1@0.1 2+2@0.2 ");
    store_sound(&w);
}

/* --- Blocks ------------------------------------------------------------------------- */

struct count_visit {
    struct change_visit visit;
    uint64_t next, wrong;
};

static bool count(struct change_visit *visit, const struct change *c)
{
    struct count_visit *v = (struct count_visit *)visit;
    char id[16];
    snprintf(id, sizeof id, "%u", (unsigned)c->at.sequence);
    v->wrong += c->revision != v->next || c->at.sequence != c->revision || c->at.group != 0 ||
                c->kind != CHANGE_PUT || !bytes_equal(c->id, bytes_of_text(id));
    v->next++;
    return true;
}

static void expect_all_after(uint64_t revision, uint64_t last)
{
    struct count_visit v = { .visit.change = count, .next = revision + 1 };
    cr_assert_eq(reader_changes(w.reader, &revision, &v.visit), 0);
    cr_assert_eq(v.wrong, 0);
    cr_assert_eq(v.next, last + 1);
    cr_assert_eq(revision, last);
}

static void put_numbered(unsigned from, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char id[16];
        snprintf(id, sizeof id, "%u", from + i);
        store_put(&w, "g", id, "");
    }
}

/* Commits of one to many blocks; each change can be the one to go on from. */
Test(changes, have_no_gap_over_blocks_and_commits)
{
    unsigned last = 0;
    for (unsigned n = 1; n < 600; n = n * 2 + 1) {
        put_numbered(last + 1, n);
        store_commit(&w);
        last += n;
    }
    store_begin(&w);
    for (unsigned revision = 0; revision <= last; revision++)
        expect_all_after(revision, last);
    store_end(&w);
    cr_assert_eq(store_figures(&w).changes, last);
    store_sound(&w);
}

Test(changes, of_many_small_commits)
{
    for (unsigned i = 1; i <= 300; i++) {
        put_numbered(i, 1);
        store_commit(&w);
    }
    store_begin(&w);
    for (unsigned revision = 0; revision <= 300; revision += 7)
        expect_all_after(revision, 300);
    store_end(&w);
}

/* While the test holds LMDB's write lock, batches pile up behind it. */
Test(changes, of_batches_that_share_a_commit)
{
    MDB_txn *txn;
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(w.store)->env, NULL, 0, &txn), 0);
    for (unsigned i = 0; i < 40; i++) {
        put_numbered(i * 10 + 1, 10);
        store_send(&w);
    }
    mdb_txn_abort(txn);
    store_await(&w);
    store_begin(&w);
    expect_all_after(0, 400);
    store_end(&w);
}

/* Ids of the greatest length: as many as fit, and the next one in a block of its own. */
Test(changes, fill_a_block_as_far_as_it_goes)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, stored;
    struct block b;
    char id[STORE_ID_MAX + 1] = "";
    memset(id, 'x', STORE_ID_MAX);
    const unsigned whole = (BLOCK_BYTES - BLOCK_HEAD_BYTES) / CHANGE_BYTES_MAX;
    for (unsigned i = 0; i <= whole; i++) {
        id[0] = (char)('a' + i);
        store_put(&w, "g", id, "");
    }
    store_commit(&w);
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(w.store)->env, NULL, MDB_RDONLY, &txn), 0);
    cr_assert_eq(mdb_cursor_open(txn, lmdb_store_of(w.store)->changes, &cursor), 0);
    cr_assert_eq(mdb_cursor_get(cursor, &key, &stored, MDB_FIRST), 0);
    cr_assert_eq(block_read(key, stored, &b), 0);
    cr_assert(b.next == 1 && b.last == whole);
    cr_assert_eq(stored.mv_size, BLOCK_HEAD_BYTES + whole * CHANGE_BYTES_MAX);
    cr_assert_leq(stored.mv_size, BLOCK_BYTES);
    cr_assert_eq(mdb_cursor_get(cursor, &key, &stored, MDB_NEXT), 0);
    cr_assert_eq(block_read(key, stored, &b), 0);
    cr_assert(b.next == whole + 1 && b.last == whole + 1);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
}

/* --- What a change has put ---------------------------------------------------------- */

/* What reader_put_value() says of each change, "-" where it is not the newest. */
struct value_visit {
    struct change_visit visit;
    char *to;
};

static bool write_value(struct change_visit *visit, const struct change *c)
{
    struct value_visit *v = (struct value_visit *)visit;
    struct bytes value;
    const int found = reader_put_value(w.reader, c, &value);
    cr_assert_geq(found, 0, "%s", reader_error(w.reader));
    if (found == 1)
        v->to += sprintf(v->to, "%.*s; ", (int)value.len, (const char *)value.data);
    else
        v->to += sprintf(v->to, "-; ");
    return true;
}

static const char *values(void)
{
    static char text[4096];
    struct value_visit v = { .visit.change = write_value, .to = text };
    uint64_t revision = 0;
    text[0] = '\0';
    store_begin(&w);
    cr_assert_eq(reader_changes(w.reader, &revision, &v.visit), 0);
    store_end(&w);
    return text;
}

Test(changes, only_the_newest_has_a_value)
{
    store_put(&w, "g", "1", "one");
    store_put(&w, "g", "2", "two");
    store_put(&w, "g", "1", "ONE");
    store_commit(&w);
    cr_assert_str_eq(values(), "-; g 2 two; g 1 ONE; ");
    store_put_now(&w, "g", "2", "TWO");
    cr_assert_str_eq(values(), "-; -; g 1 ONE; g 2 TWO; ");
    store_delete_now(&w, "1");
    cr_assert_str_eq(values(), "-; -; -; g 2 TWO; -; ");
}

Test(changes, a_value_that_comes_back_is_newer)
{
    store_put_now(&w, "g", "1", "one");
    store_delete_now(&w, "1");
    store_put_now(&w, "h", "1", "one");
    cr_assert_str_eq(changes_after(0), "1+1@0.1 2-1@0.1 3+1@1.2 ");
    cr_assert_str_eq(values(), "-; -; h 1 one; ");
}

/* --- Where a record is -------------------------------------------------------------- */

static void expect_place(const char *id, uint32_t group, uint64_t sequence)
{
    struct position at;
    store_begin(&w);
    cr_assert_eq(reader_place(w.reader, bytes_of_text(id), &at), 1, "%s", id);
    store_end(&w);
    cr_assert_eq(at.group, group);
    cr_assert_eq(at.sequence, sequence);
}

static void expect_nowhere(const char *id)
{
    struct position at;
    store_begin(&w);
    cr_assert_eq(reader_place(w.reader, bytes_of_text(id), &at), 0, "%s", id);
    store_end(&w);
}

Test(changes, a_record_that_comes_back_has_a_new_place)
{
    char too_long[STORE_ID_MAX + 2] = "";
    memset(too_long, 'x', STORE_ID_MAX + 1);
    expect_nowhere("1");
    expect_nowhere("");
    expect_nowhere(too_long);
    store_put_now(&w, "a", "1", "x");
    store_put_now(&w, "a", "2", "y");
    expect_place("1", 0, 1);
    store_put_now(&w, "a", "1", "X");
    expect_place("1", 0, 1);
    store_delete_now(&w, "1");
    expect_nowhere("1");
    cr_assert_eq(store_put_now(&w, "a", "1", "x"), WRITE_NEW);
    expect_place("1", 0, 3);
    cr_assert_str_eq(store_list(&w), "0.2=y 0.3=x ");
    store_delete_now(&w, "1");
    cr_assert_eq(store_put_now(&w, "b", "1", "x"), WRITE_NEW, "in another group");
    expect_place("1", 1, 4);
    cr_assert_str_eq(store_list(&w), "0.2=y 1.4=x ");
    store_sound(&w);
}
