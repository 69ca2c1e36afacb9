"""GET /metrics, read with Prometheus's own parser: exact after calls that we know."""
import socket
import ssl
import subprocess
import threading
import time

import pytest

import h2
import postgres
import timing
from certs import Certs
from client import failure
from logs import expects_log, may_log
from pair import BUILD, clean_environment
from protos import post
from raw import Raw, request
from scrape import METRICS, Metrics

USERS = [{"user_id": str(i), "name": f"name {i}"} for i in range(1, 4)]
POSTS = [{"post_id": str(i), "user_id": "1", "title": f"post {i}"} for i in range(1, 9)]
LIST = "/v1.post.Post/ListPosts"
STREAM = "/v1.post.Post/ListPostsServerStream"
BIDI = "/v1.post.Post/ListPostsBidiStream"


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
    # A database is asked for its numbers behind each commit, and for its sizes at the start.
    of_post.until(8, "store_records")
    of_user.until(3, "store_records")
    assert of_post.get("store_groups") == 1
    assert 0 < of_post.get("store_used_bytes") <= of_post.get("store_file_bytes")
    if not postgres.wanted:
        assert of_post.get("store_used_bytes") < of_post.get("store_map_bytes")
    assert of_post.get("store_changes_total") == 8 == of_post.get("store_kept_changes")
    assert of_post.get("store_kept_changes_bytes") > 0
    assert 0 <= of_post.get("store_oldest_kept_change_seconds") < 60
    pair.posts.call(LIST, post.ListPostsRequest())
    of_post.until(0, "answer_memory_used_bytes")
    assert of_post.get("answer_memory_max_bytes") == 128 << 20


def test_user_keeps_the_changes_that_its_streams_read(start_pair):
    """Four times what it tells one by one: the rest would be written for nobody."""
    kept, block = 16384, 256
    pair = start_pair(user_args=METRICS)
    of_user = Metrics(pair.user)
    pair.import_users([{"user_id": str(i), "name": "name"} for i in range(2 * kept)])
    assert of_user.get("store_changes_total") == 2 * kept
    assert kept <= of_user.get("store_kept_changes") < kept + block


def test_followers(start_pair):
    pair = start_pair(post_args=[*METRICS, "--loops", "2"])
    metrics = Metrics(pair.post)
    pair.import_users(USERS)
    assert metrics.get("followers") == 0 == metrics.get("followers_delay_seconds_count")
    follow = pair.posts.call(STREAM, post.ListPostsRequest(follow=True, from_now=True))
    assert next(follow).caught_up
    assert metrics.get("followers") == 1 and metrics.get("followers_behind") == 0
    pair.import_posts(POSTS)
    assert next(follow).post_messages
    metrics.until(0, "followers_behind")
    assert metrics.get("followers_lag_changes") == 0
    assert metrics.get("followers_delay_seconds_count") >= 1
    follow.cancel()
    metrics.until(0, "followers")


@pytest.mark.parametrize("transport, prefix, others, of_calls", [
    ("http", "http2_server_", "grpc_core_", {"streams_total": 2, "streams_ok_total": 1,
                                             "streams_reset_total": 0}),
    ("core", "grpc_core_", "http2_server_", {"calls_started_total": 2,
                                             "connection_streams_started": 2,
                                             "connection_messages_received": 2}),
])
def test_process_and_core(start_pair, transport, prefix, others, of_calls):
    pair = start_pair(post_args=[*METRICS, "--transport", transport])
    metrics = Metrics(pair.post)
    pair.posts.call(LIST, post.ListPostsRequest())
    failure(lambda: pair.posts.call(LIST, post.ListPostsRequest(page_size=-1)))
    for name, want in {"connections": 1, **of_calls}.items():
        metrics.until(want, prefix + name)
    assert not any(name.startswith(others) for name, _ in metrics.scrape())
    assert abs(metrics.get("process_start_time_seconds") - time.time()) < timing.START * 10
    assert metrics.get("process_resident_memory_bytes") > 1 << 20
    assert 0 < metrics.get("process_cpu_seconds_total") < timing.CALL
    assert 10 < metrics.get("process_open_fds") < metrics.get("process_max_fds")
    pair.posts.close()
    metrics.until(0, f"{prefix}connections")


# --- What the servers' own transport counts ------------------------------------------------


@pytest.fixture
def start_own(start_pair):
    """Metrics of a Post that no client has called yet, and its port."""
    def start(*args):
        pair = start_pair(post_args=[*METRICS, *args])
        return Metrics(pair.post), int(pair.post.listen.rpartition(":")[2])
    return start


