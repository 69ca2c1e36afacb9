#include "postgres.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <postgresql/libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tmpdir.h"

#define SHARED "POSTGRES_OF_ALL" /* tells the tests where that is: folder and port */

#define START_MS 20000

static void give_up(const char *what)
{
    fprintf(stderr, "postgres: %s\n", what);
    exit(1);
}

static void must(bool holds, const char *what)
{
    if (!holds)
        give_up(what);
}

/* --- Processes ---------------------------------------------------------------------- */

/* A server does not run as root. */
static void become_ordinary(void)
{
    const struct passwd *nobody = getuid() == 0 ? getpwnam("nobody") : NULL;
    if (nobody != NULL &&
        (setgroups(0, NULL) != 0 || setgid(nobody->pw_gid) != 0 || setuid(nobody->pw_uid) != 0))
        give_up("cannot become nobody");
}

void postgres_own(const char *path)
{
    const struct passwd *nobody = getuid() == 0 ? getpwnam("nobody") : NULL;
    if (nobody != NULL && chown(path, nobody->pw_uid, nobody->pw_gid) != 0)
        give_up(path);
}

/* The newest; Debian does not have them in PATH. */
static const char *program(const char *name)
{
    static char path[256];
    char pattern[128];
    glob_t found;
    snprintf(pattern, sizeof pattern, "/usr/lib/postgresql/*/bin/%s", name);
    if (glob(pattern, 0, NULL, &found) != 0)
        give_up("is not installed: see .ci/packages");
    snprintf(path, sizeof path, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    return path;
}

static void log_to(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
}

/* Runs it to its end, as an ordinary user. */
static void run(const char *log, char *const argv[])
{
    int status;
    const pid_t pid = fork();
    if (pid == 0) {
        become_ordinary();
        log_to(log);
        execvp(argv[0], argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        give_up(argv[0]);
}

/* --- The server --------------------------------------------------------------------- */

/* Sends a signal to the children of the server, which are sessions of their own, and to it. */
static void signal_all(pid_t pid, int signo)
{
    char path[64];
    int child;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "r");
    while (f != NULL && fscanf(f, "%d", &child) == 1)
        kill(child, signo);
    if (f != NULL)
        fclose(f);
    kill(pid, signo);
}

static pid_t spawn_server(const struct postgres *pg)
{
    char port[16], *data = tmpdir_path(pg->dir, "data"), *log = tmpdir_path(pg->dir, "log");
    const pid_t pid = fork();
    if (pid == 0) {
        snprintf(port, sizeof port, "%d", pg->port);
        log_to(log);
        execv(program("postgres"),
              (char *[]){ "postgres", "-D", data, "-k", pg->dir, "-p", port, NULL });
        _exit(127);
    }
    return pid;
}

/* The process between: it ends the server when the leash breaks, even a frozen one. */
static void keep(const struct postgres *pg, int leash, int answer)
{
    char byte;
    dup2(leash, 3);
    dup2(answer, 4);
    close_range(5, ~0u, 0);
    become_ordinary();
    const pid_t pid = spawn_server(pg);
    if (write(4, &pid, sizeof pid) != sizeof pid)
        _exit(1);
    while (read(3, &byte, 1) > 0)
        ;
    signal_all(pid, SIGCONT);
    kill(pid, SIGQUIT);
    waitpid(pid, NULL, 0);
    _exit(0);
}

static bool answers(const struct postgres *pg)
{
    char *db = postgres_by_socket(pg, "");
    const bool yes = PQping(db) == PQPING_OK;
    free(db);
    return yes;
}

void postgres_start(struct postgres *pg)
{
    int leash[2], answer[2];
    const struct timespec pause = { .tv_nsec = 5000000 };
    must(pipe2(leash, O_CLOEXEC) == 0 && pipe2(answer, O_CLOEXEC) == 0, "no pipe");
    pg->keeper = fork();
    if (pg->keeper == 0) {
        close(leash[1]);
        /* above what keep() puts in their places */
        keep(pg, fcntl(leash[0], F_DUPFD, 10), fcntl(answer[1], F_DUPFD, 10));
    }
    close(leash[0]);
    close(answer[1]);
    pg->leash = leash[1];
    must(read(answer[0], &pg->pid, sizeof pg->pid) == sizeof pg->pid, "no server");
    close(answer[0]);
    for (int ms = 0; !answers(pg); ms += 5) {
        must(ms < START_MS, "the server does not answer: see its log, in a folder of the test");
        nanosleep(&pause, NULL);
    }
}

void postgres_stop(struct postgres *pg)
{
    close(pg->leash);
    waitpid(pg->keeper, NULL, 0);
}

void postgres_freeze(struct postgres *pg)
{
    signal_all(pg->pid, SIGSTOP);
}

void postgres_thaw(struct postgres *pg)
{
    signal_all(pg->pid, SIGCONT);
}

static int free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(fd, (const struct sockaddr *)&a, sizeof a) == 0, "no port is free");
    getsockname(fd, (struct sockaddr *)&a, &len);
    close(fd);
    return ntohs(a.sin_port);
}

