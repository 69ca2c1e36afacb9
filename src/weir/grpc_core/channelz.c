/* The core tells in JSON: numbers are strings in it, and what is 0 is left out. */
#include "channelz.h"

#include <grpc/grpc.h>
#include <grpc/support/alloc.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

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

static void add_socket(struct channelz_stats *sums, uint64_t id)
{
    json_t *root = parse(grpc_channelz_get_socket((intptr_t)id)); /* NULL: just closed */
    const json_t *data = json_object_get(json_object_get(root, "socket"), "data");
    sums->connections += root != NULL;
    sums->streams_started += number(data, "streamsStarted");
    sums->streams_succeeded += number(data, "streamsSucceeded");
    sums->streams_failed += number(data, "streamsFailed");
    sums->messages_received += number(data, "messagesReceived");
    sums->messages_sent += number(data, "messagesSent");
    sums->keepalives_sent += number(data, "keepAlivesSent");
    json_decref(root);
}

static void add_sockets(struct channelz_stats *sums, uint64_t server)
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

static void add_server(struct channelz_stats *sums, const json_t *server)
{
    const json_t *data = json_object_get(server, "data");
    sums->calls_started += number(data, "callsStarted");
    sums->calls_succeeded += number(data, "callsSucceeded");
    sums->calls_failed += number(data, "callsFailed");
    add_sockets(sums, number(json_object_get(server, "ref"), "serverId"));
}

void channelz_of_servers(struct channelz_stats *ret)
{
    json_t *root = parse(grpc_channelz_get_servers(0)), *server;
    size_t i;
    *ret = (struct channelz_stats){ 0 };
    json_array_foreach(json_object_get(root, "server"), i, server) add_server(ret, server);
    json_decref(root);
}
