"""The Connect protocol over HTTP/2, rule by rule, by bytes that we write ourselves.

The rules are those of https://connectrpc.com/docs/protocol. Messages and details are compared with
what protobuf's own library makes of them.
"""
import base64
import gzip
import json
from urllib.parse import quote

import pytest
from google.protobuf import json_format

import h2
import hpack
from library import small_library
from logs import may_log
from pair import Pair
from protos import current, post
from raw import Raw

pytestmark = may_log("not a value", "there is no post", "no integer", "protobuf", "no method",
                     "connect-timeout-ms", "connect-protocol-version", "the encoding of the body",
                     "in the query", "the deadline", "no request message", "a message has more",
                     "more came", "says neither", "compressed", "follows the value", "no such",
                     "page_token")

LIBRARY = small_library()
SERVICE = "/v1.post.Post/"
GET, LIST = SERVICE + "GetPost", SERVICE + "ListPosts"
STREAM, COLLECT, BIDI = LIST + "ServerStream", LIST + "ClientStream", LIST + "BidiStream"
JSON, PROTO = "application/json", "application/proto"
STREAM_JSON, STREAM_PROTO = "application/connect+json", "application/connect+proto"

both = pytest.mark.parametrize("kind", [JSON, PROTO], ids=["json", "proto"])
both_streams = pytest.mark.parametrize("kind", [STREAM_JSON, STREAM_PROTO], ids=["json", "proto"])


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("connect"), ["--web"],
              ["--web", "--keepalive-min-time", "0"]) as pair:
        LIBRARY.load(pair)
        yield pair


@pytest.fixture
def raw(pair):
    with Raw(pair.post.port) as raw:
        yield raw


def block(path, kind, method="POST", **headers):
    if kind is not None:
        headers["content_type"] = kind
    return hpack.block((":method", method), (":scheme", "http"), (":path", path),
                       (":authority", "localhost"),
                       *((name.replace("_", "-"), value) for name, value in headers.items()))


def coded(message, kind):
    if "json" in kind:
        return json_format.MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


def decoded(body, kind, of):
    return json_format.Parse(body, of()) if "json" in kind else of.FromString(body)


def unary(raw, path, message, kind=JSON, **headers):
    return raw.ask(block(path, kind, **headers), coded(message, kind))


def failed(answer, status, code, *words):
    error = json.loads(answer.data)
    assert answer.ended and answer.http_status == status, answer.blocks
    assert answer.fields(0)["content-type"] == JSON and len(answer.blocks) == 1
    assert error["code"] == code and all(word in error["message"] for word in words), error
    return error


def envelope(body, flag=0):
    return bytes([flag]) + len(body).to_bytes(4, "big") + body


class Streamed:
    def __init__(self, answer, kind):
        assert answer.ended and answer.http_status == 200 and len(answer.blocks) == 1
        self.headers = answer.fields(0)
        assert self.headers["content-type"] == kind
        *self.frames, (flag, end) = answer.messages()
        assert flag == 2 and all(flag in (0, 1) for flag, _ in self.frames)
        self.bodies = [gzip.decompress(body) if flag else body for flag, body in self.frames]
        self.end = json.loads(end)
        self.code = self.end.get("error", {}).get("code")
        self.messages = [decoded(body, kind, post.ListPostsResponse) for body in self.bodies]
        self.posts = [p for message in self.messages for p in message.post_messages]


def stream(raw, path, *messages, kind=STREAM_JSON, **headers):
    bodies = [envelope(coded(m, kind)) for m in messages] or [b""]
    return Streamed(raw.ask(block(path, kind, **headers), *bodies), kind)


# --- unary ----------------------------------------------------------------------------------


@both
def test_a_unary_call(raw, kind):
    answer = unary(raw, LIST, post.ListPostsRequest(page_size=5), kind)
    headers = answer.fields(0)
    assert answer.http_status == 200 and headers["content-type"] == kind
    assert int(headers["content-length"]) == len(answer.data) and headers["x-request-id"]
    found = decoded(answer.data, kind, post.ListPostsResponse)
    assert list(found.post_messages) == LIBRARY.expected()[:5]


