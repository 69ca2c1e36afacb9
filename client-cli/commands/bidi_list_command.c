/* bidi-list: many users on one bidirectional call, answered in order.
 *
 * At most `window` requests are unanswered: one for standard input, so that
 * every line is answered before the next one is asked, more for arguments,
 * which are all there at once. With --limit it is one, too: then every request
 * knows how much is left of it, and what is cut off begins at a token. The call ends when the ids
 * do:
 *
 *   OPEN -ids ended, all sent-> half-closed -all answered, OK-> end */
#include <inttypes.h>

#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "many_users.h"

#define WINDOW_OF_ARGUMENTS 32
#define WINDOW_OF_LINES     1

static int64_t window;
static size_t sent, answered; /* requests */

/* --- Requests out ------------------------------------------------------------------- */

static int send_one(struct session *s)
{
    struct post_query q = post_query_next(s, many_id(s, sent), s->options->page_size);
    if (sent > 0) /* --page-token is for the first request */
        q.page_token = "";
    return post_query_send(s->call, &q, 0);
}

static bool no_more_requests(const struct session *s)
{
    return many_ended(s) && sent == many_count(s);
}

static void send_more(struct session *s)
{
    while (s->call != NULL && sent < many_count(s) && sent - answered < (size_t)window) {
        if (send_one(s) != 0) /* on_sent or on_close comes */
            return;
        sent++;
    }
    if (s->call == NULL || s->half_closed)
        return;
    if (no_more_requests(s))
        calls_half_close(s);
    else
        many_want(s, answered + (size_t)window);
}

/* --- Answers in --------------------------------------------------------------------- */

static void tell_errors(struct session *s, const V1__Post__ListPostsResponse *m)
{
    const char *id = many_id(s, answered);
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
    if (post_query_take(s, m, bytes.len))
        many_mark(s, answered, *m->next_page_token == '\0');
    if (m->last)
        many_forget(s, ++answered);
    if (paging_enough(s)) {
        stream_fail(s->call, STATUS_CANCELLED, "enough");
        return;
    }
    send_more(s);
    calls_read(s);
}

static struct status judge(struct session *s, const struct status *status)
{
    if (paging_enough(s))
        return status_ok();
    if (status->code == STATUS_OK && !(no_more_requests(s) && answered == sent))
        return status_of(STATUS_UNAVAILABLE, "the stream ended before its last answer");
    return *status;
}

/* --- Life --------------------------------------------------------------------------- */

static void next(struct session *s)
{
    if (window == 0)
        window =
            s->argument_count > 0 && s->options->limit == 0 ? WINDOW_OF_ARGUMENTS : WINDOW_OF_LINES;
    many_open(s, SHAPE_BIDI);
}

static const struct option_row rows[] = {
    ROWS_OF_POSTS(ROW_ALL, "the most posts of one message; 0: the server chooses"),
    OPT_INT("window", window,
            "how many requests may wait for their answers; 0: one for standard input or with "
            "--limit, else 32",
            .max = 4096),
    ROW_DEADLINE,
    ROW_PROGRESS,
};

const struct routine bidi_list_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = LISTED_POSTS,
    .next = next,
    .take = take,
    .on_sent = send_more,
    .on_ids = send_more,
    .judge = judge,
};
