/* The tables: made at the first start, looked at in each. */
#include <inttypes.h>
#include <sys/random.h>

#include "base/log.h"
#include "pg_store.h"
#include "pg_values.h"

#define FORMAT 1

/* Two servers may make the tables at once: one of them fails, and finds them then. */
#define ATTEMPTS 5

const struct pg_statement pg_schema_look = {
    .sql = "SELECT store_id, format, revision, kind, concat_ws(', ', "
           "CASE WHEN to_regclass('groups') IS NULL THEN 'groups' END, "
           "CASE WHEN to_regclass('records') IS NULL THEN 'records' END, "
           "CASE WHEN to_regclass('changes') IS NULL THEN 'changes' END) FROM store"
};

enum { CREATE_STORE, CREATE_GROUPS, CREATE_RECORDS, CREATE_CHANGES, INSERT_STORE, NSCHEMA };

static const struct pg_statement schema[NSCHEMA] = {
    [CREATE_STORE] = { .sql = "CREATE TABLE store ("
                              "one boolean PRIMARY KEY DEFAULT true CHECK (one), "
                              "store_id bigint NOT NULL, kind text NOT NULL, "
                              "format bigint NOT NULL, "
                              "next_sequence bigint NOT NULL DEFAULT 1, "
                              "next_ordinal bigint NOT NULL DEFAULT 0, "
                              "revision bigint NOT NULL DEFAULT 0, "
                              "records bigint NOT NULL DEFAULT 0)" },
    [CREATE_GROUPS] = { .sql = "CREATE TABLE groups ("
                               "ordinal bigint PRIMARY KEY, id bytea NOT NULL UNIQUE)" },
    [CREATE_RECORDS] = { .sql = "CREATE TABLE records ("
                                "grp bigint NOT NULL, seq bigint NOT NULL, "
                                "id bytea NOT NULL UNIQUE, revision bigint NOT NULL, "
                                "value bytea NOT NULL, PRIMARY KEY (grp, seq))" },
    [CREATE_CHANGES] = { .sql = "CREATE TABLE changes ("
                                "revision bigint PRIMARY KEY, kind bigint NOT NULL, "
                                "grp bigint NOT NULL, seq bigint NOT NULL, id bytea NOT NULL, "
                                "time_ms bigint NOT NULL)" },
    [INSERT_STORE] = { .sql = "INSERT INTO store (store_id, kind, format) "
                              "VALUES ($1::bigint, $2::text, $3::bigint)" },
};

/* --- Asking, and waiting for the answer ---------------------------------------------- */

struct question {
    struct pg_request request;
    struct pg_store *s;
    bool over, failed;
    struct pg_error error;
    struct pg_identity found;
};

struct pg_identity pg_identity_of(const PGresult *rows)
{
    if (PQntuples(rows) != 1)
        return (struct pg_identity){ .there = false };
    struct pg_identity i = { .there = true,
                             .store_id = pg_number_at(rows, 0, 0),
                             .format = pg_number_at(rows, 0, 1),
                             .revision = pg_number_at(rows, 0, 2) };
    const struct bytes kind = pg_bytes_at(rows, 0, 3);
    const struct bytes missing = pg_bytes_at(rows, 0, 4);
    snprintf(i.kind, sizeof i.kind, "%.*s", (int)kind.len, (const char *)kind.data);
    snprintf(i.missing, sizeof i.missing, "%.*s", (int)missing.len, (const char *)missing.data);
    return i;
}

static void on_rows(struct pg_request *r, unsigned step, const PGresult *rows)
{
    struct question *q = container_of(r, struct question, request);
    (void)step;
    q->found = pg_identity_of(rows);
}

static void on_done(struct pg_request *r, const struct pg_error *error)
{
    struct question *q = container_of(r, struct question, request);
    q->over = true;
    q->failed = error != NULL;
    if (error != NULL)
        q->error = *error;
    loop_break(q->s->loop);
}

static void ask(struct pg_pool *pool, struct question *q)
{
    q->over = false;
    q->request.done = on_done;
    pg_pool_submit(pool, &q->request);
    while (!q->over)
        loop_run(q->s->loop);
}

static void look_at_it(struct pg_pool *pool, struct question *q)
{
    const struct pg_step step = { .statement = &pg_schema_look };
    q->request = (struct pg_request){ .steps = &step, .nsteps = 1, .rows = on_rows };
    ask(pool, q);
}

static void make_it(struct pg_pool *pool, struct question *q, const char *kind)
{
    struct pg_bigint id, format;
    struct pg_step steps[NSCHEMA];
    uint64_t random_id = 0;
    if (getrandom(&random_id, sizeof random_id, 0) != sizeof random_id)
        random_id = loop_now_ms(q->s->loop);
    const struct pg_param params[] = { pg_bigint_param(&id, random_id),
                                       pg_bytes_param(bytes_of_text(kind)),
                                       pg_bigint_param(&format, FORMAT) };
    for (unsigned i = 0; i < NSCHEMA; i++)
        steps[i] = (struct pg_step){ .statement = &schema[i] };
    steps[INSERT_STORE].params = params;
    steps[INSERT_STORE].nparams = sizeof params / sizeof params[0];
    q->request =
        (struct pg_request){ .steps = steps, .nsteps = NSCHEMA, .begin = "BEGIN", .commits = true };
    ask(pool, q);
}

