/* Random puts and deletes in random batches, beside a model of what a store is: all that it
 * says, and all that it has logged, is what the model says. On each engine.
 *
 * STORE_MODEL="SEED ROUNDS" for others, and more of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/postgres.h"
#include "lib/store_numbers.h"
#include "lib/store_world.h"

enum { IDS = 2500, GROUPS = 60, CHANGES = 400000, KEEP = 3000, TEXT = 12000 };

static struct store_world w = { .options.keep_changes = KEEP };
static unsigned seed = 1, rounds = 300;

/* --- The model ---------------------------------------------------------------------- */

struct item {
    char id[STORE_ID_MAX + 1];
    bool there;
    struct position at;
    unsigned group;    /* by its name */
    unsigned text;     /* what text_of() makes of it */
    uint64_t revision; /* of its last change */
};

struct logged {
    enum change_kind kind;
    unsigned item;
    struct position at;
};

static struct item items[IDS];
static uint32_t ordinals[GROUPS]; /* from 1; 0: the group is not there yet */
static uint32_t ngroups;
static uint64_t next_sequence = 1, revision;
static struct logged changes[CHANGES]; /* by their revision */
static size_t nrecords;

static const char *group_name(unsigned group)
{
    static char name[16];
    snprintf(name, sizeof name, "g%u", group);
    return name;
}

/* Most are short; some have pages of their own. */
static const char *text_of(unsigned text)
{
    static char bytes[TEXT + 16];
    const unsigned len = text % 40 == 0 ? TEXT / (text % 7 + 1) : text % 11 == 0 ? 1500 : text % 90;
    memset(bytes, 'a' + (int)(text % 26), len);
    snprintf(bytes + len, sizeof bytes - len, "%u", text);
    return bytes;
}

static void log_change(struct item *it, enum change_kind kind)
{
    it->revision = ++revision;
    cr_assert_lt(revision, CHANGES);
    changes[revision] = (struct logged){ kind, (unsigned)(it - items), it->at };
}

static enum write_result model_put(struct item *it, unsigned group, unsigned text)
{
    if (it->there && it->group != group)
        return WRITE_FOREIGN;
    if (it->there && it->text == text)
        return WRITE_UNCHANGED;
    const bool fresh = !it->there;
    if (fresh) {
        if (ordinals[group] == 0)
            ordinals[group] = ++ngroups;
        it->at = (struct position){ ordinals[group] - 1, next_sequence++ };
        it->group = group;
        it->there = true;
        nrecords++;
    }
    it->text = text;
    log_change(it, CHANGE_PUT);
    return fresh ? WRITE_NEW : WRITE_UPDATED;
}

static enum write_result model_delete(struct item *it)
{
    if (!it->there)
        return WRITE_MISSING;
    it->there = false;
    nrecords--;
    log_change(it, CHANGE_DELETE);
    return WRITE_DELETED;
}

/* --- Comparing ---------------------------------------------------------------------- */

