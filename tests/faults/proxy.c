/* fault-proxy: a TCP proxy between two parts of the pair that breaks what goes
 * through it, on command.
 *
 *   fault-proxy PORT        listens on a free port of 127.0.0.1, says "PORT",
 *                           and connects to 127.0.0.1:PORT for each connection
 *
 * Commands come on standard input, a line each. Those with N wait until N more
 * bytes have gone from the server to the client (over all connections), happen
 * once to the connection that brought them, say "fired NAME", and leave the
 * proxy as it was: a client that tries again gets through.
 *
 *   cut N        closes both ends in good order (FIN)
 *   reset N      resets both ends (RST)
 *   half-open N  closes the server's end; the client is left with a connection
 *                on which nothing comes any more
 *   freeze N     forwards nothing any more, in either direction, until "thaw"
 *   split N      sends the next N bytes of each direction one at a time
 *   delay MS     every piece is late by so much, and the next one is read when
 *                it has gone: a slow proxy; 0: no more
 *   latency MS   everything is late by so much, however much is under way: a
 *                long link. It is read as fast as it comes, up to 64 MiB each way
 *                and connection, and goes on in its order; 0: no more
 *   rate N       at most N bytes a second each way and connection; 0: no more.
 *                With latency, a link of that width: what does not fit waits
 *                with its sender
 *   thaw         frozen connections go on
 *   disarm       what waits for its N does not happen
 *   refuse       new connections are closed at once, until "accept"
 *   accept
 *
 * It ends when its standard input does. */
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/container.h"

#define PIECE_BYTES (64 * 1024)
#define HELD_MAX    ((size_t)64 << 20) /* bytes: 50 ms at more than 1 GB/s */
#define QUEUE_NS    5000000            /* what a link of some width lets wait before it */
#define NS_PER_MS   1000000

enum fault { NONE, CUT, RESET, HALF_OPEN, FREEZE };

static const char *const fault_names[] = { "none", "cut", "reset", "half-open", "freeze" };

/* What was read at once, or the end of what there is to read. */
struct piece {
    struct piece *next;
    uint64_t due_ns; /* of uv_hrtime(): when it goes on */
    size_t len, written;
    bool end, reset;
    char bytes[];
};

/* One direction of a connection. Without latency it holds one piece at a time, so
 * a slow reader is a slow reader for the other end too. */
struct flow {
    struct link *link;
    uv_tcp_t *from, *to;
    bool downward; /* from the server to the client */
    struct piece *first, **end;
    size_t held;      /* bytes of memory */
    uint64_t free_ns; /* when the link has taken in what came so far, by its rate */
    bool reading, ended, writing;
    uv_write_t write;
    uv_timer_t wait;
};

struct link {
    uv_tcp_t client, server;
    uv_connect_t connect;
    struct flow up, down;
    bool frozen, closing;
    bool server_closed;
    unsigned handles; /* open; freed at 0 */
    struct link *next, **link;
};

static struct {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_pipe_t commands;
    int to_port;
    struct link *links;
    enum fault armed;
    uint64_t bytes_left; /* until it fires */
    uint64_t split_left[2];
    uint64_t delay_ms, latency_ms, rate;
    bool refusing;
    char piece[PIECE_BYTES]; /* is read into, and kept at its real size */
    char line[128];
    size_t line_len;
} g;

static void flow_go(struct flow *f);

/* --- Ends --------------------------------------------------------------------------- */

static void drop_first(struct flow *f)
{
    struct piece *p = f->first;
    f->first = p->next;
    if (f->first == NULL)
        f->end = &f->first;
    f->held -= sizeof *p + p->len;
    free(p);
}

