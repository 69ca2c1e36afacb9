"""postcli against a server that breaks off, lies, or has bad manners."""
import contextlib
import json
import re
import subprocess
from concurrent import futures

import grpc
import pytest
from google.protobuf import descriptor_pb2

import logs
import timing
from pair import BUILD, clean_environment
from protos import current, post

reflection = current.packages["grpc.reflection.v1"]


class FakePost(grpc.GenericRpcHandler):
    """Answers by a function for each method; it gets the requests and the context, and
    yields responses, or bytes where they are to be no message."""

    def __init__(self, **methods):
        self.methods = methods

    def service(self, details):
        answer = self.methods.get(details.method.rpartition("/")[2])
        if answer is None:
            return None
        return grpc.stream_stream_rpc_method_handler(
            answer, current.methods[details.method].request.FromString,
            lambda m: m if isinstance(m, bytes) else m.SerializeToString())


@contextlib.contextmanager
def serving(**methods):
    """The server's address."""
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[FakePost(**methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def postcli(target, *args, stdin=""):
    done = subprocess.run([str(BUILD / "postcli"), *args, "--target", target], input=stdin,
                          capture_output=True, text=True, timeout=timing.CALL,
                          env=clean_environment(), check=False)
    logs.look_at(done.stderr)
    return done


def ids(done):
    return [json.loads(line)["post_id"] for line in done.stdout.splitlines()]


def message(numbers, **fields):
    return post.ListPostsResponse(
        post_messages=[post.PostMessage(post_id=str(n)) for n in numbers], **fields)


def breaking_stream(seen, breaks):
    """Ten posts in messages of two, tokens that are numbers; call k ends by breaks[k]
    after two messages, and the ones after that are whole."""
    def answer(requests, context):
        request = next(requests)
        seen.append((request.page_token, request.limit))
        start = int(request.page_token or 0)
        end = min(10, start + request.limit) if request.limit else 10
        for n in range(start, end, 2):
            if len(seen) <= len(breaks) and n == start + 4:
                breaks[len(seen) - 1](context)
                return
            numbers = range(n, min(n + 2, end))
            yield message(numbers, next_page_token="" if n + 2 >= 10 else str(n + 2),
                          last=n + 2 >= end)
    return answer


def ends_ok(_):
    """OK, but no message with `last` was there."""


def goes_down(context):
    context.abort(grpc.StatusCode.UNAVAILABLE, "going down")


@pytest.mark.parametrize("how", [ends_ok, goes_down])
@pytest.mark.parametrize("format_, listed", [("ndjson", 9), ("none", 0)])
def test_stream_list_goes_on_with_what_is_left(how, format_, listed):
    seen = []
    with serving(ListPostsServerStream=breaking_stream(seen, [how, how])) as target:
        done = postcli(target, "stream-list", "--limit", "9", "--format", format_)
    assert done.returncode == 0, done.stderr
    assert ids(done) == [str(n) for n in range(listed)]
    assert seen == [("", 9), ("4", 5), ("8", 1)]
    counted = r"9 posts, .*\n" if format_ == "none" else ""
    assert re.fullmatch(counted + "postcli: resumed 2 times\n", done.stderr), done.stderr


def test_stream_list_without_resume_tells_the_token():
    seen = []
    with serving(ListPostsServerStream=breaking_stream(seen, [goes_down])) as target:
        done = postcli(target, "stream-list", "--no-resume")
    assert done.returncode == 1
    assert ids(done) == ["0", "1", "2", "3"]
    assert done.stderr == ("postcli: UNAVAILABLE: going down\n"
                           "postcli: resume with --page-token 4\n")


def test_stream_list_gives_up_after_tries_without_progress():
    calls = []

    def answer(_, context):
        calls.append(1)
        context.abort(grpc.StatusCode.UNAVAILABLE, "never up")
        yield

    with serving(ListPostsServerStream=answer) as target:
        done = postcli(target, "stream-list", "--max-tries", "2", "--retries", "0")
    assert done.returncode == 1
    assert len(calls) == 3  # the first, and two tries
    assert done.stderr == "postcli: UNAVAILABLE: never up\n"


def test_stream_list_does_not_repeat_what_was_refused():
    calls = []

    def answer(_, context):
        calls.append(1)
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "red: \033[31m\nsecond line")
        yield

    with serving(ListPostsServerStream=answer) as target:
        done = postcli(target, "stream-list")
    assert done.returncode == 1
    assert len(calls) == 1
    # One line, and nothing in it that a terminal would obey.
    assert done.stderr == "postcli: PERMISSION_DENIED: red: \\x1b[31m\\nsecond line\n"


@pytest.mark.parametrize("format_, listed", [("ndjson", ["1"]), ("none", [])])
def test_bytes_that_are_no_message(format_, listed):
    def answer(_, __):
        yield message([1], next_page_token="after-1")
        yield b"\x0a\xff\xff"

    with serving(ListPostsServerStream=answer) as target:
        done = postcli(target, "stream-list", "--format", format_)
    assert done.returncode == 1
    assert ids(done) == listed
    assert "postcli: INTERNAL: " in done.stderr
    assert done.stderr.endswith("postcli: resume with --page-token after-1\n")


def test_list_without_an_answer():
    with serving(ListPosts=lambda requests, context: iter(())) as target:
        done = postcli(target, "list")
    assert done.returncode == 1
    assert done.stderr.startswith("postcli: ") and done.stderr.count("\n") == 1


def test_bidi_list_answers_out_of_order():
    def answer(requests, _):
        for n, _ in enumerate(requests):
            yield message([n], request_index=n + (n == 1), last=True)

    with serving(ListPostsByUserIdBidiStream=answer) as target:
        done = postcli(target, "bidi-list", "a", "b", "c")
    assert done.returncode == 1
    assert ids(done) == ["0"]
    assert done.stderr == ("postcli: INTERNAL: the server answered request 2 out of order\n"
                           "postcli: resume with the ids after a\n")


def test_bidi_list_answer_missing():
    def answer(requests, _):
        next(requests)
        yield message([1], next_page_token="t", last=False)

    with serving(ListPostsByUserIdBidiStream=answer) as target:
        done = postcli(target, "bidi-list", stdin="a\nb\n")
    assert done.returncode == 1
    assert "UNAVAILABLE: the stream ended before its last answer" in done.stderr
    assert "resume with --page-token t, ids from a on" in done.stderr


def test_collect_list_asks_on_from_where_the_answer_stopped():
    """Three users with four posts each; an answer has five, whoever they are of."""
    seen = []

    def answer(requests, _):
        requests = list(requests)
        seen.append([(r.user_id, r.page_token) for r in requests])
        out = post.ListPostsResponse()
        for index, request in enumerate(requests):
            for n in range(int(request.page_token or 0), 4):
                if len(out.post_messages) == requests[0].page_size:
                    out.request_index, out.next_page_token = index, str(n)
                    yield out
                    return
                out.post_messages.add(post_id=request.user_id + str(n))
        yield out

    with serving(ListPostsByUserIdClientStream=answer) as target:
        done = postcli(target, "collect-list", "--page-size", "5", stdin="a\n\nb\nc\n")
    assert done.returncode == 0, done.stderr
    assert ids(done) == [u + str(n) for u in "abc" for n in range(4)]
    assert seen == [[("a", ""), ("b", ""), ("c", "")], [("b", "1"), ("c", "")], [("c", "2")]]


def test_collect_list_does_not_ask_for_ever():
    def answer(requests, _):
        list(requests)
        yield message([], next_page_token="stuck", request_index=0)

    with serving(ListPostsByUserIdClientStream=answer) as target:
        done = postcli(target, "collect-list", "a")
    assert done.returncode == 1
    assert "INTERNAL: the answer stops at request 0, where it had stopped before" in done.stderr


# --- describe ------------------------------------------------------------------------------


def describe(*files):
    """What postcli makes of these files, a server's answer for v1.A."""
    def answer(requests, _):
        next(requests)
        yield reflection.ServerReflectionResponse(
            file_descriptor_response={"file_descriptor_proto": files})

    with serving(ServerReflectionInfo=answer) as target:
        return postcli(target, "describe", "v1.A")


def in_one_another(depth):
    """A file whose message has a message, and so on. Made by hand: the library that writes
    messages does not go so deep."""
    def field(tag, content):
        length, head = len(content), bytearray([tag])
        while length >= 0x80:
            head.append(length & 0x7f | 0x80)
            length >>= 7
        return bytes(head) + bytes([length]) + content

    message = field(0x0a, b"A")
    for _ in range(depth - 1):
        message = field(0x0a, b"A") + field(0x1a, message)
    return descriptor_pb2.FileDescriptorProto(name="a", package="v1").SerializeToString() + \
        field(0x22, message)


def test_a_definition_as_deep_as_it_may_be():
    done = describe(in_one_another(100))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("message A {") == 100


@pytest.mark.parametrize("depth", [101, 20000])
def test_a_definition_that_is_too_deep(depth):
    done = describe(in_one_another(depth))
    assert done.returncode == 1, done.stderr
    assert done.stderr == ("postcli: INTERNAL: the server sent a "
                           "google.protobuf.FileDescriptorProto that has messages more than "
                           "100 deep in one another\n")
    assert done.stdout == ""


def test_a_definition_that_is_none():
    done = describe(b"\x0a\xff")
    assert done.returncode == 1
    assert done.stderr == "postcli: INTERNAL: the server sent something that is not a descriptor\n"


@pytest.mark.parametrize("code, again", [
    ("UNAVAILABLE", True), ("DEADLINE_EXCEEDED", True), ("ABORTED", True), ("CANCELLED", True),
    ("RESOURCE_EXHAUSTED", True), ("INVALID_ARGUMENT", False), ("UNAUTHENTICATED", False),
    ("PERMISSION_DENIED", False), ("UNIMPLEMENTED", False), ("INTERNAL", False)])
def test_the_same_deletion_again_is_advised_where_it_helps(code, again):
    def refuse(requests, context):
        next(requests)
        context.abort(grpc.StatusCode[code], "no")
        yield b""

    with serving(DeletePosts=refuse) as target:
        done = postcli(target, "delete", "posts", "--yes", "1")
    assert done.returncode == 1 and f"postcli: {code}: no" in done.stderr
    advised = "what was deleted stays deleted; the same again does the rest" in done.stderr
    assert advised == again, done.stderr
