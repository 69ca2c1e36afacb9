/* How many bytes must be under way to fill a connection: its bandwidth times its delay.
 *
 * A stream may have one window of bytes on its way to us, and gets the window back as
 * they are read. So it has one window for each round trip. 256 KiB are enough for any
 * link of this machine, but not for a long one: at 50 ms they allow 5 MB/s. So while much
 * comes in, a ping is sent. What comes until its answer is what was under way. If that
 * is half of the window or more, the window may hold the client back, and it grows.
 * Streams whose handlers keep up get the new window, and those that are not read do not.
 *
 * gRPC's BDP estimator has the same idea (grpc.io/blog/grpc-go-perf-improvements). This
 * one never pings where little comes in, so listings cost nothing. */
#ifndef HTTP_BDP_H
#define HTTP_BDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BDP_WINDOW_MIN (256 * 1024)
#define BDP_WINDOW_MAX (16 * 1024 * 1024)

struct bdp {
    uint32_t window;  /* of a stream that is read */
    uint32_t counted; /* bytes since the ping, or since the last one was answered */
    bool pinged;
};

void bdp_init(struct bdp *b);

/** @len bytes of requests came. Returns whether to ping now. */
bool bdp_count(struct bdp *b, size_t len);

/** The ping was answered. Returns whether b->window is larger now. */
bool bdp_answered(struct bdp *b);

#endif
