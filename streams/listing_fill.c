/* One step of a listing: records of the store into messages. */
#include <errno.h>

#include "base/container.h"
#include "base/wire.h"
#include "filler.h"
#include "store/store.h"

/* How many more users could be needed: almost every user has a post. */
static uint32_t users_ahead(const struct listing *l, const struct query *q)
{
    uint64_t n = q->left;
    if (!many_responses(l) && l->paged && l->page_left < n)
        n = l->page_left;
    return n < LOOKAHEAD_MAX ? (uint32_t)n : LOOKAHEAD_MAX;
}

/* Inline, as all that is called for each record: others call them from filler.h. */
inline bool filler_stop(struct filler *f, enum step why)
{
    f->why = why;
    return false;
}

bool filler_stop_memory(struct filler *f)
{
    listing_fail_memory(f->l);
    return filler_stop(f, STEP_FAILED);
}

/* The name of the one user, or of a group in the order of the store. */
static struct name *name_in_order(struct filler *f, uint32_t group)
{
    const struct listing *l = f->l;
    struct query *q = f->q;
    if (!l->kind->by_user) {
        const int rv =
            lookahead_fill(&q->names, l->env->resolver, f->reader, group, users_ahead(l, q));
        if (rv == ENOMEM)
            listing_fail_memory(f->l);
        else if (rv != 0)
            listing_fail_store(f->l, reader_error(f->reader));
        if (rv != 0)
            return NULL;
    }
    struct name *name = lookahead_get(&q->names, group);
    if (name == NULL)
        listing_fail_store(f->l, "the store is damaged: a group of records has no user");
    return name;
}

static bool enter_group(struct filler *f, uint32_t group)
{
    f->name = f->name_of(f, group);
    if (f->name == NULL)
        return filler_stop(f, STEP_FAILED);
    f->has_group = true;
    f->group = group;
    f->name_state = name_state(f->name);
    f->author = name_text(f->name);
    return true;
}

/* Whether the record's author can be written. */
inline bool filler_knows_author(struct filler *f, uint32_t group)
{
    if (!f->authors)
        return true;
    if ((!f->has_group || f->group != group) && !enter_group(f, group))
        return false;
    if (name_is_known(f->name_state))
        return true;
    f->l->awaited = f->name;
    return filler_stop(f, STEP_NAME);
}

/* Each message names the users of its records whom User does not know, each once. A
 * listing's groups come in order; those of changes do not. */
static bool note_unresolved(struct filler *f)
{
    struct listing *l = f->l;
    if (!f->authors || f->name_state != NAME_MISSING || (l->noted && l->noted_group == f->group))
        return true;
    if (!l->noted)
        l->noted_mark = resolver_mark(l->env->resolver);
    l->noted = true;
    l->noted_group = f->group;
    return !name_mark(f->name, l->noted_mark) ||
           draft_put_unresolved(&l->draft, name_user_id(f->name));
}

/* MANY: whether the message is as large as it may be. */
static bool message_is_full(const struct filler *f)
{
    const struct listing *l = f->l;
    if (draft_is_empty(&l->draft))
        return false;
    return (f->q->page_size > 0 && l->draft.records >= f->q->page_size) ||
           draft_bytes(&l->draft, &l->fill) >= out_target(l);
}

/* ONE: whether a record of @len can be put; says in f->why what if not. */
static bool answer_has_room(struct filler *f, size_t len)
{
    const struct listing *l = f->l;
    if (!out_fits(l, len))
        return filler_stop(f, l->paged && l->draft.records > 0 ? STEP_PAGE : STEP_TOO_LARGE);
    return out_take(f->l, len) || filler_stop(f, STEP_FAILED);
}

/* Whether the step goes on, before another record is looked at. */
inline bool filler_goes_on(struct filler *f)
{
    struct listing *l = f->l;
    if (f->q->left == 0)
        return filler_stop(f, STEP_ANSWERED);
    if (l->scanned_bytes >= SCAN_STEP_BYTES)
        return filler_stop(f, STEP_SCANNED);
    if (!f->many)
        return !l->paged || l->page_left > 0 || filler_stop(f, STEP_PAGE);
    if (message_is_full(f) && !out_close_part(l, f->q))
        return filler_stop_memory(f);
    return !draft_is_empty(&l->draft) || !out_is_full(l) || filler_stop(f, STEP_FULL);
}

inline bool filler_put(struct filler *f, struct bytes record)
{
    struct listing *l = f->l;
    if (!draft_put_record(&l->draft, &l->fill, record, f->author) || !note_unresolved(f))
        return filler_stop_memory(f);
    f->q->barren_bytes = 0;
    if (f->q->left != UINT64_MAX)
        f->q->left--;
    if (l->page_left > 0)
        l->page_left--;
    return true;
}

