/* stream-list: one server-streaming call, printed as it comes.
 *
 *   CALL -message-> CALL -last message, OK-> end
 *   CALL -UNAVAILABLE, or an end without a last message-> wait -> CALL
 *
 * The next call goes on from the last token with what is left of the limit. A follow is
 * the same without an end of its own: once it has begun, no number of breaks is one. */
#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "follow_words.h"
#include "outage.h"
#include "post_query.h"
#include "skim.h"

static bool last;     /* the message that ends the answer was here */
static bool resuming; /* the call goes on after a broken one */
static unsigned resumed;

static bool resume = true;
static bool follow, from_now;

#define MAX_TRIES 10

static int64_t max_tries = -1; /* the option was not given */

static int check(const struct command *c, int n, char **arguments)
{
    (void)n, (void)arguments;
    if (from_now && !follow)
        return usage_error(c->name, "--from-now needs --follow", "");
    if (follow && common.format == FORMAT_CSV)
        return usage_error(
            c->name,
            "CSV has no line for a deleted post, which --follow needs: use --format ndjson", "");
    return EXIT_DONE;
}

static bool begin(struct session *s)
{
    const unsigned tries = max_tries < 0 ? MAX_TRIES : (unsigned)max_tries;
    if (s->options->format == FORMAT_NONE) /* posts are counted, and not decoded */
        s->handler.message = NULL;
    outage_init(s, resume ? tries : 0);
    s->endless = follow;
    if (follow)
        output_watch_reader(&s->out);
    return true;
}

static void next(struct session *s)
{
    struct post_query q = post_query_next(s, s->options->user, s->options->page_size);
    q.follow = follow;
    q.from_now = from_now;
    last = false;
    post_query_ask(s, SHAPE_SERVER, &q);
}

/* A server that was there once will be again; one that never was may be the wrong one. */
static void note_progress(struct session *s)
{
    outage_over(s, follow && max_tries < 0);
    resumed += resuming;
    resuming = false;
}

static void take_decoded(struct session *s, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    note_progress(s);
    if (post_query_take(s, m, bytes)) {
        last = m->last != 0; /* and not of a message whose posts are not printed */
        paging_mark(s);
        if (m->caught_up)
            follow_words_caught_up(s);
    }
    calls_read(s);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    struct skim skim;
    if (message != NULL)
        take_decoded(s, (const V1__Post__ListPostsResponse *)message, bytes.len);
    else if (skim_read(bytes, &skim))
        take_decoded(s, &skim.message, bytes.len);
    else
        stream_fail(s->call, STATUS_INTERNAL, "the server sent bytes that are not a valid %s",
                    POST_QUERY_RESPONSE->name);
}

/* A follow is told by a server that has too much to do when to come again, too. */
static bool passes(const struct status *status)
{
    return status->code == STATUS_UNAVAILABLE || (follow && status->retry_after_ms > 0);
}

static bool try_again(struct session *s, const struct status *status)
{
    uint64_t wait_ms;
    if (!passes(status) || s->stopping || calls_deadline_passed(s))
        return false;
    if (!outage_next(s, status, &wait_ms))
        return false;
    calls_again(s, wait_ms > status->retry_after_ms ? wait_ms : status->retry_after_ms);
    return true;
}

/* Changes that are kept no more, or another store. */
static void advise(struct session *s, const struct status *status)
{
    if (status->code == STATUS_FAILED_PRECONDITION && *s->paging.token != '\0')
        s->advice = "nothing can be resumed from there any more: begin again without --page-token";
}

/* Complete is complete, even if the connection broke before the status. And a
 * stream that ended without a last message was cut, whatever its status. */
static struct status judge(struct session *s, const struct status *status)
{
    struct status truth = *status;
    if (last || paging_enough(s))
        return status_ok();
    if (status->code == STATUS_OK)
        truth = status_of(STATUS_UNAVAILABLE, "the stream ended before its last message");
    resuming = try_again(s, &truth);
    advise(s, &truth);
    return truth;
}

static void last_words(struct session *s)
{
    if (resumed > 0)
        session_say(s, "resumed %u time%s", resumed, resumed == 1 ? "" : "s");
}

static const struct option_row rows[] = {
    ROWS_OF_POSTS(ROW_USER, "the most posts of one message; 0: the server chooses"),
    OPT_FLAG("follow", follow,
             "after the listing go on with what changes, one row for each change, until Ctrl-C or "
             "--limit"),
    OPT_FLAG("from-now", from_now,
             "with --follow: leave the listing out, and print only what changes from now on"),
    OPT_FLAG("resume", resume, "go on when the connection breaks"),
    OPT_INT("max-tries", max_tries,
            "give up after so many tries in a row without progress; the default is 10, but a "
            "follow that has begun never gives up",
            .max = 1000),
    ROW_DEADLINE,
    ROW_PROGRESS,
};

const struct routine stream_list_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = LISTED_POSTS,
    .check = check,
    .begin = begin,
    .next = next,
    .take = take,
    .judge = judge,
    .last_words = last_words,
};
