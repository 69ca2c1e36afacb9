"""Connections: who is gone is noticed, who is old or idle is let go, who pings too
often is turned away, and long listings survive all of it."""
import os
import resource
import signal
import socket
import struct
import subprocess
import time

import pytest

import cli
import timing
from cli import Postcli
from frames import Peer
from h2 import ENHANCE_YOUR_CALM, GOAWAY, MAX_CONCURRENT_STREAMS, NO_ERROR, PING, SETTINGS
from logs import may_log
from pair import Server
from protos import post
from timing import MARGIN, wait_until

# Post is alone in many of these.
pytestmark = may_log("User is unreachable")

BIDI = "/v1.post.Post/ListPostsBidiStream"


@pytest.fixture
def start_server(tmp_path):
    """A post-server alone: its User is never there."""
    servers = []

    def start(*args):
        servers.append(Server("post-server", tmp_path, "--user-target", "127.0.0.1:1", *args))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


def took(start):
    return time.monotonic() - start


# --- Who is gone --------------------------------------------------------------------------


def test_a_frozen_user_is_noticed(start_pair):
    """Nobody asks for a name: it is the pings that tell."""
    pair = start_pair(user_args=["--keepalive-min-time", "50ms"],
                      post_args=["--user-keepalive-time", "200ms",
                                 "--user-keepalive-timeout", "200ms", "--loops", "1"])
    pair.import_users([{"user_id": "1", "name": "Henry"}])
    pair.import_posts([{"post_id": "1", "user_id": "1"}])
    pair.user.signal(signal.SIGSTOP)
    start = time.monotonic()
    wait_until(lambda: "keepalive" in pair.post.stderr(), "Post notices")
    assert took(start) < 0.4 + MARGIN
    pair.user.signal(signal.SIGCONT)
    listed = pair.posts.call("/v1.post.Post/ListPosts", post.ListPostsRequest())
    assert [p.author for p in listed.post_messages] == ["Henry"]


def test_postcli_notices_a_frozen_server(start_pair):
    pair = start_pair(post_args=["--keepalive-min-time", "50ms"])
    cli.run(pair, "import", "users", "-", stdin=b'{"user_id":"1","name":"Henry"}\n')
    cli.run(pair, "import", "posts", "-", stdin=b'{"user_id":"1","post_id":"1"}\n')
    with Postcli(pair, "bidi-list", "--keepalive-time", "200ms", "--keepalive-timeout", "200ms",
                 stdin=subprocess.PIPE) as command:
        command.write(b"1\n")
        assert b"Henry" in command.line()
        pair.post.signal(signal.SIGSTOP)
        try:
            start = time.monotonic()
            assert command.end() == 1
            assert took(start) < 0.4 + MARGIN
            assert "UNAVAILABLE: keepalive" in command.stderr
        finally:
            pair.post.signal(signal.SIGCONT)


def sockets(process):
    folder = f"/proc/{process.pid}/fd"
    return [fd for fd in os.listdir(folder)
            if os.readlink(f"{folder}/{fd}").startswith("socket:")]


def test_postcli_notices_between_calls(start_pair):
    """Its reader takes a break: two pages of 300 kB wait, and no call is open. After a break in
    which the server was gone the listing goes on, by a new connection."""
    pair = start_pair(post_args=["--keepalive-min-time", "50ms", "--log-calls", "all"])
    pair.import_users([{"user_id": "1", "name": "Henry"}])
    pair.import_posts([{"post_id": str(i), "user_id": "1", "title": "x" * 1000}
                       for i in range(1200)])
    with Postcli(pair, "list", "--page-size", "300", "--keepalive-time", "100ms",
                 "--keepalive-timeout", "100ms", "--keepalive-without-stream") as command:
        wait_until(lambda: pair.post.stderr().count("/ListPosts code=OK") == 2, "two pages")
        assert len(sockets(command.process)) == 1
        pair.post.signal(signal.SIGSTOP)
        try:
            wait_until(lambda: not sockets(command.process), "it hangs up")
        finally:
            pair.post.signal(signal.SIGCONT)
        assert command.rest().count(b"\n") == 1200
        assert command.end() == 0


def test_a_silent_client_is_pinged(start_server):
    server = start_server("--keepalive-time", "150ms", "--keepalive-timeout", "100ms")
    with Peer(server) as peer:  # answers
        for _ in range(3):
            peer.until(PING)
    with Peer(server, answers_pings=False) as peer:
        start = time.monotonic()
        assert PING in peer.until_closed()
        assert took(start) < 0.25 + MARGIN


