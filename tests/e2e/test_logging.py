"""One line for a call: which calls, what is in it, and what never is."""
import json
import signal

import grpc

from client import failure
from logs import expects_log
from protos import post, user
from scrape import METRICS, Metrics

USERS = [{"user_id": "1", "name": "Henry"}, {"user_id": "2", "name": "Michael"}]
POSTS = [{"post_id": str(i), "user_id": "1", "title": f"post {i}"} for i in range(1, 9)]
LIST = "/v1.post.Post/ListPosts"
STREAM = "/v1.post.Post/ListPostsServerStream"
COLLECT = "/v1.post.Post/ListPostsByUserIdClientStream"
JSON = ["--log-format", "json"]


def call_lines(server, name="call"):
    """The lines of a server that has stopped: every one of them is JSON."""
    lines = [json.loads(line) for line in server.stderr().splitlines()]
    return [line for line in lines if line["message"] == name]


def filled(start_pair, *post_args, user_args=()):
    pair = start_pair(post_args=[*JSON, *post_args], user_args=[*JSON, *user_args])
    pair.import_users(USERS)
    pair.import_posts(POSTS)
    return pair


def test_every_call_has_a_line(start_pair):
    pair = filled(start_pair, "--log-calls", "all", user_args=["--log-calls", "all"])
    unary = pair.posts.call(LIST, post.ListPostsRequest())
    stream = list(pair.posts.call(STREAM, post.ListPostsRequest(page_size=3)))
    quoted = '/v1.post.Post/No" code=OK\\'  # which HTTP/2 does not have in a path
    assert failure(lambda: pair.posts.call(quoted, b""))[0] == grpc.StatusCode.INTERNAL
    failure(lambda: pair.posts.call("/v1.post.Post/ListPostsByUserId",
                                    post.ListPostsByUserIdRequest(user_id="9")))
    pair.users.call("/v1.user.User/GetUser", user.GetUserRequest(user_id="1"))
    pair.post.stop()
    pair.user.stop()

    imported, one, many, failed = call_lines(pair.post)
    assert imported["method"] == "/v1.post.Post/ImportPosts" and imported["records_in"] == 8
    assert one["method"] == LIST and one["code"] == "OK" and one["level"] == "info"
    assert (one["messages_in"], one["bytes_in"], one["messages_out"]) == (1, 0, 1)
    assert one["bytes_out"] == unary.ByteSize() and one["records_out"] == 8
    assert 0 < one["first_message_ms"] <= one["duration_ms"] < 60000
    assert one["peer"].startswith("ipv4:127.0.0.1:")
    assert many["method"] == STREAM and many["messages_out"] == len(stream)
    assert many["records_out"] == 8
    assert many["bytes_out"] == sum(m.ByteSize() for m in stream)
    assert failed["code"] == "NOT_FOUND" and failed["error"] == "there is no user 9"
    assert "records_out" not in failed

    of_user = call_lines(pair.user)
    assert [line["method"].rsplit("/")[-1] for line in of_user if "Resolve" not in line["method"]] \
        == ["ImportUsers", "GetUser"]


def test_by_default_only_what_went_wrong(start_pair):
    pair = filled(start_pair)
    pair.posts.call(LIST, post.ListPostsRequest())
    failure(lambda: pair.posts.call(LIST, post.ListPostsRequest(page_size=-1)))
    pair.post.stop()
    assert [line["code"] for line in call_lines(pair.post)] == ["INVALID_ARGUMENT"]
    assert not call_lines(pair.post, "slow call")


def test_off(start_pair):
    pair = filled(start_pair, "--log-calls", "off")
    failure(lambda: pair.posts.call(LIST, post.ListPostsRequest(page_size=-1)))
    pair.post.stop()
    assert not call_lines(pair.post)


