/* Protobuf's wire format, for where bytes are handled without decoding them.
 * https://protobuf.dev/programming-guides/encoding/ */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "bytes.h"

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t varint;    /* WIRE_VARINT */
    struct bytes bytes; /* WIRE_BYTES: the content, in the message */
};

/** Takes the next field off the front of *rest. false: there is none, or the
 * bytes are no message; in that case rest->len is not 0. */
bool wire_next(struct bytes *rest, struct wire_field *ret);

/** The content of the last WIRE_BYTES field with this @number (the last one
 * counts, says protobuf); empty if there is none. */
struct bytes wire_find(struct bytes message, uint32_t number);

/** The name of the first string field, in the message or in one inside it,
 * that is not text: not UTF-8, or with a NUL, at which a C string would end
 * early; or of the message that is not made of fields to its end, for protobuf-c
 * decodes some that are not, and then nobody has looked at the rest; or of one
 * deeper than nesting.h allows. NULL: all are. @message decodes as @type. */
const char *wire_bad_text(const ProtobufCMessageDescriptor *type, struct bytes message);

/** Whether a string field may hold it: UTF-8, without NUL. */
bool wire_is_text(struct bytes b);

/** wire_bad_text() of one field of a @type. */
const char *wire_bad_field(const ProtobufCMessageDescriptor *type, const struct wire_field *field);

/* --- Writing ------------------------------------------------------------------------ */

/** How many bytes a WIRE_BYTES field takes. */
size_t wire_bytes_size(uint32_t number, size_t len);

/** Append a field. false: as buf_append(), and nothing was appended.
 * wire_begin_bytes() appends a field's head only; @len bytes must follow. */
bool wire_append_bytes(struct buf *b, uint32_t number, struct bytes content);
bool wire_begin_bytes(struct buf *b, uint32_t number, size_t len);
bool wire_append_varint(struct buf *b, uint32_t number, uint64_t value);

#endif
