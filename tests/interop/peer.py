"""A server and a client of grpc.testing.TestService on python3-grpcio, for our programs to be
tested against: the same cases, the same flags.

    peer.py server --port=0 | client --server_port=PORT --test_case=NAME|all

grpcio does not tell how a message came, so its own unpacking is off and what is packed is unpacked
here: a message that begins with gzip's first byte came compressed, since no protobuf does."""
import argparse
import concurrent.futures
import gzip
import os
import pathlib
import queue
import random
import sys
import time

import grpc

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from protos import Protos  # noqa: E402

protos = Protos(pathlib.Path(__file__).resolve().parent)
pb, METHODS = protos.packages["grpc.testing"], protos.methods
SERVICE = "/grpc.testing.TestService/"
OPTIONS = [("grpc.per_message_decompression", 0), ("grpc.enable_http_proxy", 0),
           ("grpc.use_local_subchannel_pool", 1), ("grpc.so_reuseport", 0)]
INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"


def decoder(message_class):
    """(message, whether it came compressed)"""
    def decode(data):
        compressed = data[:1] == b"\x1f"
        return message_class.FromString(gzip.decompress(data) if compressed else data), compressed
    return decode


def zeros(size):
    return pb.Payload(body=bytes(size))


# --- server -------------------------------------------------------------------------------------

def echo(context):
    got = dict(context.invocation_metadata())
    if INITIAL in got:
        context.send_initial_metadata([(INITIAL, got[INITIAL])])
    if TRAILING in got:
        context.set_trailing_metadata([(TRAILING, got[TRAILING])])
    return got


def check(context, request, compressed):
    if request.HasField("expect_compressed") and request.expect_compressed.value != compressed:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"compressed: {compressed}")


def check_status(context, request):
    if request.response_status.code:
        code = next(c for c in grpc.StatusCode if c.value[0] == request.response_status.code)
        context.abort(code, request.response_status.message)


def empty_call(_, context):
    echo(context)
    return pb.Empty()


def unary_call(received, context):
    request, compressed = received
    got = echo(context)
    check(context, request, compressed)
    check_status(context, request)
    if not request.response_compressed.value:
        context.disable_next_message_compression()
    name = got.get("authorization", "").removeprefix("Bearer ")
    return pb.SimpleResponse(payload=zeros(request.response_size),
                             username=name if request.fill_username else "",
                             oauth_scope="test.scope" if request.fill_oauth_scope else "")


def streaming_input_call(received, context):
    echo(context)
    size = 0
    for request, compressed in received:
        check(context, request, compressed)
        size += len(request.payload.body)
    return pb.StreamingInputCallResponse(aggregated_payload_size=size)


def outputs(context, request):
    check_status(context, request)
    for wanted in request.response_parameters:
        time.sleep(wanted.interval_us / 1e6)
        if not wanted.compressed.value:
            context.disable_next_message_compression()
        yield pb.StreamingOutputCallResponse(payload=zeros(wanted.size))


def streaming_output_call(received, context):
    echo(context)
    yield from outputs(context, received[0])


def full_duplex_call(received, context):
    echo(context)
    for request, _ in received:
        yield from outputs(context, request)


def half_duplex_call(received, context):
    echo(context)
    for request in [request for request, _ in received]:
        yield from outputs(context, request)


def one_of(requests):
    """The request of a method that takes one, once the client has said that it was all. grpcio does
    not wait for that, so it would answer a client that never says it; grpc-go does."""
    request, = requests
    return request


def handler(name, function):
    method = METHODS[SERVICE + name]
    kind = "stream_stream" if method.many_responses else "stream_unary"

    def call(requests, context):
        return function(requests if method.many_requests else one_of(requests), context)
    return getattr(grpc, kind + "_rpc_method_handler")(
        call, decoder(method.request), method.response.SerializeToString)


def serve(flags):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=OPTIONS,
                         compression=grpc.Compression.Gzip)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
        "grpc.testing.TestService", {
            "EmptyCall": handler("EmptyCall", empty_call),
            "UnaryCall": handler("UnaryCall", unary_call),
            "StreamingInputCall": handler("StreamingInputCall", streaming_input_call),
            "StreamingOutputCall": handler("StreamingOutputCall", streaming_output_call),
            "FullDuplexCall": handler("FullDuplexCall", full_duplex_call),
            "HalfDuplexCall": handler("HalfDuplexCall", half_duplex_call),
        })])
    address = f"localhost:{flags.port}"
    if flags.use_tls == "true":
        creds = grpc.ssl_server_credentials([(credential("server1.key"),
                                              credential("server1.pem"))])
        port = server.add_secure_port(address, creds)
    else:
        port = server.add_insecure_port(address)
    server.start()
    print(f"peer: serving on localhost:{port}", flush=True)
    server.wait_for_termination()


