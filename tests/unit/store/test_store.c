/* The store on a real disk. Answers come through a real loop, which runs until
 * the last of them is there. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/store_numbers.h"
#include "lib/tmpdir.h"
#include "store/lmdb/entries.h"
#include "weir/loop.h"

static char *dir;
static struct loop *loop;
static struct store *store;
static struct reader *reader;
static char error[STORE_ERROR_MAX];

static void open_store(void)
{
    cr_assert_eq(store_open(&store, dir, "posts", NULL, error), 0, "%s", error);
    cr_assert_eq(reader_new(&reader, store, loop, error), 0, "%s", error);
}

static void close_store(void)
{
    reader_free(reader);
    store_close(store);
    reader = NULL;
    store = NULL;
}

static void init_folder(void)
{
    dir = tmpdir_make();
}

static void init(void)
{
    init_folder();
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    open_store();
}

static void fini(void)
{
    close_store();
    loop_free(loop);
    tmpdir_remove(dir);
}

TestSuite(store, .init = init, .fini = fini);

/* --- Helpers ------------------------------------------------------------------------ */

static struct write_record record(const char *group, const char *id, const char *value)
{
    return (struct write_record){ bytes_of_text(group), bytes_of_text(id), bytes_of_text(value),
                                  WRITE_PUT, WRITE_NEW };
}

static size_t answers;
static size_t answers_wanted;

static void on_done(struct write_batch *batch)
{
    if (++answers == answers_wanted)
        loop_stop(batch->loop);
}

static void await_answers(size_t n)
{
    answers_wanted = n;
    if (answers < n)
        loop_run(loop);
    cr_assert_eq(answers, n, "each batch is answered once");
    answers = 0;
}

static struct write_batch batch_of(struct write_record *records, size_t n)
{
    return (struct write_batch){
        .records = records, .nrecords = n, .loop = loop, .done = on_done, .error = "?"
    };
}

/* Imports and waits; "" or the error. */
static const char *import(struct write_record *records, size_t n)
{
    static struct write_batch batch;
    batch = batch_of(records, n);
    store_write(store, &batch);
    await_answers(1);
    return batch.error;
}

static enum write_result import_one(const char *group, const char *id, const char *value)
{
    struct write_record r = record(group, id, value);
    cr_assert_str_empty(import(&r, 1));
    return r.result;
}

static void begin(void)
{
    cr_assert_eq(reader_begin(reader, error), 0, "%s", error);
}

/* Writes what it visits as "group.sequence=value " into a text. */
struct scribe {
    struct visit visit;
    char text[4096];
    size_t most; /* stops after so many */
    size_t n;
};

static bool write_down(struct visit *visit, struct position at, struct bytes value)
{
    struct scribe *s = (struct scribe *)visit;
    if (s->n == s->most)
        return false;
    s->n++;
    size_t used = strlen(s->text);
    snprintf(s->text + used, sizeof s->text - used, "%u.%u=%.*s ", at.group, (unsigned)at.sequence,
             (int)value.len, (const char *)value.data);
    return true;
}

static const char *scan_some(struct position *at, uint32_t last_group, size_t most, int want)
{
    static struct scribe s;
    s = (struct scribe){ .visit.record = write_down, .most = most };
    cr_assert_eq(reader_scan(reader, at, last_group, &s.visit), want, "%s", reader_error(reader));
    return s.text;
}

static const char *scan_all(void)
{
    begin();
    struct position at = { 0 };
    const char *text = scan_some(&at, UINT32_MAX, SIZE_MAX, 0);
    reader_end(reader);
    return text;
}

static void assert_value(const char *id, const char *value)
{
    struct bytes got;
    begin();
    cr_assert_eq(reader_get(reader, bytes_of_text(id), &got), 1, "%s", id);
    cr_assert(bytes_equal(got, bytes_of_text(value)), "%s", id);
    reader_end(reader);
}

static void import_sample(void)
{
    struct write_record r[] = { record("b", "1", "one"), record("a", "2", "two"),
                                record("b", "3", "three"), record("c", "4", "four") };
    cr_assert_str_empty(import(r, 4));
}

