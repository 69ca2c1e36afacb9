/* What a server's TLS connections have in common: certificates of both sides,
 * files that are replaced, and sessions that are resumed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>

#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/tls_world.h"
#include "weir/ticket_keys.h"

TestSuite(tls_context, .init = tls_world_open, .fini = tls_world_close);

/* --- Clients' certificates ---------------------------------------------------------- */

static void each_client(int version)
{
    struct tls_pair pair = tls_meet(tls_client(version, "client"));
    tls_expect_talk(&pair);
    tls_part(&pair);
    tls_expect_refused(&(struct tls_peer_options){ .version = version },
                       "peer did not return a certificate",
                       version == TLS1_3_VERSION ? "certificate required" : "handshake failure");
    tls_expect_refused(tls_client(version, "other-client"),
                       "certificate verify failed: ", "unknown ca");
    tls_expect_refused(tls_client(version, "self"), "self-signed certificate", "unknown ca");
}

Test(tls_context, clients_need_a_certificate)
{
    certs_make(g_dir, "client", "ca", 0);
    certs_make(g_dir, "other-client", "other-ca", CERT_RSA);
    certs_make(g_dir, "self", NULL, 0);
    tls_open("ca.pem");
    each_client(TLS1_2_VERSION);
    each_client(TLS1_3_VERSION);
    tls_shut();
    assert_no_leaks();
}

/* As gRPC does: the one that signs clients need not be known up to its root. */
Test(tls_context, several_cas_and_one_below_another)
{
    certs_make(g_dir, "middle", "other-ca", CERT_CA);
    certs_make(g_dir, "client", "middle", 0);
    certs_make(g_dir, "friend", "ca", 0);
    certs_make(g_dir, "other-client", "other-ca", 0);
    certs_append(g_dir, "middle", "ca");
    tls_open("middle.pem");
    struct tls_pair pair = tls_meet(tls_client(0, "client"));
    tls_expect_talk(&pair);
    tls_part(&pair);
    pair = tls_meet(tls_client(0, "friend"));
    tls_part(&pair);
    tls_expect_refused(tls_client(0, "other-client"), "certificate verify failed: ", "unknown ca");
}

/* --- The server's own --------------------------------------------------------------- */

Test(tls_context, what_is_between_it_and_the_ca_is_sent)
{
    const struct tls_peer_options o = { .ca = tls_path("ca.pem") };
    certs_make(g_dir, "middle", "ca", CERT_CA);
    certs_make(g_dir, "server", "middle", 0);
    certs_append(g_dir, "server", "middle");
    tls_open(NULL);
    struct tls_pair pair = tls_meet(&o);
    cr_expect_eq(sk_X509_num(SSL_get_peer_cert_chain(pair.p.ssl)), 2);
    tls_part(&pair);
}

/* The CA that clients are checked with is not the server's to show. */
Test(tls_context, and_nothing_else_is)
{
    certs_make(g_dir, "client", "ca", 0);
    tls_open("ca.pem");
    struct tls_pair pair = tls_meet(tls_client(0, "client"));
    cr_expect_eq(sk_X509_num(SSL_get_peer_cert_chain(pair.p.ssl)), 1);
    tls_part(&pair);
}

