"""Methods called by HTTP alone, as their google.api.http rules say: over HTTP/2, by bytes that we
write ourselves. JSON is compared with what protobuf's own json_format makes of the same messages.
"""
import gzip
import json

import pytest
from google.protobuf import json_format

import h2
import hpack
import timing
from issuer import hash_line
from library import GHOST, small_library
from logs import expects_log, may_log
from pair import Pair, Server
from protos import post, user
from raw import Raw

pytestmark = may_log("in the query", "no integer", "there is no post", "nobody", "the deadline",
                     "no body", "no user", "is empty", "line 1", "unknown field", "no field",
                     "page_token", "grpc-timeout", "content-encoding", "a message has more than",
                     "'%'", "there is no query")

LIBRARY = small_library()
NDJSON, JSON, EVENTS = "application/x-ndjson", "application/json", "text/event-stream"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("rest"), ["--web"],
              ["--web", "--keepalive-min-time", "0"]) as pair:
        LIBRARY.load(pair)
        yield pair


@pytest.fixture
def raw(pair):
    with Raw(pair.post.port) as raw:
        yield raw


@pytest.fixture
def user_raw(pair):
    with Raw(pair.user.port) as raw:
        yield raw


def block(method, path, **headers):
    return hpack.block((":method", method), (":scheme", "http"), (":path", path),
                       (":authority", "localhost"),
                       *((name.replace("_", "-"), value) for name, value in headers.items()))


class Told:
    def __init__(self, answer):
        assert answer.ended and len(answer.blocks) == 1, "HTTP alone has no trailers"
        self.headers, self.body = answer.fields(0), answer.data
        self.status = answer.http_status
        if "content-length" in self.headers:
            assert int(self.headers["content-length"]) == len(self.body)

    @property
    def json(self):
        assert self.headers["content-type"] == JSON
        return json.loads(self.body)

    @property
    def lines(self):
        assert self.headers["content-type"] == NDJSON and self.body.endswith(b"\n")
        return [json.loads(line) for line in self.body.decode().splitlines()]

    @property
    def events(self):
        """What the HTML standard would hand on: (name, id, data)."""
        assert self.headers["content-type"] == EVENTS and self.body.endswith(b"\n\n")
        found, last_id = [], ""
        for event in self.body.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in event.split("\n")
                          if not line.startswith(":"))
            last_id = fields.get("id", last_id)
            if "data" in fields:
                found.append((fields.get("event", "message"), last_id, json.loads(fields["data"])))
        return found


def get(raw, path, **headers):
    return Told(raw.ask(block("GET", path, **headers)))


def send(raw, path, *bodies, method="POST", kind=JSON, **headers):
    headers = {"content_type": kind, **headers} if kind is not None else headers
    return Told(raw.ask(block(method, path, **headers), *bodies))


def posts_of(messages):
    return [json_format.ParseDict(p, post.PostMessage())
            for m in messages for p in m.get("postMessages", [])]


def failed(told, status, code, *words):
    error = told.json
    assert told.status == status and error["code"] == code, error
    assert all(word in error["message"] for word in words), error
    return error


# --- one message ----------------------------------------------------------------------------


def test_a_message_is_what_protobufs_own_library_makes_of_it(raw):
    for expected in LIBRARY.expected()[:50]:
        told = get(raw, f"/v1/posts/{expected.post_id}")
        assert told.status == 200
        assert told.json == json_format.MessageToDict(expected)


def test_a_page_and_the_next(raw):
    first = get(raw, "/v1/posts?pageSize=7").json
    second = get(raw, f"/v1/posts?page_size=5&page_token={first['nextPageToken']}").json
    assert posts_of([first, second]) == LIBRARY.expected()[:12]
    assert first["totalSize"] == str(len(LIBRARY.posts)), "64 bits are a string"


def test_fields_from_path_and_query(raw):
    told = get(raw, "/v1/users/u7/posts?tag=third&pageSize=100")
    assert posts_of([told.json]) == LIBRARY.expected("u7", "third")