#define SAMPLE "0.1=one 0.3=three 1.2=two 2.4=four "

/* --- Order and upsert --------------------------------------------------------------- */

Test(store, starts_empty)
{
    cr_assert_str_eq(scan_all(), "");
    struct bytes b;
    uint32_t ordinal;
    begin();
    cr_assert_eq(count_of(reader), 0);
    cr_assert_eq(reader_get(reader, bytes_of_text("1"), &b), 0);
    cr_assert_eq(reader_group(reader, bytes_of_text(""), &ordinal), 0);
    cr_assert_eq(reader_group_id(reader, 0, &b), 0);
    reader_end(reader);
    cr_assert_neq(store_id(store), 0);
}

Test(store, lists_groups_by_first_record_and_records_by_import)
{
    import_sample();
    cr_assert_str_eq(scan_all(), SAMPLE);
    uint32_t ordinal;
    struct bytes id;
    begin();
    cr_assert_eq(count_of(reader), 4);
    cr_assert_eq(reader_group(reader, bytes_of_text("a"), &ordinal), 1);
    cr_assert_eq(ordinal, 1);
    cr_assert_eq(reader_group_id(reader, 2, &id), 1);
    cr_assert(bytes_equal(id, bytes_of_text("c")));
    cr_assert_eq(reader_group_id(reader, 3, &id), 0);
    cr_assert_eq(reader_group(reader, bytes_of_text("d"), &ordinal), 0);
    reader_end(reader);
}

Test(store, upsert_keeps_its_place)
{
    import_sample();
    cr_assert_eq(import_one("b", "1", "a much longer text than before"), WRITE_UPDATED);
    cr_assert_eq(import_one("b", "1", "1"), WRITE_UPDATED);
    cr_assert_eq(import_one("b", "1", "1"), WRITE_UNCHANGED);
    cr_assert_eq(import_one("b", "5", "five"), WRITE_NEW);
    cr_assert_str_eq(scan_all(), "0.1=1 0.3=three 0.5=five 1.2=two 2.4=four ");
}

Test(store, an_id_of_another_group_is_foreign)
{
    import_sample();
    cr_assert_eq(import_one("a", "1", "stolen"), WRITE_FOREIGN);
    cr_assert_eq(import_one("nobody yet", "1", "stolen"), WRITE_FOREIGN);
    cr_assert_str_eq(scan_all(), SAMPLE);
    uint32_t ordinal;
    begin();
    cr_assert_eq(reader_group(reader, bytes_of_text("nobody yet"), &ordinal), 0);
    reader_end(reader);
}

Test(store, applies_one_id_several_times_in_order)
{
    struct write_record r[] = { record("a", "1", "x"), record("a", "1", "x"), record("a", "1", "y"),
                                record("b", "1", "z") };
    cr_assert_str_empty(import(r, 4));
    cr_assert_eq(r[0].result, WRITE_NEW);
    cr_assert_eq(r[1].result, WRITE_UNCHANGED);
    cr_assert_eq(r[2].result, WRITE_UPDATED);
    cr_assert_eq(r[3].result, WRITE_FOREIGN);
    cr_assert_str_eq(scan_all(), "0.1=y ");
}

Test(store, has_a_group_without_a_name)
{
    cr_assert_eq(import_one("", "1", "x"), WRITE_NEW);
    cr_assert_eq(import_one("", "2", ""), WRITE_NEW);
    cr_assert_str_eq(scan_all(), "0.1=x 0.2= ");
    struct bytes id = bytes_of_text("?");
    begin();
    cr_assert_eq(reader_group_id(reader, 0, &id), 1);
    cr_assert_eq(id.len, 0);
    reader_end(reader);
}

/* --- Positions ---------------------------------------------------------------------- */

