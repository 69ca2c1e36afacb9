/* --check on a database: one transaction, which only reads, and so one state of it. Each table is
 * read from end to end once, joined with what its rows lead to; a row at a time, so that it takes
 * no more memory for a large one. libpq may wait here: nothing else runs.
 *
 * What the tables themselves see to is not looked at again: places, ids and revisions are unique.
 * That pages and indexes are whole the database has to say: pg_amcheck, its check sums. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "pg_store.h"
#include "pg_values.h"

struct pass {
    PGconn *pg;
    const char *name; /* of the database */
    const char *kind;
    struct store_check *check;
    bool judged; /* the row of `store` was looked at, and is what it should be */
    char *error; /* why it was not */
    uint64_t next_sequence, next_ordinal, revision, records; /* of `store` */
    uint64_t oldest;                                         /* change in the log; 0: none */
    uint64_t change;                                         /* that was looked at */
};

/* --- Asking ------------------------------------------------------------------------- */

typedef void (*look_at)(struct pass *p, const PGresult *row);

static int fail(const struct pass *p, const struct pg_error *why)
{
    return store_fail(p->error, "%s", why->line);
}

static int take(struct pass *p, const PGresult *result, look_at look)
{
    char doing[STORE_ERROR_MAX];
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_SINGLE_TUPLE && look != NULL)
        look(p, result);
    if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return 0;
    snprintf(doing, sizeof doing, "cannot check the database %s", p->name);
    const struct pg_error why = pg_error_of_result(result, doing);
    return fail(p, &why);
}

/* What the statement brings, row after row. Returns 0, or -1 with a line. */
static int each(struct pass *p, const char *sql, look_at look)
{
    int rv = 0;
    PGresult *result;
    if (PQsendQueryParams(p->pg, sql, 0, NULL, NULL, NULL, NULL, 1) != 1 ||
        PQsetSingleRowMode(p->pg) != 1)
        return store_fail(p->error, "cannot check the database %s: %s", p->name,
                          PQerrorMessage(p->pg));
    while ((result = PQgetResult(p->pg)) != NULL) {
        if (rv == 0)
            rv = take(p, result, look);
        PQclear(result);
    }
    return rv;
}

/* --- What it is --------------------------------------------------------------------- */

static void judge(struct pass *p, const PGresult *row)
{
    const struct pg_identity found = pg_identity_of(row);
    p->judged = pg_schema_judge(p->name, &found, p->kind, p->error) == 0;
}

static const char counters[] = "SELECT next_sequence, next_ordinal, revision, records, "
                               "(SELECT min(revision) FROM changes) FROM store";

static void note_counters(struct pass *p, const PGresult *row)
{
    p->next_sequence = pg_number_at(row, 0, 0);
    p->next_ordinal = pg_number_at(row, 0, 1);
    p->revision = pg_number_at(row, 0, 2);
    p->records = pg_number_at(row, 0, 3);
    p->oldest = pg_number_at(row, 0, 4);
}

static int look_at_store(struct pass *p)
{
    const struct pg_identity nothing = { .there = false };
    if (each(p, pg_schema_look.sql, judge) != 0)
        return -1;
    if (!p->judged)
        return p->error[0] != '\0' ? -1 : pg_schema_judge(p->name, &nothing, p->kind, p->error);
    return each(p, counters, note_counters);
}

/* --- Groups ------------------------------------------------------------------------- */

static const char groups[] = "SELECT ordinal, id FROM groups ORDER BY ordinal";

static void look_at_group(struct pass *p, const PGresult *row)
{
    const uint64_t ordinal = pg_number_at(row, 0, 0);
    struct store_check *c = p->check;
    if (ordinal > c->groups)
        store_check_found(c, "group %" PRIu64 " is missing in the order of groups", c->groups);
    if (pg_bytes_at(row, 0, 1).len > STORE_ID_MAX)
        store_check_found(c, "the id of group %" PRIu64 " is damaged", ordinal);
    c->groups = ordinal + 1;
}

/* --- Records ------------------------------------------------------------------------ */