def test_escapes_in_path_and_query(pair, raw, user_raw):
    odd = "a/b ?&%+한"
    pair.import_users([{"user_id": odd, "name": "Odd"}])
    escaped = "a%2Fb%20%3F%26%25+%ED%95%9C"
    told = get(user_raw, f"/v1/users/{escaped}")
    assert told.json == {"userId": odd, "name": "Odd"}
    assert get(raw, f"/v1/users/{escaped}/posts").json["last"]
    failed(get(user_raw, "/v1/users/a%2"), 400, 3, "'%'")
    failed(get(user_raw, "/v1/users/a%00b"), 400, 3)


def test_errors_have_the_status_of_their_code(raw, user_raw):
    error = failed(get(raw, "/v1/posts/nothing"), 404, 5, "nothing")
    detail, = error["details"]
    assert detail == {"@type": "type.googleapis.com/google.rpc.ErrorInfo",
                      "reason": "POST_NOT_FOUND", "domain": "v1.post.Post"}
    error = failed(get(raw, "/v1/posts?page_size=-1"), 400, 3)
    violation = next(d for d in error["details"] if d["@type"].endswith("BadRequest"))
    assert violation["fieldViolations"][0]["field"] == "page_size"
    failed(get(raw, "/v1/posts?page_token=none"), 400, 3)
    failed(get(user_raw, "/v1/users/nobody"), 404, 5)


def test_request_ids_are_headers(raw):
    assert get(raw, "/v1/posts/p1").headers["x-request-id"]
    assert get(raw, "/v1/posts/nothing").headers["x-request-id"]
    assert get(raw, "/v1/posts/p1", x_request_id="abc-1").headers["x-request-id"] == "abc-1"


def test_a_query_that_is_wrong(raw):
    failed(get(raw, "/v1/posts?page_sise=1"), 400, 3, '"page_sise"')
    failed(get(raw, "/v1/posts?page_size=1&pageSize=2"), 400, 3, "twice")
    failed(get(raw, "/v1/posts?page_size=x"), 400, 3, '"x" is no integer')
    failed(get(raw, "/v1/posts?follow=1"), 400, 3, "neither true nor false")
    failed(get(raw, "/v1/users/u1/posts?user_id=u2"), 400, 3, "in the path already")


def head(raw, path, **headers):
    """The answer has the length that GET would get, and no body: with one, clients of HTTP/2
    find the message malformed."""
    answer = raw.ask(block("HEAD", path, **headers))
    assert answer.ended and len(answer.blocks) == 1 and answer.data == b""
    return answer.http_status, answer.fields(0)


def test_heads_have_no_body(raw):
    for path, status in [("/v1/nothing", 404), ("/v1/posts/p1", 405), ("/v1/posts", 405),
                         ("/v1.post.Post/GetPost", 405)]:
        told, headers = head(raw, path)
        assert told == status
        assert headers.get("content-length") != "0"
    told, headers = head(raw, "/v1.post.Post/No", connect_protocol_version="1")
    assert told == 404 and int(headers["content-length"]) > 0
    told, headers = head(raw, "/openapi.json")
    assert told == 200 and headers["content-type"] == JSON
    assert int(headers["content-length"]) == len(get(raw, "/openapi.json").body)
    assert get(raw, "/v1/posts/p1").status == 200, "the connection is as it was"


def test_paths_that_are_none(raw):
    for path in ("/", "/v1", "/v1/posts/", "/v1/posts/a/b", "/v1/posts:nothing", "/V1/posts"):
        failed(get(raw, path), 404, 5)
    told = send(raw, "/v1/posts/p1", b"{}")
    failed(told, 405, 12)
    assert told.headers["allow"] == "GET"
    assert send(raw, "/v1/posts", b"{}", method="PUT").headers["allow"] == "GET"


def test_a_body_where_none_belongs(raw):
    told = Told(raw.ask(block("GET", "/v1/posts/p1"), b"{}"))
    failed(told, 400, 3, "no body")


