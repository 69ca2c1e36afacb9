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
 *   delay MS     every piece is late by so much; 0: no more
 *   rate N       at most N bytes a second each way and connection; 0: no more
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

#include "runtime/container.h"

#define PIECE_BYTES (64 * 1024)

enum fault { NONE, CUT, RESET, HALF_OPEN, FREEZE };

static const char *const fault_names[] = { "none", "cut", "reset", "half-open", "freeze" };

/* One direction of a connection: one piece at a time is read, waited with and
 * written, so a slow reader is a slow reader for the other end too. */
struct flow {
    struct link *link;
    uv_tcp_t *from, *to;
    bool downward; /* from the server to the client */
    char piece[PIECE_BYTES];
    size_t len, written;
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
    uint64_t delay_ms, rate;
    bool refusing;
    char line[128];
    size_t line_len;
} g;

static void flow_read(struct flow *f);
static void flow_write(struct flow *f);

/* --- Ends ---------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct link *l = handle->data;
    if (--l->handles > 0)
        return;
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

/* --- Faults -------------------------------------------------------------------------- */

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

/* @n bytes have gone. Whether the connection goes on. */
static bool count(struct flow *f, size_t n)
{
    if (!f->downward || g.armed == NONE)
        return true;
    g.bytes_left -= n;
    if (g.bytes_left > 0)
        return true;
    fire(f->link);
    return !f->link->closing && !f->link->frozen;
}

/* --- One direction --------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct link *l = handle->data;
    struct flow *f = handle == (uv_handle_t *)&l->client ? &l->up : &l->down;
    (void)suggested;
    *buf = uv_buf_init(f->piece, PIECE_BYTES);
}

static void on_written(uv_write_t *write, int status)
{
    struct flow *f = container_of(write, struct flow, write);
    if (f->link->closing || (f->link->frozen && status != 0))
        return;
    if (status != 0) {
        end_link(f->link, false);
        return;
    }
    if (f->written < f->len)
        flow_write(f);
    else
        flow_read(f);
}

/* The size of the next write: all, one byte, or up to the fault. */
static size_t next_size(struct flow *f)
{
    size_t n = f->len - f->written;
    uint64_t *split = &g.split_left[f->downward];
    if (*split > 0) {
        (*split)--;
        n = 1;
    }
    return before_fault(f, n);
}

static void flow_write(struct flow *f)
{
    struct link *l = f->link;
    if (l->frozen)
        return; /* "thaw" comes back here */
    const size_t n = next_size(f);
    uv_buf_t buf = uv_buf_init(f->piece + f->written, (unsigned)n);
    f->written += n;
    if (n > 0 && uv_write(&f->write, (uv_stream_t *)f->to, &buf, 1, on_written) != 0) {
        end_link(l, false);
        return;
    }
    if (!count(f, n) || n > 0)
        return;
    flow_write(f); /* the fault was due before this piece, and left the link alone */
}

static void on_waited(uv_timer_t *timer)
{
    flow_write(container_of(timer, struct flow, wait));
}

static uint64_t wait_ms(const struct flow *f)
{
    return g.delay_ms + (g.rate > 0 ? f->len * 1000 / g.rate : 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct link *l = stream->data;
    struct flow *f = stream == (uv_stream_t *)&l->client ? &l->up : &l->down;
    (void)buf;
    if (n == 0 || l->closing)
        return;
    if (n < 0) {
        if (!l->frozen)
            end_link(l, n != UV_EOF);
        else
            uv_read_stop(stream);
        return;
    }
    uv_read_stop(stream);
    f->len = (size_t)n;
    f->written = 0;
    if (wait_ms(f) > 0)
        uv_timer_start(&f->wait, on_waited, wait_ms(f), 0);
    else
        flow_write(f);
}

static void flow_read(struct flow *f)
{
    f->len = f->written = 0;
    if (!f->link->closing && !uv_is_closing((uv_handle_t *)f->from))
        uv_read_start((uv_stream_t *)f->from, on_alloc, on_read);
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
    struct flow *const flows[] = { &l->up, &l->down };
    for (int i = 0; i < 2; i++)
        if (flows[i]->written < flows[i]->len)
            flow_write(flows[i]);
        else
            flow_read(flows[i]);
}

/* --- Connections ------------------------------------------------------------------------- */

static void on_connected(uv_connect_t *connect, int status)
{
    struct link *l = container_of(connect, struct link, connect);
    if (l->closing)
        return;
    if (status != 0) {
        end_link(l, true);
        return;
    }
    flow_read(&l->up);
    flow_read(&l->down);
}

static void init_flow(struct link *l, struct flow *f, uv_tcp_t *from, uv_tcp_t *to, bool downward)
{
    f->link = l;
    f->from = from;
    f->to = to;
    f->downward = downward;
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

/* --- Commands ------------------------------------------------------------------------------ */

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
