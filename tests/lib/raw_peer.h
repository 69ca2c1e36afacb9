/* A client of our servers that is made of a bare socket, for what no client of
 * gRPC's does. It lives beside the server's loop, which the test turns; it never
 * waits itself. */
#ifndef TESTS_RAW_PEER_H
#define TESTS_RAW_PEER_H

#include "frames.h"

struct raw_peer {
    int fd;
    bool gone;         /* the server has closed, or reset */
    struct frames got; /* that came */
};

/** Connects to a port of this machine. @receive_bytes: of its socket's buffer, for
 * one that reads little; 0: the system's. */
void raw_open(struct raw_peer *p, int port, int receive_bytes);
void raw_close(struct raw_peer *p);

/** Sends what the socket takes of @f, and clears it. Returns how many bytes. */
size_t raw_send(struct raw_peer *p, struct frames *f);

/** Takes what came. */
void raw_read(struct raw_peer *p);

/** How many frames of @type came so far, after raw_read(). *ret (may be NULL) is
 * the last of them, until more is read. */
unsigned raw_frames(struct raw_peer *p, uint8_t type, struct frame *ret);

#endif
