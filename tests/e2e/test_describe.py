"""postcli describe and postcli health."""
import concurrent.futures
import datetime
import json
import re
import signal
import subprocess
import time

import grpc
import pytest
from google.protobuf import descriptor_pb2

import cli
import timing
from cli import Postcli
from logs import expects_log, may_log
from protos import compile_folders, current
from test_reflection import COMMON, FILES, SERVED
from timing import wait_until

reflection = current.packages["grpc.reflection.v1"]

# --- describe ------------------------------------------------------------------------------


@pytest.mark.parametrize("which", SERVED)
def test_services(pair, which):
    lines = cli.run(pair, "describe", "--server", which).decode().splitlines()
    assert lines == SERVED[which][0]


def test_comments(pair):
    """Those above a definition, and those behind it, as they stand in the .proto file."""
    def describe(symbol):
        return cli.run(pair, "describe", symbol).decode().split("\n\n", 1)[1]

    assert describe("grpc.health.v1.HealthCheckResponse") == """message HealthCheckResponse {
  enum ServingStatus {
    UNKNOWN = 0;
    SERVING = 1;
    NOT_SERVING = 2;
    SERVICE_UNKNOWN = 3;  // only from Watch
  }
  HealthCheckResponse.ServingStatus status = 1;
}
"""
    assert describe("v1.post.PostMessage.post_id") == "string post_id = 1;  // 1 to 256 bytes, unique\n"
    assert describe("v1.post.Post/ImportPosts") == """\
// Upsert by post_id. Batches are committed as they come; the response says
// that all of them are durable. The same import again changes nothing.
rpc ImportPosts(stream ImportPostsRequest) returns (ImportPostsResponse);
"""
    assert describe("v1.post.UnknownUsers").startswith("""\
// What to do about posts whose user_id User does not know. They have no author in listings.
enum UnknownUsers {
  // They are stored, and User is not asked.
  UNKNOWN_USERS_UNSPECIFIED = 0;
  // They are stored, and counted.""")
    assert "\n  // One post, as a listing has it" in describe("v1.post.Post")
    assert "//" not in cli.run(pair, "describe", "v1.post.Post", "--no-comments").decode()


def test_definitions(pair):
    def describe(symbol):
        return cli.run(pair, "describe", symbol, "--no-comments").decode()

    assert describe("v1.post.ListPostsByUserIdRequest") == """package v1.post;

message ListPostsByUserIdRequest {
  string user_id = 1;
  int32 page_size = 2;
  string page_token = 3;
  int64 limit = 4;
  string tag = 5;
  bool follow = 6;
  bool from_now = 7;
}
"""
    assert describe("v1.post.Post.ListPostsBidiStream") == """package v1.post;

rpc ListPostsBidiStream(stream ListPostsRequest) returns (stream ListPostsResponse);
"""
    assert describe("grpc.health.v1.HealthCheckResponse") == """package grpc.health.v1;

message HealthCheckResponse {
  enum ServingStatus {
    UNKNOWN = 0;
    SERVING = 1;
    NOT_SERVING = 2;
    SERVICE_UNKNOWN = 3;
  }
  HealthCheckResponse.ServingStatus status = 1;
}
"""
    assert describe("v1.post.PostMessage.create_time").endswith(
        "\ngoogle.protobuf.Timestamp create_time = 7;\n")


def definitions(file):
    for kind in (file.service, file.message_type, file.enum_type):
        yield from (f"{file.package}.{definition.name}" for definition in kind)


def plain(file):
    """Without what describe leaves out: options of the file and of methods."""
    copy = descriptor_pb2.FileDescriptorProto()
    copy.CopyFrom(file)
    copy.ClearField("options")
    for service in copy.service:
        for method in service.method:
            method.ClearField("options")
    return copy


@pytest.mark.parametrize("which", SERVED)
def test_what_is_printed_compiles_to_the_same(pair, which, tmp_path):
    """All definitions of a file in proto3, as printed, make the file again."""
    names = [name for name in SERVED[which][1]
             if FILES[name].syntax == "proto3" and not FILES[name].extension]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for name in names:
            printed = list(pool.map(
                lambda symbol: cli.run(pair, "describe", "--server", which, symbol).decode(),
                definitions(FILES[name])))
            head = f"package {FILES[name].package};\n\n"
            assert all(text.startswith(head) for text in printed)
            source = tmp_path / name
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(
                'syntax = "proto3";\n' + head +
                "".join(f'import "{path}";\n' for path in FILES[name].dependency) +
                "".join(text.removeprefix(head) for text in printed))
            done = subprocess.run(["protoc", "-I", str(tmp_path), "-I", "proto", "-I", "/usr/include",
                                   "--descriptor_set_out=/dev/stdout", str(source)],
                                  check=True, capture_output=True, timeout=timing.limit(20))
            again, = descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file
            assert again == plain(FILES[name])


