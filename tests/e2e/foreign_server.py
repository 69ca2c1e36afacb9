"""A server on python3-grpcio with messages of every kind of field (tests/unit/pbjson), all four
shapes, and reflection: what postcli has never heard of.

    with ForeignServer() as server:
        server.target, server.calls
"""
import concurrent.futures
import threading

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

from pair import clean_environment
from protos import ROOT, compile_folders, current

PROTO = """syntax = "proto3";
package far;
import "every_type.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/wrappers.proto";
service Away {
  rpc Echo(every.Every) returns (every.Every);
  rpc Repeat(every.Every) returns (stream every.Every);
  rpc Count(stream every.Every) returns (google.protobuf.Int64Value);
  rpc Talk(stream every.Every) returns (stream every.Every);
  rpc Fail(every.Every) returns (google.protobuf.Empty);
  rpc Flow(Wanted) returns (stream Piece);
}
message Wanted { int64 pieces = 1; int64 bytes = 2; bool for_ever = 3; }
message Piece { bytes data = 1; }
message Reason { string why = 1; repeated int32 where = 2; }
"""


def compiled(folder):
    """The files, as FileDescriptorProtos; what is imported first."""
    (folder / "far.proto").write_text(PROTO)
    for name in ("every_type.proto", "every_legacy.proto"):
        (folder / name).write_bytes((ROOT / "tests/unit/pbjson" / name).read_bytes())
    return list(compile_folders(folder))


def shortened(file):
    """The same with names that are not full, where they are of the file's package."""
    short = descriptor_pb2.FileDescriptorProto()
    short.CopyFrom(file)
    del short.dependency[:], short.public_dependency[:]

    def cut(name):
        return name.removeprefix(f".{file.package}.").removeprefix(".")

    def cut_in(message):
        for field in message.field:
            field.type_name = cut(field.type_name)
        for nested in message.nested_type:
            cut_in(nested)

    for message in short.message_type:
        cut_in(message)
    for service in short.service:
        for method in service.method:
            method.input_type, method.output_type = cut(method.input_type), cut(method.output_type)
    return short


class ForeignServer:
    """reflection: the editions that it has; whole: it sends all that a file imports with it;
    short: and speaks of types as grpc-js does, by names that are not full, and of no imports."""

    def __init__(self, folder, reflection=("v1", "v1alpha"), whole=False, short=False):
        self.files = compiled(folder)
        self.pool = descriptor_pool.DescriptorPool()
        for file in self.files:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)
        self.whole = whole or short
        if short:
            self.files = [shortened(file) for file in self.files]
        self.calls = []  # (method, metadata)
        self.requests = []
        self.error = (grpc.StatusCode.ABORTED, "no", ())
        self.junk = None  # what Repeat answers, instead
        self.sent = 0  # pieces
        self.ended = threading.Event()  # a call of Flow or Talk
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        self.target = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.add_service("far.Away", {
            "Echo": ("unary_unary", self.echo), "Repeat": ("unary_stream", self.repeat),
            "Count": ("stream_unary", self.count), "Talk": ("stream_stream", self.talk),
            "Fail": ("unary_unary", self.fail), "Flow": ("unary_stream", self.flow)})
        for edition in reflection:
            self.add_reflection(edition)
        self.server.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop(0).wait()

    def postcli_environment(self):
        return {**clean_environment(), "POSTCLI_TARGET": self.target}

    def class_of(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def message(self, name, **fields):
        return self.class_of(name)(**fields)

    def set_bytes(self, *names):
        """A FileDescriptorSet; of these files, or of all."""
        return descriptor_pb2.FileDescriptorSet(
            file=[f for f in self.files if not names or f.name in names]).SerializeToString()

    # --- The service ---

    def add_service(self, name, methods):
        service = self.pool.FindServiceByName(name)
        handlers = {}
        for method, (shape, run) in methods.items():
            types = service.methods_by_name[method]
            handlers[method] = getattr(grpc, f"{shape}_rpc_method_handler")(
                self.noted(method, run),
                self.class_of(types.input_type.full_name).FromString,
                lambda m: m if isinstance(m, bytes) else m.SerializeToString())
        self.server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(name, handlers)])

    def noted(self, method, run):
        def call(request, context):
            self.calls.append((method, dict(context.invocation_metadata())))
            return run(request, context)
        return call

    def echo(self, request, context):
        metadata = dict(context.invocation_metadata())
        context.send_initial_metadata([("x-first", metadata.get("x-word", "")),
                                       ("x-first-bin", metadata.get("x-bytes-bin", b""))])
        context.set_trailing_metadata([("x-last", "\"end\"")])
        return request

    def repeat(self, request, _):
        if self.junk is not None:
            yield self.junk
            return
        for i in range(3):
            request.int32_value = i
            yield request

    def count(self, requests, _):
        self.requests = list(requests)
        return self.message("google.protobuf.Int64Value", value=len(self.requests))

    def talk(self, requests, context):
        context.add_callback(self.ended.set)
        for request in requests:
            self.requests.append(request)
            yield request

    def fail(self, _, context):
        code, words, details = self.error
        status = current.packages["google.rpc"].Status(code=code.value[0], message=words)
        for detail in details:
            packed = status.details.add()
            if isinstance(detail, any_pb2.Any):
                packed.MergeFromString(detail.SerializeToString())
            else:
                packed.type_url = f"type.googleapis.com/{detail.DESCRIPTOR.full_name}"
                packed.value = detail.SerializeToString()
        if details:
            context.set_trailing_metadata([("grpc-status-details-bin",
                                            status.SerializeToString())])
        context.abort(code, words)

    def flow(self, wanted, context):
        context.add_callback(self.ended.set)
        piece = self.message("far.Piece", data=bytes(wanted.bytes)).SerializeToString()
        while context.is_active() and (wanted.for_ever or self.sent < wanted.pieces):
            yield piece
            self.sent += 1

    # --- Reflection ---

    def add_reflection(self, edition):
        package = current.packages[f"grpc.reflection.{edition}"]
        handler = grpc.stream_stream_rpc_method_handler(
            lambda requests, context: self.reflect(package, requests, context),
            package.ServerReflectionRequest.FromString,
            lambda m: m if isinstance(m, bytes) else m.SerializeToString())
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
            f"grpc.reflection.{edition}.ServerReflection", {"ServerReflectionInfo": handler})])

    def reflect(self, package, requests, context):
        self.calls.append((package.ServerReflectionRequest.DESCRIPTOR.full_name,
                           dict(context.invocation_metadata())))
        for request in requests:
            yield self.reflection_answer(package, request)

    def reflection_answer(self, package, request):
        if request.WhichOneof("message_request") == "list_services":
            return package.ServerReflectionResponse(
                list_services_response=package.ListServiceResponse(
                    service=[package.ServiceResponse(name="far.Away")]))
        files = [f for f in self.files if f.name == request.file_by_filename or
                 request.file_containing_symbol in (f"{f.package}.{s.name}" for s in f.service)]
        if not files:
            return package.ServerReflectionResponse(error_response=package.ErrorResponse(
                error_code=5, error_message="not here"))
        sent = files + self.files if self.whole else files
        return package.ServerReflectionResponse(
            file_descriptor_response=package.FileDescriptorResponse(
                file_descriptor_proto=[f.SerializeToString() for f in sent]))
