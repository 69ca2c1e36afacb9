/* A server's TLS and clients that meet it in memory. Certificates lie in a
 * folder of the test's own: ca, other-ca, and server, which ca has signed. */
#ifndef TESTS_TLS_WORLD_H
#define TESTS_TLS_WORLD_H

#include "certs.h"
#include "tls_peer.h"

#define WHOLE 65536 /* as much as is there */

extern char *g_dir;
extern struct tls_server *g_server;
extern struct tls_context *g_context;
extern uint64_t g_now_ms;

/** For a suite's .init and .fini. */
void tls_world_open(void);
void tls_world_close(void);

/** The path of a file in the folder; eight are good at a time. */
const char *tls_path(const char *name);

/** Makes g_server and g_context of server.pem. @client_ca: NULL, or clients
 * must have a certificate of this file's. */
void tls_open(const char *client_ca);

/** The same; returns what tls_context_new() does, or ENOMEM if there is not even
 * a server. Nothing is left if that is not 0. */
int tls_try(const char *client_ca);

/** Both may be gone already. */
void tls_shut(void);

/* Two ends of a connection. */
struct tls_pair {
    struct tls_session *t;
    struct tls_peer p;
};

/** A session and a client that have not said anything yet. */
struct tls_pair tls_begin(const struct tls_peer_options *o);

/** The same, and both handshakes are done, or the test fails. */
struct tls_pair tls_meet(const struct tls_peer_options *o);
void tls_part(struct tls_pair *pair);

/** What a client does that has this certificate; good until the next call. */
const struct tls_peer_options *tls_client(int version, const char *name);

/** A handshake that the server ends: @why is in its error, and the client hears
 * @alert. */
void tls_expect_refused(const struct tls_peer_options *o, const char *why, const char *alert);

/** The client says @text, and the server has it to read. */
void tls_say(struct tls_pair *pair, const char *text);
void tls_expect_read(struct tls_session *t, const char *text);

/** The client hears this from what the server has written. */
void tls_expect_heard(struct tls_pair *pair, const char *text);

/** A few words both ways. */
void tls_expect_talk(struct tls_pair *pair);

/** They have agreed on HTTP/2. */
void tls_expect_h2(const struct tls_pair *pair);

/** A ticket of this server's, for the caller to free. */
SSL_SESSION *tls_ticket(const struct tls_peer_options *o);

#endif
