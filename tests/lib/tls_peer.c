#include "tls_peer.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <string.h>

static int on_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    SSL_SESSION_free(SSL_get_app_data(ssl));
    SSL_set_app_data(ssl, ticket);
    return 1; /* taken */
}

SSL_SESSION *tls_peer_ticket(const struct tls_peer *p)
{
    SSL_SESSION *ticket = SSL_get_app_data(p->ssl);
    SSL_set_app_data(p->ssl, NULL);
    return ticket;
}

static SSL_CTX *context_of(const struct tls_peer_options *o)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    cr_assert_not_null(c);
    if (o->version != 0)
        cr_assert(SSL_CTX_set_min_proto_version(c, o->version) == 1 &&
                  SSL_CTX_set_max_proto_version(c, o->version) == 1);
    if (o->ca != NULL) {
        cr_assert_eq(SSL_CTX_load_verify_file(c, o->ca), 1, "%s", o->ca);
        SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    }
    if (o->cert != NULL)
        cr_assert(SSL_CTX_use_certificate_chain_file(c, o->cert) == 1 &&
                  SSL_CTX_use_PrivateKey_file(c, o->key, SSL_FILETYPE_PEM) == 1);
    if (o->ciphers != NULL)
        cr_assert_eq(SSL_CTX_set_cipher_list(c, o->ciphers), 1);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, on_ticket);
    return c;
}

/* A copy: OpenSSL allows a ticket of TLS 1.3 once. */
static void resume(SSL *ssl, SSL_SESSION *ticket)
{
    SSL_SESSION *copy = SSL_SESSION_dup(ticket);
    cr_assert(copy != NULL && SSL_set_session(ssl, copy) == 1);
    SSL_SESSION_free(copy);
}

void tls_peer_open(struct tls_peer *p, const struct tls_peer_options *o)
{
    const char *alpn = o->alpn != NULL ? o->alpn : "\2h2";
    *p = (struct tls_peer){ .context = context_of(o) };
    p->ssl = SSL_new(p->context);
    p->in = BIO_new(BIO_s_mem());
    p->out = BIO_new(BIO_s_mem());
    cr_assert(p->ssl != NULL && p->in != NULL && p->out != NULL);
    SSL_set_bio(p->ssl, p->in, p->out);
    SSL_set_connect_state(p->ssl);
    if (*alpn != '\0')
        cr_assert_eq(SSL_set_alpn_protos(p->ssl, (const uint8_t *)alpn, (unsigned)strlen(alpn)), 0);
    if (o->groups != NULL)
        cr_assert_eq(SSL_set1_groups_list(p->ssl, o->groups), 1);
    if (o->resume != NULL)
        resume(p->ssl, o->resume);
    cr_assert_eq(SSL_set1_host(p->ssl, "localhost"), 1);
}

void tls_peer_close(struct tls_peer *p)
{
    SSL_SESSION_free(tls_peer_ticket(p));
    SSL_set_quiet_shutdown(p->ssl, 1); /* else its ticket is taken for a bad one */
    SSL_shutdown(p->ssl);
    SSL_free(p->ssl);
    SSL_CTX_free(p->context);
    ERR_clear_error();
}

/* In TLS 1.3 it is done before the server has judged its certificate: the rest
 * is found as data would be. */
bool tls_peer_handshake(struct tls_peer *p)
{
    char first;
    int rv = SSL_do_handshake(p->ssl);
    p->done = rv == 1;
    if (p->done)
        rv = SSL_peek(p->ssl, &first, 1);
    return rv == 1 || SSL_get_error(p->ssl, rv) == SSL_ERROR_WANT_READ;
}

size_t tls_peer_to(struct tls_peer *p, struct tls_session *t, size_t piece)
{
    uint8_t bytes[65536];
    const int n = BIO_read(p->out, bytes, (int)(piece < sizeof bytes ? piece : sizeof bytes));
    if (n <= 0)
        return 0;
    cr_assert(tls_session_feed(t, bytes_of(bytes, (size_t)n)));
    return (size_t)n;
}

size_t tls_peer_from(struct tls_peer *p, struct tls_session *t)
{
    const struct bytes b = tls_session_output(t);
    if (b.len == 0)
        return 0;
    cr_assert_eq(BIO_write(p->in, b.data, (int)b.len), (int)b.len);
    const size_t n = b.len;
    tls_session_sent(t, n);
    return n;
}

enum tls_result tls_peer_meet(struct tls_peer *p, struct tls_session *t, size_t piece)
{
    enum tls_result result = TLS_WANTS_INPUT;
    size_t moved;
    do {
        tls_peer_handshake(p);
        for (moved = 0; tls_peer_to(p, t, piece) > 0; moved++)
            result = tls_session_handshake(t);
        moved += tls_peer_from(p, t);
    } while (moved > 0);
    return result;
}

const char *tls_peer_error(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return reason != NULL ? reason : "";
}
