/* gRPC's messages in the bytes of a call, however those are cut: a message that comes whole is
 * handed on where it lies, and any other is put together in memory that its call keeps. */
#ifndef FOLLOW_LOAD_MESSAGES_H
#define FOLLOW_LOAD_MESSAGES_H

#include "base/buf.h"
#include "base/bytes.h"

struct messages {
    uint8_t *kept; /* of a message that is not whole, with its head */
    size_t len, room;
};

/** @message is gone when this returns. */
typedef void (*message_cb)(void *arg, struct bytes message);

/** The next bytes of a call; those messages that are whole now are handed on, in their order. */
void messages_take(struct messages *m, struct bytes data, message_cb on_message, void *arg);

/** Frees what is kept. */
void messages_close(struct messages *m);

/** Begins a message at the end of @b; messages_end() takes what was appended since for its content.
 * Returns where it began. */
size_t messages_begin(struct buf *b);
void messages_end(struct buf *b, size_t begin);

#endif
