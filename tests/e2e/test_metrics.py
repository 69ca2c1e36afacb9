"""GET /metrics, read with Prometheus's own parser: exact after calls that we know."""
import http.client
import subprocess
import threading
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

import timing
from client import failure
from logs import expects_log, may_log
from pair import BUILD, clean_environment
from protos import post

METRICS = ["--metrics-listen", "127.0.0.1:0"]
USERS = [{"user_id": str(i), "name": f"name {i}"} for i in range(1, 4)]
POSTS = [{"post_id": str(i), "user_id": "1", "title": f"post {i}"} for i in range(1, 9)]
LIST = "/v1.post.Post/ListPosts"
STREAM = "/v1.post.Post/ListPostsServerStream"
BIDI = "/v1.post.Post/ListPostsBidiStream"


class Metrics:
    """The metrics of a server that was just started."""

    def __init__(self, server):
        line = server.process.stdout.readline().decode().strip()
        said, url = line.split(" metrics on ")
        assert said == f"{server.name}:"
        self.address = url.removeprefix("http://").removesuffix("/metrics")

    def request(self, method="GET", path="/metrics", body=None):
        connection = http.client.HTTPConnection(self.address, timeout=timing.CALL)
        connection.request(method, path, body)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response, text

    def scrape(self):
        """{(name, {label: value, …}): figure}, the labels as a frozenset."""
        response, text = self.request()
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return {(s.name, frozenset(s.labels.items())): s.value
                for family in text_string_to_metric_families(text) for s in family.samples}

    def get(self, name, path=None, **labels):
        """One figure; None: there is no such sample."""
        if path:
            _, service, method = path.split("/")
            labels |= {"grpc_service": service, "grpc_method": method}
        found = [value for (n, have), value in self.scrape().items()
                 if n == name and set(labels.items()) <= have]
        assert len(found) <= 1, f"{name} {labels} is not one figure"
        return found[0] if found else None

    def until(self, want, name, path=None, **labels):
        """What a client sees may be a moment before the server has counted it."""
        end = time.monotonic() + timing.CALL
        while (have := self.get(name, path, **labels)) != want:
            assert time.monotonic() < end, f"{name} is {have}, not {want}"


def test_counts_of_calls(start_pair):
    pair = start_pair(post_args=METRICS)
    metrics = Metrics(pair.post)
    pair.import_users(USERS)
    pair.import_posts(POSTS)
    unary = [pair.posts.call(LIST, post.ListPostsRequest()) for _ in range(3)]
    stream = list(pair.posts.call(STREAM, post.ListPostsRequest(page_size=3)))
    for _ in range(2):
        failure(lambda: pair.posts.call(LIST, post.ListPostsRequest(page_size=-1)))

    metrics.until(3, "grpc_server_handled_total", LIST, grpc_code="OK")
    metrics.until(2, "grpc_server_handled_total", LIST, grpc_code="INVALID_ARGUMENT")
    metrics.until(1, "grpc_server_handled_total", STREAM, grpc_code="OK")
    for name, path, want in (
            ("started_total", LIST, 5),
            ("started_total", BIDI, 0),
            ("msg_received_total", LIST, 5),
            ("msg_sent_total", LIST, 3),
            ("sent_bytes_total", LIST, sum(m.ByteSize() for m in unary)),
            ("sent_records_total", LIST, 24),
            ("open_calls", LIST, 0),
            ("handling_seconds_count", LIST, 5),
            ("first_message_seconds_count", LIST, 3),
            ("handling_seconds_bucket", BIDI, None),
            ("msg_sent_total", STREAM, len(stream)),
            ("sent_bytes_total", STREAM, sum(m.ByteSize() for m in stream)),
            ("sent_records_total", STREAM, 8),
            ("received_records_total", "/v1.post.Post/ImportPosts", 8)):
        labels = {"le": "+Inf"} if name.endswith("_bucket") else {}
        assert metrics.get(f"grpc_server_{name}", path, **labels) == want, (name, path)
    assert metrics.get("grpc_server_handled_total", LIST, grpc_code="INTERNAL") is None
    assert metrics.get("grpc_server_started_total", LIST, grpc_type="unary") == 5
    assert metrics.get("grpc_server_started_total", BIDI, grpc_type="bidi_stream") == 0
    took = metrics.get("grpc_server_handling_seconds_sum", LIST)
    assert 0 < took < 5 * timing.CALL


