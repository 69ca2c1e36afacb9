/* What PostgreSQL's engine fetches in blocks: by-group needs that share a statement and its
 * room, groups without records, and blocks that nobody touches. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "lib/loop_until.h"
#include "lib/postgres.h"
#include "lib/store_world.h"

static struct postgres pg;
static struct store_world w;

static void open_world(void)
{
    char sql[64], options[64];
    postgres_share(&pg);
    snprintf(sql, sizeof sql, "CREATE DATABASE blocks%d", (int)getpid());
    postgres_ask(&pg, sql);
    snprintf(options, sizeof options, "dbname=blocks%d", (int)getpid());
    w.dir = postgres_by_socket(&pg, options);
    store_world_open(&w);
}

static void close_world(void)
{
    store_world_close(&w);
    postgres_close(&pg);
}

TestSuite(pg_blocks, .init = open_world, .fini = close_world);

static const char *name_of(const char *kind, unsigned n)
{
    static char names[2][32];
    char *name = names[kind[0] == 'g'];
    snprintf(name, sizeof names[0], "%s%u", kind, n);
    return name;
}

/* --- Groups without records --------------------------------------------------------- */

struct seen {
    struct visit visit;
    unsigned n, most;
    uint32_t groups[8];
    char text[STORE_ID_MAX];
};

static bool see(struct visit *visit, struct position at, struct bytes value)
{
    struct seen *s = container_of(visit, struct seen, visit);
    struct bytes id;
    if (s->n == s->most)
        return false;
    cr_assert_eq(reader_group_id(w.reader, at.group, &id), 1);
    cr_assert(bytes_equal(id, bytes_of_text(name_of("g", at.group))));
    s->groups[s->n++ % 8] = at.group;
    snprintf(s->text, sizeof s->text, "%.*s", (int)value.len, (const char *)value.data);
    return true;
}

/* From *at on, up to its limit. */
static void scan(struct seen *s, struct position *at)
{
    int rv;
    store_begin(&w);
    do {
        const struct store_need need = { .kind = NEED_RECORDS,
                                         .after = *at,
                                         .last_group = UINT32_MAX };
        store_need(&w, &need);
        rv = reader_scan(w.reader, at, UINT32_MAX, &s->visit);
    } while (rv == READER_MORE);
    store_end(&w);
    cr_assert_eq(rv, s->n == s->most);
}

/* Far more than a block brings the ids of. */
Test(pg_blocks, finds_the_next_group_that_has_records)
{
    enum { GROUPS = 3000 };
    struct seen s = { .visit.record = see, .most = 8 };
    struct position at = { 0 };
    for (unsigned i = 0; i < GROUPS; i++)
        store_put(&w, name_of("g", i), name_of("p", i), "text");
    store_commit(&w);
    for (unsigned i = 1; i < GROUPS - 1; i++)
        store_delete(&w, name_of("p", i));
    store_commit(&w);
    scan(&s, &at);
    cr_assert_eq(s.n, 2);
    cr_assert(s.groups[0] == 0 && s.groups[1] == GROUPS - 1);
}

/* --- Blocks that nobody touches ------------------------------------------------------ */

Test(pg_blocks, lets_go_of_what_nobody_touches)
{
    enum { RECORDS = 60, READ = 10 };
    struct seen s = { .visit.record = see, .most = READ };
    struct position at = { 0 };
    for (unsigned i = 0; i < RECORDS; i++)
        store_put(&w, "g0", name_of("p", i), "before");
    store_commit(&w);
    scan(&s, &at);
    cr_assert_not_null(w.fetch.of_engine, "the rest of the block is kept, for a while");
    LOOP_UNTIL(w.loop, w.fetch.of_engine == NULL);
    store_put_now(&w, "g0", "p10", "after");
    s = (struct seen){ .visit.record = see, .most = 1 };
    scan(&s, &at);
    cr_assert_str_eq(s.text, "g0 p10 after");
    s = (struct seen){ .visit.record = see, .most = RECORDS };
    scan(&s, &at);
    cr_assert_eq(s.n, RECORDS - READ - 1);
}

/* --- Needs that share a statement ---------------------------------------------------- */

enum { SHARING = 200, OF_EACH = 40, LENGTH = 200 };

struct asked {
    struct store_fetch fetch;
    bool ready;
};

static struct asked asked[SHARING];

static void on_ready(struct store_fetch *fetch)
{
    container_of(fetch, struct asked, fetch)->ready = true;
}

/* Returns what reader_need() says. */
static int need_group(unsigned i, uint64_t after)
{
    const struct store_need need = { .kind = NEED_GROUP,
                                     .group = bytes_of_text(name_of("g", i)),
                                     .after.sequence = after };
    asked[i].ready = false;
    return reader_need(w.reader, &asked[i].fetch, &need);
}

static bool count(struct visit *visit, struct position at, struct bytes value)
{
    struct seen *s = container_of(visit, struct seen, visit);
    (void)at;
    (void)value;
    s->n++;
    return true;
}

/* How many records the group has; -1: there is no such group. */
static int count_group(unsigned i)
{
    struct seen s = { .visit.record = count };
    struct position at = { 0 };
    int rv = READER_MORE;
    store_begin(&w);
    while (rv == READER_MORE) {
        while (need_group(i, at.sequence) == 0) {
            store_end(&w);
            LOOP_UNTIL(w.loop, asked[i].ready);
            store_begin(&w);
        }
        if (reader_group(w.reader, bytes_of_text(name_of("g", i)), &at.group) == 0)
            break;
        rv = reader_scan(w.reader, &at, at.group, &s.visit);
    }
    store_end(&w);
    return rv == 0 ? (int)s.n : -1;
}

/* Together they are many blocks. Of every seventh there is no group, and of every eleventh there
 * are no records any more. */
Test(pg_blocks, brings_each_its_part_of_what_is_shared)
{
    char text[LENGTH + 1] = { 0 };
    memset(text, 'x', LENGTH);
    for (unsigned k = 0; k < OF_EACH; k++) {
        for (unsigned i = 0; i < SHARING; i++)
            if (i % 7 != 0)
                store_put(&w, name_of("g", i), name_of("p", k * SHARING + i), text);
        store_commit(&w);
    }
    for (unsigned i = 0; i < SHARING * OF_EACH; i++)
        if (i % SHARING % 11 == 0)
            store_delete(&w, name_of("p", i));
    store_commit(&w);
    store_begin(&w);
    for (unsigned i = 0; i < SHARING; i++) {
        asked[i].fetch.ready = on_ready;
        cr_assert_eq(need_group(i, 0), 0);
    }
    store_end(&w);
    for (unsigned i = 0; i < SHARING; i++) {
        const int records = i % 11 == 0 ? 0 : OF_EACH;
        cr_assert_eq(count_group(i), i % 7 == 0 ? -1 : records, "group %u", i);
    }
    for (unsigned i = 0; i < SHARING; i++)
        store_fetch_drop(&asked[i].fetch);
}
