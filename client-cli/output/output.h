/* Bytes on their way to a descriptor, without ever blocking the loop.
 *
 * Two buffers: one is filled on the loop's thread while the other is written
 * by libuv's thread pool, which works the same for a pipe, a terminal and a
 * file. When the writer is idle it takes what is there at the end of the
 * round; when it is slow, output_full() says so, and whoever makes the rows
 * stops reading: that is how a slow reader of ours slows the server down.
 *
 * A mark is a text that says where to go on once everything before it was
 * written; output_mark() keeps it next to the bytes it belongs to. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "weir/loop.h"

struct output_chunk {
    struct buf *bytes;
    char *mark; /* of the last bytes in it; NULL: none */
};

struct output {
    /** A write came back, or failed (o->error is set). May be NULL. */
    void (*on_progress)(struct output *o);
    /** A write is about to start. May be NULL. */
    void (*on_write)(struct output *o);
    void *data;     /* the caller's */
    int error;      /* read-only: an errno value; EPIPE: nobody reads any more */
    uint64_t bytes; /* read-only: written so far */
    char *mark;     /* read-only: of what was written; NULL: none yet */

    struct loop *loop; /* private, like the rest */
    int fd;
    struct output_chunk chunk[2];
    int filling; /* the other one is idle or being written */
    size_t sent; /* of the one being written */
    bool writing;
    struct task flush;
    struct timer again; /* for a descriptor that somebody else made non-blocking */
    struct timer look;  /* whether somebody reads */
    uv_fs_t write;
};

/** Returns 0, or ENOMEM with nothing left to close. */
int output_init(struct output *o, struct loop *loop, int fd);

/** Only when nothing is being written. */
void output_close(struct output *o);

/** What is written from now on goes to @fd, which stays the caller's. From on_write, or when
 * nothing is being written. */
void output_redirect(struct output *o, int fd);

/** Where to append; then call output_commit(). The appended bytes may be any
 * number: a message's rows stay together. */
struct buf *output_buf(struct output *o);

/** What was appended may go out. */
void output_commit(struct output *o);

/** @text, from now on the output's own (free()), is the mark of everything
 * appended so far. NULL is ignored. */
void output_mark(struct output *o, char *text);

/** Both buffers are busy: wait for on_progress before making more. */
bool output_full(const struct output *o);

/** Everything was written, or nothing more can be. */
bool output_drained(const struct output *o);

/** From now on a reader that goes away is noticed within half a second, though there is
 * nothing to write: EPIPE. */
void output_watch_reader(struct output *o);

#endif
