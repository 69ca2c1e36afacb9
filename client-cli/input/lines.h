/* Cuts a run of bytes into lines, with no I/O of its own: whoever reads puts
 * bytes in and takes lines out. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
    char *data;      /* private */
    size_t start;    /* private: the first byte not given out */
    size_t end;      /* private: behind the last byte put in */
    size_t searched; /* private: bytes from start without a newline */
    size_t cap;      /* private */
    size_t max_bytes;
    uint64_t number; /* of the line given out last, from 1 */
    bool skipping;   /* private: inside a line that is too long */
    bool ended;      /* private */
};

enum line_result {
    LINE_OK,
    LINE_NONE,     /* put in more, or at the end: that was all */
    LINE_TOO_LONG, /* its text is dropped; lines->number tells which */
};

/** Lines have at most @max_bytes. Takes no memory yet. */
void lines_init(struct lines *l, size_t max_bytes);

/** NULL memory is fine: a splitter that was only zeroed, too. */
void lines_close(struct lines *l);

/** Where to put up to *@ret_size more bytes, at least 64 KiB of them; NULL:
 * out of memory. Lines given out before are gone. */
char *lines_room(struct lines *l, size_t *ret_size);

/** @n bytes were put where lines_room() said. */
void lines_added(struct lines *l, size_t n);

/** Nothing more will come: what is left is a line without a newline. */
void lines_end(struct lines *l);

/** The next line without its newline ("\n" or "\r\n"), with a NUL behind it;
 * it may hold NULs of its own, so *@ret_len counts. Valid until the next
 * lines_room(). */
enum line_result lines_next(struct lines *l, char **ret_line, size_t *ret_len);

/** Instead of lines: whatever was put in and not given out, wherever it ends. Returns its
 * length. Valid until the next lines_room(). */
size_t lines_take(struct lines *l, const char **ret_text);

#endif
