/* Frames of HTTP/2 written by hand, right or wrong as a test wants them, and read
 * one by one. */
#ifndef TESTS_FRAMES_H
#define TESTS_FRAMES_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define FRAME_HEAD_BYTES 9
#define MAX_FRAME_BYTES  16384 /* that everybody takes */

/* Zero is empty. */
struct frames {
    uint8_t *data;
    size_t len, cap;
};

void frames_add(struct frames *f, struct bytes bytes);
void frames_clear(struct frames *f);

static inline struct bytes frames_bytes(const struct frames *f)
{
    return bytes_of(f->data, f->len);
}

/** The preface, and a SETTINGS that changes nothing. */
void frames_hello(struct frames *f);

void frames_frame(struct frames *f, uint8_t type, uint8_t flags, int32_t id, struct bytes payload);

/** The headers of a gRPC call. @more: others behind them, name and value in turn up
 * to a NULL; or NULL. */
void frames_request(struct frames *f, int32_t id, const char *path, const char *const *more);

/** A frame with one gRPC message. @flags: of the frame. */
void frames_message(struct frames *f, int32_t id, struct bytes message, uint8_t flags);

void frames_window(struct frames *f, int32_t id, uint32_t more);
void frames_reset(struct frames *f, int32_t id, uint32_t code);

/* One that was read. */
struct frame {
    uint8_t type, flags;
    int32_t id;
    struct bytes payload;
};

/** The next whole frame of *rest. false: there is none. */
bool frame_next(struct bytes *rest, struct frame *ret);

#endif
