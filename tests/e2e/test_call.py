"""postcli call: any method, by reflection or by a set of descriptors, with JSON."""
import base64
import json
import signal
import subprocess
import threading

import grpc
import pytest
from google.protobuf import any_pb2, json_format

import cli
import timing
from cli import Postcli
from foreign_server import ForeignServer
from library import small_library
from pair import Pair
from protos import current, post
from screen import Terminal
from test_pbjson import Every, messages
from timing import wait_until

rpc = current.packages["google.rpc"]


@pytest.fixture(scope="module")
def stocked(tmp_path_factory):
    """Our servers with some posts."""
    with Pair(tmp_path_factory.mktemp("call")) as pair:
        small_library().load(pair)
        yield pair


@pytest.fixture
def foreign(tmp_path):
    with ForeignServer(tmp_path) as server:
        yield server


def values(out):
    """What NDJSON has."""
    return [json.loads(line) for line in out.splitlines()]


def call(server, *args, stdin=b""):
    return values(cli.run(server, "call", *args, stdin=stdin))


def error(server, *args, stdin=b"", code=1):
    out, err = cli.attempt(server, "call", *args, stdin=stdin, code=code)
    assert out == b""
    return err


# --- Our servers ----------------------------------------------------------------------------

SHAPES = ["ListPosts", "ListPostsServerStream", "ListPostsClientStream", "ListPostsBidiStream"]


def expected(pair, path, request):
    many = current.methods[path]
    answer = pair.posts.call(path, [request] if many.many_requests else request)
    answers = answer if many.many_responses else [answer]
    return [json_format.MessageToDict(m) for m in answers]


def without_tokens(messages):
    """Two tokens for one place differ."""
    return [{k: v for k, v in m.items() if k != "nextPageToken"} for m in messages]


@pytest.mark.parametrize("method", SHAPES)
def test_four_shapes(stocked, method):
    path = f"/v1.post.Post/{method}"
    request = post.ListPostsRequest(page_size=2)
    got = call(stocked, path, '{"pageSize": 2}')
    assert without_tokens(got) == without_tokens(expected(stocked, path, request))
    assert got == [] or got[0]["postMessages"]


@pytest.mark.parametrize("method", ["v1.post.Post/ListPosts", "/v1.post.Post/ListPosts",
                                    "v1.post.Post.ListPosts"])
def test_spellings_of_a_method(stocked, method):
    assert len(call(stocked, method, '{"limit": "1"}')[0]["postMessages"]) == 1
    described = cli.run(stocked, "describe", method).decode()
    assert "rpc ListPosts(ListPostsRequest) returns (ListPostsResponse);" in described


def test_health_and_reflection(stocked):
    assert call(stocked, "grpc.health.v1.Health/Check", "--server", "user") == [
        {"status": "SERVING"}]
    for edition in "v1", "v1alpha":
        service = f"grpc.reflection.{edition}.ServerReflection"
        answer, = call(stocked, f"{service}/ServerReflectionInfo", '{"listServices": "*"}')
        assert {"name": service} in answer["listServicesResponse"]["service"]


def test_what_there_is_not(stocked):
    assert error(stocked, "v1.post.Post/Nope").startswith(
        "postcli: NOT_FOUND: v1.post.Post has no method Nope. There is: ListPosts, ")
    assert "no method GetPots; did you mean GetPost? There is: ListPosts, " in \
        error(stocked, "v1.post.Post/GetPots")
    assert error(stocked, "v1.pots.Post/GetPost").startswith(
        "postcli: NOT_FOUND: there is no service v1.pots.Post. There is: v1.post.Post, grpc.health")
    assert "v1.post.PostMessage" in error(stocked, "v1.post.PostMessage/GetPost")


@pytest.mark.parametrize("args, words", [
    ([], "which method?"), (["ListPosts"], "SERVICE/METHOD"), (["/"], "SERVICE/METHOD"),
    (["a/"], "SERVICE/METHOD"), (["a/b", "{}", "{}"], "takes a method and one text of JSON"),
    (["a/b", "--header", "x"], "'name: value'"), (["a/b", "--header", ": x"], "'name: value'"),
    (["a/b", "--header", "x-bin: !"], "base64"),
])
def test_usage(stocked, args, words):
    assert words in error(stocked, *args, code=2)


