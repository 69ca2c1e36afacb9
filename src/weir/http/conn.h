/* A connection of a server.
 *
 *   HELLO    TLS, and the preface of HTTP/2: no session is made before that came
 *   OPEN     calls come and go
 *   LEAVING  it takes no new calls (GOAWAY): too old, idle, or the server stops
 *   LINGER   all was written and our end is shut; what the client still sends is
 *            thrown away, so that the last answers are not lost to a reset
 *   CLOSED   the socket is being closed; its calls are over
 *
 *   HELLO ──▶ OPEN ──▶ LEAVING ──▶ LINGER ──▶ CLOSED        and from each to CLOSED
 *
 * Bytes out: what nghttp2 wants to send is collected in the lane's outbox, once a
 * turn (conn_wants_flush()), and written with one system call. What the socket
 * does not take is kept, once; until that is out nothing more is collected, and
 * nobody is told of room. Bytes in: read into the lane's one input buffer and
 * parsed there.
 *
 * One timer each for the hello and the linger (which never are at once), keepalive, idleness, age
 * and stuck writes: a timer that was set is not moved by what it watches, but looks when it fires
 * how long that was ago. */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <nghttp2/nghttp2.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/ring.h"
#include "bdp.h"
#include "conn_stats.h"
#include "floods.h"
#include "pings.h"
#include "session.h"
#include "turns.h"
#include "weir/loop.h"
#include "weir/stream.h"

struct h1;
struct http_call;
struct lane;
struct rest;
struct tls_session;

enum conn_state { CONN_HELLO, CONN_OPEN, CONN_LEAVING, CONN_LINGER, CONN_CLOSED };

/* What its client was told of a connection that leaves: a GOAWAY twice (RFC 9113, 6.8). The
 * first says that there will be a second, whose last stream is known once the client has
 * heard of it. Without a call there is nothing to lose, and only the last one is said. */
enum farewell {
    FAREWELL_NONE,
    FAREWELL_NOTICE, /* the first is out, and a ping behind it */
    FAREWELL_DUE,    /* the last goes out with what is collected next: what was parsed by
                        then is processed, and nobody may take it for lost */
    FAREWELL_SAID,
};

struct conn {
    struct lane *lane;
    struct ring link; /* of lane->conns */
    enum conn_state state;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    char peer[64]; /* "ipv4:127.0.0.1:5000" */

    struct tls_session *tls; /* NULL: plaintext */
    bool tls_ready;
    struct ring hello; /* of the lane's handshakes that wait for their turn */
    uint8_t preface_len;
    bool greeted; /* its SETTINGS came: that is the end of the hello (RFC 9113, 3.4) */

    const struct session_ops *ops;
    nghttp2_session *session; /* of HTTP/2; NULL: no preface yet, or HTTP/1.1 */
    struct h1 *h1;            /* of HTTP/1.1; NULL: it is none, or nothing came yet */
    bool held;                /* nothing is read: conn_hold() */
    size_t held_bytes;        /* that the session and its calls take */
    size_t noted_bytes;       /* all it holds, as the lane knows it (pressure.h) */
    struct ring hoard;        /* of the lane's, while that is much */
    uint64_t hoard_ms;        /* since when it is */
    struct ring spare;        /* of the lane's, while there is no call */
    struct ring calls;
    unsigned ncalls;
    unsigned begun;             /* calls, so far */
    struct http_call *borrower; /* has a message that lies in the input */
    struct ring sent;           /* calls that are owed an on_sent */

    struct turn reading, writing;
    size_t read_bytes; /* what it reads at once */
    struct task flush;
    struct rest *rest; /* what the socket did not take; NULL: nothing */
    size_t rest_left;  /* of it, at rest_ms: when some of it went out, or it began */
    uint64_t rest_ms;
    bool parsing; /* inside nghttp2: it must not go away */
    bool broken;  /* it is to be closed when that is over */
    bool fin_seen;
    bool paused;      /* it has had its turn, and reads on after the others */
    uint64_t turn_ns; /* when that began; 0: a read of less than all ends it */

    struct timer phase_timer; /* of the hello; of the linger, once that is over */
    struct timer keepalive_timer, idle_timer, age_timer, stuck_timer;
    uint64_t heard_ms; /* when something came */
    uint64_t idle_ms;  /* since when there is no call */
    bool pinged;       /* keepalive's ping is out */
    bool old;          /* it has had its age: the age timer is that of the grace */
    enum farewell farewell;

