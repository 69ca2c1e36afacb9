/* stream-list: one server-streaming call, printed as it comes.
 *
 *   CALL -message-> CALL -last message, OK-> end
 *   CALL -UNAVAILABLE, or an end without a last message-> wait -> CALL
 *
 * The next call goes on from the last token with what is left of the limit. */
#include <unistd.h>

#include "backoff.h"
#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "post_query.h"
#include "skim.h"

static struct backoff backoff;
static bool last;     /* the message that ends the answer was here */
static bool resuming; /* the call goes on after a broken one */
static unsigned resumed;

static bool resume = true;
static int64_t max_tries = 10;

static bool begin(struct session *s)
{
    if (s->options->format == FORMAT_NONE) /* posts are counted, and not decoded */
        s->handler.message = NULL;
    backoff_init(&backoff, (unsigned)max_tries, (uint64_t)getpid() << 20 ^ loop_now_ms(s->loop));
    return true;
}

static void next(struct session *s)
{
    const struct post_query q = post_query_next(s, s->options->user, s->options->page_size);
    last = false;
    post_query_ask(s, SHAPE_SERVER, &q);
}

static void take_decoded(struct session *s, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    if (post_query_take(s, m, bytes)) {
        last = m->last != 0; /* and not of a message whose posts are not printed */
        paging_mark(s);
    }
    backoff_reset(&backoff);
    resumed += resuming;
    resuming = false;
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

static bool try_again(struct session *s, const struct status *status)
{
    uint64_t wait_ms;
    if (status->code != STATUS_UNAVAILABLE || !resume || s->stopping || calls_deadline_passed(s))
        return false;
    if (!backoff_next(&backoff, &wait_ms))
        return false;
    calls_again(s, wait_ms);
    return true;
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
    return truth;
}

static void last_words(struct session *s)
{
    if (resumed > 0)
        session_say(s, "resumed %u time%s", resumed, resumed == 1 ? "" : "s");
}

static const struct option_row rows[] = {
    ROWS_OF_POSTS(ROW_USER, "most posts of one message; 0: the server chooses"),
    OPT_FLAG("resume", resume, "go on by itself when the connection breaks"),
    OPT_INT("max-tries", max_tries, "tries without any progress, then give up", .max = 1000),
    ROW_DEADLINE,
    ROW_PROGRESS,
};

const struct routine stream_list_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = LISTED_POSTS,
    .begin = begin,
    .next = next,
    .take = take,
    .judge = judge,
    .last_words = last_words,
};
