/* Frames of a WebSocket, as a client sends them (RFC 6455), read as they come: their content is
 * handed on in pieces, where it lies. No input or output here. */
#ifndef HTTP_WS_FRAMES_H
#define HTTP_WS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

/* Of a close: RFC 6455, 7.4.1. */
enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_UNSUPPORTED = 1003,
    WS_POLICY = 1008,
    WS_TOO_BIG = 1009,
    WS_INTERNAL = 1011,
};

#define WS_HEAD_MAX      14  /* bytes of a frame's head */
#define WS_CONTROL_BYTES 125 /* most of a control frame */

/* Of one direction; zero is the beginning. Private. */
struct ws_reader {
    uint8_t head[WS_HEAD_MAX];
    uint8_t head_len; /* bytes of it that came */
    bool in_frame;    /* the head is whole */
    bool in_message;  /* a message of several frames goes on */
    uint64_t left;    /* of the frame's content */
    uint64_t at;      /* so much of it came: which byte of the mask is next */
    uint8_t mask[4];
};

/* A piece of a frame's content. */
struct ws_piece {
    enum ws_opcode opcode; /* of a message of several frames, WS_CONTINUATION after the first */
    bool first, last;      /* of its frame */
    bool final;            /* and its frame is the message's last one */
    uint64_t frame_bytes;
    struct bytes bytes; /* unmasked, in the input */
};

enum ws_result { WS_PIECE, WS_MORE, WS_BAD };

/** Takes the next piece out of *input, whose bytes it writes over; a frame without content is
 * one as well.
 *   WS_PIECE  *ret is it
 *   WS_MORE   all of the input was taken
 *   WS_BAD    the client breaks the protocol: WS_PROTOCOL_ERROR
 * Frames of clients must be masked, without extensions, of a length that is said in as few bytes
 * as there can be; control frames short and whole. */
enum ws_result ws_read(struct ws_reader *r, struct bytes *input, struct ws_piece *ret);

/** Writes the head of a server's frame that is a whole message. Returns its length. */
size_t ws_put_head(uint8_t to[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t len);

#endif