def test_errors_as_other_commands_tell_them(stocked):
    said = error(stocked, "v1.post.Post/ListPosts", '{"pageToken": "zz"}').splitlines()
    assert said[0].startswith("postcli: INVALID_ARGUMENT: ")
    assert said[1] == "postcli: reason INVALID_PAGE_TOKEN, field page_token"
    assert said[2] == 'postcli: detail google.rpc.ErrorInfo ' \
                      '{"reason":"INVALID_PAGE_TOKEN","domain":"v1.post.Post"}'
    assert said[3].startswith("postcli: detail google.rpc.BadRequest {")


def test_a_server_that_is_not_there(pair):
    pair.post.stop()
    assert error(pair, "v1.post.Post/ListPosts").startswith("postcli: UNAVAILABLE: ")


# --- Types that postcli has never heard of -----------------------------------------------


def as_value(message, pool):
    """Its JSON, read; what is no number is text there, and so equal to itself."""
    return json.loads(json_format.MessageToJson(message, descriptor_pool=pool))


WAYS = {"v1": {}, "v1alpha": {"reflection": ["v1alpha"]}, "with imports": {"whole": True},
        "short names": {"short": True},
        "proto-set": {"reflection": []}}


@pytest.mark.parametrize("way", WAYS)
def test_every_type_in_every_shape(tmp_path, way):
    with ForeignServer(tmp_path, **WAYS[way]) as server:
        more = []
        if way == "proto-set":
            (tmp_path / "set.pb").write_bytes(server.set_bytes())
            more = ["--proto-set", str(tmp_path / "set.pb")]
        text = '{"int64Value": "-9", "stringValue": "é\\"", "doubles": [1.5, "NaN"]}'
        sent = json_format.Parse(text, server.message("every.Every"))
        same = json.loads(text)
        assert call(server, "far.Away/Echo", text, *more) == [same]
        assert [m.get("int32Value", 0)
                for m in call(server, "far.Away/Repeat", text, *more)] == [0, 1, 2]
        assert call(server, "far.Away/Count", f"{text}{{}} {text}", *more) == ["3"]
        assert [m.int64_value for m in server.requests] == [-9, 0, -9]
        assert call(server, "far.Away/Talk", f"{{}}{text}", *more) == [{}, same]
        assert sent.int64_value == -9


@pytest.mark.parametrize("layout", [None, 2], ids=["a line each", "lines"])
def test_whatever_messages_have(foreign, layout):
    """Random ones, there and back: all that JSON can say comes through."""
    made = [foreign.class_of("every.Every").FromString(m.SerializeToString())
            for m in messages(200, Every)]
    text = "".join(json_format.MessageToJson(m, indent=layout, descriptor_pool=foreign.pool) + "\n"
                   for m in made)
    got = call(foreign, "far.Away/Talk", "-", stdin=text.encode())
    assert [as_value(m, foreign.pool) for m in foreign.requests] == \
        [as_value(m, foreign.pool) for m in made]
    again = [json_format.ParseDict(m, foreign.message("every.Every"),
                                   descriptor_pool=foreign.pool) for m in got]
    assert [as_value(m, foreign.pool) for m in again] == \
        [as_value(m, foreign.pool) for m in made]


def test_a_type_that_is_no_object(foreign):
    """Nothing is an empty request, whatever its JSON would be."""
    assert call(foreign, "far.Away/Echo") == [{}]
    assert call(foreign, "far.Away/Echo", '{"wrappedInt64": 7}') == [{"wrappedInt64": "7"}]
    assert call(foreign, "far.Away/Count", "") == ["0"]


def test_how_it_is_printed(foreign):
    sent = '{"int32_value": 5, "inners": [{}]}'
    assert call(foreign, "far.Away/Echo", sent, "--proto-names") == [
        {"int32_value": 5, "inners": [{}]}]
    whole, = call(foreign, "far.Away/Echo", sent, "--emit-defaults")
    assert whole["stringValue"] == "" and whole["doubles"] == [] and "maybeInt32" not in whole
    assert cli.run(foreign, "call", "--indent", "far.Away/Repeat", "{}").decode() == \
        '{}\n{\n  "int32Value": 1\n}\n{\n  "int32Value": 2\n}\n'


