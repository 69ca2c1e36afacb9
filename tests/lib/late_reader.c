#include "late_reader.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "store/engine.h"
#include "weir/loop.h"

struct late {
    struct reader reader;
    struct reader *below;
    struct loop *loop;
    size_t most;
    struct fetched *now; /* what the step may read; NULL: nothing */
};

/* What was fetched for one need. It is there only as a promise: it is read below. */
struct fetched {
    struct late *late;
    struct store_fetch *fetch;
    struct task task;
    bool there;
    struct store_need need;
    char *bytes; /* of what it points to */
    struct bytes *ids;
    uint32_t groups_from, groups_to; /* whose ids may be asked for */
    size_t left;                     /* of the block */
    uint64_t as_of, groups;          /* the state that is told; UINT64_MAX: the last one */
};

static size_t fetches;
static bool held;

bool late_wanted(void)
{
    const char *store = getenv("STORE");
    return store != NULL && strcmp(store, "late") == 0;
}

void late_hold(bool hold)
{
    held = hold;
}

size_t late_fetches(void)
{
    return fetches;
}

static struct late *late_of(struct reader *r)
{
    return container_of(r, struct late, reader);
}

/* --- Needs -------------------------------------------------------------------------- */

static bool same_bytes(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool same_need(const struct store_need *a, const struct store_need *b)
{
    if (a->kind != b->kind || a->nids != b->nids || a->revision != b->revision ||
        a->after.group != b->after.group || a->after.sequence != b->after.sequence ||
        a->last_group != b->last_group || (b->numbers && !a->numbers) ||
        !same_bytes(a->group, b->group))
        return false;
    for (size_t i = 0; i < a->nids; i++)
        if (!same_bytes(a->ids[i], b->ids[i]))
            return false;
    return true;
}

static struct bytes keep(char **to, struct bytes from)
{
    const struct bytes kept = bytes_of(*to, from.len);
    if (from.len > 0)
        memcpy(*to, from.data, from.len);
    *to += from.len;
    return kept;
}

static void keep_need(struct fetched *f, const struct store_need *need)
{
    size_t len = need->group.len + 1;
    for (size_t i = 0; i < need->nids; i++)
        len += need->ids[i].len;
    f->need = *need;
    f->bytes = malloc(len);
    f->ids = calloc(need->nids + 1, sizeof *f->ids);
    char *to = f->bytes;
    f->need.group = keep(&to, need->group);
    for (size_t i = 0; i < need->nids; i++)
        f->ids[i] = keep(&to, need->ids[i]);
    f->need.ids = f->ids;
}

static void drop(struct store_fetch *fetch)
{
    struct fetched *f = fetch->of_engine;
    task_cancel(&f->task);
    if (f->late->now == f)
        f->late->now = NULL;
    free(f->bytes);
    free(f->ids);
    free(f);
    fetch->of_engine = NULL;
}

static void on_there(struct task *task)
{
    struct fetched *f = container_of(task, struct fetched, task);
    if (held) {
        task_defer(f->late->loop, task);
        return;
    }
    f->there = true;
    f->fetch->ready(f->fetch);
}

static int ask(struct late *l, struct store_fetch *fetch, const struct store_need *need)
{
    struct fetched *f = calloc(1, sizeof *f);
    cr_assert_not_null(fetch->ready, "who needs something can be told");
    if (fetch->of_engine != NULL)
        drop(fetch);
    fetches++;
    f->late = l;
    f->fetch = fetch;
    f->task.run = on_there;
    f->left = l->most;
    f->groups_from = need->after.group;
    f->groups_to = need->after.group + NEED_GROUPS_AHEAD;
    keep_need(f, need);
    f->as_of = f->groups = UINT64_MAX;
    if (held)
        cr_assert(reader_revision(l->below, &f->as_of) == 1 &&
                  reader_groups(l->below, &f->groups) == 1);
    fetch->of_engine = f;
    fetch->engine = l->reader.engine;
    task_defer(l->loop, &f->task);
    return 0;
}

static int need(struct reader *r, struct store_fetch *fetch, const struct store_need *need)
{
    struct late *l = late_of(r);
    struct fetched *f = fetch->of_engine;
    if (f == NULL || (f->there && (f->left == 0 || !same_need(&f->need, need))))
        return ask(l, fetch, need);
    cr_assert(f->there || same_need(&f->need, need), "who waits for something waits for that");
    if (f->there)
        l->now = f;
    return f->there;
}

/* The step may read what is needed for one of these. */
static struct fetched *may(struct reader *r, unsigned kinds)
{
    struct late *l = late_of(r);
    cr_assert_not_null(l->now, "nothing is read before it was needed");
    cr_assert(kinds & 1u << l->now->need.kind, "need %d", l->now->need.kind);
    return l->now;
}

#define OF(kind) (1u << (kind))

/* --- Steps -------------------------------------------------------------------------- */

static int begin(struct reader *r, char error[STORE_ERROR_MAX])
{
    return reader_begin(late_of(r)->below, error);
}

static void end(struct reader *r)
{
    late_of(r)->now = NULL;
    reader_end(late_of(r)->below);
}

static const char *error_of(const struct reader *r)
{
    return reader_error(container_of(r, struct late, reader)->below);
}

static void may_count(struct reader *r, unsigned kinds)
{
    const struct fetched *f = may(r, kinds);
    cr_assert(f->need.kind == NEED_CHANGES || f->need.numbers, "numbers that were needed");
}

static int count(struct reader *r, uint64_t *ret)
{
    may_count(r, OF(NEED_RECORDS) | OF(NEED_GROUP));
    return reader_count(late_of(r)->below, ret);
}

static int groups(struct reader *r, uint64_t *ret)
{
    may_count(r, OF(NEED_RECORDS) | OF(NEED_GROUP) | OF(NEED_CHANGES));
    *ret = late_of(r)->now->groups;
    return *ret < UINT64_MAX ? 1 : reader_groups(late_of(r)->below, ret);
}

/* Of ids a block has as many as of records. */
static bool came(const struct fetched *f, struct bytes id)
{
    size_t i = 0;
    while (i < f->need.nids && !same_bytes(f->ids[i], id))
        i++;
    cr_assert(f->need.kind != NEED_IDS || i < f->need.nids, "an id that was needed");
    return f->need.kind != NEED_IDS || i < f->left;
}

static int get(struct reader *r, struct bytes id, struct bytes *ret)
{
    if (!came(may(r, OF(NEED_IDS)), id))
        return READER_MORE;
    return reader_get(late_of(r)->below, id, ret);
}

static int place(struct reader *r, struct bytes id, struct position *ret)
{
    if (!came(may(r, OF(NEED_IDS) | OF(NEED_CHANGES)), id))
        return READER_MORE;
    return reader_place(late_of(r)->below, id, ret);
}

static int group(struct reader *r, struct bytes id, uint32_t *ret)
{
    const struct fetched *f = may(r, OF(NEED_GROUP) | OF(NEED_CHANGES));
    cr_assert(f->need.kind == NEED_CHANGES || same_bytes(f->need.group, id));
    const int rv = reader_group(late_of(r)->below, id, ret);
    return rv == 1 && f->need.kind == NEED_CHANGES && *ret >= f->groups ? 0 : rv;
}

static int group_id(struct reader *r, uint32_t ordinal, struct bytes *ret)
{
    const struct fetched *f = may(r, OF(NEED_RECORDS) | OF(NEED_CHANGES));
    cr_assert(
        f->need.kind == NEED_CHANGES || (ordinal >= f->groups_from && ordinal <= f->groups_to),
        "group %u, and those from %u to %u were fetched", ordinal, f->groups_from, f->groups_to);
    return reader_group_id(late_of(r)->below, ordinal, ret);
}

/* --- Blocks ------------------------------------------------------------------------- */

struct block_visit {
    struct visit visit;
    struct visit *of;
    struct fetched *f;
    bool used_up;
};

/* A record of the block, which brings the groups after its own. */
static bool visit_record(struct visit *visit, struct position at, struct bytes value)
{
    struct block_visit *v = container_of(visit, struct block_visit, visit);
    v->used_up = v->f->left == 0;
    if (v->used_up)
        return false;
    if (at.group + NEED_GROUPS_AHEAD > v->f->groups_to)
        v->f->groups_to = at.group + NEED_GROUPS_AHEAD;
    if (!v->of->record(v->of, at, value))
        return false;
    v->f->left--;
    v->f->need.after = at; /* so far it was read */
    if (v->f->need.kind == NEED_GROUP)
        v->f->need.after.group = 0;
    return true;
}

static int scan(struct reader *r, struct position *at, uint32_t last_group, struct visit *visit)
{
    struct fetched *f = may(r, OF(NEED_RECORDS) | OF(NEED_GROUP));
    struct block_visit v = { .visit.record = visit_record, .of = visit, .f = f };
    cr_assert(at->group == f->need.after.group || f->need.kind == NEED_GROUP);
    cr_assert(at->sequence == f->need.after.sequence || f->need.kind == NEED_GROUP);
    const int rv = reader_scan(late_of(r)->below, at, last_group, &v.visit);
    return rv == 1 && v.used_up ? READER_MORE : rv;
}

struct block_changes {
    struct change_visit visit;
    struct change_visit *of;
    struct fetched *f;
    bool used_up, ended;
};

static bool visit_change(struct change_visit *visit, const struct change *c)
{
    struct block_changes *v = container_of(visit, struct block_changes, visit);
    v->used_up = v->f->left == 0;
    v->ended = c->revision > v->f->as_of;
    if (v->used_up || v->ended || !v->of->change(v->of, c))
        return false;
    v->f->left--;
    v->f->need.revision = c->revision;
    return true;
}

static int revision(struct reader *r, uint64_t *ret)
{
    may_count(r, OF(NEED_RECORDS) | OF(NEED_GROUP) | OF(NEED_CHANGES));
    *ret = late_of(r)->now->as_of;
    return *ret < UINT64_MAX ? 1 : reader_revision(late_of(r)->below, ret);
}

static int changes(struct reader *r, uint64_t *from, struct change_visit *visit)
{
    struct fetched *f = may(r, OF(NEED_CHANGES));
    struct block_changes v = { .visit.change = visit_change, .of = visit, .f = f };
    const int rv = reader_changes(late_of(r)->below, from, &v.visit);
    if (rv == 1 && v.ended && !v.used_up)
        return 0;
    return rv == 1 && v.used_up ? READER_MORE : rv;
}

static int put_value(struct reader *r, const struct change *c, struct bytes *ret)
{
    may(r, OF(NEED_CHANGES));
    return reader_put_value(late_of(r)->below, c, ret);
}

/* --- Life --------------------------------------------------------------------------- */

static void late_free(struct reader *r)
{
    reader_free(late_of(r)->below);
    free(late_of(r));
}

static const struct reader_engine late_engine = {
    .free = late_free,
    .begin = begin,
    .end = end,
    .error = error_of,
    .need = need,
    .fetch_drop = drop,
    .count = count,
    .groups = groups,
    .get = get,
    .place = place,
    .group = group,
    .group_id = group_id,
    .scan = scan,
    .revision = revision,
    .changes = changes,
    .put_value = put_value,
};

struct reader *late_reader(struct reader *reader, struct loop *loop, size_t most)
{
    struct late *l = calloc(1, sizeof *l);
    *l =
        (struct late){ .reader.engine = &late_engine, .below = reader, .loop = loop, .most = most };
    return &l->reader;
}
