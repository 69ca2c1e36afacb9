/* What --db may be where it names a database, and what is made of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/leaks.h"
#include "lib/tmpdir.h"
#include "store/postgres/pg_target.h"

static struct pg_target *g_target;
static char g_error[STORE_ERROR_MAX];

/* What the machine has set does not count here. */
static void init(void)
{
    static const char *const names[] = { "PGHOST",    "PGHOSTADDR",    "PGPORT",    "PGDATABASE",
                                         "PGUSER",    "PGPASSWORD",    "PGSERVICE", "PGSSLMODE",
                                         "PGOPTIONS", "PGSERVICEFILE", "PGPASSFILE" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
}

static void fini(void)
{
    pg_target_free(g_target);
}

TestSuite(pg_target, .init = init, .fini = fini);

static void read_target(const char *db)
{
    pg_target_free(g_target);
    g_target = NULL;
    cr_assert_eq(pg_target_new(&g_target, db, g_error), 0, "%s: %s", db, g_error);
}

static void assert_refused(const char *db, const char *why)
{
    cr_assert_eq(pg_target_new(&g_target, db, g_error), -1, "%s", db);
    cr_assert_not_null(strstr(g_error, why), "%s: %s", db, g_error);
    cr_assert_null(strstr(g_error, "secret"), "%s", g_error);
}

static void assert_host(size_t at, const char *name, const char *addr, const char *port)
{
    cr_assert_gt(g_target->nhosts, at);
    cr_assert_str_eq(g_target->hosts[at].name, name);
    cr_assert_str_eq(g_target->hosts[at].addr, addr);
    cr_assert_str_eq(g_target->hosts[at].port, port);
}

Test(pg_target, is_told_from_a_folder)
{
    static const char *const databases[] = {
        "postgres://localhost/posts", "postgresql:///posts", "service=posts",
        "host=a dbname=posts",        "dbname = posts",      "port=5433",
    };
    static const char *const folders[] = {
        "data/posts", "/var/lib/posts", "posts", ".",       "",          "a=b",
        "./host=a",   "postgres",       "host",  "hosts=a", "/a/host=b",
    };
    for (size_t i = 0; i < sizeof databases / sizeof databases[0]; i++)
        cr_assert(pg_target_is(databases[i]), "%s", databases[i]);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        cr_assert_not(pg_target_is(folders[i]), "%s", folders[i]);
}

Test(pg_target, has_hosts_with_their_ports)
{
    read_target("postgres://db-1:5433,db-2:5434/posts?target_session_attrs=read-write");
    cr_assert_str_eq(g_target->name, "posts");
    cr_assert_eq(g_target->nhosts, 2);
    assert_host(0, "db-1", "", "5433");
    assert_host(1, "db-2", "", "5434");
    read_target("host=db-1,/run/postgresql hostaddr=192.0.2.1, port=5435 dbname=posts");
    cr_assert_eq(g_target->nhosts, 2);
    assert_host(0, "db-1", "192.0.2.1", "5435");
    assert_host(1, "/run/postgresql", "", "5435");
    read_target("hostaddr=192.0.2.1,192.0.2.2 dbname=posts");
    assert_host(1, "", "192.0.2.2", "5432");
    read_target("dbname=posts");
    cr_assert_eq(g_target->nhosts, 1);
    assert_host(0, "", "", "5432");
    cr_assert(pg_host_is_socket(&g_target->hosts[0]));
}

Test(pg_target, verifies_who_is_not_of_this_machine)
{
    static const struct {
        const char *db;
        bool verifies;
    } rows[] = {
        { "postgres://db-1/posts", true },
        { "postgres://192.0.2.1/posts", true },
        { "postgres://[2001:db8::1]/posts", true },
        { "postgres://localhost,db-2/posts", true },
        { "host=localhost hostaddr=192.0.2.1 dbname=posts", true },
        { "postgres://db-1/posts?sslmode=require", false },
        { "postgres://db-1/posts?sslmode=prefer", false },
        { "postgres://db-1/posts?sslmode=disable", false },
        { "postgres:///posts", false },
        { "postgres://localhost/posts", false },
        { "postgres://127.0.0.1,[::1]/posts", false },
        { "host=/run/postgresql dbname=posts", false },
        { "host=@posts dbname=posts", false },
        { "host=db-1 hostaddr=127.0.0.1 dbname=posts", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_target(rows[i].db);
        cr_assert_eq(g_target->verifies, rows[i].verifies, "%s", rows[i].db);
    }
}

/* Only in --db itself: libpq's own default is the same word. */
Test(pg_target, takes_another_mode_from_a_variable)
{
    setenv("PGSSLMODE", "require", 1);
    read_target("postgres://db-1/posts");
    cr_assert_not(g_target->verifies);
    setenv("PGSSLMODE", "prefer", 1);
    read_target("postgres://db-1/posts");
    cr_assert(g_target->verifies);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

Test(pg_target, reads_the_service_file)
{
    char *dir = tmpdir_make(), *path = tmpdir_path(dir, "services");
    setenv("PGSERVICEFILE", path, 1);
    write_file(path, "[posts]\nhost=db-1,db-2\nport=5433\ndbname=all_posts\npassword=secret\n"
                     "[asks]\nhost=db-1\nsslmode=verify-ca\n");
    read_target("service=posts");
    cr_assert_str_eq(g_target->name, "all_posts");
    assert_host(1, "db-2", "", "5433");
    cr_assert(g_target->verifies);
    read_target("service=asks dbname=posts");
    cr_assert_str_eq(g_target->name, "posts");
    cr_assert_not(g_target->verifies);
    assert_refused("service=others", "others");
    tmpdir_remove(dir);
    free(path);
}

Test(pg_target, refuses_a_password)
{
    assert_refused("postgres://posts:secret@db-1/posts", "PGPASSFILE");
    assert_refused("postgres://db-1/posts?password=secret", "PGPASSFILE");
    assert_refused("host=db-1 password=secret", "PGPASSFILE");
    assert_refused("host=db-1 sslpassword=secret", "PGPASSFILE");
}

/* It is not repeated: there may be one in it. */
Test(pg_target, refuses_what_cannot_be_read)
{
    assert_refused("postgres://posts:secret@[db-1/posts", "neither");
    assert_refused("postgres://posts:secret@db-1/posts?secret=1", "neither");
    assert_refused("host=db-1 password=very secret", "neither");
    assert_refused("host=a,b hostaddr=192.0.2.1", "could not match");
    assert_refused("postgres://a/posts?sslmode=maybe", "sslmode");
    assert_refused("host=,,,,,,,,,,,,,,,,", "too many hosts");
}

Test(pg_target, leaves_nothing_behind)
{
    read_target("postgres://db-1,db-2/posts");
    assert_refused("host=db-1 password=secret", "password");
    pg_target_free(g_target);
    g_target = NULL;
    assert_no_leaks();
}