def test_streams_by_their_end(start_own):
    metrics, port = start_own()
    with Raw(port) as one, Raw(port):
        metrics.until(2, "http2_server_connections")
        assert one.ask(request(BIDI), b"").status == 0
        assert one.ask(request(BIDI, content_type="text/plain"), b"").http_status == 415
        one.send(h2.reset(one.begin(request(BIDI))))
        metrics.until(1, "http2_server_streams_reset_total")
        one.begin(request(BIDI))
        metrics.until(4, "http2_server_streams_total")
    metrics.until(2, "http2_server_streams_reset_total")  # the last one with its connection
    metrics.until(0, "http2_server_connections")
    assert metrics.get("http2_server_streams_ok_total") == 1
    assert metrics.get("http2_server_connections_opened_total") == 2


def until_ping(raw, flags):
    """Bytes of all frames until a PING that has them."""
    size = 0
    while True:
        frame = raw.read()
        size += len(h2.frame(*frame))
        if (frame.kind, frame.flags) == (h2.PING, flags):
            return size


def test_bytes_and_pings(start_own):
    metrics, port = start_own()
    hello = h2.PREFACE + h2.settings()
    acks = h2.settings()  # one of the server's settings
    with Raw(port, hello=hello) as raw:
        read = 0
        for _ in range(2):  # what the second answer comes behind is all there is
            raw.send(h2.ping())
            read += until_ping(raw, h2.ACK)
        assert metrics.get("http2_server_received_bytes_total") == \
            len(hello + acks + 2 * h2.ping())
        assert metrics.get("http2_server_sent_bytes_total") == read
        assert metrics.get("http2_server_pings_received_total") == 2
        assert metrics.get("http2_server_pings_sent_total") == 0


def test_pings_of_ours(start_own):
    metrics, port = start_own("--keepalive-time", "100ms", "--keepalive-timeout", "5m")
    with Raw(port) as raw:
        until_ping(raw, 0)
        assert metrics.get("http2_server_pings_sent_total") >= 1
    assert metrics.get("http2_server_pings_received_total") == 0


def test_handshakes(start_own, tmp_path):
    certs = Certs(tmp_path, names=("ca", "server"))
    metrics, port = start_own(*certs.serve())
    context = ssl.create_default_context(cafile=certs.path("ca.pem"))
    context.set_alpn_protocols(["h2"])
    session = None
    for number in range(1, 4):
        with socket.create_connection(("127.0.0.1", port), timing.CALL) as plain, \
                context.wrap_socket(plain, server_hostname="localhost", session=session) as client:
            client.sendall(h2.PREFACE + h2.settings())
            assert client.recv(1)  # the ticket came before it
            assert client.session_reused == (number > 1)
            session = client.session
        assert metrics.get("http2_server_tls_handshakes_total") == number
        assert metrics.get("http2_server_tls_resumed_total") == number - 1
    with socket.create_connection(("127.0.0.1", port), timing.CALL) as plain:
        plain.sendall(h2.PREFACE)
        metrics.until(1, "http2_server_refused_total", reason="tls_failed")
    assert metrics.get("http2_server_tls_handshakes_total") == 3


def many(raw, frame, n):
    raw.send(frame * n)


def resets(raw):
    """Of calls; nghttp2 itself lets 1,000 of them pass."""
    for _ in range(1200):
        raw.send(h2.reset(raw.begin(request(BIDI))))


REFUSALS = {
    "handshake_timeout": (["--handshake-timeout", "100ms"], b"", None),
    "bad_preface": ([], b"GET / HTTP/1.1\r\n\r\n", None),
    "protocol_error": ([], None, lambda raw: raw.send(h2.data(0, b"x"))),
    "protocol_error of a stream": ([], None, lambda raw: raw.begin(request(None))),
    "too_many_streams": (["--max-streams", "2"], None, lambda raw: [
        raw.begin(request(BIDI)) for _ in range(3)]),
    "too_many_pings": ([], None, lambda raw: many(raw, h2.ping(), 4)),
    "flood": ([], None, lambda raw: many(raw, h2.data(raw.begin(request(BIDI)), b""), 5000)),
    "flood of resets": ([], None, resets),
    "headers_too_large": ([], None, lambda raw: raw.begin(request(BIDI, *[("x", "y" * 300)] * 50))),
    "not_grpc": ([], None, lambda raw: raw.begin(request(BIDI, method="GET"))),
    "keepalive_timeout": (["--keepalive-time", "100ms", "--keepalive-timeout", "100ms"], None,
                          lambda raw: None),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_by_reason(start_own, case):
    """Each is counted once, under its own reason."""
    args, hello, act = REFUSALS[case]
    metrics, port = start_own(*args)
    with Raw(port, hello=hello) as raw:
        if act is not None:
            act(raw)
        metrics.until(1, "http2_server_refused_total", reason=case.split()[0])
    refused = {dict(labels)["reason"]: value for (name, labels), value in metrics.scrape().items()
               if name == "http2_server_refused_total"}
    assert sum(refused.values()) == 1, refused


def test_only_what_there_is(start_pair):
    pair = start_pair(post_args=METRICS)
    metrics = Metrics(pair.post)
    for path in ("/", "/metrics/", "/healthz/", "/../metrics"):
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
