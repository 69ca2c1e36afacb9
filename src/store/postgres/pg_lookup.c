#include "pg_lookup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/container.h"

/* Of one name. */
#define ADDRESSES_MAX 8

struct one {
    uv_getaddrinfo_t uv;
    struct pg_lookup *lookup;
    struct addrinfo *found; /* NULL: nothing, or it needed no look-up */
    int failed;             /* libuv's code; 0: not */
};

struct pg_lookup {
    struct loop *loop;
    const struct pg_target *target;
    unsigned first;
    size_t n;
    size_t pending;
    pg_lookup_cb done; /* NULL: nobody waits any more */
    void *arg;
    struct task task; /* there was nothing to wait for */
    struct one hosts[];
};

/* --- The lists ---------------------------------------------------------------------- */

/* Three lists that grow together. */
struct lists {
    FILE *host, *hostaddr, *port;
    size_t sizes[3];
    size_t n;
};

static void add(struct lists *l, const char *name, const char *addr, const char *port)
{
    const char *comma = l->n++ > 0 ? "," : "";
    fprintf(l->host, "%s%s", comma, name);
    fprintf(l->hostaddr, "%s%s", comma, addr);
    fprintf(l->port, "%s%s", comma, port);
}

static void add_found(struct lists *l, const struct pg_host *host, const struct addrinfo *found)
{
    size_t n = 0;
    for (const struct addrinfo *a = found; a != NULL && n < ADDRESSES_MAX; a = a->ai_next, n++) {
        char addr[NI_MAXHOST];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, addr, sizeof addr, NULL, 0, NI_NUMERICHOST) == 0)
            add(l, host->name, addr, host->port);
    }
}

static void add_host(struct lists *l, const struct pg_host *host, const struct one *one)
{
    if (one->found != NULL)
        add_found(l, host, one->found);
    else if (one->failed == 0)
        add(l, host->name, host->addr, host->port);
}

static void fill(struct lists *l, const struct pg_lookup *lookup)
{
    for (size_t i = 0; i < lookup->n; i++) {
        const size_t at = (lookup->first + i) % lookup->n;
        add_host(l, &lookup->target->hosts[at], &lookup->hosts[at]);
    }
}

static bool close_list(FILE *list)
{
    return list != NULL && fclose(list) == 0;
}

/* Returns how many places there are; *ret is NULL without memory. */
static size_t make_places(struct pg_places **ret, const struct pg_lookup *lookup)
{
    struct lists l = { 0 };
    struct pg_places *p = *ret = calloc(1, sizeof *p);
    if (p == NULL)
        return 0;
    l.host = open_memstream(&p->host, &l.sizes[0]);
    l.hostaddr = open_memstream(&p->hostaddr, &l.sizes[1]);
    l.port = open_memstream(&p->port, &l.sizes[2]);
    const bool opened = l.host != NULL && l.hostaddr != NULL && l.port != NULL;
    if (opened)
        fill(&l, lookup);
    const bool closed[] = { close_list(l.host), close_list(l.hostaddr), close_list(l.port) };
    if (!opened || !closed[0] || !closed[1] || !closed[2]) {
        pg_places_free(p);
        *ret = NULL;
    }
    return l.n;
}

void pg_places_free(struct pg_places *places)
{
    if (places == NULL)
        return;
    free(places->host);
    free(places->hostaddr);
    free(places->port);
    free(places);
}

/* --- The look-up -------------------------------------------------------------------- */

static void lookup_free(struct pg_lookup *l)
{
    for (size_t i = 0; i < l->n; i++)
        uv_freeaddrinfo(l->hosts[i].found);
    free(l);
}

/* Of the first host that could not be found. */
static void say_why(const struct pg_lookup *l, char why[STORE_ERROR_MAX])
{
    for (size_t i = 0; i < l->n; i++)
        if (l->hosts[i].failed != 0) {
            snprintf(why, STORE_ERROR_MAX, "cannot find %s: %s", l->target->hosts[i].name,
                     uv_strerror(l->hosts[i].failed));
            return;
        }
}

static void finish(struct pg_lookup *l)
{
    const pg_lookup_cb done = l->done;
    void *arg = l->arg;
    char why[STORE_ERROR_MAX] = "out of memory";
    struct pg_places *places = NULL;
    if (done != NULL && make_places(&places, l) == 0) {
        say_why(l, why);
        pg_places_free(places);
        places = NULL;
    }
    lookup_free(l);
    if (done != NULL)
        done(arg, places, why);
}

static void on_task(struct task *task)
{
    finish(container_of(task, struct pg_lookup, task));
}

static void on_found(uv_getaddrinfo_t *uv, int status, struct addrinfo *found)
{
    struct one *one = container_of(uv, struct one, uv);
    struct pg_lookup *l = one->lookup;
    one->found = found;
    one->failed = status;
    loop_release(l->loop);
    if (--l->pending == 0)
        finish(l);
}

static bool is_numeric(const char *name)
{
    struct in6_addr room;
    return inet_pton(AF_INET, name, &room) == 1 || inet_pton(AF_INET6, name, &room) == 1;
}

static void start_one(struct pg_lookup *l, struct one *one, const struct pg_host *host)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    one->lookup = l;
    if (host->addr[0] != '\0' || pg_host_is_socket(host) || is_numeric(host->name))
        return;
    one->failed = uv_getaddrinfo(loop_uv(l->loop), &one->uv, on_found, host->name, NULL, &hints);
    if (one->failed != 0)
        return;
    l->pending++;
    loop_hold(l->loop);
}

struct pg_lookup *pg_lookup_start(struct loop *loop, const struct pg_target *target, unsigned first,
                                  pg_lookup_cb done, void *arg)
{
    struct pg_lookup *l = calloc(1, sizeof *l + target->nhosts * sizeof l->hosts[0]);
    if (l == NULL)
        return NULL;
    l->loop = loop;
    l->target = target;
    l->n = target->nhosts;
    l->first = first;
    l->done = done;
    l->arg = arg;
    l->task.run = on_task;
    for (size_t i = 0; i < l->n; i++)
        start_one(l, &l->hosts[i], &target->hosts[i]);
    if (l->pending == 0)
        task_defer(loop, &l->task);
    return l;
}

void pg_lookup_drop(struct pg_lookup *l)
{
    if (l == NULL)
        return;
    l->done = NULL;
    if (l->pending == 0) {
        task_cancel(&l->task);
        lookup_free(l);
        return;
    }
    for (size_t i = 0; i < l->n; i++)
        uv_cancel((uv_req_t *)&l->hosts[i].uv); /* those that began come to their end */
}
