/* The head of a request of HTTP/1, read as strictly as RFC 9112 lets one: what two readers might
 * understand differently is refused, for that is what smuggled requests are made of. No input
 * or output here.
 *
 * Refused: a line that does not end in CR LF, a line that goes on in the next, a blank before a
 * colon, a length that is said twice or beside "chunked", another coding than that, no Host or two,
 * characters that no field has. */
#ifndef HTTP_H1_HEAD_H
#define HTTP_H1_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define H1_FIELDS_MAX 100

struct h1_field {
    struct bytes name, value; /* the name in lower case, the value without blanks around it */
};

/* All texts lie in the block that was parsed, and a NUL is behind each. */
struct h1_head {
    struct bytes method;
    struct bytes path;      /* "/v1/posts?tag=x", "*" */
    struct bytes authority; /* "Host", or of the target itself; may be empty */
    unsigned minor;         /* HTTP/1.0 or 1.1 */
    bool keep_alive;        /* the connection, after the answer */
    bool chunked, has_length;
    uint64_t length;
    bool expects_continue; /* the client sends the body when it is told to */
    bool upgrades;         /* "Connection" has it: to what is in the field "upgrade" */
    struct h1_field fields[H1_FIELDS_MAX];
    size_t n; /* fields, without those of the connection itself */
};

/** Looks for the end of a head in the first @len bytes at @data, of which @seen were looked at
 * before. Returns how long the head is, its empty line included; 0: more has to come. *ret_bad: a
 * line ends in a way that no line may. */
size_t h1_head_length(const uint8_t *data, size_t len, size_t seen, bool *ret_bad);

/** Parses a head of @len bytes, which it writes into. Returns 0; or the HTTP status that refuses
 * it: 400, 414, 417, 431, 501, 505. */
unsigned h1_head_parse(struct h1_head *ret, uint8_t *data, size_t len);

/** Parses fields alone, with the empty line behind them, as a head's: into ret->fields. false: they
 * are malformed. */
bool h1_fields_parse(struct h1_head *ret, uint8_t *data, size_t len);

/** Whether one of the words of @list, which commas separate, is @word, in whatever case. */
bool h1_list_has(struct bytes list, const char *word);

#endif