static void add_to(const char *name, const char *text)
{
    FILE *f = fopen(tls_path(name), "a");
    cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void break_chain(void)
{
    add_to("server.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
}

Test(tls_context, what_openssl_does_not_take_is_no_context)
{
    break_chain();
    cr_expect_eq(tls_try(NULL), EINVAL);
    cr_expect_eq(ERR_peek_error(), 0);
    certs_make(g_dir, "server", "ca", CERT_WEAK);
    cr_expect_eq(tls_try(NULL), EINVAL);
    assert_no_leaks();
}

/* --- Files that are replaced
 * ------------------------------------------------------------------------ */

/* The number of the certificate that a new client sees. */
static long serial(void)
{
    struct tls_pair pair = tls_meet(&(struct tls_peer_options){ 0 });
    const long ret =
        ASN1_INTEGER_get(X509_get0_serialNumber(SSL_get0_peer_certificate(pair.p.ssl)));
    tls_part(&pair);
    return ret;
}

Test(tls_context, new_files_are_for_new_connections)
{
    tls_open(NULL);
    struct tls_pair old = tls_meet(&(struct tls_peer_options){ 0 });
    struct tls_pair early = tls_begin(&(struct tls_peer_options){ 0 });
    const long first = serial();
    certs_make(g_dir, "server", "ca", 0);
    const long second = serial();
    cr_expect_neq(first, second);
    cr_expect_eq(serial(), second);
    tls_expect_talk(&old);
    cr_assert_eq(tls_peer_meet(&early.p, early.t, WHOLE), TLS_OK);
    tls_part(&early);
    tls_shut();
    tls_expect_talk(&old);
    tls_part(&old);
    assert_no_leaks();
}

Test(tls_context, files_that_do_not_work_change_nothing)
{
    tls_open(NULL);
    const long first = serial();
    certs_make(g_dir, "another", "ca", 0);
    cr_assert_eq(rename(tls_path("another.pem"), tls_path("server.pem")), 0);
    cr_expect_eq(serial(), first, "a certificate beside another's key");
    certs_make(g_dir, "server", "ca", CERT_WEAK);
    cr_expect_eq(serial(), first, "what only OpenSSL refuses");
    certs_make(g_dir, "server", "ca", 0);
    break_chain();
    cr_expect_eq(serial(), first);
    certs_make(g_dir, "server", "ca", 0);
    cr_expect_neq(serial(), first);
}

Test(tls_context, another_ca_for_clients)
{
    certs_make(g_dir, "client", "ca", 0);
    certs_make(g_dir, "other-client", "other-ca", 0);
    tls_open("ca.pem");
    struct tls_pair pair = tls_meet(tls_client(0, "client"));
    tls_part(&pair);
    cr_assert_eq(rename(tls_path("other-ca.pem"), tls_path("ca.pem")), 0);
    tls_expect_refused(tls_client(0, "client"), "certificate verify failed: ", "unknown ca");
    pair = tls_meet(tls_client(0, "other-client"));
    tls_part(&pair);
}

/* They are taken later. */
Test(tls_context, new_files_and_too_little_memory)
{
    unsigned at = 1;
    for (bool failed = true; failed; at++) {
        heap_watch();
        tls_open(NULL);
        const long first = serial();
        certs_make(g_dir, "server", "ca", 0);
        heap_fail_at(at);
        tls_session_free(tls_session_new(g_context, g_now_ms));
        failed = heap_failed();
        heap_fail_at(0);
        cr_expect_neq(serial(), first, "allocation %u", at);
        tls_shut();
        cr_expect_eq(heap_live(), 0, "allocation %u", at);
    }
    cr_expect_gt(at, 5);
    assert_no_leaks();
}

/* --- Sessions that are resumed
 * ------------------------------------------------------------------------ */

static bool resumes(const struct tls_peer_options *o, SSL_SESSION *ticket_of_before)
{
    struct tls_peer_options with = *o;
    with.resume = ticket_of_before;
    struct tls_pair pair = tls_meet(&with);
    const bool resumed = SSL_session_reused(pair.p.ssl);
    tls_expect_h2(&pair);
    tls_expect_talk(&pair);
    tls_part(&pair);
    return resumed;
}

/* With a ticket of the one, at another loop's. */
static bool resumes_elsewhere(const struct tls_peer_options *o, struct tls_context *other)
{
    struct tls_context *one = g_context;
    SSL_SESSION *t = tls_ticket(o);
    cr_expect(resumes(o, t));
    g_context = other;
    const bool resumed = resumes(o, t);
    g_context = one;
    SSL_SESSION_free(t);
    return resumed;
}

static void resume_in(int version, const char *client_ca)
{
    const struct tls_peer_options o = *tls_client(version, "client");
    struct tls_context *other;
    tls_open(client_ca);
    cr_assert_eq(tls_context_new(&other, g_server, false), 0);
    cr_expect(resumes_elsewhere(&o, other));
    certs_make(g_dir, "server", "ca", 0);
    cr_expect(resumes_elsewhere(&o, other), "with the new files");
    tls_context_free(other);
    tls_shut();
}

Test(tls_context, resumed_on_any_loop)
{
    certs_make(g_dir, "client", "ca", 0);
    resume_in(TLS1_2_VERSION, NULL);
    resume_in(TLS1_3_VERSION, NULL);
    resume_in(TLS1_2_VERSION, "ca.pem");
    resume_in(TLS1_3_VERSION, "ca.pem");
    assert_no_leaks();
}

/* Whom a CA let in that is no longer trusted, a ticket does not let in. */
Test(tls_context, no_ticket_outlives_the_files)
{
    certs_make(g_dir, "client", "ca", 0);
    tls_open("ca.pem");
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    SSL_SESSION *tickets[2];
    for (int i = 0; i < 2; i++)
        tickets[i] = tls_ticket(tls_client(versions[i], "client"));
    cr_assert_eq(rename(tls_path("other-ca.pem"), tls_path("ca.pem")), 0);
    for (int i = 0; i < 2; i++) {
        struct tls_peer_options o = *tls_client(versions[i], "client");
        o.resume = tickets[i];
        tls_expect_refused(&o, "certificate verify failed: ", "unknown ca");
        SSL_SESSION_free(tickets[i]);
    }
}

Test(tls_context, no_ticket_outlives_the_day)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    tls_open(NULL);
    for (int i = 0; i < 2; i++) {
        const struct tls_peer_options o = { .version = versions[i] };
        SSL_SESSION *t = tls_ticket(&o);
        g_now_ms += 60u * 60 * 1000;
        cr_expect(resumes(&o, t));
        g_now_ms += TICKET_KEYS_AGE_MS;
        cr_expect_not(resumes(&o, t));
        SSL_SESSION_free(t);
    }
}

/* A ticket of another server is none; and nobody is turned away for that. */
Test(tls_context, no_ticket_of_another_server)
{
    const struct tls_peer_options o = { 0 };
    tls_open(NULL);
    SSL_SESSION *t = tls_ticket(&o);
    tls_shut();
    tls_open(NULL);
    cr_expect_not(resumes(&o, t));
    SSL_SESSION_free(t);
}