#define SAME(condition)                                                                            \
    cr_assert(condition, "STORE_MODEL=\"%u %u\": not so: %s", seed, rounds, #condition)

static bool is_value(const struct item *it, struct bytes value)
{
    static char want[TEXT + STORE_ID_MAX + 32];
    snprintf(want, sizeof want, "%s %s %s", group_name(it->group), it->id, text_of(it->text));
    return bytes_equal(value, bytes_of_text(want));
}

static int by_place(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
    if (x->at.group != y->at.group)
        return x->at.group < y->at.group ? -1 : 1;
    return x->at.sequence < y->at.sequence ? -1 : 1;
}

static unsigned group_of_ordinal(uint32_t ordinal)
{
    unsigned group = 0;
    while (ordinals[group] != ordinal + 1)
        group++;
    return group;
}

static struct listing {
    struct visit visit;
    struct item *all[IDS];
    size_t n;
} listing;

static void compare_group_id(uint32_t ordinal)
{
    struct bytes id;
    SAME(reader_group_id(w.reader, ordinal, &id) == 1);
    SAME(bytes_equal(id, bytes_of_text(group_name(group_of_ordinal(ordinal)))));
}

static bool compare_record(struct visit *visit, struct position at, struct bytes value)
{
    struct listing *l = (struct listing *)visit;
    SAME(l->n < nrecords);
    const struct item *it = l->all[l->n++];
    SAME(at.group == it->at.group && at.sequence == it->at.sequence);
    SAME(is_value(it, value));
    return true;
}

/* Whatever the groups between, and ahead. */
static bool compare_record_of_all(struct visit *visit, struct position at, struct bytes value)
{
    for (uint32_t ahead = 0; ahead < NEED_GROUPS_AHEAD && at.group + ahead < ngroups; ahead++)
        compare_group_id(at.group + ahead);
    return compare_record(visit, at, value);
}

static void scan_all(void)
{
    int rv;
    struct position at = { 0 };
    do {
        const struct store_need need = { .kind = NEED_RECORDS,
                                         .after = at,
                                         .last_group = UINT32_MAX };
        store_need(&w, &need);
        rv = reader_scan(w.reader, &at, UINT32_MAX, &listing.visit);
    } while (rv == READER_MORE);
    SAME(rv == 0);
}

/* One that was needed with its group. */
static void scan_group(uint32_t ordinal)
{
    const char *name = group_name(group_of_ordinal(ordinal));
    uint32_t found;
    const struct store_need need = { .kind = NEED_GROUP, .group = bytes_of_text(name) };
    store_need(&w, &need);
    SAME(reader_group(w.reader, need.group, &found) == 1 && found == ordinal);
    struct position at = { .group = ordinal };
    int rv = reader_scan(w.reader, &at, ordinal, &listing.visit);
    while (rv == READER_MORE) {
        const struct store_need more = { .kind = NEED_GROUP,
                                         .group = need.group,
                                         .after.sequence = at.sequence };
        store_need(&w, &more);
        rv = reader_scan(w.reader, &at, ordinal, &listing.visit);
    }
    SAME(rv == 0);
}

/* All of them at once, and group by group. */
static void compare_listings(void)
{
    struct store_need all = { .kind = NEED_RECORDS, .last_group = UINT32_MAX, .numbers = true };
    listing = (struct listing){ .visit.record = compare_record_of_all };
    for (unsigned i = 0; i < IDS; i++)
        if (items[i].there)
            listing.all[listing.n++] = &items[i];
    qsort(listing.all, listing.n, sizeof listing.all[0], by_place);
    listing.n = 0;
    store_need(&w, &all);
    SAME(count_of(w.reader) == nrecords);
    scan_all();
    SAME(listing.n == nrecords);
    listing.n = 0;
    listing.visit.record = compare_record;
    for (uint32_t group = 0; group < ngroups; group++)
        scan_group(group);
    SAME(listing.n == nrecords);
}

static void compare_missing_groups(void)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        uint32_t ordinal;
        const struct store_need need = { .kind = NEED_GROUP,
                                         .group = bytes_of_text(group_name(i)) };
        if (ordinals[i] != 0)
            continue;
        store_need(&w, &need);
        SAME(reader_group(w.reader, need.group, &ordinal) == 0);
    }
}

static void need_ids(const struct bytes *ids, size_t n)
{
    const struct store_need need = { .kind = NEED_IDS, .ids = ids, .nids = n };
    store_need(&w, &need);
}

static void compare_items(void)
{
    struct bytes ids[IDS], value;
    for (unsigned i = 0; i < IDS; i++)
        ids[i] = bytes_of_text(items[i].id);
    need_ids(ids, IDS);
    for (unsigned i = 0; i < IDS; i++) {
        struct position at;
        if (reader_get(w.reader, ids[i], &value) == READER_MORE)
            need_ids(&ids[i], IDS - i);
        SAME(reader_get(w.reader, ids[i], &value) == items[i].there);
        SAME(reader_place(w.reader, ids[i], &at) == items[i].there);
        if (!items[i].there)
            continue;
        SAME(is_value(&items[i], value));
        SAME(at.group == items[i].at.group && at.sequence == items[i].at.sequence);
    }
}

struct replay {
    struct change_visit visit;
    uint64_t next;
};

