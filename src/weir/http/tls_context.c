#include "tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* AES with 128 bits first: it is the fastest on machines with instructions for
 * it. Clients without, which put ChaCha20 first, get that. */
#define CIPHERS_1_3 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define CIPHERS_1_2                                                                                \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* Not the larger curves: a client should not choose what a handshake costs. */
#define GROUPS "X25519:P-256:P-384"

/* A session that is resumed says whose it was; no other server's. */
#define SESSION_OF "h2 server"

#define TICKET_KEYS_EVERY_MS 60000

struct tls_context {
    struct tls_server *tls;
    SSL_CTX *ssl;
    unsigned seen;       /* which files were looked at last */
    unsigned used;       /* which of them @ssl has */
    uint64_t tickets_ms; /* when it last got the keys of tickets */
    bool web;            /* HTTP/1.1 is served as well */
};

/* --- ALPN --------------------------------------------------------------------------- */

/* Finds @protocol among those that the client names. */
static bool find_protocol(const char *protocol, const unsigned char **ret, unsigned char *ret_len,
                          const unsigned char *in, unsigned int len)
{
    const size_t n = strlen(protocol);
    for (unsigned i = 0; i < len; i += in[i] + 1u) /* OpenSSL has checked lengths */
        if (in[i] == n && memcmp(in + i + 1, protocol, n) == 0) {
            *ret = in + i + 1;
            *ret_len = (unsigned char)n;
            return true;
        }
    return false;
}

static int take_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                         const unsigned char *in, unsigned int len, void *arg)
{
    const bool *web = arg;
    (void)ssl;
    if (find_protocol("h2", ret, ret_len, in, len) ||
        (*web && find_protocol("http/1.1", ret, ret_len, in, len)))
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Whoever does not name a protocol means HTTP/1, which may be served, or nothing that we
 * know, and the function above is not asked. */
static int want_alpn(SSL *ssl, int *alert, void *arg)
{
    const bool *web = arg;
    const unsigned char *in;
    size_t len;
    if (*web || SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
                                          &in, &len) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    ERR_raise(ERR_LIB_SSL, SSL_R_NO_APPLICATION_PROTOCOL); /* or nobody would read why */
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

/* --- Files -------------------------------------------------------------------------- */

/* Encrypted ones were refused when they were read; never ask on a terminal. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag, (void)arg;
    return -1;
}

/* Hands each certificate of the text to @take, which does not keep its
 * reference. Returns whether there was at least one and all were good. */
static bool each_certificate(const char *text, bool (*take)(SSL_CTX *ssl, X509 *cert, size_t i),
                             SSL_CTX *ssl)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    bool good = bio != NULL;
    size_t n = 0;
    X509 *cert;
    while (good && (cert = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL)) != NULL) {
        good = take(ssl, cert, n++);
        X509_free(cert);
    }
    if (good && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
        ERR_clear_error(); /* the end */
    else
        good = false;
    BIO_free(bio);
    return good && n > 0;
}

static bool take_own(SSL_CTX *ssl, X509 *cert, size_t i)
{
    return (i == 0 ? SSL_CTX_use_certificate(ssl, cert) : SSL_CTX_add1_chain_cert(ssl, cert)) == 1;
}

static bool take_ca(SSL_CTX *ssl, X509 *cert, size_t i)
{
    (void)i;
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), cert) == 1 &&
           SSL_CTX_add_client_CA(ssl, cert) == 1; /* its name, for clients to choose by */
}

static bool use_key(SSL_CTX *ssl, const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    const bool used = key != NULL && SSL_CTX_use_PrivateKey(ssl, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return used;
}

/* A CA that another one signed may be trusted alone, as gRPC does. */
static bool ask_clients(SSL_CTX *ssl, const char *ca)
{
    X509_STORE_set_flags(SSL_CTX_get_cert_store(ssl), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return each_certificate(ca, take_ca, ssl);
}

/* --- A context of OpenSSL ----------------------------------------------------------- */

static bool allow(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ssl, CIPHERS_1_2) == 1 &&
           SSL_CTX_set_ciphersuites(ssl, CIPHERS_1_3) == 1 &&
           SSL_CTX_set1_groups_list(ssl, GROUPS) == 1;
}

/* One ticket a handshake: who opens more connections at once is the exception. */
static bool allow_to_resume(SSL_CTX *ssl)
{
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); /* tickets need none */
    return SSL_CTX_set_num_tickets(ssl, 1) == 1 &&
           SSL_CTX_set_session_id_context(ssl, (const uint8_t *)SESSION_OF,
                                          sizeof SESSION_OF - 1) == 1;
}