Test(store, resumes_strictly_after_a_position)
{
    import_sample();
    begin();
    struct position at = { 0 };
    cr_assert_str_eq(scan_some(&at, UINT32_MAX, 1, 1), "0.1=one ");
    cr_assert_eq(at.sequence, 1);
    cr_assert_str_eq(scan_some(&at, UINT32_MAX, 0, 1), "", "one that stops visits nothing");
    cr_assert_eq(at.sequence, 1);
    cr_assert_str_eq(scan_some(&at, UINT32_MAX, 2, 1), "0.3=three 1.2=two ");
    cr_assert_str_eq(scan_some(&at, UINT32_MAX, 2, 0), "2.4=four ");
    cr_assert_str_eq(scan_some(&at, UINT32_MAX, 2, 0), "");
    cr_assert_eq(at.group, 2);
    cr_assert_eq(at.sequence, 4);
    reader_end(reader);
}

Test(store, resumes_from_places_where_nothing_is)
{
    import_sample();
    begin();
    struct position at = { .group = 0, .sequence = 2 };
    cr_assert_str_eq(scan_some(&at, UINT32_MAX, 1, 1), "0.3=three ");
    at = (struct position){ .group = 0, .sequence = UINT64_MAX };
    cr_assert_str_eq(scan_some(&at, UINT32_MAX, 1, 1), "1.2=two ");
    at = (struct position){ .group = UINT32_MAX, .sequence = UINT64_MAX };
    cr_assert_str_eq(scan_some(&at, UINT32_MAX, 1, 0), "");
    cr_assert_eq(at.sequence, UINT64_MAX);
    reader_end(reader);
}

Test(store, stops_after_the_last_group)
{
    import_sample();
    begin();
    struct position at = { 0 };
    cr_assert_str_eq(scan_some(&at, 0, SIZE_MAX, 0), "0.1=one 0.3=three ");
    cr_assert_str_eq(scan_some(&at, 1, SIZE_MAX, 0), "1.2=two ");
    at = (struct position){ .group = 1 };
    cr_assert_str_eq(scan_some(&at, 1, SIZE_MAX, 0), "1.2=two ");
    reader_end(reader);
}

/* The second time a reader knows where the few records of a group are. */
static void assert_group(uint32_t group, const char *want)
{
    for (int i = 0; i < 2; i++) {
        begin();
        struct position at = { .group = group };
        cr_assert_str_eq(scan_some(&at, group, SIZE_MAX, 0), want, "time %d", i);
        at = (struct position){ .group = group };
        cr_assert_str_eq(scan_some(&at, group, SIZE_MAX, 0), want, "time %d, again", i);
        reader_end(reader);
    }
}

Test(store, lists_a_group_again)
{
    import_sample();
    assert_group(0, "0.1=one 0.3=three ");
    assert_group(1, "1.2=two ");
    assert_group(2, "2.4=four ");
    assert_group(3, "");
    import_one("b", "3", "THREE");
    assert_group(0, "0.1=one 0.3=THREE ");
    import_one("b", "5", "five");
    import_one("d", "6", "six");
    assert_group(0, "0.1=one 0.3=THREE 0.5=five ");
    assert_group(1, "1.2=two ");
    assert_group(2, "2.4=four ");
    assert_group(3, "3.6=six ");
}

Test(store, knows_no_group_that_was_not_seen_to_its_end)
{
    import_sample();
    begin();
    struct position at = { .group = 0 };
    cr_assert_str_eq(scan_some(&at, 0, 1, 1), "0.1=one ");
    reader_end(reader);
    assert_group(0, "0.1=one 0.3=three ");
}

Test(store, stops_in_a_group_that_is_known)
{
    import_sample();
    assert_group(0, "0.1=one 0.3=three ");
    begin();
    struct position at = { .group = 0 };
    cr_assert_str_eq(scan_some(&at, 0, 1, 1), "0.1=one ");
    cr_assert_eq(at.sequence, 1);
    cr_assert_str_eq(scan_some(&at, 0, SIZE_MAX, 0), "0.3=three ");
    cr_assert_str_eq(scan_some(&at, 0, SIZE_MAX, 0), "");
    reader_end(reader);
}