# --- Sets and reflection that are wrong -----------------------------------------------------


def test_sets_that_are_none(foreign, tmp_path):
    path = tmp_path / "set.pb"
    assert "No such file" in error(foreign, "--proto-set", path, "far.Away/Echo", code=2)
    path.write_bytes(b"\xff junk")
    assert "is not a set of descriptors" in error(foreign, "--proto-set", path, "far.Away/Echo", code=2)
    path.write_bytes(foreign.set_bytes("far.proto"))
    assert "--include_imports" in error(foreign, "--proto-set", path, "far.Away/Echo", code=2)
    path.write_bytes(foreign.set_bytes())
    assert "there is no service near.By. There is: " in \
        error(foreign, "--proto-set", path, "near.By/Echo")
    assert foreign.calls == []


def test_a_server_without_reflection(tmp_path):
    with ForeignServer(tmp_path, reflection=[]) as server:
        said = error(server, "far.Away/Echo")
    assert said.startswith("postcli: UNIMPLEMENTED: the server has no reflection")
    assert "--proto-set" in said


def reflects(**kinds):
    return current.packages["grpc.reflection.v1"].ServerReflectionResponse(**kinds)


def file_response(*data):
    return reflects(file_descriptor_response=current.packages["grpc.reflection.v1"]
                    .FileDescriptorResponse(file_descriptor_proto=data))


