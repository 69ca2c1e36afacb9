/* Connecting to a real PostgreSQL, and what stands in the way. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "lib/certs.h"
#include "lib/leaks.h"
#include "lib/pg_world.h"
#include "lib/tmpdir.h"

static struct pg_world g_world;
static struct question g_q;

static void init(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    setenv("PGPASSWORD", POSTGRES_PASSWORD, 1);
    pg_world_open(&g_world, NULL);
}

static void fini(void)
{
    pg_world_close(&g_world);
    assert_no_leaks();
}

TestSuite(pg_connect, .init = init, .fini = fini);

static void connects_to(char *db)
{
    pg_world_pool(&g_world, db);
    LOOP_UNTIL(g_world.loop, g_world.changes > 0);
    cr_assert_eq(pg_pool_health(g_world.pool), PG_UP, "%s", pg_pool_error(g_world.pool)->line);
    question_ask(&g_q, &g_world, "SELECT 'hello'");
    question_works(&g_q, &g_world);
    cr_assert_str_eq(g_q.texts[0], "hello");
}

static const struct pg_error *fails_to(char *db, enum pg_trouble trouble, const char *why)
{
    pg_world_pool(&g_world, db);
    LOOP_UNTIL(g_world.loop, g_world.changes > 0);
    cr_assert_eq(pg_pool_health(g_world.pool), PG_DOWN);
    const struct pg_error *e = pg_pool_error(g_world.pool);
    cr_assert_eq(e->trouble, trouble, "%s", e->line);
    cr_assert_not_null(strstr(e->line, why), "%s", e->line);
    cr_assert_eq(strncmp(e->line, "cannot connect to the database ", 31), 0, "%s", e->line);
    return e;
}

static char *db_of(const char *format, ...)
{
    char *db;
    va_list args;
    va_start(args, format);
    cr_assert_gt(vasprintf(&db, format, args), 0);
    va_end(args);
    return db;
}

/* A port of loopback that is bound: it takes connections and says nothing if @listens, and
 * refuses them else. */
static int deaf_port(int *ret_fd, bool listens)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(*ret_fd, (const struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(getsockname(*ret_fd, (struct sockaddr *)&a, &len), 0);
    cr_assert(!listens || listen(*ret_fd, 8) == 0);
    return ntohs(a.sin_port);
}

Test(pg_connect, by_its_socket)
{
    connects_to(postgres_by_socket(&g_world.pg, ""));
}

Test(pg_connect, by_its_port_with_a_password)
{
    connects_to(postgres_by_port(&g_world.pg, ""));
}

/* On the loop's thread names are not looked up. */
static __thread bool g_watching;
static unsigned g_lookups;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (g_watching && (hints == NULL || (hints->ai_flags & AI_NUMERICHOST) == 0))
        g_lookups++;
    return real(node, service, hints, found);
}

Test(pg_connect, by_a_name_and_as_a_uri)
{
    g_watching = true;
    connects_to(db_of("postgres://%s@localhost:%d/postgres", POSTGRES_USER, g_world.pg.port));
    question_ask(&g_q, &g_world,
                 "SELECT application_name FROM pg_stat_activity "
                 "WHERE pid = pg_backend_pid()");
    question_works(&g_q, &g_world);
    cr_assert_str_eq(g_q.texts[0], program_invocation_short_name);
    cr_assert_eq(g_lookups, 0);
}

Test(pg_connect, with_a_wrong_password)
{
    setenv("PGPASSWORD", "a-guess", 1);
    const struct pg_error *e = fails_to(postgres_by_port(&g_world.pg, ""), PG_DENIED,
                                        "password authentication failed for user \"posts\"");
    cr_assert_str_eq(e->sqlstate, "28P01");
}

Test(pg_connect, to_a_database_that_is_missing)
{
    const struct pg_error *e = fails_to(postgres_by_socket(&g_world.pg, "dbname=nowhere"),
                                        PG_MISSING, "database \"nowhere\" does not exist");
    cr_assert_str_eq(e->sqlstate, "3D000");
}

Test(pg_connect, where_nobody_listens)
{
    int fd;
    const int port = deaf_port(&fd, false);
    fails_to(db_of("host=127.0.0.1 port=%d", port), PG_AGAIN, "Connection refused");
    fails_to(db_of("host=%s port=1", g_world.pg.dir), PG_AGAIN, "No such file or directory");
    close(fd);
}

Test(pg_connect, to_a_name_that_is_unknown)
{
    fails_to(db_of("host=nowhere.invalid sslmode=disable"), PG_AGAIN,
             "cannot find nowhere.invalid");
}

/* libuv is still at it when nobody wants to know any more. */
Test(pg_connect, is_given_up_while_a_name_is_looked_up)
{
    pg_world_pool(&g_world, db_of("host=localhost,localhost,127.0.0.1 port=1"));
    pg_world_pool(&g_world, db_of("host=localhost,nowhere.invalid port=1 sslmode=disable"));
    loop_turns(g_world.loop, 1);
    cr_assert_eq(g_world.changes, 0);
}