/* From one record to several pages; each import moves records of all groups. */
Test(store, lists_groups_of_every_size_again)
{
    enum { GROUPS = 40 };
    static char want[GROUPS][4096];
    int n = 0;
    for (int round = 0; round < GROUPS; round++) {
        for (int g = round; g < GROUPS; g++) {
            char id[16], group[16], value[80];
            snprintf(id, sizeof id, "%d", ++n);
            snprintf(group, sizeof group, "g%d", g);
            snprintf(value, sizeof value, "%070d", n);
            import_one(group, id, value);
            snprintf(want[g] + strlen(want[g]), 140, "%d.%d=%s ", g, n, value);
        }
        for (uint32_t g = 0; g < GROUPS; g++)
            assert_group(g, want[g]);
    }
}

/* Its value has pages of its own. */
Test(store, lists_a_big_value_again)
{
    char value[5000], want[4096];
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    import_sample();
    import_one("a", "5", value);
    const int head = snprintf(want, sizeof want, "1.2=two 1.5=");
    memset(want + head, 'v', sizeof want - (size_t)head);
    want[sizeof want - 1] = '\0'; /* as far as a scribe writes it down */
    assert_group(1, want);
    assert_group(0, "0.1=one 0.3=three ");
}

/* Changes a byte of the file, which the store has mapped. */
static void damage_value(const char *value, char by)
{
    char *path = tmpdir_path(dir, "data.mdb");
    FILE *f = fopen(path, "r+");
    static char file[1 << 20];
    const size_t bytes = fread(file, 1, sizeof file, f);
    size_t found = 0;
    for (char *at = file; (at = memmem(at, bytes - (size_t)(at - file), value, strlen(value)));) {
        fseek(f, at - file, SEEK_SET);
        fputc(by, f);
        at++;
        found++;
    }
    cr_assert_gt(found, 0);
    cr_assert_eq(fclose(f), 0);
    free(path);
}

Test(store, what_is_known_of_a_group_is_checked_each_time)
{
    import_sample();
    assert_group(1, "1.2=two ");
    damage_value("two", 'T');
    begin();
    struct position at = { .group = 1 };
    scan_some(&at, 1, SIZE_MAX, -1);
    reader_end(reader);
    damage_value("Two", 't');
    assert_group(1, "1.2=two ");
}

Test(store, a_step_sees_one_state)
{
    import_sample();
    begin();
    struct position at = { 0 };
    scan_some(&at, UINT32_MAX, 1, 1);
    struct bytes before;
    cr_assert_eq(reader_get(reader, bytes_of_text("4"), &before), 1);
    struct write_record r[] = { record("c", "4", "FOUR"), record("c", "5", "five") };
    cr_assert_str_empty(import(r, 2));
    cr_assert_str_eq(scan_some(&at, UINT32_MAX, SIZE_MAX, 0), "0.3=three 1.2=two 2.4=four ");
    cr_assert_eq(count_of(reader), 4);
    cr_assert(bytes_equal(before, bytes_of_text("four")));
    reader_end(reader);
    cr_assert_str_eq(scan_all(), "0.1=one 0.3=three 1.2=two 2.4=FOUR 2.5=five ");
}

/* --- Sizes -------------------------------------------------------------------------- */

Test(store, takes_long_ids_and_big_values)
{
    char id[STORE_ID_MAX + 2], group[STORE_ID_MAX + 1];
    size_t size = 1 << 20;
    memset(id, 'i', sizeof id);
    memset(group, 'g', sizeof group);
    uint8_t *value = malloc(size);
    for (size_t i = 0; i < size; i++)
        value[i] = (uint8_t)(i * 31 >> 3);
    struct write_record r = { bytes_of(group, STORE_ID_MAX), bytes_of(id, STORE_ID_MAX),
                              bytes_of(value, size), WRITE_PUT, WRITE_FOREIGN };
    cr_assert_str_empty(import(&r, 1));
    cr_assert_eq(r.result, WRITE_NEW);

    struct bytes got;
    begin();
    cr_assert_eq(reader_get(reader, r.id, &got), 1);
    cr_assert(bytes_equal(got, r.value));
    cr_assert_eq(reader_group_id(reader, 0, &got), 1);
    cr_assert(bytes_equal(got, r.group));
    cr_assert_eq(reader_get(reader, bytes_of(id, STORE_ID_MAX + 1), &got), 0);
    cr_assert_eq(reader_get(reader, bytes_of(id, 0), &got), 0);
    reader_end(reader);

    r.id.len = STORE_ID_MAX + 1;
    cr_assert_str_not_empty(import(&r, 1));
    r.id.len = 0;
    cr_assert_str_not_empty(import(&r, 1));
    free(value);
}