def test_deadlines(raw):
    assert get(raw, "/v1/posts/p1", grpc_timeout="5S").status == 200
    failed(get(raw, "/v1/posts/p1", grpc_timeout="0S"), 504, 4)
    failed(get(raw, "/v1/posts/p1", grpc_timeout="soon"), 400, 3)


def test_caches_hear_that_accept_chose(raw):
    for accept in (JSON, NDJSON, EVENTS):
        assert get(raw, "/v1/posts?limit=1&pageSize=1", accept=accept).headers["vary"] == "accept"
    assert "vary" not in get(raw, "/v1/posts/p1").headers
    for accept in (JSON, NDJSON, EVENTS):
        told = get(raw, f"/v1/users/{GHOST}/posts", accept=accept)
        assert told.status == 404 and told.headers["vary"] == "accept"
    told = get(raw, "/v1/posts/p1", accept="text/html")
    assert told.status == 406 and told.headers["vary"] == "accept"


def test_what_cannot_be_accepted(raw):
    failed(get(raw, "/v1/posts/p1", accept="text/html"), 406, 3)
    failed(get(raw, "/v1/posts/p1", accept=EVENTS), 406, 3)
    assert get(raw, "/v1/posts/p1", accept="text/html, */*;q=0.1").status == 200


# --- streams of answers ---------------------------------------------------------------------


def test_lines(raw):
    lines = get(raw, "/v1/posts", accept=NDJSON).lines
    assert len(lines) > 3 and all(list(line) == ["result"] for line in lines)
    assert posts_of([line["result"] for line in lines]) == LIBRARY.expected()


def test_lines_that_end_in_an_error(raw):
    told = get(raw, f"/v1/users/{GHOST}/posts", accept=NDJSON)
    failed(told, 404, 5)


def test_an_array(raw):
    told = get(raw, "/v1/posts:stream?page_size=10", accept=JSON)
    assert len(told.json) >= len(LIBRARY.posts) / 10
    assert posts_of(told.json) == LIBRARY.expected()
    empty = get(raw, "/v1/posts:stream?tag=nothing", accept=JSON).json
    assert posts_of(empty) == []
    assert get(raw, "/v1/posts:stream?limit=1").headers["content-type"] == NDJSON


def test_events_and_going_on(raw):
    """Each event's id goes on behind it, exactly."""
    events = get(raw, "/v1/posts?page_size=50", accept=EVENTS).events
    assert events[-1] == ("status", "end", {"code": 0, "message": ""})
    messages = [data for name, _, data in events[:-1]]
    assert all(name == "message" for name, *_ in events[:-1])
    assert posts_of(messages) == LIBRARY.expected()
    middle = len(messages) // 2
    rest = get(raw, "/v1/posts?page_size=50", accept=EVENTS,
               last_event_id=events[middle - 1][1]).events
    assert posts_of(messages[:middle] + [data for name, _, data in rest[:-1]]) == \
        LIBRARY.expected()


def test_events_are_over_when_they_are_over(raw):
    told = get(raw, "/v1/posts", accept=EVENTS, last_event_id="end")
    assert told.status == 204 and told.body == b""
    assert get(raw, "/v1/posts", accept=JSON, last_event_id="end").status == 200


def test_events_of_errors(raw):
    failed(get(raw, f"/v1/users/{GHOST}/posts", accept=EVENTS), 404, 5)
    failed(get(raw, "/v1/posts", accept=EVENTS, last_event_id="none"), 400, 3)


def test_events_when_user_is_gone(start_pair):
    """EventSource gives up at any status but 200."""
    pair = start_pair(post_args=["--web", "--user-timeout", "100ms"])
    LIBRARY.load(pair)
    pair.user.stop()
    with Raw(pair.post.port) as raw:
        told = get(raw, "/v1/posts", accept=EVENTS)
        (name, _, status), = told.events
        assert told.status == 200 and name == "status" and status["code"] == 14
        assert b"retry: " in told.body
        failed(get(raw, "/v1/posts", accept=NDJSON), 503, 14)


