/* Messages as JSON, both ways, by their descriptors: proto3's JSON mapping
 * (https://protobuf.dev/programming-guides/json/) between bytes on the wire and
 * text, without an object for the message in between.
 *
 * What others wrote is not trusted: depth, size and memory have limits, text must
 * be UTF-8, and an error says where it is:
 *
 *   posts[3].create_time: "2020-13-01" is no time
 *
 * Where the mapping leaves room, or libraries differ from it:
 *   - Fields are printed by their numbers, entries of a map as they came.
 *   - Printed defaults are those of fields without presence (and [] and {}).
 *   - A key that comes twice in an object is refused, as protobuf's own libraries
 *     do: the two may mean different things to two readers. "create_time" and
 *     "createTime" are the same key. In what is ignored nobody looks.
 *   - Numbers are exact: 1e3, 1.0 and "1e3" are integers, and 9223372036854775807
 *     is not rounded on its way. A float that is too large is refused.
 *   - A Value that is NaN or infinite cannot be printed; one without a kind is null.
 *   - A name that an enum does not have is refused, also where unknown fields are not.
 *   - An Any with something of a type that the pool does not have is refused.
 *   - Extensions are unknown fields; groups of proto2 are refused. "required" is
 *     not looked at.
 *
 * Any thread, if nobody fills the pool. */
#ifndef PBJSON_PBJSON_H
#define PBJSON_PBJSON_H

#include "base/buf.h"
#include "pool.h"

#define PBJSON_ERROR_BYTES 256
#define PBJSON_MAX_DEPTH   100 /* messages in one another; protobuf's libraries have it too */

struct pbjson_print {
    bool proto_names;     /* create_time; not: createTime */
    bool defaults;        /* fields that have none but the default value too */
    bool numbers64;       /* 64-bit integers as numbers; not: as strings */
    bool enum_numbers;    /* not: names */
    unsigned indent;      /* spaces for each depth, on lines of their own; 0: one line */
    unsigned max_depth;   /* 0: PBJSON_MAX_DEPTH */
    size_t max_bytes;     /* of text; 0: no limit */
    size_t scratch_bytes; /* memory for messages whose fields come in disorder; 0: 16 MB */
};

/** Appends a @message of the @type as one JSON value, without a line's end.
 * @options may be NULL: all zero. Returns 0, or, with @b as it was and one line of
 * text for people in @ret_error (PBJSON_ERROR_BYTES):
 *   EINVAL   it is none, is too deep, or has something that JSON cannot say
 *   EMSGSIZE a limit of size is reached
 *   ENOMEM   out of memory, or @b cannot grow */
int pbjson_print(struct buf *b, const struct pb_pool *pool, const struct pb_message *type,
                 struct bytes message, const struct pbjson_print *options, char *ret_error);

struct pbjson_parse {
    bool ignore_unknown;  /* fields that the type does not have; else refused */
    unsigned max_depth;   /* objects and lists in one another; 0: PBJSON_MAX_DEPTH */
    size_t max_bytes;     /* of the message; 0: no limit */
    size_t scratch_bytes; /* memory for keys and long numbers; 0: 16 MB */
};

/** Takes one JSON value, and the space around it, off the front of *text, and
 * appends the message of the @type that it stands for. There may be more values
 * behind it, with or without space between: who wants only one looks whether
 * text->len is 0 then. Nothing but space is no value. @options may be NULL: all
 * zero. Errors as for pbjson_print(), with *text and @b as they were. */
int pbjson_parse(struct buf *b, const struct pb_pool *pool, const struct pb_message *type,
                 struct bytes *text, const struct pbjson_parse *options, char *ret_error);

/** The same for the value of one field, which is appended with its number. An item of
 * a list may stand without the list. */
int pbjson_parse_field(struct buf *b, const struct pb_pool *pool, const struct pb_field *f,
                       struct bytes *text, const struct pbjson_parse *options, char *ret_error);

#endif
