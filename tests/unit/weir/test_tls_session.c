/* TLS of a server's connection, with a client of OpenSSL's at its other end, all
 * in memory: what comes over, who is turned away, and what it holds on to. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/tls_world.h"

TestSuite(tls_session, .init = tls_world_open, .fini = tls_world_close);

/* --- What comes over ---------------------------------------------------------------- */

static void talk_in(int version)
{
    struct tls_pair pair =
        tls_meet(&(struct tls_peer_options){ .version = version, .ca = tls_path("ca.pem") });
    cr_expect_eq(SSL_version(pair.p.ssl), version == 0 ? TLS1_3_VERSION : version);
    tls_expect_h2(&pair);
    const size_t held = tls_session_held(pair.t);
    tls_expect_talk(&pair);
    cr_expect_eq(tls_session_held(pair.t), held);
    tls_part(&pair);
}

Test(tls_session, both_versions)
{
    tls_open(NULL);
    talk_in(TLS1_2_VERSION);
    talk_in(TLS1_3_VERSION);
    talk_in(0);
    tls_shut();
    assert_no_leaks();
}

Test(tls_session, a_key_of_rsa)
{
    certs_make(g_dir, "server", "ca", CERT_RSA);
    tls_open(NULL);
    talk_in(TLS1_2_VERSION);
    talk_in(TLS1_3_VERSION);
}

/* For whom has no AES in its processor. */
Test(tls_session, whoever_puts_chacha20_first_gets_it)
{
    tls_open(NULL);
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ .version = TLS1_2_VERSION });
    cr_expect_str_eq(SSL_get_cipher(pair.p.ssl), "ECDHE-ECDSA-AES128-GCM-SHA256");
    tls_part(&pair);
    pair = tls_meet(
        &(struct tls_peer_options){ .version = TLS1_2_VERSION, .ciphers = "CHACHA20:AESGCM" });
    cr_expect_str_eq(SSL_get_cipher(pair.p.ssl), "ECDHE-ECDSA-CHACHA20-POLY1305");
    tls_part(&pair);
}

/* The last piece makes a record of it, and none before. */
static void talk_in_pieces(int version, size_t piece)
{
    struct tls_pair pair = tls_begin(&(struct tls_peer_options){ .version = version });
    uint8_t to[64];
    size_t len;
    cr_assert_eq(tls_peer_meet(&pair.p, pair.t, piece), TLS_OK);
    cr_assert_eq(SSL_write(pair.p.ssl, "slowly", 6), 6);
    while ((size_t)BIO_pending(pair.p.out) > piece) {
        cr_assert_eq(tls_peer_to(&pair.p, pair.t, piece), piece);
        cr_assert_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_WANTS_INPUT);
    }
    cr_assert_gt(tls_peer_to(&pair.p, pair.t, piece), 0);
    tls_expect_read(pair.t, "slowly");
    tls_part(&pair);
}

Test(tls_session, byte_by_byte_and_in_other_pieces)
{
    tls_open(NULL);
    for (size_t piece = 1; piece < 30; piece++) {
        talk_in_pieces(TLS1_2_VERSION, piece);
        talk_in_pieces(TLS1_3_VERSION, piece);
    }
}

/* The client's Finished and its first bytes in one segment. */
Test(tls_session, data_right_behind_the_handshake)
{
    tls_open(NULL);
    struct tls_pair pair = tls_begin(&(struct tls_peer_options){ 0 });
    cr_assert(tls_peer_handshake(&pair.p));
    tls_peer_to(&pair.p, pair.t, WHOLE);
    cr_assert_eq(tls_session_handshake(pair.t), TLS_WANTS_INPUT);
    tls_peer_from(&pair.p, pair.t);
    cr_assert(tls_peer_handshake(&pair.p) && pair.p.done);
    tls_say(&pair, "PRI");
    cr_assert_eq(tls_session_handshake(pair.t), TLS_OK);
    tls_expect_read(pair.t, "PRI");
    tls_part(&pair);
}

