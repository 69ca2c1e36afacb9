/* describe: what a server serves, by one request of its reflection. */
#include <errno.h>

#include "base/nesting.h"
#include "command.h"
#include "common.h"
#include "describe_print.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "text.h"
#include "which_server.h"

#define PATH "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

#define REQUEST(name)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define RESPONSE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

struct describe {
    struct session *session;
    struct stream *call;
    bool answered;
};

static const char *symbol; /* NULL: the services */
static int server;

/* --- Answers --------------------------------------------------------------------------- */

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
    const int rv = describe_print(b, file, symbol);
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
                    "%s is no service, method, message, field or enum of what the server sent",
                    symbol);
    else if (error == E2BIG)
        stream_fail(stream, STATUS_INTERNAL, "the server sent a %s that has " NESTING_TOO_DEEP_TEXT,
                    google__protobuf__file_descriptor_proto__descriptor.name);
    else if (error == EINVAL)
        stream_fail(stream, STATUS_INTERNAL, "the server sent what is no descriptor");
    else if (error == ENOMEM)
        stream_fail(stream, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

static enum status_code code_of(const Grpc__Reflection__V1__ErrorResponse *m)
{
    const bool known = m->error_code > STATUS_OK && m->error_code <= STATUS_UNAUTHENTICATED;
    return known ? (enum status_code)m->error_code : STATUS_UNKNOWN;
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct describe *d = stream->data;
    const Grpc__Reflection__V1__ServerReflectionResponse *m =
        (const Grpc__Reflection__V1__ServerReflectionResponse *)message;
    struct buf *b = output_buf(&d->session->out);
    (void)bytes;
    d->answered = true;
    if (m->message_response_case == RESPONSE(ERROR_RESPONSE))
        stream_fail(stream, code_of(m->error_response), "%s", m->error_response->error_message);
    else if (m->message_response_case == RESPONSE(LIST_SERVICES_RESPONSE) && symbol == NULL)
        fail(stream, put_services(b, m->list_services_response));
    else if (m->message_response_case == RESPONSE(FILE_DESCRIPTOR_RESPONSE) && symbol != NULL)
        fail(stream, put_symbol(b, m->file_descriptor_response));
    else
        stream_fail(stream, STATUS_INTERNAL, "the server answered something else");
    output_commit(&d->session->out);
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct describe *d = stream->data;
    const struct status silent =
        status_of(STATUS_INTERNAL, "the server answered OK without a message");
    d->call = NULL;
    if (status->code != STATUS_OK)
        session_fail(d->session, status);
    else if (!d->answered)
        session_fail(d->session, &silent);
    else
        session_end(d->session, EXIT_DONE);
}

static const struct stream_handler handler = {
    .message = &grpc__reflection__v1__server_reflection_response__descriptor,
    .on_message = on_message,
    .on_end = on_end,
    .on_close = on_close,
};

/* --- Life -------------------------------------------------------------------------------- */

static void on_stop(struct session *s)
{
    struct describe *d = s->command;
    if (d->call != NULL)
        stream_fail(d->call, STATUS_CANCELLED, "stopped");
    else
        session_end(s, EXIT_DONE);
}

static int send_request(struct stream *call)
{
    static char all[] = "*";
    Grpc__Reflection__V1__ServerReflectionRequest m =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    m.message_request_case =
        symbol != NULL ? REQUEST(FILE_CONTAINING_SYMBOL) : REQUEST(LIST_SERVICES);
    if (symbol != NULL)
        m.file_containing_symbol = (char *)(uintptr_t)symbol;
    else
        m.list_services = all;
    return stream_send_message(call, &m.base, STREAM_LAST);
}

static void start(struct session *s)
{
    struct describe *d = s->command;
    struct status status;
    d->session = s;
    d->call = session_open(s, which_channel(s, server), PATH, &handler, d, &status);
    if (d->call == NULL)
        session_fail(s, &status);
    else if (send_request(d->call) == 0)
        stream_read(d->call);
    else
        stream_fail(d->call, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

static struct common common = { COMMON_DEFAULTS };

static const struct option_row rows[] = {
    ROW_SERVER(server),
    ROW_DEADLINE(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "describe [OPTION]... [SYMBOL]",
    .summary = "Tells what a server serves, by its reflection: the names of its services, or the\n"
               "definition of a service, method, message, field or enum (v1.post.PostMessage).",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int describe_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    if (argc - first > 1)
        return usage_error("describe", "takes one name", argv[first + 1]);
    symbol = first < argc ? argv[first] : NULL;
    struct describe d = { 0 };
    struct session session = { .command = &d, .start = start, .on_stop = on_stop };
    common.progress = false;
    return session_run(&session, &common);
}