static bool compare_change(struct change_visit *visit, const struct change *c)
{
    struct replay *r = (struct replay *)visit;
    const struct logged *l = &changes[r->next];
    const struct item *it = &items[l->item];
    struct bytes value;
    SAME(c->revision == r->next && c->kind == l->kind);
    SAME(c->at.group == l->at.group && c->at.sequence == l->at.sequence);
    SAME(bytes_equal(c->id, bytes_of_text(it->id)));
    const bool newest = it->there && it->revision == c->revision;
    SAME(reader_put_value(w.reader, c, &value) == newest);
    SAME(!newest || is_value(it, value));
    r->next++;
    return true;
}

static void compare_log(void)
{
    uint64_t from = revision > KEEP ? revision - KEEP : 0;
    struct replay r = { { compare_change }, from + 1 };
    int rv;
    do {
        const struct store_need need = { .kind = NEED_CHANGES, .revision = from };
        store_need(&w, &need);
        SAME(revision_of(w.reader) == revision);
        rv = reader_changes(w.reader, &from, &r.visit);
    } while (rv == READER_MORE);
    SAME(rv == 0);
    SAME(r.next == revision + 1 && from == revision);
    const struct store_need none = { .kind = NEED_CHANGES, .revision = UINT64_MAX };
    store_need(&w, &none);
    SAME(revision_of(w.reader) == revision && groups_of(w.reader) == ngroups);
}

static void compare(void)
{
    store_begin(&w);
    compare_listings();
    compare_missing_groups();
    compare_items();
    compare_log();
    store_end(&w);
}

/* --- What happens ------------------------------------------------------------------- */

static unsigned any(unsigned n)
{
    return (unsigned)(random() % n);
}

static void make_ids(void)
{
    for (unsigned i = 0; i < IDS; i++) {
        const int len = snprintf(items[i].id, sizeof items[i].id, "%x-", i * 2654435761u);
        const unsigned more = any(4) == 0 ? any(STORE_ID_MAX - (unsigned)len) : any(12);
        memset(items[i].id + len, 'i', more);
    }
}

/* @puts of a hundred are puts. Ids come at random, or as neighbours. */
static enum write_result write_one(unsigned puts, unsigned i)
{
    struct item *it = &items[i % IDS];
    if (any(100) >= puts) {
        store_delete(&w, it->id);
        return model_delete(it);
    }
    const unsigned group = it->there && any(20) != 0 ? it->group : any(GROUPS);
    const unsigned text = it->there && any(10) == 0 ? it->text : any(100000);
    store_put(&w, group_name(group), it->id, text_of(text));
    return model_put(it, group, text);
}

static void write_batch(unsigned puts)
{
    const unsigned n = any(8) == 0 ? any(2000) + 1 : any(40) + 1, from = any(IDS);
    const bool neighbours = any(3) == 0;
    enum write_result want = WRITE_NEW;
    for (unsigned i = 0; i < n; i++)
        want = write_one(puts, neighbours ? from + i : any(IDS));
    store_send(&w);
    if (any(3) != 0) {
        store_await(&w);
        SAME(w.result == want);
    }
}

static void live(void)
{
    static const unsigned puts[] = { 100, 50, 10, 80, 0, 60, 35 };
    const char *wish = getenv("STORE_MODEL");
    if (wish != NULL)
        sscanf(wish, "%u %u", &seed, &rounds);
    srandom(seed);
    make_ids();
    store_world_open(&w);
    for (unsigned round = 0; round < rounds; round++) {
        write_batch(puts[round / 15 % (sizeof puts / sizeof puts[0])]);
        if (w.sent != NULL && any(3) != 0)
            continue;
        if (w.sent != NULL)
            store_await(&w);
        compare();
        if (round % 50 == 0) {
            const struct store_check c = store_sound(&w);
            SAME(c.records == nrecords && c.groups == ngroups &&
                 c.changes >= (revision < KEEP ? revision : KEEP));
        }
    }
    if (w.sent != NULL)
        store_await(&w);
    compare();
    store_sound(&w);
    store_world_close(&w);
}

Test(store_model, says_what_the_model_says, .timeout = 60)
{
    live();
}

Test(store_model, says_it_on_postgres, .timeout = 60)
{
    struct postgres pg;
    postgres_share(&pg);
    w.dir = postgres_by_socket(&pg, "");
    rounds = 100;
    live();
    postgres_close(&pg);
}
