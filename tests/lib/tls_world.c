#include "tls_world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "tmpdir.h"

char *g_dir;
struct tls_server *g_server;
struct tls_context *g_context;
uint64_t g_now_ms = 1000;

const char *tls_path(const char *name)
{
    static char paths[8][256];
    static int next;
    char *ret = paths[next++ % 8];
    snprintf(ret, sizeof paths[0], "%s/%s", g_dir, name);
    return ret;
}

void tls_world_open(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    g_dir = tmpdir_make();
    certs_make(g_dir, "ca", NULL, CERT_CA);
    certs_make(g_dir, "other-ca", NULL, CERT_CA);
    certs_make(g_dir, "server", "ca", 0);
}

void tls_world_close(void)
{
    tls_shut();
    tmpdir_remove(g_dir);
}

/* The server keeps the names. */
static struct tls_server_options options_of(const char *client_ca)
{
    static char cert[256], key[256], ca[256];
    snprintf(cert, sizeof cert, "%s/server.pem", g_dir);
    snprintf(key, sizeof key, "%s/server.key", g_dir);
    snprintf(ca, sizeof ca, "%s/%s", g_dir, client_ca != NULL ? client_ca : "");
    return (struct tls_server_options){ .cert = cert,
                                        .key = key,
                                        .client_ca = client_ca != NULL ? ca : NULL };
}

int tls_try(const char *client_ca)
{
    char error[TLS_ERROR_MAX];
    const struct tls_server_options o = options_of(client_ca);
    if (!tls_server_new(&g_server, &o, error))
        return ENOMEM;
    const int rv = tls_context_new(&g_context, g_server, false);
    if (rv != 0)
        tls_shut();
    return rv;
}

void tls_open(const char *client_ca)
{
    cr_assert_eq(tls_try(client_ca), 0);
}

void tls_shut(void)
{
    tls_context_free(g_context);
    tls_server_free(g_server);
    g_context = NULL;
    g_server = NULL;
}

struct tls_pair tls_begin(const struct tls_peer_options *o)
{
    struct tls_pair pair = { .t = tls_session_new(g_context, g_now_ms) };
    cr_assert_not_null(pair.t);
    tls_peer_open(&pair.p, o);
    return pair;
}

struct tls_pair tls_meet(const struct tls_peer_options *o)
{
    struct tls_pair pair = tls_begin(o);
    const enum tls_result result = tls_peer_meet(&pair.p, pair.t, WHOLE);
    cr_assert(result == TLS_OK && pair.p.done, "%s; %s", tls_session_error(pair.t),
              tls_peer_error());
    return pair;
}

void tls_part(struct tls_pair *pair)
{
    tls_session_free(pair->t);
    tls_peer_close(&pair->p);
}

const struct tls_peer_options *tls_client(int version, const char *name)
{
    static struct tls_peer_options o;
    static char cert[256], key[256];
    snprintf(cert, sizeof cert, "%s/%s.pem", g_dir, name);
    snprintf(key, sizeof key, "%s/%s.key", g_dir, name);
    o = (struct tls_peer_options){ .version = version, .cert = cert, .key = key };
    return &o;
}

void tls_expect_refused(const struct tls_peer_options *o, const char *why, const char *alert)
{
    struct tls_pair pair = tls_begin(o);
    cr_expect_eq(tls_peer_meet(&pair.p, pair.t, WHOLE), TLS_FAILED);
    cr_expect_not_null(strstr(tls_session_error(pair.t), why), "%s", tls_session_error(pair.t));
    const char *heard = tls_peer_error();
    cr_expect_not_null(strstr(heard, alert), "%s", heard);
    cr_expect_not(tls_session_write(pair.t, bytes_of_text("x")));
    cr_expect_eq(tls_session_handshake(pair.t), TLS_FAILED);
    tls_part(&pair);
}

void tls_say(struct tls_pair *pair, const char *text)
{
    cr_assert_eq(SSL_write(pair->p.ssl, text, (int)strlen(text)), (int)strlen(text));
    while (tls_peer_to(&pair->p, pair->t, WHOLE) > 0)
        ;
}

void tls_expect_read(struct tls_session *t, const char *text)
{
    uint8_t to[64];
    size_t len;
    cr_assert_eq(tls_session_read(t, to, sizeof to, &len), TLS_OK, "%s", tls_session_error(t));
    cr_expect(bytes_equal(bytes_of(to, len), bytes_of_text(text)), "%.*s", (int)len, (char *)to);
    cr_expect_eq(tls_session_read(t, to, sizeof to, &len), TLS_WANTS_INPUT);
    cr_expect_eq(len, 0);
}

void tls_expect_heard(struct tls_pair *pair, const char *text)
{
    char to[64];
    tls_peer_from(&pair->p, pair->t);
    const int n = SSL_read(pair->p.ssl, to, sizeof to);
    cr_assert_gt(n, 0, "%s", tls_peer_error());
    cr_expect(bytes_equal(bytes_of(to, (size_t)n), bytes_of_text(text)), "%.*s", n, to);
}

void tls_expect_talk(struct tls_pair *pair)
{
    tls_say(pair, "to the server");
    tls_expect_read(pair->t, "to the server");
    cr_assert(tls_session_write(pair->t, bytes_of_text("to the client")));
    tls_expect_heard(pair, "to the client");
}

void tls_expect_h2(const struct tls_pair *pair)
{
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(pair->p.ssl, &name, &len);
    cr_expect(bytes_equal(bytes_of(name, len), bytes_of_text("h2")));
}

SSL_SESSION *tls_ticket(const struct tls_peer_options *o)
{
    struct tls_pair pair = tls_meet(o);
    cr_expect_not(SSL_session_reused(pair.p.ssl));
    tls_expect_talk(&pair); /* in TLS 1.3 it comes as data does */
    SSL_SESSION *ticket = tls_peer_ticket(&pair.p);
    cr_assert_not_null(ticket);
    tls_part(&pair);
    return ticket;
}
