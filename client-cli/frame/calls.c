#include "calls.h"

#include <errno.h>

#include "base/container.h"
#include "call_policy.h"
#include "client-cli/input/ids.h"
#include "command.h"
#include "common.h"
#include "connection.h"

/* --- From call to call -------------------------------------------------------------- */

static void next(struct session *s)
{
    s->due = s->answered = s->half_closed = s->wants_room = false;
    s->routine->next(s);
}

static void on_again(struct timer *t)
{
    next(container_of(t, struct session, again));
}

/* An empty table has no line at all: whether anything was done would be a riddle. */
static void say_none(struct session *s, bool failed)
{
    const struct content *brings = &s->routine->brings;
    const char *tag = s->options->tag;
    if (!failed && brings->rows != NULL && rows_are_table(&s->rows))
        session_note(s, "no %s%s%s", brings->counts, *tag != '\0' ? " with the tag " : "", tag);
}

/* Of a listing that came to its end, or to that of --limit. */
static void say_how_many(struct session *s, bool failed)
{
    if (s->routine->brings.counts == NULL || s->stopping || s->endless)
        return;
    if (s->rows.begun)
        rows_put_count(&s->rows, paging_total(s), paging_left_some(s));
    else
        say_none(s, failed);
}

static void end(struct session *s, const struct status *status)
{
    const bool failed = s->failed || (s->ids != NULL && s->ids->failed);
    const struct status told = silence_explain(s, status);
    silence_end(s);
    rows_end(&s->rows);
    if (status->code == STATUS_OK)
        say_how_many(s, failed);
    else
        s->progress.always &= s->progress.counts.done > 0;
    if (status->code != STATUS_OK)
        session_fail(s, &told);
    else
        session_end(s, failed ? EXIT_FAILED : EXIT_DONE);
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct session *s = stream->data;
    const struct routine *r = s->routine;
    s->call = NULL;
    const struct status truth = r->judge != NULL ? r->judge(s, status) : calls_answered(s, status);
    if (timer_running(&s->again))
        return;
    if (truth.code != STATUS_OK || s->stopping || r->more == NULL || !r->more(s))
        end(s, &truth);
    else if (output_full(&s->out))
        s->due = true;
    else
        next(s);
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct session *s = stream->data;
    silence_over(s);
    s->answered = true;
    s->routine->take(s, message, bytes);
}

static void on_sent(struct stream *stream)
{
    struct session *s = stream->data;
    if (s->routine->on_sent != NULL)
        s->routine->on_sent(s);
}

static void on_ids(struct ids *ids)
{
    ids->session->routine->on_ids(ids->session);
}

static bool open_ids(struct session *s)
{
    if (s->ids == NULL)
        return true;
    s->ids->on_change = on_ids;
    return ids_init(s->ids, s, s->arguments, s->argument_count) == 0;
}

/* false: out of memory, or the session has ended. */
static bool begin(struct session *s)
{
    const struct routine *r = s->routine;
    return paging_init(s) && open_ids(s) && (r->begin == NULL || r->begin(s));
}

void calls_start(struct session *s)
{
    const struct status no_memory = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    s->again.fired = on_again;
    s->handler = (struct stream_handler){
        .message = s->routine->brings.answer,
        .on_message = on_message,
        .on_sent = on_sent,
        .on_close = on_close,
    };
    if (begin(s))
        next(s);
    else
        session_fail(s, &no_memory);
}

void calls_stop(struct session *s)
{
    const struct status ok = status_ok();
    timer_stop(&s->again);
    if (s->call != NULL)
        stream_fail(s->call, STATUS_CANCELLED, "stopped");
    else
        end(s, &ok);
}

void calls_room(struct session *s)
{
    if (s->due)
        next(s);
    else if (s->call != NULL && s->wants_room)
        calls_read(s);
}

/* --- For the steps of a routine ----------------------------------------------------- */

