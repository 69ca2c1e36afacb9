/* One step of a follow: what has changed, into messages. */
#include <stdlib.h>

#include "base/container.h"
#include "filler.h"
#include "follow.h"
#include "store/store.h"

/* To look at a change that concerns somebody else is as much work as to read so many
 * bytes of a record. */
#define CHANGE_LOOK_BYTES 64

/* The name of the one user, or of a group in any order: the last one is kept. */
static struct name *name_of_change(struct filler *f, uint32_t group)
{
    struct follow *follow = f->q->follow;
    struct bytes id;
    if (f->l->kind->by_user)
        return f->q->names.one;
    if (follow->author != NULL && follow->author_group == group)
        return follow->author;
    const int found = reader_group_id(f->reader, group, &id);
    if (found <= 0) {
        listing_fail_store(f->l, found < 0 ? reader_error(f->reader)
                                           : "the store is damaged: a change belongs to no user");
        return NULL;
    }
    name_release(follow->author);
    follow->author = resolver_want(f->l->env->resolver, id);
    follow->author_group = group;
    if (follow->author == NULL)
        listing_fail_memory(f->l);
    return follow->author;
}

static bool stop_unreadable(struct filler *f)
{
    listing_fail_store(f->l, reader_error(f->reader));
    return filler_stop(f, STEP_FAILED);
}

/* Something of @c goes into the draft. */
static void note_time(struct filler *f, const struct change *c)
{
    if (draft_is_empty(&f->l->draft))
        f->q->follow->change_ms = c->time_ms;
}

static bool put_deleted(struct filler *f, struct bytes id)
{
    return draft_put_deleted(&f->l->draft, id) || filler_stop_memory(f);
}

/* A record that was put, and is still as this change left it. */
static bool tell_put(struct filler *f, const struct change *c, struct bytes record)
{
    const struct query *q = f->q;
    f->l->scanned_bytes += record.len;
    if (q->tag.len > 0 && !filler_has_tag(record, f->l->kind->tag_field, q->tag))
        return put_deleted(f, c->id);
    return filler_knows_author(f, c->at.group) && filler_put(f, record);
}

/* One that came again since is told by a later change, unless that is for others: it may
 * be another user's now. */
static bool tell_delete(struct filler *f, const struct change *c)
{
    struct position now;
    const int found = reader_place(f->reader, c->id, &now);
    if (found < 0)
        return stop_unreadable(f);
    if (found == 1 && (!f->l->kind->by_user || now.group == c->at.group))
        return true;
    return put_deleted(f, c->id);
}

static bool visit_change(struct change_visit *visit, const struct change *c)
{
    struct filler *f = container_of(visit, struct filler, changes);
    struct bytes record;
    if (!filler_goes_on(f))
        return false;
    f->l->scanned_bytes += CHANGE_LOOK_BYTES;
    note_time(f, c);
    if (f->l->kind->by_user && c->at.group != f->q->last_group)
        return true;
    if (c->kind == CHANGE_DELETE)
        return tell_delete(f, c);
    switch (reader_put_value(f->reader, c, &record)) {
    case 1:
        return tell_put(f, c, record);
    case 0:
        return true;
    default:
        return stop_unreadable(f);
    }
}

/* --- Names ahead -------------------------------------------------------------------- */

/* How far to look for them. */
#define AHEAD_CHANGES 512

struct ahead {
    struct change_visit visit;
    struct listing *l;
    struct follow *follow;
    size_t looked;
    bool has_group;
    uint32_t group;
    bool no_memory;
};

static bool want_ahead(struct ahead *a, uint32_t group)
{
    struct bytes id;
    if (reader_group_id(a->l->env->reader, group, &id) <= 0)
        return false; /* who comes to it says so */
    struct name *name = resolver_want(a->l->env->resolver, id);
    a->no_memory = name == NULL;
    if (name == NULL)
        return false;
    a->follow->ahead[a->follow->nahead++] = name;
    a->has_group = true;
    a->group = group;
    return true;
}

static bool visit_ahead(struct change_visit *visit, const struct change *c)
{
    struct ahead *a = container_of(visit, struct ahead, visit);
    if (a->looked++ == AHEAD_CHANGES || a->follow->nahead == AHEAD_MAX)
        return false;
    if (c->kind == CHANGE_DELETE || (a->has_group && a->group == c->at.group))
        return true;
    return want_ahead(a, c->at.group);
}

/* A name is not known, and has to be waited for. Those of the next changes are asked for with
 * it, in one request: else each would be a way to User and back. */
static bool ask_ahead(struct listing *l, struct query *q, struct reader *reader)
{
    struct follow *f = q->follow;
    struct ahead a = { .visit.change = visit_ahead, .l = l, .follow = f };
    uint64_t from = q->revision;
    follow_forget_ahead(f);
    f->ahead = malloc(AHEAD_MAX * sizeof(struct name *));
    if (f->ahead == NULL)
        return false;
    reader_changes(reader, &from, &a.visit); /* what goes wrong does so again */
    return !a.no_memory;
}

/* --- A step ------------------------------------------------------------------------- */

static enum step after_stop(struct listing *l, struct query *q, struct reader *reader,
                            enum step why)
{
    if (why != STEP_NAME || l->kind->by_user || ask_ahead(l, q, reader))
        return why;
    listing_fail_memory(l);
    return STEP_FAILED;
}

/* All of what is kept after the query's revision. */
static enum step read_log(struct listing *l, struct query *q, struct reader *reader)
{
    struct filler f = { .changes.change = visit_change,
                        .l = l,
                        .q = q,
                        .reader = reader,
                        .name_of = name_of_change,
                        .many = true,
                        .authors = l->kind->authors };
    switch (reader_changes(reader, &q->revision, &f.changes)) {
    case 0:
        return STEP_ANSWERED;
    case 1:
        return after_stop(l, q, reader, f.why);
    case READER_MORE:
        return STEP_MORE;
    case READER_EXPIRED:
        return STEP_EXPIRED;
    default:
        listing_fail_store(l, reader_error(reader));
        return STEP_FAILED;
    }
}

/* The group of a user who had no posts yet may have come to be. */
static bool find_group(struct query *q, struct reader *reader)
{
    q->found = q->found && !q->empty;
    return filler_find_group(q, reader) == 0;
}

static int need_changes(struct listing *l, struct query *q, struct reader *reader)
{
    (void)l;
    const struct store_need need = {
        .kind = NEED_CHANGES,
        .revision = q->has_revision ? q->revision : UINT64_MAX,
        .group = q->user_id,
    };
    return reader_need(reader, &q->fetch, &need);
}

/* What was needed can be read. */
static enum step tell(struct listing *l, struct query *q, struct reader *reader)
{
    uint64_t last = 0;
    if (reader_revision(reader, &last) < 0 || (l->kind->by_user && !find_group(q, reader))) {
        listing_fail_store(l, reader_error(reader));
        return STEP_FAILED;
    }
    if (!q->has_revision)
        query_begin_at(q, last);
    if (q->revision > last) /* the store was put back to an earlier state */
        return STEP_EXPIRED;
    if (!follow_join(q->follow, q))
        return STEP_FAILED;
    if (q->left == 0)
        return STEP_ANSWERED;
    if (q->empty) {
        q->revision = last;
        return STEP_ANSWERED;
    }
    const enum step why = read_log(l, q, reader);
    feed_progress(&q->follow->follower, q->revision);
    return why;
}

enum step changes_step(struct listing *l, struct query *q)
{
    return step_read(l, q, need_changes, tell);
}
