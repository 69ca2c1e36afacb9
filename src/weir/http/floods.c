#include "floods.h"

/* A call was made for nothing: 1,000 in a row, then 100 a second. */
#define RESET_TOKENS 2

/* Each of them may change the window of every stream. */
#define SETTINGS_TOKENS 10

void flood_init(struct flood *f, uint64_t now_ms)
{
    *f = (struct flood){ .tokens = FLOOD_BURST, .filled_ms = now_ms };
}

static uint32_t add(uint32_t tokens, uint32_t more, uint32_t max)
{
    return more < max - tokens ? tokens + more : max;
}

void flood_credit(struct flood *f, uint32_t tokens)
{
    f->earned = add(f->earned, tokens, FLOOD_EARNED_MAX);
}

/* The rest of a token is not lost: its time begins where the last whole one ended. */
static void refill(struct flood *f, uint64_t now_ms)
{
    if (now_ms <= f->filled_ms)
        return;
    const uint64_t earned = (now_ms - f->filled_ms) * FLOOD_RATE / 1000;
    f->tokens = add(f->tokens, earned < FLOOD_BURST ? (uint32_t)earned : FLOOD_BURST, FLOOD_BURST);
    f->filled_ms = f->tokens < FLOOD_BURST ? f->filled_ms + earned * 1000 / FLOOD_RATE : now_ms;
}

bool flood_charge(struct flood *f, uint32_t tokens, uint64_t now_ms)
{
    refill(f, now_ms);
    if ((uint64_t)f->tokens + f->earned < tokens)
        return false;
    const uint32_t of_earned = tokens < f->earned ? tokens : f->earned;
    f->earned -= of_earned;
    f->tokens -= tokens - of_earned;
    return true;
}

uint32_t flood_price(const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
        return 0;
    case NGHTTP2_DATA: /* an empty one that does not end anything */
        return hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0;
    case NGHTTP2_SETTINGS:
        return SETTINGS_TOKENS;
    case NGHTTP2_RST_STREAM:
        return RESET_TOKENS;
    default:
        return 1;
    }
}
