/* What is behind store.h: an engine, of which a store and its readers are the beginning.
 * For store.c and the engines; their folders are named as they are.
 *
 * The functions are those of store.h, with the contracts that stand there. */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "store.h"
#include "store_check.h"

struct store_engine {
    int (*open)(struct store **ret, const char *where, const char *kind,
                const struct store_options *options, char error[STORE_ERROR_MAX]);
    void (*close)(struct store *store);
    int (*stats)(struct store *store, struct store_stats *ret);
    void (*write)(struct store *store, struct write_batch *batch);
    int (*check)(const char *where, const char *kind, struct store_check *check,
                 char error[STORE_ERROR_MAX]);

    int (*reader_new)(struct reader **ret, struct store *store, struct loop *loop,
                      char error[STORE_ERROR_MAX]);
};

struct reader_engine {
    void (*free)(struct reader *reader);
    int (*begin)(struct reader *reader, char error[STORE_ERROR_MAX]);
    void (*end)(struct reader *reader);
    const char *(*error)(const struct reader *reader);
    bool (*unavailable)(const struct reader *reader); /* NULL: it never is */

    /* NULL: everything can be read at any time. */
    int (*need)(struct reader *reader, struct store_fetch *fetch, const struct store_need *need);
    void (*fetch_drop)(struct store_fetch *fetch);

    int (*count)(struct reader *reader, uint64_t *ret);
    int (*groups)(struct reader *reader, uint64_t *ret);
    int (*get)(struct reader *reader, struct bytes id, struct bytes *ret_value);
    int (*place)(struct reader *reader, struct bytes id, struct position *ret);
    int (*group)(struct reader *reader, struct bytes id, uint32_t *ret_ordinal);
    int (*group_id)(struct reader *reader, uint32_t ordinal, struct bytes *ret_id);
    int (*scan)(struct reader *reader, struct position *at, uint32_t last_group,
                struct visit *visit);

    int (*revision)(struct reader *reader, uint64_t *ret);
    uint64_t (*floor)(const struct reader *reader); /* NULL: 0 */
    int (*changes)(struct reader *reader, uint64_t *revision, struct change_visit *visit);
    int (*put_value)(struct reader *reader, const struct change *change, struct bytes *ret_value);
};

struct store {
    const struct store_engine *engine;
    uint64_t id;
};

struct reader {
    const struct reader_engine *engine;
};

/** What came before it, and belongs to it, was not done. For the writer's thread, as the next. */
static inline bool write_is_broken(const struct write_batch *batch)
{
    return batch->sequence != NULL && batch->sequence->broken;
}

/** @batch is not done. */
static inline void write_break(const struct write_batch *batch)
{
    if (batch->sequence != NULL)
        batch->sequence->broken = true;
}

#define WRITE_BROKEN "what came before in the same call was not written"

extern const struct store_engine lmdb_engine, pg_engine;

/** Puts a line into @error, cut if it is too long. Returns -1. */
__attribute__((format(printf, 2, 3))) int store_fail(char error[STORE_ERROR_MAX],
                                                     const char *format, ...);

/** Counts a problem of a store that is checked, and tells it in a line. */
__attribute__((format(printf, 2, 3))) void store_check_found(struct store_check *check,
                                                             const char *format, ...);

#endif