test_events_when_user_is_gone.pytestmark = [may_log("User")]


def test_a_follow_as_events(pair, raw):
    """A stream that stays: what is imported comes as it happens; the client goes, and so does it."""
    stream = raw.begin(block("GET", "/v1/posts?follow=true&fromNow=true", accept=EVENTS), end=True)
    answer = raw.answers[stream]
    raw.until(lambda: b"caughtUp" in answer.data)
    pair.import_posts([{"post_id": "new", "user_id": "u1", "title": "new"}])
    raw.until(lambda: b'"postId":"new"' in answer.data)
    assert not answer.over
    raw.send(h2.reset(stream))
    raw.sync()
    assert send(raw, "/v1/posts:delete", b'["new"]').json == {"deleted": "1"}


def test_a_follow_says_that_it_is_there(raw):
    """Where nothing comes fronts cut: so a comment does, which is no event; and then an event."""
    stream = raw.begin(block("GET", "/v1/posts?follow=true&fromNow=true", accept=EVENTS), end=True)
    answer = raw.answers[stream]
    raw.sock.settimeout(timing.limit(30))
    raw.until(lambda: answer.data.count(b"\n\n:\n\n") == 1)
    raw.until(lambda: answer.data.count(b":\n\n") == 2)
    body = json.dumps([{"post_id": "late", "userId": "u1"}]).encode()
    assert send(raw, "/v1/posts:import", body).json == {"imported": "1"}
    raw.until(lambda: b'"postId":"late"' in answer.data)
    assert send(raw, "/v1/posts:delete", b'["late"]').json == {"deleted": "1"}
    raw.until(lambda: b"deletedPostIds" in answer.data)
    raw.send(h2.reset(stream))


def test_a_reader_that_stops(start_pair):
    """The store is read no further than the reader has room: what waits is small, and is all there
    when it goes on."""
    pair = start_pair(post_args=["--web", "--loops", "1"])
    pair.import_users([{"user_id": "u", "name": "U"}])
    pair.import_posts([{"post_id": f"p{i}", "user_id": "u", "body": "x" * 20000}
                       for i in range(300)])  # 6 MB of lines
    with Raw(pair.post.port, (h2.INITIAL_WINDOW_SIZE, 1000)) as raw:
        get(raw, "/v1/posts/p1", accept="text/html")  # warm
        before = pair.post.rss_anon_bytes()
        streams = [raw.begin(block("GET", "/v1/posts", accept=NDJSON), end=True)
                   for _ in range(20)]
        raw.until(lambda: all(len(raw.answers[s].data) == 1000 for s in streams))
        raw.sync()
        assert pair.post.rss_anon_bytes() - before < 20 * 1_000_000
        raw.send(h2.update(streams[3], h2.LARGEST_WINDOW - 1000))
        lines = Told(raw.answer_of(streams[3])).lines
        assert [p.post_id for p in posts_of([line["result"] for line in lines])] == \
            [f"p{i}" for i in range(300)]
        assert all(len(raw.answers[s].data) == 1000 for s in streams if s != streams[3])


@expects_log("connections hold too much memory")
def test_what_waits_is_counted_as_it_goes_out(start_pair):
    """A control character is six of JSON: 12 answers are 7 MB of protobuf and 43 MB of JSON."""
    pair = start_pair(post_args=["--web", "--loops", "1", "--connection-memory", str(16 << 20)])
    pair.import_users([{"user_id": "u", "name": "U"}])
    pair.import_posts([{"post_id": "p", "user_id": "u", "body": "\1" * 600_000}])
    with Raw(pair.post.port, (h2.INITIAL_WINDOW_SIZE, 0)) as raw:
        for _ in range(12):
            raw.begin(block("GET", "/v1/posts/p"), end=True)
        timing.wait_until(lambda: "is cut" in pair.post.stderr(), "the connection is cut")
    with Raw(pair.post.port) as raw:
        assert get(raw, "/v1/posts/p").json["body"] == "\1" * 600_000


