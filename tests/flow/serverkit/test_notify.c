/* What a service manager hears: the test is the manager, at a socket. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "lib/tmpdir.h"
#include "serverkit/daemon/notify.h"

static char *g_dir;
static int g_socket;

static void open_manager(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    g_dir = tmpdir_make();
    snprintf(a.sun_path, sizeof a.sun_path, "%s/notify", g_dir);
    g_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(g_socket, (struct sockaddr *)&a, sizeof a), 0);
    setenv("NOTIFY_SOCKET", a.sun_path, 1);
}

static void close_manager(void)
{
    close(g_socket);
    tmpdir_remove(g_dir);
}

/* What came next; "": nothing. */
static const char *heard(void)
{
    static char line[128];
    const ssize_t n = recv(g_socket, line, sizeof line - 1, 0);
    line[n < 0 ? 0 : n] = '\0';
    return line;
}

TestSuite(notify, .init = open_manager, .fini = close_manager);

Test(notify, sends_a_line)
{
    notify_send("READY=1");
    cr_assert_str_eq(heard(), "READY=1");
    cr_assert_str_eq(heard(), "");
}

Test(notify, nobody_listens)
{
    close(g_socket);
    notify_send("READY=1"); /* no more than a debug line */
    unsetenv("NOTIFY_SOCKET");
    notify_send("READY=1");
    setenv("NOTIFY_SOCKET", "nonsense", 1);
    notify_send("READY=1");
}

Test(notify, no_watchdog_unless_asked_for)
{
    struct loop *loop;
    struct notify_watchdog *w;
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    unsetenv("WATCHDOG_USEC");
    cr_assert_eq(notify_watchdog_start(&w, &loop, 1), 0);
    cr_assert_null(w);
    setenv("WATCHDOG_USEC", "3000000", 1);
    setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
    cr_assert_eq(notify_watchdog_start(&w, &loop, 1), 0);
    cr_assert_null(w);
    notify_watchdog_stop(w);
    loop_free(loop);
    notify_watchdog_free(w);
}

static void *run(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void on_stop(struct loop *loop, void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* While the second loop does not run, the manager must not be told that all is
 * well: but for the first time, when nothing was asked yet. */
Test(notify, the_watchdog_is_fed_only_while_every_loop_lives)
{
    struct loop *loops[2];
    struct notify_watchdog *w;
    pthread_t thread;
    cr_assert_eq(loop_new(&loops[0], LOOP_IN_UV), 0);
    cr_assert_eq(loop_new(&loops[1], LOOP_IN_UV), 0);
    setenv("WATCHDOG_USEC", "15000", 1); /* a question every 5 ms */
    unsetenv("WATCHDOG_PID");
    cr_assert_eq(notify_watchdog_start(&w, loops, 2), 0);
    cr_assert_not_null(w);

    LOOP_UNTIL(loops[0], strcmp(heard(), "WATCHDOG=1") == 0);
    const uint64_t since_ms = loop_now_ms(loops[0]);
    LOOP_UNTIL(loops[0], loop_now_ms(loops[0]) > since_ms + 50);
    cr_assert_str_eq(heard(), "", "a loop hangs");

    cr_assert_eq(pthread_create(&thread, NULL, run, loops[1]), 0);
    for (int i = 0; i < 3; i++)
        LOOP_UNTIL(loops[0], strcmp(heard(), "WATCHDOG=1") == 0);

    notify_watchdog_stop(w);
    loop_post(loops[1], on_stop, NULL);
    pthread_join(thread, NULL);
    loop_free(loops[1]);
    loop_free(loops[0]);
    notify_watchdog_free(w);
    assert_no_leaks();
}