enum { GRP, SEQ, ID, REVISION, VALUE, OWNER, KIND, CHANGED_GRP, CHANGED_SEQ, CHANGED_ID };

static const char records[] =
    "SELECT r.grp, r.seq, r.id, r.revision, r.value, g.id, c.kind, c.grp, c.seq, c.id "
    "FROM records AS r LEFT JOIN groups AS g ON g.ordinal = r.grp "
    "LEFT JOIN changes AS c ON c.revision = r.revision";

static void found_at(struct pass *p, const PGresult *row, const char *what)
{
    const bool is_owned = !PQgetisnull(row, 0, OWNER);
    const struct bytes owner = is_owned ? pg_bytes_at(row, 0, OWNER) : bytes_of_text("?");
    store_check_found(p->check, "record %" PRIu64 " of group %" PRIu64 " \"%.*s\": %s",
                      pg_number_at(row, 0, SEQ), pg_number_at(row, 0, GRP), (int)owner.len,
                      (const char *)owner.data, what);
}

static bool is_its_change(const PGresult *row)
{
    return !PQgetisnull(row, 0, KIND) && pg_number_at(row, 0, KIND) == 0 &&
           pg_number_at(row, 0, CHANGED_GRP) == pg_number_at(row, 0, GRP) &&
           pg_number_at(row, 0, CHANGED_SEQ) == pg_number_at(row, 0, SEQ) &&
           bytes_equal(pg_bytes_at(row, 0, CHANGED_ID), pg_bytes_at(row, 0, ID));
}

static void look_at_value(struct pass *p, const PGresult *row)
{
    struct bytes group, id;
    const uint64_t revision = pg_number_at(row, 0, REVISION);
    const char *wrong = p->check->read(p->check, pg_bytes_at(row, 0, VALUE), &group, &id);
    if (wrong != NULL)
        found_at(p, row, wrong);
    else if (!bytes_equal(group, pg_bytes_at(row, 0, OWNER)))
        found_at(p, row, "it says that it is of another group");
    else if (!bytes_equal(id, pg_bytes_at(row, 0, ID)))
        found_at(p, row, "it is not found by its id");
    else if (revision > p->revision)
        found_at(p, row, "its last change is not known yet");
    else if (p->oldest > 0 && revision >= p->oldest && !is_its_change(row))
        found_at(p, row, "the log has something else as its last change");
}

static void look_at_record(struct pass *p, const PGresult *row)
{
    const uint64_t sequence = pg_number_at(row, 0, SEQ);
    if (sequence == 0 || sequence >= p->next_sequence)
        found_at(p, row, "its number was not given out yet");
    if (PQgetisnull(row, 0, OWNER))
        found_at(p, row, "there is no such group");
    else
        look_at_value(p, row);
    p->check->value_bytes += pg_bytes_at(row, 0, VALUE).len;
    p->check->records++;
}

/* --- The log of changes ------------------------------------------------------------- */

enum { OF_REVISION, OF_KIND, OF_SEQ, OF_ID, KNOWN, DELETED };

/* With the last change that the record of the same id knows; NULL: it is gone. And with the last
 * one that deleted what was put in this place. */
static const char changes[] =
    "SELECT c.revision, c.kind, c.seq, c.id, r.revision, d.revision "
    "FROM changes AS c LEFT JOIN records AS r ON r.id = c.id "
    "LEFT JOIN (SELECT grp, seq, id, max(revision) AS revision FROM changes WHERE kind = 1 "
    "GROUP BY grp, seq, id) AS d ON d.grp = c.grp AND d.seq = c.seq AND d.id = c.id "
    "ORDER BY c.revision";

static void found_in_log(struct pass *p, const PGresult *row, const char *what)
{
    const struct bytes id = pg_bytes_at(row, 0, OF_ID);
    store_check_found(p->check, "change %" PRIu64 ": the record \"%.*s\" %s",
                      pg_number_at(row, 0, OF_REVISION), (int)id.len, (const char *)id.data, what);
}

