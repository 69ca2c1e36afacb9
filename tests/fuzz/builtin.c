/* Requests of the services that every server has, health and reflection, as
 * bytes: each call ends, and not because of the server. */
#include "fuzz_call.h"
#include "lib/health_world.h"
#include "serverkit/reflection/reflection.h"

static struct health_world g_world;
static const struct service *g_services[1 + REFLECTION_NSERVICES];

static void open_world(void)
{
    static const struct service user = { .name = "v1.user.User" };
    const struct service *const services[] = { &user };
    struct reflection *reflection;
    if (g_services[0] != NULL)
        return;
    health_world_open(&g_world);
    cr_assert_eq(reflection_new(&reflection, services, 1, NULL), 0);
    g_services[0] = health_service(g_world.health);
    for (int i = 0; i < REFLECTION_NSERVICES; i++)
        g_services[1 + i] = &reflection_services(reflection)[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    open_world();
    const uint8_t which = fuzz_byte(&in);
    const struct service *service = g_services[which % (1 + REFLECTION_NSERVICES)];
    struct fake_stream *f =
        fuzz_call(g_world.loop, &service->methods[which / 4 % service->nmethods], in);
    loop_turns(g_world.loop, 2);
    fake_stream_drain(f); /* what ends a watch */
    LOOP_UNTIL(g_world.loop, f->closed);
    cr_assert(f->status.code != STATUS_INTERNAL && f->status.code != STATUS_UNKNOWN);
    fake_stream_free(f);
    return 0;
}
