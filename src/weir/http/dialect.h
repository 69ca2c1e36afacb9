/* Other protocols than gRPC for the same calls: gRPC-Web, Connect, REST.
 *
 * A call is a call, whatever it is spoken in: its handler and its interceptors see
 * metadata, protobuf messages and a status. Between them and the body of an HTTP
 * request stands its dialect, a table of functions without a state of their own:
 *
 *   request   protocol.accept()  which method, in which dialect
 *             dialect.unwrap()   body ──▶ body without a coat (base64)
 *             dialect.frames     body ──▶ coded messages; by the transport (body.h)
 *             dialect.decode()   a coded message ──▶ protobuf
 *   answer    dialect.head()     HTTP status and headers
 *             dialect.encode()   protobuf ──▶ a coded message
 *             dialect.end()      a status ──▶ the last bytes of the body
 *             dialect.wrap()     body ──▶ body in its coat
 *
 * A function that is NULL leaves things as they are. gRPC itself has no dialect: its
 * calls pay one comparison.
 *
 * A protocol is asked once for each request that is not gRPC's, in the order of
 * web_options.protocols. All on the loop of the call; nothing here may wait. */
#ifndef HTTP_DIALECT_H
#define HTTP_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "grpc_text.h"
#include "weir/server.h"
#include "weir/status.h"
#include "weir/stream.h"
#include "weir/web_options.h"

struct answer;
struct http_call;

/* One call, as its protocol and its dialect are shown it. Headers of the request are
 * had with stream_get(stream, METADATA_HEADERS, name), ":method", ":path" and
 * ":authority" too, of HTTP/1.1 as well. */
struct dialect_call {
    struct stream *stream;
    void *state;     /* protocol->state_bytes of the call's memory, zero before accept() */
    const void *arg; /* what web_options has beside the protocol; shared by all loops */
};

/* How messages lie in a body. */
enum dialect_frames {
    FRAMES_GRPC,  /* each behind a flag, which says whether it is compressed, and its length */
    FRAMES_WHOLE, /* the whole body is one message, and may be empty */
    FRAMES_LINES, /* each is a line; empty lines are none. Of answers: encode() writes it all */
};

struct dialect {
    enum dialect_frames frames; /* of requests */

    /* Of answers. FRAMES_GRPC: the transport puts the heads, and compresses. Otherwise
     * encode() writes all that belongs to a message, and must not be NULL. */
    enum dialect_frames answer_frames;

    /* The head of the answer waits for the status: for methods of one response, whose
     * HTTP status tells how the call ended. A message is dropped if that is an error. */
    bool head_waits;

    /** Appends what @body is without its coat to @to. false: *why is set. */
    bool (*unwrap)(const struct dialect_call *d, struct bytes body, struct buf *to,
                   struct status *why);

    /** The body has ended: whether its coat is whole. false: *why is set. May be NULL. */
    bool (*unwrap_end)(const struct dialect_call *d, struct status *why);

    /** Sets *ret, which is the caller's, to a buffer that holds @coded as protobuf, of
     * @max_bytes at most. @coded was unpacked. false: *why says what is wrong. */
    bool (*decode)(const struct dialect_call *d, struct bytes coded, size_t max_bytes,
                   struct buf **ret, struct status *why);

    /** Fills in the HTTP status (200 otherwise) and headers, content-type first of all. @status:
     * what the call ends with, if no message was sent before or head_waits; else NULL. The
     * headers that the handler has put are added without its help; trailers are not, see
     * dialect_trailer(). */
    void (*head)(const struct dialect_call *d, struct answer *a, const struct status *status);

    /** Appends the message, an encoded protobuf one, to @to as the dialect has it. @message is
     * what passed the interceptors. false: out of memory. */
    bool (*encode)(const struct dialect_call *d, struct bytes message, struct buf *to);

    /** Appends the last bytes of the body to @to. @started: a message was sent, or the head;
     * otherwise head() is called after this, with @status. false: out of memory. May be
     * NULL: there are none. */
    bool (*end)(const struct dialect_call *d, const struct status *status, bool started,
                struct buf *to);

    /** Appends @body in its coat to @to; each call is given whole messages, or the end. false:
     * out of memory. */
    bool (*wrap)(const struct dialect_call *d, struct bytes body, struct buf *to);
};

/* What accept() says of a request. Zeroed before. */
struct accepted {
    const struct dialect *dialect;
    const struct method *method; /* NULL: none such, the call ends with UNIMPLEMENTED */
    const char *path;            /* of a call without a method; must live as long as the call.
                                    NULL: that of the request */
    bool has_timeout;            /* the client's; 0 ms: it has passed */
    uint64_t timeout_ms;
    enum grpc_encoding encoding; /* of messages that say that they are compressed; of
                                    FRAMES_WHOLE, of the body */
    unsigned encodings;          /* that the client takes, ENCODING_BIT()s */
    bool is_wrong;               /* the call ends with @wrong; interceptors see it all the same */
    struct status wrong;
};

enum acceptance {
    ACCEPT_OTHER,  /* it is not this protocol's */
    ACCEPT_CALL,   /* a call: *ret is set */
    ACCEPT_ANSWER, /* @a answers it, without a call: no interceptor hears of it */
};

struct protocol {
    const char *name;   /* for metrics and logs: "connect" */
    size_t state_bytes; /* of each call */

    /** Looks at the headers of a request. */
    enum acceptance (*accept)(const struct dialect_call *d, struct accepted *ret, struct answer *a);

    /** The call is over: frees what its state holds. May be NULL. */
    void (*close)(const struct dialect_call *d);
};

/** Whether the call lies on a WebSocket, whose ":method" is GET. */
bool dialect_on_socket(const struct dialect_call *d);

/** The method of this path, or NULL. */
const struct method *dialect_method_at(const struct dialect_call *d, struct bytes path);

/** What the handler and interceptors have put into the trailers, entry @n, from 0. A "-bin" value
 * is in base64. Complete in head() with a status, and in end(). false: there are no more. */
bool dialect_trailer(const struct dialect_call *d, size_t n, struct bytes *ret_name,
                     struct bytes *ret_value);

/** How the transport packs messages with heads for this client, "gzip" or "deflate"; NULL: it
 * does not. */
const char *dialect_encoding(const struct dialect_call *d);

/** Puts @body, which is no message, into the body of an answer that has nothing to send now. false:
 * it has, or it is over, or there is no memory: nothing was put. Later than accept(). */
bool dialect_put(const struct dialect_call *d, struct bytes body);

/* --- Answers ------------------------------------------------------------------------ */

/** Sets the HTTP status, three digits. */
void answer_status(struct answer *a, unsigned http_status);

/** Adds a header; both are copied. Names in lower case. Without memory the connection is cut
 * later; nobody has to ask. */
void answer_put(struct answer *a, const char *name, const char *value);
void answer_put_bytes(struct answer *a, struct bytes name, struct bytes value);

/** For ACCEPT_ANSWER: its body, which the answer gets a reference to. */
void answer_body(struct answer *a, struct buf *body);

/* gRPC-Web, binary and in base64 (grpc_web.c). It takes no argument. */
extern const struct protocol grpc_web_protocol;

#endif