Test(store, keeps_the_order_of_many)
{
    enum { N = 20000, GROUPS = 37 };
    static char ids[N][16], groups[GROUPS][16];
    struct write_record *r = calloc(N, sizeof *r);
    for (int i = 0; i < GROUPS; i++)
        snprintf(groups[i], sizeof groups[i], "g%d", i);
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        r[i] = record(groups[i * 7 % GROUPS], ids[i], ids[i]);
    }
    cr_assert_str_empty(import(r, N));
    free(r);

    begin();
    struct position at = { 0 }, before = { 0 };
    size_t n = 0;
    struct scribe s = { .visit.record = write_down };
    do {
        s = (struct scribe){ .visit.record = write_down, .most = 1 };
        int rv = reader_scan(reader, &at, UINT32_MAX, &s.visit);
        cr_assert_geq(rv, 0);
        if (s.n == 0)
            break;
        cr_assert(at.group > before.group ||
                  (at.group == before.group && at.sequence > before.sequence));
        char want[64];
        unsigned i = (unsigned)at.sequence - 1;
        snprintf(want, sizeof want, "%u.%u=%u ", i % GROUPS, i + 1, i);
        cr_assert_str_eq(s.text, want);
        before = at;
        n++;
    } while (true);
    cr_assert_eq(n, N);
    reader_end(reader);
}

/* --- Commits ------------------------------------------------------------------------ */

static size_t last_commit(void)
{
    MDB_envinfo info;
    mdb_env_info(lmdb_store_of(store)->env, &info);
    return info.me_last_txnid;
}

/* While the test holds LMDB's write lock, batches pile up behind it. */
static MDB_txn *hold_writer(void)
{
    MDB_txn *txn;
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(store)->env, NULL, 0, &txn), 0);
    return txn;
}

enum { MANY_BATCHES = 50 };
static char many_ids[MANY_BATCHES][16];
static struct write_record many_records[MANY_BATCHES];
static struct write_batch many[MANY_BATCHES];

static void queue_many(struct bytes value)
{
    for (int i = 0; i < MANY_BATCHES; i++) {
        snprintf(many_ids[i], sizeof many_ids[i], "%d", i);
        many_records[i] = record("g", many_ids[i], "");
        many_records[i].value = value;
        many[i] = batch_of(&many_records[i], 1);
        store_write(store, &many[i]);
    }
}

Test(store, batches_that_wait_share_a_commit)
{
    size_t before = last_commit();
    MDB_txn *txn = hold_writer();
    queue_many(bytes_of_text("v"));
    mdb_txn_abort(txn);
    await_answers(MANY_BATCHES);
    for (int i = 0; i < MANY_BATCHES; i++)
        cr_assert_str_empty(many[i].error);
    /* The writer may have taken the first one before the others came. */
    cr_assert_leq(last_commit() - before, 2);
    begin();
    cr_assert_eq(count_of(reader), MANY_BATCHES);
    reader_end(reader);
}

Test(store, a_commit_is_bounded)
{
    uint8_t *value = calloc(1, 2 << 20);
    size_t before = last_commit();
    MDB_txn *txn = hold_writer();
    queue_many(bytes_of(value, 2 << 20));
    mdb_txn_abort(txn);
    await_answers(MANY_BATCHES);
    /* 48 MiB of pages each; the writer may have taken the first batch before. */
    cr_assert_geq(last_commit() - before, 3);
    free(value);
}

/* The disk is full: a limit on the size of files does the same to LMDB. */
static rlim_t limit_file(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return before;
}

