#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc.h"
#include "weir/loop.h"

#define TEST_SERVICE "/grpc.testing.TestService/"

static bool failed(const struct rpc *rpc, const char *what, int line)
{
    fprintf(stderr, "interop-client: %s:%d: not so: %s; the status is %s: %s\n", __FILE__, line,
            what, status_name((int)rpc->status.code), rpc->status.message);
    return false;
}

#define EXPECT(rpc, what)                                                                          \
    do {                                                                                           \
        if (!(what))                                                                               \
            return failed(rpc, #what, __LINE__);                                                   \
    } while (0)

/* --- Messages ----------------------------------------------------------------------- */

typedef Grpc__Testing__SimpleRequest SimpleRequest;
typedef Grpc__Testing__SimpleResponse SimpleResponse;
typedef Grpc__Testing__StreamingInputCallRequest InputRequest;
typedef Grpc__Testing__StreamingInputCallResponse InputResponse;
typedef Grpc__Testing__StreamingOutputCallRequest OutputRequest;
typedef Grpc__Testing__StreamingOutputCallResponse OutputResponse;
typedef Grpc__Testing__ResponseParameters Parameters;
typedef Grpc__Testing__Payload Payload;

static uint8_t zeros[1 << 20];
static Grpc__Testing__BoolValue yes = {
    PROTOBUF_C_MESSAGE_INIT(&grpc__testing__bool_value__descriptor), 1
};
static Grpc__Testing__BoolValue no = {
    PROTOBUF_C_MESSAGE_INIT(&grpc__testing__bool_value__descriptor), 0
};

static Payload payload_of(size_t size)
{
    Payload p = GRPC__TESTING__PAYLOAD__INIT;
    p.body = (ProtobufCBinaryData){ size, zeros };
    return p;
}

static bool is_zeros(const Payload *p, size_t size)
{
    return p != NULL && p->body.len == size && memcmp(p->body.data, zeros, size) == 0;
}

static const SimpleResponse *simple(const struct rpc *rpc)
{
    return (const SimpleResponse *)rpc->response;
}

static bool output_is(const struct rpc *rpc, size_t size)
{
    return rpc->response != NULL &&
           is_zeros(((const OutputResponse *)rpc->response)->payload, size);
}

/* --- Calls of each shape ------------------------------------------------------------ */

static void open_unary(struct rpc *rpc, struct interop *t)
{
    rpc_open(rpc, t->channel, t->loop, TEST_SERVICE "UnaryCall",
             &grpc__testing__simple_response__descriptor, 0);
}

static void open_input(struct rpc *rpc, struct interop *t)
{
    rpc_open(rpc, t->channel, t->loop, TEST_SERVICE "StreamingInputCall",
             &grpc__testing__streaming_input_call_response__descriptor, 0);
}

/* With its only request. A server may wait for the end of requests before it
 * answers (grpc-go's does), so that goes out with it, before any answer is read. */
static void open_output(struct rpc *rpc, struct interop *t, const OutputRequest *m)
{
    rpc_open(rpc, t->channel, t->loop, TEST_SERVICE "StreamingOutputCall",
             &grpc__testing__streaming_output_call_response__descriptor, 0);
    rpc_send(rpc, &m->base, STREAM_PLAIN | STREAM_LAST);
}

static void open_duplex(struct rpc *rpc, struct interop *t, uint64_t timeout_ms)
{
    rpc_open(rpc, t->channel, t->loop, TEST_SERVICE "FullDuplexCall",
             &grpc__testing__streaming_output_call_response__descriptor, timeout_ms);
}

/* Asks for one response of this size. */
static void send_output(struct rpc *rpc, size_t payload_size, int32_t size)
{
    OutputRequest m = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Parameters parameters = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Payload payload = payload_of(payload_size);
    parameters.size = size;
    m.payload = &payload;
    m.response_parameters = (Parameters *[]){ &parameters };
    m.n_response_parameters = size > 0;
    rpc_send(rpc, &m.base, STREAM_PLAIN);
}

static void send_input(struct rpc *rpc, size_t size, Grpc__Testing__BoolValue *expect,
                       unsigned flags)
{
    InputRequest m = GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    Payload payload = payload_of(size);
    m.payload = &payload;
    m.expect_compressed = expect;
    rpc_send(rpc, &m.base, flags);
}

#define LARGE_REQUEST_BYTES  271828
#define LARGE_RESPONSE_BYTES 314159

static const SimpleRequest no_more = GRPC__TESTING__SIMPLE_REQUEST__INIT;

/* One whole unary call of the large messages, with what else @m has. */
static bool large_call(struct interop *t, SimpleRequest m, unsigned flags, bool *ret_compressed)
{
    struct rpc rpc;
    Payload payload = payload_of(LARGE_REQUEST_BYTES);
    m.payload = &payload;
    m.response_size = LARGE_RESPONSE_BYTES;
    open_unary(&rpc, t);
    rpc_send(&rpc, &m.base, flags);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK);
    EXPECT(&rpc, rpc.responses == 1 && is_zeros(simple(&rpc)->payload, LARGE_RESPONSE_BYTES));
    *ret_compressed = rpc.compressed;
    rpc_close(&rpc);
    return true;
}