def test_an_empty_body_is_an_empty_message_of_protobuf_only(raw):
    assert raw.ask(block(LIST, PROTO), b"").http_status == 200
    assert raw.ask(block(LIST, PROTO)).http_status == 200
    failed(raw.ask(block(LIST, JSON), b""), 400, "invalid_argument")


def test_unknown_fields_are_ignored(raw):
    answer = raw.ask(block(GET, JSON), b'{"postId": "p1", "news": [{}]}')
    assert answer.http_status == 200


@both
def test_errors_and_their_details(raw, kind):
    error = failed(unary(raw, GET, post.GetPostRequest(post_id="x"), kind), 404, "not_found", "x")
    detail, = error["details"]
    assert detail["type"] == "google.rpc.ErrorInfo" and "=" not in detail["value"]
    value = base64.b64decode(detail["value"] + "==")
    info = current.packages["google.rpc"].ErrorInfo.FromString(value)
    assert (info.reason, info.domain) == ("POST_NOT_FOUND", "v1.post.Post")
    assert detail["debug"] == json_format.MessageToDict(info)


def test_trailers_are_headers_with_a_prefix(raw):
    headers = unary(raw, GET, post.GetPostRequest(post_id="x")).fields(0)
    assert headers["trailer-x-request-id"]
    assert not any("grpc" in name for name in headers)


def test_wrong_bodies(raw):
    def refused(body, *words, kind=JSON):
        failed(raw.ask(block(GET, kind), body), 400, "invalid_argument", *words)

    refused(b"{", "line 1")
    refused(b'{"postId": 1}', "postId")
    refused(b"{} {}", "follows the value")
    refused(b"[]")
    refused(b'{"postId": "1", "post_id": "2"}', "twice")
    refused(b'{"x":' * 100)
    refused(b"\xff", kind=PROTO)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/jsonp", "application/x",
                                  STREAM_JSON, STREAM_PROTO])
def test_types_that_a_unary_method_has_not(raw, kind):
    answer = raw.ask(block(GET, kind), b"{}")
    assert answer.http_status == 415 and "application/json" in answer.fields(0)["accept-post"]


@pytest.mark.parametrize("kind", [JSON, PROTO, "text/plain"])
def test_types_that_a_stream_has_not(raw, kind):
    answer = raw.ask(block(STREAM, kind), b"{}")
    assert answer.http_status == 415
    assert "application/connect+json" in answer.fields(0)["accept-post"]


def test_parameters_of_a_type_do_not_matter(raw):
    assert raw.ask(block(LIST, "Application/JSON; charset=utf-8"), b"{}").http_status == 200


def test_methods_of_http(raw):
    for method in ("PUT", "DELETE", "GET"):
        answer = raw.ask(block(SERVICE + "ImportPosts", None, method))
        assert answer.http_status == 405 and answer.fields(0)["allow"] == "POST"
    assert raw.ask(block(GET, None, "PUT")).fields(0)["allow"] == "GET, POST"


def test_what_there_is_not(raw):
    answer = raw.ask(block(SERVICE + "No", PROTO), b"")
    failed(answer, 501, "unimplemented", "no method /v1.post.Post/No")
    answer = raw.ask(block(SERVICE + "No", JSON, connect_protocol_version="1"), b"{}")
    failed(answer, 501, "unimplemented")
    assert raw.ask(block(SERVICE + "No", JSON), b"{}").http_status == 404


def test_methods_without_descriptors_speak_protobuf(raw):
    """Those of the original, in its package."""
    assert raw.ask(block("/post.Post/ListPosts", PROTO), b"").http_status == 200
    failed(raw.ask(block("/post.Post/ListPosts", JSON), b"{}"), 501, "unimplemented")