inline bool filler_has_tag(struct bytes record, unsigned field, struct bytes tag)
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
    if (!filler_goes_on(f))
        return false;
    l->scanned_bytes += record.len;
    if (q->tag.len > 0 && !filler_has_tag(record, l->kind->tag_field, q->tag)) {
        q->barren_bytes += record.len;
        return true;
    }
    if (!filler_knows_author(f, at.group))
        return false;
    if (!f->many && !answer_has_room(f, record.len + f->author.len))
        return false;
    return filler_put(f, record);
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

int filler_find_group(struct query *q, struct reader *reader)
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

static bool wants_count(const struct listing *l, const struct query *q)
{
    return !q->counted && query_is_whole(q, l->kind);
}

static bool wants_revision(const struct query *q)
{
    return q->follow != NULL && !q->has_revision;
}

/* How many records the answer has at most; 0: nobody knows. */
static uint64_t count_wanted(const struct listing *l, const struct query *q)
{
    uint64_t n = q->left;
    if (!many_responses(l) && l->paged && l->page_left < n)
        n = l->page_left;
    return q->tag.len > 0 || n == UINT64_MAX ? 0 : n;
}

/* Once the primary alone has told, which a standby may be behind, it tells all. */
static bool may_lag(struct listing *l, const struct query *q)
{
    l->newest = l->newest || q->newest || q->follow != NULL;
    return !l->kind->by_user && !l->newest;
}

static struct store_need records_of(struct listing *l, struct query *q)
{
    return (struct store_need){
        .kind = l->kind->by_user ? NEED_GROUP : NEED_RECORDS,
        .after = { l->kind->by_user ? 0 : q->at.group, q->at.sequence },
        .last_group = q->last_group,
        .group = q->user_id,
        .wants = count_wanted(l, q),
        .numbers = wants_count(l, q) || wants_revision(q),
        .may_lag = may_lag(l, q),
        .floor = q->floor > l->floor ? q->floor : l->floor,
    };
}

static int need_records(struct listing *l, struct query *q, struct reader *reader)
{
    const struct store_need need = records_of(l, q);
    return reader_need(reader, &q->fetch, &need);
}

/* What is listed later is not older: by this call, or by its tokens. */
static void note_floor(struct listing *l, struct query *q, const struct reader *reader)
{
    const uint64_t floor = reader_floor(reader);
    if (floor > l->floor)
        l->floor = floor;
    if (l->floor > q->floor)
        q->floor = l->floor;
}

/* What is read once, at the beginning. 0, or -1 (see reader_error()). */
static int read_numbers(struct listing *l, struct query *q, struct reader *reader)
{
    uint64_t revision = 0;
    if (wants_count(l, q)) {
        if (reader_count(reader, &l->total_size) < 0)
            return -1;
        q->counted = true;
    }
    if (!wants_revision(q))
        return 0;
    if (reader_revision(reader, &revision) < 0)
        return -1;
    query_begin_at(q, revision);
    return 0;
}

/* What was needed can be read. */
static enum step scan(struct listing *l, struct query *q, struct reader *reader)
{
    struct filler f = { .visit.record = visit_record,
                        .l = l,
                        .q = q,
                        .reader = reader,
                        .name_of = name_in_order,
                        .many = many_responses(l),
                        .authors = l->kind->authors };
    if ((l->kind->by_user && filler_find_group(q, reader) != 0) ||
        read_numbers(l, q, reader) != 0) {
        listing_fail_store(l, reader_error(reader));
        return STEP_FAILED;
    }
    note_floor(l, q, reader);
    if (q->empty)
        return STEP_ANSWERED;
    switch (reader_scan(reader, &q->at, q->last_group, &f.visit)) {
    case 0:
        if (q->follow == NULL)
            q->left = UINT64_MAX; /* complete, whatever the limit was */
        return STEP_ANSWERED;
    case 1:
        return f.why;
    case READER_MORE:
        return STEP_MORE;
    default:
        listing_fail_store(l, reader_error(reader));
        return STEP_FAILED;
    }
}

/* Requests that are answered in one go see one state of the store: to begin is
 * more work than to find a record or two. */
bool step_begin(struct listing *l)
{
    char error[STORE_ERROR_MAX];
    if (l->stepping)
        return true;
    if (reader_begin(l->env->reader, error) != 0) {
        listing_fail_store(l, error);
        return false;
    }
    l->stepping = true;
    return true;
}

void step_end(struct listing *l)
{
    if (l->stepping)
        reader_end(l->env->reader);
    l->stepping = false;
}

enum step fill_step(struct listing *l, struct query *q)
{
    return step_read(l, q, need_records, scan);
}

/* What fails here fails again when it is the query's turn. */
void fill_ahead(struct listing *l, struct query *q)
{
    char error[STORE_ERROR_MAX];
    struct reader *reader = l->env->reader;
    if (!reader_fetches(reader) || reader_begin(reader, error) != 0)
        return;
    struct store_need need = records_of(l, q);
    need.ahead = true;
    reader_need(reader, &q->fetch, &need);
    reader_end(reader);
}
