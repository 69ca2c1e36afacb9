"""A process that runs out of descriptors, for a while, or of the connections that it may have."""
import contextlib
import resource
import socket
import time

import grpc
import pytest

import timing
from certs import Certs
from client import Client
from logs import expects_log, may_log
from pair import Server
from protos import post
from raw import Raw, message, request
from scrape import METRICS, Metrics
from timing import wait_until

# Post is alone in many of these.
pytestmark = may_log("Too many open files", "no descriptor is left", "User is unreachable")

LIST = "/v1.post.Post/ListPosts"
DESCRIPTORS = 100


@pytest.fixture
def start_server(tmp_path):
    servers = []

    def start(*args):
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        servers.append(Server("post-server", folder, "--user-target", "127.0.0.1:1", *args))
        return servers[-1].start()

    yield start
    for server in servers:
        if server.process is not None:
            server.stop()


def connect(address):
    if address.startswith("unix:"):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(timing.CALL)
        one.connect(address.removeprefix("unix:"))
        return one
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timing.CALL)


@contextlib.contextmanager
def exhausted(server, said):
    """Connections until the server says that it has no descriptor left."""
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    with contextlib.ExitStack() as many:
        for _ in range(DESCRIPTORS):
            many.enter_context(connect(server.listen))
        wait_until(lambda: said in server.stderr(), "it runs out")
        yield


def exhaust(server):
    with exhausted(server, "Too many open files"):
        pass


def is_served(server, address=None, **more):
    with Client(address or server.target, **more) as client:
        try:
            client.call(LIST, post.ListPostsRequest(), timeout=timing.limit(1))
            return True
        except grpc.RpcError as e:
            assert e.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
            return False


def is_closed_at_once(address):
    start = time.monotonic()
    with connect(address) as one:
        return one.recv(1) == b"" and time.monotonic() - start < timing.MARGIN


def start_on_all(start_server, tmp_path, *args):
    """A server on every kind of listener: where it serves, and its metrics."""
    unix = f"unix:{tmp_path}/socket"
    server = start_server(*METRICS, "--loops", "2", "--listen", "[::1]:0", "--listen", unix, *args)
    served = [word for word in server.said.split() if ":" in word.rstrip(":")]
    assert len(served) == 3 and served[2] == unix
    return server, served, Metrics(server)


# --- The servers' own transport ------------------------------------------------------------


@expects_log("no descriptor is left: a connection is refused")
def test_every_listener_serves_on_without_a_restart(start_server, tmp_path):
    """While there is none, a connection is refused; the listeners stay, each of them. Nobody probes
    them: that would be in the log at this level, and has the time to be."""
    server, served, metrics = start_on_all(start_server, tmp_path, "--handshake-timeout", "5m",
                                           "--self-probe-interval", "50ms", "--log-level", "debug")
    pid = server.pid
    for address in served:
        assert is_served(server, address)
    with exhausted(server, "no descriptor is left"):
        for address in served:
            assert is_closed_at_once(address)
    metrics.until(0, "http2_server_connections")
    assert metrics.get("http2_server_refused_total", reason="no_descriptor") >= len(served)
    for address in served:
        assert is_served(server, address)
    assert server.pid == pid and server.process.poll() is None
    assert not any(f"{address} accepts" in server.stderr() for address in served)


def test_one_connection_more_than_the_limit(start_server, tmp_path):
    """It is closed at once, on whatever listener, and others go on."""
    server, served, metrics = start_on_all(start_server, tmp_path, "--max-connections", "3")
    port = int(server.listen.rpartition(":")[2])
    answers = lambda raw: raw.ask(request(LIST), message(b"")).status == 0
    with Raw(port) as one, Raw(port) as two:
        with Raw(port) as three:
            assert answers(one) and answers(two) and answers(three)
            for address in served:
                assert is_closed_at_once(address)
            assert answers(one) and answers(two) and answers(three)
            assert metrics.get("http2_server_connections") == 3
        metrics.until(2, "http2_server_connections")
        for address in served:  # one after the other
            wait_until(lambda address=address: is_served(server, address), "there is room")
            assert answers(one) and answers(two)
    refused = metrics.get("http2_server_refused_total", reason="too_many_connections")
    assert refused >= len(served)


# --- The core ------------------------------------------------------------------------------


@expects_log("accepts no connections any more")
def test_a_listener_that_died_ends_the_process(start_server):
    """Whoever started it starts it anew. Without the probe it would serve nobody, for good."""
    server = start_server("--transport", "core", "--self-probe-interval", "200ms", "--loops", "1")
    exhaust(server)
    assert server.wait() == 1
    assert "accepts no connections any more" in server.stderr()
    server.assert_clean()
    server.start()
    assert is_served(server)


def test_what_the_core_does_without_the_probe(start_server):
    """When this fails, a newer core has mended it."""
    server = start_server("--transport", "core", "--self-probe-interval", "0", "--loops", "1")
    exhaust(server)
    assert not is_served(server)


def test_the_probe_finds_listeners_alive(start_server, tmp_path):
    """Of every kind; those with TLS wait for the client to speak first."""
    unix = [f"unix:{tmp_path}/socket", f"unix-abstract:{tmp_path}"]
    certs = Certs(tmp_path / "certs", names=("ca", "server"))
    for kind, more in ("plain", []), ("tls", certs.serve()):
        listen = ["127.0.0.1:0", "[::1]:0", "localhost:0", *unix]
        server = start_server("--transport", "core", "--self-probe-interval", "100ms",
                              "--log-level", "debug", *more,
                              *(word for address in listen for word in ("--listen", address)))
        for address in listen:
            wait_until(lambda address=address: server.stderr().count(f"{address} accepts") >= 3,
                       f"{kind}: {address}")
        assert "does not accept" not in server.stderr()
        server.stop()
