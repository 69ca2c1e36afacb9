/* One step of a listing: records of the store into messages. */
#include <errno.h>

#include "base/container.h"
#include "base/wire.h"
#include "listing_internal.h"
#include "store/store.h"

/* Others have their turn after so much. */
#define SCAN_STEP_BYTES (1 << 20)

/* A step in progress. */
struct filler {
    struct visit visit;
    struct listing *l;
    struct query *q;
    struct reader *reader;
    enum step why; /* it stopped */
    /* The same for all records, and far away: found once. */
    bool many, authors;

    /* The author of the records of one group. */
    bool has_group;
    uint32_t group;
    struct name *name;
    enum name_state name_state;
    struct bytes author;
};

/* How many more users could be needed: every user has at least one post. */
static uint32_t users_ahead(const struct listing *l, const struct query *q)
{
    uint64_t n = q->left;
    if (!many_responses(l) && l->paged && l->page_left < n)
        n = l->page_left;
    return n < LOOKAHEAD_MAX ? (uint32_t)n : LOOKAHEAD_MAX;
}

static bool stop(struct filler *f, enum step why)
{
    f->why = why;
    return false;
}

static bool stop_memory(struct filler *f)
{
    listing_fail_memory(f->l);
    return stop(f, STEP_FAILED);
}

static bool enter_group(struct filler *f, uint32_t group)
{
    const struct listing *l = f->l;
    struct query *q = f->q;
    if (!l->kind->by_user) {
        const int rv =
            lookahead_fill(&q->names, l->env->resolver, f->reader, group, users_ahead(l, q));
        if (rv == ENOMEM)
            return stop_memory(f);
        if (rv != 0) {
            listing_fail_store(f->l, reader_error(f->reader));
            return stop(f, STEP_FAILED);
        }
    }
    f->name = lookahead_get(&q->names, group);
    if (f->name == NULL) {
        listing_fail_store(f->l, "the store is damaged: a group of records has no user");
        return stop(f, STEP_FAILED);
    }
    f->has_group = true;
    f->group = group;
    f->name_state = name_state(f->name);
    f->author = name_text(f->name);
    return true;
}

/* Whether the record's author can be written. */
static bool author_is_known(struct filler *f, uint32_t group)
{
    if (!f->authors)
        return true;
    if ((!f->has_group || f->group != group) && !enter_group(f, group))
        return false;
    if (name_is_known(f->name_state))
        return true;
    f->l->awaited = f->name;
    return stop(f, STEP_NAME);
}

/* Each message names the users of its records whom User does not know: once
 * for each request that it answers, whose groups come in order. */
static bool note_unresolved(struct filler *f)
{
    struct listing *l = f->l;
    if (!f->authors || f->name_state != NAME_MISSING || (l->noted && l->noted_group == f->group))
        return true;
    l->noted = true;
    l->noted_group = f->group;
    return draft_put_unresolved(&l->draft, name_user_id(f->name));
}

/* MANY: whether the message is as large as it may be. */
static bool message_is_full(const struct filler *f)
{
    const struct listing *l = f->l;
    if (l->draft.records == 0)
        return false;
    return (f->q->page_size > 0 && l->draft.records >= f->q->page_size) ||
           draft_bytes(&l->draft, &l->fill) >= out_target(l);
}

/* ONE: whether a record of @len can be put; says in f->why what if not. */
static bool answer_has_room(struct filler *f, size_t len)
{
    const struct listing *l = f->l;
    if (!out_fits(l, len))
        return stop(f, l->paged && l->draft.records > 0 ? STEP_PAGE : STEP_TOO_LARGE);
    return out_take(f->l, len) || stop(f, STEP_FAILED);
}

/* Whether the step goes on, before another record is looked at. */
static bool step_goes_on(struct filler *f)
{
    struct listing *l = f->l;
    if (f->q->left == 0)
        return stop(f, STEP_ANSWERED);
    if (l->scanned_bytes >= SCAN_STEP_BYTES)
        return stop(f, STEP_SCANNED);
    if (!f->many)
        return !l->paged || l->page_left > 0 || stop(f, STEP_PAGE);
    if (message_is_full(f) && !out_close_part(l, f->q))
        return stop_memory(f);
    return l->draft.records > 0 || !out_is_full(l) || stop(f, STEP_FULL);
}