@expects_log("slow call")
def test_a_slow_call(start_pair):
    """User is frozen: a name takes until it goes on. A stream of requests may take its time."""
    pair = filled(start_pair, "--slow-call", "1ms", "--user-timeout", "1m", *METRICS)
    metrics = Metrics(pair.post)
    pair.user.signal(signal.SIGSTOP)
    try:
        unary = pair.posts.multicallable(LIST).future(post.ListPostsRequest(), timeout=60)
        metrics.until(1, "grpc_server_open_calls", LIST)
        many = pair.posts.open(COLLECT)
        many.send(post.ListPostsByUserIdRequest(user_id="1"))
        many.done()
        metrics.until(1, "grpc_server_msg_received_total", COLLECT)
        assert not unary.done()
    finally:
        pair.user.signal(signal.SIGCONT)
    assert len(unary.result().post_messages) == len(many.receive().post_messages) == 8
    pair.post.stop()
    slow, = call_lines(pair.post, "slow call")
    assert slow["method"] == LIST and slow["code"] == "OK" and slow["level"] == "warn"
    assert slow["first_message_ms"] > 1


def test_one_of_so_many(start_pair):
    pair = filled(start_pair, "--log-calls", "all", "--log-sample", "10", "--loops", "1",
                  "--slow-call", "0")
    for _ in range(49):  # and the import
        pair.posts.call(LIST, post.ListPostsRequest())
    for _ in range(3):
        failure(lambda: pair.posts.call(LIST, post.ListPostsRequest(page_size=-1)))
    pair.post.stop()
    codes = [line["code"] for line in call_lines(pair.post)]
    assert codes.count("OK") == 5 and codes.count("INVALID_ARGUMENT") == 3


def test_a_hostile_call_makes_one_line(start_pair):
    """Names of methods and texts of errors come from the client."""
    pair = filled(start_pair)
    path = "/v1.post.Post/No'=code:OK"
    assert failure(lambda: pair.posts.call(path, b""))[0] == grpc.StatusCode.UNIMPLEMENTED
    quoted = '/v1.post.Post/No" code=OK\\'  # which HTTP/2 does not have in a path
    assert failure(lambda: pair.posts.call(quoted, b""))[0] == grpc.StatusCode.INTERNAL
    failure(lambda: pair.posts.call("/v1.post.Post/ListPostsByUserId",
                                    post.ListPostsByUserIdRequest(user_id='9"\n{"a":1}')))
    pair.post.stop()
    unknown, missing = call_lines(pair.post)
    assert unknown["method"] == path and unknown["code"] == "UNIMPLEMENTED"
    assert missing["error"] == 'there is no user 9"\n{"a":1}'


def test_text_lines(start_pair):
    pair = start_pair(post_args=["--log-calls", "all"])
    pair.posts.call(LIST, post.ListPostsRequest())
    failure(lambda: pair.posts.call(LIST, post.ListPostsRequest(page_size=-1)))
    pair.post.stop()
    ok, bad = [line for line in pair.post.stderr().splitlines() if " call method=" in line]
    assert " info  post-server: call method=/v1.post.Post/ListPosts code=OK duration_ms=" in ok
    assert ' error="' in bad


def test_nothing_of_what_was_sent(start_pair):
    """Neither posts nor what proves who calls."""
    pair = filled(start_pair, "--log-calls", "all", "--log-level", "debug")
    call = pair.posts.multicallable(LIST)
    call(post.ListPostsRequest(), timeout=60,
         metadata=[("authorization", "Bearer very-secret-token")])
    pair.post.stop()
    assert call_lines(pair.post)
    assert "very-secret-token" not in pair.post.stderr()
    assert '"post 3"' not in pair.post.stderr() and "Henry" not in pair.post.stderr()


def test_a_client_logs_its_calls_too(start_pair):
    pair = filled(start_pair, "--log-level", "debug", "--loops", "1")
    pair.posts.call(LIST, post.ListPostsRequest())
    pair.post.stop()
    resolve, = call_lines(pair.post, "client call")
    assert resolve["method"] == "/v1.user.User/ResolveUsers" and resolve["code"] == "OK"
    assert resolve["messages_out"] > 0 and resolve["messages_in"] > 0
