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

static struct many_users many;
static size_t first;    /* the id that the call's first request is for */
static size_t sent;     /* requests of this call */
static size_t most;     /* requests that it may have */
static bool unfinished; /* the answer stopped early, or there are more ids: another call */
static size_t next_id;  /* the id it begins with, from the token on */

/* --- Requests out ------------------------------------------------------------------ */

static size_t request_count(void)
{
    size_t n = many_count(&many) - first;
    return n < most ? n : most;
}

/* The first request's page size bounds the whole answer, and --limit is for the
 * whole answer too. */
static int64_t page_size(const struct session *s)
{
    int64_t size = s->options->page_size;
    return size > 0 && many.paging.left < size ? many.paging.left : size;
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
    struct post_query q = paging_query(&many.paging, s, many_id(&many, first + sent), page_size(s));
    const bool is_last = sent + 1 == request_count();
    if (sent > 0) /* the token is for the first request */
        q.page_token = "";
    return post_query_send(s->call, &q, is_last ? 0 : STREAM_MORE);
}

static void send_more(struct session *s)
{
    if (s->call == NULL || s->half_closed)
        return;
    for (; sent < request_count(); sent++)
        if (send_one(s) != 0) /* on_sent or on_close comes */
            return;
    if (many_ended(&many) || sent == most)
        calls_half_close(s);
    else
        many_want(&many, first + sent + AHEAD);
}

static void on_ids(struct ids *ids)
{
    send_more(ids->session);
}

/* --- The answer ---------------------------------------------------------------------- */

static const char *who_was_refused(int32_t request)
{
    const bool known = request >= 0 && (size_t)request < sent;
    const char *id = known ? many_id(&many, first + (size_t)request) : NULL;
    return id != NULL ? id : "a request";
}

static bool went_nowhere(const V1__Post__ListPostsResponse *m)
{
    return m->request_index == 0 && strcmp(m->next_page_token, many.paging.token) == 0;
}

/* There are ids that this call was not for. */
static bool more_ids(const struct session *s)
{
    return s->half_closed && sent == most &&
           !(many_ended(&many) && first + sent == many_count(&many));
}

/* Takes an answer that says it stopped early, with the token in it. */
static void take_part(struct session *s, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    unfinished = true;
    next_id = first + (size_t)m->request_index;
    if (paging_take_posts(&many.paging, s, m, bytes))
        many_mark(&many, s, next_id, false);
}

/* Takes an answer to all requests of the call. */
static void take_whole(struct session *s, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    unfinished = more_ids(s);
    next_id = first + sent;
    if (paging_take_posts(&many.paging, s, m, bytes) && unfinished)
        many_mark(&many, s, next_id - 1, true);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__Post__ListPostsResponse *m = (const V1__Post__ListPostsResponse *)message;
    bool bad_index = m->request_index < 0 || (size_t)m->request_index >= sent;
    bool stopped_early = *m->next_page_token != '\0';
    if (stopped_early && (bad_index || went_nowhere(m))) {
        stream_fail(s->call, STATUS_INTERNAL,
                    "the answer stops at request %" PRId32 ", nowhere new", m->request_index);
        return;
    }
    for (size_t i = 0; i < m->n_errors; i++)
        many_refused(s, who_was_refused(m->errors[i]->request_index), m->errors[i]);
    if (stopped_early)
        take_part(s, m, bytes.len);
    else
        take_whole(s, m, bytes.len);
}

static struct status judge(struct session *s, const struct status *status)
{
    s->failed |= many.ids.failed;
    return calls_answered(s, status);
}

static bool more(struct session *s)
{
    (void)s;
    return unfinished && !paging_enough(&many.paging);
}

/* --- Life ----------------------------------------------------------------------------- */

static bool begin(struct session *s)
{
    many.ids.on_change = on_ids;
    return many_begin(&many, s);
}

static void next(struct session *s)
{
    first = s->options->all ? 0 : next_id;
    many_forget(&many, first);
    sent = 0;
    most = most_requests(s);
    unfinished = false;
    if (!calls_open(s, s->post, post_query_path(SHAPE_CLIENT, !s->options->all)))
        return;
    calls_read(s);
    send_more(s);
}

static void close_collect_list(void)
{
    many_close(&many);
}

static const struct option_row rows[] = {
    ROW_FORMAT,
    ROW_ALL,
    ROW_LIMIT,
    ROW_TAG,
    ROW_PAGE_SIZE("most posts of one answer, asked on until complete; 0: one answer"),
    ROW_PAGE_TOKEN,
    ROW_DEADLINE,
    ROW_PROGRESS,
};

const struct routine collect_list_routine = {
    .options = rows,
    .noptions = COUNT_OF(rows),
    .page_size = 1000,
    .counts = "posts",
    .rows = &row_post,
    .resumable = true,
    .check = many_check,
    .answer = POST_QUERY_RESPONSE,
    .begin = begin,
    .next = next,
    .take = take,
    .on_sent = send_more,
    .judge = judge,
    .more = more,
    .close = close_collect_list,
};
