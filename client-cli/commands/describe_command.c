/* describe: what a server serves, by one request of its reflection, v1 or else v1alpha. */
#include <errno.h>
#include <string.h>

#include "base/nesting.h"
#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "client-cli/output/text.h"
#include "describe_print.h"
#include "grpc/reflection/v1/reflection.pb-c.h"

#define V1    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

#define REQUEST(name)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define RESPONSE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

static const char *symbol; /* NULL: the services */
static bool comments = true;
static bool alpha; /* by the older name, which the server may know */
static bool again; /* with that */

/* --- Answers ------------------------------------------------------------------------ */

static int put_services(struct buf *b, const Grpc__Reflection__V1__ListServiceResponse *m)
{
    for (size_t i = 0; i < m->n_service; i++)
        if (text_put(b, m->service[i]->name, -1) < 0 || !buf_append(b, bytes_of_text("\n")))
            return ENOMEM;
    return 0;
}

/* E2BIG: what is in it lies too deep. The stream has seen to the message only, and
 * files are bytes there. */
static int put_file(struct buf *b, struct bytes bytes)
{
    const enum nesting nesting =
        nesting_check(&google__protobuf__file_descriptor_proto__descriptor, bytes);
    if (nesting != NESTING_FINE)
        return nesting == NESTING_TOO_DEEP ? E2BIG : EINVAL;
    Google__Protobuf__FileDescriptorProto *file =
        google__protobuf__file_descriptor_proto__unpack(NULL, bytes.len, bytes.data);
    if (file == NULL)
        return EINVAL;
    const int rv = describe_print(b, file, symbol, comments);
    google__protobuf__file_descriptor_proto__free_unpacked(file, NULL);
    return rv;
}

/* The file that was asked for is the first one, in most servers. */
static int put_symbol(struct buf *b, const Grpc__Reflection__V1__FileDescriptorResponse *m)
{
    int rv = ENOENT;
    for (size_t i = 0; i < m->n_file_descriptor_proto && rv == ENOENT; i++)
        rv = put_file(b,
                      bytes_of(m->file_descriptor_proto[i].data, m->file_descriptor_proto[i].len));
    return rv;
}

static void fail(struct stream *stream, int error)
{
    if (error == ENOENT)
        stream_fail(stream, STATUS_NOT_FOUND,
                    "%s is not a service, method, message, field or enum of what the server sent",
                    symbol);
    else if (error == E2BIG)
        stream_fail(stream, STATUS_INTERNAL, "the server sent a %s that has " NESTING_TOO_DEEP_TEXT,
                    google__protobuf__file_descriptor_proto__descriptor.name);
    else if (error == EINVAL)
        stream_fail(stream, STATUS_INTERNAL, "the server sent something that is not a descriptor");
    else if (error == ENOMEM)
        session_no_memory(stream);
}

static enum status_code code_of(const Grpc__Reflection__V1__ErrorResponse *m)
{
    const bool known = m->error_code > STATUS_OK && m->error_code <= STATUS_UNAUTHENTICATED;
    return known ? (enum status_code)m->error_code : STATUS_UNKNOWN;
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const Grpc__Reflection__V1__ServerReflectionResponse *m =
        (const Grpc__Reflection__V1__ServerReflectionResponse *)message;
    struct buf *b = output_buf(&s->out);
    (void)bytes;
    if (m->message_response_case == RESPONSE(ERROR_RESPONSE))
        stream_fail(s->call, code_of(m->error_response), "%s", m->error_response->error_message);
    else if (m->message_response_case == RESPONSE(LIST_SERVICES_RESPONSE) && symbol == NULL)
        fail(s->call, put_services(b, m->list_services_response));
    else if (m->message_response_case == RESPONSE(FILE_DESCRIPTOR_RESPONSE) && symbol != NULL)
        fail(s->call, put_symbol(b, m->file_descriptor_response));
    else
        stream_fail(s->call, STATUS_INTERNAL, "the server answered something else");
    output_commit(&s->out);
}

/* "/v1.post.Post/GetPost", as calls have it, is "v1.post.Post.GetPost" here. */
static const char *symbol_of(char *argument)
{
    for (char *c = argument + 1; *argument != '\0' && (c = strchr(c, '/')) != NULL;)
        *c = '.';
    return argument + (*argument == '/');
}

static void next(struct session *s)
{
    static char all[] = "*";
    Grpc__Reflection__V1__ServerReflectionRequest m =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    symbol = s->argument_count > 0 ? symbol_of(s->arguments[0]) : NULL;
    m.message_request_case =
        symbol != NULL ? REQUEST(FILE_CONTAINING_SYMBOL) : REQUEST(LIST_SERVICES);
    if (symbol != NULL)
        m.file_containing_symbol = (char *)(uintptr_t)symbol;
    else
        m.list_services = all;
    calls_ask(s, session_channel(s), alpha ? ALPHA : V1, &m.base);
}

static struct status judge(struct session *s, const struct status *status)
{
    again = status->code == STATUS_UNIMPLEMENTED && !alpha;
    alpha = true;
    return again ? status_ok() : calls_answered(s, status);
}

static bool more(struct session *s)
{
    (void)s;
    return again;
}

static const struct option_row rows[] = {
    OPT_FLAG("comments", comments, "print the comments of the .proto file, if the server has them"),
    ROW_SERVER,
    ROW_DEADLINE,
};

const struct routine describe_routine = {
    .options = { rows, COUNT_OF(rows) },
    .any_server = true,
    .brings = { .answer = &grpc__reflection__v1__server_reflection_response__descriptor },
    .next = next,
    .take = take,
    .judge = judge,
    .more = more,
};
