"""Request ids and trace contexts, returned in the headers and written to the log."""
import json
import re

from client import failure
from logs import may_log
from protos import post

LIST = "/v1.post.Post/ListPosts"
BIDI = "/v1.post.Post/ListPostsBidiStream"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LOGGED = ["--log-format", "json", "--log-calls", "all"]


def headers(pair, *metadata, path=LIST, request=post.ListPostsRequest()):
    """The response headers of a call with these request headers."""
    call = pair.posts.multicallable(path)
    _, rpc = call.with_call(request, timeout=60, metadata=metadata)
    return dict(rpc.initial_metadata())


def logged(pair, path=LIST):
    pair.post.stop()
    lines = [json.loads(line) for line in pair.post.stderr().splitlines()]
    return [line for line in lines if line.get("method") == path]


def test_an_id_is_made(start_pair):
    pair = start_pair(post_args=LOGGED)
    ids = [headers(pair)["x-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3 and all(re.fullmatch("[0-9a-f]{16}", i) for i in ids)
    assert [line["request_id"] for line in logged(pair)] == ids


def test_an_id_is_taken_over(start_pair):
    pair = start_pair(post_args=LOGGED)
    assert headers(pair, ("x-request-id", "order-4711/a"))["x-request-id"] == "order-4711/a"
    line, = logged(pair)
    assert line["request_id"] == "order-4711/a" and "traceparent" not in line


def test_a_hostile_id_is_not(start_pair):
    pair = start_pair(post_args=LOGGED)
    for bad in ('a" level="error', "a b", "{}", "x" * 65, "", "a,b"):
        assert re.fullmatch("[0-9a-f]{16}", headers(pair, ("x-request-id", bad))["x-request-id"])
    assert len(logged(pair)) == 6


def test_a_trace_is_continued(start_pair):
    pair = start_pair(post_args=LOGGED)
    given = headers(pair, ("traceparent", PARENT))["traceparent"]
    assert given[:36] == PARENT[:36] and given[36:52] != PARENT[36:52] and given[52:] == "-01"
    assert "traceparent" not in headers(pair)
    assert "traceparent" not in headers(pair, ("traceparent", PARENT.upper()))
    first, *others = logged(pair)
    assert first["traceparent"] == given
    assert all("traceparent" not in line for line in others)


def test_a_call_that_fails_has_its_id_too(start_pair):
    pair = start_pair(post_args=LOGGED)
    call = pair.posts.multicallable(LIST).future(post.ListPostsRequest(page_size=-1), timeout=60,
                                                 metadata=[("x-request-id", "mine")])
    failure(call.result)
    assert dict(call.trailing_metadata())["x-request-id"] == "mine"
    assert not call.initial_metadata(), "with headers, no client would try again by itself"


@may_log("the server is stopping")
def test_a_stream_has_one_too(pair):
    with pair.posts.open(BIDI) as stream:
        stream.send(post.ListPostsRequest())
        stream.receive()
        assert re.fullmatch("[0-9a-f]{16}", dict(stream.rpc.initial_metadata())["x-request-id"])


def test_the_stream_to_user_carries_neither(start_pair):
    """All calls share it: it belongs to none of them."""
    pair = start_pair(user_args=LOGGED)
    headers(pair, ("x-request-id", "mine"), ("traceparent", PARENT))
    pair.post.stop()
    pair.user.stop()
    assert "mine" not in pair.user.stderr() and PARENT[3:35] not in pair.user.stderr()


def test_postcli_tells_the_id(start_pair):
    """Of a call that succeeds in the headers, of one that fails in the trailers."""
    pair = start_pair(post_args=LOGGED)
    good = pair.postcli("list", "--verbose")
    bad = pair.postcli("list", "--verbose", "--page-token", "x")
    ids = [re.search(" client call method=/v1.post.Post/ListPosts code=(OK|INVALID_ARGUMENT) "
                     ".* request_id=([0-9a-f]{16})", done.stderr)[2] for done in (good, bad)]
    assert "client call" not in pair.postcli("list").stderr
    assert [line["request_id"] for line in logged(pair)[:2]] == ids


def test_without(start_pair):
    pair = start_pair(post_args=[*LOGGED, "--no-request-ids"])
    assert not headers(pair, ("x-request-id", "mine"), ("traceparent", PARENT))
    line, = logged(pair)
    assert "request_id" not in line and "traceparent" not in line
