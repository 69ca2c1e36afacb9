/* interop-server: a server program is a table of services and daemon_main(). */
#include "flags.h"
#include "serverkit/daemon/daemon.h"
#include "service.h"

static const struct service *const services[] = { &test_service };

int main(int argc, char **argv)
{
    const struct daemon_program program = {
        .name = "interop-server",
        .summary = "Serves what gRPC's implementations test each other with.",
        .listen = "localhost:8080",
        .services = services,
        .nservices = 1,
    };
    argv = flags_translate(&argc, argv);
    return daemon_main(&program, argc, argv);
}