@pytest.mark.parametrize("symbol, error", [
    ("v1.post.Nothing", "NOT_FOUND: there is no symbol v1.post.Nothing"),
    ("v1.user.User", "NOT_FOUND: there is no symbol v1.user.User"),
    ("grpc.health.v1.HealthCheckResponse.SERVING",
     "NOT_FOUND: grpc.health.v1.HealthCheckResponse.SERVING is not a service, method, message, "
     "field or enum of what the server sent"),
])
def test_what_cannot_be_described(pair, symbol, error):
    out, err = cli.attempt(pair, "describe", symbol)
    assert out == b"" and err == f"postcli: {error}\n"


def test_a_server_without_reflection(start_pair):
    pair = start_pair(post_args=["--no-reflection"])
    out, err = cli.attempt(pair, "describe")
    assert out == b"" and err.startswith("postcli: UNIMPLEMENTED: ")


@pytest.mark.parametrize("command", ["describe", "health"])
def test_usage(pair, command):
    assert "takes one" in cli.attempt(pair, command, "a", "b", code=2)[1]
    assert "--server" in cli.attempt(pair, command, "--server", "other", code=2)[1]
    pair.post.stop()
    assert cli.attempt(pair, command)[1].startswith("postcli: UNAVAILABLE: ")


class Strange:
    """A reflection service that answers what it is told to."""

    def __init__(self):
        self.answers = []
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        handler = grpc.stream_stream_rpc_method_handler(
            lambda requests, _: iter(self.answers if next(requests) else ()),
            reflection.ServerReflectionRequest.FromString,
            lambda message: message if isinstance(message, bytes) else message.SerializeToString())
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
            "grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": handler})])
        self.server.start()


@pytest.fixture
def strange():
    strange = Strange()
    yield strange
    strange.server.stop(0).wait()


def response(file=None, data=None, **kinds):
    if file is not None or data is not None:
        kinds["file_descriptor_response"] = reflection.FileDescriptorResponse(
            file_descriptor_proto=[data if data is not None else file.SerializeToString()])
    return reflection.ServerReflectionResponse(**kinds)


NAMELESS = descriptor_pb2.FileDescriptorProto()
NAMELESS.message_type.add().field.add()
NAMELESS.service.add().method.add()
ESCAPES = descriptor_pb2.FileDescriptorProto()
ESCAPES.message_type.add(name="x").field.add(name="\x1b[2J", number=1, type="TYPE_MESSAGE")


@pytest.mark.parametrize("answers, words", [
    ([], "INTERNAL: the server answered OK without a message"),
    ([response()], "INTERNAL: the server answered something else"),
    ([response(list_services_response=reflection.ListServiceResponse())],
     "INTERNAL: the server answered something else"),
    ([response(error_response=reflection.ErrorResponse(error_code=99, error_message="so"))],
     "UNKNOWN: so"),
    ([response(data=b"\xff")], "INTERNAL: the server sent something that is not a descriptor"),
    ([response(file=NAMELESS)], "NOT_FOUND: x is not a service"),
    ([b"\xff"], "INTERNAL: "),
], ids=str)
def test_strange_answers(pair, strange, answers, words):
    strange.answers = answers
    out, err = cli.attempt(pair, "describe", "--target", f"127.0.0.1:{strange.port}", "x")
    assert out == b"" and err.startswith(f"postcli: {words}")


def test_a_name_that_would_clear_the_screen(pair, strange):
    strange.answers = [response(file=ESCAPES)]
    out = cli.run(pair, "describe", "--target", f"127.0.0.1:{strange.port}", "x")
    assert b"\\x1b[2J" in out and b"\x1b" not in out


ODD = {"proto3": """message Odd {
  message Inner {
    oneof one {
      bytes b = 1;
      Odd.Inner deeper = 4;
    }
    repeated double d = 2;
  }
  map<string, Odd.Inner> by_name = 3;
  optional fixed64 perhaps = 1;
  oneof first {
    sint32 s = 5;
    Colour c = 9;
  }
  sfixed32 between = 6;
  oneof second {
    bool t = 7;
  }
}
""", "proto2": """message Odd {
  required string needed = 1;
  optional Colour c = 2;
  repeated uint64 many = 3;
}
"""}