def test_open_calls(start_pair):
    pair = start_pair(post_args=METRICS)
    metrics = Metrics(pair.post)
    with pair.posts.open(BIDI) as one, pair.posts.open(BIDI) as two:
        for stream in (one, two):
            stream.send(post.ListPostsRequest())
            stream.receive()
        assert metrics.get("grpc_server_open_calls", BIDI) == 2
        assert metrics.get("grpc_server_msg_sent_total", BIDI) == 2, "while they are open"
        one.rpc.cancel()
        metrics.until(1, "grpc_server_open_calls", BIDI)
        two.rest()
        metrics.until(0, "grpc_server_open_calls", BIDI)
    assert metrics.get("grpc_server_handled_total", BIDI, grpc_code="CANCELLED") == 1
    assert metrics.get("grpc_server_handled_total", BIDI, grpc_code="OK") == 1


def test_methods_that_clients_make_up_are_one(start_pair):
    pair = start_pair(post_args=METRICS)
    metrics = Metrics(pair.post)
    for i in range(20):
        failure(lambda i=i: pair.posts.call(f"/made.up/Method{i}", b""))
    metrics.until(20, "grpc_server_handled_total", grpc_method="unknown", grpc_service="unknown",
                  grpc_code="UNIMPLEMENTED")
    series = metrics.scrape()
    assert not any("Method" in value for _, labels in series for _, value in labels)
    unknown = [labels for _, labels in series if ("grpc_method", "unknown") in labels]
    assert 0 < len(unknown) < 60, "a code and two histograms"


@may_log("User is unreachable", "the server is stopping")
def test_calls_to_user_and_names(start_pair):
    pair = start_pair(post_args=[*METRICS, "--loops", "1"])
    metrics = Metrics(pair.post)
    pair.import_users(USERS)
    pair.import_posts(POSTS)
    resolve = "/v1.user.User/ResolveUsers"
    for _ in range(2):
        pair.posts.call(LIST, post.ListPostsRequest())
    assert metrics.get("grpc_client_started_total", resolve) == 1
    assert metrics.get("grpc_client_open_calls", resolve) == 1
    assert metrics.get("grpc_client_msg_sent_total", resolve) >= 1
    assert metrics.get("grpc_client_msg_received_total", resolve) >= 1
    assert metrics.get("resolver_streams_connected") == 1
    assert metrics.get("resolver_names") == 1 == metrics.get("resolver_names_cached")
    assert metrics.get("resolver_name_misses_total") == 1
    assert metrics.get("resolver_name_hits_total") >= 1
    assert metrics.get("resolver_ids_asked_total") == 1
    assert metrics.get("resolver_ids_pending") == 0
    pair.user.stop()
    metrics.until(0, "resolver_streams_connected")
    assert metrics.get("grpc_client_handled_total", resolve, grpc_code="UNAVAILABLE") >= 1
    pair.user.start()
    metrics.until(1, "resolver_streams_connected")
    assert metrics.get("resolver_stream_reconnects_total") >= 1


def test_store_and_memory(start_pair):
    pair = start_pair(post_args=METRICS, user_args=METRICS)
    of_post, of_user = Metrics(pair.post), Metrics(pair.user)
    assert of_post.get("store_records") == 0
    pair.import_users(USERS)
    pair.import_posts(POSTS)
    assert of_post.get("store_records") == 8 and of_post.get("store_groups") == 1
    assert of_user.get("store_records") == 3
    assert 0 < of_post.get("store_used_bytes") < of_post.get("store_map_bytes")
    assert of_post.get("store_file_bytes") > 0
    pair.posts.call(LIST, post.ListPostsRequest())
    of_post.until(0, "answer_memory_used_bytes")
    assert of_post.get("answer_memory_max_bytes") == 256 << 20