static void on_closed(uv_handle_t *handle)
{
    struct link *l = handle->data;
    if (--l->handles > 0)
        return;
    while (l->up.first != NULL)
        drop_first(&l->up);
    while (l->down.first != NULL)
        drop_first(&l->down);
    *l->link = l->next;
    if (l->next != NULL)
        l->next->link = l->link;
    free(l);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

static void end_server(struct link *l, bool reset)
{
    if (l->server_closed)
        return;
    l->server_closed = true;
    if (reset && uv_tcp_close_reset(&l->server, on_closed) == 0)
        return;
    close_handle((uv_handle_t *)&l->server);
}

static void end_link(struct link *l, bool reset)
{
    if (l->closing)
        return;
    l->closing = true;
    end_server(l, reset);
    if (!reset || uv_tcp_close_reset(&l->client, on_closed) != 0)
        close_handle((uv_handle_t *)&l->client);
    close_handle((uv_handle_t *)&l->up.wait);
    close_handle((uv_handle_t *)&l->down.wait);
}

/* --- Faults ------------------------------------------------------------------------- */

static void say_fired(enum fault fault)
{
    printf("fired %s\n", fault_names[fault]);
    fflush(stdout);
}

static void fire(struct link *l)
{
    const enum fault fault = g.armed;
    g.armed = NONE;
    switch (fault) {
    case CUT:
        end_link(l, false);
        break;
    case RESET:
        end_link(l, true);
        break;
    case HALF_OPEN:
        end_server(l, false);
        l->frozen = true;
        break;
    case FREEZE:
        l->frozen = true;
        break;
    case NONE:
        return;
    }
    say_fired(fault);
}

/* How many of @n bytes go before the armed fault does. */
static size_t before_fault(const struct flow *f, size_t n)
{
    return f->downward && g.armed != NONE && g.bytes_left < n ? (size_t)g.bytes_left : n;
}

/* @n bytes have gone. */
static void count(const struct flow *f, size_t n)
{
    if (!f->downward || g.armed == NONE)
        return;
    g.bytes_left -= n;
    if (g.bytes_left == 0)
        fire(f->link);
}

/* --- What is held ------------------------------------------------------------------- */

/* When @n more bytes go on. A link that was free for less than QUEUE_NS has that
 * left for them: or it would lose what a timer is late by. */
static uint64_t due_ns(struct flow *f, size_t n)
{
    const uint64_t now = uv_hrtime();
    if (g.rate == 0 || f->free_ns + QUEUE_NS < now)
        f->free_ns = now;
    if (g.rate > 0)
        f->free_ns += n * 1000 * NS_PER_MS / g.rate;
    return (f->free_ns > now ? f->free_ns : now) + (g.delay_ms + g.latency_ms) * NS_PER_MS;
}

/* NULL: there is no memory. */
static struct piece *hold(struct flow *f, size_t n)
{
    struct piece *p = malloc(sizeof *p + n);
    if (p == NULL)
        return NULL;
    *p = (struct piece){ .due_ns = due_ns(f, n), .len = n };
    f->held += sizeof *p + n;
    *f->end = p;
    f->end = &p->next;
    return p;
}

/* When it may be read again, if nothing else changes; 0: now. */
static uint64_t room_ns(const struct flow *f, uint64_t now)
{
    const bool narrow = g.latency_ms > 0 && g.rate > 0;
    return narrow && f->free_ns > now + QUEUE_NS ? f->free_ns - QUEUE_NS : 0;
}

static bool may_read(const struct flow *f, uint64_t now)
{
    if (f->link->frozen || f->link->closing || f->ended)
        return false;
    return f->first == NULL || (g.latency_ms > 0 && f->held < HELD_MAX && room_ns(f, now) == 0);
}

/* --- One direction ------------------------------------------------------------------ */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(g.piece, PIECE_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct link *l = stream->data;
    struct flow *f = stream == (uv_stream_t *)&l->client ? &l->up : &l->down;
    if (n == 0 || l->closing)
        return;
    struct piece *p = hold(f, n > 0 ? (size_t)n : 0);
    if (p == NULL) {
        end_link(l, true);
        return;
    }
    if (n > 0)
        memcpy(p->bytes, buf->base, (size_t)n);
    p->end = f->ended = n < 0;
    p->reset = n < 0 && n != UV_EOF;
    flow_go(f);
}

static void read_or_not(struct flow *f, uint64_t now)
{
    const bool read = may_read(f, now);
    if (read && !f->reading)
        uv_read_start((uv_stream_t *)f->from, on_alloc, on_read);
    else if (!read && f->reading)
        uv_read_stop((uv_stream_t *)f->from);
    f->reading = read;
}

static void on_written(uv_write_t *write, int status)
{
    struct flow *f = container_of(write, struct flow, write);
    f->writing = false;
    if (f->link->closing || (f->link->frozen && status != 0))
        return;
    if (status != 0) {
        end_link(f->link, false);
        return;
    }
    if (f->first->written == f->first->len)
        drop_first(f);
    flow_go(f);
}

/* The size of the next write: all, one byte, or up to the fault. */
static size_t next_size(struct flow *f)
{
    size_t n = f->first->len - f->first->written;
    uint64_t *split = &g.split_left[f->downward];
    if (*split > 0) {
        (*split)--;
        n = 1;
    }
    return before_fault(f, n);
}

/* A part of the first piece, which is due. */
static void flow_write(struct flow *f)
{
    struct piece *p = f->first;
    if (p->end) {
        end_link(f->link, p->reset);
        return;
    }
    const size_t n = next_size(f);
    uv_buf_t buf = uv_buf_init(p->bytes + p->written, (unsigned)n);
    p->written += n;
    f->writing = true;
    if (uv_write(&f->write, (uv_stream_t *)f->to, &buf, 1, on_written) != 0)
        end_link(f->link, false);
    else
        count(f, n);
}

static void on_waited(uv_timer_t *timer)
{
    flow_go(container_of(timer, struct flow, wait));
}

/* When there is something to do, if nothing else changes; 0: nothing. */
static uint64_t next_ns(const struct flow *f, uint64_t now)
{
    const uint64_t room = room_ns(f, now);
    if (f->first == NULL || f->writing || (room > 0 && room < f->first->due_ns))
        return room;
    return f->first->due_ns;
}

/* Timers count in milliseconds, and may be early by a part of one: then flow_go()
 * comes here again. */
static void wait_until(struct flow *f, uint64_t when_ns, uint64_t now)
{
    uv_timer_start(&f->wait, on_waited, (when_ns - now + NS_PER_MS - 1) / NS_PER_MS, 0);
}

/* Whatever has changed: reads if there is room, and writes what is due. */
static void flow_go(struct flow *f)
{
    const uint64_t now = uv_hrtime();
    read_or_not(f, now);
    if (f->link->frozen || f->link->closing)
        return; /* "thaw" comes back here */
    const uint64_t next = next_ns(f, now);
    if (next > now)
        wait_until(f, next, now);
    else if (next > 0)
        flow_write(f);
}

static void thaw(struct link *l)
{
    if (!l->frozen || l->closing)
        return;
    l->frozen = false;
    if (l->server_closed) {
        end_link(l, false);
        return;
    }
    flow_go(&l->up);
    flow_go(&l->down);
}

/* --- Connections -------------------------------------------------------------------- */

static void on_connected(uv_connect_t *connect, int status)
{
    struct link *l = container_of(connect, struct link, connect);
    if (l->closing)
        return;
    if (status != 0) {
        end_link(l, true);
        return;
    }
    flow_go(&l->up);
    flow_go(&l->down);
}

static void init_flow(struct link *l, struct flow *f, uv_tcp_t *from, uv_tcp_t *to, bool downward)
{
    f->link = l;
    f->from = from;
    f->to = to;
    f->downward = downward;
    f->end = &f->first;
    uv_timer_init(&g.loop, &f->wait);
    f->wait.data = l;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct sockaddr_in to;
    struct link *l = status == 0 ? calloc(1, sizeof *l) : NULL;
    if (l == NULL)
        return;
    uv_tcp_init(&g.loop, &l->client);
    uv_tcp_init(&g.loop, &l->server);
    l->client.data = l->server.data = l;
    init_flow(l, &l->up, &l->client, &l->server, false);
    init_flow(l, &l->down, &l->server, &l->client, true);
    l->handles = 4;
    l->next = g.links;
    l->link = &g.links;
    if (l->next != NULL)
        l->next->link = &l->next;
    g.links = l;
    uv_ip4_addr("127.0.0.1", g.to_port, &to);
    if (uv_accept(listener, (uv_stream_t *)&l->client) != 0 || g.refusing ||
        uv_tcp_connect(&l->connect, &l->server, (struct sockaddr *)&to, on_connected) != 0) {
        end_link(l, true);
        return;
    }
    uv_tcp_nodelay(&l->client, 1);
    uv_tcp_nodelay(&l->server, 1);
}

/* --- Commands ----------------------------------------------------------------------- */

static bool arm(const char *name, uint64_t n)
{
    for (int i = CUT; i <= FREEZE; i++) {
        if (strcmp(name, fault_names[i]) == 0) {
            g.armed = (enum fault)i;
            g.bytes_left = n > 0 ? n : 1;
            return true;
        }
    }
    return false;
}

static void obey(const char *line)
{
    char name[32] = "";
    unsigned long long n = 0;
    sscanf(line, "%31s %llu", name, &n);
    if (arm(name, n))
        ; /* it waits now */
    else if (strcmp(name, "split") == 0)
        g.split_left[0] = g.split_left[1] = n;
    else if (strcmp(name, "delay") == 0)
        g.delay_ms = n;
    else if (strcmp(name, "latency") == 0)
        g.latency_ms = n;
    else if (strcmp(name, "rate") == 0)
        g.rate = n;
    else if (strcmp(name, "refuse") == 0 || strcmp(name, "accept") == 0)
        g.refusing = name[0] == 'r';
    else if (strcmp(name, "disarm") == 0)
        g.armed = NONE;
    else if (strcmp(name, "thaw") == 0)
        for (struct link *l = g.links, *next; l != NULL; l = next) {
            next = l->next;
            thaw(l);
        }
    else
        fprintf(stderr, "fault-proxy: no such command: %s\n", line);
    printf("done %s\n", name);
    fflush(stdout);
}

static void on_command_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(g.line + g.line_len, (unsigned)(sizeof g.line - 1 - g.line_len));
}

