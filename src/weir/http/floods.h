/* What odd frames of a connection cost.
 *
 * Frames that a client seldom needs cost tokens. There are FLOOD_BURST to begin
 * with, and FLOOD_RATE more a second; what is sent to the client earns some as
 * well, for it answers that with window updates and pings. So a flood ends within
 * a moment, and no client that does its work comes near.
 *
 * nghttp2 itself counts CONTINUATIONs (8), and SETTINGS and answers that the
 * client does not take (1,000).
 *
 * No input or output here; the thread of the connection. */
#ifndef HTTP_FLOODS_H
#define HTTP_FLOODS_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

#define FLOOD_BURST 2000
#define FLOOD_RATE  200

/* What a client may answer a frame of ours with: an update of each window. */
#define FLOOD_CREDIT_OF_A_FRAME 2

/* Of a connection. */
struct flood {
    uint32_t tokens;
    uint64_t filled_ms; /* when they were earned that time brings */
};

void flood_init(struct flood *f, uint64_t now_ms);

/** Takes so many tokens. false: there are not as many, and none is taken. */
bool flood_charge(struct flood *f, uint32_t tokens, uint64_t now_ms);

/** So many were earned otherwise. */
void flood_credit(struct flood *f, uint32_t tokens);

/** What a frame with this head costs. */
uint32_t flood_price(const nghttp2_frame_hd *hd);

#endif
