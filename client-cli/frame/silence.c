#include "silence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "call_policy.h"
#include "calls.h"
#include "common.h"
#include "grpc/health/v1/health.pb-c.h"
#include "session.h"

#define ASK_MS   250
#define SAY_MS   450  /* half a second, less what is in between */
#define LATE_MS  2000 /* of a first answer by a server that says that it serves */
#define PROBE_MS 10000

/* What gRPC's core takes at most for a name and for a connection, each. */
#define CONNECT_MOST_S 10

#define USER_SERVICE    "v1.user.User"
#define NOT_SERVING_NOW GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING

/* --- A line ------------------------------------------------------------------------- */

/* Of "failed to connect to all addresses; last error: UNKNOWN: ...: Connection refused" the
 * last part says it. */
static const char *last_part(const char *cause)
{
    const char *part = cause;
    for (const char *c = cause; (c = strstr(c, ": ")) != NULL;)
        part = c += 2;
    return part;
}

/* The whole seconds from now to @ms on the loop's clock; at least 1. */
static unsigned seconds_to(const struct session *s, uint64_t ms)
{
    const uint64_t now_ms = loop_now_ms(s->loop);
    const uint64_t left_ms = ms > now_ms ? ms - now_ms : 0;
    return left_ms < 1500 ? 1 : (unsigned)((left_ms + 500) / 1000);
}

/* What ends the wait at last, where no time was set for it. */
static void put_end(const struct silence *q, char *to, size_t room)
{
    const uint64_t dead_ms = call_policy.keepalive_time_ms + call_policy.keepalive_timeout_ms;
    if (q->lacks_user)
        snprintf(to, room, "Post waits for it, for post-server's --user-timeout (5 s by default)");
    else if (call_policy.wait_for_ready)
        snprintf(to, room, "waiting until it does");
    else if (!channel_connected(q->of.channel))
        snprintf(to, room, "waiting for it, %d s at most", CONNECT_MOST_S);
    else if (call_policy.keepalive_time_ms > 0 && !q->serves)
        snprintf(to, room, "waiting for it, %u s at most", (unsigned)(dead_ms / 1000));
    else
        snprintf(to, room, "waiting for it");
}

/* Until when? A call that Post lets wait for User is not made again if it is the first. */
static void put_until(const struct session *s, char *to, size_t room)
{
    const struct silence *q = &s->silence;
    const uint64_t deadline_ms =
        s->options->deadline_ms > 0 ? s->started_ms + s->options->deadline_ms : UINT64_MAX;
    const bool tries = q->give_up_ms > 0 && (q->trying || !q->lacks_user);
    if (tries && q->give_up_ms < deadline_ms)
        snprintf(to, room, "trying again, %u s at most", seconds_to(s, q->give_up_ms));
    else if (deadline_ms < UINT64_MAX)
        snprintf(to, room, "waiting for it, %u s at most (--deadline)", seconds_to(s, deadline_ms));
    else if (tries)
        snprintf(to, room, "trying again until it does");
    else
        put_end(q, to, room);
}

static void say(struct session *s)
{
    struct silence *q = &s->silence;
    char until[96];
    const char *colon = q->cause[0] != '\0' ? ": " : "";
    put_until(s, until, sizeof until);
    if (q->busy)
        session_say(s, "%s at %s has no room: %s; %s", q->of.name, q->of.target, q->cause, until);
    else if (q->lacks_user)
        session_say(s, "User does not answer%s%s; %s", colon, last_part(q->cause), until);
    else
        session_say(s, "%s at %s does not answer%s%s%s; %s", q->of.name, q->of.target,
                    q->serves ? ", though it is there" : "", colon, last_part(q->cause), until);
}

/* --- The question ------------------------------------------------------------------- */

static void on_health(struct stream *probe, const ProtobufCMessage *message, struct bytes bytes)
{
    const Grpc__Health__V1__HealthCheckResponse *m =
        (const Grpc__Health__V1__HealthCheckResponse *)message;
    struct silence *q = &((struct session *)probe->data)->silence;
    (void)bytes;
    q->lacks_user = q->of.needs_user && m->status == NOT_SERVING_NOW;
}

