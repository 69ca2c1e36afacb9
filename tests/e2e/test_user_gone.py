"""User is stopped, frozen, back: Post says so in time, and recovers by itself."""
import concurrent.futures
import contextlib
import re
import select
import signal
import socket
import subprocess
import time

import grpc
import pytest

import cli
import timing
from client import failure
from logs import may_log
from pair import BUILD, clean_environment, frozen
from protos import ROOT, post
from timing import MARGIN, wait_until

# Which is what they are about.
pytestmark = may_log("User is unreachable", "the server is stopping")

DEMO = ROOT / "client-cli" / "demo"
USER_TIMEOUT = 0.5
AUTHORS = {"1": "Henry", "3": "Jessie", "4": "Max", "5": "Tony"}

ALL = "/v1.post.Post/ListPosts"
BY_USER = "/v1.post.Post/ListPostsByUserId"


class Shape:
    """One call with one request; the answer's posts."""

    def __init__(self, suffix, many_requests, many_responses):
        self.suffix, self.many_requests = suffix, many_requests
        self.many_responses = many_responses

    def posts(self, client, path, request):
        answer = client.call(path + self.suffix, [request] if self.many_requests else request)
        messages = answer if self.many_responses else [answer]
        found = []
        for message in messages:
            assert not message.errors, message.errors
            found += message.post_messages
        return found


SHAPES = {"unary": Shape("", False, False), "server stream": Shape("ServerStream", False, True),
          "client stream": Shape("ClientStream", True, False),
          "bidi stream": Shape("BidiStream", True, True)}


@pytest.fixture
def demo(start_pair):
    """Nobody has asked Post for a name yet."""
    pair = start_pair(post_args=["--user-timeout", f"{int(USER_TIMEOUT * 1000)}ms"])
    cli.run(pair, "import", "users", DEMO / "users.ndjson")
    cli.run(pair, "import", "posts", DEMO / "posts.ndjson")
    return pair


def assert_unavailable_in_time(pair, call, reason):
    """call() fails when Post has waited for --user-timeout, with a message that says why."""
    start = time.monotonic()
    code, text = failure(call)
    took = time.monotonic() - start
    assert code == grpc.StatusCode.UNAVAILABLE, text
    assert "User" in text and re.search(reason, text), text
    assert took < USER_TIMEOUT + MARGIN
    assert pair.post.process.poll() is None


def assert_lists(pair, shape):
    """All authors are right; by the same Post as before."""
    posts = shape.posts(pair.posts, ALL, post.ListPostsRequest())
    assert [p.author for p in posts] == [AUTHORS[p.user_id] for p in posts]
    assert len(posts) == 8


def works(pair, shape):
    """Whether a listing works by now; no other failure than UNAVAILABLE may come before."""
    try:
        assert_lists(pair, shape)
        return True
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.UNAVAILABLE
        return False


