/* A pool of descriptors: what messages, enums and services are made of, read
 * from files as protoc describes them (google/protobuf/descriptor.proto).
 *
 * Files come one by one, in any order, from a FileDescriptorSet or from the
 * answers of server reflection, which tell the same file many times. A type that
 * a file speaks of and no file has defined yet is there, but not `defined`. What
 * files say is not trusted: memory has a limit, and what is no descriptor is
 * refused with its reason. Everything lives as long as the pool.
 *
 * One thread fills it; once that is over any thread may read it.
 *
 * Known are proto2 and proto3, without extensions; editions are refused. A field
 * that is a group is kept as such: whoever meets it in a message refuses it. */
#ifndef PBJSON_POOL_H
#define PBJSON_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/wire.h"

struct pb_pool;

/* With the numbers that descriptor.proto gives them. */
enum pb_type {
    PB_DOUBLE = 1,
    PB_FLOAT,
    PB_INT64,
    PB_UINT64,
    PB_INT32,
    PB_FIXED64,
    PB_FIXED32,
    PB_BOOL,
    PB_STRING,
    PB_GROUP,
    PB_MESSAGE,
    PB_BYTES,
    PB_UINT32,
    PB_ENUM,
    PB_SFIXED32,
    PB_SFIXED64,
    PB_SINT32,
    PB_SINT64,
};

/* Messages for which JSON has a form of its own. They go by their name: nothing
 * that a file says of them is looked at. */
enum pb_known {
    PB_PLAIN,
    PB_ANY,
    PB_DURATION,
    PB_EMPTY, /* its form is that of a message; in an Any some write it as a value */
    PB_FIELD_MASK,
    PB_LIST_VALUE,
    PB_STRUCT,
    PB_TIMESTAMP,
    PB_VALUE,
    PB_WRAPPER, /* of pb_message.wrapped */
};

struct pb_enum_value {
    struct bytes name;
    int32_t number;
};

struct pb_enum {
    struct bytes full_name;
    bool defined;
    bool closed;  /* of proto2: a number without a name is no value */
    bool is_null; /* google.protobuf.NullValue */
    size_t nvalues;
    const struct pb_enum_value *by_number; /* of several names for one the first comes first */
    const struct pb_enum_value *by_name;
};

struct pb_field {
    struct bytes name;      /* as in the .proto file */
    struct bytes json_name; /* the same as the name, if another field would have it too */
    uint32_t number;
    enum pb_type type;
    enum wire_type wire;         /* of one value */
    bool repeated;               /* or a map: pb_is_map() */
    bool packed;                 /* repeated, and to be written so; both are to be read */
    bool presence;               /* absent and zero are two things */
    uint32_t oneof;              /* 0: of none; else one more than its place in pb_message.oneofs */
    struct pb_message *message;  /* PB_MESSAGE */
    struct pb_enum *enumeration; /* PB_ENUM */
};

struct pb_message {
    struct bytes full_name;
    bool defined;
    bool map_entry; /* so it has the fields 1, a scalar that may be a key, and 2 */
    enum pb_known known;
    enum pb_type wrapped;
    size_t nfields;
    const struct pb_field *fields; /* by number */
    const struct pb_field **by_name, **by_json_name;
    size_t noneofs;
    const struct bytes *oneofs; /* names; those that proto3's "optional" makes too */
};

struct pb_method {
    struct bytes name;
    const struct pb_message *input, *output;
    bool many_requests, many_responses;
    struct bytes options; /* a MethodOptions as bytes, for extensions; may be empty */
};

struct pb_service {
    const struct pb_service *next; /* that a pool has */
    struct bytes full_name;
    size_t nmethods;
    const struct pb_method *methods;
};

/** An empty pool that takes at most @limit_bytes of memory. NULL: out of memory. */
struct pb_pool *pb_pool_new(size_t limit_bytes);

/** Frees it. NULL is fine. */
void pb_pool_free(struct pb_pool *p);

/** Adds what @file, a FileDescriptorProto as bytes, defines; copies what it needs.
 * A file that is there already adds nothing.
 * Returns 0, or, and then the pool is of no use any more:
 *   EINVAL   it is none, or contradicts itself or what is there
 *   EEXIST   another file has this name, or defines the same
 *   ENOTSUP  editions
 *   EMSGSIZE the limit of the pool is reached
 *   ENOMEM */
int pb_pool_add_file(struct pb_pool *p, struct bytes file);

/** The same for all files of a FileDescriptorSet. */
int pb_pool_add_set(struct pb_pool *p, struct bytes set);

/** Looks up the types that files speak of by names that are not full ("Inner", and not
 * ".far.Outer.Inner"), from the inside out, as the language has it. protoc writes full ones
 * always, others do not. To be called once all files are there; what is not found stays
 * undefined. */
void pb_pool_settle(struct pb_pool *p);

/** Why the last file was refused, for people: one line of plain text, from the
 * names that it gives. Until the next call. */
const char *pb_pool_error(const struct pb_pool *p);

/** The name of a file that another one imports and that was not added; empty: there
 * is none. So whoever asks a server for files asks until this is empty. */
struct bytes pb_pool_missing(const struct pb_pool *p);

/* --- Finding. NULL: there is none, or it is spoken of only. ------------------------- */

const struct pb_message *pb_find_message(const struct pb_pool *p, struct bytes full_name);
const struct pb_enum *pb_find_enum(const struct pb_pool *p, struct bytes full_name);
const struct pb_service *pb_find_service(const struct pb_pool *p, struct bytes full_name);

/** By its path, "/v1.post.Post/GetPost", with or without the first slash, or by its
 * full name, "v1.post.Post.GetPost". */
const struct pb_method *pb_find_method(const struct pb_pool *p, struct bytes path);

/** By the type_url of an Any: its name is what stands behind the last slash. */
const struct pb_message *pb_find_by_url(const struct pb_pool *p, struct bytes type_url);

/** The first of all services, newest first. */
const struct pb_service *pb_services(const struct pb_pool *p);

const struct pb_field *pb_field_by_number(const struct pb_message *m, uint32_t number);
const struct pb_field *pb_field_by_name(const struct pb_message *m, struct bytes name);
const struct pb_field *pb_field_by_json_name(const struct pb_message *m, struct bytes name);

/** The name of a number. NULL: it has none. */
const struct pb_enum_value *pb_enum_by_number(const struct pb_enum *e, int32_t number);
const struct pb_enum_value *pb_enum_by_name(const struct pb_enum *e, struct bytes name);

/* --- Types -------------------------------------------------------------------------- */

/** How one value of it is written. */
enum wire_type pb_wire_of(enum pb_type type);

static inline bool pb_is_64(enum pb_type type)
{
    return type == PB_INT64 || type == PB_SINT64 || type == PB_SFIXED64 || type == PB_UINT64 ||
           type == PB_FIXED64;
}

static inline bool pb_is_unsigned(enum pb_type type)
{
    return type == PB_UINT32 || type == PB_FIXED32 || type == PB_UINT64 || type == PB_FIXED64;
}

static inline bool pb_is_map(const struct pb_field *f)
{
    return f->repeated && f->message != NULL && f->message->map_entry;
}

#endif