/* --- The shapes --------------------------------------------------------------------- */

static bool empty_unary(struct interop *t)
{
    const Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    struct rpc rpc;
    rpc_open(&rpc, t->channel, t->loop, TEST_SERVICE "EmptyCall", &grpc__testing__empty__descriptor,
             0);
    rpc_send(&rpc, &empty.base, 0);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK && rpc.responses == 1);
    rpc_close(&rpc);
    return true;
}

static bool large_unary(struct interop *t)
{
    bool compressed;
    return large_call(t, no_more, STREAM_PLAIN, &compressed);
}

static bool client_streaming(struct interop *t)
{
    static const size_t sizes[] = { 27182, 8, 1828, 45904 };
    struct rpc rpc;
    open_input(&rpc, t);
    for (size_t i = 0; i < 4; i++)
        send_input(&rpc, sizes[i], NULL, STREAM_PLAIN);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK && rpc.responses == 1);
    EXPECT(&rpc, ((InputResponse *)rpc.response)->aggregated_payload_size == 74922);
    rpc_close(&rpc);
    return true;
}

static const int32_t output_sizes[] = { 31415, 9, 2653, 58979 };

static bool server_streaming(struct interop *t)
{
    OutputRequest m = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Parameters parameters[4];
    struct rpc rpc;
    for (size_t i = 0; i < 4; i++) {
        parameters[i] = (Parameters)GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
        parameters[i].size = output_sizes[i];
    }
    m.response_parameters =
        (Parameters *[]){ &parameters[0], &parameters[1], &parameters[2], &parameters[3] };
    m.n_response_parameters = 4;
    open_output(&rpc, t, &m);
    for (size_t i = 0; i < 4; i++)
        EXPECT(&rpc, rpc_read(&rpc) && output_is(&rpc, (size_t)output_sizes[i]));
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK && rpc.responses == 4);
    rpc_close(&rpc);
    return true;
}

static bool ping_pong(struct interop *t)
{
    static const size_t sizes[] = { 27182, 8, 1828, 45904 };
    struct rpc rpc;
    open_duplex(&rpc, t, 0);
    for (size_t i = 0; i < 4; i++) {
        send_output(&rpc, sizes[i], output_sizes[i]);
        EXPECT(&rpc, rpc_read(&rpc) && output_is(&rpc, (size_t)output_sizes[i]));
    }
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK && rpc.responses == 4);
    rpc_close(&rpc);
    return true;
}

static bool empty_stream(struct interop *t)
{
    struct rpc rpc;
    open_duplex(&rpc, t, 0);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK && rpc.responses == 0);
    return true;
}

/* --- Ends --------------------------------------------------------------------------- */

static bool cancel_after_begin(struct interop *t)
{
    struct rpc rpc;
    open_input(&rpc, t);
    EXPECT(&rpc, rpc_cancel(&rpc) == STATUS_CANCELLED);
    return true;
}

static bool cancel_after_first_response(struct interop *t)
{
    struct rpc rpc;
    open_duplex(&rpc, t, 0);
    send_output(&rpc, 27182, 31415);
    EXPECT(&rpc, rpc_read(&rpc) && output_is(&rpc, 31415));
    EXPECT(&rpc, rpc_cancel(&rpc) == STATUS_CANCELLED);
    rpc_close(&rpc);
    return true;
}

static bool timeout_on_sleeping_server(struct interop *t)
{
    struct rpc rpc;
    open_duplex(&rpc, t, 1);
    send_output(&rpc, 27182, 0);
    EXPECT(&rpc, !rpc_read(&rpc));
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_DEADLINE_EXCEEDED);
    return true;
}

static bool unary_status_is(struct interop *t, char *message)
{
    SimpleRequest m = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__EchoStatus status = GRPC__TESTING__ECHO_STATUS__INIT;
    struct rpc rpc;
    status.code = STATUS_UNKNOWN;
    status.message = message;
    m.response_status = &status;
    open_unary(&rpc, t);
    rpc_send(&rpc, &m.base, STREAM_PLAIN);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_UNKNOWN);
    EXPECT(&rpc, strcmp(rpc.status.message, message) == 0);
    return true;
}