def in_each_shape(check):
    """check(shape), in all four at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(SHAPES)) as pool:
        list(pool.map(check, SHAPES.values()))


@pytest.mark.parametrize("path, request_", [
    (ALL, post.ListPostsRequest()), (BY_USER, post.ListPostsByUserIdRequest(user_id="3")),
    (BY_USER, post.ListPostsByUserIdRequest(user_id="2")),  # has no posts: still a question
], ids=["all", "by user", "user without posts"])
def test_user_is_gone_and_comes_back(demo, path, request_):
    pid = demo.post.pid
    demo.user.kill()
    for _ in range(2):
        in_each_shape(lambda shape: assert_unavailable_in_time(
            demo, lambda: shape.posts(demo.posts, path, request_),
            "refused|reset|closed|connect"))
    demo.user.start()
    in_each_shape(lambda shape: wait_until(lambda: works(demo, shape), "a listing works again"))
    assert demo.post.pid == pid


def test_user_is_frozen_and_goes_on(demo):
    pid = demo.post.pid
    with frozen(demo.user):
        in_each_shape(lambda shape: assert_unavailable_in_time(
            demo, lambda: shape.posts(demo.posts, ALL, post.ListPostsRequest()),
            "answer|500 ms"))
    in_each_shape(lambda shape: assert_lists(demo, shape))  # at once: the stream is whole
    assert demo.post.pid == pid


def test_user_was_never_there(demo):
    """Post starts without User, and finds it later."""
    demo.user.stop()
    demo.post.restart()
    shape = SHAPES["unary"]
    assert_unavailable_in_time(demo, lambda: assert_lists(demo, shape), "refused|connect")
    demo.user.start()
    wait_until(lambda: works(demo, shape), "a listing works")


def test_many_wait_at_once(demo):
    """Calls that wait together fail together, each in its own time."""
    with frozen(demo.user):
        start = time.monotonic()
        calls = [demo.posts.multicallable(ALL).future(post.ListPostsRequest(),
                                                      timeout=timing.CALL) for _ in range(50)]
        codes = {failure(call.result)[0] for call in calls}
        assert time.monotonic() - start < USER_TIMEOUT + MARGIN
    assert codes == {grpc.StatusCode.UNAVAILABLE}
    assert_lists(demo, SHAPES["unary"])


def test_known_names_need_no_user(demo):
    """A frozen User is not noticed by those who ask for nothing new."""
    assert_lists(demo, SHAPES["unary"])
    with demo.posts.open(BY_USER + "BidiStream") as stream:
        stream.send(post.ListPostsByUserIdRequest(user_id="1"))
        assert stream.receive().post_messages[0].author == "Henry"
        with frozen(demo.user):
            stream.send(post.ListPostsByUserIdRequest(user_id="1"))
            assert stream.receive().request_index == 1


def test_frozen_while_a_bidi_stream_is_open(demo):
    with demo.posts.open(BY_USER + "BidiStream") as stream:
        stream.send(post.ListPostsByUserIdRequest(user_id="1"))
        message = stream.receive()
        while not message.last:
            message = stream.receive()
        with frozen(demo.user):
            stream.send(post.ListPostsByUserIdRequest(user_id="3"))
            assert_unavailable_in_time(demo, stream.receive, "answer|500 ms")
    assert_lists(demo, SHAPES["bidi stream"])


@pytest.fixture
def many_authors(start_pair):
    """So many that Post cannot have asked for all their names ahead of a slow reader."""
    pair = start_pair(post_args=["--user-timeout", f"{int(USER_TIMEOUT * 1000)}ms"])
    cli.pipeline(pair, "$POSTCLI generate users --count 20000 | $POSTCLI import users -\n"
                 "$POSTCLI generate posts --count 20000 --users 20000 | $POSTCLI import posts -",
                 timing.limit(30))
    return pair


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_in_mid_stream(many_authors, how):
    """The stream fails in the middle; what came is right, and the token goes on from there."""
    pair = many_authors
    with pair.client(pair.post) as first:  # this connection does not survive Post
        undisturbed = list_all(first)
    pair.post.restart()  # knows no names
    call = pair.posts.call(ALL + "ServerStream", post.ListPostsRequest())
    part, token = take(next(call))
    with contextlib.ExitStack() as gone:
        if how == "frozen":
            gone.enter_context(frozen(pair.user))
        else:
            pair.user.kill()
        with pytest.raises(grpc.RpcError) as error:
            for message in call:
                posts, token = take(message)
                part += posts
    if how == "killed":
        pair.user.start()
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "User" in error.value.details()
    assert 0 < len(part) < len(undisturbed)
    rest = wait_until(lambda: list_all(pair.posts, token), "the rest can be listed")
    assert part + rest == undisturbed


def take(message):
    return [(p.post_id, p.author) for p in message.post_messages], message.next_page_token


def list_all(client, token=""):
    """None: not yet."""
    posts = []
    try:
        for message in client.call(ALL + "ServerStream", post.ListPostsRequest(page_token=token)):
            posts += take(message)[0]
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.UNAVAILABLE
        return None
    assert all(author for _, author in posts)
    return posts


def test_user_stops_with_post_attached(demo):
    """Post's resolve streams are open; they do not keep User from ending."""
    assert_lists(demo, SHAPES["unary"])
    start = time.monotonic()
    demo.user.stop(timing.limit(5))
    assert time.monotonic() - start < MARGIN


# --- --wait-for-user -----------------------------------------------------------------------


def start_post(pair, *args):
    """Does not wait for the line that says that it serves."""
    return subprocess.Popen([str(BUILD / "post-server"), "--listen", pair.post.listen, "--db",
                             str(pair.post.db), "--user-target", pair.user.listen, *args],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=clean_environment())


@pytest.mark.parametrize("target, why", [
    ("http://x:1", "a target is HOST:PORT, and not a URL"),
    ("x:1x", "the port is not a number from 1 to 65535"),
])
def test_a_user_target_that_cannot_be_one(demo, target, why):
    process = start_post(demo, "--user-target", target)
    try:
        assert process.wait(timing.START) == 2
        assert f"--user-target: {target}: {why}" in process.communicate()[1].decode()
    finally:
        process.kill()


def test_post_waits_for_user(demo):
    demo.post.stop()
    demo.user.stop()
    process = start_post(demo, "--wait-for-user", "60s")
    try:
        with demo.client(demo.post) as client:
            listing = client.multicallable(ALL).future(post.ListPostsRequest(), timeout=0.3)
            assert failure(listing.result)[0] in (grpc.StatusCode.UNAVAILABLE,
                                                  grpc.StatusCode.DEADLINE_EXCEEDED)
        assert not select.select([process.stdout], [], [], 0)[0], "it serves without User"
        demo.user.start()
        assert select.select([process.stdout], [], [], timing.START)[0]
        assert process.stdout.readline().startswith(b"post-server: serving on ")
        with demo.client(demo.post) as client:  # at once
            answer = client.call(ALL, post.ListPostsRequest())
        assert len(answer.post_messages) == 8
        process.send_signal(signal.SIGTERM)
        assert process.wait(timing.STOP) == 0
    finally:
        process.kill()
        process.communicate()


def test_no_user_within_the_wait(demo):
    demo.post.stop()
    demo.user.stop()
    start = time.monotonic()
    process = start_post(demo, "--wait-for-user", "300ms")
    stdout, stderr = process.communicate(timeout=timing.STOP)
    assert time.monotonic() - start < MARGIN
    assert process.returncode == 1 and stdout == b""
    error = stderr.decode().splitlines()[-1]
    assert error.startswith(f"post-server: no User at {demo.user.listen} within 300 ms: "), error


def test_something_else_listens_where_user_should(demo):
    """A server that accepts and says nothing is not User."""
    demo.post.stop()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = start_post(demo, "--wait-for-user", "300ms", "--user-target",
                             f"127.0.0.1:{silent.getsockname()[1]}")
        _, stderr = process.communicate(timeout=timing.STOP)
    assert process.returncode == 1
    assert b"no User at 127.0.0.1:" in stderr
