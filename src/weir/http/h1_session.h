/* A connection that speaks HTTP/1.1: one request after another, each a call.
 *
 *   HEAD   a request's head is coming, or none is
 *   BUSY   it is a call, which reads the body and is answered
 *   SOCKET it became a WebSocket, which is one call to its end (ws_session.h)
 *   DEAD   nothing more is read; what is to be said still goes out
 *
 *   HEAD ◀──▶ BUSY ──▶ DEAD        HEAD ──▶ SOCKET ──▶ DEAD        HEAD ──▶ DEAD
 *
 * Back-pressure. A call is given no more of its request than a stream of HTTP/2 has as its
 * window. What comes then, or behind the request, waits; when that is much, the socket is not
 * read (conn_hold()). Up to there it is, for the client's end is seen only so. Out: the call is
 * asked for bytes when the socket has room, as nghttp2 does. */
#ifndef HTTP_H1_SESSION_H
#define HTTP_H1_SESSION_H

#include "conn.h"

/** Makes it the session of @c. false: out of memory. */
bool h1_open(struct conn *c);

/** Takes @bytes, all of them. false: the connection is broken. */
bool h1_parse(struct conn *c, struct bytes bytes);

/** Puts what there is to send into the lane's outbox. */
void h1_collect(struct conn *c);

/** What was collected is out: goes on with what waits. The connection may be closed by it. */
void h1_go_on(struct conn *c);

/** Whether it waits for its client, for a body's bytes or on a WebSocket: nothing of our side is
 * in the way. */
bool h1_listens(const struct conn *c);

/** Whether there is something to send at once; whether it is over, and may be closed. */
bool h1_wants_write(const struct conn *c);
bool h1_is_done(const struct conn *c);

/** Its calls are over. Frees it. NULL is fine. */
void h1_free(struct conn *c);

#endif
