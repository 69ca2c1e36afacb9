"""/healthz and /readyz, beside /metrics: what Kubernetes asks a server."""
import signal

import pytest

import timing
from logs import may_log
from ports import free_port
from protos import post
from scrape import METRICS, Listener, Metrics
from test_health import USER_TIMEOUT
from test_start_stop import start_with_posts
from test_user_gone import start_post

STREAM = "/v1.post.Post/ListPostsServerStream"

# User goes and comes, and servers stop.
pytestmark = may_log("User is unreachable", "the server is stopping", "code=UNAVAILABLE")


def ask(server, path, method="GET"):
    """(status, text)"""
    response, text = server.request(method, path)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    return response.status, text


@pytest.mark.parametrize("transport", ["http", "core"])
def test_alive_and_ready(start_pair, transport):
    pair = start_pair(user_args=[*METRICS, "--transport", transport],
                      post_args=[*METRICS, "--transport", transport, "--loops", "2"])
    for server in (Metrics(pair.user), Metrics(pair.post)):
        timing.wait_until(lambda: ask(server, "/readyz") == (200, "ok\n"), "it is ready")
        for _ in range(3):
            assert ask(server, "/healthz") == (200, "ok\n")
        for path in ("/healthz", "/readyz"):
            assert ask(server, path, "HEAD") == (200, "")
            response, _ = server.request("POST", path, body="x")
            assert response.status == 405 and response.headers["Allow"] == "GET, HEAD"
        assert ask(server, "/livez") == (404, "there are only /metrics, /healthz and /readyz\n")


def test_not_ready_without_user(start_pair):
    """As grpc.health.v1 has it: after --user-timeout, and only until User is back."""
    pair = start_pair(post_args=[*METRICS, "--user-timeout", f"{int(USER_TIMEOUT * 1000)}ms"])
    server = Metrics(pair.post)
    timing.wait_until(lambda: ask(server, "/readyz")[0] == 200, "it is ready")
    pair.user.stop()
    timing.wait_until(lambda: ask(server, "/readyz")[0] == 503, "it is not ready")
    assert ask(server, "/readyz") == (503, "v1.post.Post is NOT_SERVING: it needs v1.user.User, "
                                           "which is NOT_SERVING\n")
    assert ask(server, "/readyz", "HEAD") == (503, "")
    assert ask(server, "/healthz") == (200, "ok\n"), "to start it anew would help nobody"
    pair.user.start()
    timing.wait_until(lambda: ask(server, "/readyz") == (200, "ok\n"), "it is ready again")


def test_not_ready_while_it_stops(start_pair):
    """A call whose client does not read keeps it, and so it must not be ended: it is alive."""
    pair = start_with_posts(start_pair, 50000)
    pair.post.restart("--drain-timeout", "1h", *METRICS)
    server = Metrics(pair.post)
    stuck = pair.posts.call(STREAM, post.ListPostsRequest())
    next(stuck)
    pair.post.signal(signal.SIGTERM)
    timing.wait_until(lambda: ask(server, "/readyz")[0] == 503, "it stops")
    assert ask(server, "/readyz") == (503, "the server is stopping\n")
    assert ask(server, "/healthz") == (200, "ok\n")
    assert sum(len(message.post_messages) for message in stuck) > 1000
    assert pair.post.wait() == 0


def test_alive_and_not_ready_while_it_waits_for_user(start_pair):
    """Nobody sends it calls, and nobody ends it for being slow to start."""
    pair = start_pair()
    pair.user.stop()
    pair.post.stop()
    address = f"127.0.0.1:{free_port()}"
    process = start_post(pair, "--wait-for-user", "60s", "--metrics-listen", address)
    try:
        server = Listener(address)
        timing.wait_until(lambda: answers(server), "it listens")
        assert ask(server, "/readyz") == (503, "the server is starting\n")
        assert ask(server, "/healthz") == (200, "ok\n")
        pair.user.start()
        timing.wait_until(lambda: ask(server, "/readyz") == (200, "ok\n"), "it is ready")
    finally:
        process.kill()
        process.communicate()
    pair.post.start()


def answers(server):
    try:
        return ask(server, "/healthz")
    except ConnectionRefusedError:
        return None
