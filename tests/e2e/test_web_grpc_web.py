"""gRPC-Web over HTTP/2, rule by rule, by bytes that we write ourselves.

The rules are those of gRPC's PROTOCOL-WEB.md: gRPC's frames in a plain body, the trailers in its
last frame, and what ends before a message told by headers alone, with an empty body.
"""
import base64
import gzip

import pytest

import h2
from library import small_library
from logs import may_log
from pair import Pair
from protos import post, user
from raw import Raw, message, request

pytestmark = may_log("is no base64", "the deadline had passed", "grpc-timeout is malformed",
                     "a message has more than", "says neither compressed nor not")

LIST = "/v1.post.Post/ListPosts"
STREAM, COLLECT, BIDI = LIST + "ServerStream", LIST + "ClientStream", LIST + "BidiStream"
GET = "/v1.user.User/GetUser"
BINARY, TEXT = "application/grpc-web+proto", "application/grpc-web-text+proto"
OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND = 0, 3, 4, 5
RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAUTHENTICATED = 8, 12, 13, 16
ONE = message(post.ListPostsRequest(limit=2).SerializeToString())

both = pytest.mark.parametrize("kind", [BINARY, TEXT], ids=["binary", "text"])


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    args = ["--loops", "1", "--keepalive-min-time", "0", "--web"]
    with Pair(tmp_path_factory.mktemp("web"), args, [*args, "--log-calls", "all"]) as pair:
        small_library().load(pair)
        yield pair


@pytest.fixture
def raw(pair):
    with Raw(pair.post.port) as raw:
        yield raw


@pytest.fixture
def user_raw(pair):
    with Raw(pair.user.port) as raw:
        yield raw


def web(path, kind=BINARY, *more, **changes):
    return request(path, *more, te=None, content_type=kind, **changes)


def decoded(text):
    """Base64 that may be padded in its midst: quartet by quartet."""
    assert len(text) % 4 == 0, text
    return b"".join(base64.b64decode(text[i:i + 4], validate=True) for i in range(0, len(text), 4))


def ask(raw, path, *bodies, kind=BINARY, more=()):
    code = base64.b64encode if "text" in kind else bytes
    return Told(raw.ask(web(path, kind, *more), *map(code, bodies)), kind)


class Told:
    """What an answer says: messages, and trailers from the last frame or the headers."""

    def __init__(self, answer, kind):
        assert answer.ended and len(answer.blocks) == 1, "a body ends the answer, no trailers do"
        self.headers = answer.fields(0)
        assert self.headers[":status"] == "200"
        assert self.headers["content-type"] == kind
        self.empty = answer.data == b""
        answer.data = decoded(answer.data) if "text" in kind else answer.data
        frames = answer.messages()
        assert all(flag in (0, 1) for flag, _ in frames[:-1])
        if frames:
            flag, last = frames.pop()
            assert flag == 0x80 and "grpc-status" not in self.headers
            assert last.endswith(b"\r\n")
            self.trailers = dict(line.split(": ", 1) for line in last.decode().split("\r\n")[:-1])
        else:
            self.trailers = self.headers
        self.frames = frames
        self.bodies = [gzip.decompress(body) if flag else body for flag, body in frames]
        self.status = int(self.trailers["grpc-status"])


@both
def test_a_unary_call(raw, kind):
    told = ask(raw, LIST, ONE, kind=kind)
    assert told.status == OK and len(told.bodies) == 1
    assert len(post.ListPostsResponse.FromString(told.bodies[0]).post_messages) == 2


@both
def test_a_stream_of_answers(raw, kind):
    told = ask(raw, STREAM, message(post.ListPostsRequest(page_size=10).SerializeToString()),
               kind=kind)
    answers = [post.ListPostsResponse.FromString(body) for body in told.bodies]
    assert told.status == OK and len(answers) > 2
    assert [p.post_id for a in answers for p in a.post_messages] == [
        p.post_id for p in small_library().expected()]


@both
def test_many_requests(raw, kind):
    one = message(post.ListPostsByUserIdRequest(user_id="u1").SerializeToString())
    posts = small_library().expected("u1")
    told = ask(raw, "/v1.post.Post/ListPostsByUserIdClientStream", one, one, kind=kind)
    assert told.status == OK
    answer = post.ListPostsByUserIdResponse.FromString(told.bodies[0])
    assert [p.post_id for p in answer.post_messages] == 2 * [p.post_id for p in posts]


@both
def test_an_error_before_any_message_has_an_empty_body(user_raw, kind):
    told = ask(user_raw, GET, message(user.GetUserRequest(user_id="nobody").SerializeToString()),
               kind=kind)
    assert told.status == NOT_FOUND and told.empty
    assert "nobody" in told.trailers["grpc-message"]
    assert told.trailers["grpc-status-details-bin"]