/* The chain is sent as the file has it: to look for one among the clients' CAs
 * would take a verification at each handshake. */
static bool set_up(const struct tls_context *c, SSL_CTX *ssl, const struct pem *pem)
{
    static bool no, yes = true; /* sessions outlive the context */
    const bool asks_clients = tls_server_asks_clients(c->tls);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_alpn_select_cb(ssl, take_protocol, c->web ? &yes : &no);
    SSL_CTX_set_client_hello_cb(ssl, want_alpn, c->web ? &yes : &no);
    return allow(ssl) && allow_to_resume(ssl) &&
           each_certificate(pem->part[PEM_CERT], take_own, ssl) &&
           use_key(ssl, pem->part[PEM_KEY]) &&
           (!asks_clients || ask_clients(ssl, pem->part[PEM_CA]));
}

static const char *why(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    return reason != NULL ? reason : "unknown error";
}

/* 0, ENOMEM or EINVAL; @consequence is for the log. */
static int make(const struct tls_context *c, SSL_CTX **ret, const struct pem *pem,
                const char *consequence)
{
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    if (ssl != NULL && set_up(c, ssl, pem)) {
        *ret = ssl;
        return 0;
    }
    const bool no_memory = ssl == NULL || ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
    log_warn("TLS: OpenSSL does not take the certificates or the key: %s%s", why(), consequence);
    SSL_CTX_free(ssl);
    ERR_clear_error(); /* other users of OpenSSL on this thread would take it for theirs */
    return no_memory ? ENOMEM : EINVAL;
}

/* --- Changes ------------------------------------------------------------------------ */

/* Without, OpenSSL's own keys stay: good tickets, but on this loop only. */
static void set_ticket_keys(struct tls_context *c, uint64_t now_ms)
{
    uint8_t keys[TICKET_KEYS_BYTES];
    if (tls_server_ticket_keys(c->tls, c->used, now_ms, keys))
        SSL_CTX_set_tlsext_ticket_keys(c->ssl, keys, sizeof keys);
    OPENSSL_cleanse(keys, sizeof keys);
    c->tickets_ms = now_ms;
}

/* Want of memory passes: then they are tried again. */
static void follow_files(struct tls_context *c, uint64_t now_ms)
{
    const unsigned before = c->seen;
    struct pem pem;
    SSL_CTX *ssl;
    if (!tls_server_newer(c->tls, &c->seen, &pem))
        return;
    const int rv = make(c, &ssl, &pem, "; the files that were read before stay in use");
    pem_close(&pem);
    if (rv == 0) {
        SSL_CTX_free(c->ssl);
        c->ssl = ssl;
        c->used = c->seen;
        set_ticket_keys(c, now_ms);
    } else if (rv == ENOMEM) {
        c->seen = before;
    }
}

struct ssl_ctx_st *tls_context_now(struct tls_context *c, uint64_t now_ms)
{
    follow_files(c, now_ms);
    if (c->tickets_ms == 0 || now_ms - c->tickets_ms >= TICKET_KEYS_EVERY_MS)
        set_ticket_keys(c, now_ms);
    return c->ssl;
}

/* --- Life --------------------------------------------------------------------------- */

int tls_context_new(struct tls_context **ret, struct tls_server *tls, bool web)
{
    struct pem pem;
    struct tls_context *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ENOMEM;
    c->tls = tls;
    c->web = web;
    int rv = ENOMEM;
    if (tls_server_newer(tls, &c->seen, &pem)) {
        rv = make(c, &c->ssl, &pem, "");
        pem_close(&pem);
    }
    if (rv != 0) {
        tls_context_free(c);
        return rv;
    }
    c->used = c->seen;
    *ret = c;
    return 0;
}

void tls_context_free(struct tls_context *c)
{
    if (c == NULL)
        return;
    SSL_CTX_free(c->ssl);
    free(c);
}
