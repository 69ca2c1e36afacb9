/* The other end of a tls_session: a client of OpenSSL's, in memory as well. */
#ifndef TESTS_TLS_PEER_H
#define TESTS_TLS_PEER_H

#include <openssl/ssl.h>

#include "weir/http/tls_session.h"

struct tls_peer {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out; /* what comes from the server, what goes to it */
    bool done;     /* its handshake is */
};

/* Paths of PEM files; NULL: none. */
struct tls_peer_options {
    int version;            /* TLS1_2_VERSION, TLS1_3_VERSION; 0: either */
    const char *ca;         /* whom it trusts; NULL: anybody */
    const char *cert, *key; /* what it shows */
    const char *alpn;       /* as it is sent; NULL: "\2h2"; "": none at all */
    const char *groups;     /* NULL: OpenSSL's */
    const char *ciphers;    /* of TLS 1.2; NULL: OpenSSL's */
    SSL_SESSION *resume;
};

void tls_peer_open(struct tls_peer *p, const struct tls_peer_options *o);
void tls_peer_close(struct tls_peer *p);

/** The last ticket that it got, for the caller to free; NULL: none yet. */
SSL_SESSION *tls_peer_ticket(const struct tls_peer *p);

/** Goes on with the client's handshake. Returns false when it failed. */
bool tls_peer_handshake(struct tls_peer *p);

/** What it wants to send, moved to the session in pieces of at most @piece
 * bytes. Returns how many; they are fed, and the handshake is not gone on with. */
size_t tls_peer_to(struct tls_peer *p, struct tls_session *t, size_t piece);

/** The session's output, moved to the client. Returns how many bytes. */
size_t tls_peer_from(struct tls_peer *p, struct tls_session *t);

/** Both handshakes, as far as they get; bytes come to the server in pieces of
 * at most @piece. Returns what the server's said last. */
enum tls_result tls_peer_meet(struct tls_peer *p, struct tls_session *t, size_t piece);

/** What the client's OpenSSL failed with, and forgets it: "" for nothing. */
const char *tls_peer_error(void);

#endif