# --- streams of requests --------------------------------------------------------------------


def test_an_import_line_by_line(raw):
    lines = b"".join(json.dumps({"post_id": f"r{i}", "userId": "u1", "title": "다"}).encode() + b"\n"
                     for i in range(10))
    told = send(raw, "/v1/posts:import", lines[:100], lines[100:-1], kind=NDJSON)
    assert told.status == 200 and told.json == {"imported": "10"}
    told = send(raw, "/v1/posts:import", lines + b"\n  \n", kind=NDJSON)
    assert told.json == {"unchanged": "10"}
    assert get(raw, "/v1/posts/r3").json["title"] == "다"
    told = send(raw, "/v1/posts:delete", json.dumps([f"r{i}" for i in range(10)]).encode())
    assert told.json == {"deleted": "10"}
    told = send(raw, "/v1/posts:delete", b'"r1"\n["r2","r3"]\n', kind=NDJSON)
    assert told.json == {"missing": "3"}


def test_an_import_as_one_value(user_raw):
    value = json.dumps([{"userId": "one", "name": "One"}, {"userId": "two", "name": "Two"}],
                       indent=2).encode()
    assert send(user_raw, "/v1/users:import", value).json == {"imported": "2"}
    told = send(user_raw, "/v1/users:import", gzip.compress(value), content_encoding="gzip")
    assert told.json == {"unchanged": "2"}
    assert send(user_raw, "/v1/users:delete", b'["one","two"]').json == {"deleted": "2"}


def test_an_import_of_nothing(raw):
    assert send(raw, "/v1/posts:import", b"", kind=NDJSON).json == {}
    assert send(raw, "/v1/posts:import", b"").json == {}


def test_bodies_that_are_wrong(raw):
    def refused(body, *words, kind=NDJSON):
        return failed(send(raw, "/v1/posts:import", body, kind=kind), 400, 3, *words)

    refused(b'{"post_id": "x"\n', "line 1")
    refused(b'{"post_id": "x", "postId": "y"}', "twice")
    refused(b'{"nothing": 1}', "nothing")
    refused(b'{"post_id": 1}', "post_messages[0].post_id")
    refused(b'[{}] [{}]', kind=JSON)
    refused(b"[" * 100)
    refused(b"nothing", kind=JSON)
    refused(b"null", "post_messages[0]", kind=JSON)
    failed(send(raw, "/v1/posts:import", b"{}", content_encoding="gzip"), 400, 3, "damaged")
    failed(send(raw, "/v1/posts:import", b"{}", kind=NDJSON, content_encoding="gzip"), 501, 12)
    failed(send(raw, "/v1/posts:import", b"{}", content_encoding="br"), 501, 12)
    failed(send(raw, "/v1/posts:import?x=1", b"{}"), 400, 3, '"x"')


@pytest.mark.parametrize("body", [b'"a","b"', b'"a" "b"', b'["a"],["b"]', b'"a"],"post_ids":["b"',
                                  b'["a"]}', b'"a"]}', b'["a"]]', b'"a",', b'["a"', b'"a'])
def test_a_body_is_one_value(raw, body):
    """And not a piece of JSON, by which a body could reach fields that are not its own."""
    failed(send(raw, "/v1/posts:delete", body), 400, 3)


def test_a_body_that_is_too_large(raw):
    stream = raw.begin(block("POST", "/v1/posts:import", content_type=JSON))
    raw.pour(stream, b'"' + b"x" * 5_000_000)
    failed(Told(raw.answer_of(stream)), 413, 8)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded",
                                  "multipart/form-data", "application/jsonx"])
def test_types_that_a_page_elsewhere_may_send_unasked(raw, kind):
    failed(send(raw, "/v1/posts:import", b"{}", kind=kind), 415, 3, "content-type")
    assert get(raw, "/v1/posts/x", content_type="text/plain").status == 404, "it has no body"