static bool duplex_status_is(struct interop *t, char *message)
{
    OutputRequest m = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__EchoStatus status = GRPC__TESTING__ECHO_STATUS__INIT;
    struct rpc rpc;
    status.code = STATUS_UNKNOWN;
    status.message = message;
    m.response_status = &status;
    open_duplex(&rpc, t, 0);
    rpc_send(&rpc, &m.base, STREAM_PLAIN);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_UNKNOWN);
    EXPECT(&rpc, strcmp(rpc.status.message, message) == 0);
    return true;
}

static bool status_code_and_message(struct interop *t)
{
    char message[] = "test status message";
    return unary_status_is(t, message) && duplex_status_is(t, message);
}

static bool special_status_message(struct interop *t)
{
    char message[] = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    return unary_status_is(t, message);
}

static bool is_unimplemented(struct interop *t, const char *path)
{
    const Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    struct rpc rpc;
    rpc_open(&rpc, t->channel, t->loop, path, &grpc__testing__empty__descriptor, 0);
    rpc_send(&rpc, &empty.base, 0);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_UNIMPLEMENTED);
    return true;
}

static bool unimplemented_method(struct interop *t)
{
    return is_unimplemented(t, TEST_SERVICE "UnimplementedCall");
}

static bool unimplemented_service(struct interop *t)
{
    return is_unimplemented(t, "/grpc.testing.UnimplementedService/UnimplementedCall");
}

/* --- Metadata ----------------------------------------------------------------------- */

static void put_text(struct rpc *rpc, const char *name, const char *value)
{
    stream_put(rpc->stream, METADATA_HEADERS, name, bytes_of_text(value));
}

static bool echoes_came(const struct rpc *rpc)
{
    return strcmp(rpc->initial, "test_initial_metadata_value") == 0 &&
           strcmp(rpc->trailing, "\xab\xab\xab") == 0;
}

static bool custom_metadata(struct interop *t)
{
    SimpleRequest m = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Payload payload = payload_of(LARGE_REQUEST_BYTES);
    struct rpc rpc;
    m.payload = &payload;
    m.response_size = LARGE_RESPONSE_BYTES;
    open_unary(&rpc, t);
    put_text(&rpc, ECHO_INITIAL, "test_initial_metadata_value");
    put_text(&rpc, ECHO_TRAILING, "\xab\xab\xab");
    rpc_send(&rpc, &m.base, STREAM_PLAIN);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK && echoes_came(&rpc));
    rpc_close(&rpc);

    open_duplex(&rpc, t, 0);
    put_text(&rpc, ECHO_INITIAL, "test_initial_metadata_value");
    put_text(&rpc, ECHO_TRAILING, "\xab\xab\xab");
    send_output(&rpc, LARGE_REQUEST_BYTES, LARGE_RESPONSE_BYTES);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK && echoes_came(&rpc));
    rpc_close(&rpc);
    return true;
}

/* A token of the call's own, whose owner the server names. */
static bool user_is_named(struct interop *t, bool scope)
{
    SimpleRequest m = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    struct rpc rpc;
    char token[256];
    snprintf(token, sizeof token, "Bearer %s", t->user);
    m.fill_username = 1;
    m.fill_oauth_scope = scope;
    open_unary(&rpc, t);
    put_text(&rpc, "authorization", token);
    rpc_send(&rpc, &m.base, STREAM_PLAIN);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK);
    EXPECT(&rpc, strcmp(simple(&rpc)->username, t->user) == 0);
    EXPECT(&rpc, !scope || (simple(&rpc)->oauth_scope[0] != '\0' &&
                            strstr(t->scope, simple(&rpc)->oauth_scope) != NULL));
    rpc_close(&rpc);
    return true;
}

static bool per_rpc_creds(struct interop *t)
{
    return user_is_named(t, false);
}

static bool oauth2_auth_token(struct interop *t)
{
    return user_is_named(t, true);
}

/* --- Compression -------------------------------------------------------------------- */

/* A server that looks at how messages come refuses one that is not as it says. */
static bool unary_probe(struct interop *t)
{
    SimpleRequest m = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Payload payload = payload_of(LARGE_REQUEST_BYTES);
    struct rpc rpc;
    m.payload = &payload;
    m.expect_compressed = &yes;
    open_unary(&rpc, t);
    rpc_send(&rpc, &m.base, STREAM_PLAIN);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_INVALID_ARGUMENT);
    return true;
}

static bool client_compressed_unary(struct interop *t)
{
    SimpleRequest packed = GRPC__TESTING__SIMPLE_REQUEST__INIT, plain = packed;
    bool compressed;
    packed.expect_compressed = &yes;
    plain.expect_compressed = &no;
    return unary_probe(t) && large_call(t, packed, 0, &compressed) &&
           large_call(t, plain, STREAM_PLAIN, &compressed);
}