static void configure(const struct postgres *pg, const char *settings)
{
    char *path = tmpdir_path(pg->dir, "data/postgresql.conf");
    FILE *f = fopen(path, "a");
    must(f != NULL, path);
    fprintf(f,
            "listen_addresses = '127.0.0.1'\nfsync = off\nshared_buffers = 16MB\n"
            "max_connections = 100\nautovacuum = off\njit = off\n%s\n",
            settings);
    fclose(f);
    free(path);
}

static void initdb(const struct postgres *pg)
{
    char program_path[256], *pwfile;
    char *data = tmpdir_path(pg->dir, "data"), *log = tmpdir_path(pg->dir, "log");
    char *password = tmpdir_path(pg->dir, "password");
    FILE *f = fopen(password, "w");
    must(f != NULL && fputs(POSTGRES_PASSWORD "\n", f) >= 0 && fclose(f) == 0, password);
    must(asprintf(&pwfile, "--pwfile=%s", password) > 0, "out of memory");
    snprintf(program_path, sizeof program_path, "%s", program("initdb"));
    run(log, (char *[]){ program_path, "-D", data, "-U", POSTGRES_USER, pwfile,
                         "--auth-local=trust", "--auth-host=scram-sha-256", "--locale=C.UTF-8",
                         "--no-sync", "--wal-segsize=1", NULL });
    free(data);
    free(log);
    free(password);
    free(pwfile);
}

void postgres_open(struct postgres *pg, const char *settings)
{
    *pg = (struct postgres){ .dir = tmpdir_make(), .port = free_port() };
    postgres_own(pg->dir);
    initdb(pg);
    configure(pg, settings);
    postgres_start(pg);
}

void postgres_close(struct postgres *pg)
{
    if (pg->dir == NULL)
        return;
    postgres_ask(NULL, NULL);
    if (pg->keeper != 0) {
        postgres_stop(pg);
        tmpdir_remove(pg->dir);
    } else {
        free(pg->dir);
    }
    *pg = (struct postgres){ 0 };
}

/* --- The one of all tests ----------------------------------------------------------- */

static struct postgres g_shared;

/* In a program that uses this file. */
ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    char *where;
    (void)tests;
    postgres_open(&g_shared, "");
    must(asprintf(&where, "%s %d", g_shared.dir, g_shared.port) > 0, "out of memory");
    setenv(SHARED, where, 1);
    free(where);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    (void)stats;
    postgres_close(&g_shared);
}

void postgres_share(struct postgres *pg)
{
    const char *where = getenv(SHARED);
    *pg = (struct postgres){ 0 };
    must(sscanf(where, "%ms %d", &pg->dir, &pg->port) == 2, where);
}

/* --- What is asked of it ------------------------------------------------------------ */

static char *uri(const char *format, const struct postgres *pg, const char *more)
{
    char *db;
    cr_assert_gt(asprintf(&db, format, pg->dir, pg->port, more), 0);
    return db;
}

char *postgres_by_socket(const struct postgres *pg, const char *more)
{
    return uri("host=%s port=%d user=" POSTGRES_USER " dbname=postgres %s", pg, more);
}

char *postgres_by_port(const struct postgres *pg, const char *more)
{
    return uri("host=127.0.0.1 options='-c application_name=%s' port=%d user=" POSTGRES_USER
               " dbname=postgres %s",
               pg, more);
}

const char *postgres_ask(struct postgres *pg, const char *sql)
{
    static PGresult *result;
    PQclear(result);
    result = NULL;
    if (sql == NULL)
        return "";
    char *db = postgres_by_socket(pg, "options='-c client_min_messages=error'");
    PGconn *conn = PQconnectdb(db);
    free(db);
    result = PQexec(conn, sql);
    const ExecStatusType status = PQresultStatus(result);
    cr_assert(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s: %s", sql,
              PQerrorMessage(conn));
    PQfinish(conn);
    return PQntuples(result) > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "";
}
