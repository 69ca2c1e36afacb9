/* Random puts and deletes in random batches, beside a model of what a store is: all that it
 * says, and all that it has logged, is what the model says.
 *
 * STORE_MODEL="SEED ROUNDS" for others, and more of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct listing {
    struct visit visit;
    struct item *all[IDS];
    size_t n;
};

static bool compare_record(struct visit *visit, struct position at, struct bytes value)
{
    struct listing *l = (struct listing *)visit;
    SAME(l->n < nrecords);
    const struct item *it = l->all[l->n++];
    SAME(at.group == it->at.group && at.sequence == it->at.sequence);
    SAME(is_value(it, value));
    return true;
}

/* All of them at once, and group by group. */
static void compare_listings(void)
{
    static struct listing l;
    struct position at = { 0 };
    l = (struct listing){ .visit.record = compare_record };
    for (unsigned i = 0; i < IDS; i++)
        if (items[i].there)
            l.all[l.n++] = &items[i];
    qsort(l.all, l.n, sizeof l.all[0], by_place);
    l.n = 0;
    SAME(reader_scan(w.reader, &at, UINT32_MAX, &l.visit) == 0);
    SAME(l.n == nrecords);
    l.n = 0;
    for (uint32_t group = 0; group < ngroups; group++) {
        at = (struct position){ .group = group };
        SAME(reader_scan(w.reader, &at, group, &l.visit) == 0);
    }
    SAME(l.n == nrecords);
    SAME(count_of(w.reader) == nrecords && groups_of(w.reader) == ngroups);
}

static void compare_groups(void)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        uint32_t ordinal;
        struct bytes id;
        SAME(reader_group(w.reader, bytes_of_text(group_name(i)), &ordinal) == (ordinals[i] != 0));
        if (ordinals[i] == 0)
            continue;
        SAME(ordinal == ordinals[i] - 1);
        SAME(reader_group_id(w.reader, ordinal, &id) == 1);
        SAME(bytes_equal(id, bytes_of_text(group_name(i))));
    }
}

static void compare_items(void)
{
    for (unsigned i = 0; i < IDS; i++) {
        const struct bytes id = bytes_of_text(items[i].id);
        struct bytes value;
        struct position at;
        SAME(reader_get(w.reader, id, &value) == items[i].there);
        SAME(reader_place(w.reader, id, &at) == items[i].there);
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
    SAME(revision_of(w.reader) == revision);
    SAME(reader_changes(w.reader, &from, &r.visit) == 0);
    SAME(r.next == revision + 1 && from == revision);
}

static void compare(void)
{
    store_begin(&w);
    compare_listings();
    compare_groups();
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

Test(store_model, says_what_the_model_says, .timeout = 60)
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
