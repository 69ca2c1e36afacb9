/* The client side: a channel to a target, and streams opened on it. */
#ifndef WEIR_CHANNEL_H
#define WEIR_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "stream.h"

struct channel;

struct channel_options {
    uint64_t keepalive_time_ms;    /* ping after this much silence; 0: never */
    uint64_t keepalive_timeout_ms; /* how long a ping may take; 0: 20 s, gRPC's default */
    bool keepalive_without_stream; /* ping also while no call is open */
    uint64_t max_backoff_ms;       /* the longest pause between attempts to connect; 0: 1 s */
    int64_t max_message_bytes;     /* of one received message; 0: 4 MiB, gRPC's default */
    bool compress;                 /* compress requests with gzip */
    bool own_connection;           /* do not share it with other channels to the same target */
    const char *service_config;    /* JSON (service_config.h); NULL: pick_first. Without a
                                      retryPolicy no call is repeated, not even one that a
                                      server says it has not processed */
    struct tls_client *tls;        /* encrypt all targets but unix: (tls.h); NULL: plaintext.
                                      A call that finds no connection checks whether the files
                                      have changed, unless another call did so in the last
                                      20 ms */
    const struct chain *chain;     /* its interceptors (interceptor.h); NULL: none */
};

/** Makes a channel to @target (host:port, ipv4:, ipv6:, dns:, unix:; several
 * addresses are ipv4:a:1,b:2, or just a:1,b:2). It connects when the first stream
 * is opened, and again when it must. Returns 0 or ENOMEM.
 * @options may be NULL. Its tls must outlive the channel. Its chain, with what
 * chain_add() was given, must also outlive the streams of the channel, which may
 * outlive the channel itself. So free the chain when on_close of its interceptors
 * has come for all of them, for example when their loops have returned from
 * loop_run().
 * A channel is made even if its target or service config makes no sense. Then
 * every call fails; see channel_check(). */
int channel_new(struct channel **ret, const char *target, const struct channel_options *options);

#define CHANNEL_ERROR_MAX 256

/** Whether gRPC accepts the target and the service config of a new channel. If
 * not, @error says why. It does not connect. */
bool channel_check(const struct channel *channel, char error[CHANNEL_ERROR_MAX]);

/** Whether the channel has a connection now on which a call could go. It does not connect. Any
 * thread. */
bool channel_connected(struct channel *channel);

/** Frees the channel. Streams that are open stay open, and still need the chain.
 * NULL is fine. */
void channel_free(struct channel *channel);

struct call_options {
    uint64_t timeout_ms; /* 0: none */
    bool wait_for_ready; /* wait for a connection instead of failing */
};

/** Opens a call of method @path ("/v1.post.Post/ListPosts") on @loop, for
 * @handler with stream->data = @data. It is a stream whatever the method's
 * shape. @options may be NULL.
 * Returns 0 and *ret, which is valid until on_close returns; or ENOMEM, and
 * no callback comes. Loop thread only. */
int channel_open(struct channel *channel, struct loop *loop, const char *path,
                 const struct stream_handler *handler, void *data,
                 const struct call_options *options, struct stream **ret);

#endif