static void on_commands(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)stream;
    (void)buf;
    if (n < 0)
        exit(0);
    g.line_len += (size_t)n;
    g.line[g.line_len] = '\0';
    for (char *end; (end = strchr(g.line, '\n')) != NULL;) {
        *end = '\0';
        obey(g.line);
        g.line_len -= (size_t)(end + 1 - g.line);
        memmove(g.line, end + 1, g.line_len + 1);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in at;
    int len = sizeof at;
    g.to_port = argc == 2 ? atoi(argv[1]) : 0;
    if (g.to_port == 0) {
        fputs("Usage: fault-proxy PORT\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* ends that went away are what this is about */
    uv_loop_init(&g.loop);
    uv_tcp_init(&g.loop, &g.listener);
    uv_ip4_addr("127.0.0.1", 0, &at);
    if (uv_tcp_bind(&g.listener, (struct sockaddr *)&at, 0) != 0 ||
        uv_listen((uv_stream_t *)&g.listener, 128, on_connection) != 0 ||
        uv_tcp_getsockname(&g.listener, (struct sockaddr *)&at, &len) != 0) {
        fputs("fault-proxy: cannot listen\n", stderr);
        return 1;
    }
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    uv_pipe_init(&g.loop, &g.commands, 0);
    uv_pipe_open(&g.commands, 0);
    uv_read_start((uv_stream_t *)&g.commands, on_command_alloc, on_commands);
    uv_run(&g.loop, UV_RUN_DEFAULT);
    return 0;
}
