/* Tokens of odd frames: what each costs, and what time and answers earn. */
#include <criterion/criterion.h>

#include "weir/http/floods.h"

static struct flood g_flood;

static void init(void)
{
    flood_init(&g_flood, 1000);
}

TestSuite(floods, .init = init);

static unsigned charge_all(uint64_t now_ms)
{
    unsigned n = 0;
    while (flood_charge(&g_flood, 1, now_ms))
        n++;
    return n;
}

Test(floods, there_is_a_burst_and_then_a_rate)
{
    cr_assert_eq(charge_all(1000), FLOOD_BURST);
    cr_assert_eq(charge_all(1000), 0);
    cr_assert_eq(charge_all(2000), FLOOD_RATE);
    cr_assert_eq(charge_all(2000 + 1000 / FLOOD_RATE), 1);
}

/* However often somebody looks, a second brings the same. */
Test(floods, parts_of_a_token_are_not_lost)
{
    unsigned n = 0;
    charge_all(1000);
    for (uint64_t now_ms = 1001; now_ms <= 4000; now_ms++)
        n += charge_all(now_ms);
    cr_assert_eq(n, 3 * FLOOD_RATE);
    for (uint64_t now_ms = 4007; now_ms <= 4000 + 7 * 1000; now_ms += 7)
        n += charge_all(now_ms);
    cr_assert_eq(n, 10 * FLOOD_RATE);
}

Test(floods, a_charge_is_taken_whole_or_not_at_all)
{
    cr_assert_not(flood_charge(&g_flood, FLOOD_BURST + 1, 1000));
    cr_assert(flood_charge(&g_flood, FLOOD_BURST, 1000));
    cr_assert_not(flood_charge(&g_flood, 2, 1000 + 1000 / FLOOD_RATE), "there is one");
    cr_assert(flood_charge(&g_flood, 1, 1000 + 1000 / FLOOD_RATE));
    cr_assert(flood_charge(&g_flood, 0, 1000 + 1000 / FLOOD_RATE), "nothing costs nothing");
}

Test(floods, no_more_than_a_burst_is_saved)
{
    cr_assert_eq(charge_all(1000 + 3600 * 1000), FLOOD_BURST);
    cr_assert_eq(charge_all(UINT64_MAX / FLOOD_RATE / 2), FLOOD_BURST);
    cr_assert_eq(charge_all(0), 0, "and no time goes back");
}

Test(floods, what_was_earned_has_a_limit_too)
{
    charge_all(1000);
    flood_credit(&g_flood, FLOOD_EARNED_MAX - 1);
    flood_credit(&g_flood, 5);
    flood_credit(&g_flood, UINT32_MAX);
    cr_assert_eq(charge_all(1000), FLOOD_EARNED_MAX);
}

/* A busy client reads what piled up, and answers all of it in a row. */
Test(floods, a_client_may_answer_late)
{
    enum { FRAMES = 20000 };
    for (int i = 0; i < FRAMES; i++)
        flood_credit(&g_flood, FLOOD_CREDIT_OF_A_FRAME);
    for (int i = 0; i < FRAMES; i++)
        cr_assert(flood_charge(&g_flood, 1, 1000), "update %d", i);
    cr_assert(flood_charge(&g_flood, FLOOD_BURST, 1000), "the burst was not touched");
}

Test(floods, what_is_sent_earns_some)
{
    charge_all(1000);
    flood_credit(&g_flood, FLOOD_CREDIT_OF_A_FRAME);
    cr_assert_eq(charge_all(1000), FLOOD_CREDIT_OF_A_FRAME);
}

static uint32_t price(uint8_t type, size_t length, uint8_t flags)
{
    const nghttp2_frame_hd hd = { .type = type, .length = length, .flags = flags, .stream_id = 1 };
    return flood_price(&hd);
}

Test(floods, what_frames_cost)
{
    cr_assert_eq(price(NGHTTP2_HEADERS, 100, 0), 0);
    cr_assert_eq(price(NGHTTP2_CONTINUATION, 100, 0), 0);
    cr_assert_eq(price(NGHTTP2_DATA, 1, 0), 0);
    cr_assert_eq(price(NGHTTP2_DATA, 0, NGHTTP2_FLAG_END_STREAM), 0, "it ends something");
    cr_assert_eq(price(NGHTTP2_DATA, 0, 0), 1);
    cr_assert_eq(price(NGHTTP2_PING, 8, 0), 1);
    cr_assert_eq(price(NGHTTP2_WINDOW_UPDATE, 4, 0), 1);
    cr_assert_eq(price(NGHTTP2_PRIORITY, 5, 0), 1);
    cr_assert_eq(price(99, 0, 0), 1);
    cr_assert_gt(price(NGHTTP2_RST_STREAM, 4, 0), 1);
    cr_assert_gt(price(NGHTTP2_SETTINGS, 0, 0), price(NGHTTP2_RST_STREAM, 4, 0));
}