static uint64_t deadline_left_ms(const struct session *s)
{
    uint64_t spent_ms = loop_now_ms(s->loop) - s->started_ms;
    uint64_t deadline_ms = s->options->deadline_ms;
    return spent_ms < deadline_ms ? deadline_ms - spent_ms : 0;
}

void calls_restart_deadline(struct session *s)
{
    s->started_ms = loop_now_ms(s->loop);
}

bool calls_deadline_passed(const struct session *s)
{
    return s->options->deadline_ms > 0 && deadline_left_ms(s) == 0;
}

/* What is due from now on: a connection at least, an answer to what was sent, or, since there
 * is no more to send, the first message. */
enum due { A_CONNECTION, AN_ANSWER, THE_FIRST_ANSWER };

static void await_of(struct session *s, enum due due, bool needs_user)
{
    struct channel *channel = s->channel;
    const bool user = channel == s->user;
    const struct content *brings = &s->routine->brings;
    const struct silence_of of = {
        .channel = channel,
        .name = s->routine->any_server ? "the server"
                : user                 ? "User"
                                       : "Post",
        .target = user ? connection.user_target : connection.target,
        .needs_user = needs_user,
        .first = due == THE_FIRST_ANSWER && !s->answered && brings->rows != NULL,
    };
    silence_begin(s, &of);
}

static void await(struct session *s, enum due due)
{
    await_of(s, due, due != A_CONNECTION && s->routine->brings.rows == &row_post);
}

void calls_await_names(struct session *s)
{
    await_of(s, AN_ANSWER, true);
}

static struct status open_call(struct session *s, struct channel *channel, const char *path)
{
    struct call_options options = { .wait_for_ready = call_policy.wait_for_ready };
    if (calls_deadline_passed(s))
        return status_of(STATUS_DEADLINE_EXCEEDED, "--deadline has passed");
    if (s->options->deadline_ms > 0)
        options.timeout_ms = deadline_left_ms(s);
    if (channel_open(channel, s->loop, path, &s->handler, s, &options, &s->call) != 0)
        return status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    s->channel = channel;
    await(s, A_CONNECTION);
    return status_ok();
}

bool calls_open(struct session *s, struct channel *channel, const char *path)
{
    const struct status status = open_call(s, channel, path);
    if (status.code != STATUS_OK)
        end(s, &status);
    return status.code == STATUS_OK;
}

int calls_send(struct stream *stream, const ProtobufCMessage *message, unsigned flags)
{
    const int rv = stream_send_message(stream, message, flags);
    const bool is_ours = stream->on->on_close == on_close; /* and not one of the demo's */
    if (rv == 0 && is_ours)
        await(stream->data, (flags & STREAM_LAST) != 0 ? THE_FIRST_ANSWER : AN_ANSWER);
    if (rv != ENOMEM)
        return rv;
    session_no_memory(stream);
    return EPIPE;
}

void calls_ask(struct session *s, struct channel *channel, const char *path,
               const ProtobufCMessage *message)
{
    if (calls_open(s, channel, path) && calls_send(s->call, message, STREAM_LAST) == 0)
        calls_read(s);
}

void calls_read(struct session *s)
{
    s->wants_room = output_full(&s->out);
    if (s->wants_room)
        return;
    if (s->answered && s->routine->brings.counts != NULL && s->ids == NULL && !s->endless)
        await(s, AN_ANSWER);
    stream_read(s->call);
}

void calls_half_close(struct session *s)
{
    const struct status ok = status_ok();
    s->half_closed = true;
    stream_finish(s->call, &ok);
    if (s->routine->brings.rows != NULL)
        await(s, THE_FIRST_ANSWER);
}

struct status calls_answered(struct session *s, const struct status *status)
{
    if (status->code == STATUS_OK && !s->answered)
        return status_of(STATUS_INTERNAL, "the server answered OK without a message");
    return *status;
}

void calls_again(struct session *s, uint64_t wait_ms)
{
    if (s->options->deadline_ms > 0 && wait_ms > deadline_left_ms(s))
        wait_ms = deadline_left_ms(s);
    timer_start(s->loop, &s->again, wait_ms);
}
