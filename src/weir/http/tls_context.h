/* What a loop's TLS connections have in common: the server's certificate and
 * key, whom it trusts, and what is allowed, as OpenSSL holds it (an SSL_CTX).
 *
 * TLS 1.2 and 1.3, "h2" by ALPN or no connection at all (with the web "http/1.1" too, which is
 * what a client means that names none), only what RFC 9113
 * (section 9.2) lets HTTP/2 run on. Clients may resume their sessions with
 * tickets; the server keeps nothing for that.
 *
 * It belongs to one thread, with its sessions. */
#ifndef HTTP_TLS_CONTEXT_H
#define HTTP_TLS_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/tls.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct tls_context;

/** Makes one of what @tls has; it must stay. @web: HTTP/1.1 is spoken as well. Returns 0 and *ret;
 * ENOMEM; or EINVAL: OpenSSL does not take the files (a key that is too short, a broken certificate
 * in the chain), which is logged. */
int tls_context_new(struct tls_context **ret, struct tls_server *tls, bool web);

/** Sessions may live on. NULL is fine. */
void tls_context_free(struct tls_context *c);

/** What a connection that is made now should use. Looks for new files first, at
 * the cost of a stat() of each: 3 us where a handshake takes a hundred times as
 * long. What OpenSSL does not take of them changes nothing and is logged.
 * @now_ms: the loop's time. The context's own; a session takes a reference. */
struct ssl_ctx_st *tls_context_now(struct tls_context *c, uint64_t now_ms);

#endif
