/* bidi-list: many users on one bidirectional call, answered in order.
 *
 * At most `window` requests are unanswered: one for standard input, so that
 * every line is answered before the next one is asked, more for arguments,
 * which are all there at once. The call ends when the ids do:
 *
 *   OPEN -ids ended, all sent-> half-closed -all answered, OK-> end */
#include <inttypes.h>

#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "many_users.h"

#define WINDOW_OF_ARGUMENTS 32
#define WINDOW_OF_LINES     1

static struct many_users many;
static int64_t window;
static size_t sent, answered; /* requests */

/* --- Requests out ------------------------------------------------------------------ */

static int send_one(struct session *s)
{
    struct post_query q =
        paging_query(&many.paging, s, many_id(&many, sent), s->options->page_size);
    if (sent > 0) /* --page-token is for the first request */
        q.page_token = "";
    return post_query_send(s->call, &q, 0);
}

static bool no_more_requests(void)
{
    return many_ended(&many) && sent == many_count(&many);
}

static void send_more(struct session *s)
{
    while (s->call != NULL && sent < many_count(&many) && sent - answered < (size_t)window) {
        if (send_one(s) != 0) /* on_sent or on_close comes */
            return;
        sent++;
    }
    if (s->call == NULL || s->half_closed)
        return;
    if (no_more_requests())
        calls_half_close(s);
    else
        many_want(&many, answered + (size_t)window);
}

static void on_ids(struct ids *ids)
{
    send_more(ids->session);
}

/* --- Answers in ---------------------------------------------------------------------- */

static void tell_errors(struct session *s, const V1__Post__ListPostsResponse *m)
{
    const char *id = many_id(&many, answered);
    for (size_t i = 0; i < m->n_errors; i++)
        many_refused(s, id != NULL ? id : "the request", m->errors[i]);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__Post__ListPostsResponse *m = (const V1__Post__ListPostsResponse *)message;
    if (answered == sent || m->request_index != (int32_t)answered) {
        stream_fail(s->call, STATUS_INTERNAL,
                    "the server answered request %" PRId32 " out of order", m->request_index);
        return;
    }
    tell_errors(s, m);
    if (paging_take_posts(&many.paging, s, m, bytes.len))
        many_mark(&many, s, answered, *m->next_page_token == '\0');
    if (m->last)
        many_forget(&many, ++answered);
    if (paging_enough(&many.paging)) {
        stream_fail(s->call, STATUS_CANCELLED, "enough");
        return;
    }
    send_more(s);
    calls_read(s);
}

static struct status judge(struct session *s, const struct status *status)
{
    s->failed |= many.ids.failed;
    if (paging_enough(&many.paging))
        return status_ok();
    if (status->code == STATUS_OK && !(no_more_requests() && answered == sent))
        return status_of(STATUS_UNAVAILABLE, "the stream ended before its last answer");
    return *status;
}

/* --- Life ----------------------------------------------------------------------------- */

static bool begin(struct session *s)
{
    many.ids.on_change = on_ids;
    if (window == 0)
        window = s->argument_count > 0 ? WINDOW_OF_ARGUMENTS : WINDOW_OF_LINES;
    return many_begin(&many, s);
}

static void next(struct session *s)
{
    if (!calls_open(s, s->post, post_query_path(SHAPE_BIDI, !s->options->all)))
        return;
    calls_read(s);
    send_more(s);
}

static void close_bidi_list(void)
{
    many_close(&many);
}

static const struct option_row rows[] = {
    ROW_FORMAT,
    ROW_ALL,
    ROW_LIMIT,
    ROW_TAG,
    ROW_PAGE_SIZE("most posts of one message; 0: the server chooses"),
    ROW_PAGE_TOKEN,
    OPT_INT("window", window,
            "requests that may wait for their answer; 0: 1 for standard input, else 32",
            .max = 4096),
    ROW_DEADLINE,
    ROW_PROGRESS,
};

const struct routine bidi_list_routine = {
    .options = rows,
    .noptions = COUNT_OF(rows),
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
    .close = close_bidi_list,
};
