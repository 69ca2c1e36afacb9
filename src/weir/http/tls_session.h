/* TLS of one connection of a server, without a socket: what came from the
 * network goes in, what the network should get comes out, and the owner moves
 * both.
 *
 *            tls_session_feed()                 tls_session_read()
 *   network ───────────────────▶ tls_session ───────────────────▶ owner
 *           ◀───────────────────             ◀───────────────────
 *           tls_session_output()                tls_session_write()
 *             and _sent()
 *
 * It begins with tls_session_handshake(), called after each feed until it says
 * TLS_OK, and whatever a call returns there may be output: alerts too. Nothing
 * bounds what is fed or written and not taken out; the owner does both in turn.
 *
 * OpenSSL sees whole records only, and none of it is set up before the first:
 * a peer that sends nothing, or half a record, costs what it sent. From then on
 * a handshake costs 43 KiB, and what is idle afterwards 14, or 19 with a client's
 * certificate. One thread at a time. */
#ifndef HTTP_TLS_SESSION_H
#define HTTP_TLS_SESSION_H

#include <stddef.h>

#include "base/bytes.h"
#include "tls_context.h"

struct tls_session;

enum tls_result {
    TLS_OK,
    TLS_WANTS_INPUT, /* not without more from the network */
    TLS_CLOSED,      /* the peer said that it sends no more (close_notify) */
    TLS_FAILED,      /* for good; tls_session_error() says why */
};

/** A session for a connection that was just accepted. The files that the
 * server has now are its; see tls_context_now() for @now_ms. NULL: no memory. */
struct tls_session *tls_session_new(struct tls_context *c, uint64_t now_ms);

/** NULL is fine. Says nothing to the peer; see tls_session_close(). */
void tls_session_free(struct tls_session *t);

/** Takes what came from the network. false: no memory; end the connection. */
bool tls_session_feed(struct tls_session *t, struct bytes cipher);

/** Whether the next step of the handshake takes long: up to half a millisecond
 * of this thread. An owner with calls to serve lets such connections take turns;
 * one that waits costs no more than what it has sent. */
bool tls_session_wants_turn(const struct tls_session *t);

/** Goes on with the handshake as far as the input goes.
 *   TLS_OK           done, and both speak HTTP/2; there may be something to read
 *   TLS_WANTS_INPUT
 *   TLS_CLOSED, TLS_FAILED   it came to nothing */
enum tls_result tls_session_handshake(struct tls_session *t);

/** After the handshake: up to @room bytes of what the peer sent, from one
 * record or several.
 *   TLS_OK           *ret_len > 0
 *   TLS_WANTS_INPUT  all was read
 *   TLS_CLOSED       the same, and no more will come; writing still works
 *   TLS_FAILED       the peer breaks the rules; all that came before was read */
enum tls_result tls_session_read(struct tls_session *t, uint8_t *to, size_t room, size_t *ret_len);

/** After the handshake: encrypts @plain, in records of 16 KiB, each with 22 to
 * 29 bytes more. false: no memory, or it has failed before; end the connection. */
bool tls_session_write(struct tls_session *t, struct bytes plain);

/** What the network should get, in one piece; good until the next call. After a
 * failure too: it is the alert then, which tells the peer. */
struct bytes tls_session_output(const struct tls_session *t);

/** The network has taken the first @n bytes of that. */
void tls_session_sent(struct tls_session *t, size_t n);

/** Tells the peer that no more will be written. Before the handshake is done
 * and after a failure there is nothing to tell. */
void tls_session_close(struct tls_session *t);

/** After the handshake: whether it went on with an earlier session, by a ticket. */
bool tls_session_resumed(const struct tls_session *t);

/** Bytes of memory that the session holds, for the owner's budget: exactly, but
 * for OpenSSL's share, which is what was measured. */
size_t tls_session_held(const struct tls_session *t);

/** Why it failed, in a line without the peer's name; "" before. */
const char *tls_session_error(const struct tls_session *t);

#endif