/* --- Much --------------------------------------------------------------------------- */

#define MUCH ((size_t)3 << 20)

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 131 + (i >> 9));
}

static uint8_t *much(void)
{
    uint8_t *bytes = malloc(MUCH);
    for (size_t i = 0; i < MUCH; i++)
        bytes[i] = pattern(i);
    return bytes;
}

static void expect_much(const uint8_t *got, size_t from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        cr_assert_eq(got[i], pattern(from + i), "byte %zu", from + i);
}

/* In pieces of any size, read with any room. */
static void upload(struct tls_pair *pair, const uint8_t *bytes)
{
    static uint8_t to[50000];
    size_t got = 0, len;
    cr_assert_eq(SSL_write(pair->p.ssl, bytes, (int)MUCH), (int)MUCH);
    while (tls_peer_to(&pair->p, pair->t, 1 + (size_t)rand() % WHOLE) > 0)
        while (tls_session_read(pair->t, to, 1 + (size_t)rand() % sizeof to, &len) == TLS_OK) {
            expect_much(to, got, len);
            got += len;
        }
    cr_assert_eq(got, MUCH);
}

static void expect_full_records(struct bytes b)
{
    while (b.len >= 5) {
        const size_t len = 5 + ((size_t)b.data[3] << 8 | b.data[4]);
        cr_assert_leq(len, b.len);
        cr_expect(len > 16384 || len == b.len, "a record of %zu bytes, %zu left", len, b.len);
        b = bytes_of(b.data + len, b.len - len);
    }
    cr_expect_eq(b.len, 0);
}

/* The network takes a part of the output at a time. */
static void download(struct tls_pair *pair, const uint8_t *bytes)
{
    static uint8_t to[50000];
    size_t got = 0, len;
    const size_t held = tls_session_held(pair->t);
    cr_assert(tls_session_write(pair->t, bytes_of(bytes, MUCH)));
    cr_expect_geq(tls_session_held(pair->t), held + MUCH);
    cr_expect_leq(tls_session_held(pair->t), held + MUCH + MUCH / 16384 * 32, "no more than that");
    expect_full_records(tls_session_output(pair->t));
    struct bytes b;
    while ((b = tls_session_output(pair->t)).len > 0) {
        const size_t n = 1 + (size_t)rand() % WHOLE;
        len = n < b.len ? n : b.len;
        BIO_write(pair->p.in, b.data, (int)len);
        tls_session_sent(pair->t, len);
        cr_assert_leq(tls_session_held(pair->t), held + 2 * (b.len - len) + 2048);
        while (SSL_read_ex(pair->p.ssl, to, sizeof to, &len) == 1) {
            expect_much(to, got, len);
            got += len;
        }
    }
    cr_assert_eq(got, MUCH);
}

static void transfer(int version)
{
    uint8_t *bytes = much();
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ .version = version });
    const size_t held = tls_session_held(pair.t);
    upload(&pair, bytes);
    download(&pair, bytes);
    cr_expect_eq(tls_session_held(pair.t), held);
    free(bytes);
    tls_part(&pair);
}

Test(tls_session, much_both_ways)
{
    srand(3);
    tls_open(NULL);
    transfer(TLS1_2_VERSION);
    transfer(TLS1_3_VERSION);
}

Test(tls_session, nothing_is_written_as_nothing)
{
    tls_open(NULL);
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ 0 });
    cr_expect(tls_session_write(pair.t, bytes_of(NULL, 0)));
    cr_expect_eq(tls_session_output(pair.t).len, 0);
    tls_part(&pair);
}

/* AES-GCM is not good for any number of records under one key. The message that
 * says so goes before the record. */
