/* What odd frames of a connection cost.
 *
 * Frames that a client seldom needs cost tokens. A connection has FLOOD_BURST tokens at
 * first, and gets FLOOD_RATE more in each second. What is sent to the client earns some
 * tokens too, because the client answers it with window updates and pings. It may answer
 * late: a busy client reads thousands of small frames, and then updates its windows for
 * all of them in a row. So tokens that were earned are counted by themselves, and as many
 * are kept as there can be frames on their way. A flood ends within a moment, and a
 * client that does its work never comes near the limit.
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

/** Takes so many @tokens. false: there are not so many left, and none is taken. */
bool flood_charge(struct flood *f, uint32_t tokens, uint64_t now_ms);

/** Adds @tokens that were earned by what was sent. */
void flood_credit(struct flood *f, uint32_t tokens);

/** What a frame with this head costs. */
uint32_t flood_price(const nghttp2_frame_hd *hd);

#endif
