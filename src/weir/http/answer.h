/* The head of an answer while it is put together, by a dialect (dialect.h) or by the
 * transport: an HTTP status and headers, whose texts it keeps.
 *
 * Zero is an empty one, of status 200. It is short-lived: made, sent, cleared. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "dialect.h"
#include "headers.h"

/* Besides those that the handler has put. */
#define ANSWER_HEADERS_MAX (SENT_HEADERS_MAX + 24)

struct answer {
    unsigned status; /* 0: 200 */
    struct buf *texts;
    struct answer_header {
        uint32_t at; /* in texts: the name, and the value behind it */
        uint32_t name_len, value_len;
    } headers[ANSWER_HEADERS_MAX];
    size_t n;
    bool no_memory;
    struct buf *body; /* NULL: none */
    char digits[4];
};

/** Entry @n of its headers; it must have as many. */
struct bytes answer_name(const struct answer *a, size_t n);

/** Writes ":status" and the headers to @to, ANSWER_HEADERS_MAX + 1 of them at most, whose texts
 * are @a's. Returns how many. */
size_t answer_nvs(struct answer *a, nghttp2_nv *to);

void answer_clear(struct answer *a);

#endif