Test(tls_session, keys_change_in_time)
{
    tls_open(NULL);
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ .version = TLS1_3_VERSION });
    const size_t record = 5 + 1 + 1 + 16;
    unsigned changes = 0;
    for (unsigned i = 0; i < 600000; i++) {
        uint8_t to[16];
        cr_assert(tls_session_write(pair.t, bytes_of_text("x")));
        changes += tls_session_output(pair.t).len > record;
        tls_peer_from(&pair.p, pair.t);
        cr_assert_eq(SSL_read(pair.p.ssl, to, sizeof to), 1, "%s", tls_peer_error());
    }
    cr_expect_eq(changes, 2);
    tls_part(&pair);
}

/* --- Who is not let in -------------------------------------------------------------- */

Test(tls_session, only_h2)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    tls_open(NULL);
    for (int i = 0; i < 2; i++) {
        const char *names[] = { "", "\2h3", "\10http/1.1", "\3h2c\1h" };
        for (int j = 0; j < 4; j++)
            tls_expect_refused(
                &(struct tls_peer_options){ .version = versions[i], .alpn = names[j] },
                "no application protocol", "no application protocol");
        struct tls_pair pair = tls_meet(
            &(struct tls_peer_options){ .version = versions[i], .alpn = "\10http/1.1\2h2" });
        tls_expect_h2(&pair);
        tls_part(&pair);
    }
}

Test(tls_session, only_what_http2_may_run_on)
{
    static const char *const ciphers[] = { "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256",
                                           "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-SHA" };
    certs_make(g_dir, "server", "ca", CERT_RSA);
    tls_open(NULL);
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++)
        tls_expect_refused(
            &(struct tls_peer_options){ .version = TLS1_2_VERSION, .ciphers = ciphers[i] },
            "no shared cipher", "handshake failure");
    tls_expect_refused(
        &(struct tls_peer_options){ .version = TLS1_1_VERSION, .ciphers = "DEFAULT@SECLEVEL=0" },
        "unsupported protocol", "protocol version");
}

/* --- The turn of a handshake
 * ---------------------------------------------------------------------------- */

/* What the client says once is there, but for the network's way to cut it. */
static void take_a_turn(struct tls_pair *pair)
{
    tls_peer_handshake(&pair->p);
    cr_assert_eq(tls_peer_to(&pair->p, pair->t, 3), 3);
    cr_expect_not(tls_session_wants_turn(pair->t), "a part of a record");
    cr_assert_eq(tls_session_handshake(pair->t), TLS_WANTS_INPUT);
    while (tls_peer_to(&pair->p, pair->t, WHOLE) > 0)
        ;
    cr_expect(tls_session_wants_turn(pair->t));
    cr_expect_eq(tls_session_output(pair->t).len, 0, "it waits");
    tls_session_handshake(pair->t);
    cr_expect_not(tls_session_wants_turn(pair->t));
    cr_expect_gt(tls_session_output(pair->t).len, 0);
    tls_peer_from(&pair->p, pair->t);
}

static void take_turns(int version)
{
    struct tls_pair pair = tls_begin(&(struct tls_peer_options){ .version = version });
    take_a_turn(&pair);
    take_a_turn(&pair);
    cr_expect(tls_peer_handshake(&pair.p) && pair.p.done);
    tls_expect_talk(&pair);
    tls_say(&pair, "data");
    cr_expect_not(tls_session_wants_turn(pair.t));
    tls_part(&pair);
}

Test(tls_session, a_handshake_may_wait_for_its_turn)
{
    tls_open(NULL);
    take_turns(TLS1_2_VERSION);
    take_turns(TLS1_3_VERSION);
}

/* The client guesses a curve that the server does not have, and is asked again. */
Test(tls_session, a_client_that_has_to_try_again)
{
    tls_open(NULL);
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ .groups = "P-521:P-256" });
    tls_expect_talk(&pair);
    tls_part(&pair);
}

/* --- The end
 * ---------------------------------------------------------------------------------------------- */

