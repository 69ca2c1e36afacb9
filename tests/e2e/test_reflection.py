"""Server reflection, v1 and v1alpha, of both servers; compared with what protoc says."""
import time

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

import timing
from client import failure
from logs import expects_log, may_log
from protos import CONTRACT, compile_folders, current

FILES = {file.name: file for file in compile_folders(*CONTRACT)}
COMMON = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
          "grpc.reflection.v1alpha.ServerReflection"]
SERVED = {"user": (["v1.user.User", *COMMON], {"v1/user/user.proto"}),
          "post": (["v1.post.Post", *COMMON],
                   {"v1/post/post.proto", "google/protobuf/timestamp.proto"})}
for _, files in SERVED.values():
    files |= {"google/api/annotations.proto", "google/api/http.proto",
              "google/protobuf/descriptor.proto"}
    files |= {"grpc/health/v1/health.proto", "grpc/reflection/v1/reflection.proto",
              "grpc/reflection/v1alpha/reflection.proto"}

editions = pytest.mark.parametrize("edition", ["v1", "v1alpha"])
servers = pytest.mark.parametrize("which", SERVED)


class Reflection:
    """One stream; ask(list_services="") returns the response."""

    def __init__(self, pair, which, edition):
        self.package = current.packages[f"grpc.reflection.{edition}"]
        self.stream = (pair.users if which == "user" else pair.posts).open(
            f"/grpc.reflection.{edition}.ServerReflection/ServerReflectionInfo")

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stream.__exit__(*args)

    def ask(self, **request):
        message = self.package.ServerReflectionRequest(host="h", **request)
        self.stream.send(message)
        response = self.stream.receive()
        assert response.original_request == message and response.valid_host == "h"
        return response

    def files(self, **request):
        """The descriptors of the answer; the one asked for is first."""
        answer = self.ask(**request)
        assert answer.WhichOneof("message_response") == "file_descriptor_response", answer
        files = [descriptor_pb2.FileDescriptorProto.FromString(data)
                 for data in answer.file_descriptor_response.file_descriptor_proto]
        for file in files:  # their comments are test_describe.py's
            assert file.source_code_info.location
            file.ClearField("source_code_info")
        return files

    def error(self, **request):
        answer = self.ask(**request)
        assert answer.WhichOneof("message_response") == "error_response", answer
        return answer.error_response.error_code, answer.error_response.error_message


def symbols(file):
    """Every full name that a file defines."""
    def message(scope, m):
        name = f"{scope}.{m.name}"
        yield name
        yield from (f"{name}.{f.name}" for f in [*m.field, *m.oneof_decl, *m.extension])
        for inner in m.nested_type:
            yield from message(name, inner)
        for e in m.enum_type:
            yield from enum(name, e)

    def enum(scope, e):
        yield f"{scope}.{e.name}"
        yield from (f"{scope}.{v.name}" for v in e.value)

    for m in file.message_type:
        yield from message(file.package, m)
    for e in file.enum_type:
        yield from enum(file.package, e)
    for s in file.service:
        yield f"{file.package}.{s.name}"
        yield from (f"{file.package}.{s.name}.{m.name}" for m in s.method)


@editions
@servers
def test_services(pair, which, edition):
    with Reflection(pair, which, edition) as reflection:
        answer = reflection.ask(list_services="anything")
        names = [s.name for s in answer.list_services_response.service]
    assert names == SERVED[which][0]


@editions
@servers
def test_every_name_is_resolved(pair, which, edition):
    """By what a client needs: the very file of protoc, and all that it imports."""
    with Reflection(pair, which, edition) as reflection:
        count = 0
        for name in SERVED[which][1]:
            for symbol in symbols(FILES[name]):
                files = reflection.files(file_containing_symbol=symbol)
                assert files[0] == FILES[name], symbol
                assert all(file == FILES[file.name] for file in files)
                pool = descriptor_pool.DescriptorPool()
                for file in reversed(files):
                    pool.Add(file)
                assert pool.FindFileContainingSymbol(symbol).name == name
                count += 1
        assert count > 50
        for name in SERVED[which][1]:
            assert reflection.files(file_by_filename=name)[0] == FILES[name]


@editions
def test_what_is_not_found(pair, edition):
    """Errors are answers; the stream goes on."""
    not_found = grpc.StatusCode.NOT_FOUND.value[0]
    with Reflection(pair, "post", edition) as reflection:
        extension = reflection.package.ExtensionRequest
        for request, words in [
                ({"file_by_filename": "nothing.proto"}, "file nothing.proto"),
                ({"file_by_filename": "v1/user/user.proto"}, "file v1/user/user.proto"),
                ({"file_containing_symbol": "v1.post.Nothing"}, "symbol v1.post.Nothing"),
                ({"file_containing_symbol": "v1.user.User"}, "symbol v1.user.User"),
                ({"file_containing_symbol": "post.Post"}, "symbol post.Post"),
                ({"file_containing_symbol": ""}, "symbol"),
                ({"file_containing_extension": extension(containing_type="v1.post.PostMessage",
                                                         extension_number=100)},
                 "extension 100 of v1.post.PostMessage"),
                ({"all_extension_numbers_of_type": "v1.post.Post"}, "message v1.post.Post"),
                ({"all_extension_numbers_of_type": "한"}, "message 한")]:
            code, text = reflection.error(**request)
            assert code == not_found and f"there is no {words}" in text
        assert reflection.error()[0] == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        answer = reflection.ask(all_extension_numbers_of_type="v1.post.PostMessage")
        numbers = answer.all_extension_numbers_response
        assert numbers.base_type_name == "v1.post.PostMessage" and not numbers.extension_number
        assert reflection.files(file_containing_symbol="v1.post.Post")


@servers
def test_the_stream_ends_as_its_client_wants(pair, which):
    with Reflection(pair, which, "v1") as reflection:
        reflection.ask(list_services="")
        assert reflection.stream.rest() == []


@servers
@expects_log("the server is stopping")
@may_log("User is unreachable")
def test_an_open_stream_does_not_keep_the_server(pair, which):
    server = pair.user if which == "user" else pair.post
    with Reflection(pair, which, "v1") as reflection:
        reflection.ask(list_services="")
        with pair.client(server):
            start = time.monotonic()
            server.signal(15)
            code, text = failure(reflection.stream.receive)
            assert code == grpc.StatusCode.UNAVAILABLE and "stopping" in text
        (pair.users if which == "user" else pair.posts).close()
        assert server.wait() == 0
        assert time.monotonic() - start < timing.MARGIN


@editions
@servers
def test_no_reflection(start_pair, which, edition):
    pair = start_pair(user_args=["--no-reflection"], post_args=["--no-reflection"])
    with Reflection(pair, which, edition) as reflection:
        code, _ = failure(lambda: reflection.ask(list_services=""))
    assert code == grpc.StatusCode.UNIMPLEMENTED
