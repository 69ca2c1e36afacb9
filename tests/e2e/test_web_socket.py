"""WebSockets that carry a call, in the sub-protocol "grpc-websockets" of @improbable-eng/grpc-web;
and RFC 6455, rule by rule, by bytes that we write ourselves."""
import socket
import struct
import time

import pytest

import timing
from http1 import Peer
from library import small_library
from logs import may_log
from pair import Pair, frozen
from protos import post, user
from raw import message
from timing import MARGIN
from websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Socket, frame, upgrade

pytestmark = may_log("says neither compressed nor not", "in the midst of a message",
                     "the deadline has passed", "a message has more than",
                     "the server is stopping")

LIST = "/v1.post.Post/ListPosts"
STREAM, BIDI = LIST + "ServerStream", "/v1.post.Post/ListPostsByUserIdBidiStream"
COLLECT = "/v1.post.Post/ListPostsByUserIdClientStream"
APP = "https://app.example"
ONE = message(post.ListPostsRequest(limit=2).SerializeToString())


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    args = ["--web", "--web-origin", APP, "--handshake-timeout", "2s"]
    with Pair(tmp_path_factory.mktemp("socket"), ["--web"], args) as pair:
        small_library().load(pair)
        yield pair


def by_user(user_id):
    return message(post.ListPostsByUserIdRequest(user_id=user_id).SerializeToString())


def ids(messages):
    return [p.post_id for m in messages
            for p in post.ListPostsByUserIdResponse.FromString(m).post_messages]


def expected(user_id=None):
    return [p.post_id for p in small_library().expected(user_id)]


def well(pair):
    with Socket(pair.post, LIST) as sock:
        sock.request(ONE)
        sock.half_close()
        headers, messages, trailers = sock.rest()
        assert trailers["grpc-status"] == "0" and len(messages) == 1
        assert headers["content-type"].startswith("application/grpc") and sock.close_code == 1000
        return True


# --- calls ----------------------------------------------------------------------------------


def test_unary(pair):
    assert well(pair)


def test_server_streaming(pair):
    with Socket(pair.post, STREAM) as sock:
        sock.request(message(b""))
        sock.half_close()
        _, messages, trailers = sock.rest()
        assert trailers["grpc-status"] == "0" and ids(messages) == expected()


def test_client_streaming(pair):
    with Socket(pair.post, COLLECT) as sock:
        for user_id in ("u1", "u2", "u3"):
            sock.request(by_user(user_id))
        sock.half_close()
        _, messages, _ = sock.rest()
        assert ids(messages) == expected("u1") + expected("u2") + expected("u3")


def test_bidirectional_answers_come_before_the_end(pair):
    with Socket(pair.post, BIDI) as sock:
        answers = sock.frames()
        for user_id in ("u1", "u2"):
            sock.request(by_user(user_id))
            got = []
            while True:
                flag, body = next(answers)
                if flag == 0x80:
                    continue
                got.append(body)
                if post.ListPostsByUserIdResponse.FromString(body).last:
                    break
            assert ids(got) == expected(user_id)
        sock.half_close()
        assert [flag for flag, _ in answers] == [0x80]


def test_a_thousand_requests(pair):
    with Socket(pair.post, BIDI) as sock:
        sock.send(b"".join(frame(BINARY, b"\0" + by_user(f"u{i % 40}")) for i in range(1000)))
        sock.half_close()
        _, messages, trailers = sock.rest()
        assert trailers["grpc-status"] == "0"
        assert sum(post.ListPostsByUserIdResponse.FromString(m).last for m in messages) == 1000


def test_an_error_comes_with_the_headers(pair):
    with Socket(pair.user, "/v1.user.User/GetUser") as sock:
        sock.request(message(user.GetUserRequest(user_id="nobody").SerializeToString()))
        sock.half_close()
        headers, messages, trailers = sock.rest()
        assert headers is trailers and messages == [] and trailers["grpc-status"] == "5"
        assert trailers["grpc-status-details-bin"]


def test_an_unknown_method(pair):
    with Socket(pair.post, "/v1.post.Post/No") as sock:
        _, _, trailers = sock.rest()
        assert trailers["grpc-status"] == "12"


def test_metadata_and_a_deadline(pair):
    with Socket(pair.post, BIDI, headers=[("grpc-timeout", "300m")]) as sock:
        began = time.monotonic()
        _, _, trailers = sock.rest()
        assert trailers["grpc-status"] == "4" and time.monotonic() - began < MARGIN