/* Whoever answers at all is there, also with an error. */
static void on_probe_close(struct stream *probe, const struct status *status)
{
    struct session *s = probe->data;
    struct silence *q = &s->silence;
    q->probe = NULL;
    if (!q->running)
        return;
    const bool unreached =
        status->code == STATUS_UNAVAILABLE || status->code == STATUS_DEADLINE_EXCEEDED;
    q->serves = !unreached && !q->lacks_user;
    if (status->code == STATUS_UNAVAILABLE && !q->trying)
        snprintf(q->cause, sizeof q->cause, "%s", status->message);
}

static const struct stream_handler probe_handler = {
    .message = &grpc__health__v1__health_check_response__descriptor,
    .on_message = on_health,
    .on_close = on_probe_close,
};

static void on_ask(struct timer *t)
{
    struct session *s = container_of(t, struct session, silence.ask);
    struct silence *q = &s->silence;
    const struct call_options options = { .timeout_ms = PROBE_MS };
    Grpc__Health__V1__HealthCheckRequest m = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    if (q->of.needs_user)
        m.service = (char *)(uintptr_t)USER_SERVICE;
    if (q->probe != NULL || channel_open(q->of.channel, s->loop, "/grpc.health.v1.Health/Check",
                                         &probe_handler, s, &options, &q->probe) != 0)
        return;
    if (stream_send_message(q->probe, &m.base, STREAM_LAST) == 0)
        stream_read(q->probe);
}

static void on_say(struct timer *t)
{
    struct session *s = container_of(t, struct session, silence.say);
    struct silence *q = &s->silence;
    const bool late = t->due_ms - q->began_ms >= LATE_MS;
    if (!q->serves || q->trying || (late && q->of.first))
        say(s);
    else if (!late)
        timer_start(s->loop, t, LATE_MS - SAY_MS);
}

/* --- Life --------------------------------------------------------------------------- */

static void start(struct session *s)
{
    struct silence *q = &s->silence;
    q->running = true;
    q->began_ms = loop_now_ms(s->loop);
    q->ask.fired = on_ask;
    q->say.fired = on_say;
    timer_start(s->loop, &q->say, SAY_MS);
}

void silence_begin(struct session *s, const struct silence_of *of)
{
    struct silence *q = &s->silence;
    q->of = *of;
    if (q->running)
        return;
    start(s);
    if (q->tries_ms > 0)
        q->give_up_ms = q->tries_ms == UINT64_MAX ? UINT64_MAX : q->began_ms + q->tries_ms;
    timer_start(s->loop, &q->ask, ASK_MS);
}

void silence_failed(struct session *s, const struct status *why, uint64_t give_up_ms)
{
    struct silence *q = &s->silence;
    if (!q->running)
        start(s);
    timer_stop(&q->ask);
    q->trying = true;
    q->give_up_ms = give_up_ms;
    q->busy = why->code == STATUS_RESOURCE_EXHAUSTED;
    q->lacks_user = strcmp(why->reason, "USER_UNREACHABLE") == 0;
    snprintf(q->cause, sizeof q->cause, "%s", why->message);
}

static void stop(struct silence *q)
{
    const struct status enough = status_of(STATUS_CANCELLED, "nothing is waited for any more");
    timer_stop(&q->ask);
    timer_stop(&q->say);
    if (q->probe != NULL)
        stream_finish(q->probe, &enough);
    q->running = false;
}

void silence_over(struct session *s)
{
    struct silence *q = &s->silence;
    if (!q->running)
        return;
    stop(q);
    q->trying = q->busy = q->serves = q->lacks_user = false;
    q->give_up_ms = 0;
    q->cause[0] = '\0';
}

void silence_end(struct session *s)
{
    stop(&s->silence);
}

struct status silence_explain(const struct session *s, const struct status *status)
{
    const struct silence *q = &s->silence;
    struct status told = *status;
    if (status->code != STATUS_DEADLINE_EXCEEDED || s->options->deadline_ms == 0 || !q->running)
        return told;
    if (q->cause[0] != '\0')
        return status_of(status->code, "%.100s: %s at %.100s: %.250s", status->message, q->of.name,
                         q->of.target, q->cause);
    if (q->lacks_user)
        return status_of(status->code, "%.100s: User does not answer", status->message);
    if (!channel_connected(q->of.channel))
        return status_of(status->code, "%.100s: there is no connection to %s at %.200s",
                         status->message, q->of.name, q->of.target);
    return told;
}