def credential(name):
    folder = pathlib.Path(os.environ.get("INTEROP_CREDENTIALS", "."))
    return (folder / name).read_bytes()


# --- client -------------------------------------------------------------------------------------

class Client:
    """call("UnaryCall", request, …) -> the call; its result or iterator has (message, compressed)."""

    def __init__(self, flags, compression=None):
        target = f"{flags.server_host}:{flags.server_port}"
        options = list(OPTIONS)
        if flags.server_host_override:
            options.append(("grpc.ssl_target_name_override", flags.server_host_override))
        if flags.use_tls == "true":
            ca = credential("ca.pem") if flags.use_test_ca == "true" else None
            self.channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca), options,
                                               compression)
        else:
            self.channel = grpc.insecure_channel(target, options, compression)

    def call(self, name, request, path=None, **more):
        method = METHODS[path or SERVICE + name]
        kind = "_".join("stream" if many else "unary"
                        for many in (method.many_requests, method.many_responses))
        multi = getattr(self.channel, kind)(path or SERVICE + name,
                                            method.request.SerializeToString,
                                            decoder(method.response))
        start = multi if method.many_responses else multi.future
        return start(request, **{"timeout": 20, **more})


def expect_code(call, code):
    assert call.code() == code, (call.code(), call.details())
    return call.details()


def large(**more):
    return pb.SimpleRequest(response_size=314159, payload=zeros(271828), **more)


def large_call(client, request, **more):
    call = client.call("UnaryCall", request, **more)
    response, compressed = call.result()
    assert response.payload.body == bytes(314159)
    return call, compressed


def output(payload, size=None):
    sizes = [] if size is None else [pb.ResponseParameters(size=size)]
    return pb.StreamingOutputCallRequest(payload=zeros(payload), response_parameters=sizes)


def sizes_of(call):
    return [len(response.payload.body) for response, _ in call]


PING, PONG = [27182, 8, 1828, 45904], [31415, 9, 2653, 58979]


def empty_unary(client, _):
    client.call("EmptyCall", pb.Empty()).result()


def large_unary(client, _):
    large_call(client, large())


def client_streaming(client, _):
    requests = (pb.StreamingInputCallRequest(payload=zeros(size)) for size in PING)
    response, _ = client.call("StreamingInputCall", requests).result()
    assert response.aggregated_payload_size == 74922


def server_streaming(client, _):
    sizes = [pb.ResponseParameters(size=size) for size in PONG]
    request = pb.StreamingOutputCallRequest(response_parameters=sizes)
    assert sizes_of(client.call("StreamingOutputCall", request)) == PONG


def ping_pong(client, _):
    requests = queue.Queue()
    call = client.call("FullDuplexCall", iter(requests.get, None))
    for ping, pong in zip(PING, PONG):
        requests.put(output(ping, pong))
        assert len(next(call)[0].payload.body) == pong
    requests.put(None)
    assert sizes_of(call) == [] and call.code() == grpc.StatusCode.OK


def half_duplex(client, _):
    requests = (output(ping, pong) for ping, pong in zip(PING, PONG))
    assert sizes_of(client.call("HalfDuplexCall", requests)) == PONG


def slow_responses(client, _):
    """interval_us: three pauses of 20 ms before what is asked for."""
    sizes = [pb.ResponseParameters(size=1, interval_us=20000)] * 3
    start = time.monotonic()
    request = pb.StreamingOutputCallRequest(response_parameters=sizes)
    assert sizes_of(client.call("StreamingOutputCall", request)) == [1, 1, 1]
    assert time.monotonic() - start >= 0.06


def empty_stream(client, _):
    assert sizes_of(client.call("FullDuplexCall", iter([]))) == []


def cancel_after_begin(client, _):
    requests = queue.Queue()
    call = client.call("StreamingInputCall", iter(requests.get, None))
    call.cancel()
    requests.put(None)
    expect_code(call, grpc.StatusCode.CANCELLED)


def cancel_after_first_response(client, _):
    requests = queue.Queue()
    requests.put(output(27182, 31415))
    call = client.call("FullDuplexCall", iter(requests.get, None))
    assert len(next(call)[0].payload.body) == 31415
    call.cancel()
    requests.put(None)
    expect_code(call, grpc.StatusCode.CANCELLED)


def timeout_on_sleeping_server(client, _):
    requests = queue.Queue()
    requests.put(output(27182))
    call = client.call("FullDuplexCall", iter(requests.get, None), timeout=0.001)
    expect_code(call, grpc.StatusCode.DEADLINE_EXCEEDED)
    requests.put(None)


def status_code_and_message(client, _):
    status = pb.EchoStatus(code=2, message="test status message")
    for call in (client.call("UnaryCall", pb.SimpleRequest(response_status=status)),
                 client.call("FullDuplexCall", iter(
                     [pb.StreamingOutputCallRequest(response_status=status)]))):
        assert expect_code(call, grpc.StatusCode.UNKNOWN) == status.message


