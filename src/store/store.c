/* Each function of store.h, by the engine behind it. */
#include "engine.h"
#include "postgres/pg_target.h"

static const struct store_engine *engine_of(const char *where)
{
    return pg_target_is(where) ? &pg_engine : &lmdb_engine;
}

int store_open(struct store **ret, const char *where, const char *kind,
               const struct store_options *options, char error[STORE_ERROR_MAX])
{
    if (options != NULL && options->replica != NULL && engine_of(where) != &pg_engine)
        return store_fail(error, "--db-replica is for a --db in PostgreSQL, and %s is a folder",
                          where);
    return engine_of(where)->open(ret, where, kind, options, error);
}

void store_close(struct store *store)
{
    if (store != NULL)
        store->engine->close(store);
}

uint64_t store_id(const struct store *store)
{
    return store->id;
}

int store_stats(struct store *store, struct store_stats *ret)
{
    return store->engine->stats(store, ret);
}

void store_write(struct store *store, struct write_batch *batch)
{
    store->engine->write(store, batch);
}

int store_check(const char *where, const char *kind, struct store_check *check,
                char error[STORE_ERROR_MAX])
{
    return engine_of(where)->check(where, kind, check, error);
}

/* --- Reading ------------------------------------------------------------------------ */

int reader_new(struct reader **ret, struct store *store, struct loop *loop,
               char error[STORE_ERROR_MAX])
{
    return store->engine->reader_new(ret, store, loop, error);
}

void reader_free(struct reader *reader)
{
    if (reader != NULL)
        reader->engine->free(reader);
}

int reader_begin(struct reader *reader, char error[STORE_ERROR_MAX])
{
    return reader->engine->begin(reader, error);
}

void reader_end(struct reader *reader)
{
    reader->engine->end(reader);
}

const char *reader_error(const struct reader *reader)
{
    return reader->engine->error(reader);
}

bool reader_unavailable(const struct reader *reader)
{
    return reader->engine->unavailable != NULL && reader->engine->unavailable(reader);
}

int reader_need(struct reader *reader, struct store_fetch *fetch, const struct store_need *need)
{
    return reader->engine->need == NULL ? 1 : reader->engine->need(reader, fetch, need);
}

bool reader_fetches(const struct reader *reader)
{
    return reader->engine->need != NULL;
}

void store_fetch_drop(struct store_fetch *fetch)
{
    if (fetch->of_engine != NULL)
        fetch->engine->fetch_drop(fetch);
}

int reader_count(struct reader *reader, uint64_t *ret)
{
    return reader->engine->count(reader, ret);
}

int reader_groups(struct reader *reader, uint64_t *ret)
{
    return reader->engine->groups(reader, ret);
}

int reader_get(struct reader *reader, struct bytes id, struct bytes *ret_value)
{
    return reader->engine->get(reader, id, ret_value);
}

int reader_place(struct reader *reader, struct bytes id, struct position *ret)
{
    return reader->engine->place(reader, id, ret);
}

int reader_group(struct reader *reader, struct bytes id, uint32_t *ret_ordinal)
{
    return reader->engine->group(reader, id, ret_ordinal);
}

int reader_group_id(struct reader *reader, uint32_t ordinal, struct bytes *ret_id)
{
    return reader->engine->group_id(reader, ordinal, ret_id);
}

int reader_scan(struct reader *reader, struct position *at, uint32_t last_group,
                struct visit *visit)
{
    return reader->engine->scan(reader, at, last_group, visit);
}

/* --- What changed ------------------------------------------------------------------- */

int reader_revision(struct reader *reader, uint64_t *ret)
{
    return reader->engine->revision(reader, ret);
}

uint64_t reader_floor(const struct reader *reader)
{
    return reader->engine->floor == NULL ? 0 : reader->engine->floor(reader);
}

int reader_changes(struct reader *reader, uint64_t *revision, struct change_visit *visit)
{
    return reader->engine->changes(reader, revision, visit);
}

int reader_put_value(struct reader *reader, const struct change *change, struct bytes *ret_value)
{
    return reader->engine->put_value(reader, change, ret_value);
}