def test_the_version(raw):
    assert raw.ask(block(LIST, JSON, connect_protocol_version="1"), b"{}").http_status == 200
    failed(raw.ask(block(LIST, JSON, connect_protocol_version="2"), b"{}"), 400,
           "invalid_argument", "connect-protocol-version")


def test_deadlines(raw):
    assert raw.ask(block(LIST, JSON, connect_timeout_ms="9999999999"), b"{}").http_status == 200
    failed(raw.ask(block(LIST, JSON, connect_timeout_ms="0"), b"{}"), 504, "deadline_exceeded")
    for wrong in ("", "-1", "1s", "12345678901", "1.5"):
        failed(raw.ask(block(LIST, JSON, connect_timeout_ms=wrong), b"{}"), 400,
               "invalid_argument", "connect-timeout-ms")


def test_packed_requests(raw):
    body = gzip.compress(b'{"postId": "p1"}')
    assert raw.ask(block(GET, JSON, content_encoding="gzip"), body).http_status == 200
    assert raw.ask(block(LIST, JSON, content_encoding="identity"), b"{}").http_status == 200
    failed(raw.ask(block(GET, JSON, content_encoding="br"), body), 501, "unimplemented",
           "gzip and deflate")
    for kind in (JSON, PROTO):
        failed(raw.ask(block(GET, kind, content_encoding="gzip"), b"{}"), 400, "invalid_argument",
               "damaged")


def test_a_request_that_is_too_large(raw):
    stream = raw.begin(block(LIST, PROTO))
    raw.pour(stream, bytes(5_000_000))
    failed(raw.answer_of(stream), 429, "resource_exhausted")


# --- GET ------------------------------------------------------------------------------------


def get(raw, path, **query):
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return raw.ask(block(f"{path}?{text}", None, "GET"))


@both
def test_a_call_by_get(raw, kind):
    codec = kind.split("/")[1]
    body = coded(post.GetPostRequest(post_id="p1"), kind)
    plain, packed = quote(body), base64.urlsafe_b64encode(gzip.compress(body)).decode()
    for query in ({"message": plain}, {"message": packed, "base64": "1", "compression": "gzip"},
                  {"message": packed.rstrip("="), "base64": "1", "compression": "gzip"}):
        answer = get(raw, GET, connect="v1", encoding=codec, **query)
        assert answer.http_status == 200 and answer.fields(0)["content-type"] == kind
        found = decoded(answer.data, kind, post.GetPostResponse)
        assert found.post_message == next(p for p in LIBRARY.expected() if p.post_id == "p1")


def test_a_get_has_no_body_that_could_be_packed(raw):
    for encoding in ("gzip", "br"):
        answer = raw.ask(block(f"{GET}?encoding=json&message=" + quote('{"postId": "p1"}'), None,
                               "GET", content_encoding=encoding))
        assert answer.http_status == 200


def test_a_get_that_is_wrong(raw):
    def refused(code="invalid_argument", status=400, **query):
        failed(get(raw, GET, **query), status, code)

    refused(encoding="json")
    refused(message="{}")
    refused(encoding="xml", message="{}")
    refused(encoding="json", message="%")
    refused(encoding="json", message="!", base64="1")
    refused(encoding="json", message="{}", compression="gzip")
    refused(encoding="json", message="{}", compression="br", code="unimplemented", status=501)
    refused(encoding="json", message="{}")  # an id that is empty


def test_only_what_only_reads_is_called_by_get(raw):
    for path in (SERVICE + "ImportPosts", STREAM, COLLECT):
        assert get(raw, path, encoding="json", message="{}").http_status == 405


# --- streams --------------------------------------------------------------------------------


@both_streams
def test_a_stream_of_answers(raw, kind):
    told = stream(raw, STREAM, post.ListPostsRequest(page_size=10), kind=kind)
    assert told.end == {} and told.posts == LIBRARY.expected() and len(told.messages) > 40