def special_status_message(client, _):
    text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    status = pb.EchoStatus(code=2, message=text)
    call = client.call("UnaryCall", pb.SimpleRequest(response_status=status))
    assert expect_code(call, grpc.StatusCode.UNKNOWN) == text


def unimplemented_method(client, _):
    expect_code(client.call("UnimplementedCall", pb.Empty()), grpc.StatusCode.UNIMPLEMENTED)


def unimplemented_service(client, _):
    path = "/grpc.testing.UnimplementedService/UnimplementedCall"
    expect_code(client.call(None, pb.Empty(), path), grpc.StatusCode.UNIMPLEMENTED)


def custom_metadata(client, _):
    metadata = [(INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab")]
    unary, _ = large_call(client, large(), metadata=metadata)
    duplex = client.call("FullDuplexCall", iter([output(271828, 314159)]), metadata=metadata)
    assert sizes_of(duplex) == [314159]
    for call in (unary, duplex):
        assert dict(call.initial_metadata())[INITIAL] == metadata[0][1]
        assert dict(call.trailing_metadata())[TRAILING] == metadata[1][1]


def per_rpc_creds(client, flags):
    request = pb.SimpleRequest(fill_username=True, fill_oauth_scope=True)
    token = [("authorization", "Bearer " + flags.default_service_account)]
    response, _ = client.call("UnaryCall", request, metadata=token).result()
    assert response.username == flags.default_service_account
    assert response.oauth_scope and response.oauth_scope in flags.oauth_scope


def expect(value):
    return pb.BoolValue(value=value)


def client_compressed_unary(client, flags):
    probe = client.call("UnaryCall", large(expect_compressed=expect(True)))
    expect_code(probe, grpc.StatusCode.INVALID_ARGUMENT)
    packing = Client(flags, grpc.Compression.Gzip)
    large_call(packing, large(expect_compressed=expect(True)))
    large_call(client, large(expect_compressed=expect(False)))


def client_compressed_streaming(client, flags):
    """grpcio cannot leave out one message of a stream; but nothing compresses noise."""
    def request(payload, compressed):
        return pb.StreamingInputCallRequest(payload=pb.Payload(body=payload),
                                            expect_compressed=expect(compressed))
    probe = client.call("StreamingInputCall", iter([request(bytes(27182), True)]))
    expect_code(probe, grpc.StatusCode.INVALID_ARGUMENT)
    packing = Client(flags, grpc.Compression.Gzip)
    requests = [request(bytes(27182), True), request(random.randbytes(45904), False)]
    response, _ = packing.call("StreamingInputCall", iter(requests)).result()
    assert response.aggregated_payload_size == 73086


def server_compressed_unary(client, _):
    for compressed in (True, False):
        request = large(response_compressed=expect(compressed))
        assert large_call(client, request)[1] == compressed


def server_compressed_streaming(client, _):
    wanted = [pb.ResponseParameters(size=31415, compressed=expect(True)),
              pb.ResponseParameters(size=92653, compressed=expect(False))]
    request = pb.StreamingOutputCallRequest(response_parameters=wanted)
    got = [(len(response.payload.body), compressed)
           for response, compressed in client.call("StreamingOutputCall", request)]
    assert got == [(31415, True), (92653, False)]


CASES = [empty_unary, large_unary, client_streaming, server_streaming, ping_pong, half_duplex,
         slow_responses, empty_stream, cancel_after_begin, cancel_after_first_response,
         timeout_on_sleeping_server, status_code_and_message, special_status_message,
         unimplemented_method, unimplemented_service, custom_metadata, per_rpc_creds,
         client_compressed_unary, client_compressed_streaming, server_compressed_unary,
         server_compressed_streaming]


def run_cases(flags):
    cases = [case for case in CASES if flags.test_case in (case.__name__, "all")]
    assert cases, f"there is no test case {flags.test_case}"
    for case in cases:
        try:
            case(Client(flags), flags)
        except Exception:
            print(f"{case.__name__:32}FAILED", file=sys.stderr)
            raise
        print(f"{case.__name__:32}passed", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["server", "client"])
    parser.add_argument("--port", default="8080")
    parser.add_argument("--server_host", default="localhost")
    parser.add_argument("--server_port", default="8080")
    parser.add_argument("--server_host_override")
    parser.add_argument("--use_tls", default="false")
    parser.add_argument("--use_test_ca", default="false")
    parser.add_argument("--test_case", default="large_unary")
    parser.add_argument("--default_service_account", default="interop-user")
    parser.add_argument("--oauth_scope", default="test.scope")
    flags = parser.parse_args()
    serve(flags) if flags.role == "server" else run_cases(flags)


main()
