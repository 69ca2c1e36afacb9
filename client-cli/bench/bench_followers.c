#include "bench_followers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/wire.h"
#include "bench_load.h"
#include "client-cli/frame/call_policy.h"
#include "client-cli/frame/connection.h"
#include "weir/channel.h"
#include "weir/stream.h"

#define AWAY_MS 50

#define TOKEN_MAX 256

enum follower_is { OPENING, FOLLOWING, AWAY, GONE };

struct bench_follower {
    struct bench_followers *all;
    size_t number;
    enum follower_is is;
    struct stream *stream; /* NULL: none */
    struct timer again;
    char token[TOKEN_MAX]; /* of the last message; "": none yet */
    uint64_t message_ns;   /* when it came; 0: none in this call */
};

/* --- Messages ----------------------------------------------------------------------- */

/* { post_messages = 1 { post_id = 1 }, next_page_token = 2, caught_up = 8 } */
enum { POSTS = 1, TOKEN = 2, CAUGHT_UP = 8, POST_ID = 1 };

/* The number of a post of this load, from its id. false: somebody else's. */
static bool number_of(const struct bench_plan *plan, struct bytes id, uint64_t *ret)
{
    const size_t prefix = strlen(plan->prefix);
    uint64_t n = 0;
    if (id.len <= prefix || id.len > prefix + 18 || memcmp(id.data, plan->prefix, prefix) != 0)
        return false;
    for (size_t i = prefix; i < id.len; i++) {
        if (id.data[i] < '0' || id.data[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(id.data[i] - '0');
    }
    *ret = n;
    return true;
}

static void take_post(struct bench_follower *f, struct bytes post, uint64_t now)
{
    struct bench_followers *all = f->all;
    uint64_t number;
    all->stats->posts++;
    series_at(&all->stats->series, now)->posts++;
    if (number_of(all->plan, wire_find(post, POST_ID), &number) &&
        ledger_tell(all->ledger, f->number, number))
        all->told(all, number, now);
}

static void caught_up(struct bench_follower *f)
{
    if (f->is != OPENING)
        return;
    f->is = FOLLOWING;
    f->all->opening--;
    f->all->changed(f->all);
}

static bool take_token(struct bench_follower *f, struct bytes token)
{
    if (token.len >= TOKEN_MAX)
        return false;
    memcpy(f->token, token.data, token.len);
    f->token[token.len] = '\0';
    return true;
}

static bool take_message(struct bench_follower *f, struct bytes bytes, uint64_t now)
{
    struct wire_field field;
    bool good = true, up = false;
    while (good && wire_next(&bytes, &field)) {
        if (field.number == POSTS && field.type == WIRE_BYTES)
            take_post(f, field.bytes, now);
        else if (field.number == TOKEN && field.type == WIRE_BYTES)
            good = take_token(f, field.bytes);
        else if (field.number == CAUGHT_UP && field.type == WIRE_VARINT)
            up = field.varint != 0;
    }
    if (up)
        caught_up(f);
    return good && bytes.len == 0;
}

static void count_message(struct bench_follower *f, size_t bytes, uint64_t now)
{
    struct stats *stats = f->all->stats;
    struct series_point *point = series_at(&stats->series, now);
    stats->messages++;
    stats->bytes += bytes;
    point->messages++;
    point->bytes += bytes;
    if (f->message_ns > 0)
        hist_add(&stats->gap, now - f->message_ns);
    f->message_ns = now;
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct bench_follower *f = stream->data;
    const uint64_t now = now_ns();
    (void)message; /* not decoded */
    count_message(f, bytes.len, now);
    if (take_message(f, bytes, now))
        stream_read(stream);
    else
        stream_fail(stream, STATUS_INTERNAL, "the server sent bytes that are not such a response");
}

/* --- Calls -------------------------------------------------------------------------- */

static void go(struct bench_follower *f)
{
    struct bench_followers *all = f->all;
    all->opening -= f->is == OPENING;
    f->is = GONE;
    all->open--;
    all->changed(all);
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct bench_follower *f = stream->data;
    struct bench_followers *all = f->all;
    f->stream = NULL;
    if (!all->closing && f->is == FOLLOWING && status->code == STATUS_UNAVAILABLE) {
        f->is = AWAY;
        timer_start(all->loop, &f->again, AWAY_MS);
        return;
    }
    if (!all->closing)
        stats_code(&all->stats->errors, (int)status->code, status->message, strlen(status->message),
                   1);
    go(f);
}

static const struct stream_handler handler = {
    .message = NULL, /* bytes are enough */
    .on_message = on_message,
    .on_close = on_close,
};

static int ask(struct bench_follower *f)
{
    const struct bench_plan *plan = f->all->plan;
    char room[USERS_ID_MAX + 32], id[USERS_ID_MAX + 32];
    struct post_query q = { .page_token = f->token, .tag = "", .follow = true };
    q.from_now = *f->token == '\0';
    if (plan->users.n > 0) {
        const struct bytes user = users_at(&plan->users, f->number, room);
        memcpy(id, user.data, user.len);
        id[user.len] = '\0';
        q.user_id = id;
    }
    return post_query_send(f->stream, &q, STREAM_LAST);
}

static void call(struct bench_follower *f)
{
    struct bench_followers *all = f->all;
    const struct call_options options = { .wait_for_ready = call_policy.wait_for_ready };
    f->message_ns = 0;
    if (channel_open(all->channels[f->number % all->nchannels], all->loop, plan_path(all->plan),
                     &handler, f, &options, &f->stream) != 0) {
        f->stream = NULL;
        stats_code(&all->stats->errors, STATUS_RESOURCE_EXHAUSTED, "", 0, 1);
        go(f);
    } else if (ask(f) == 0) {
        stream_read(f->stream);
    }
}

static void on_again(struct timer *timer)
{
    struct bench_follower *f = container_of(timer, struct bench_follower, again);
    f->is = FOLLOWING;
    f->all->breaks++;
    call(f);
}

/* --- Life --------------------------------------------------------------------------- */

static int open_channels(struct bench_followers *all)
{
    struct channel_options options = connection_channel(SERVICE_POST);
    char error[CONNECTION_ERROR_MAX]; /* the session has made such channels: it is memory */
    options.own_connection = true;
    options.max_message_bytes = INT32_MAX;
    all->channels = calloc((size_t)all->plan->connections, sizeof(struct channel *));
    if (all->channels == NULL)
        return ENOMEM;
    for (; all->nchannels < (size_t)all->plan->connections; all->nchannels++)
        if (!call_policy_channel(&all->channels[all->nchannels], all->plan->target, "v1.post.Post",
                                 options, error))
            return ENOMEM;
    return 0;
}

int followers_open(struct bench_followers *all)
{
    all->n = all->open = all->opening = (size_t)(all->plan->connections * all->plan->streams);
    all->each = calloc(all->n, sizeof *all->each);
    if (all->each == NULL || open_channels(all) != 0) {
        followers_close(all);
        return ENOMEM;
    }
    for (size_t i = 0; i < all->n; i++)
        all->each[i] = (struct bench_follower){ .all = all, .number = i, .again.fired = on_again };
    for (size_t i = 0; i < all->n; i++)
        call(&all->each[i]);
    return 0;
}

void followers_cut(struct bench_followers *all)
{
    all->closing = true;
    for (size_t i = 0; i < all->n; i++) {
        struct bench_follower *f = &all->each[i];
        if (f->stream != NULL) {
            stream_fail(f->stream, STATUS_CANCELLED, "the run is over");
        } else if (f->is == AWAY) {
            timer_stop(&f->again);
            go(f);
        }
    }
}

void followers_close(struct bench_followers *all)
{
    for (size_t i = 0; i < all->nchannels; i++)
        channel_free(all->channels[i]);
    free(all->channels);
    free(all->each);
    all->channels = NULL;
    all->each = NULL;
    all->nchannels = 0;
}