static void close_in(int version)
{
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ .version = version });
    uint8_t to[64];
    size_t len;
    tls_say(&pair, "last words");
    cr_expect_eq(SSL_shutdown(pair.p.ssl), 0);
    tls_peer_to(&pair.p, pair.t, WHOLE);
    cr_assert_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_OK);
    cr_expect_eq(len, strlen("last words"));
    cr_expect_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_CLOSED);
    cr_expect_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_CLOSED);
    cr_assert(tls_session_write(pair.t, bytes_of_text("an answer")));
    tls_expect_heard(&pair, "an answer");
    tls_session_close(pair.t);
    tls_peer_from(&pair.p, pair.t);
    cr_expect_eq(SSL_shutdown(pair.p.ssl), 1, "both sides have said it");
    cr_expect_str_eq(tls_session_error(pair.t), "");
    tls_part(&pair);
}

Test(tls_session, close_notify)
{
    tls_open(NULL);
    close_in(TLS1_2_VERSION);
    close_in(TLS1_3_VERSION);
}

Test(tls_session, closing_what_never_began)
{
    tls_open(NULL);
    struct tls_session *t = tls_session_new(g_context, g_now_ms);
    tls_session_close(t);
    cr_expect_eq(tls_session_output(t).len, 0);
    cr_expect_not(tls_session_write(t, bytes_of_text("x")));
    tls_session_free(t);
    tls_session_free(NULL);
    tls_context_free(NULL);
}

/* --- Peers that break the rules
 * ----------------------------------------------------------------------------- */

static void expect_nonsense(struct bytes b, const char *why)
{
    struct tls_session *t = tls_session_new(g_context, g_now_ms);
    cr_assert(tls_session_feed(t, b));
    cr_expect_eq(tls_session_handshake(t), TLS_FAILED);
    cr_expect_not_null(strstr(tls_session_error(t), why), "%s", tls_session_error(t));
    cr_expect_eq(ERR_peek_error(), 0);
    tls_session_free(t);
}

Test(tls_session, what_is_not_tls)
{
    uint8_t noise[1000];
    srand(5);
    tls_open(NULL);
    expect_nonsense(bytes_of_text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "does not speak TLS");
    expect_nonsense(bytes_of_text("G"), "does not speak TLS");
    expect_nonsense(bytes_of_text("\x80\x2e\x01\x03\x01"), "does not speak TLS"); /* SSL 2 */
    expect_nonsense(bytes_of_text("\x16\x02"), "does not speak TLS");
    expect_nonsense(bytes_of("\x16\x03\x01\xff\xff", 5), "too long");
    expect_nonsense(bytes_of("\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", 10), "unexpected message");
    for (int i = 0; i < 200; i++) {
        for (size_t j = 0; j < sizeof noise; j++)
            noise[j] = (uint8_t)rand();
        memcpy(noise, "\x16\x03\x01\x00\xff\x01\x00\x00\xfb\x03\x03", i % 2 == 0 ? 0 : 11);
        noise[0] = noise[0] == 22 && i % 2 == 0 ? 0 : noise[0];
        expect_nonsense(bytes_of(noise, sizeof noise), "");
    }
    tls_shut();
    assert_no_leaks();
}

/* One bit of what the client says in turn @turn is another; returns how often it
 * got in all the same. */
static unsigned flip_each_byte(int version, int turn)
{
    uint8_t bytes[4096];
    unsigned in = 0;
    int len = 1;
    for (int at = 0; at < len; at++) {
        struct tls_pair pair = tls_begin(&(struct tls_peer_options){ .version = version });
        enum tls_result result = TLS_WANTS_INPUT;
        for (int i = 0; i <= turn; i++) {
            tls_peer_handshake(&pair.p);
            len = BIO_read(pair.p.out, bytes, sizeof bytes);
            bytes[at] ^= i == turn ? 1 << at % 8 : 0;
            cr_assert(tls_session_feed(pair.t, bytes_of(bytes, (size_t)len)));
            result = tls_session_handshake(pair.t);
            tls_peer_from(&pair.p, pair.t);
        }
        in += result == TLS_OK;
        cr_assert_eq(*tls_session_error(pair.t) != '\0', result == TLS_FAILED);
        tls_part(&pair);
    }
    return in;
}

