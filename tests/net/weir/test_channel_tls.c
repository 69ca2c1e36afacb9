/* When a channel looks at its TLS files: not for each of many calls that find
 * no connection. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "lib/tmpdir.h"
#include "weir/channel.h"
#include "weir/loop.h"
#include "weir/tls.h"

#define CALLS         1000
#define LOOK_EVERY_MS 20

static char *g_ca;
static unsigned g_looks;

typedef int (*stat_fn)(const char *, struct stat *);

/* In place of the C library's, for our own code. */
int stat(const char *path, struct stat *st)
{
    static stat_fn real;
    if (real == NULL)
        real = (stat_fn)dlsym(RTLD_NEXT, "stat");
    g_looks += g_ca != NULL && strcmp(path, g_ca) == 0;
    return real(path, st);
}

static void on_close(struct stream *s, const struct status *status)
{
    (void)status;
    *(bool *)s->data = true;
}

static void call(struct channel *channel, struct loop *loop)
{
    static const struct stream_handler handler = { .on_close = on_close };
    bool closed = false;
    struct stream *s;
    cr_assert_eq(channel_open(channel, loop, "/a", &handler, &closed, NULL, &s), 0);
    stream_fail(s, STATUS_CANCELLED, "enough");
    LOOP_UNTIL(loop, closed);
}

Test(channel_tls, many_calls_do_not_all_look)
{
    char error[TLS_ERROR_MAX], command[512], *dir = tmpdir_make();
    struct tls_client *tls;
    struct channel *channel;
    struct loop *loop;
    g_ca = tmpdir_path(dir, "ca.pem");
    snprintf(command, sizeof command, "tests/certs.sh %s ca", dir);
    cr_assert_eq(system(command), 0, "%s", command);
    cr_assert(tls_client_new(&tls, &(struct tls_client_options){ .ca = g_ca }, error), "%s", error);
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    const struct channel_options options = { .tls = tls };
    cr_assert_eq(channel_new(&channel, "127.0.0.1:1", &options), 0);
    g_looks = 0;
    const uint64_t began_ns = clock_ns();
    for (int i = 0; i < CALLS; i++)
        call(channel, loop);
    const unsigned ms = (unsigned)((clock_ns() - began_ns) / 1000000);
    cr_assert_leq(g_looks, 1 + ms / LOOK_EVERY_MS, "%u looks in %u ms", g_looks, ms);
    LOOP_UNTIL(loop, (call(channel, loop), g_looks > 0));
    channel_free(channel);
    tls_client_free(tls);
    loop_turns(loop, 2);
    loop_free(loop);
    free(g_ca);
    tmpdir_remove(dir);
    assert_no_leaks();
}