    struct pings pings; /* of the client's */
    struct flood flood;
    struct bdp bdp;
};

/* What a connection reads at once: little, while its reads begin calls. */
#define READ_MIN_BYTES ((size_t)4 * 1024)
#define READ_MAX_BYTES ((size_t)64 * 1024)

/* What a lane's busy connections may do in a round of the loop (turns.h), and what
 * makes one of them busy: so many calls of one read, so many bytes of one write. */
#define ROUND_CALLS 64
#define ROUND_BYTES ((size_t)128 * 1024)
#define MANY_CALLS  8
#define MANY_BYTES  ((size_t)32 * 1024)

/** The only writer of c->state. */
void conn_move(struct conn *c, enum conn_state next);

/** Takes the socket @fd, which is accepted and does not block. On the lane's
 * loop. Without memory it is closed, and that is logged. */
void conn_open(struct lane *lane, int fd, bool tls);

/** Has what there is to write collected and written, on the next round. */
void conn_wants_flush(struct conn *c);

/** Takes no new calls any more, and ends when those it has are over. */
void conn_leave(struct conn *c);

/** Says the last GOAWAY, if it is due. Before what there is to write is collected. */
void conn_say_farewell(struct conn *c);

/** The same, and it ends at once when what its calls were told is out, or after a
 * moment. */
void conn_give_up(struct conn *c);

/** Ends it now, with its calls. @why is for the stats. */
void conn_cut(struct conn *c, enum refusal why);
void conn_close(struct conn *c);

/** The same after a moment, in which no other timer of it fires. */
void conn_close_soon(struct conn *c);

/** The same on the next round, when what it has to say is out: from where calls
 * may be in the midst of something. */
void conn_break(struct conn *c, enum refusal why);

/** The same for a client that hears why: GOAWAY, ENHANCE_YOUR_CALM and @reason.
 * What it still sends is thrown away; its calls are over when that is out. */
void conn_calm_down(struct conn *c, enum refusal why, const char *reason);

/** Its client has to say what it wants within the time of a hello; it did. */
void conn_expect_hello(struct conn *c);
void conn_heard_hello(struct conn *c);

/** Frees its calls, which are over, and the session: no frames any more. */
void conn_end_session(struct conn *c);

/** A call began, or ended. */
void conn_call_began(struct conn *c);
void conn_call_ended(struct conn *c);

/* What our pings have in them, to know their answers by. */
enum ping_kind { PING_KEEPALIVE = 1, PING_NOTICE, PING_BDP };

/** Sends one. */
void conn_ping(struct conn *c, enum ping_kind kind);

/** The answer to one came; or a ping of the client's. */
void conn_ponged(struct conn *c, enum ping_kind kind);
void conn_pinged(struct conn *c);

/** Something of a call went out: pings are free again. @earns: and it was worth a
 * window update or two. */
void conn_sent_data(struct conn *c, bool earns);

/** An odd frame came that costs so many tokens: cuts the connection when there
 * are none left (ENHANCE_YOUR_CALM). */
void conn_charge(struct conn *c, uint32_t tokens);

/** A frame came: charges for one of a kind that floods are made of. */
void conn_count_frame(struct conn *c, const nghttp2_frame_hd *hd);

/* --- conn_io.c ---------------------------------------------------------------------- */

/** Reads from now on. */
void conn_start_io(struct conn *c);

/** Reads nothing until conn_go_on(), which hands on first what came before. */
void conn_hold(struct conn *c);
void conn_go_on(struct conn *c);

/** What the socket did not take. */
size_t conn_rest_bytes(const struct conn *c);

/** Since when the socket has taken nothing of that. */
uint64_t conn_rest_since_ms(struct conn *c);

/** The task of conn_wants_flush(). */
void conn_on_flush(struct task *task);

/** The turns of the lane's TLS handshakes. */
void conn_turns_init(struct lane *lane);

/* --- http_session.c ----------------------------------------------------------------- */

/** The preface is there: makes the session, with our settings. false: no memory. */
bool conn_open_session(struct conn *c);

/** Parses @bytes. false: the connection is broken. */
bool conn_parse(struct conn *c, struct bytes bytes);

#endif
