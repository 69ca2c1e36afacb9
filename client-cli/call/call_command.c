/* call: any method of any server, by what its reflection or a file says of its messages.
 *
 *   SCHEMA -the server's reflection was asked, or the file was read-> REQUEST
 *   REQUEST -the first one is there, or there may be many-> CALL -its status-> end
 *
 * Responses are printed as they come, and read while the output has room. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "call_details.h"
#include "call_metadata.h"
#include "call_requests.h"
#include "call_schema.h"
#include "client-cli/commands.h"
#include "client-cli/frame/call_policy.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "client-cli/output/json_paint.h"
#include "client-cli/output/terminal.h"
#include "pbjson/pbjson.h"
#include "weir/status_details.h"

#define INDENT 2

static struct option_list headers;
static const char *proto_set; /* a file; NULL: the server is asked */
static bool defaults, proto_names, indent;

static const char *name; /* of the method, as it was given */
static struct schema schema;
static struct pb_pool *pool;
static const struct pb_method *method; /* NULL: in SCHEMA */
static struct call_requests requests;
static struct stream *stream; /* of CALL */
static bool headers_said;
static struct buf *details; /* a google.rpc.Status; NULL: none came */

static bool calling(void)
{
    return stream != NULL;
}

/* --- SCHEMA ------------------------------------------------------------------------- */

static void ask_schema(struct session *s)
{
    s->handler.message = &grpc__reflection__v1__server_reflection_response__descriptor;
    if (!calls_open(s, session_channel(s), schema_path(&schema)))
        return;
    call_headers_put(s->call, &headers);
    schema_ask(&schema, s);
}

static struct status judge_schema(struct session *s, const struct status *status)
{
    if (schema_again(&schema, status))
        return status_ok();
    if (status->code == STATUS_UNIMPLEMENTED)
        return status_of(STATUS_UNIMPLEMENTED,
                         "the server has no reflection (%s): give what protoc "
                         "--descriptor_set_out --include_imports writes as --proto-set",
                         status->message);
    const struct status answered = calls_answered(s, status);
    if (answered.code == STATUS_OK)
        pool = schema.pool;
    return answered;
}

static bool begin(struct session *s)
{
    char error[SCHEMA_ERROR_BYTES];
    struct bytes method_name;
    name = s->arguments[0];
    if (proto_set == NULL)
        return schema_init(&schema, schema_service(name, &method_name));
    pool = schema_read(proto_set, error);
    if (pool != NULL)
        return true;
    session_say(s, "--proto-set: %s", error);
    session_end(s, EXIT_USAGE);
    return false;
}

/* --- REQUEST ------------------------------------------------------------------------ */

/* Of Post's methods those that answer with the names of authors. */
static bool needs_names(const char *path)
{
    return strncmp(path, "/v1.post.Post/Get", strlen("/v1.post.Post/Get")) == 0 ||
           strncmp(path, "/v1.post.Post/List", strlen("/v1.post.Post/List")) == 0;
}

static void open_call(struct session *s)
{
    char path[512];
    struct bytes method_name;
    const struct bytes service = schema_service(name, &method_name);
    snprintf(path, sizeof path, "/%.*s/%.*s", (int)service.len, (const char *)service.data,
             (int)method_name.len, (const char *)method_name.data);
    s->handler.message = NULL;
    calls_restart_deadline(s);
    if (!calls_open(s, session_channel(s), path))
        return;
    stream = s->call;
    if (proto_set == NULL) /* the server has answered just now */
        silence_over(s);
    if (needs_names(path))
        calls_await_names(s);
    call_headers_put(stream, &headers);
    calls_read(s);
    call_requests_open(&requests);
}

static void begin_requests(struct session *s)
{
    const char *json = s->argument_count > 1 ? s->arguments[1] : NULL;
    const struct status no_memory = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    method = pb_find_method(pool, bytes_of_text(name));
    if (method == NULL) {
        const struct status status = schema_no_method(pool, schema.services, name);
        session_fail(s, &status);
        return;
    }
    requests.on_ready = open_call;
    if (!call_requests_begin(&requests, s, pool, method, json))
        session_fail(s, &no_memory);
}

static void next(struct session *s)
{
    if (pool == NULL)
        ask_schema(s);
    else
        begin_requests(s);
}

static void on_sent(struct session *s)
{
    (void)s;
    if (calling())
        call_requests_room(&requests);
}

/* --- CALL --------------------------------------------------------------------------- */

static void say_headers(struct session *s)
{
    if (!connection.verbose || headers_said)
        return;
    headers_said = true;
    call_metadata_say(s, stream, METADATA_HEADERS);
}

