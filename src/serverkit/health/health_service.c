/* The calls Check and Watch. */
#include <errno.h>
#include <stdlib.h>

#include "base/wire.h"
#include "grpc/health/v1/health.pb-c.h"
#include "health_internal.h"

static const struct health *health_of(const struct stream *s)
{
    return s->method->data;
}

static int send_state(struct stream *s, enum health_state state, unsigned flags)
{
    Grpc__Health__V1__HealthCheckResponse m = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    m.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)state;
    return stream_send_message(s, &m.base, flags);
}

/* false: the call has failed. */
static bool check_name(struct stream *s, const ProtobufCMessage *message, struct bytes raw)
{
    if (wire_bad_text(message->descriptor, raw) == NULL)
        return true;
    stream_fail_field(s, "service", "FIELD_NOT_TEXT",
                      "service is not valid text: UTF-8 without NUL");
    return false;
}

/* --- Check -------------------------------------------------------------------------- */

static void on_check(struct stream *s, const ProtobufCMessage *message, struct bytes raw)
{
    const Grpc__Health__V1__HealthCheckRequest *m =
        (const Grpc__Health__V1__HealthCheckRequest *)message;
    if (!check_name(s, message, raw))
        return;
    const struct health_entry *entry = health_find(health_of(s), m->service);
    if (entry == NULL)
        stream_fail_because(s, STATUS_NOT_FOUND, "SERVICE_NOT_FOUND", "there is no service %s",
                            m->service);
    else if (send_state(s, health_state(health_of(s), entry), STREAM_LAST) != 0)
        stream_fail_memory(s);
}

const struct stream_handler health_check_handler = {
    .message = &grpc__health__v1__health_check_request__descriptor,
    .on_message = on_check,
};

/* --- Watch -------------------------------------------------------------------------- */

struct health_watch {
    struct news_reader reader;
    struct stream *stream;
    const struct health *health;
    const struct health_entry *entry; /* NULL: of a service that we do not know */
    bool told;
    enum health_state last; /* what was told */
    bool draining;
};

/* Tells the state unless that was the last word. Without room: on_sent comes,
 * and what changes until then is told at once. */
static void tick(struct health_watch *w)
{
    const enum health_state state = health_state(w->health, w->entry);
    if (w->stream->finished)
        return;
    if (!w->told || w->last != state) {
        const int rv = send_state(w->stream, state, 0);
        if (rv == EAGAIN)
            return;
        if (rv != 0) {
            stream_fail_memory(w->stream);
            return;
        }
        w->told = true;
        w->last = state;
    }
    if (w->draining)
        stream_fail_stopping(w->stream);
}

static void look(struct news_reader *reader)
{
    tick(container_of(reader, struct health_watch, reader));
}

static void on_watch_open(struct stream *s)
{
    struct health_watch *w = stream_new_data(s, sizeof *w);
    if (w == NULL)
        return;
    w->reader.look = look;
    w->stream = s;
    w->health = health_of(s);
}

static void on_watch(struct stream *s, const ProtobufCMessage *message, struct bytes raw)
{
    const Grpc__Health__V1__HealthCheckRequest *m =
        (const Grpc__Health__V1__HealthCheckRequest *)message;
    struct health_watch *w = s->data;
    if (w == NULL || !check_name(s, message, raw))
        return;
    w->entry = health_find(w->health, m->service);
    news_join(&w->health->news, s->loop, &w->reader);
    tick(w);
}

static void on_watch_sent(struct stream *s)
{
    tick(s->data);
}

static void on_watch_drain(struct stream *s)
{
    struct health_watch *w = s->data;
    if (w == NULL)
        return;
    w->draining = true;
    tick(w);
}

static void on_watch_close(struct stream *s, const struct status *status)
{
    struct health_watch *w = s->data;
    (void)status;
    if (w == NULL)
        return;
    news_leave(&w->reader);
    free(w);
}

const struct stream_handler health_watch_handler = {
    .message = &grpc__health__v1__health_check_request__descriptor,
    .on_open = on_watch_open,
    .on_message = on_watch,
    .on_sent = on_watch_sent,
    .on_drain = on_watch_drain,
    .on_close = on_watch_close,
};