def test_process_and_core(start_pair):
    pair = start_pair(post_args=METRICS)
    metrics = Metrics(pair.post)
    pair.posts.call(LIST, post.ListPostsRequest())
    failure(lambda: pair.posts.call(LIST, post.ListPostsRequest(page_size=-1)))
    metrics.until(2, "grpc_core_calls_started_total")
    metrics.until(1, "grpc_core_connections")
    assert metrics.get("grpc_core_connection_streams_started") == 2
    assert metrics.get("grpc_core_connection_messages_received") == 2
    assert abs(metrics.get("process_start_time_seconds") - time.time()) < timing.START * 10
    assert metrics.get("process_resident_memory_bytes") > 1 << 20
    assert 0 < metrics.get("process_cpu_seconds_total") < timing.CALL
    assert 10 < metrics.get("process_open_fds") < metrics.get("process_max_fds")
    pair.posts.close()
    metrics.until(0, "grpc_core_connections")


def test_only_what_there_is(start_pair):
    pair = start_pair(post_args=METRICS)
    metrics = Metrics(pair.post)
    for path in ("/", "/metrics/", "/healthz", "/../metrics"):
        assert metrics.request(path=path)[0].status == 404
    for method in ("POST", "PUT", "DELETE"):
        response, _ = metrics.request(method, body="x" * 100000)
        assert response.status == 405 and response.headers["Allow"] == "GET, HEAD"
    response, text = metrics.request("HEAD")
    assert response.status == 200 and text == ""
    assert "grpc_server_started_total" in metrics.request()[1]


def test_on_ipv6_and_after_a_restart(start_pair):
    pair = start_pair(post_args=["--metrics-listen", "[::1]:0"])
    metrics = Metrics(pair.post)
    assert metrics.address.startswith("[::1]:")
    assert metrics.get("store_records") == 0
    pair.post.stop()
    pair.post.start("--metrics-listen", metrics.address)
    assert Metrics(pair.post).address == metrics.address


@pytest.mark.parametrize("address, warnings", [
    ("127.0.0.1:0", 0), ("localhost:0", 0),
    pytest.param("0.0.0.0:0", 1, marks=expects_log("may read the metrics")),
])
def test_others_that_may_read_them_are_told_of(start_pair, address, warnings):
    pair = start_pair(post_args=["--metrics-listen", address])
    assert Metrics(pair.post).get("store_records") == 0
    told = f" warn  post-server: whoever reaches {address} may read the metrics: "
    assert pair.post.stderr().count("may read the metrics") == \
        pair.post.stderr().count(told) == warnings


def test_an_address_that_cannot_be_had(start_pair, tmp_path):
    pair = start_pair(post_args=METRICS)
    taken = Metrics(pair.post).address
    for address, why in ((taken, "cannot listen on"), ("9464", "wants ADDR:PORT"),
                         ("::1:9464", "wants ADDR:PORT"), ("127.0.0.1:x", "--metrics-listen")):
        done = subprocess.run([BUILD / "user-server", "--listen", "127.0.0.1:0", "--db",
                               tmp_path / "other", "--metrics-listen", address],
                              capture_output=True, text=True, timeout=timing.START, check=False,
                              env=clean_environment())
        assert done.returncode == 1 and why in done.stderr and done.stdout == "", done.stderr


def test_off_unless_asked_for(start_pair):
    pair = start_pair()
    pair.post.signal(15)
    assert pair.post.process.stdout.read() == b"", "no second line"
    assert pair.post.wait() == 0


def test_scrapes_under_load(start_pair):
    """They read while loops count and while the server stops."""
    pair = start_pair(post_args=METRICS)
    metrics = Metrics(pair.post)
    stop, scraped = threading.Event(), []

    def scrape_on():
        while not stop.is_set():
            try:
                scraped.append(metrics.get("grpc_server_started_total", LIST))
            except OSError:  # stopped meanwhile
                return

    thread = threading.Thread(target=scrape_on)
    thread.start()
    for _ in range(200):
        pair.posts.call(LIST, post.ListPostsRequest())
    while scraped[-1] < 200:
        assert thread.is_alive()
    pair.post.stop()
    stop.set()
    thread.join()
    assert scraped == sorted(scraped)
