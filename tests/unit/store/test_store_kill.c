/* A process that is killed at any of the writes that it makes: what was committed is there,
 * and the log and the records agree.
 *
 * LMDB's calls of the system come here, since a program's own functions go before those of
 * its libraries. A write of several pages also ends in its middle. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/format_2.h"
#include "lib/tmpdir.h"
#include "store/lmdb/entries.h"

#define PAGE ((size_t)4096)

/* --- The calls ---------------------------------------------------------------------- */

static atomic_uint calls_left; /* 0: nobody is killed */
static bool halfway;           /* the last one is begun */

static bool is_last(void)
{
    return atomic_load(&calls_left) > 0 && atomic_fetch_sub(&calls_left, 1) == 1;
}

static void end_here(void)
{
    kill(getpid(), SIGKILL);
    pause();
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    if (is_last()) {
        if (halfway && n > PAGE)
            syscall(SYS_pwrite64, fd, data, n / 2 / PAGE * PAGE, at);
        end_here();
    }
    return syscall(SYS_pwrite64, fd, data, n, at);
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
    if (is_last()) {
        if (halfway)
            syscall(SYS_writev, fd, parts, n / 2);
        end_here();
    }
    return syscall(SYS_writev, fd, parts, n);
}

int fdatasync(int fd)
{
    if (is_last())
        end_here();
    return (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t bytes)
{
    if (is_last())
        end_here();
    return (int)syscall(SYS_ftruncate, fd, bytes);
}

/* --- Children ----------------------------------------------------------------------- */

enum { DONE = 17, OLD, NEW, KILLED = -SIGKILL };

static struct store_world w;
static char *dir;

/* A loop is never forked: all that is done is done by a child. One in which an assertion
 * fails is stuck, as Criterion knows its own children only: it ends by itself. */
static int in_child(int (*work)(void))
{
    int status;
    const pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(20);
        w = (struct store_world){ .dir = dir };
        _exit(work());
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static unsigned kill_at;

static void arm(void)
{
    atomic_store(&calls_left, kill_at);
}

/* --- The file, before ---------------------------------------------------------------- */

static uint8_t *whole;
static size_t whole_bytes;

static FILE *open_data(const char *how)
{
    char *path = tmpdir_path(dir, "data.mdb");
    FILE *f = fopen(path, how);
    cr_assert_not_null(f);
    free(path);
    return f;
}

static void keep_file(void)
{
    FILE *f = open_data("r");
    fseek(f, 0, SEEK_END);
    whole_bytes = (size_t)ftell(f);
    rewind(f);
    whole = malloc(whole_bytes);
    cr_assert_eq(fread(whole, 1, whole_bytes, f), whole_bytes);
    fclose(f);
}

static void put_file_back(void)
{
    FILE *f = open_data("w");
    cr_assert_eq(fwrite(whole, 1, whole_bytes, f), whole_bytes);
    cr_assert_eq(fclose(f), 0);
}

/* --- What is in it ------------------------------------------------------------------- */

enum { N = 400, LARGE = 9000 };

static void put(int i, const char *text)
{
    char id[16], group[16];
    snprintf(id, sizeof id, "%d", i);
    snprintf(group, sizeof group, "g%d", i % 9);
    store_put(&w, group, id, text);
}

static const char *large(void)
{
    static char text[LARGE + 1];
    memset(text, 'l', LARGE);
    return text;
}

/* In two commits, so that there are pages to be used again. */
static int fill(void)
{
    store_world_open(&w);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < N; i++)
            put(i, pass == 0 ? "before" : i % 50 == 0 ? large() : "after");
        store_commit(&w);
    }
    store_world_stop(&w);
    return DONE;
}

static int fill_format_2(void)
{
    fill();
    store_world_start(&w);
    format_2(&w);
    store_world_stop(&w);
    return DONE;
}

static bool is_filled(void)
{
    for (int i = 0; i < N; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        const char *text = store_get(&w, id);
        if (text == NULL || strcmp(text, i % 50 == 0 ? large() : "after") != 0)
            return false;
    }
    return true;
}

static void init(void)
{
    dir = tmpdir_make();
}

