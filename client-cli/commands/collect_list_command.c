/* collect-list: all ids up, one answer back. An answer that would be too long
 * stops early and says where; then a new call goes on from that request:
 *
 *   SENDING -ids ended, or as many sent as one answer may be for-> WAITING
 *   WAITING -answer, OK-> end, or with ids left SENDING (those)
 *   SENDING or WAITING -answer that stopped early, OK-> SENDING (from there) */
#include <inttypes.h>
#include <string.h>

#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "many_users.h"

/* Ids read ahead of those that are sent. */
#define AHEAD 1024

/* Of one call, however small --page-size is. */
#define LEAST_REQUESTS 16

static size_t first;    /* the id that the call's first request is for */
static size_t sent;     /* requests of this call */
static size_t most;     /* requests that it may have */
static bool unfinished; /* the answer stopped early, or there are more ids: another call */
static size_t next_id;  /* the id it begins with, from the token on */

/* --- Requests out ------------------------------------------------------------------- */

static size_t request_count(const struct session *s)
{
    size_t n = many_count(s) - first;
    return n < most ? n : most;
}

/* The first request's page size bounds the whole answer, and --limit is for the
 * whole answer too. */
static int64_t page_size(const struct session *s)
{
    int64_t size = s->options->page_size;
    return size > 0 && s->paging.left < size ? s->paging.left : size;
}

/* An answer of so many posts has not many more users: ids beyond those would be
 * sent again with each call, and the whole would take time with their square. */
static size_t most_requests(const struct session *s)
{
    int64_t size = page_size(s);
    if (size == 0)
        return SIZE_MAX;
    return size > LEAST_REQUESTS ? (size_t)size : LEAST_REQUESTS;
}

static int send_one(struct session *s)
{
    struct post_query q = post_query_next(s, many_id(s, first + sent), page_size(s));
    const bool is_last = sent + 1 == request_count(s);
    if (sent > 0) /* the token is for the first request */
        q.page_token = "";
    return post_query_send(s->call, &q, is_last ? 0 : STREAM_MORE);
}

static void send_more(struct session *s)
{
    if (s->call == NULL || s->half_closed)
        return;
    for (; sent < request_count(s); sent++)
        if (send_one(s) != 0) /* on_sent or on_close comes */
            return;
    if (many_ended(s) || sent == most)
        calls_half_close(s);
    else
        many_want(s, first + sent + AHEAD);
}

/* --- The answer --------------------------------------------------------------------- */

static const char *who_was_refused(const struct session *s, int32_t request)
{
    const bool known = request >= 0 && (size_t)request < sent;
    const char *id = known ? many_id(s, first + (size_t)request) : NULL;
    return id != NULL ? id : "a request";
}

static bool went_nowhere(const struct session *s, const V1__Post__ListPostsResponse *m)
{
    return m->request_index == 0 && strcmp(m->next_page_token, s->paging.token) == 0;
}

/* There are ids that this call was not for. */
static bool more_ids(const struct session *s)
{
    return s->half_closed && sent == most && !(many_ended(s) && first + sent == many_count(s));
}

/* Takes an answer that says it stopped early, with the token in it. */
static void take_part(struct session *s, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    unfinished = true;
    next_id = first + (size_t)m->request_index;
    if (post_query_take(s, m, bytes))
        many_mark(s, next_id, false);
}

/* Takes an answer to all requests of the call. */
static void take_whole(struct session *s, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    unfinished = more_ids(s);
    next_id = first + sent;
    if (post_query_take(s, m, bytes) && unfinished)
        many_mark(s, next_id - 1, true);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__Post__ListPostsResponse *m = (const V1__Post__ListPostsResponse *)message;
    bool bad_index = m->request_index < 0 || (size_t)m->request_index >= sent;
    bool stopped_early = *m->next_page_token != '\0';
    if (stopped_early && (bad_index || went_nowhere(s, m))) {
        stream_fail(s->call, STATUS_INTERNAL,
                    "the answer stops at request %" PRId32 ", where it had stopped before",
                    m->request_index);
        return;
    }
    for (size_t i = 0; i < m->n_errors; i++)
        many_refused(s, who_was_refused(s, m->errors[i]->request_index), m->errors[i]);
    if (stopped_early)
        take_part(s, m, bytes.len);
    else
        take_whole(s, m, bytes.len);
}

static bool more(struct session *s)
{
    return unfinished && !paging_enough(s);
}

/* --- Life --------------------------------------------------------------------------- */

static void next(struct session *s)
{
    first = s->options->all ? 0 : next_id;
    many_forget(s, first);
    sent = 0;
    most = most_requests(s);
    unfinished = false;
    many_open(s, SHAPE_CLIENT);
}

static const struct option_row rows[] = {
    ROWS_OF_POSTS(ROW_ALL,
                  "the most posts of one answer; it asks on until all came; 0: one answer"),
    ROW_DEADLINE,
    ROW_PROGRESS,
};

const struct routine collect_list_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = LISTED_POSTS,
    .page_size = 1000,
    .next = next,
    .take = take,
    .on_sent = send_more,
    .on_ids = send_more,
    .more = more,
};