def test_an_unknown_method(raw):
    told = ask(raw, "/v1.post.Post/NoSuch", ONE)
    assert told.status == UNIMPLEMENTED and told.empty


@pytest.mark.parametrize("content_type, status", [
    ("application/grpc-web", 200), ("application/grpc-web;charset=utf-8", 200),
    ("application/grpc-web+json", 200), ("application/grpc-web+jsonx", 415),
    ("application/grpc-web+thrift", 415),
    ("application/grpc-web-text+json", 415), ("application/grpc-webby", 415),
    ("text/plain", 415), (None, 415)])
def test_content_types(raw, content_type, status):
    assert raw.ask(web(LIST, content_type), ONE).http_status == status


def test_another_method_of_http(raw):
    answer = raw.ask(web(LIST, method="GET"))
    assert answer.http_status == 405 and answer.fields(0)["allow"] == "POST"


def test_no_base64(raw):
    told = Told(raw.ask(web(LIST, TEXT), b"AAAA!AAA"), TEXT)
    assert told.status == INTERNAL and told.empty


@pytest.mark.parametrize("left", ["A", "AA", "AAA"])
@pytest.mark.parametrize("path", [LIST, BIDI])
def test_base64_that_ends_in_the_midst_of_a_quartet(raw, path, left):
    told = Told(raw.ask(web(path, TEXT), base64.b64encode(ONE) + left.encode()), TEXT)
    assert told.status == INTERNAL


def test_base64_cut_anywhere_and_padded_in_its_midst(raw):
    body = base64.b64encode(ONE[:1]) + base64.b64encode(ONE[1:3]) + base64.b64encode(ONE[3:])
    assert b"=" in body[:-1]
    told = Told(raw.ask(web(LIST, TEXT), *(body[i:i + 1] for i in range(len(body)))), TEXT)
    assert told.status == OK and told.bodies


def test_a_large_request_as_text(tmp_path):
    """More than a stream's window: what the coat took is given back as well."""
    posts = [post.PostMessage(post_id=f"large-{i}", user_id="1", body="x" * 60000)
             for i in range(40)]
    body = b"".join(message(post.ImportPostsRequest(post_messages=[p]).SerializeToString())
                    for p in posts)
    with Pair(tmp_path, [], ["--web"]) as pair, Raw(pair.post.port) as raw:
        stream = raw.begin(web("/v1.post.Post/ImportPosts", TEXT))
        raw.pour(stream, base64.b64encode(body))
        raw.send(h2.data(stream, end=True))
        told = Told(raw.answer_of(stream), TEXT)
    assert told.status == OK
    assert post.ImportPostsResponse.FromString(told.bodies[0]).imported == 40


def test_a_frame_with_a_flag_that_is_none(raw):
    told = ask(raw, LIST, message(b"", flag=2))
    assert told.status == INTERNAL and told.empty


def test_a_message_that_is_too_large(raw):
    told = ask(raw, LIST, b"\0\x7f\xff\xff\xff")
    assert told.status == RESOURCE_EXHAUSTED and told.empty


@both
def test_a_deadline_that_has_passed(raw, kind):
    told = ask(raw, LIST, ONE, kind=kind, more=[("grpc-timeout", "0m")])
    assert told.status == DEADLINE_EXCEEDED and told.empty


def test_a_malformed_deadline(raw):
    assert ask(raw, LIST, ONE, more=[("grpc-timeout", "soon")]).status == INTERNAL


def test_compressed_both_ways(tmp_path):
    with Pair(tmp_path, ["--web"], ["--web", "--compression", "gzip"]) as pair:
        small_library().load(pair)
        with Raw(pair.post.port) as raw:
            for kind in (BINARY, TEXT):
                packed = message(gzip.compress(ONE[5:]), flag=1)
                more = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")]
                told = ask(raw, LIST, packed, kind=kind, more=more)
                assert told.status == OK and told.headers["grpc-encoding"] == "gzip"
                assert told.frames[0][0] == 1
                assert len(post.ListPostsResponse.FromString(told.bodies[0]).post_messages) == 2


def test_an_encoding_that_nobody_knows(raw):
    told = ask(raw, LIST, ONE, more=[("grpc-encoding", "snappy")])
    assert told.status == UNIMPLEMENTED and told.empty


def test_without_web_it_is_no_call(tmp_path):
    with Pair(tmp_path) as pair, Raw(pair.post.port) as raw:
        assert raw.ask(web(LIST), ONE).http_status == 415


def test_beside_calls_of_grpc(raw):
    for _ in range(3):
        assert raw.ask(request(LIST), ONE).status == OK
        assert ask(raw, LIST, ONE).status == OK