static bool client_compressed_streaming(struct interop *t)
{
    struct rpc rpc;
    open_input(&rpc, t);
    send_input(&rpc, 27182, &yes, STREAM_PLAIN);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_INVALID_ARGUMENT);

    open_input(&rpc, t);
    send_input(&rpc, 27182, &yes, 0);
    send_input(&rpc, 45904, &no, STREAM_PLAIN);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK && rpc.responses == 1);
    EXPECT(&rpc, ((InputResponse *)rpc.response)->aggregated_payload_size == 73086);
    rpc_close(&rpc);
    return true;
}

static bool server_compressed_unary(struct interop *t)
{
    SimpleRequest packed = GRPC__TESTING__SIMPLE_REQUEST__INIT, plain = packed;
    const struct rpc none = { .status = status_ok() };
    bool first = false, second = true;
    packed.response_compressed = &yes;
    plain.response_compressed = &no;
    if (!large_call(t, packed, STREAM_PLAIN, &first) ||
        !large_call(t, plain, STREAM_PLAIN, &second))
        return false;
    EXPECT(&none, first && !second);
    return true;
}

static bool server_compressed_streaming(struct interop *t)
{
    OutputRequest m = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Parameters packed = GRPC__TESTING__RESPONSE_PARAMETERS__INIT, plain = packed;
    struct rpc rpc;
    packed.size = 31415;
    packed.compressed = &yes;
    plain.size = 92653;
    plain.compressed = &no;
    m.response_parameters = (Parameters *[]){ &packed, &plain };
    m.n_response_parameters = 2;
    open_output(&rpc, t, &m);
    EXPECT(&rpc, rpc_read(&rpc) && output_is(&rpc, 31415) && rpc.compressed);
    EXPECT(&rpc, rpc_read(&rpc) && output_is(&rpc, 92653) && !rpc.compressed);
    EXPECT(&rpc, rpc_finish(&rpc) == STATUS_OK && rpc.responses == 2);
    rpc_close(&rpc);
    return true;
}

/* --- Soak
 * ----------------------------------------------------------------------------------------- */

static bool new_channel(struct interop *t)
{
    channel_free(t->channel);
    return channel_new(&t->channel, t->target, &t->channel_options) == 0;
}

static bool soak(struct interop *t, bool channels)
{
    const struct soak *o = &t->soak;
    const uint64_t began_ms = loop_now_ms(t->loop);
    int64_t done = 0, failures = 0;
    uint64_t worst_ms = 0, spent_ms = 0;
    while (done < o->iterations && spent_ms < (uint64_t)o->timeout_seconds * 1000) {
        const bool ready = !channels || new_channel(t);
        const bool good = ready && large_unary(t);
        const uint64_t took_ms = loop_now_ms(t->loop) - began_ms - spent_ms;
        spent_ms += took_ms;
        failures += !good || (int64_t)took_ms > o->latency_ms;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
        done++;
    }
    fprintf(stderr, "soak: %lld of %lld calls in %llu ms, %lld failed, the slowest took %llu ms\n",
            (long long)done, (long long)o->iterations, (unsigned long long)spent_ms,
            (long long)failures, (unsigned long long)worst_ms);
    return done == o->iterations && failures <= o->max_failures;
}

static bool rpc_soak(struct interop *t)
{
    return soak(t, false);
}

static bool channel_soak(struct interop *t)
{
    return soak(t, true);
}

const struct interop_case interop_cases[] = {
    { "empty_unary", empty_unary, false },
    { "large_unary", large_unary, false },
    { "client_streaming", client_streaming, false },
    { "server_streaming", server_streaming, false },
    { "ping_pong", ping_pong, false },
    { "empty_stream", empty_stream, false },
    { "cancel_after_begin", cancel_after_begin, false },
    { "cancel_after_first_response", cancel_after_first_response, false },
    { "timeout_on_sleeping_server", timeout_on_sleeping_server, false },
    { "status_code_and_message", status_code_and_message, false },
    { "special_status_message", special_status_message, false },
    { "unimplemented_method", unimplemented_method, false },
    { "unimplemented_service", unimplemented_service, false },
    { "custom_metadata", custom_metadata, false },
    { "per_rpc_creds", per_rpc_creds, false },
    { "oauth2_auth_token", oauth2_auth_token, false },
    { "client_compressed_unary", client_compressed_unary, true },
    { "client_compressed_streaming", client_compressed_streaming, true },
    { "server_compressed_unary", server_compressed_unary, false },
    { "server_compressed_streaming", server_compressed_streaming, false },
    { "rpc_soak", rpc_soak, false },
    { "channel_soak", channel_soak, false },
};
const size_t interop_ncases = sizeof interop_cases / sizeof interop_cases[0];