def test_an_answer_before_the_request_is_over(raw):
    """curl 7.88 loses an answer that a reset follows at once; so the client may finish."""
    stream = raw.begin(block("POST", "/v1/posts:import", content_type="text/plain"))
    answer = raw.answer_of(stream)
    assert answer.http_status == 415
    raw.send(h2.data(stream, b"x", end=True))
    raw.sync()
    assert answer.let_go is None
    stream = raw.begin(block("POST", "/v1/posts:import", content_type="text/plain"))
    answer = raw.answer_of(stream)
    raw.until(lambda: answer.let_go is not None)
    assert answer.let_go == 0, "in the end it is told to stop"


# --- what there is --------------------------------------------------------------------------


def test_openapi(raw, user_raw):
    """Of this server's service only, and of whatever has a rule."""
    for connection, messages, paths in [
            (raw, [post.PostMessage, post.ListPostsResponse], {"/v1/posts", "/v1/posts:stream", "/v1/posts/{post_id}",
                         "/v1/users/{user_id}/posts", "/v1/users/{user_id}/posts:stream",
                         "/v1/posts:import", "/v1/posts:delete"}),
            (user_raw, [user.UserMessage, user.ListUsersResponse], {"/v1/users", "/v1/users:stream", "/v1/users/{user_id}",
                              "/v1/users:import", "/v1/users:delete"})]:
        document = get(connection, "/openapi.json").json
        assert document["openapi"] == "3.1.0" and set(document["paths"]) == paths
        check_references(document, document)
        ids = [o["operationId"] for p in document["paths"].values() for o in p.values()]
        assert len(ids) == len(set(ids))
        schemas = document["components"]["schemas"]
        for message in messages:
            schema = schemas[message.DESCRIPTOR.full_name]
            assert set(schema["properties"]) == {f.json_name for f in message.DESCRIPTOR.fields}


def check_references(document, node):
    if isinstance(node, dict):
        if "$ref" in node:
            at = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part]
        for child in node.values():
            check_references(document, child)
    elif isinstance(node, list):
        for child in node:
            check_references(document, child)


def test_openapi_tells_of_streams(raw):
    content = get(raw, "/openapi.json").json["paths"]["/v1/posts"]["get"]["responses"]["200"]
    assert set(content["content"]) == {JSON, NDJSON, EVENTS}
    line = content["content"][NDJSON]["schema"]["properties"]
    assert line["result"] == {"$ref": "#/components/schemas/v1.post.ListPostsResponse"}
    assert line["error"] == {"$ref": "#/components/schemas/google.rpc.Status"}


def test_openapi_follows_reflection(start_pair):
    pair = start_pair(post_args=["--web", "--no-reflection"])
    with Raw(pair.post.port) as raw:
        failed(get(raw, "/openapi.json"), 404, 5)


def test_tokens(tmp_path):
    """What a token may do is asked of all protocols alike; who has none is told how to say it."""
    tokens = tmp_path / "tokens"
    tokens.write_text(hash_line("reader"))
    server = Server("user-server", tmp_path, "--web", "--token-file", str(tokens))
    server.start()
    with Raw(server.port) as raw:
        told = get(raw, "/v1/users/nobody")
        failed(told, 401, 16)
        assert told.headers["www-authenticate"] == "Bearer"
        reader = {"authorization": "Bearer reader"}
        failed(get(raw, "/v1/users/nobody", **reader), 404, 5)
        failed(send(raw, "/v1/users:import", b"[]", **reader), 403, 7)
        failed(get(raw, "/openapi.json", **reader), 404, 5)
    server.stop()
    server.start("--open-reflection")
    with Raw(server.port) as raw:
        assert get(raw, "/openapi.json").status == 200
    server.stop()


def test_without_web_it_is_no_call(start_pair):
    pair = start_pair()
    with Raw(pair.post.port) as raw:
        answer = raw.ask(block("GET", "/v1/posts"))
        assert answer.http_status == 405
