/* Lines, or text as it comes, of a file, pipe or terminal, read by libuv's thread pool. The reader
 * pauses it to say that it cannot take more: then nothing more is read. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/bytes.h"
#include "client-cli/frame/session.h"
#include "lines.h"

#define INPUT_LINE_MAX ((size_t)2 * 1024 * 1024)

struct input {
    /** A line, without its newline; gone when this returns. @line is NULL for
     * one of more than INPUT_LINE_MAX bytes. May pause the input. */
    void (*on_line)(struct input *in, const char *line, size_t len);
    /** If set, instead of lines: what was read, at least a byte of it. The same. */
    void (*on_text)(struct input *in, struct bytes text);
    /** Nothing more comes; @error is an errno value or 0. Once. */
    void (*on_end)(struct input *in, int error);
    /** Every line that is there was given out, and more is being waited for.
     * May be NULL. */
    void (*on_idle)(struct input *in);
    struct lines lines;  /* lines.number is the number of the line */
    uint64_t bytes;      /* read-only: taken in so far */
    uint64_t size_bytes; /* read-only: of a regular file; else 0 */

    struct session *session; /* read-only */

    int fd; /* private, like the rest */
    bool paused, delivering, reading, ended, over;
    int error;
    struct timer again;
    uv_fs_t read;
};

/** Opens @path ("-": standard input), paused. Returns 0 or an errno value; nothing is
 * to be closed then. */
int input_init(struct input *in, struct session *s, const char *path);

/** Before it was opened, or after the session ended. */
void input_close(struct input *in);

/** Lines come until input_pause() or the end. Callbacks come from within. */
void input_resume(struct input *in);

/** No callback until input_resume(). A read that is on its way goes on. */
void input_pause(struct input *in);

/** Whether it is a terminal. */
bool input_is_terminal(const struct input *in);

#endif
