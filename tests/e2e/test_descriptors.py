"""A process that runs out of descriptors, for a while."""
import resource
import socket

import grpc
import pytest

import timing
from certs import Certs
from client import Client
from logs import expects_log, may_log
from pair import Server
from protos import post
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


def exhaust(server):
    """Connections until the server has no descriptor left; then they are gone."""
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    host, port = server.listen.rsplit(":", 1)
    many = [socket.create_connection((host, int(port)), timing.CALL) for _ in range(DESCRIPTORS)]
    wait_until(lambda: "Too many open files" in server.stderr(), "it runs out")
    for one in many:
        one.close()


def is_served(server, **more):
    with Client(server.target, **more) as client:
        try:
            client.call(LIST, post.ListPostsRequest(), timeout=timing.limit(1))
            return True
        except grpc.RpcError as e:
            assert e.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
            return False


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