@pytest.mark.parametrize("syntax", ODD)
def test_what_our_protos_do_not_have(pair, strange, tmp_path, syntax):
    (tmp_path / "odd.proto").write_text(
        f'syntax = "{syntax}";\n{ODD[syntax]}\nenum Colour {{ RED = 0; }}')
    strange.answers = [response(file=compile_folders(tmp_path)[0])]
    out = cli.run(pair, "describe", "--target", f"127.0.0.1:{strange.port}", "Odd").decode()
    assert out == ODD[syntax]


# --- health --------------------------------------------------------------------------------


@pytest.fixture
def impatient(start_pair):
    return start_pair(post_args=["--user-timeout", "200ms"])


def serves(pair, *args):
    """Post's state is UNKNOWN for its first moments."""
    return json.loads(wait_until(lambda: run_if_serving(pair, *args), "it serves"))


def run_if_serving(pair, *args):
    done = pair.postcli("health", *args)
    return done.stdout if done.returncode == 0 else None


def test_what_serves(pair):
    assert serves(pair) == {"service": "", "status": "SERVING"}
    assert serves(pair, "v1.post.Post") == {"service": "v1.post.Post", "status": "SERVING"}
    assert serves(pair, "--server", "user", "v1.user.User")["status"] == "SERVING"
    out = cli.run(pair, "health", "--format", "table").decode()
    assert out.splitlines()[1].split() == ["(the", "process)", "SERVING"]
    assert json.loads(cli.run(pair, "health", "--format", "json"))[0]["status"] == "SERVING"
    assert cli.run(pair, "health", "--format", "none") == b""


@may_log("User is unreachable", "the server is stopping")
def test_what_does_not(impatient):
    out, err = cli.attempt(impatient, "health", COMMON[0])
    assert out == b"" and "NOT_FOUND" in err
    impatient.user.stop()
    impatient.post.restart()
    out, err = wait_until(lambda: not_serving(impatient), "it does not serve")
    assert json.loads(out)["status"] == "NOT_SERVING" and err == ""


def not_serving(pair):
    done = pair.postcli("health", "v1.post.Post")
    assert done.returncode == 1
    return "NOT_SERVING" in done.stdout and (done.stdout, done.stderr)


@expects_log("User is unreachable")
@may_log("the server is stopping")
def test_watch(impatient):
    serves(impatient, "v1.post.Post")
    with Postcli(impatient, "health", "--watch", "v1.post.Post") as command:
        states = iter(lambda: json.loads(command.line())["status"], None)
        assert next(states) == "SERVING"
        impatient.user.kill()
        assert next(states) == "NOT_SERVING"
        impatient.user.start()
        assert next(states) == "SERVING"
        command.signal(signal.SIGINT)
        assert command.end() == 130 and command.stderr == ""


RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z"


@expects_log("User is unreachable")
@may_log("the server is stopping")
@pytest.mark.parametrize("form", ["ndjson", "table", "csv"])
def test_watch_tells_when(impatient, form):
    """Each row begins with the time of the change; a table is made on a terminal, too."""
    serves(impatient, "v1.post.Post")
    began = time.time()
    with Postcli(impatient, "health", "--watch", "v1.post.Post", "--format", form) as command:
        lines = [command.line().decode() for _ in range(1 if form == "ndjson" else 2)]
        impatient.user.kill()
        lines.append(command.line().decode())
        command.signal(signal.SIGINT)
        assert command.end() == 130
    impatient.user.start()
    if form != "ndjson":
        assert re.split(r"[ ,\r\n]+", lines.pop(0).lower())[:3] == ["time", "service", "status"]
    start = {"ndjson": r'\{"time":"', "table": "", "csv": ""}[form]
    for line, status in zip(lines, ("SERVING", "NOT_SERVING"), strict=True):
        at = re.match(f"{start}({RFC_3339})", line)
        assert at and line.rstrip(' "}\r\n').endswith(status), line
        told = datetime.datetime.fromisoformat(at[1].replace("Z", "+00:00")).timestamp()
        assert began - 0.01 <= told <= time.time()


def test_the_time_of_one_answer_if_it_is_wanted(pair):
    out = serves(pair, "--columns", "status,time")
    assert list(out) == ["status", "time"] and re.fullmatch(RFC_3339, out["time"])


@expects_log("the server is stopping")
@may_log("User is unreachable")
def test_watch_until_the_server_stops(pair):
    with Postcli(pair, "health", "--watch", "--server", "user") as command:
        assert json.loads(command.line())["status"] == "SERVING"
        start = time.monotonic()
        pair.user.stop()
        assert time.monotonic() - start < timing.MARGIN
        assert json.loads(command.rest())["status"] == "NOT_SERVING"
        assert command.end() == 1
        assert command.stderr.startswith("postcli: UNAVAILABLE: the server is stopping")
