/* A client's pings: whether it sends too many.
 *
 * gRPC's rule (grpc/proposal A8): they must be some time apart. What we send of a
 * call makes the next one free, and so does a window update: the client has read
 * what we sent, perhaps a while ago, and measures its bandwidth with pings
 * meanwhile. The third that comes too early is too many.
 *
 * No input or output here; the thread of the connection. */
#ifndef HTTP_PINGS_H
#define HTTP_PINGS_H

#include <stdbool.h>
#include <stdint.h>

#define PING_MAX_STRIKES 2

/* Without a call, where pings are not wanted then. */
#define PING_IDLE_MIN_MS (2 * 60 * 60 * 1000)

/* Of a connection; zero is the beginning. */
struct pings {
    uint8_t strikes;
    bool before; /* one came, which the next is measured from; at: */
    uint64_t at_ms;
};

/** One came, and they must be @min_ms apart. false: it is one too many. */
bool pings_take(struct pings *p, uint64_t now_ms, uint64_t min_ms);

/** The next one is free, and what was early is forgotten. */
void pings_forgive(struct pings *p);

#endif