Test(store, a_full_disk_fails_the_batch_and_nothing_else)
{
    import_sample();
    size_t size = 4 << 20;
    uint8_t *big = calloc(1, size);
    struct write_record r[] = { record("a", "6", "six"), record("a", "1", "new text"),
                                record("d", "7", "") };
    r[2].value = bytes_of(big, size);
    struct write_batch batch = batch_of(r, 3);

    rlim_t before = limit_file(1 << 20);
    store_write(store, &batch);
    await_answers(1);
    limit_file(before);
    cr_assert_neq(strstr(batch.error, dir), NULL, "%s", batch.error);
    cr_assert(batch.full);
    cr_assert_str_eq(scan_all(), SAMPLE, "all of a batch or none");

    batch.nrecords = 2;
    store_write(store, &batch);
    await_answers(1);
    cr_assert_str_empty(batch.error);
    cr_assert_not(batch.full);
    cr_assert_str_eq(scan_all(), "0.1=one 0.3=three 1.2=two 1.5=six 2.4=four ");
    free(big);
}

/* What belongs to it is not done either, whenever it comes; what does not, is. */
Test(store, what_comes_behind_a_failed_batch_is_not_done)
{
    size_t size = 4 << 20;
    uint8_t *big = calloc(1, size);
    struct write_sequence one = { 0 }, other = { 0 };
    struct write_record r[] = { record("a", "1", ""), record("a", "2", "two"),
                                record("a", "3", "three"), record("a", "4", "four") };
    struct write_batch b[4];
    r[0].value = bytes_of(big, size);
    for (int i = 0; i < 4; i++) {
        b[i] = batch_of(&r[i], 1);
        b[i].sequence = i == 2 ? &other : &one;
    }
    rlim_t before = limit_file(1 << 20);
    store_write(store, &b[0]);
    await_answers(1);
    limit_file(before);
    cr_assert(b[0].full);
    for (int i = 1; i < 4; i++)
        store_write(store, &b[i]);
    await_answers(3);
    cr_assert_neq(strstr(b[1].error, "what came before"), NULL, "%s", b[1].error);
    cr_assert_not(b[1].full);
    cr_assert_str_empty(b[2].error);
    cr_assert_neq(strstr(b[3].error, "what came before"), NULL, "%s", b[3].error);
    cr_assert_str_eq(scan_all(), "0.1=three ");
    free(big);
}

Test(store, closing_waits_for_imports)
{
    MDB_txn *txn = hold_writer();
    queue_many(bytes_of_text("v"));
    mdb_txn_abort(txn);
    close_store();
    await_answers(MANY_BATCHES);
    for (int i = 0; i < MANY_BATCHES; i++)
        cr_assert_str_empty(many[i].error);
    open_store();
    begin();
    cr_assert_eq(count_of(reader), MANY_BATCHES);
    reader_end(reader);
}

/* --- Reopening ---------------------------------------------------------------------- */

Test(store, reopening_keeps_everything)
{
    import_sample();
    uint64_t id = store_id(store);
    close_store();
    open_store();
    cr_assert_eq(store_id(store), id);
    cr_assert_str_eq(scan_all(), SAMPLE);
    cr_assert_eq(import_one("b", "5", "five"), WRITE_NEW);
    cr_assert_eq(import_one("a", "2", "two"), WRITE_UNCHANGED);
    cr_assert_eq(import_one("d", "6", "six"), WRITE_NEW);
    cr_assert_str_eq(scan_all(), "0.1=one 0.3=three 0.5=five 1.2=two 2.4=four 3.6=six ");
}

/* LMDB overwrites a big value in place within one commit, and the smaller one keeps
 * the pages of the larger. */
Test(store, a_big_value_that_shrinks_in_one_commit_is_no_damage)
{
    static char large[9001], small[5001];
    memset(large, 'l', sizeof large - 1);
    memset(small, 's', sizeof small - 1);
    struct write_record both[] = { record("g", "1", large), record("g", "1", small) };
    cr_assert_str_empty(import(both, 2));
    cr_assert_eq(both[1].result, WRITE_UPDATED);
    close_store();
    open_store();
    struct bytes value;
    begin();
    cr_assert_eq(reader_get(reader, bytes_of_text("1"), &value), 1);
    cr_assert(bytes_equal(value, bytes_of_text(small)));
    reader_end(reader);
}

