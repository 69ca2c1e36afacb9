/* Between the files that make a pool. */
#ifndef PBJSON_POOL_INTERNAL_H
#define PBJSON_POOL_INTERNAL_H

#include "base/arena.h"
#include "pool.h"

#define POOL_ERROR_BYTES 200

enum symbol_kind { SYMBOL_MESSAGE, SYMBOL_ENUM, SYMBOL_SERVICE, SYMBOL_FILE };

struct file {
    struct file *next; /* older */
    struct bytes name;
    struct bytes content; /* a copy; all names point into it. Empty: not added yet */
};

struct symbols; /* by kind and name */

/* A type that goes by a name that is not full. */
struct unsettled {
    struct unsettled *next;
    enum symbol_kind kind;
    struct bytes scope, name;
    void *at;        /* a pointer to a message or an enum, which it is to become */
    uint32_t number; /* 0: `at` is there; else of a field that is still to be sorted */
};

struct pb_pool {
    struct arena *arena;
    struct unsettled *unsettled;
    struct symbols *symbols;
    struct file *files;
    struct pb_service *services;
    uint64_t seed;
    char error[POOL_ERROR_BYTES];
};

/** From the arena, zeroed. NULL: pool_no_memory() says what to return. */
void *pool_alloc(struct pb_pool *p, size_t n, size_t size);
int pool_no_memory(struct pb_pool *p);

/** Notes the reason, with the name it is about behind it; returns @rv. */
int pool_refuse(struct pb_pool *p, int rv, const char *why, struct bytes name);

/** Finds what has this name, or makes it: a message, enum, service or file that
 * is not defined yet. @full_name must stay. 0, or the error of pb_pool_add_file():
 * something of another kind has the name. */
int pool_want(struct pb_pool *p, enum symbol_kind kind, struct bytes full_name, void *ret);

/** Notes that *ret is what @name stands for in @scope; until that is looked up, it is a
 * type of its own, which is not defined. 0, or the error of pb_pool_add_file(). */
int pool_unsettled(struct pb_pool *p, const struct unsettled *what, void *ret);

/** What has this name. NULL: nothing of this kind. */
void *pool_find(const struct pb_pool *p, enum symbol_kind kind, struct bytes full_name);

/** Sorts what was read of a message by number and by its names, and looks at
 * whether these are different ones. */
int pool_index_fields(struct pb_pool *p, struct pb_message *m, struct pb_field *fields);
int pool_index_values(struct pb_pool *p, struct pb_enum *e, struct pb_enum_value *values);

/** Reads a file that is not there yet. Its bytes are a copy of the pool's. */
int pool_read_file(struct pb_pool *p, struct bytes content);

#endif
