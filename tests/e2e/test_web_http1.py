"""HTTP/1.1 beside HTTP/2 on the same port, rule by rule, by bytes that we write ourselves.

The rules are those of RFC 9112, and of RFC 9110 where that says how a server answers. What two
readers could understand differently is refused: that is what smuggled requests are made of.
"""
import base64
import http.client
import socket
import ssl
import time
from email.utils import parsedate_to_datetime

import pytest

import certs
import timing
from http1 import Peer
from library import small_library
from logs import may_log
from pair import Pair, Server
from protos import post
from raw import Raw, message, request
from scrape import METRICS, Metrics
from timing import MARGIN, wait_until

pytestmark = may_log("is no base64", "the deadline had passed", "a message has more than",
                     "in the midst of a message", "has no request message")

LIST = "/v1.post.Post/ListPosts"
STREAM, COLLECT, BIDI = LIST + "ServerStream", LIST + "ClientStream", LIST + "BidiStream"
BINARY, TEXT = "application/grpc-web+proto", "application/grpc-web-text+proto"
ONE = message(post.ListPostsRequest(limit=2).SerializeToString())


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    args = ["--loops", "1", "--web"]
    with Pair(tmp_path_factory.mktemp("http1"), args,
              [*args, "--handshake-timeout", "2s"]) as pair:
        small_library().load(pair)
        yield pair


@pytest.fixture
def peer(pair):
    with Peer(pair.post) as peer:
        yield peer


@pytest.fixture
def one(pair):
    """Opens peers, and looks whether the server is well afterwards."""
    opened = []

    def open_one():
        opened.append(Peer(pair.post))
        return opened[-1]

    yield open_one
    for peer in opened:
        peer.sock.close()
    with Peer(pair.post) as peer:
        peer.send(head(), ONE)
        assert well(peer.answer())


