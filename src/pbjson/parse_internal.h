/* Between the files that parse. All functions return 0, EINVAL with the reason noted,
 * EMSGSIZE or ENOMEM. */
#ifndef PBJSON_PARSE_INTERNAL_H
#define PBJSON_PARSE_INTERNAL_H

#include "json_in.h"
#include "pbjson.h"
#include "place.h"
#include "scratch.h"

struct parser {
    struct jsonin in;
    struct buf *out;
    size_t max_len; /* that out->len may have */
    const struct pb_pool *pool;
    const struct pbjson_parse *options;
    struct scratch scratch;
    char *error;
    unsigned left; /* how many objects and lists deeper we may go */
};

/* As it is on the wire. */
struct number_or_bytes {
    uint64_t raw;
    struct bytes bytes;
};

/* --- Writing (parse_write.c) -------------------------------------------------------- */

int write_value(struct parser *p, enum wire_type wire, struct number_or_bytes v);

/** A field and its value. */
int write_field(struct parser *p, uint32_t number, enum wire_type wire, struct number_or_bytes v);

/** A field of what is written until write_end(), which gets *ret_mark. */
int write_begin(struct parser *p, uint32_t number, size_t *ret_mark);
int write_end(struct parser *p, size_t mark);

/** Refuses a map that was written from @from on, in fields of this @number, and has
 * a key twice. */
int write_check_keys(struct parser *p, size_t from, uint32_t number, const struct place *at);

/* --- What the text has (parse_text.c) ----------------------------------------------- */

/** The text is no JSON where it stands now. */
int refuse_json(struct parser *p);

/** Goes into an object or a list, which comes next: one of @open, '{' or '['. */
int enter(struct parser *p, char open, const struct place *at);
void leave(struct parser *p);

/** A text that comes next, without its escapes; in the scratch, if it had some. */
int take_text(struct parser *p, const struct place *at, struct bytes *ret);

/** The key that comes next, in the same way. */
int take_key(struct parser *p, struct bytes *ret);

/** Any value but a message. null is 0 of a NullValue, and refused else. */
int take_scalar(struct parser *p, enum pb_type type, const struct pb_enum *e,
                const struct place *at, struct number_or_bytes *ret);

/** The key of a map, which is a text whatever its type. */
int key_of_text(struct parser *p, enum pb_type type, struct bytes text, const struct place *at,
                struct number_or_bytes *ret);

/* --- Messages ----------------------------------------------------------------------- */

/** The fields of a message, in whatever form JSON has for it. */
int parse_message(struct parser *p, const struct pb_message *type, const struct place *at);

/** The members of an object up to its end. @in_any: one of them is "@type". */
int parse_members(struct parser *p, const struct pb_message *type, bool in_any,
                  const struct place *at);

/** A message with a form of its own (parse_known.c). */
int parse_known(struct parser *p, const struct pb_message *type, const struct place *at);

/** A google.protobuf.Value. */
int parse_value(struct parser *p, const struct place *at);

/** An unknown member with this @key: refused, or taken. */
int parse_unknown(struct parser *p, struct bytes key, struct bytes type, const struct place *at);

#endif
