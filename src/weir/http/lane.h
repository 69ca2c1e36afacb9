/* A server that speaks HTTP/2 by nghttp2 on libuv, and HTTP/1.1 with --web: what its
 * files share; for nobody else but http_server_new().
 *
 *   http_server.c  life: making, starting, stopping, freeing
 *   listener.c     sockets that listen, and dealing out what they accept
 *   conn.c         a connection's life: its states, time limits, pings, GOAWAYs, end
 *   conn_io.c      its bytes, in and out, through TLS where there is
 *   pressure.c     what connections hold, and who must go when it is too much
 *   http_session.c nghttp2's callbacks: frames to calls
 *   turns.c        who may go on in a round of the loop
 *   floods.c       what odd frames cost; pings.c: whether they are too many
 *   http_call.c    a call's life; call_in.c, call_out.c: its two directions
 *   call_accept.c  whose protocol a request is, and which method; call_head.c: the beginning
 *                  and the end of an answer; call_recode.c: what messages become on their way
 *   session.h      what a call asks of what carries it: h2_stream.c, h1_answer.c, ws_session.c
 *   h1_session.c   requests of HTTP/1.1, one after another; h1_head.c, h1_body.c read them
 *   ws_session.c   a call on a WebSocket; ws_frames.c reads its frames
 *   dialect.h      other protocols than gRPC; grpc_web.c is one; gather.c, base64_stream.c
 *   web_gate.c     which pages and names of hosts are answered; answer.c: heads in the making
 *   conn_stats.c what all lanes have counted; routes.c: which method a path means
 *   outbox.c       what goes out with the next write; byte_queue.c: what waits for TLS
 *   headers.c      headers that came, and to be sent; grpc_text.c: gRPC's own in them
 *   deframe.c      gRPC's messages in the bytes of a stream
 *   tls_context.c  certificates and keys of a lane; tls_session.c: TLS of a connection
 *   bdp.c          how long the link is, and so how large a window has to be
 *   http_session_heap.c  what nghttp2 takes, counted
 *
 * Who owns what: the server owns its lanes and listeners. A lane, on its loop, owns its
 * connections. A connection owns its session and its calls. Lanes share only the options,
 * the table of methods and the budget of the server.
 *
 * A connection, its session, its calls and the accounts of what they hold call each other
 * in circles. They are one machine, cut into files by topic. The other files know only
 * what is below them. */
#ifndef HTTP_LANE_H
#define HTTP_LANE_H

#include <time.h>

#include "base/spares.h"
#include "conn.h"
#include "outbox.h"
#include "pressure.h"
#include "routes.h"
#include "turns.h"
#include "weir/server_side.h"

struct deflater;
struct listener;
struct tls_context;

/* How a lane stops, one after the other (http_server.c). */
enum lane_state {
    LANE_SERVING,
    LANE_DRAINING, /* its connections end with their calls; new ones are turned away */
    LANE_GONE,     /* no connection is left: the first loop was told */
};

/* One loop's part of the server. */
struct lane {
    struct http_server *server;
    struct loop *loop;
    enum lane_state state;
    struct ring conns;
    struct outbox outbox;
    struct spares spare_calls;
    struct turns reading; /* calls that begin */
    struct turns writing; /* bytes */
    uint8_t *input;       /* READ_MAX_BYTES, of whom it is that reads */
    struct deflater *deflater;
    struct tls_context *tls; /* NULL: plaintext */
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    struct {
        time_t at; /* as time() says */
        char line[48];
    } date;             /* of answers of HTTP/1.1, which have to say it */
    struct ring hellos; /* TLS handshakes that wait for their turn */
    struct task hello_turn;
    struct conn_stats stats;
    struct pressure pressure;
    void (*conn_gone)(struct lane *lane); /* when one has ended */
    struct posting to_drain, to_cut, is_gone;
};

struct http_server {
    struct server base; /* first */
    struct server_options options;
    struct budget own_budget; /* options.budget, where none is given */
    struct routes routes;
    struct lane *lanes;
    size_t nlanes;
    struct listener *listeners;
    size_t next_lane; /* gets the next connection; first loop */
    atomic_size_t nconns;

    /* Draining; first loop only. */
    struct timer drain_timer;
    size_t lanes_to_go, lanes_to_cut;
    void (*done)(struct server *server, void *arg);
    void *done_arg;
};

/* Whether it is stopping, or has. */
static inline bool lane_stops(const struct lane *lane)
{
    return lane->state != LANE_SERVING;
}

static inline struct http_server *http_server_of(struct server *base)
{
    return (struct http_server *)base;
}

/* --- http_session.c ----------------------------------------------------------------- */

/** What all sessions of a lane share. false: out of memory. */
bool lane_open_sessions(struct lane *lane);
void lane_close_sessions(struct lane *lane);

#endif
