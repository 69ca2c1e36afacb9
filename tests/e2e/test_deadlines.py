"""Deadlines: what a client sets holds for everything that its call waits for, and a
call without one does not wait for ever."""
import contextlib
import signal
import socket
import time

import grpc
import pytest

import cli
from client import failure
from frames import Peer
from library import MANY_REQUESTS, SHAPES, path_of, request_of
from logs import expects_log, may_log
from pair import clean_environment
from protos import post
from timing import MARGIN

pytestmark = may_log("the deadline has passed")

DEADLINE = 0.3
PATIENT = ["--user-timeout", "60s"]


def frozen(start_pair, *args):
    """A pair whose Post waits for a User that does not answer."""
    pair = start_pair(post_args=[*PATIENT, *args])
    pair.import_users([{"user_id": "1", "name": "Henry"}])
    pair.import_posts([{"post_id": "1", "user_id": "1"}])
    pair.user.signal(signal.SIGSTOP)
    return pair


@contextlib.contextmanager
def thawed(pair):
    try:
        yield
    finally:
        pair.user.signal(signal.SIGCONT)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_deadline_shorter_than_the_wait_for_a_name(start_pair, shape):
    """In time, and Post waits no longer than its client: it stops at once."""
    pair = frozen(start_pair)
    with thawed(pair):
        request = request_of("ListPosts")
        start = time.monotonic()
        code, _ = failure(lambda: pair.posts.call(
            path_of("ListPosts", shape), [request] if shape in MANY_REQUESTS else request,
            timeout=DEADLINE))
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED
        assert time.monotonic() - start < DEADLINE + MARGIN
        start = time.monotonic()
        pair.post.stop()
        assert time.monotonic() - start < MARGIN


def test_the_server_itself_keeps_to_it(start_pair):
    """Also for a client that names a deadline and then says nothing more."""
    pair = frozen(start_pair)
    with thawed(pair), Peer(pair.post) as peer:
        start = time.monotonic()
        for shape in SHAPES:
            stream = peer.open(path_of("ListPosts", shape), post.ListPostsRequest(),
                               ("grpc-timeout", "100m"))
            assert peer.trailers(stream)["grpc-status"] == "4"
        assert time.monotonic() - start < 4 * 0.1 + MARGIN


# --- --max-call-time ------------------------------------------------------------------------


@expects_log("the limit for a call without a deadline")
def test_a_unary_call_without_a_deadline_ends(start_pair):
    """Streams, and calls with a deadline, are not concerned."""
    pair = frozen(start_pair, "--max-call-time", "200ms")
    with Peer(pair.post) as peer, Peer(pair.post) as other, Peer(pair.post) as third:
        with thawed(pair):
            start = time.monotonic()
            request = post.ListPostsRequest()
            unary = peer.open("/v1.post.Post/ListPosts", request)
            stream = other.open("/v1.post.Post/ListPostsServerStream", request)
            patient = third.open("/v1.post.Post/ListPosts", request, ("grpc-timeout", "60S"))
            trailers = peer.trailers(unary)
            assert 0.15 < time.monotonic() - start < 0.2 + MARGIN
            assert trailers["grpc-status"] == "4"
            assert trailers["grpc-message"] == \
                "the call took 200 ms, which is the limit for a call without a deadline"
        assert other.trailers(stream)["grpc-status"] == "0"
        assert third.trailers(patient)["grpc-status"] == "0"


# --- postcli --deadline -----------------------------------------------------------------------


class Silent:
    """What accepts connections, and never says a word."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))

    def postcli_environment(self):
        target = f"127.0.0.1:{self.socket.getsockname()[1]}"
        return {**clean_environment(), "POSTCLI_TARGET": target, "POSTCLI_USER_TARGET": target}


@pytest.fixture(scope="module")
def silent():
    nobody = Silent()
    with nobody.socket:
        yield nobody


@pytest.mark.parametrize("command", [
    ["list"], ["stream-list"], ["collect-list", "1"], ["bidi-list", "1"],
    ["get", "1"], ["users", "get", "1"], ["users", "list"], ["users", "resolve", "1"],
    ["import", "posts", "-"], ["import", "users", "-"], ["health"], ["describe"],
], ids=" ".join)
def test_every_command_has_a_deadline(silent, command):
    start = time.monotonic()
    _, stderr = cli.attempt(silent, *command, "--deadline", "300ms", stdin=b'{"user_id":"1"}\n')
    assert time.monotonic() - start < 0.3 + MARGIN
    assert "DEADLINE_EXCEEDED" in stderr
