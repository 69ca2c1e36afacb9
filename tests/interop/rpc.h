/* Calls that wait: for programs that do one thing after another.
 *
 * Each function runs the loop until what it waits for has happened. That is
 * what a test case wants to read like; a server never does this. */
#ifndef INTEROP_RPC_H
#define INTEROP_RPC_H

#include "test.pb-c.h"
#include "weir/channel.h"

struct rpc {
    struct loop *loop;
    struct stream *stream; /* NULL once it is closed */
    const ProtobufCMessageDescriptor *type;

    ProtobufCMessage *response; /* the last one; NULL: none yet */
    bool compressed;            /* how that came */
    int responses;
    bool ended;                     /* no response follows */
    struct status status;           /* once it is closed */
    char initial[64], trailing[64]; /* what echoes sent back; "": nothing */
};

#define ECHO_INITIAL  "x-grpc-test-echo-initial"
#define ECHO_TRAILING "x-grpc-test-echo-trailing-bin"

/** Opens a call whose responses are of @type; close it with rpc_close(). */
void rpc_open(struct rpc *rpc, struct channel *channel, struct loop *loop, const char *path,
              const ProtobufCMessageDescriptor *type, uint64_t timeout_ms);

/** Waits until there is room. Nothing happens if the call has ended. */
void rpc_send(struct rpc *rpc, const ProtobufCMessage *message, unsigned flags);

/** Waits for the next response. false: there is none. */
bool rpc_read(struct rpc *rpc);

/** Half-closes, reads what comes, and waits for the status. */
enum status_code rpc_finish(struct rpc *rpc);

/** Cancels, and waits for the status. */
enum status_code rpc_cancel(struct rpc *rpc);

/** Frees what came; the call is over. */
void rpc_close(struct rpc *rpc);

#endif
