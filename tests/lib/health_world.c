#include "health_world.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "grpc/health/v1/health.pb-c.h"

static const struct service a = { .name = "a" }, b = { .name = "b" }, other = { .name = "other" };
const struct service *const health_world_services[HEALTH_WORLD_NSERVICES] = { &a, &b, &other };

void health_world_open(struct health_world *w)
{
    cr_assert_eq(loop_new(&w->loop, LOOP_IN_UV), 0);
    cr_assert_eq(health_new(&w->health, &w->loop, 1, health_world_services, HEALTH_WORLD_NSERVICES),
                 0);
}

void health_world_close(struct health_world *w)
{
    loop_free(w->loop);
    health_free(w->health);
}

struct fake_stream *health_call(struct health_world *w, const char *method, const char *service)
{
    char path[64];
    uint8_t request[512];
    Grpc__Health__V1__HealthCheckRequest m = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    m.service = (char *)service;
    cr_assert_leq(protobuf_c_message_get_packed_size(&m.base), sizeof request);
    const size_t len = protobuf_c_message_pack(&m.base, request);
    const struct service *const services[] = { health_service(w->health) };
    snprintf(path, sizeof path, "/grpc.health.v1.Health/%s", method);
    return fake_stream_request(w->loop, services_find(services, 1, path), bytes_of(request, len));
}

enum health_state health_sent(const struct fake_stream *f, size_t i)
{
    ProtobufCMessage *m =
        fake_stream_sent_message(f, i, &grpc__health__v1__health_check_response__descriptor);
    const int state = (int)((Grpc__Health__V1__HealthCheckResponse *)m)->status;
    protobuf_c_message_free_unpacked(m, NULL);
    return (enum health_state)state;
}

enum health_state health_check(struct health_world *w, const char *service)
{
    struct fake_stream *f = health_call(w, "Check", service);
    LOOP_UNTIL(w->loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK, "%s", f->status.message);
    cr_assert_eq(f->sent.n, 1);
    const enum health_state state = health_sent(f, 0);
    fake_stream_free(f);
    return state;
}
