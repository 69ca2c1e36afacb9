/* A WebSocket that carries one call of gRPC, in the sub-protocol "grpc-websockets", which
 * @improbable-eng/grpc-web has made: for what browsers cannot do otherwise, many requests.
 *
 *   client   a message of headers, "name: value" in lines; then messages that begin with a byte 0
 *            and go on with gRPC's frames, anywhere cut; one that is a byte 1 alone ends them
 *   server   a frame of headers, gRPC's frames, a frame of trailers, as gRPC-Web writes them
 *            (0x80, a length, lines); and the end of the socket
 *
 * The call's path is that of the request that became the socket. A call that ends before its
 * first message has its status in the headers. The call itself is gRPC's, and has no dialect; or
 * one whose messages are coded otherwise, if its headers say so ("application/grpc-web+json").
 *
 * Pings of the client are answered, and count as odd frames do on HTTP/2 (floods.h); we ping as
 * keepalive says. */
#ifndef HTTP_WS_SESSION_H
#define HTTP_WS_SESSION_H

#include "h1_internal.h"

/** Whether the request wants a WebSocket. */
bool ws_is_wanted(const struct h1_head *head);

/** What is wrong with what it wants: an HTTP status; 0: nothing. */
unsigned ws_check(const struct h1_head *head);

/** The request of @h's call becomes one. false: out of memory. */
bool ws_begin(struct h1 *h, const struct h1_head *head);

/** Takes bytes of it out of *input, as far as the call takes them. */
void ws_take(struct h1 *h, struct bytes *input);

/** Pings the client. */
void ws_ping(struct h1 *h);

/** The answer went out whole. */
void ws_end(struct h1 *h);

/** The memory that it holds, until its call has it. */
size_t ws_held(const struct h1 *h);

void ws_free(struct h1 *h);

extern const struct session_ops ws_session;

#endif
