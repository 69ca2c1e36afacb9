/* Connecting to a real PostgreSQL, and what stands in the way. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

/* Names are looked up by other threads than the loop's. What they ask waits at a gate, if
 * that is shut. */
static __thread bool g_watching;
static unsigned g_lookups;
static bool g_gated;
static atomic_uint g_at_gate;
static sem_t g_gate;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (g_watching && (hints == NULL || (hints->ai_flags & AI_NUMERICHOST) == 0))
        g_lookups++;
    if (g_gated) {
        g_at_gate++;
        sem_wait(&g_gate);
    }
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

static bool g_opened;

static void open_gate(struct timer *timer)
{
    (void)timer;
    g_opened = true;
    sem_post(&g_gate);
    sem_post(&g_gate);
}

/* libuv is still at it when nobody wants to know any more: the loop stays. */
Test(pg_connect, is_given_up_while_a_name_is_looked_up)
{
    struct timer timer = { .fired = open_gate };
    sem_init(&g_gate, 0, 0);
    g_gated = true;
    pg_world_pool(&g_world, db_of("host=localhost,127.0.0.1,localhost port=1"));
    LOOP_UNTIL(g_world.loop, g_at_gate == 2);
    pg_pool_free(g_world.pool);
    g_world.pool = NULL;
    timer_start(g_world.loop, &timer, 20);
    loop_stop(g_world.loop);
    loop_run(g_world.loop);
    cr_assert(g_opened);
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

/* A relay that takes TLS and speaks plaintext to the server's socket. Its records are as
 * large as they may be: those of newer servers and of poolers are, of the one here not. */
struct relay {
    pthread_t thread;
    int listener, port, server;
    SSL_CTX *context;
    SSL *ssl;
};

static void *answer_all(void *arg)
{
    struct relay *r = arg;
    static char block[16384];
    const int client = SSL_get_fd(r->ssl);
    struct pollfd fds[2] = { { client, POLLIN, 0 }, { r->server, POLLIN, 0 } };
    size_t n = 0;
    for (;;) {
        /* a record that is not full goes out when nothing more comes */
        const int ready = poll(fds, 2, n > 0 ? 5 : -1);
        ssize_t got = 1;
        if (ready > 0 && fds[0].revents != 0) {
            static char up[16384];
            got = SSL_read(r->ssl, up, sizeof up);
            if (got > 0)
                got = send(r->server, up, (size_t)got, MSG_NOSIGNAL);
        } else if (ready > 0) {
            got = recv(r->server, block + n, sizeof block - n, 0);
            n += got > 0 ? (size_t)got : 0;
        }
        if (got <= 0)
            return NULL;
        if (n == sizeof block || ready == 0) {
            SSL_write(r->ssl, block, (int)n);
            n = 0;
        }
    }
}

/* It begins as PostgreSQL does: eight bytes that ask for TLS, and an S. */
static void *relay(void *arg)
{
    struct relay *r = arg;
    char asked[8];
    const int client = accept(r->listener, NULL, NULL);
    cr_assert_eq(recv(client, asked, sizeof asked, MSG_WAITALL), 8);
    cr_assert_eq(send(client, "S", 1, MSG_NOSIGNAL), 1);
    r->ssl = SSL_new(r->context);
    SSL_set_fd(r->ssl, client);
    if (SSL_accept(r->ssl) == 1)
        answer_all(r);
    SSL_free(r->ssl);
    close(client);
    return NULL;
}

static void relay_start(struct relay *r)
{
    char pem[300], key[300];
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(pem, sizeof pem, "%s/server.pem", g_certs);
    snprintf(key, sizeof key, "%s/server.key", g_certs);
    snprintf(a.sun_path, sizeof a.sun_path, "%s/.s.PGSQL.%d", g_world.pg.dir, g_world.pg.port);
    r->context = SSL_CTX_new(TLS_server_method());
    cr_assert_eq(SSL_CTX_use_certificate_file(r->context, pem, SSL_FILETYPE_PEM), 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey_file(r->context, key, SSL_FILETYPE_PEM), 1);
    r->port = deaf_port(&r->listener, true);
    r->server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(r->server, (const struct sockaddr *)&a, sizeof a), 0);
    pthread_create(&r->thread, NULL, relay, r);
}

static void relay_stop(struct relay *r)
{
    pthread_join(r->thread, NULL);
    SSL_CTX_free(r->context);
    close(r->server);
    close(r->listener);
}

Test(pg_connect_tls, with_large_records)
{
    struct relay r = { 0 };
    relay_start(&r);
    g_world.options.each.statement_timeout_ms = 1000;
    connects_to(db_of("host=127.0.0.1 port=%d user=%s dbname=postgres sslmode=require "
                      "channel_binding=disable",
                      r.port, POSTGRES_USER));
    /* so that what libpq has of a row leaves too little room in its buffer for a record */
    for (int n = 1; n < 40; n++) {
        char sql[80];
        snprintf(sql, sizeof sql, "SELECT repeat('x', 7000) FROM generate_series(1, %d)", n);
        question_ask(&g_q, &g_world, sql);
        question_works(&g_q, &g_world);
    }
    pg_pool_free(g_world.pool);
    g_world.pool = NULL;
    relay_stop(&r);
}