/* The same as pbjson_print(). */
static int print_painted(struct buf *b, struct bytes message, const struct pbjson_print *options,
                         char *error)
{
    const struct json_paint paint = { .colours = true };
    struct buf *plain = buf_new(1024);
    if (plain == NULL)
        return ENOMEM;
    int rv = pbjson_print(plain, pool, method->output, message, options, error);
    if (rv == 0 && !json_paint(b, buf_bytes(plain), &paint))
        rv = ENOMEM;
    buf_unref(plain);
    return rv;
}

static bool print(struct session *s, struct bytes message)
{
    const struct pbjson_print options = {
        .proto_names = proto_names,
        .defaults = defaults,
        .indent = indent ? INDENT : 0,
    };
    char error[PBJSON_ERROR_BYTES];
    struct buf *b = output_buf(&s->out);
    const int rv = terminal_colours()
                       ? print_painted(b, message, &options, error)
                       : pbjson_print(b, pool, method->output, message, &options, error);
    if (rv == ENOMEM || (rv == 0 && !buf_append(b, bytes_of_text("\n"))))
        session_no_memory(s->call);
    else if (rv != 0)
        stream_fail(s->call, STATUS_INTERNAL, "a response: %s", error);
    output_commit(&s->out);
    return rv == 0;
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    if (!calling()) {
        schema_take(&schema, s, (const Grpc__Reflection__V1__ServerReflectionResponse *)message);
        return;
    }
    say_headers(s);
    if (print(s, bytes) && method->many_responses)
        calls_read(s);
}

static void say_details(struct session *s)
{
    call_details_say(s, pool, buf_bytes(details));
}

static void keep_details(struct session *s)
{
    const struct bytes status = stream_get(stream, METADATA_TRAILERS, STATUS_DETAILS_NAME);
    if (status.len > 0 && (details = buf_copy(status)) != NULL)
        s->say_more = say_details;
}

static struct status judge_call(struct session *s, const struct status *status)
{
    say_headers(s);
    if (connection.verbose)
        call_metadata_say(s, stream, METADATA_TRAILERS);
    if (status->code != STATUS_OK)
        keep_details(s);
    return method->many_responses ? *status : calls_answered(s, status);
}

static struct status judge(struct session *s, const struct status *status)
{
    return calling() ? judge_call(s, status) : judge_schema(s, status);
}

static bool more(struct session *s)
{
    (void)s;
    return !calling();
}

/* --- Life --------------------------------------------------------------------------- */

/* A method that is called again does its work again, and nobody knows what that is here. */
static void prepare(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    call_policy.retries = 0;
    indent = terminal_is_one();
}

static int check(const struct command *c, int n, char **arguments)
{
    struct bytes method_name;
    const char *wrong = call_headers_check(&headers);
    if (n == 0)
        return usage_error(c->name, "which method?", "");
    if (schema_service(arguments[0], &method_name).len == 0)
        return usage_error(c->name, "a method is SERVICE/METHOD, not", arguments[0]);
    if (wrong != NULL)
        return usage_error(c->name, "a header is 'name: value', with base64 for \"-bin\", not",
                           wrong);
    return EXIT_DONE;
}

static void close_all(void)
{
    call_requests_close(&requests);
    if (pool != schema.pool)
        pb_pool_free(pool);
    pb_pool_free(schema.pool);
    schema_close(&schema);
    buf_unref(details);
}

static const struct option_row rows[] = {
    OPT_LIST("header", headers,
             "metadata to send; may be repeated; the value is base64 if the name ends in -bin",
             .arg = "'NAME: VALUE'", .letter = 'H'),
    OPT_TEXT("proto-set", proto_set,
             "read the types from what protoc --descriptor_set_out --include_imports wrote, "
             "instead of asking for reflection",
             .arg = "FILE"),
    OPT_FLAG("emit-defaults", defaults, "print also fields that have their default value"),
    OPT_FLAG("proto-names", proto_names,
             "print create_time instead of createTime; both can be sent"),
    OPT_FLAG("indent", indent, "print a line for each field; the default is on for a terminal"),
    ROW_COLOR,
    ROW_SERVER,
    ROW_DEADLINE,
};

const struct routine call_routine = {
    .options = { rows, COUNT_OF(rows) },
    .any_server = true,
    .prepare = prepare,
    .check = check,
    .close = close_all,
    .begin = begin,
    .next = next,
    .take = take,
    .on_sent = on_sent,
    .judge = judge,
    .more = more,
};