Test(store, two_stores_have_two_ids)
{
    char *other = tmpdir_path(dir, "other");
    struct store *second;
    cr_assert_eq(store_open(&second, other, "posts", NULL, error), 0, "%s", error);
    cr_assert_neq(store_id(second), store_id(store));
    store_close(second);
    free(other);
}

/* Runs in a child; its exit status. Without a loop: grpc must not be forked. */
static int in_child(int (*fn)(void))
{
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0)
        _exit(fn());
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int open_in_use(void)
{
    struct store *s;
    return store_open(&s, dir, "posts", NULL, error) == -1 &&
                   strstr(error, "another process") != NULL
               ? 17
               : 0;
}

Test(store_folder, a_second_process_is_refused, .init = init_folder)
{
    open_store();
    cr_assert_eq(in_child(open_in_use), 17);
    close_store();
    open_store();
    close_store();
    tmpdir_remove(dir);
}

/* Imports one record after the other for as long as it lives, and writes a
 * byte to @fd for each that was answered. */
static int answered_fd;
static struct write_batch endless;
static struct write_record endless_record;
static char endless_id[16];
static unsigned endless_n;

static void import_next(struct write_batch *batch)
{
    if (endless_n > 0 && (batch->error[0] != '\0' || write(answered_fd, "x", 1) != 1))
        _exit(1);
    snprintf(endless_id, sizeof endless_id, "%u", ++endless_n);
    endless_record = record("g", endless_id, endless_id);
    store_write(store, batch);
}

static void import_for_ever(int fd)
{
    answered_fd = fd;
    if (loop_new(&loop, LOOP_IN_UV) != 0 || store_open(&store, dir, "posts", NULL, error) != 0)
        _exit(1);
    endless = batch_of(&endless_record, 1);
    endless.done = import_next;
    import_next(&endless);
    loop_run(loop);
}

Test(store_folder, a_killed_process_loses_nothing_answered, .init = init_folder)
{
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        import_for_ever(fds[1]);
        _exit(1);
    }
    close(fds[1]);
    char x;
    size_t answered = 0;
    while (answered < 20 && read(fds[0], &x, 1) == 1)
        answered++;
    kill(pid, SIGKILL);
    while (read(fds[0], &x, 1) == 1)
        answered++;
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status), "it lived until it was killed");
    cr_assert_geq(answered, 20);

    open_store();
    for (size_t i = 1; i <= answered; i++) {
        char id[16];
        snprintf(id, sizeof id, "%zu", i);
        assert_value(id, id);
    }
    close_store();
    tmpdir_remove(dir);
}

/* --- What is refused
 * ------------------------------------------------------------------------------- */

static void assert_refused(const char *kind, const char *why)
{
    struct store *s = NULL;
    cr_assert_eq(store_open(&s, dir, kind, NULL, error), -1);
    cr_assert_null(s);
    cr_assert_neq(strstr(error, why), NULL, "\"%s\" in: %s", why, error);
    cr_assert_neq(strstr(error, dir), NULL, "the folder in: %s", error);
}

Test(store, another_kind_is_refused)
{
    close_store();
    assert_refused("users", "holds posts, not users");
    open_store();
}

static void put_meta(const char *name, struct bytes value)
{
    MDB_txn *txn;
    MDB_val key = val_of(name, strlen(name)), val = val_of(value.data, value.len);
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(store)->env, NULL, 0, &txn), 0);
    cr_assert_eq(mdb_put(txn, lmdb_store_of(store)->meta, &key, &val, 0), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}

Test(store, a_newer_version_is_refused)
{
    uint8_t version[8];
    be64_write(version, STORE_FORMAT + 1);
    put_meta("version", bytes_of(version, 8));
    close_store();
    assert_refused("users", "newer version");
    cr_assert_neq(strstr(error, "format 4"), NULL, "%s", error);
}

Test(store, damaged_meta_is_refused)
{
    put_meta("store_id", bytes_of_text("short"));
    close_store();
    assert_refused("posts", "damaged");
}