Test(tls_session, each_byte_of_a_handshake_damaged)
{
    tls_open(NULL);
    cr_expect_eq(flip_each_byte(TLS1_2_VERSION, 0), 0);
    cr_expect_eq(flip_each_byte(TLS1_3_VERSION, 0), 0);
    cr_expect_eq(flip_each_byte(TLS1_2_VERSION, 1), 0);
    cr_expect_eq(flip_each_byte(TLS1_3_VERSION, 1), 0);
    tls_shut();
    assert_no_leaks();
}

Test(tls_session, a_record_cut_short)
{
    tls_open(NULL);
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ 0 });
    uint8_t bytes[128], to[64];
    size_t len;
    cr_assert_eq(SSL_write(pair.p.ssl, "hello", 5), 5);
    const int n = BIO_read(pair.p.out, bytes, sizeof bytes);
    cr_assert(tls_session_feed(pair.t, bytes_of(bytes, (size_t)n - 1)));
    cr_expect_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_WANTS_INPUT);
    cr_assert(tls_session_feed(pair.t, bytes_of("x", 1)));
    cr_expect_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_FAILED);
    cr_expect_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_FAILED);
    cr_expect_not_null(strstr(tls_session_error(pair.t), "bad record mac"), "%s",
                       tls_session_error(pair.t));
    cr_expect_not(tls_session_write(pair.t, bytes_of_text("x")));
    tls_peer_from(&pair.p, pair.t);
    cr_expect_leq(SSL_read(pair.p.ssl, to, sizeof to), 0);
    cr_expect_not_null(strstr(tls_peer_error(), "bad record mac"), "the alert");
    tls_part(&pair);
}

/* What came before it is good. */
Test(tls_session, a_bad_record_behind_a_good_one)
{
    tls_open(NULL);
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ 0 });
    uint8_t to[64];
    size_t len;
    tls_say(&pair, "good");
    cr_assert(tls_session_feed(pair.t, bytes_of("\x17\x03\x03\x00\x12garbage of 18 byte", 23)));
    cr_expect_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_OK);
    cr_expect_eq(len, 4);
    cr_expect_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_FAILED);
    tls_part(&pair);
}

Test(tls_session, no_renegotiation)
{
    tls_open(NULL);
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ .version = TLS1_2_VERSION });
    uint8_t to[64];
    size_t len;
    cr_assert_eq(SSL_renegotiate(pair.p.ssl), 1);
    tls_peer_handshake(&pair.p);
    cr_assert_gt(tls_peer_to(&pair.p, pair.t, WHOLE), 0);
    cr_expect_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_FAILED);
    cr_expect_not_null(strstr(tls_session_error(pair.t), "renegotiate"), "%s",
                       tls_session_error(pair.t));
    tls_part(&pair);
}

static void change_key(struct tls_pair *pair)
{
    cr_assert_eq(SSL_key_update(pair->p.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    cr_assert_eq(SSL_do_handshake(pair->p.ssl), 1);
    while (tls_peer_to(&pair->p, pair->t, WHOLE) > 0)
        ;
}

/* Beside much data they may change, and ask us to. */
Test(tls_session, keys_that_change)
{
    static uint8_t to[1 << 20];
    size_t len;
    tls_open(NULL);
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ .version = TLS1_3_VERSION });
    for (int i = 0; i < 40; i++) {
        change_key(&pair);
        tls_expect_talk(&pair);
        if (i % 10 == 0) {
            cr_assert_eq(SSL_write(pair.p.ssl, to, sizeof to), (int)sizeof to);
            while (tls_peer_to(&pair.p, pair.t, WHOLE) > 0)
                ;
            cr_assert_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_OK);
            cr_assert_eq(len, sizeof to);
        }
    }
    tls_part(&pair);
}