def head(*fields, path=LIST, method="POST", length=len(ONE), version="HTTP/1.1", host="localhost",
         content_type=BINARY):
    lines = [f"{method} {path} {version}"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join([*lines, *fields, "", ""])


def well(answer):
    assert answer.status == 200, answer.headers
    (flag, body), (last, trailers) = answer.frames()
    assert (flag, last) == (0, 0x80) and b"grpc-status: 0\r\n" in trailers
    return len(post.ListPostsResponse.FromString(body).post_messages) == 2


# --- what works -----------------------------------------------------------------------------


def test_calls_one_after_another_on_one_connection(peer):
    for _ in range(3):
        peer.send(head(), ONE)
        answer = peer.answer()
        assert well(answer) and "connection" not in answer.headers


def test_by_pythons_own_client(pair):
    client = http.client.HTTPConnection("127.0.0.1", pair.post.port, timeout=timing.CALL)
    for kind, code in [(BINARY, bytes), (TEXT, base64.b64encode)]:
        client.request("POST", LIST, code(ONE), {"Content-Type": kind})
        answer = client.getresponse()
        assert answer.status == 200 and answer.getheader("content-type") == kind
        assert answer.read()
    client.close()


def test_cut_anywhere(peer):
    for byte in (head() + "x")[:-1].encode() + ONE:
        peer.send(bytes([byte]))
    assert well(peer.answer())


def test_chunks_cut_anywhere(peer):
    chunks = b"".join(b"%x;ext=1\r\n%c\r\n" % (1, byte) for byte in ONE) + b"0\r\nx: y\r\n\r\n"
    peer.send(head("Transfer-Encoding: chunked", length=None))
    for byte in chunks:
        peer.send(bytes([byte]))
    assert well(peer.answer())
    peer.send(head(), ONE)
    assert well(peer.answer())


def test_pipelined_requests_are_answered_in_order(peer):
    one = head().encode() + ONE
    unknown = head(path="/v1.post.Post/No").encode() + ONE
    peer.send(one + unknown + one * 20)
    assert well(peer.answer())
    assert peer.answer().headers["grpc-status"] == "12"
    assert all(well(peer.answer()) for _ in range(20))


def test_answers_have_a_date(peer):
    peer.send(head(), ONE)
    date = parsedate_to_datetime(peer.answer().headers["date"])
    assert abs(date.timestamp() - time.time()) < 2 + MARGIN


def test_a_stream_goes_out_in_chunks(peer):
    body = message(post.ListPostsRequest(page_size=10).SerializeToString())
    peer.send(head(path=STREAM, length=len(body)), body)
    answer = peer.answer()
    *messages, (flag, trailers) = answer.frames()
    assert flag == 0x80 and b"grpc-status: 0" in trailers
    posts = [p.post_id for _, m in messages
             for p in post.ListPostsResponse.FromString(m).post_messages]
    assert posts == [p.post_id for p in small_library().expected()]


def test_an_error_has_an_empty_body(peer):
    peer.send(head(path="/v1.post.Post/No"), ONE)
    answer = peer.answer()
    assert answer.status == 200 and answer.headers["grpc-status"] == "12" and answer.body == b""
    peer.send(head(), ONE)
    assert well(peer.answer())


def test_http_1_0_gets_the_end_of_the_connection(one):
    peer = one()
    peer.send(head(version="HTTP/1.0"), ONE)
    answer = peer.answer()
    assert answer.headers["connection"] == "close" and "transfer-encoding" not in answer.headers
    assert well(answer) and peer.closed()


def test_http_1_0_needs_no_host(one):
    peer = one()
    peer.send(head(version="HTTP/1.0", host=None), ONE)
    assert well(peer.answer())


def test_connection_close(one):
    peer = one()
    peer.send(head("Connection: close"), ONE)
    answer = peer.answer()
    assert well(answer) and answer.headers["connection"] == "close" and peer.closed()


def test_expect_100_continue(peer):
    peer.send(head("Expect: 100-continue"))
    assert peer.answer().status == 100
    peer.send(ONE)
    assert well(peer.answer())


def test_nobody_is_told_to_continue_in_vain(one):
    peer = one()
    peer.send(head("Expect: 100-continue", content_type="text/plain"))
    answer = peer.answer()
    assert answer.status == 415 and answer.headers["connection"] == "close" and peer.closed()


def test_empty_lines_before_a_request(peer):
    peer.send("\r\n", head(), ONE)
    assert well(peer.answer())


def test_a_target_that_names_a_server(peer):
    peer.send(head(path="http://localhost" + LIST), ONE)
    assert well(peer.answer())


def test_a_large_request_and_answer(tmp_path):
    """Each larger than what is buffered anywhere."""
    posts = [post.PostMessage(post_id=f"large-{i}", user_id="1", body="x" * 60000)
             for i in range(60)]
    body = b"".join(message(post.ImportPostsRequest(post_messages=[p]).SerializeToString())
                    for p in posts)
    with Pair(tmp_path, [], ["--web"]) as pair, Peer(pair.post) as peer:
        peer.send(head(path="/v1.post.Post/ImportPosts", length=len(body)), body)
        (_, imported), _ = peer.answer().frames()
        assert post.ImportPostsResponse.FromString(imported).imported == 60
        all_of = message(b"")
        peer.send(head(path=STREAM, length=len(all_of)), all_of)
        *messages, _ = peer.answer().frames()
        assert sum(len(post.ListPostsResponse.FromString(m).post_messages)
                   for _, m in messages) == 60


def test_http_2_on_the_same_port(pair):
    with Raw(pair.post.port) as raw:
        assert raw.ask(request(LIST), ONE).status == 0


def test_grpc_itself_needs_http_2(peer):
    peer.send(head(content_type="application/grpc"), ONE)
    assert peer.answer().status == 415


# --- what is refused ------------------------------------------------------------------------

WRONG = {
    "bare LF": (head().replace("\r\n", "\n"), 400),
    "bare LF in the end": (head()[:-2] + "\n", 400),
    "bare CR": (head("X: a\rb"), 400),
    "NUL": (head("X: a\0b"), 400),
    "a line that goes on": (head("X: a\r\n b"), 400),
    "a blank before the colon": (head("X : a"), 400),
    "no name": (head(": a"), 400),
    "no colon": (head("nothing"), 400),
    "a blank in the name": (head("X Y: a"), 400),
    "a first field that goes on": (f"POST {LIST} HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    "no Host": (head(host=None), 400),
    "two Hosts": (head("Host: localhost"), 400),
    "an empty Host": (head(host=""), 400),
    "two blanks": (head().replace("POST ", "POST  "), 400),
    "no version": (head().replace(" HTTP/1.1", ""), 400),
    "a lower-case version": (head(version="http/1.1"), 400),
    "HTTP/2 in the line": (head(version="HTTP/2.0"), 505),
    "HTTP/1.2": (head(version="HTTP/1.2"), 505),
    "a blank in the target": (head(path="/a b"), 400),
    "no target": (head(path=""), 400),
    "a target without a slash": (head(path="a"), 400),
    "bytes of no ASCII in the target": (head(path="/글"), 400),
    "a long target": (head(path="/" + "x" * 9000), 414),
    "a long method": (head(method="P" * 40), 501),
    "many fields": (head(*(f"x{i}: y" for i in range(120))), 431),
    "a large head": (head("x: " + "y" * 20000), 431),
    # What smuggled requests are made of.
    "both lengths": (head("Transfer-Encoding: chunked"), 400),
    "two lengths": (head(f"Content-Length: {len(ONE)}"), 400),
    "two different lengths": (head("Content-Length: 3"), 400),
    "a list of lengths": (head(length=f"{len(ONE)}, {len(ONE)}"), 400),
    "a length with a sign": (head(length=f"+{len(ONE)}"), 400),
    "a length below 0": (head(length="-1"), 400),
    "a length in hex": (head(length="0xa"), 400),
    "an endless length": (head(length="9" * 30), 400),
    "no digits": (head(length=""), 400),
    "another coding": (head("Transfer-Encoding: gzip", length=None), 501),
    "a coding before": (head("Transfer-Encoding: gzip, chunked", length=None), 501),
    "chunked twice": (head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked",
                           length=None), 400),
    "chunked, chunked": (head("Transfer-Encoding: chunked, chunked", length=None), 501),
    "a blank in chunked": (head("Transfer-Encoding: chun ked", length=None), 501),
    "a tab in chunked": (head("Transfer-Encoding: \vchunked", length=None), 400),
    "chunked in HTTP/1.0": (head("Transfer-Encoding: chunked", length=None, version="HTTP/1.0"),
                            400),
    "another expectation": (head("Expect: a-miracle"), 417),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_head_that_keeps_to_no_rule(one, name):
    text, status = WRONG[name]
    peer = one()
    peer.send(text, ONE)
    answer = peer.answer()
    assert answer.status == status and answer.headers["connection"] == "close"
    assert peer.closed()


BAD_CHUNKS = {
    "no size": "\r\n", "a size of no digits": "x\r\n", "a sign": "+1\r\nx\r\n0\r\n\r\n",
    "0x": "0x1\r\nx\r\n", "a huge size": "fffffffff\r\n", "a bare LF": "1\nx\n0\n\n",
    "a chunk that goes on": "1\r\n\0y\r\n0\r\n\r\n", "no line end": "1\r\n\x000\r\n\r\n",
    "a long extension": "1;" + "x" * 1000 + "\r\n", "a control character": "1;\1\r\n",
    "a blank before a size": " 1\r\nx\r\n", "a folded trailer": "0\r\n x: y\r\n\r\n",
    "endless trailers": "0\r\n" + "x: y\r\n" * 2000,
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_chunks_that_keep_to_no_rule(one, name):
    peer = one()
    peer.send(head("Transfer-Encoding: chunked", length=None), BAD_CHUNKS[name])
    answer = peer.answer()
    assert answer.status == 400 and answer.headers["connection"] == "close" and peer.closed()


def test_a_request_hidden_in_a_body_is_none(one):
    """What is in a body is never read as a request."""
    peer = one()
    hidden = head().encode() + ONE
    peer.send(head(content_type="text/plain", length=len(hidden)), hidden)
    assert peer.answer().status == 415
    peer.send(head(path="/v1.post.Post/No"), ONE)
    assert peer.answer().headers["grpc-status"] == "12"


def test_a_message_that_is_too_large(one):
    peer = one()
    peer.send(head(length=10 << 20), b"\0" + (9 << 20).to_bytes(4, "big"), b"x" * 1000)
    answer = peer.answer()
    assert answer.headers["grpc-status"] == "8" and answer.headers["connection"] == "close"


def test_what_is_no_http(one):
    """HTTP/2's GOAWAY, as without --web."""
    peer = one()
    peer.send(b"\x16\3\1\2\0\1\0\1\xfc\3\3")
    while peer.more():
        pass
    assert peer.buffer[3] == 4 and peer.buffer[9 + 3] == 7


def test_without_web_there_is_no_http_1(tmp_path):
    with Pair(tmp_path) as pair, Peer(pair.post) as peer:
        peer.send(head(), ONE)
        while peer.more():
            pass
        assert not peer.buffer.startswith(b"HTTP")


# --- time -----------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 1], ids=["the first", "the second"])
def test_a_head_that_comes_too_slowly(one, before):
    peer = one()
    for _ in range(before):
        peer.send(head(), ONE)
        assert well(peer.answer())
    began = time.monotonic()
    try:
        while time.monotonic() < began + 2 + MARGIN:
            peer.send("P")
            peer.sock.settimeout(0.1)
            try:
                if not peer.more():
                    break
            except TimeoutError:
                pass
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert 1.5 < time.monotonic() - began < 2 + MARGIN


def test_drain_ends_an_idle_connection_and_finishes_an_answer(tmp_path):
    with Pair(tmp_path, [], ["--web"]) as pair:
        small_library().load(pair)
        with Peer(pair.post) as idle, Peer(pair.post) as busy:
            for peer in (idle, busy):
                peer.send(head(), ONE)
                assert well(peer.answer())
            pair.post.stop()
            assert idle.closed() and busy.closed()


def test_an_idle_connection_ends(tmp_path):
    with Pair(tmp_path, [], ["--web", "--max-connection-idle", "300ms"]) as pair:
        with Peer(pair.post) as peer:
            peer.send(head(), ONE)
            assert peer.answer().status == 200
            began = time.monotonic()
            assert peer.closed() and 0.2 < time.monotonic() - began < 0.3 + MARGIN


def ended(metrics, path):
    """The codes that calls of the method have ended with."""
    return {dict(labels)["grpc_code"] for (name, labels), _ in metrics.scrape().items()
            if name == "grpc_server_handled_total"
            and ("grpc_method", path.rpartition("/")[2]) in labels} & {"CANCELLED", "UNAVAILABLE"}


def test_a_client_that_does_not_read_is_cut(tmp_path):
    """Its call has failed, and nothing is kept for it."""
    args = ["--web", "--write-timeout", "500ms", *METRICS]
    with Pair(tmp_path, [], args) as pair:
        metrics = Metrics(pair.post)
        pair.import_posts([{"post_id": f"p{i}", "user_id": "1", "body": "x" * 10000}
                           for i in range(3000)])
        with Peer(pair.post) as peer:
            peer.send(head(path=STREAM, length=5), message(b""))
            wait_until(lambda: ended(metrics, STREAM), "the call has ended")
            while peer.more():
                pass
            assert not peer.buffer.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("behind", [b"", b"GET / HT", b"x" * 3000], ids=["nothing", "some", "more"])
def test_a_client_that_is_gone_ends_its_call(tmp_path, behind):
    """Its end is seen behind what it has sent of a second request."""
    with Pair(tmp_path, [], ["--web", *METRICS]) as pair:
        metrics = Metrics(pair.post)
        with Peer(pair.post) as peer:
            peer.send(head("Accept: application/x-ndjson", method="GET", length=None,
                           path="/v1/posts?follow=true&fromNow=true", content_type=None), behind)
            assert peer.line() == "HTTP/1.1 200 OK"
        wait_until(lambda: ended(metrics, STREAM) == {"CANCELLED"},
                   "the call has ended")


SILENCE = ["--web", "--keepalive-time", "300ms", "--keepalive-timeout", "500ms"]
NDJSON = "application/x-ndjson"


@pytest.mark.parametrize("path, kind", [("/v1.post.Post/ImportPosts", BINARY),
                                        ("/v1/posts:import", NDJSON)], ids=["gRPC-Web", "REST"])
def test_a_body_that_does_not_come(tmp_path, path, kind):
    """The limit is that of HTTP/2, where the client would have been pinged meanwhile."""
    with Pair(tmp_path, [], [*SILENCE, *METRICS]) as pair:
        metrics = Metrics(pair.post)
        with Peer(pair.post) as peer:
            peer.send(chunked(path=path, content_type=kind))
            began = time.monotonic()
            while peer.more():
                pass
            assert 0.7 < time.monotonic() - began < 0.8 + MARGIN
        metrics.until(1, "http2_server_refused_total", reason="keepalive_timeout")


def test_a_body_that_comes_slowly(tmp_path):
    with Pair(tmp_path, [], SILENCE) as pair, Peer(pair.post) as peer:
        peer.send(chunked(path="/v1/posts:import", content_type=NDJSON))
        for byte in b'{"postId": "1"}\n' * 2:
            peer.send(chunk(bytes([byte])))
            time.sleep(0.1)
        peer.send("0\r\n\r\n")
        assert peer.answer().status in (200, 400)


def test_silence_while_a_client_waits_for_its_answer(tmp_path):
    """That is none: it has said all, and its kernel is asked whether it is there."""
    with Pair(tmp_path, [], SILENCE) as pair, Peer(pair.post) as peer:
        peer.send(head(f"Accept: {NDJSON}", method="GET", length=None, content_type=None,
                       path="/v1/posts?follow=true&fromNow=true"))
        assert peer.line() == "HTTP/1.1 200 OK"
        assert has_kernel_keepalive(peer)
        peer.sock.settimeout(2)
        with pytest.raises(TimeoutError):
            while peer.more():
                pass


def has_kernel_keepalive(peer):
    """Whether that timer runs at the server's end (the fields are those of proc(5))."""
    ours, theirs = peer.sock.getsockname()[1], peer.sock.getpeername()[1]
    with open("/proc/net/tcp", encoding="ascii") as table:
        timers = [f[5].split(":")[0] for f in map(str.split, table)
                  if f[1].endswith(f":{theirs:04X}") and f[2].endswith(f":{ours:04X}")]
    return timers == ["02"]


def chunked(*fields, path=BIDI, **changes):
    return head("Transfer-Encoding: chunked", *fields, path=path, length=None, **changes)


def chunk(piece):
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


@pytest.mark.parametrize("kind", [BINARY, TEXT], ids=["binary", "text"])
def test_requests_of_a_client_that_does_not_read_wait(tmp_path, kind):
    """However they are cut: one character may complete three bytes that came before."""
    body = ONE * 1200
    if kind == TEXT:
        body = base64.b64encode(body)
    pieces = [body[i:i + 400] for i in range(0, len(body), 400)]
    assert len(pieces[-1]) == 400, "an empty chunk would be the end"
    block = b"".join(chunk(p[:399]) + chunk(p[399:]) for p in pieces)
    with Pair(tmp_path, [], ["--web", "--write-timeout", "0"]) as pair:
        small_library().load(pair)
        with Peer(pair.post) as peer:
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            peer.send(chunked(content_type=kind))
            peer.sock.settimeout(3)
            with pytest.raises(TimeoutError):
                for _ in range((64 << 20) // len(block)):
                    peer.send(block)


def test_a_deadline_in_the_midst_of_an_answer(pair):
    """What has begun cannot be told of it but by the connection's end, or by the last frame."""
    with Peer(pair.post) as peer:
        peer.send(head("grpc-timeout: 300m", path="/v1.post.Post/ListPostsBidiStream",
                       length=None) .replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"),
                  f"{len(ONE):x}\r\n", ONE, "\r\n")
        while b"grpc-status: 4" not in peer.buffer:
            assert peer.more()


# --- TLS ------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path):
    """Starts one server."""
    started = []

    def start(name, *args):
        started.append(Server(name, tmp_path, *args).start())
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.mark.parametrize("names, chosen", [
    (["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"),
    (None, None)])
def test_alpn(server, tmp_path, names, chosen):
    tls = certs.Certs(tmp_path / "certs", ["ca", "server"])
    users = server("user-server", "--web", *tls.serve())
    context = ssl.create_default_context(cafile=tls.path("ca.pem"))
    if names:
        context.set_alpn_protocols(names)
    with socket.create_connection(("127.0.0.1", users.port), timing.CALL) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as sock:
        assert sock.selected_alpn_protocol() == chosen
        if chosen == "h2":
            return
        peer = Peer.over(sock)
        for _ in range(2):
            peer.send(head(path="/v1.user.User/ListUsers"), ONE)
            answer = peer.answer()
            assert answer.status == 200 and b"grpc-status: 0" in answer.body


def test_pipelined_over_tls(server, tmp_path):
    """What TLS has unpacked already waits too, and so does the client's end."""
    tls = certs.Certs(tmp_path / "certs", ["ca", "server"])
    users = server("user-server", "--web", *tls.serve())
    context = ssl.create_default_context(cafile=tls.path("ca.pem"))
    one = head(path="/v1.user.User/ListUsers").encode() + ONE
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", users.port), timing.CALL) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as sock:
            peer = Peer.over(sock)
            peer.send(one * 300)
            assert all(peer.answer().status == 200 for _ in range(300))
            peer.send(one * 300)  # and its end comes while they wait


def test_no_http_1_over_tls_without_web(server, tmp_path):
    tls = certs.Certs(tmp_path / "certs", ["ca", "server"])
    users = server("user-server", *tls.serve())
    with pytest.raises(ssl.SSLError):
        certs.handshake(users.target, tls, ["http/1.1"])
