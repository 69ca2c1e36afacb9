/* A server on the gRPC core: the reference beside src/weir/http.
 *
 * What its files share; for nobody else but core_server_new().
 *
 *   core_server.c        life: making, listening, starting, freeing
 *   core_server_accept.c offering calls to gRPC, which gives back those that come
 *   core_server_call.c   a call: its beginning, its server's side, its end
 *   core_server_drain.c  stopping
 *
 * Accepting and calls call each other: what is offered becomes a call, and the room of
 * one that has ended may be offered again. */
#ifndef CORE_SERVER_INTERNAL_H
#define CORE_SERVER_INTERNAL_H

#include "core_call.h"
#include "credentials.h"
#include "weir/server_side.h"

/* How a lane stops, one after the other (core_server_drain.c). */
enum lane_state {
    LANE_SERVING,
    LANE_DRAINING, /* calls that are open may end */
    LANE_DRAINED,  /* none is open: the first loop was told */
    LANE_GONE,     /* and none is offered: it was told that too */
};

/* How gRPC's server does. */
enum server_state {
    SERVER_OPEN,
    SERVER_SHUTTING_DOWN, /* gRPC was told */
    SERVER_SHUT_DOWN,     /* it is done with that */
};

/* One method's calls on one loop. */
struct method_calls {
    unsigned offered; /* gRPC has them, and will give them back */
    unsigned open;
};

/* One loop's part of the server. */
struct core_lane {
    struct core_server *server;
    struct loop *loop;
    struct method_calls *calls; /* as server->methods, and one for those that are unknown */
    struct timer offer_timer;   /* there was no memory for an offer */
    struct server_call *open;   /* calls with a handler, newest first */
    enum lane_state state;
    bool had_calls; /* when it began to drain */
    struct posting to_drain, to_cancel, has_drained, is_gone;
};

/* A method of one of the services, and gRPC's handle of it. */
struct core_method {
    const struct method *method;
    void *registered;
};

struct core_server {
    struct server base; /* first */
    grpc_server *grpc;
    struct core_listener *listeners;
    struct core_method *methods;
    size_t nmethods;
    struct core_lane *lanes;
    size_t nlanes;
    struct method_calls *calls; /* of all lanes */
    struct server_options options;

    enum server_state state;
    struct op shut_down;
    /* Draining; first loop only. */
    struct timer drain_timer;
    struct timer goodbye_timer;
    size_t lanes_to_drain, lanes_to_cancel, lanes_to_go;
    bool had_calls; /* at the stop, in the lanes that have drained */
    void (*done)(struct server *server, void *arg);
    void *done_arg;
};

static inline struct core_server *core_server_of(struct server *base)
{
    return (struct core_server *)base;
}

/* A server's call: armed for one method, then open, then freed. */
struct server_call {
    struct call call; /* first */
    struct core_lane *lane;
    size_t index;                     /* in server->methods; nmethods: an unknown method */
    struct server_call *next, **link; /* on lane->open */
    bool again; /* there was no memory for one in its place: it is offered again */
    struct op accept;
    grpc_metadata_array metadata;
    grpc_call_details details; /* unknown methods only */
    char *path;                /* the same */
    gpr_timespec deadline;
    grpc_byte_buffer *payload; /* the one request of a one-request method */
    int cancelled;
    grpc_slice message; /* of the status */
    uint64_t write_since_ms;
    struct timer write_timer;
    struct timer limit_timer; /* --max-call-time */
};

/* --- core_server_call.c ------------------------------------------------------------- */

/** Room for a call of this method, by its index, on the lane's loop. NULL: out of
 * memory. core_server_offer() or server_call_drop() it. */
struct server_call *server_call_new(struct core_lane *lane, size_t index);
void server_call_drop(struct server_call *sc);

/** A client has made it: the interceptors' turn, and then its handler's. */
void server_call_begin(struct server_call *sc);

/* --- core_server_accept.c ----------------------------------------------------------- */

/* Calls of one method that a loop offers at the start. */
#define OFFERED_MIN 2

/** Offers it to gRPC, for the next call of its method that comes. */
void core_server_offer(struct server_call *sc);

/** The lane's offer_timer: offers what there was no memory for. */
void core_server_on_offer_timer(struct timer *timer);

/* --- core_server_drain.c: struct server_ops's drain --------------------------------- */

void core_server_drain(struct server *server, uint64_t timeout_ms,
                       void (*done)(struct server *server, void *arg), void *arg);

/** A call of the lane is no longer open, or offered. Then the lane may be gone. */
void core_server_note_end(struct core_lane *lane);

#endif
