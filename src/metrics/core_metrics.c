/* What channelz tells, in JSON: numbers are strings in it, and what is 0 is
 * left out. */
#include <grpc/grpc.h>
#include <grpc/support/alloc.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

#include "metrics.h"

struct figure {
    const char *key, *name, *help;
};

static const struct figure of_server[] = {
    { "callsStarted", "calls_started_total", "Calls that reached the core." },
    { "callsSucceeded", "calls_succeeded_total", "Calls that the core ended with OK." },
    { "callsFailed", "calls_failed_total", "Calls that the core ended otherwise." },
};

static const struct figure of_sockets[] = {
    { "streamsStarted", "connection_streams_started", "Streams, of the open connections." },
    { "streamsSucceeded", "connection_streams_succeeded",
      "Streams that ended well, of the open connections." },
    { "streamsFailed", "connection_streams_failed",
      "Streams that were cut, of the open connections." },
    { "messagesReceived", "connection_messages_received",
      "Messages received on the open connections." },
    { "messagesSent", "connection_messages_sent", "Messages sent on the open connections." },
    { "keepAlivesSent", "connection_keepalives_sent", "Pings sent on the open connections." },
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct sums {
    uint64_t server[COUNT(of_server)], sockets[COUNT(of_sockets)];
    uint64_t connections;
};

/* Takes the text, which is gRPC's. NULL: there is none. */
static json_t *parse(char *text)
{
    json_t *root = text != NULL ? json_loads(text, 0, NULL) : NULL;
    gpr_free(text);
    return root;
}

static uint64_t number(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static void add(uint64_t *sums, const struct figure *figures, size_t n, const json_t *data)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += number(data, figures[i].key);
}

static void add_socket(struct sums *sums, uint64_t id)
{
    json_t *root = parse(grpc_channelz_get_socket((intptr_t)id)); /* NULL: just closed */
    const json_t *socket = json_object_get(root, "socket");
    add(sums->sockets, of_sockets, COUNT(of_sockets), json_object_get(socket, "data"));
    sums->connections += root != NULL;
    json_decref(root);
}

static void add_sockets(struct sums *sums, uint64_t server)
{
    uint64_t from = 0;
    bool more = true;
    while (more) {
        json_t *root = parse(grpc_channelz_get_server_sockets((intptr_t)server, (intptr_t)from, 0));
        json_t *refs = json_object_get(root, "socketRef"), *ref;
        size_t i;
        json_array_foreach(refs, i, ref)
        {
            const uint64_t id = number(ref, "socketId");
            add_socket(sums, id);
            from = id + 1;
        }
        more = json_array_size(refs) > 0 && !json_is_true(json_object_get(root, "end"));
        json_decref(root);
    }
}

static void add_servers(struct sums *sums)
{
    json_t *root = parse(grpc_channelz_get_servers(0)), *server;
    size_t i;
    json_array_foreach(json_object_get(root, "server"), i, server)
    {
        add(sums->server, of_server, COUNT(of_server), json_object_get(server, "data"));
        add_sockets(sums, number(json_object_get(server, "ref"), "serverId"));
    }
    json_decref(root);
}

static void print(struct exposition *e, const struct figure *figures, size_t n,
                  enum metric_kind kind, const uint64_t *sums)
{
    for (size_t i = 0; i < n; i++) {
        exposition_family(e, "grpc_core", figures[i].name, kind, figures[i].help);
        exposition_count(e, NULL, sums[i]);
    }
}

void metrics_of_core(struct exposition *e, void *arg)
{
    struct sums sums = { 0 };
    (void)arg;
    add_servers(&sums);
    print(e, of_server, COUNT(of_server), METRIC_COUNTER, sums.server);
    exposition_family(e, "grpc_core", "connections", METRIC_GAUGE, "Open connections.");
    exposition_count(e, NULL, sums.connections);
    print(e, of_sockets, COUNT(of_sockets), METRIC_GAUGE, sums.sockets);
}
