"""grpc.health.v1: Check and Watch of both servers."""
import json
import signal
import socket
import time

import grpc
import pytest

import timing
from client import Client, failure
from logs import may_log
from pair import Server
from protos import current
from timing import wait_until

# User goes and comes in most of these.
pytestmark = may_log("User is unreachable", "the server is stopping")

health = current.packages["grpc.health.v1"]
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN = range(4)
USER_TIMEOUT = 0.3
POST, USER = ["v1.post.Post", "post.Post"], ["v1.user.User", "user.User"]


@pytest.fixture
def impatient(start_pair):
    return start_pair(post_args=["--user-timeout", f"{int(USER_TIMEOUT * 1000)}ms",
                                 "--loops", "2"])


def check(client, service=""):
    return client.call(CHECK, health.HealthCheckRequest(service=service)).status


def watch(client, service=""):
    """The states as they come; .code() when it is over."""
    return client.call(WATCH, health.HealthCheckRequest(service=service))


def follow(states, wanted):
    """Reads until the state is this one; what came before it."""
    seen = []
    for message in states:
        if message.status == wanted:
            return seen
        seen.append(message.status)
    raise AssertionError(f"ended after {seen}")


def rest(states):
    """The states until the server ends it."""
    seen = []
    try:
        for message in states:
            seen.append(message.status)
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.UNAVAILABLE, e
        return seen
    raise AssertionError(f"ended well after {seen}")


def test_both_serve(pair):
    for client, services in ((pair.users, ["", *USER]), (pair.posts, [""])):
        assert [check(client, service) for service in services] == [SERVING] * len(services)
    for service in POST:
        with_watch = watch(pair.posts, service)
        assert follow(with_watch, SERVING) in ([], [UNKNOWN])
        assert check(pair.posts, service) == SERVING
        with_watch.cancel()


def test_post_tells_of_user(pair):
    """At once, while Post itself still waits for it."""
    wait_until(lambda: check(pair.posts, "v1.user.User") == SERVING, "Post has reached User")
    states = watch(pair.posts, "v1.user.User")
    assert next(states).status == SERVING
    pair.user.kill()
    assert next(states).status == NOT_SERVING
    assert check(pair.posts, "v1.post.Post") == SERVING
    pair.user.start()
    assert next(states).status == SERVING
    states.cancel()


@pytest.mark.parametrize("service", ["nobody", "user.User", "grpc.health.v1.Health"])
def test_unknown_service(pair, service):
    code, text = failure(lambda: check(pair.posts, service))
    assert code == grpc.StatusCode.NOT_FOUND and service in text
    states = watch(pair.posts, service)
    assert next(states).status == SERVICE_UNKNOWN
    assert states.is_active()
    states.cancel()


def test_user_that_is_silent_at_first(tmp_path):
    """Nobody knows yet: something listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        post = Server("post-server", tmp_path, "--user-timeout", "1h", "--user-target",
                      f"127.0.0.1:{silent.getsockname()[1]}")
        post.start()
        try:
            with Client(post.target) as client:
                assert [check(client, service) for service in ["", *POST]] == \
                    [SERVING, UNKNOWN, UNKNOWN]
            post.stop()
        finally:
            if post.process:
                post.kill()


def test_user_was_never_there(impatient):
    impatient.user.stop()
    impatient.post.restart()
    states = watch(impatient.posts, POST[0])
    assert follow(states, NOT_SERVING) in ([], [UNKNOWN])
    impatient.user.start()
    assert follow(states, SERVING) == []
    states.cancel()


@pytest.mark.parametrize("service", POST)
def test_user_goes_and_comes_back(impatient, service):
    """Without any call in between: a client that heeds health makes none."""
    states = watch(impatient.posts, service)
    follow(states, SERVING)
    for _ in range(2):
        start = time.monotonic()
        impatient.user.kill()
        assert next(states).status == NOT_SERVING
        assert time.monotonic() - start >= USER_TIMEOUT
        assert check(impatient.posts, service) == NOT_SERVING
        assert check(impatient.posts) == SERVING
        impatient.user.start()
        assert next(states).status == SERVING
    states.cancel()


def test_a_short_absence_is_not_told(start_pair):
    pair = start_pair()
    states = watch(pair.posts, POST[0])
    follow(states, SERVING)
    pair.user.restart()
    pair.user.stop()
    pair.user.start()
    assert check(pair.posts, POST[0]) == SERVING
    pair.post.signal(signal.SIGTERM)
    assert rest(states) == [NOT_SERVING]
    pair.posts.close()
    assert pair.post.wait() == 0


@pytest.mark.parametrize("which", ["user", "post"])
def test_a_stop_is_told_first(pair, which):
    """Watches hear NOT_SERVING, then end, and keep nobody from stopping."""
    server, client, names = (pair.user, pair.users, USER) if which == "user" else \
        (pair.post, pair.posts, POST)
    watches = {name: watch(client, name) for name in ["", *names]}
    for states in watches.values():
        follow(states, SERVING)
    unknown = watch(client, "nobody")
    next(unknown)
    start = time.monotonic()
    server.signal(signal.SIGTERM)
    for name, states in watches.items():
        assert next(states).status == NOT_SERVING, name
        code, text = failure(lambda states=states: states)
        assert code == grpc.StatusCode.UNAVAILABLE and "stopping" in text
    assert failure(lambda: unknown)[0] == grpc.StatusCode.UNAVAILABLE
    client.close()  # a Python client without calls does not look at its connection
    assert server.wait() == 0
    assert time.monotonic() - start < timing.MARGIN


def test_many_watchers(impatient):
    """On several connections, so on both loops."""
    clients = [impatient.client(impatient.post) for _ in range(6)]
    watches = [watch(client, POST[i % 2]) for client in clients for i in range(10)]
    for states in watches:
        follow(states, SERVING)
    impatient.user.kill()
    for states in watches:
        assert next(states).status == NOT_SERVING
    for client in clients[:3]:
        client.close()
    impatient.user.start()
    for states in watches[30:]:
        assert next(states).status == SERVING
    impatient.post.stop()
    for states in watches[30:]:
        assert next(states).status == NOT_SERVING


def test_a_client_that_heeds_health_comes_back(impatient):
    """gRPC's own client-side health checking: it makes no calls while Post cannot serve, and
    nothing but Post itself finds out that User is there again."""
    config = {"loadBalancingConfig": [{"round_robin": {}}],
              "healthCheckConfig": {"serviceName": POST[0]}}
    client = impatient.client(impatient.post, options=[("grpc.service_config",
                                                        json.dumps(config))])
    importing = client.multicallable("/v1.post.Post/ImportPosts")  # asks User for nothing

    def works(**more):
        try:
            importing(iter([]), timeout=timing.CALL, **more)
            return True
        except grpc.RpcError as e:
            assert e.code() == grpc.StatusCode.UNAVAILABLE, e
            return False

    assert works(wait_for_ready=True)
    impatient.user.kill()
    timing.wait_until(lambda: not works(), "the client stays away")
    assert impatient.posts.call("/v1.post.Post/ImportPosts", []).imported == 0
    impatient.user.start()
    assert works(wait_for_ready=True)
