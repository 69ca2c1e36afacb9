/* What odd frames of a connection cost.
 *
 * Frames that a client seldom needs cost tokens. There are FLOOD_BURST to begin
 * with, and FLOOD_RATE more a second; what is sent to the client earns some as
 * well, for it answers that with window updates and pings. It may answer late: a busy
 * client reads thousands of small frames, and updates its windows for all of them in a
 * row. So what was earned is kept beside the others, for as many frames as may be on
 * their way. A flood ends within a moment, and no client that does its work comes near.
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

/* Of what was earned so; of 32,768 frames. */
#define FLOOD_EARNED_MAX 65536

/* Of a connection. */
struct flood {
    uint32_t tokens, earned;
    uint64_t filled_ms; /* when they were earned that time brings */
};

void flood_init(struct flood *f, uint64_t now_ms);

/** Takes so many tokens. false: there are not as many, and none is taken. */
bool flood_charge(struct flood *f, uint32_t tokens, uint64_t now_ms);

/** So many were earned by what was sent. */
void flood_credit(struct flood *f, uint32_t tokens);

/** What a frame with this head costs. */
uint32_t flood_price(const nghttp2_frame_hd *hd);

#endif