def test_messages_cut_anywhere(pair):
    """By frames, by messages, and by the socket."""
    with Socket(pair.post, COLLECT, headers=None) as sock:
        headers = b"content-type: application/grpc-web+proto\r\n"
        one = by_user("u1")
        pieces = (frame(BINARY, headers[:5], final=False) + frame(PING, b"between")
                  + frame(CONTINUATION, headers[5:])
                  + frame(BINARY, b"\0" + one[:3]) + frame(BINARY, b"\0", final=False)
                  + frame(CONTINUATION, one[3:4], final=False) + frame(CONTINUATION, one[4:])
                  + frame(BINARY, b"\1", final=False) + frame(CONTINUATION))
        for byte in pieces:
            sock.send(bytes([byte]))
        _, messages, _ = sock.rest()
        assert ids(messages) == expected("u1") and sock.pongs == [b"between"]


def test_a_large_import(tmp_path):
    posts = [post.PostMessage(post_id=f"large-{i}", user_id="1", body="x" * 60000)
             for i in range(60)]
    with Pair(tmp_path, [], ["--web"]) as pair:
        with Socket(pair.post, "/v1.post.Post/ImportPosts") as sock:
            for one in posts:
                sock.request(message(
                    post.ImportPostsRequest(post_messages=[one]).SerializeToString()))
            sock.half_close()
            _, (imported,), _ = sock.rest()
            assert post.ImportPostsResponse.FromString(imported).imported == 60
        with Socket(pair.post, STREAM) as sock:
            sock.request(message(b""))
            sock.half_close()
            _, messages, _ = sock.rest()
            assert len(ids(messages)) == 60


def test_the_client_closes(pair):
    """Its call is cancelled, and the close is answered."""
    with Socket(pair.post, BIDI) as sock:
        sock.send(frame(CLOSE, struct.pack(">H", 1000)))
        assert list(sock.contents()) == [] and sock.close_code == 1000
    assert well(pair)


def test_drain_ends_a_socket(tmp_path):
    with Pair(tmp_path, [], ["--web"]) as pair, Socket(pair.post, BIDI) as sock:
        answers = sock.frames()
        sock.request(by_user("nobody"))
        assert next(answers)[0] == 0x80
        pair.post.stop()
        last = [body for flag, body in answers if flag == 0x80]
        assert b"grpc-status: 14" in last[-1]


def test_keepalive_finds_a_silent_client(tmp_path):
    args = ["--web", "--keepalive-time", "300ms", "--keepalive-timeout", "500ms"]
    with Pair(tmp_path, [], args) as pair, Socket(pair.post, BIDI) as sock:
        began = time.monotonic()
        assert list(sock.contents()) == [] and sock.pings == 1
        assert 0.7 < time.monotonic() - began < 0.8 + MARGIN


# --- the beginning --------------------------------------------------------------------------


@pytest.mark.parametrize("changes, status", [
    ({"key": None}, 400), ({"key": "short"}, 400), ({"version": None}, 426), ({"version": 8}, 426),
    ({"protocol": None}, 400), ({"protocol": "chat"}, 400), ({"method": "POST"}, 400),
    ({"host": "evil.example"}, 421)])
def test_no_socket(pair, changes, status):
    with Peer(pair.post) as peer:
        peer.send(upgrade(LIST, **changes))
        answer = peer.answer()
        assert answer.status == status and answer.headers["connection"] == "close"
        assert peer.closed()


@pytest.mark.parametrize("origin, status", [
    (APP, 101), ("http://localhost", 101), ("https://evil.example", 403), ("null", 403),
    ("http://localhost:1", 403)])
def test_origins(pair, origin, status):
    with Peer(pair.post) as peer:
        peer.send(upgrade(LIST, f"Origin: {origin}"))
        answer = Peer.answer(peer) if status != 101 else None
        if answer:
            assert answer.status == status
            return
        assert peer.line() == "HTTP/1.1 101 Switching Protocols"


@pytest.mark.parametrize("text", [
    b"no colon\r\n", b"a: b\n", b"a: b", b" a: b\r\n", b":path: /x\r\n", b"a: b\r\n\r\nc: d\r\n",
    b"a\0: b\r\n", b"a: \1\r\n"])
def test_headers_that_are_none(pair, text):
    with Socket(pair.post, LIST, headers=None) as sock:
        sock.binary(text)
        assert list(sock.contents()) == [] and sock.close_code == 1002


def test_no_headers_at_all(pair):
    """An empty message of them: a call without metadata."""
    with Socket(pair.post, LIST, headers=()) as sock:
        sock.request(ONE)
        sock.half_close()
        assert sock.rest()[2]["grpc-status"] == "0"


def test_headers_that_do_not_come(pair):
    with Socket(pair.post, LIST, headers=None) as sock:
        began = time.monotonic()
        assert list(sock.contents()) == []
        assert 1.5 < time.monotonic() - began < 2 + MARGIN