STRANGE = {
    "nothing": (lambda _: reflects(), "answered something else"),
    "a list": (lambda _: reflects(list_services_response={}), "answered something else"),
    "junk": (lambda _: file_response(b"\xff"), "a descriptor that the server sent: "),
    "the same for ever": (lambda server: file_response(server.files[-1].SerializeToString()),
                          "the server sent another file"),
    "no file": (lambda _: file_response(), "there is no service far.Away"),
    "an error": (lambda _: reflects(error_response={"error_code": 7, "error_message": "go\x1b"}),
                 "PERMISSION_DENIED: asked what far.Away is, the server's reflection says: go\\x1b"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_reflection_that_is_wrong(foreign, kind):
    answer, words = STRANGE[kind]
    foreign.reflection_answer = lambda *_: answer(foreign)
    assert words in error(foreign, "far.Away/Echo")


# --- Metadata -------------------------------------------------------------------------------


def test_metadata_goes_and_comes(foreign):
    data = bytes(range(7))
    out, said = cli.attempt(
        foreign, "call", "-v", "-H", "X-Word:  a b, c ", "--header",
        f"x-bytes-bin: {base64.b64encode(data).decode()}", "far.Away/Echo", code=0)
    assert values(out) == [{}]
    lines = said.splitlines()
    assert "header x-first: a b, c" in lines and 'trailer x-last: "end"' in lines
    assert "header x-first-bin: " + base64.b64encode(data).decode().rstrip("=") in lines
    for _, metadata in foreign.calls:
        assert metadata["x-word"] == "a b, c" and metadata["x-bytes-bin"] == data
    assert [method for method, _ in foreign.calls] == [
        "grpc.reflection.v1.ServerReflectionRequest", "Echo"]


def test_nothing_of_it_without_verbose(foreign):
    assert cli.attempt(foreign, "call", "far.Away/Echo", code=0) == (b"{}\n", "")


@pytest.mark.parametrize("header", ["a b: c", "x: é"])
def test_headers_that_grpc_does_not_allow(foreign, header):
    assert "gRPC allows no header" in error(foreign, "--header", header, "far.Away/Echo")
    assert foreign.calls == []


# --- Errors ---------------------------------------------------------------------------------


def test_details_of_every_kind(foreign):
    foreign.error = (grpc.StatusCode.ABORTED, "not \x1b[2J now", [
        rpc.ErrorInfo(reason="BUSY", domain="far", metadata={"a": "b"}),
        foreign.message("far.Reason", why="so", where=[1, 2]),
        any_pb2.Any(type_url="type.googleapis.com/who.Knows", value=b"abc"),
        any_pb2.Any(type_url="type.googleapis.com/far.Reason", value=b"\xff"),
    ])
    assert error(foreign, "far.Away/Fail").splitlines() == [
        "postcli: ABORTED: not \\x1b[2J now",
        'postcli: detail google.rpc.ErrorInfo '
        '{"reason":"BUSY","domain":"far","metadata":{"a":"b"}}',
        'postcli: detail far.Reason {"why":"so","where":[1,2]}',
        "postcli: detail type.googleapis.com/who.Knows, 3 bytes: its type is not known",
        "postcli: detail far.Reason, 1 bytes: the message is damaged",
    ]


def test_a_failed_call_is_not_made_again(foreign):
    foreign.error = (grpc.StatusCode.UNAVAILABLE, "later", ())
    assert error(foreign, "far.Away/Fail") == "postcli: UNAVAILABLE: later\n"
    assert [method for method, _ in foreign.calls].count("Fail") == 1


def test_a_response_that_is_none(foreign):
    foreign.junk = b"\xff"
    assert error(foreign, "far.Away/Repeat").startswith("postcli: INTERNAL: a response: ")


# --- Wrong JSON -----------------------------------------------------------------------------


@pytest.mark.parametrize("text, words", [
    ('{"nope": 1}', 'the request: every.Every has no field "nope"'),
    ('{"inners": [{}, {"number": "x"}]}', "the request: inners[1].number: "),
    ('{"int32_value" 1}', "the request: line 1, column 16: "),
    ("{} {}", "request 2: Echo takes one request, and this is a second one"),
    ("{}}", "Echo takes one request"), ("[]", "the request: "), ("  ", "there is no request"),
])
def test_wrong_arguments_are_not_sent(foreign, text, words):
    assert words in error(foreign, "far.Away/Echo", text, code=2)
    assert "Echo" not in [method for method, _ in foreign.calls]


def test_all_of_an_argument_is_looked_at_before(foreign):
    assert 'postcli: request 2: every.Every has no field "x"\n' == \
        error(foreign, "far.Away/Talk", '{}{"x":1}', code=2)
    assert "Talk" not in [method for method, _ in foreign.calls]


@pytest.mark.parametrize("text, words", [
    (b"{}\n\n{}", "line 3: Echo takes one request"), (b"", "there is no request"),
    (b'\n{"a":\n1}', 'line 2: every.Every has no field "a"'), (b'{"int32_value":', "line 1: "),
])
def test_wrong_standard_input_for_one(foreign, text, words):
    assert words in error(foreign, "far.Away/Echo", "-", stdin=text, code=2)
    assert "Echo" not in [method for method, _ in foreign.calls]


def test_wrong_standard_input_for_many(foreign):
    """What came before it was sent and is answered; the call is cancelled."""
    with Postcli(foreign, "call", "far.Away/Talk", stdin=subprocess.PIPE) as talk:
        talk.write(b'{"int32Value":1}\n')
        assert json.loads(talk.line()) == {"int32Value": 1}
        talk.write(b'{"int32Value":1.5}\n')
        assert talk.rest() == b"" and talk.end() == 1
        assert talk.stderr.startswith(
            "postcli: INVALID_ARGUMENT: standard input, line 2: int32Value: ")
    assert foreign.ended.wait(timing.CALL)


# --- Step by step ---------------------------------------------------------------------------


def test_typed_by_hand(foreign):
    """A response is there before the next request is typed."""
    with Postcli(foreign, "call", "far.Away/Talk", stdin=subprocess.PIPE) as talk:
        for text, numbers in (('{"int32Value":1}\n', [1]), ('{"int32Value":\n2', []),
                              ('}{"int32Value":3}', [2, 3]), ('\n{"int32Value":4}', [4])):
            talk.write(text.encode())
            assert [json.loads(talk.line())["int32Value"] for _ in numbers] == numbers
        talk.process.stdin.close()
        assert talk.rest() == b""
        talk.process.stdin = None
        assert talk.end() == 0 and talk.stderr == ""


def test_interrupted(foreign):
    with Postcli(foreign, "call", "far.Away/Flow", '{"forEver": true, "bytes": 10}') as flow:
        assert json.loads(flow.line()) == {"data": "AAAAAAAAAAAAAA=="}
        flow.signal(signal.SIGINT)
        assert flow.end() == 130 and flow.stderr == ""
    assert foreign.ended.wait(timing.CALL)


def test_interrupted_at_standard_input(foreign):
    with Postcli(foreign, "call", "far.Away/Talk", stdin=subprocess.PIPE) as talk:
        talk.write(b"{}\n")
        talk.line()
        talk.signal(signal.SIGINT)
        assert talk.process.wait(timing.CALL) == 130
    assert foreign.ended.wait(timing.CALL)


def test_deadline(foreign):
    out, said = cli.attempt(foreign, "call", "--deadline", "300ms", "far.Away/Flow",
                            '{"forEver": true}', code=1)
    assert values(out)[0] == {} and said.startswith("postcli: DEADLINE_EXCEEDED: ")


def test_a_slow_reader_slows_the_server(foreign):
    """It reads no further than its output, and what is on the way, have room for."""
    pieces, size = 3000, 20000
    with Postcli(foreign, "call", "far.Away/Flow",
                 json.dumps({"pieces": pieces, "bytes": size})) as flow:
        flow.line()
        seen = []

        def stands():
            seen.append(foreign.sent)
            return len(seen) > 20 and seen[-1] == seen[-20]

        wait_until(stands, "the server waits", every=0.05)
        assert foreign.sent < pieces / 2
        assert flow.rest().count(b"\n") == pieces - 1
        assert flow.end() == 0


def test_a_reader_that_has_enough(foreign):
    done = cli.shell(foreign, '$POSTCLI call far.Away/Flow \'{"forEver":true}\' | head -n 2')
    assert done.stdout == b"{}\n{}\n" and done.stderr == b""
    assert foreign.ended.wait(timing.CALL)


def test_on_a_terminal(foreign):
    """Each response on lines of its own, for people."""
    with Terminal(foreign, "call", "far.Away/Echo", '{"int32Value":1}') as terminal:
        assert terminal.end() == 0
        assert terminal.text == '{\n  "int32Value": 1\n}\n'
        assert b'\x1b[36m1\x1b[0m' in terminal.raw


# --- Much ---------------------------------------------------------------------------------


def peak_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


def test_a_response_of_4_mib(foreign):
    size = (4 << 20) - 100
    got, = call(foreign, "far.Away/Flow", json.dumps({"pieces": 1, "bytes": size}))
    assert base64.b64decode(got["data"]) == bytes(size)


def test_a_request_of_4_mib(foreign):
    """In one line, which is longer than any line of other commands may be."""
    data = base64.b64encode(bytes((4 << 20) - 100)).decode()
    got = call(foreign, "far.Away/Count", "-", stdin=json.dumps({"bytesValue": data}).encode())
    assert got == ["1"] and len(foreign.requests[0].bytes_value) == (4 << 20) - 100


def test_many_responses_take_no_memory(stocked):
    """And as many requests: of our server, which is fast. What the core keeps of a stream comes and
    goes by some megabytes; 60 bytes kept of each would be more."""
    many = 300_000
    with Postcli(stocked, "call", "--server", "user", "v1.user.User/ResolveUsers",
                 stdin=subprocess.PIPE) as talk:
        feeder = threading.Thread(target=lambda: talk.write(b'{"user_ids":["1"]}\n' * many))
        feeder.start()

        def answered(n):
            """How many came, n of them at least; and the most memory that was in use."""
            while n > 0:
                chunk = talk.chunk()
                assert chunk, f"{n} responses are missing"
                n -= chunk.count(b"\n")
            return -n, peak_bytes(talk.process.pid)

        early, before = answered(many // 3)
        over, after = answered(many - many // 3 - early)
        feeder.join()
        assert over == 0 and talk.end() == 0 and talk.rest() == b""
    assert after - before < 12 << 20
