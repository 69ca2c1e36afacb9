/* What --check finds in a database. Each is what no program of ours has written. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/postgres.h"
#include "lib/store_world.h"

static struct postgres pg;
static struct store_world w;
static char schema[32]; /* of its own, for the server is that of all tests */
static char said[4096];

/* Records 1 to 9 in three groups; 2 and 5 are put again, 3 is deleted, 4 too and comes again as 10.
 */
static void fill(void)
{
    static const char *const groups[] = { "a", "b", "c" };
    for (int i = 1; i < 10; i++)
        store_put_now(&w, groups[i % 3], (char[]){ (char)('0' + i), '\0' }, "first");
    store_put_now(&w, "c", "2", "second");
    store_put_now(&w, "c", "5", "second");
    store_delete_now(&w, "3");
    store_delete_now(&w, "4");
    store_put_now(&w, "b", "4", "again");
}

static void ask(const char *before, const char *after)
{
    char sql[1200];
    snprintf(sql, sizeof sql, "%s %s%s", before, schema, after);
    postgres_ask(&pg, sql);
}

static void init(void)
{
    char options[64];
    snprintf(schema, sizeof schema, "checked_%d", (int)getpid());
    snprintf(options, sizeof options, "options=-csearch_path=%s", schema);
    postgres_share(&pg);
    ask("CREATE SCHEMA", "");
    w.dir = postgres_by_socket(&pg, options);
    store_world_open(&w);
    fill();
}

static void fini(void)
{
    store_world_close(&w);
    ask("DROP SCHEMA", " CASCADE");
    postgres_close(&pg);
}

TestSuite(pg_check, .init = init, .fini = fini);

static void tamper(const char *sql)
{
    char all[1000];
    snprintf(all, sizeof all, "; %s", sql);
    ask("SET search_path =", all);
}

static void write_down(struct store_check *check, const char *line)
{
    (void)check;
    const size_t used = strlen(said);
    snprintf(said + used, sizeof said - used, "%s\n", line);
}

static struct store_check g_check;

static int look(const char *kind)
{
    char error[STORE_ERROR_MAX];
    g_check = (struct store_check){ .read = store_world_read, .problem = write_down };
    said[0] = '\0';
    const int rv = store_check(w.dir, kind, &g_check, error);
    if (rv != 0)
        snprintf(said, sizeof said, "%s", error);
    return rv;
}

/* Each tampering is one problem, or what follows from it. */
static void expect_found(const char *sql, const char *what)
{
    tamper(sql);
    cr_assert_eq(look("posts"), 0, "%s", said);
    cr_assert_gt(g_check.problems, 0, "nothing was found");
    cr_assert_not_null(strstr(said, what), "\"%s\" in: %s", what, said);
}

static void expect_refused(const char *sql, const char *kind, const char *what)
{
    tamper(sql);
    cr_assert_eq(look(kind), -1);
    cr_assert_not_null(strstr(said, what), "\"%s\" in: %s", what, said);
}

/* --- Nothing ------------------------------------------------------------------------ */

/* While a server has it open, as here. */
Test(pg_check, nothing_where_nothing_is_wrong)
{
    cr_assert_eq(look("posts"), 0, "%s", said);
    cr_assert_eq(g_check.problems, 0, "%s", said);
    cr_assert_eq(g_check.records, 8);
    cr_assert_eq(g_check.groups, 3);
    cr_assert_eq(g_check.changes, 14);
}

Test(pg_check, nothing_where_the_log_was_cut)
{
    tamper("DELETE FROM changes WHERE revision < 12");
    cr_assert_eq(look("posts"), 0, "%s", said);
    cr_assert_eq(g_check.problems, 0, "%s", said);
    cr_assert_eq(g_check.changes, 3);
}

/* All of it is one state, whatever is committed meanwhile; and nothing is written. */
static const char *read_and_write(struct store_check *check, struct bytes value,
                                  struct bytes *ret_group, struct bytes *ret_id)
{
    static unsigned calls;
    if (calls++ == 0)
        tamper("UPDATE store SET revision = revision + 1, records = records + 1, "
               "next_sequence = next_sequence + 1; "
               "INSERT INTO records VALUES (0, 11, '11', 15, 'b 11 x'); "
               "INSERT INTO changes VALUES (15, 0, 0, 11, '11', 0)");
    return store_world_read(check, value, ret_group, ret_id);
}

Test(pg_check, nothing_of_what_is_committed_meanwhile)
{
    char error[STORE_ERROR_MAX];
    struct store_check c = { .read = read_and_write, .problem = write_down };
    said[0] = '\0';
    cr_assert_eq(store_check(w.dir, "posts", &c, error), 0, "%s", error);
    cr_assert_eq(c.problems, 0, "%s", said);
    cr_assert_eq(c.records, 8);
    cr_assert_eq(look("posts"), 0);
    cr_assert_eq(g_check.records, 9);
}