static void write_file(const char *name, const void *data, size_t len)
{
    char *path = tmpdir_path(dir, name);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(data, 1, len, f), len);
    cr_assert_eq(fclose(f), 0);
    free(path);
}

Test(store_folder, a_file_of_something_else_is_refused, .init = init_folder)
{
    static char text[20000] = "This is the diary of somebody who keeps it in data.mdb.";
    write_file("data.mdb", text, sizeof text);
    assert_refused("posts", "not a store");
    write_file("data.mdb", text, 10);
    assert_refused("posts", "not a store");
    tmpdir_remove(dir);
}

Test(store_folder, a_database_of_another_program_is_refused, .init = init_folder)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    MDB_val key = val_of("k", 1), value = val_of("v", 1);
    cr_assert_eq(mdb_env_create(&env), 0);
    cr_assert_eq(mdb_env_open(env, dir, 0, 0600), 0);
    cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    cr_assert_eq(mdb_dbi_open(txn, NULL, 0, &table), 0);
    cr_assert_eq(mdb_put(txn, table, &key, &value, 0), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    assert_refused("posts", "another program");
    tmpdir_remove(dir);
}

Test(store, a_file_cut_short_is_refused)
{
    static uint8_t value[1 << 20];
    struct write_record r = record("a", "1", "");
    r.value = bytes_of(value, sizeof value);
    cr_assert_str_empty(import(&r, 1));
    close_store();
    char *path = tmpdir_path(dir, "data.mdb");
    cr_assert_eq(truncate(path, 16384), 0);
    free(path);
    assert_refused("posts", "damaged");
}

Test(store_folder, a_folder_that_cannot_be_is_refused, .init = init_folder)
{
    char *whole = dir;
    dir = tmpdir_path(whole, "no/such");
    assert_refused("posts", "No such file");
    free(dir);
    dir = tmpdir_path(whole, "file");
    fclose(fopen(dir, "w"));
    assert_refused("posts", "Not a directory");
    free(dir);
    tmpdir_remove(whole);
}

/* --- Damage
 * ------------------------------------------------------------------------------------------ */

static void put_raw(MDB_dbi table, struct bytes name, struct bytes value)
{
    MDB_txn *txn;
    MDB_val key = val_of(name.data, name.len), val = val_of(value.data, value.len);
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(store)->env, NULL, 0, &txn), 0);
    cr_assert_eq(mdb_put(txn, table, &key, &val, 0), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}

Test(store, damaged_entries_are_errors)
{
    import_sample();
    uint8_t nowhere[RECORD_KEY_BYTES] = { 9 };
    put_raw(lmdb_store_of(store)->ids, bytes_of_text("2"), bytes_of_text("short"));
    put_raw(lmdb_store_of(store)->ids, bytes_of_text("3"), bytes_of(nowhere, sizeof nowhere));
    put_raw(lmdb_store_of(store)->groups, bytes_of_text("=c"), bytes_of_text("no number"));

    struct bytes value;
    uint32_t ordinal;
    struct position at = { 0 };
    struct scribe s = { .visit.record = write_down, .most = SIZE_MAX };
    begin();
    cr_assert_eq(reader_get(reader, bytes_of_text("2"), &value), -1);
    cr_assert_neq(strstr(reader_error(reader), "damaged"), NULL);
    cr_assert_eq(reader_get(reader, bytes_of_text("3"), &value), -1);
    cr_assert_eq(reader_group(reader, bytes_of_text("c"), &ordinal), -1);
    put_raw(lmdb_store_of(store)->records, bytes_of_text("zzz"), bytes_of_text("v"));
    reader_end(reader);
    begin();
    cr_assert_eq(reader_scan(reader, &at, UINT32_MAX, &s.visit), -1);
    cr_assert_eq(at.sequence, 4, "what is whole comes first");
    reader_end(reader);

    struct write_record r[] = { record("new", "8", "x"), record("a", "2", "y") };
    cr_assert_str_not_empty(import(r, 2));
    begin();
    cr_assert_eq(reader_get(reader, bytes_of_text("8"), &value), 0,
                 "nothing of the batch is there");
    reader_end(reader);
}