def test_too_many_headers(pair):
    with Socket(pair.post, LIST, headers=None) as sock:
        sock.binary(b"a: " + b"x" * 20000 + b"\r\n")
        assert list(sock.contents()) == [] and sock.close_code == 1009


# --- frames ---------------------------------------------------------------------------------

WRONG = {
    "without a mask": (frame(BINARY, b"\0", mask=None), 1002),
    "a reserved bit": (frame(BINARY, b"\0", reserved=4), 1002),
    "an unknown opcode": (frame(3, b"\0"), 1002),
    "an unknown control opcode": (frame(11, b"\0"), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"\0"), 1002),
    "a message in a message": (frame(BINARY, b"\0", final=False) + frame(BINARY, b"\0"), 1002),
    "a ping in pieces": (frame(PING, b"x", final=False), 1002),
    "a long ping": (frame(PING, b"x" * 126), 1002),
    "a length of 2 bytes for 1": (frame(BINARY, b"\0" * 5, length=(126, b"\0\5")), 1002),
    "a length of 8 bytes for 2": (frame(BINARY, b"\0" * 200, length=(127, b"\0" * 7 + b"\xc8")),
                                  1002),
    "a length below 0": (frame(BINARY, b"", length=(127, b"\xff" * 8)), 1002),
    "text": (frame(TEXT, b"\0"), 1003),
    "a message that begins with 2": (frame(BINARY, b"\2"), 1002),
    "an end with more behind it": (frame(BINARY, b"\1x"), 1002),
    "a message behind the end": (frame(BINARY, b"\1") + frame(BINARY, b"\0x"), None),
    "many empty frames": (frame(BINARY, b"\0", final=False)
                          + frame(CONTINUATION, b"", final=False) * 5000, 1008),
    "many pings": (frame(PING) * 5000, 1008),
    "many pongs": (frame(PONG) * 5000, 1008),
    "many small pieces": (frame(BINARY, b"\0", final=False)
                          + frame(CONTINUATION, b"\0", final=False) * 5000, None),
}


@pytest.mark.parametrize("name", WRONG)
def test_frames_that_keep_to_no_rule(pair, name):
    content, code = WRONG[name]
    with Socket(pair.post, BIDI) as sock:
        try:
            sock.send(content)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has hung up already
        for _ in sock.contents():
            pass
        assert sock.close_code == code or code is None and sock.close_code in (1000, 1002, 1008)
    assert well(pair)


def test_a_reader_that_stops_costs_a_constant(tmp_path):
    """Nothing piles up: the server waits at its store."""
    with Pair(tmp_path, [], ["--web", "--write-timeout", "0"]) as pair:
        pair.import_posts([{"post_id": f"p{i}", "user_id": "1", "body": "x" * 10000}
                           for i in range(3000)])
        with Socket(pair.post, STREAM) as sock:
            sock.request(message(b""))
            sock.half_close()
            wait_for_standstill(sock)
            before = pair.post.rss_anon_bytes()
            time.sleep(1)
            assert pair.post.rss_anon_bytes() < before + (4 << 20)
            _, messages, _ = sock.rest()
            assert len(ids(messages)) == 3000


def test_a_reader_that_pauses_is_no_silent_one(tmp_path):
    """The ping lies behind what it does not read."""
    args = ["--web", "--write-timeout", "0", "--keepalive-time", "300ms",
            "--keepalive-timeout", "700ms"]
    with Pair(tmp_path, [], args) as pair:
        pair.import_posts([{"post_id": f"p{i}", "user_id": "1", "body": "x" * 10000}
                           for i in range(3000)])
        with Socket(pair.post, STREAM) as sock:
            sock.answers_pings = True
            sock.request(message(b""))
            sock.half_close()
            time.sleep(3)
            _, messages, trailers = sock.rest()
            assert trailers["grpc-status"] == "0" and len(ids(messages)) == 3000


def wait_for_standstill(sock):
    """Until the socket's buffers are full: what lies there grows no more."""
    before, until = -1, time.monotonic() + timing.CALL
    while time.monotonic() < until:
        now = len(sock.sock.recv(8 << 20, socket.MSG_PEEK))
        if now == before:
            return
        before = now
        time.sleep(0.3)
    raise AssertionError("it never stands still")


def test_a_frozen_server_loses_nothing(pair):
    with Socket(pair.post, COLLECT) as sock:
        with frozen(pair.post):
            for _ in range(50):
                sock.request(by_user("u1"))
            sock.half_close()
        _, messages, _ = sock.rest()
        assert ids(messages) == 50 * expected("u1")
