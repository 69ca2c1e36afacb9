/* Between the files that print.
 *
 * A message may come in parts: several fields of one number are one message, made
 * of all their bytes one behind the other. Its fields may come in any order, each
 * several times. So a walk over it notes *runs*, stretches of fields of one number,
 * which are sorted; mostly there is one run a field, and nothing to sort. */
#ifndef PBJSON_PRINT_INTERNAL_H
#define PBJSON_PRINT_INTERNAL_H

#include "json_out.h"
#include "pbjson.h"
#include "place.h"
#include "scratch.h"

struct printer {
    struct jsonout out;
    const struct pb_pool *pool;
    const struct pbjson_print *options;
    struct scratch scratch;
    char *error;
    unsigned left; /* how many messages deeper we may go */
};

/* Bytes of one message: one stretch, or several, which are noted in the scratch. */
struct parts {
    struct bytes one;
    struct bytes *list;
    size_t n; /* in the list; 0: it is one */
};

/* A value of a field, however it came. */
struct value {
    uint64_t raw; /* a number as it is on the wire, without zigzag */
    struct bytes bytes;
};

/* --- Reading (print_read.c) --------------------------------------------------------- */

/* A walk over the fields of a message. */
struct walk {
    struct parts parts;
    size_t next; /* part */
    struct bytes rest;
    struct wire_field field;
    struct value value;  /* the field's; of bytes they themselves */
    const uint8_t *from; /* where it begins; it ends where rest begins */
    bool bad;            /* it ended too early */
};

void walk_begin(struct walk *w, const struct parts *parts);
bool walk_next(struct walk *w);

struct run {
    const struct pb_field *field;
    const uint8_t *from, *to;
    size_t order;
    bool one;          /* a single field */
    struct value last; /* of the last of them: all that counts of a singular field */
};

/** Notes the runs of what @type knows, sorted by the number of the field, in the
 * scratch. Those of a oneof that a later one has replaced are left out. */
int runs_read(struct printer *p, const struct pb_message *type, const struct parts *parts,
              const struct place *at, struct run **ret, size_t *ret_n);

#define FEW_RUNS 16

/** The same for a message that is as most are: no more runs than that, one of each field, and
 * nothing that needs a closer look. false: it is not, or it is damaged. */
bool runs_read_few(const struct pb_message *type, struct bytes message, struct run runs[FEW_RUNS],
                   size_t *ret_n);

/* All values of one field. */
struct elements {
    const struct pb_field *field;
    const struct run *runs;
    size_t n; /* of them */
    struct bytes run, packed;
    bool bad;
};

bool elements_next(struct elements *e, struct value *ret);

/** One part more. 0, EMSGSIZE or ENOMEM. */
int parts_add(struct printer *p, struct parts *parts, struct bytes part);

/** Makes parts of all values; there is one. 0, EMSGSIZE or ENOMEM. */
int elements_join(struct printer *p, struct elements e, struct parts *ret);

/** EINVAL, and the reason: not a message; a group is told apart. */
int refuse_damaged(struct printer *p, struct bytes rest, const struct place *at);

/* --- Printing ----------------------------------------------------------------------- */

/** A value of any type but a message. */
int print_scalar(struct printer *p, enum pb_type type, const struct pb_enum *e, struct value v,
                 const struct place *at);

/** A message, in whatever form it has. */
int print_message(struct printer *p, const struct pb_message *type, const struct parts *parts,
                  const struct place *at);

/** The members of an object; its brackets are the caller's. */
int print_members(struct printer *p, const struct pb_message *type, const struct parts *parts,
                  const struct place *at);

/** A message of such a form (print_known.c). */
int print_known(struct printer *p, enum pb_known known, enum pb_type wrapped,
                const struct parts *parts, const struct place *at);

/** A map as an object (print_map.c), of the entries @e. */
int print_map(struct printer *p, struct elements e, const struct place *at);

/** A google.protobuf.Struct: a map of Values. */
int print_struct(struct printer *p, const struct parts *parts, const struct place *at);

#endif