/* --- What is there ------------------------------------------------------------------ */

static bool has_state(const struct question *q, const char *sqlstate)
{
    return q->failed && strcmp(q->error.sqlstate, sqlstate) == 0;
}

/* Another server was quicker: duplicate table, type, row. */
static bool was_made_meanwhile(const struct question *q)
{
    return has_state(q, "42P07") || has_state(q, "23505") || has_state(q, "42710");
}

int pg_schema_judge(const char *name, const struct pg_identity *found, const char *kind,
                    char error[STORE_ERROR_MAX])
{
    if (!found->there)
        return store_fail(error, "the table store of the database %s is empty", name);
    if (found->format > FORMAT)
        return store_fail(error,
                          "the database %s has format %" PRIu64 ", and this program knows %d: "
                          "it was written by a newer version",
                          name, found->format, FORMAT);
    if (strcmp(found->kind, kind) != 0)
        return store_fail(error, "the database %s holds %s, not %s: use another", name, found->kind,
                          kind);
    if (found->missing[0] != '\0')
        return store_fail(error,
                          "the database %s has lost its tables %s: restore them from a backup",
                          name, found->missing);
    return 0;
}

static int take_over(struct pg_store *s, const struct question *q, const char *kind,
                     char error[STORE_ERROR_MAX])
{
    if (q->failed)
        return store_fail(error, "%s", q->error.line);
    if (pg_schema_judge(s->target->name, &q->found, kind, error) != 0)
        return -1;
    s->store.id = q->found.store_id;
    s->feed.revision = q->found.revision;
    return 0;
}

static int open_tables(struct pg_store *s, struct pg_pool *pool, const char *kind,
                       char error[STORE_ERROR_MAX])
{
    struct question q = { .s = s };
    look_at_it(pool, &q);
    for (int i = 0; i < ATTEMPTS && has_state(&q, "42P01"); i++) {
        make_it(pool, &q, kind);
        if (!q.failed || was_made_meanwhile(&q))
            look_at_it(pool, &q);
    }
    return take_over(s, &q, kind, error);
}

static void on_health(struct pg_pool *pool, void *arg)
{
    struct pg_store *s = arg;
    (void)pool;
    loop_break(s->loop);
}

/* Connected, or in vain; @first_host is tried first. NULL: out of memory. */
static struct pg_pool *connect_from(struct pg_store *s, const struct pg_target *target,
                                    unsigned first_host)
{
    struct pg_pool *pool;
    struct pg_pool_options options = pg_store_pool(s);
    options.each.target = target;
    options.each.first_host = first_host;
    options.changed = on_health;
    options.arg = s;
    if (pg_pool_new(&pool, s->loop, &options) != 0)
        return NULL;
    while (pg_pool_health(pool) == PG_UNKNOWN)
        loop_run(s->loop);
    return pool;
}

/* A host that is dead without a word takes all of the time of an attempt. So each host is the
 * first one of an attempt, unless what is wrong will not pass. */
static struct pg_pool *connect_to(struct pg_store *s, const struct pg_target *target,
                                  unsigned *first_host)
{
    struct pg_pool *pool = connect_from(s, target, *first_host = 0);
    while (pool != NULL && pg_pool_health(pool) != PG_UP && ++*first_host < target->nhosts &&
           pg_pool_error(pool)->trouble == PG_AGAIN) {
        pg_pool_free(pool);
        pool = connect_from(s, target, *first_host);
    }
    return pool;
}

static int fail_memory(const struct pg_store *s, char error[STORE_ERROR_MAX])
{
    return store_fail(error, "cannot use the database %s: out of memory", s->target->name);
}

int pg_schema_open(struct pg_store *s, const char *kind, char error[STORE_ERROR_MAX])
{
    struct pg_pool *pool = connect_to(s, s->target, &s->first_host);
    if (pool == NULL)
        return fail_memory(s, error);
    const int rv = pg_pool_health(pool) == PG_UP
                       ? open_tables(s, pool, kind, error)
                       : store_fail(error, "%s", pg_pool_error(pool)->line);
    pg_pool_free(pool);
    return rv;
}

static int judge_replica(const struct pg_store *s, const struct question *q,
                         char error[STORE_ERROR_MAX])
{
    if (q->failed)
        log_warn("--db-replica: %s", q->error.line);
    else if (!q->found.there || q->found.store_id != s->store.id)
        return store_fail(error, "--db-replica: the database %s is not a standby of %s",
                          s->replica->name, s->target->name);
    return 0;
}

int pg_schema_check_replica(struct pg_store *s, char error[STORE_ERROR_MAX])
{
    struct question q = { .s = s };
    if (s->replica == NULL)
        return 0;
    unsigned first_host;
    struct pg_pool *pool = connect_to(s, s->replica, &first_host);
    if (pool == NULL)
        return fail_memory(s, error);
    if (pg_pool_health(pool) == PG_UP) {
        look_at_it(pool, &q);
    } else {
        q.failed = true;
        q.error = *pg_pool_error(pool);
    }
    pg_pool_free(pool);
    return judge_replica(s, &q, error);
}