static void look_at_end_of(struct pass *p, const PGresult *row, uint64_t revision)
{
    const bool gone = PQgetisnull(row, 0, KNOWN), put = pg_number_at(row, 0, OF_KIND) == 0;
    if (!gone && pg_number_at(row, 0, KNOWN) < revision)
        found_in_log(p, row, "does not know it");
    else if (gone && put && pg_number_at(row, 0, DELETED) <= revision)
        found_in_log(p, row, "is gone, and no change says why");
}

static void look_at_change(struct pass *p, const PGresult *row)
{
    const uint64_t revision = pg_number_at(row, 0, OF_REVISION);
    const uint64_t sequence = pg_number_at(row, 0, OF_SEQ);
    if (p->check->changes > 0 && revision != p->change + 1)
        store_check_found(p->check, "changes after %" PRIu64 " are missing", p->change);
    if (sequence == 0 || sequence >= p->next_sequence)
        store_check_found(p->check,
                          "change %" PRIu64 " is of a record whose number was not given out yet",
                          revision);
    look_at_end_of(p, row, revision);
    p->change = revision;
    p->check->changes++;
}

/* --- All of it ---------------------------------------------------------------------- */

static void compare_counts(struct pass *p)
{
    struct store_check *c = p->check;
    if (p->change != p->revision)
        store_check_found(c,
                          "%" PRIu64 " changes were made, and the last one in the log is %" PRIu64,
                          p->revision, p->change);
    if (c->groups != p->next_ordinal)
        store_check_found(c, "there are %" PRIu64 " groups, and %" PRIu64 " were made", c->groups,
                          p->next_ordinal);
    if (c->records != p->records)
        store_check_found(c, "there are %" PRIu64 " records, and %" PRIu64 " were counted",
                          c->records, p->records);
}

/* The server's own limit of time is for those who wait. */
static int look_at_all(struct pass *p)
{
    if (each(p, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", NULL) != 0 ||
        each(p, "SET LOCAL statement_timeout = 0", NULL) != 0 || look_at_store(p) != 0 ||
        each(p, groups, look_at_group) != 0 || each(p, records, look_at_record) != 0 ||
        each(p, changes, look_at_change) != 0)
        return -1;
    compare_counts(p);
    return 0;
}

/* What comes before --db is a default; what comes behind it counts. */
static PGconn *connect_to(const struct pg_target *t)
{
    const char *const options[][2] = {
        { "connect_timeout", "10" }, { "fallback_application_name", program_invocation_short_name },
        { "dbname", t->db },         { "client_encoding", "UTF8" },
        { "gssencmode", "disable" }, { "sslmode", t->verifies ? "verify-full" : NULL },
    };
    enum { N = sizeof options / sizeof options[0] };
    const char *keywords[N + 1] = { 0 }, *values[N + 1] = { 0 };
    for (size_t i = 0; i < N; i++) {
        keywords[i] = options[i][0];
        values[i] = options[i][1];
    }
    return PQconnectdbParams(keywords, values, 1);
}

static int check_database(struct pass *p, const struct pg_target *t)
{
    char doing[STORE_ERROR_MAX];
    p->name = t->name;
    p->pg = connect_to(t);
    if (PQstatus(p->pg) == CONNECTION_OK)
        return look_at_all(p);
    snprintf(doing, sizeof doing, "cannot connect to the database %s", p->name);
    const struct pg_error why =
        pg_error_of_connecting(p->pg != NULL ? PQerrorMessage(p->pg) : "out of memory", doing);
    return fail(p, &why);
}

int pg_check(const char *where, const char *kind, struct store_check *check,
             char error[STORE_ERROR_MAX])
{
    struct pg_target *target;
    struct pass p = { .check = check, .kind = kind, .error = error };
    if (pg_target_new(&target, where, error) != 0)
        return -1;
    error[0] = '\0';
    check->records = check->groups = check->value_bytes = check->changes = check->problems = 0;
    const int rv = check_database(&p, target);
    PQfinish(p.pg);
    pg_target_free(target);
    return rv;
}