@pytest.mark.parametrize("args", [["--keepalive-time", "0"],
                                  ["--keepalive-time", "50ms", "--no-keepalive-without-stream"]])
def test_no_pings(start_server, args):
    """Until the connection has idled out there was none."""
    server = start_server("--max-connection-idle", "400ms", *args)
    with Peer(server) as peer:
        kind, _ = peer.until(PING, GOAWAY)
        assert kind == GOAWAY


# --- Who pings ------------------------------------------------------------------------------


def test_too_many_pings(start_server):
    """The first is fine, two too early are forgiven, the third is not."""
    with Peer(start_server("--keepalive-min-time", "60s")) as peer:
        for _ in range(4):
            peer.ping()
        assert peer.goaway() == (ENHANCE_YOUR_CALM, "too_many_pings")
        peer.until_closed()


def test_pings_without_a_call(start_server):
    """Where they are not allowed they are too many, however rare."""
    with Peer(start_server("--keepalive-min-time", "0", "--no-keepalive-without-stream")) as peer:
        for _ in range(4):
            peer.ping()
        assert peer.goaway() == (ENHANCE_YOUR_CALM, "too_many_pings")


def test_pings_within_the_policy(start_server):
    with Peer(start_server("--keepalive-min-time", "0")) as peer:
        for _ in range(20):
            peer.ping()
            while (kind := peer.next_frame()[0]) != PING:  # its answer
                assert kind != GOAWAY


# --- Who is idle, old, or too busy ------------------------------------------------------------


def test_an_idle_connection_is_closed(start_server):
    server = start_server("--max-connection-idle", "200ms")
    start = time.monotonic()
    with Peer(server) as peer:
        peer.goaway()
        assert 0.15 < took(start) < 0.2 + MARGIN
        peer.until_closed()


def test_an_old_connection_is_closed_after_the_grace(start_server):
    server = start_server("--max-connection-age", "200ms", "--max-connection-age-grace", "200ms")
    start = time.monotonic()
    with Peer(server) as peer:
        peer.open(BIDI)  # a call that does not end
        code, _ = peer.goaway()
        assert code == NO_ERROR and took(start) > 0.15
        peer.until_closed()
        assert 0.3 < took(start) < 0.5 + MARGIN


def test_without_a_grace_calls_go_on(start_server):
    """The connection is told off, and its call works and ends as it wants."""
    server = start_server("--max-connection-age", "100ms", "--max-connection-age-grace", "0")
    with Peer(server) as peer:
        stream = peer.open("/v1.post.Post/ListPostsServerStream", None)
        peer.goaway()
        body = post.ListPostsRequest().SerializeToString()
        peer.send(stream, b"\0" + len(body).to_bytes(4, "big") + body)
        assert peer.trailers(stream)["grpc-status"] == "0"


def test_a_connection_that_says_nothing(start_server):
    server = start_server("--handshake-timeout", "200ms")
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", int(server.listen.rpartition(":")[2])),
                                  timing.CALL) as silent:
        while silent.recv(4096):  # the server's own settings come
            pass
    assert took(start) < 0.2 + MARGIN


def streams_allowed(server):
    with Peer(server) as peer:
        _, payload = peer.until(SETTINGS)
    return dict(struct.iter_unpack(">HI", payload)).get(MAX_CONCURRENT_STREAMS)


def test_calls_at_once_are_bounded(start_server):
    assert streams_allowed(start_server()) == 100


def test_clients_wait_with_more_calls(start_pair):
    """The third call of a connection begins when one of two ends."""
    pair = start_pair(post_args=["--max-streams", "2"])
    with pair.posts.open(BIDI) as first, pair.posts.open(BIDI) as second:
        for stream in (first, second):
            stream.send(post.ListPostsRequest())
            assert stream.receive().last
        third = pair.posts.multicallable("/v1.post.Post/ListPosts").future(
            post.ListPostsRequest(), timeout=timing.CALL)
        first.send(post.ListPostsRequest())
        assert first.receive().last and not third.done()
        assert second.rest() == []
        assert third.result().last


def test_descriptors_are_raised(start_server):
    """An EMFILE would stop the listener for good."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        server = start_server()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with open(f"/proc/{server.pid}/limits", encoding="ascii") as limits:
        line = next(line for line in limits if line.startswith("Max open files"))
    assert line.split()[3:5] == [str(hard), str(hard)]
