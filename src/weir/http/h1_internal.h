/* What the files of HTTP/1.1 share: h1_session.c, h1_answer.c and ws_session.c. */
#ifndef HTTP_H1_INTERNAL_H
#define HTTP_H1_INTERNAL_H

#include "h1_body.h"
#include "h1_head.h"
#include "h1_session.h"
#include "http_call.h"
#include "lane.h"

/* What a call may have of its request unread. */
#define H1_WINDOW_BYTES BDP_WINDOW_MIN

enum h1_state { H1_HEAD, H1_BUSY, H1_SOCKET, H1_DEAD };

struct ws;

struct h1 {
    struct conn *conn;
    enum h1_state state;

    /* The request. */
    struct buf *head; /* of it, so far; NULL: none has begun */
    size_t seen;      /* bytes of it without an end */
    struct h1_body body;
    struct http_call *call; /* NULL: none, or it was let go */
    size_t unread;          /* bytes that the call has and did not consume */
    struct buf *waiting;    /* bytes that came too early; NULL: none */
    size_t waiting_from;
    struct ws *ws; /* of a WebSocket */

    /* The answer. */
    struct buf *out; /* heads, and what else is small, to be sent before the body */
    unsigned minor;  /* of the client's HTTP */
    bool keep_alive; /* after the answer */
    bool continues;  /* the client waits to be told so, before it sends the body */
    bool is_head;    /* the request is HEAD: its answer has no body */
    bool has_body;   /* the call is asked for more */
    bool chunked;    /* its body goes out in chunks */
    bool ended;      /* all of the answer is in the outbox */
    size_t counted;  /* bytes of this that its connection knows of */
};

/** The only writer of h->state. */
void h1_move(struct h1 *h, enum h1_state next);

/** Ends the connection behind an answer of HTTP's alone: @status, and @text for people. */
void h1_refuse(struct h1 *h, unsigned status, const char *text, enum refusal why);

/** Appends to what goes out first; without memory the connection breaks. */
void h1_say(struct h1 *h, struct bytes bytes);
void h1_say_text(struct h1 *h, const char *text);

/** The client has ended its WebSocket. */
void h1_end_socket(struct h1 *h);

/** The phrase of an HTTP status. */
const char *h1_phrase(unsigned status);

/* --- ws_session.c: see ws_session.h ------------------------------------------------- */

extern const struct session_ops h1_session;

#endif