Test(pg_connect, where_nobody_answers)
{
    int fd;
    const int port = deaf_port(&fd, true);
    g_world.options.each.connect_timeout_ms = 50;
    fails_to(db_of("host=127.0.0.1 port=%d", port), PG_AGAIN, "no answer within 50 ms");
    close(fd);
}

/* The first does not answer, which takes the time of the first attempt; the second does. */
Test(pg_connect, to_the_next_host_after_one_that_does_not_answer)
{
    int fd;
    const int port = deaf_port(&fd, true);
    g_world.options.each.connect_timeout_ms = 500;
    pg_world_pool(&g_world, db_of("host=127.0.0.1,%s port=%d,%d user=%s dbname=postgres",
                                  g_world.pg.dir, port, g_world.pg.port, POSTGRES_USER));
    question_ask(&g_q, &g_world, "SELECT 'hello'");
    question_works(&g_q, &g_world);
    close(fd);
}

/* libpq goes on by itself, on another descriptor. */
Test(pg_connect, to_the_next_host_after_one_that_refuses)
{
    int fd;
    const int port = deaf_port(&fd, false);
    connects_to(db_of("host=127.0.0.1,localhost,%s port=%d,%d,%d user=%s dbname=postgres",
                      g_world.pg.dir, port, port, g_world.pg.port, POSTGRES_USER));
    cr_assert_null(pg_pool_error(g_world.pool));
    close(fd);
}

Test(pg_connect, to_a_standby_only)
{
    fails_to(postgres_by_socket(&g_world.pg, "target_session_attrs=standby"), PG_AGAIN,
             "server is not in hot standby mode");
}

Test(pg_connect, without_a_table_that_is_prepared_for)
{
    static const struct pg_statement statements[] = { { "one", "SELECT 1" },
                                                      { "list", "SELECT * FROM missing" } };
    g_world.options.each.statements = statements;
    g_world.options.each.nstatements = 2;
    pg_world_pool(&g_world, postgres_by_socket(&g_world.pg, ""));
    LOOP_UNTIL(g_world.loop, g_world.changes > 0);
    const struct pg_error *e = pg_pool_error(g_world.pool);
    cr_assert_eq(e->trouble, PG_MISSING);
    cr_assert_str_eq(e->line, "cannot use the database postgres: "
                              "relation \"missing\" does not exist");
    postgres_ask(&g_world.pg, "CREATE TABLE missing ()");
    LOOP_UNTIL(g_world.loop, pg_pool_health(g_world.pool) == PG_UP);
    postgres_ask(&g_world.pg, "DROP TABLE missing");
}

/* --- TLS ---------------------------------------------------------------------------- */

static char *g_certs;

static void own(const char *name, mode_t mode)
{
    char *path = tmpdir_path(g_certs, name);
    cr_assert_eq(chmod(path, mode), 0);
    postgres_own(path);
    free(path);
}

static void init_tls(void)
{
    static char settings[512];
    log_init("test", LOG_ERROR, LOG_TEXT);
    setenv("PGPASSWORD", POSTGRES_PASSWORD, 1);
    g_certs = tmpdir_make();
    certs_make(g_certs, "ca", NULL, CERT_CA);
    certs_make(g_certs, "other-ca", NULL, CERT_CA);
    certs_make(g_certs, "server", "ca", 0);
    own("server.key", 0600);
    own("server.pem", 0644);
    own("", 0700);
    snprintf(settings, sizeof settings,
             "ssl = on\nssl_cert_file = '%s/server.pem'\nssl_key_file = '%s/server.key'", g_certs,
             g_certs);
    pg_world_open(&g_world, settings);
}

static void fini_tls(void)
{
    fini();
    tmpdir_remove(g_certs);
}

TestSuite(pg_connect_tls, .init = init_tls, .fini = fini_tls);

static char *verified(const char *host, const char *ca)
{
    return db_of(
        "host=%s port=%d user=%s dbname=postgres sslmode=verify-full sslrootcert=%s/%s.pem", host,
        g_world.pg.port, POSTGRES_USER, g_certs, ca);
}

/* Its name, not the address that was found for it, is what the certificate has. */
Test(pg_connect_tls, verified)
{
    connects_to(verified("localhost", "ca"));
    question_ask(&g_q, &g_world, "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    question_works(&g_q, &g_world);
    cr_assert_str_eq(g_q.texts[0], "TLSv1.3");
}

Test(pg_connect_tls, of_a_ca_that_is_not_trusted)
{
    fails_to(verified("localhost", "other-ca"), PG_AGAIN, "certificate verify failed");
}

/* More than a record, which OpenSSL keeps where no descriptor tells of it. */
Test(pg_connect_tls, with_large_answers)
{
    connects_to(verified("localhost", "ca"));
    for (int kib = 1; kib < 200; kib += 7) {
        char sql[80];
        snprintf(sql, sizeof sql, "SELECT repeat('x', %d * 1024 + %d)", kib, kib % 5);
        question_ask(&g_q, &g_world, sql);
        question_works(&g_q, &g_world);
        cr_assert_eq(g_q.bytes, kib * 1024 + kib % 5);
    }
}
