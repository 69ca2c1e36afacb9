/* What lanes have counted, added up. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

#include "weir/http/conn_stats.h"

static uint64_t refused(const struct server_stats *s, const char *reason)
{
    for (size_t i = 0; i < s->nrefused; i++)
        if (strcmp(s->refused[i].reason, reason) == 0)
            return s->refused[i].n;
    cr_assert_fail("%s is not there", reason);
    return 0;
}

static bool is_label(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!islower((unsigned char)*c) && *c != '_')
            return false;
    return *text != '\0';
}

Test(conn_stats, each_reason_has_a_text_of_its_own)
{
    for (int i = 0; i < REFUSED_NR; i++) {
        const char *text = refusal_text((enum refusal)i);
        cr_assert(is_label(text), "%s", text);
        for (int k = 0; k < i; k++)
            cr_assert_str_neq(text, refusal_text((enum refusal)k));
    }
}

Test(conn_stats, without_a_lane_all_reasons_are_there_and_zero)
{
    struct server_stats s;
    memset(&s, 0xff, sizeof s);
    conn_stats_begin(&s);
    cr_assert_eq(s.nrefused, REFUSED_NR);
    for (size_t i = 0; i < s.nrefused; i++)
        cr_assert_eq(s.refused[i].n, 0, "%s", s.refused[i].reason);
    cr_assert_eq(s.connections, 0);
    cr_assert_eq(s.sent_bytes, 0);
}

Test(conn_stats, lanes_are_added_up)
{
    struct conn_stats lanes[2] = { 0 };
    struct server_stats s;
    for (unsigned i = 0; i < 2; i++) {
        counter_add(&lanes[i].opened, 10 + i);
        counter_add(&lanes[i].closed, 3 + i);
        counter_add(&lanes[i].streams, 100);
        counter_add(&lanes[i].streams_ok, 90);
        counter_add(&lanes[i].streams_reset, 5);
        counter_add(&lanes[i].bytes_in, 1000);
        counter_add(&lanes[i].bytes_out, 2000);
        counter_add(&lanes[i].pings_in, 7);
        counter_add(&lanes[i].pings_out, 8);
        counter_add(&lanes[i].handshakes, 9);
        counter_add(&lanes[i].resumed, 4);
        counter_add(&lanes[i].refused[REFUSED_FLOOD], i);
        counter_add(&lanes[i].refused[REFUSED_MEMORY], 2);
    }
    conn_stats_begin(&s);
    conn_stats_add(&s, &lanes[0]);
    conn_stats_add(&s, &lanes[1]);
    cr_assert_eq(s.connections, 14);
    cr_assert_eq(s.connections_opened, 21);
    cr_assert_eq(s.streams, 200);
    cr_assert_eq(s.streams_ok, 180);
    cr_assert_eq(s.streams_reset, 10);
    cr_assert_eq(s.received_bytes, 2000);
    cr_assert_eq(s.sent_bytes, 4000);
    cr_assert_eq(s.pings_received, 14);
    cr_assert_eq(s.pings_sent, 16);
    cr_assert_eq(s.tls_handshakes, 18);
    cr_assert_eq(s.tls_resumed, 8);
    cr_assert_eq(refused(&s, "flood"), 1);
    cr_assert_eq(refused(&s, "memory"), 4);
    cr_assert_eq(refused(&s, "tls_failed"), 0);
}

/* They are read while the lane's thread goes on: one that opens and closes in between may
 * be closed already and not opened yet. */
Test(conn_stats, never_fewer_connections_than_none)
{
    struct conn_stats lane = { 0 };
    struct server_stats s;
    counter_add(&lane.opened, 1);
    counter_add(&lane.closed, 2);
    conn_stats_begin(&s);
    conn_stats_add(&s, &lane);
    cr_assert_eq(s.connections, 0);
    cr_assert_eq(s.connections_opened, 1);
}