Test(tls_session, keys_that_change_too_often)
{
    uint8_t to[64];
    size_t len;
    tls_open(NULL);
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ .version = TLS1_3_VERSION });
    for (int i = 0; i < 1000; i++)
        change_key(&pair);
    cr_expect_eq(tls_session_read(pair.t, to, sizeof to, &len), TLS_FAILED);
    cr_expect_not_null(strstr(tls_session_error(pair.t), "too often"), "%s",
                       tls_session_error(pair.t));
    tls_part(&pair);
}
/* --- What it holds on to ------------------------------------------------------------ */

#define SESSIONS 50

static size_t in_use(void)
{
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void hello(struct tls_pair *pair, size_t bytes)
{
    cr_assert(tls_peer_handshake(&pair->p));
    cr_assert_gt(tls_peer_to(&pair->p, pair->t, bytes), 0);
}

static void half_a_hello(struct tls_pair *pair)
{
    hello(pair, 100);
    cr_assert_eq(tls_session_handshake(pair->t), TLS_WANTS_INPUT);
}

static void wait_for_a_turn(struct tls_pair *pair)
{
    hello(pair, WHOLE);
    cr_assert(tls_session_wants_turn(pair->t));
}

static void wait_for_the_client(struct tls_pair *pair)
{
    hello(pair, WHOLE);
    cr_assert_eq(tls_session_handshake(pair->t), TLS_WANTS_INPUT);
    tls_session_sent(pair->t, tls_session_output(pair->t).len);
}

static void idle(struct tls_pair *pair)
{
    cr_assert_eq(tls_peer_meet(&pair->p, pair->t, WHOLE), TLS_OK);
    tls_expect_talk(pair);
}

/* After much that was read: the client goes on with a record, and stops. */
static void stop_in_a_record(struct tls_pair *pair)
{
    static uint8_t bytes[60000], cipher[70000];
    size_t len;
    idle(pair);
    cr_assert_eq(SSL_write(pair->p.ssl, bytes, sizeof bytes), (int)sizeof bytes);
    cr_assert_eq(SSL_write(pair->p.ssl, bytes, 1000), 1000);
    const int n = BIO_read(pair->p.out, cipher, sizeof cipher);
    cr_assert_gt(n, 61000);
    cr_assert(tls_session_feed(pair->t, bytes_of(cipher, (size_t)n - 500)));
    cr_assert_eq(tls_session_read(pair->t, bytes, sizeof bytes, &len), TLS_OK);
    cr_assert_eq(len, sizeof bytes);
    cr_assert_eq(tls_session_read(pair->t, bytes, sizeof bytes, &len), TLS_WANTS_INPUT);
}

/* A peer that does not stop when it is told that it broke the rules. */
static void fail_and_go_on(struct tls_pair *pair)
{
    static const uint8_t bytes[60000] = { 23, 3, 3, 0, 100 };
    uint8_t to[64];
    size_t len;
    idle(pair);
    for (int i = 0; i < 3; i++) {
        cr_assert(tls_session_feed(pair->t, bytes_of(bytes, sizeof bytes)));
        cr_assert_eq(tls_session_read(pair->t, to, sizeof to, &len), TLS_FAILED);
    }
}

/* A session that has come so far says that it holds @max bytes at most, and does. */
static void expect_held(int version, void (*come)(struct tls_pair *pair), size_t max)
{
    struct tls_session *t[SESSIONS];
    size_t said = 0;
    const size_t before = in_use();
    for (int i = 0; i < SESSIONS; i++) {
        struct tls_pair pair = tls_begin(&(struct tls_peer_options){ .version = version });
        come(&pair);
        t[i] = pair.t;
        said += tls_session_held(pair.t);
        tls_peer_close(&pair.p);
    }
    const size_t held = in_use() - before;
    cr_expect_leq(said, max * SESSIONS);
    if (before > 0) /* a sanitizer has an allocator of its own */
        cr_expect(held < said * 5 / 4 + SESSIONS * 512 && held > said / 2, "%zu, said %zu", held,
                  said);
    for (int i = 0; i < SESSIONS; i++)
        tls_session_free(t[i]);
}

static void expect_little(int version)
{
    expect_held(version, half_a_hello, 600);
    expect_held(version, wait_for_a_turn, 1200);
    expect_held(version, wait_for_the_client, 46 << 10);
    expect_held(version, idle, 17 << 10);
    expect_held(version, stop_in_a_record, 18 << 10);
    expect_held(version, fail_and_go_on, 1 << 10);
}

Test(tls_session, what_it_holds_is_little_and_counted)
{
    tls_open(NULL);
    talk_in(TLS1_2_VERSION); /* what OpenSSL makes once */
    talk_in(TLS1_3_VERSION);
    expect_little(TLS1_2_VERSION);
    expect_little(TLS1_3_VERSION);
}

/* --- Too little memory -------------------------------------------------------------- */

#define ANSWER_BYTES ((size_t)100000)

/* In two pieces, so that a part of a record has to be kept. */
static bool move(struct tls_pair *pair)
{
    uint8_t bytes[4096];
    const int n = BIO_read(pair->p.out, bytes, sizeof bytes);
    const size_t len = n > 0 ? (size_t)n : 0, half = len / 2;
    return tls_session_feed(pair->t, bytes_of(bytes, half)) &&
           tls_session_feed(pair->t, bytes_of(bytes + half, len - half));
}

static bool shake_hands(struct tls_pair *pair)
{
    enum tls_result result = TLS_WANTS_INPUT;
    for (int i = 0; i < 2 && result == TLS_WANTS_INPUT; i++) {
        tls_peer_handshake(&pair->p);
        if (!move(pair))
            return false;
        result = tls_session_handshake(pair->t);
        tls_peer_from(&pair->p, pair->t);
    }
    return result == TLS_OK;
}

static bool ask(struct tls_pair *pair)
{
    uint8_t to[64];
    size_t len;
    cr_assert_eq(SSL_write(pair->p.ssl, "question", 8), 8);
    return move(pair) && tls_session_read(pair->t, to, sizeof to, &len) == TLS_OK && len == 8;
}

static bool answer(struct tls_pair *pair)
{
    static const uint8_t bytes[ANSWER_BYTES];
    uint8_t to[16384];
    size_t len, got = 0;
    if (!tls_session_write(pair->t, bytes_of(bytes, sizeof bytes)))
        return false;
    BIO_write(pair->p.in, tls_session_output(pair->t).data, 90000);
    tls_session_sent(pair->t, 90000);
    tls_peer_from(&pair->p, pair->t);
    while (SSL_read_ex(pair->p.ssl, to, sizeof to, &len) == 1)
        got += len;
    return got == ANSWER_BYTES;
}

/* A server and a connection. What fails says so. */
static bool serve_one(void)
{
    struct tls_pair pair;
    if (tls_try(NULL) != 0)
        return false;
    pair.t = tls_session_new(g_context, g_now_ms);
    if (pair.t == NULL)
        return false;
    tls_peer_open(&pair.p, &(struct tls_peer_options){ 0 });
    const bool good = shake_hands(&pair) && ask(&pair) && answer(&pair);
    if (!good && *tls_session_error(pair.t) != '\0')
        cr_expect_str_eq(tls_session_error(pair.t), "out of memory");
    tls_part(&pair);
    return good;
}

Test(tls_session, each_allocation_of_ours_fails_in_turn)
{
    unsigned at = 1, lost = 0;
    for (bool failed = true; failed; at++) {
        heap_watch();
        heap_fail_at(at);
        const bool good = serve_one();
        failed = heap_failed();
        heap_fail_at(0);
        cr_assert(good || failed, "undisturbed");
        lost += !good;
        tls_shut();
        cr_assert_eq(heap_live(), 0, "allocation %u: %zu blocks", at, heap_live());
    }
    cr_expect_gt(lost, 10, "only %u allocations matter", lost);
    cr_log_info("%u allocations, %u of them needed", at - 2, lost);
    assert_no_leaks();
}