static bool put_record(struct filler *f, struct bytes record)
{
    struct listing *l = f->l;
    if (!draft_put_record(&l->draft, &l->fill, record, f->author) || !note_unresolved(f))
        return stop_memory(f);
    f->q->barren_bytes = 0;
    if (f->q->left != UINT64_MAX)
        f->q->left--;
    if (l->page_left > 0)
        l->page_left--;
    return true;
}

static bool has_tag(struct bytes record, unsigned field, struct bytes tag)
{
    struct wire_field f;
    while (wire_next(&record, &f))
        if (f.number == field && f.type == WIRE_BYTES && bytes_equal(f.bytes, tag))
            return true;
    return false;
}

/* A record. A message is closed only when the record after it is seen: so the
 * last one is known to be the last. */
static bool visit_record(struct visit *visit, struct position at, struct bytes record)
{
    struct filler *f = container_of(visit, struct filler, visit);
    struct listing *l = f->l;
    struct query *q = f->q;
    if (!step_goes_on(f))
        return false;
    l->scanned_bytes += record.len;
    if (q->tag.len > 0 && !has_tag(record, l->kind->tag_field, q->tag)) {
        q->barren_bytes += record.len;
        return true;
    }
    if (!author_is_known(f, at.group))
        return false;
    if (!f->many && !answer_has_room(f, record.len + f->author.len))
        return false;
    return put_record(f, record);
}

/* As reader_group(), of the query's user. A walk through the index is more work
 * than all else that a record or two take, so the name notes what was found: the
 * group's number and 1. */
static int group_of(const struct query *q, struct reader *reader, uint32_t *ret)
{
    uint32_t *note = name_note(q->names.one);
    *ret = *note - 1;
    if (*note != 0)
        return 1;
    *ret = 0;
    const int found = reader_group(reader, q->user_id, ret);
    if (found == 1)
        *note = *ret + 1;
    return found;
}

/* The group of the query's user, once. */
static int find_group(struct query *q, struct reader *reader)
{
    uint32_t group;
    if (q->found)
        return 0;
    const int found = group_of(q, reader, &group);
    if (found < 0)
        return -1;
    q->found = true;
    q->empty = found == 0;
    q->last_group = group;
    if (q->at.group != group) /* a token's position is in it already */
        q->at = (struct position){ group, 0 };
    return 0;
}

static enum step scan(struct listing *l, struct query *q, struct reader *reader)
{
    struct filler f = { .visit.record = visit_record,
                        .l = l,
                        .q = q,
                        .reader = reader,
                        .many = many_responses(l),
                        .authors = l->kind->authors };
    if (l->kind->by_user && find_group(q, reader) != 0) {
        listing_fail_store(l, reader_error(reader));
        return STEP_FAILED;
    }
    if (!q->counted && query_is_whole(q, l->kind)) {
        q->counted = true;
        l->total_size = reader_count(reader);
    }
    if (q->empty)
        return STEP_ANSWERED;
    switch (reader_scan(reader, &q->at, q->last_group, &f.visit)) {
    case 0:
        q->left = UINT64_MAX; /* complete, whatever the limit was */
        return STEP_ANSWERED;
    case 1:
        return f.why;
    default:
        listing_fail_store(l, reader_error(reader));
        return STEP_FAILED;
    }
}

/* Requests that are answered in one go see one state of the store: to begin is
 * more work than to find a record or two. */
enum step fill_step(struct listing *l, struct query *q)
{
    char error[STORE_ERROR_MAX];
    if (!l->stepping && reader_begin(l->env->reader, error) != 0) {
        listing_fail_store(l, error);
        return STEP_FAILED;
    }
    l->stepping = true;
    return scan(l, q, l->env->reader);
}

void fill_end(struct listing *l)
{
    if (l->stepping)
        reader_end(l->env->reader);
    l->stepping = false;
}