@both_streams
def test_a_stream_of_requests(raw, kind):
    told = stream(raw, COLLECT, *3 * [post.ListPostsRequest(limit=2)], kind=kind)
    assert told.end == {} and told.posts == 3 * LIBRARY.expected()[:2] and len(told.messages) == 1


@both_streams
def test_streams_both_ways(raw, kind):
    """Each is answered before the next is asked."""
    number = raw.begin(block(BIDI, kind))
    for index in range(3):
        request = coded(post.ListPostsRequest(limit=1), kind)
        raw.send(h2.data(number, envelope(request)))
        raw.until(lambda n=index + 1: len(raw.answers[number].messages()) == n)
    raw.send(h2.data(number, end=True))
    told = Streamed(raw.answer_of(number), kind)
    assert told.end == {} and [m.request_index for m in told.messages] == [0, 1, 2]


@both_streams
def test_a_stream_that_fails(raw, kind):
    told = stream(raw, STREAM, post.ListPostsRequest(page_token="none"), kind=kind)
    assert told.code == "invalid_argument" and not told.messages
    assert told.end["error"]["details"][0]["type"] == "google.rpc.ErrorInfo"
    assert told.end["metadata"]["x-request-id"]


def test_a_stream_without_a_request(raw):
    assert stream(raw, STREAM).code == "invalid_argument"


def test_what_streams_have_not(raw):
    for path, code in ((SERVICE + "No", "unimplemented"),):
        assert stream(raw, path, post.ListPostsRequest()).code == code
    told = stream(raw, STREAM, post.ListPostsRequest(), connect_timeout_ms="0")
    assert told.code == "deadline_exceeded"
    told = stream(raw, STREAM, post.ListPostsRequest(), connect_content_encoding="br")
    assert told.code == "unimplemented"


def test_envelopes_that_are_wrong(raw):
    def code(*bodies):
        return Streamed(raw.ask(block(STREAM, STREAM_JSON), *bodies), STREAM_JSON).code

    assert code(envelope(b"{}"), envelope(b"{}")) is not None, "two requests"
    assert code(envelope(b"{")) == "invalid_argument"
    assert code(envelope(b"{}", flag=2)) is not None
    told = Streamed(raw.ask(block(STREAM, STREAM_JSON), envelope(b"{}", flag=1)), STREAM_JSON)
    assert told.code == "internal" and "no header says how" in told.end["error"]["message"]
    assert code(b"\0\0\0\0\x09{}") is not None, "cut"
    assert code(b"\0\x7f\xff\xff\xff") == "resource_exhausted"


def test_packed_streams(tmp_path):
    with Pair(tmp_path, ["--web"], ["--web", "--compression", "gzip"]) as pair:
        LIBRARY.load(pair)
        with Raw(pair.post.port) as raw:
            for kind in (STREAM_JSON, STREAM_PROTO):
                body = envelope(gzip.compress(coded(post.ListPostsRequest(), kind)), flag=1)
                told = Streamed(raw.ask(block(STREAM, kind, connect_content_encoding="gzip",
                                              connect_accept_encoding="gzip"), body), kind)
                assert told.headers["connect-content-encoding"] == "gzip"
                assert told.frames[0][0] == 1 and told.posts == LIBRARY.expected()
                told = stream(raw, STREAM, post.ListPostsRequest(), kind=kind)
                assert "connect-content-encoding" not in told.headers
                assert told.posts == LIBRARY.expected()


def test_a_client_that_goes_away(pair, raw):
    """The handler hears of it: a follow ends."""
    number = raw.begin(block(STREAM, STREAM_JSON))
    raw.send(h2.data(number, envelope(b'{"follow":true}'), end=True))
    raw.until(lambda: b"caughtUp" in raw.answers[number].data)
    raw.send(h2.reset(number))
    raw.sync()
    assert stream(raw, STREAM, post.ListPostsRequest(limit=1)).end == {}
