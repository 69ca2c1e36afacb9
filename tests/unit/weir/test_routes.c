/* How a server finds the method of a path. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/call_world.h"
#include "lib/heap.h"
#include "weir/http/lane.h"
#include "weir/loop.h"

#define MANY_METHODS 300

static struct method g_methods[MANY_METHODS];
static char g_paths[MANY_METHODS][32];

/* Paths of many lengths, in no order. */
static void make_methods(void)
{
    for (int i = 0; i < MANY_METHODS; i++) {
        snprintf(g_paths[i], sizeof g_paths[0], "/s/%0*d", 1 + i % 9, i * 7919 % MANY_METHODS);
        g_methods[i] = (struct method){ g_paths[i], ONE, ONE, &server_nobody, NULL, NULL };
    }
}

static int make(struct server **ret, struct loop *loop, const struct service *const *services,
                size_t n)
{
    return server_new(ret, &loop, 1, services, n, NULL);
}

static const struct method *find(const struct server *server, const char *path)
{
    return routes_find(&((const struct http_server *)server)->routes, bytes_of_text(path));
}

static bool is_unique(int i)
{
    for (int k = 0; k < MANY_METHODS; k++)
        if (k != i && strcmp(g_paths[k], g_paths[i]) == 0)
            return false;
    return true;
}

Test(routes, each_path_and_no_other)
{
    struct loop *loop;
    struct server *server;
    make_methods();
    for (int i = 0; i < MANY_METHODS; i++)
        cr_assert(is_unique(i), "%s", g_paths[i]);
    const struct service a = { "a", g_methods, 100 }, none = { "none", NULL, 0 },
                         b = { "b", g_methods + 100, MANY_METHODS - 100 };
    const struct service *const services[] = { &a, &none, &b };
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    cr_assert_eq(make(&server, loop, services, 3), 0);
    for (int i = 0; i < MANY_METHODS; i++) {
        char other[40];
        cr_assert_eq(find(server, g_paths[i]), &g_methods[i]);
        snprintf(other, sizeof other, "%.30sx", g_paths[i]);
        cr_assert_null(find(server, other));
        snprintf(other, sizeof other, "/t/%.30s", g_paths[i] + 3);
        cr_assert_null(find(server, other));
    }
    cr_assert_null(find(server, ""));
    cr_assert_null(find(server, "/"));
    cr_assert_null(find(server, "/s/"));
    server_free(server);
    loop_free(loop);
}

Test(routes, a_server_without_a_method)
{
    struct loop *loop;
    struct server *server;
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    cr_assert_eq(make(&server, loop, NULL, 0), 0);
    cr_assert_null(find(server, "/s/1"));
    server_free(server);
    loop_free(loop);
}

Test(routes, one_path_twice)
{
    const struct method twice[] = { { "/a", ONE, ONE, &server_nobody, NULL, NULL },
                                    { "/b", ONE, ONE, &server_nobody, NULL, NULL },
                                    { "/a", MANY, ONE, &server_nobody, NULL, NULL } };
    const struct service service = { "twice", twice, 3 };
    const struct service *const services[] = { &service };
    struct loop *loop;
    struct server *server;
    heap_watch();
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    cr_assert_eq(make(&server, loop, services, 1), EEXIST);
    loop_free(loop);
    cr_assert_eq(heap_live(), 0);
}
