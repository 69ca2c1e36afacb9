/* One connection to a server on 127.0.0.1, in plaintext, and gRPC calls on it: nghttp2 and a
 * socket, so that a figure is not one of our own client. Everything is for one thread; whatever
 * fails on the connection ends the program (die.h), while a call that fails tells its status. */
#ifndef FOLLOW_LOAD_H2_LINK_H
#define FOLLOW_LOAD_H2_LINK_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define H2_OUT_BYTES     65536
#define H2_REASON_BYTES  160
#define H2_STATUS_NEVER  (-1) /* the stream ended without a gRPC status */
#define H2_STATUS_FAILED 9    /* FAILED_PRECONDITION */

struct h2_link {
    int fd;
    nghttp2_session *session;
    size_t out_len, out_done; /* bytes in out, and those that the socket has */
    uint8_t out[H2_OUT_BYTES];
};

struct h2_call;

/* What one kind of call does; all callbacks come from h2_link_turn(). */
struct h2_call_kind {
    const char *path;
    /** Bytes of the answer came, which were read at @now_ns (clock.h). They are nghttp2's, and gone
     * when this returns. */
    void (*on_data)(struct h2_call *c, struct bytes data, uint64_t now_ns);
    /** The call is over, and c->status set. Comes once, and last; may free @c. */
    void (*on_over)(struct h2_call *c, uint64_t now_ns);
    /** Sets c->body to what comes after a body that went out, and returns true; false: that was
     * all. NULL: there is one body. */
    bool (*more)(struct h2_call *c);
};

/* Lies in what the caller has of a call. */
struct h2_call {
    const struct h2_call_kind *kind;
    struct bytes body; /* what is to be sent, in gRPC's frames; the caller's, until it is out */
    int status;        /* once it is over: of gRPC, or H2_STATUS_NEVER */
    char why[H2_REASON_BYTES]; /* the status's message, cut */
    bool expired;              /* CHANGES_EXPIRED is the status's reason */
};

/** Connects, and waits for that. What is said first goes out with the first h2_link_turn(). */
void h2_link_open(struct h2_link *l, uint16_t port);
void h2_link_close(struct h2_link *l);

/** Begins a call with the kind and the body that are set in @c; it must stay until on_over. */
void h2_link_call(struct h2_link *l, struct h2_call *c);

/** What poll() is to look for. */
short h2_link_wants(const struct h2_link *l);

/** Reads once, if @readable, and writes what the socket takes. */
void h2_link_turn(struct h2_link *l, bool readable);

#endif