/* --- Records ------------------------------------------------------------------------ */

Test(pg_check, a_value_that_is_none)
{
    expect_found("UPDATE records SET value = 'nonsense' WHERE seq = 1",
                 "record 1 of group 0 \"b\": no text of ours");
}

Test(pg_check, a_value_of_another_group)
{
    expect_found("UPDATE records SET value = 'c 1 x' WHERE seq = 1",
                 "it says that it is of another group");
}

Test(pg_check, a_value_of_another_id)
{
    expect_found("UPDATE records SET value = 'b 9 x' WHERE seq = 1", "it is not found by its id");
}

Test(pg_check, a_record_without_a_group)
{
    expect_found("UPDATE records SET grp = 7 WHERE seq = 1",
                 "record 1 of group 7 \"?\": there is no such group");
}

Test(pg_check, a_number_that_was_not_given_out)
{
    expect_found("UPDATE store SET next_sequence = 10",
                 "record 10 of group 0 \"b\": its number was "
                 "not given out yet");
}

Test(pg_check, a_change_that_is_not_known_yet)
{
    expect_found("UPDATE records SET revision = 99 WHERE seq = 1",
                 "its last change is not known yet");
}

Test(pg_check, a_last_change_that_is_of_another_record)
{
    expect_found("UPDATE records SET revision = 2 WHERE seq = 1",
                 "record 1 of group 0 \"b\": the log has something else as its last change");
}

Test(pg_check, records_that_were_not_counted)
{
    expect_found("UPDATE store SET records = 9", "there are 8 records, and 9 were counted");
}

/* --- Groups ------------------------------------------------------------------------- */

Test(pg_check, a_group_that_is_missing)
{
    expect_found("DELETE FROM groups WHERE ordinal = 1",
                 "group 1 is missing in the order of groups");
}

Test(pg_check, the_last_group_that_is_missing)
{
    expect_found("DELETE FROM groups WHERE ordinal = 2", "there are 2 groups, and 3 were made");
}

Test(pg_check, a_group_with_an_id_that_is_too_long)
{
    expect_found("UPDATE groups SET id = convert_to(repeat('x', 300), 'UTF8') WHERE ordinal = 0",
                 "the id of group 0 is damaged");
}

/* --- The log ------------------------------------------------------------------------ */

Test(pg_check, a_gap_in_the_log)
{
    expect_found("DELETE FROM changes WHERE revision = 7", "changes after 6 are missing");
}

Test(pg_check, an_end_that_is_missing)
{
    expect_found("DELETE FROM changes WHERE revision > 12",
                 "14 changes were made, and the last one in the log is 12");
}

Test(pg_check, a_log_that_is_missing)
{
    expect_found("DELETE FROM changes", "14 changes were made, and the last one in the log is 0");
}

Test(pg_check, a_record_that_does_not_know_its_last_change)
{
    expect_found("UPDATE records SET revision = 2 WHERE id = '2'",
                 "change 10: the record \"2\" does not know it");
}

Test(pg_check, a_record_that_is_gone)
{
    expect_found("DELETE FROM records WHERE id = '9'; UPDATE store SET records = 7",
                 "change 9: the record \"9\" is gone, and no change says why");
}

/* Its deletion in the log is of the place where it was before. */
Test(pg_check, a_record_that_came_again_and_is_gone)
{
    expect_found("DELETE FROM records WHERE id = '4'; UPDATE store SET records = 7",
                 "change 14: the record \"4\" is gone, and no change says why");
}

Test(pg_check, a_deletion_that_was_not_done)
{
    expect_found("INSERT INTO records VALUES (2, 3, '3', 3, 'a 3 x'); UPDATE store SET records = 9",
                 "change 12: the record \"3\" does not know it");
}

Test(pg_check, a_change_of_a_record_to_come)
{
    expect_found("UPDATE changes SET seq = 77 WHERE revision = 13",
                 "change 13 is of a record whose number was not given out yet");
}

/* --- What cannot be looked at ------------------------------------------------------- */

Test(pg_check, another_kind)
{
    expect_refused("SELECT 1", "users", "the database postgres holds posts, not users");
}

Test(pg_check, a_newer_format)
{
    expect_refused("UPDATE store SET format = 99; ALTER TABLE store DROP COLUMN records", "posts",
                   "it was written by a newer version");
}

Test(pg_check, an_empty_store)
{
    expect_refused("DELETE FROM store", "posts",
                   "the table store of the database postgres is empty");
}

Test(pg_check, a_table_that_is_missing)
{
    expect_refused("ALTER TABLE changes RENAME TO lost", "posts",
                   "the database postgres has lost its tables changes: restore them from a backup");
}

Test(pg_check, no_server)
{
    free(w.dir);
    w.dir = strdup("host=/nowhere dbname=posts");
    cr_assert_eq(look("posts"), -1);
    cr_assert_not_null(strstr(said, "cannot connect to the database posts: "), "%s", said);
}
