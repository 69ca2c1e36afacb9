/* A server and a client of it on one loop, over real gRPC, and an echo service
 * in all four shapes: each message comes back, and at the end of many comes
 * "end" (for one request: its echo is the end).
 *
 *   /test.Echo/Unary, /test.Echo/ServerStream (the request, then "end"),
 *   /test.Echo/ClientStream ("end" only), /test.Echo/BidiStream
 *
 * and one beside them whose answer is two runs (stream_send_run()), longer than
 * the client's window, and ends when they are out: /test.Echo/Runs */
#ifndef TESTS_CALL_WORLD_H
#define TESTS_CALL_WORLD_H

#include <criterion/criterion.h>
#include <stdbool.h>

#include "weir/channel.h"
#include "weir/loop.h"
#include "weir/server.h"

#define ECHO_RUNS      4 /* its row */
#define ECHO_NMETHODS  5
#define RUN_MESSAGES   40
#define RUN_BYTES_EACH 2000 /* of each of them */

extern const struct method echo_methods[ECHO_NMETHODS];

/* What the echo service saw, since call_world_open(). */
struct echo_seen {
    int opened, closed, messages, ends;
    enum status_code code; /* of the last close */
    struct stream *open;   /* the last one opened, if it is open */
};
extern struct echo_seen g_echo;

struct call_world {
    struct loop *loop;
    struct server *server;
    struct channel *channel;
    char target[64];
    bool draining, drained;
};

/** What the servers of these tests speak, and where their loops sleep: our own
 * wire, or the gRPC core with CALL_TRANSPORT=core in the environment. */
enum server_transport call_world_transport(void);
enum loop_sleep call_world_sleep(void);

/** server_new() with that transport and with one service, of these methods. */
int server_of(struct server **ret, struct loop *const *loops, size_t nloops,
              const struct method *methods, size_t nmethods, const struct server_options *options);

void call_world_open(struct call_world *w, const struct method *methods, size_t n,
                     const struct server_options *options);

/** The same, with options of the client's channel too; they may be NULL. */
void call_world_open_both(struct call_world *w, const struct method *methods, size_t n,
                          const struct server_options *server,
                          const struct channel_options *client);

/** Drains the server if nobody did, runs the loop until it is gone, and frees
 * everything. */
void call_world_close(struct call_world *w);

/** Drains the server, once, and stops the loop then. */
void call_world_drain(struct call_world *w, uint64_t timeout_ms);

/* A client's call that says what it is given, and notes what it hears. */
struct talk {
    const char *const *say; /* NULL-terminated */
    bool stay;              /* no half-close */
    bool deaf;              /* reads nothing */
    bool leave;             /* the server as it is, when it is over */
    void (*on_heard)(struct talk *t);

    struct call_world *world;
    struct stream *s; /* NULL once it is closed */
    char heard[1024]; /* "a,b,end," */
    int messages, ends, closes;
    struct status status;
};

/** Starts to talk. When it is over, the server is drained. Returns what
 * channel_open() does. */
int talk_try(struct talk *t, struct call_world *w, const char *path,
             const struct call_options *options);

/** The same, where that must be 0. */
void talk_open(struct talk *t, struct call_world *w, const char *path,
               const struct call_options *options);

#define SAY(...)                                                                                   \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__ __VA_OPT__(, ) NULL                                                            \
    }

/** Sends @text; returns what stream_send() did, or ENOMEM. */
int say(struct stream *s, const char *text, unsigned flags);

#endif