static void fini(void)
{
    free(whole);
    tmpdir_remove(dir);
}

TestSuite(store_kill, .init = init, .fini = fini);

/* Kills @work at each of its writes, once before it and once in its middle, until it gets
 * through; @look is to find nothing wrong each time. Returns how often that found NEW. */
static unsigned kill_each(int (*work)(void), int (*look)(void), unsigned at_least)
{
    unsigned news = 0;
    for (int half = 0; half < 2; half++) {
        halfway = half;
        int ended = KILLED;
        for (kill_at = 1; ended == KILLED; kill_at++) {
            put_file_back();
            ended = in_child(work);
            cr_assert(ended == KILLED || ended == DONE, "it ended with %d", ended);
            const int seen = in_child(look);
            cr_assert(seen == OLD || seen == NEW, "killed at write %u: %d", kill_at, seen);
            cr_assert(ended == KILLED || seen == NEW);
            news += seen == NEW;
        }
        cr_assert_gt(kill_at, at_least);
    }
    return news;
}

/* --- Taking over --------------------------------------------------------------------- */

static int take_over(void)
{
    arm();
    store_world_open(&w);
    return DONE;
}

static bool has_log(void)
{
    struct lmdb_store look = { .dir = dir, .lock_fd = -1 };
    char error[STORE_ERROR_MAX];
    MDB_txn *txn;
    cr_assert_eq(open_env(&look, MDB_RDONLY, error), 0, "%s", error);
    cr_assert_eq(mdb_txn_begin(look.env, NULL, MDB_RDONLY, &txn), 0);
    cr_assert_eq(check_format(&look, txn, "posts", error), 0, "%s", error);
    mdb_txn_abort(txn);
    mdb_env_close(look.env);
    return look.logs;
}

/* As it was left, and then by one that is not killed. */
static int look_at_format(void)
{
    const struct store_check before = store_sound(&w);
    const bool was_new = has_log();
    store_world_open(&w);
    if (before.records != N || before.changes != 0 || !is_filled())
        return 1;
    if (store_put_now(&w, "g0", "0", "changed") != WRITE_UPDATED)
        return 1;
    return store_sound(&w).changes == 1 ? was_new ? NEW : OLD : 1;
}

Test(store_kill, while_a_store_is_taken_over, .timeout = 60)
{
    cr_assert_eq(in_child(fill_format_2), DONE);
    keep_file();
    cr_assert_geq(kill_each(take_over, look_at_format, 4), 2);
}

/* --- Commits ------------------------------------------------------------------------- */

/* Updates, deletes, new records and groups, and large values of each. Record 0 is large
 * before, and unchanged. */
static int change(void)
{
    store_world_open(&w);
    for (int i = 0; i < N; i += 7)
        put(i, i % 3 == 0 ? large() : "changed");
    for (int i = 1; i < N; i += 7) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        store_delete(&w, id);
    }
    for (int i = N; i < N + 50; i++)
        put(i, i % 10 == 0 ? large() : "new");
    store_put(&w, "new", "x", "new");
    arm();
    store_commit(&w);
    return DONE;
}

static bool has(const char *id, const char *want)
{
    const char *text = store_get(&w, id);
    return want == NULL ? text == NULL : text != NULL && strcmp(text, want) == 0;
}

/* All of the batch or none, and of the log the same. */
static int look_at_batch(void)
{
    const struct store_check c = store_sound(&w);
    store_world_open(&w);
    const struct store_stats s = store_figures(&w);
    if (c.changes != s.revision || s.changes != s.revision)
        return 1;
    if (s.revision == 2 * N)
        return s.records == N && is_filled() ? OLD : 1;
    const bool right = has("0", large()) && has("1", NULL) && has("7", "changed") &&
                       has("449", "new") && has("440", large()) && has("x", "new") &&
                       s.groups == 10;
    return right && s.records == N - 57 + 51 && s.revision == 2 * N + 57 + 57 + 51 ? NEW : 1;
}

Test(store_kill, while_it_commits, .timeout = 60)
{
    cr_assert_eq(in_child(fill), DONE);
    keep_file();
    cr_assert_geq(kill_each(change, look_at_batch, 4), 2);
}
