/* Open, close, and the thread. */
#include "pg_store.h"

#include <signal.h>
#include <stdlib.h>

/* Where there are several hosts, one that stands still leaves time for another one. */
struct pg_pool_options pg_store_pool(struct pg_store *s)
{
    const uint64_t to_connect_ms = s->target->nhosts > 1 ? s->timeout_ms / 2 : s->timeout_ms;
    return (struct pg_pool_options){ .each = { .target = s->target,
                                               .numbers = &s->numbers,
                                               .connect_timeout_ms = to_connect_ms,
                                               .statement_timeout_ms = s->timeout_ms,
                                               .first_host = s->first_host },
                                     .connections = 1,
                                     .max_waiting = PG_MAX_WAITING,
                                     .wait_timeout_ms = s->timeout_ms };
}

static void *run(void *arg)
{
    struct pg_store *s = arg;
    loop_run(s->loop);
    return NULL;
}

/* Signals are for the program's loops. */
static int start_thread(struct pg_store *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rv = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rv == 0)
        pthread_setname_np(s->thread, "store-postgres");
    return rv;
}

static void end_pools(struct pg_store *s)
{
    pg_sizes_end(s);
    pg_feed_end(s);
    pg_pool_free(s->writer.pool);
    s->writer.pool = NULL;
    loop_stop(s->loop);
}

void pg_store_writer_ended(struct pg_store *s)
{
    end_pools(s);
}

static void free_all(struct pg_store *s)
{
    loop_free(s->loop);
    pg_target_free(s->target);
    pg_target_free(s->replica);
    pthread_mutex_destroy(&s->feed.lock);
    free(s);
}

static int read_targets(struct pg_store *s, const char *where, const char *replica,
                        char error[STORE_ERROR_MAX])
{
    char why[STORE_ERROR_MAX];
    if (pg_target_new(&s->target, where, error) != 0)
        return -1;
    if (replica == NULL || pg_target_new(&s->replica, replica, why) == 0)
        return 0;
    return store_fail(error, "--db-replica: %s", why);
}

static int start(struct pg_store *s, const char *where, const char *kind, const char *replica,
                 char error[STORE_ERROR_MAX])
{
    if (read_targets(s, where, replica, error) != 0)
        return -1;
    if (loop_new(&s->loop, LOOP_IN_UV) != 0)
        return store_fail(error, "cannot make a loop for the database %s", s->target->name);
    if (pg_schema_open(s, kind, error) != 0 || pg_schema_check_replica(s, error) != 0)
        return -1;
    if (pg_writer_start(s) == 0 && pg_feed_start(s) == 0 && start_thread(s) == 0)
        return 0;
    return store_fail(error, "cannot use the database %s: out of memory", s->target->name);
}

/* No thread runs its loop, which ends what it has begun. */
static void undo(struct pg_store *s)
{
    if (s->loop != NULL) {
        end_pools(s);
        loop_run(s->loop);
    }
    free_all(s);
}

static int pg_open(struct store **ret, const char *where, const char *kind,
                   const struct store_options *options, char error[STORE_ERROR_MAX])
{
    const struct store_options none = { 0 }, *o = options != NULL ? options : &none;
    struct pg_store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return store_fail(error, "cannot open the database of --db: out of memory");
    s->store.engine = &pg_engine;
    s->keep_changes = o->keep_changes > 0 ? o->keep_changes : STORE_KEEP_CHANGES;
    s->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : STORE_TIMEOUT_MS;
    s->committed = o->committed;
    s->reachable = o->reachable;
    s->arg = o->arg;
    pthread_mutex_init(&s->feed.lock, NULL);
    if (start(s, where, kind, o->replica, error) != 0) {
        undo(s);
        return -1;
    }
    *ret = &s->store;
    return 0;
}

static void on_end(struct loop *loop, void *arg)
{
    (void)loop;
    pg_writer_end(arg);
}

static void pg_close(struct store *store)
{
    struct pg_store *s = pg_store_of(store);
    loop_post_with(s->loop, &s->ending, on_end, s);
    pthread_join(s->thread, NULL);
    free_all(s);
}

const struct store_engine pg_engine = {
    .open = pg_open,
    .close = pg_close,
    .stats = pg_stats,
    .write = pg_write,
    .check = pg_check,
    .reader_new = pg_reader_new,
};
