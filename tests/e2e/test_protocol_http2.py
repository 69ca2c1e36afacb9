"""RFC 9113 (HTTP/2) and RFC 7541 (HPACK): what a server must answer, and what it must let pass.

A row of a table is a section, what the client does, its bytes after the handshake, and the answers
that are allowed. An error of a stream may always be one of the connection, and a server may hang up
without a word; but nothing may hurt another client, nor the process: each test asks for that.

HTTP2_PORT=N asks another server on that port: what an answer says is not looked at then."""
import os
import struct
from collections import namedtuple

import pytest

import h2
import hpack
from h2 import (COMPRESSION_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, NO_ERROR, PROTOCOL_ERROR,
                REFUSED_STREAM, STREAM_CLOSED, continuation, data, frame, goaway, headers, ping,
                priority, reset, settings, update)
from hpack import (KEPT, NEVER_KEPT, NOT_KEPT, coded, huffman, index_of, indexed, literal, number,
                   plain, resize)
from library import small_library
from pair import Pair
from protos import post
from raw import Raw, message, request

LIST = "/v1.post.Post/ListPosts"
STREAM, BIDI = LIST + "ServerStream", LIST + "BidiStream"
ONE = message(post.ListPostsRequest(limit=1).SerializeToString())
ALL = message(b"")
MAX_STREAMS = 100  # of a connection, by default
OTHER_PORT = int(os.environ.get("HTTP2_PORT") or 0)
ours_only = pytest.mark.skipif(OTHER_PORT != 0, reason="asks for our methods")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    if OTHER_PORT:
        yield None
        return
    args = ["--loops", "1", "--keepalive-min-time", "0"]
    with Pair(tmp_path_factory.mktemp("http2"), args, args) as pair:
        small_library().load(pair)
        yield pair


@pytest.fixture(scope="module")
def port(pair):
    return OTHER_PORT or int(pair.post.listen.rpartition(":")[2])


@pytest.fixture(scope="module")
def neighbour(port):
    """Another client."""
    with Raw(port) as neighbour:
        yield neighbour


@pytest.fixture
def connect(pair, port, neighbour):
    """Connections; the server serves on after what they do."""
    opened = []

    def connect(*settings, **more):
        opened.append(Raw(port, *settings, **more))
        return opened[-1]

    pid = pair and pair.post.pid
    yield connect
    for raw in opened:
        raw.sock.close()
    assert well(neighbour.ask(request(LIST), ONE)) and pid == (pair and pair.post.pid)


@pytest.fixture
def raw(connect):
    return connect()


def well(answer):
    """It is one post."""
    if OTHER_PORT:
        return bool(answer.blocks)
    assert answer.status == 0, answer.blocks
    [(_, body)] = answer.messages()
    return len(post.ListPostsResponse.FromString(body).post_messages) == 1


# --- what may come ----------------------------------------------------------------------------

# kind: "RST_STREAM", "GOAWAY", "closed", or, without a code, "served" and "passed".
Outcome = namedtuple("Outcome", "kind code", defaults=[None])
SERVED = {Outcome("served")}  # stream 1 is answered, and the connection goes on
PASSED = {Outcome("passed")}  # nothing happens
PASSED_OR_CLOSED = PASSED | {Outcome("closed"), Outcome("GOAWAY", NO_ERROR)}


def connection_error(*codes):
    return {Outcome("closed"), *(Outcome("GOAWAY", code) for code in codes)}


def stream_error(*codes):
    return connection_error(*codes) | {Outcome("RST_STREAM", code) for code in codes}


def trouble(raw):
    """What a server did not put up with, if anything. After a GOAWAY it must hang up."""
    if raw.goaways:
        raw.until_closed()
        return Outcome("GOAWAY", raw.goaways[-1])
    if raw.closed:
        return Outcome("closed")
    return next((Outcome("RST_STREAM", answer.reset) for answer in raw.answers.values()
                 if answer.reset is not None), None)


def outcome(raw, answered):
    """Of all that was sent. Two pings, one after the other: an answer to the first may overtake an
    error that was on its way."""
    for _ in range(2):
        pongs = len(raw.pongs)
        raw.send(ping(b"outcome" + bytes([pongs & 255])))
        while not trouble(raw) and len(raw.pongs) == pongs:
            raw.read()
    while answered and not trouble(raw) and not raw.answers[1].over:
        raw.read()
    return trouble(raw) or Outcome("served" if answered and well(raw.answers[1]) else "passed")


def check(raw, sent, allowed):
    raw.until(lambda: raw.settings is not None)
    raw.send(sent(raw) if callable(sent) else sent)
    assert outcome(raw, SERVED <= allowed) in allowed


Row = namedtuple("Row", "section what sent allowed")


def rows(*table):
    return pytest.mark.parametrize("sent, allowed", [(row.sent, row.allowed) for row in table],
                                   ids=[f"{row.section} {row.what}" for row in table])


# --- what is sent -----------------------------------------------------------------------------

BLOCK = request(LIST)
OPEN = headers(1, BLOCK)  # a call whose request is still to come
END = data(1, ONE, end=True)
CALL = OPEN + END
# Its end came, and its answer cannot go out.
HALF_CLOSED = settings((h2.INITIAL_WINDOW_SIZE, 0)) + CALL
FIELD = literal("x-more", "1")
OPEN_BIDI = headers(1, request(BIDI))


def too_large(kind, flags, stream):
    """A frame of a byte more than the server takes."""
    def sent(raw):
        size = raw.settings.get(h2.MAX_FRAME_SIZE, h2.LARGEST_FRAME) + 1
        return OPEN_BIDI * (kind == h2.DATA) + frame(kind, flags, stream, bytes(size))
    return sent


def filled(size):
    """A whole message of so many bytes, by a field that nobody knows."""
    body = ONE[5:]
    length = size - 5 - len(body) - 2 - 3  # a head; a tag and a length
    whole = message(body + b"\xc2\x3e" + bytes([length & 127 | 128, length >> 7 & 127 | 128,
                                                 length >> 14]) + bytes(length))
    assert len(whole) == size
    return whole


def split(*parts, between=b""):
    """A header block in HEADERS and CONTINUATION, with something between the two."""
    return headers(1, parts[0], last=False) + between + b"".join(
        continuation(1, part, last=i == len(parts) - 2) for i, part in enumerate(parts[1:]))


# --- 3.4: the preface ---------------------------------------------------------------------------


@pytest.mark.parametrize("hello, allowed", [
    (h2.PREFACE + settings(), PASSED),
    (h2.PREFACE + settings((0xf0f0, 1)), PASSED),
    (h2.PREFACE + ping(), connection_error(PROTOCOL_ERROR)),
    (h2.PREFACE + OPEN, connection_error(PROTOCOL_ERROR)),
    (h2.PREFACE + frame(h2.SETTINGS, h2.ACK, 0), connection_error(PROTOCOL_ERROR)),
    (h2.PREFACE + h2.PREFACE, connection_error(PROTOCOL_ERROR, FRAME_SIZE_ERROR)),
], ids=["empty SETTINGS", "unknown SETTINGS", "PING first", "HEADERS first", "ACK first", "twice"])
def test_preface(connect, hello, allowed):
    """3.4: a string, then SETTINGS, which may be empty. The server's SETTINGS come first, too: see
    Raw.note()."""
    assert outcome(connect(hello=hello), False) in allowed


@pytest.mark.parametrize("hello", [
    b"INVALID CONNECTION PREFACE\r\n\r\n", h2.PREFACE[:-1] + b"\r" + settings(), bytes(24),
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60),
], ids=["text", "last byte", "zeros", "HTTP/1.1", "TLS"])
def test_no_preface(connect, hello):
    """3.4: PROTOCOL_ERROR, and "a GOAWAY frame may be omitted, since an invalid preface indicates
    that the peer is not using HTTP/2". It ends, whatever the server says before."""
    raw = connect(hello=hello)
    said = b""
    try:
        while more := raw.sock.recv(4096):
            said += more
    except ConnectionResetError:
        pass
    assert not said.startswith(b"HTTP/1.1 2")


def test_a_slow_preface(connect):
    """Byte by byte."""
    raw = connect(hello=b"")
    for byte in h2.PREFACE + settings() + CALL:
        raw.send(bytes([byte]))
    assert outcome(raw, True) in SERVED


# --- 4: frames ----------------------------------------------------------------------------------


@rows(
    Row("4.1", "an unknown type", frame(0x16, 0, 0, bytes(8)), PASSED),
    Row("4.1", "an unknown type, of a stream", frame(0x16, 255, 77, b""), PASSED),
    Row("4.1", "an unknown type within a call", OPEN + frame(0xfa, 255, 1, b"x") + END, SERVED),
    Row("4.1", "flags of no meaning", frame(h2.PING, 0xfe, 0, bytes(8)) + CALL, SERVED),
    Row("4.1", "flags of no meaning, DATA", OPEN + frame(h2.DATA, 0xf7, 1, ONE), SERVED),
    Row("4.1", "the reserved bit",
        frame(h2.PING, 0, 1 << 31, bytes(8)) +
        frame(h2.HEADERS, h2.END_HEADERS, 1 << 31 | 1, BLOCK) + END, SERVED),
    Row("4.2", "DATA of 2^14 bytes", OPEN + data(1, filled(1 << 14), end=True), SERVED),
        Row("4.2", "DATA too large", too_large(h2.DATA, 0, 1), stream_error(FRAME_SIZE_ERROR)),
    Row("4.2", "HEADERS too large", too_large(h2.HEADERS, h2.END_HEADERS, 1),
        connection_error(FRAME_SIZE_ERROR)),
    Row("4.2", "SETTINGS too large", too_large(h2.SETTINGS, 0, 0),
        connection_error(FRAME_SIZE_ERROR)),
    Row("4.2", "an unknown type too large", too_large(0x16, 0, 0),
        connection_error(FRAME_SIZE_ERROR)),
    Row("4.2", "a length of 2^24 - 1", b"\xff\xff\xff" + frame(h2.DATA, 0, 1)[3:],
        connection_error(FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
    Row("4.3", "a block that is none", headers(1, b"\x40"), connection_error(COMPRESSION_ERROR)),
    Row("4.3", "PRIORITY within a block", split(BLOCK, FIELD, between=priority(1)),
        connection_error(PROTOCOL_ERROR)),
    Row("4.3", "HEADERS of another stream within a block",
        split(BLOCK, FIELD, between=headers(3, BLOCK)), connection_error(PROTOCOL_ERROR)),
    Row("4.3", "PING within a block", split(BLOCK, FIELD, between=ping()),
        connection_error(PROTOCOL_ERROR)),
    Row("4.3", "CONTINUATION of another stream",
        headers(1, BLOCK, last=False) + continuation(3, FIELD), connection_error(PROTOCOL_ERROR)),
)
def test_frames(raw, sent, allowed):
    check(raw, sent, allowed)


# --- 5: streams ---------------------------------------------------------------------------------

# "An endpoint MAY treat receipt of any other type of frame on a closed stream as a connection error
# of type STREAM_CLOSED", or let it pass.
CLOSED = stream_error(STREAM_CLOSED) | PASSED
# 5.1.1 says PROTOCOL_ERROR. nghttp2 lets it pass unanswered, since it may as well be the trailers of
# a stream that it reset itself and knows no more.
LOWER = connection_error(PROTOCOL_ERROR, STREAM_CLOSED) | PASSED


@rows(
    Row("5.1", "idle: DATA", data(1, ONE, end=True),
        connection_error(PROTOCOL_ERROR, STREAM_CLOSED)),
    Row("5.1", "idle: RST_STREAM", reset(1), connection_error(PROTOCOL_ERROR)),
    Row("5.1", "idle: WINDOW_UPDATE", update(1, 100), connection_error(PROTOCOL_ERROR)),
    Row("5.1", "idle: CONTINUATION", continuation(1, BLOCK), connection_error(PROTOCOL_ERROR)),
    Row("5.1", "idle: PRIORITY", priority(1) + priority(5) + CALL, SERVED),
    Row("5.1", "idle of the server: WINDOW_UPDATE", update(2, 100),
        connection_error(PROTOCOL_ERROR)),
    Row("5.1", "half-closed: DATA", HALF_CLOSED + data(1, ONE), stream_error(STREAM_CLOSED)),
    Row("5.1", "half-closed: HEADERS", HALF_CLOSED + headers(1, BLOCK, end=True),
        stream_error(STREAM_CLOSED, PROTOCOL_ERROR)),
    Row("5.1", "half-closed: CONTINUATION", HALF_CLOSED + continuation(1, FIELD),
        stream_error(STREAM_CLOSED, PROTOCOL_ERROR)),
    Row("5.1", "half-closed: WINDOW_UPDATE, PRIORITY",
        HALF_CLOSED + update(1, 1 << 20) + priority(1), SERVED),
    Row("5.1", "half-closed: RST_STREAM", HALF_CLOSED + reset(1), PASSED),
    Row("5.1", "reset: DATA", OPEN + reset(1) + data(1, ONE), CLOSED),
    Row("5.1", "reset: HEADERS", OPEN + reset(1) + headers(1, BLOCK, end=True),
        CLOSED | connection_error(PROTOCOL_ERROR)),
    Row("5.1", "reset: CONTINUATION", OPEN + reset(1) + continuation(1, FIELD),
        stream_error(STREAM_CLOSED, PROTOCOL_ERROR)),
    Row("5.1", "reset: WINDOW_UPDATE, RST_STREAM, PRIORITY",
        OPEN + reset(1) + update(1, 1) + reset(1) + priority(1), PASSED),
    Row("5.1.1", "an even stream", headers(2, BLOCK, end=True), connection_error(PROTOCOL_ERROR)),
    Row("5.1.1", "a lower stream", headers(5, BLOCK) + headers(3, BLOCK, end=True), LOWER),
    Row("5.3.1", "HEADERS that depend on themselves",
        frame(h2.HEADERS, h2.END_HEADERS | h2.HAS_PRIORITY, 1, h2.dependency(1) + BLOCK),
        stream_error(PROTOCOL_ERROR) | PASSED),
    Row("5.3.1", "PRIORITY that depends on itself", priority(1, on=1),
        stream_error(PROTOCOL_ERROR) | PASSED),
    Row("5.3.1", "HEADERS with a priority",
        frame(h2.HEADERS, h2.END_HEADERS | h2.HAS_PRIORITY, 1,
              h2.dependency(0, 256, True) + BLOCK) + END, SERVED),
    Row("5.3.1", "HEADERS with a priority and padding",
        frame(h2.HEADERS, h2.END_HEADERS | h2.HAS_PRIORITY | h2.PADDED, 1,
              b"\3" + h2.dependency(0, 1) + BLOCK + bytes(3)) + END, SERVED),
    Row("5.3.1", "a circle of priorities", priority(1, on=3) + priority(3, on=1) + CALL, SERVED),
    Row("5.3.1", "a priority for another stream, then a lower one", priority(9) + CALL, SERVED),
    Row("5.5", "an unknown frame within a block",
        split(BLOCK, FIELD, between=frame(0x16, 0, 0, bytes(8))), connection_error(PROTOCOL_ERROR)),
)
def test_streams(raw, sent, allowed):
    check(raw, sent, allowed)


@pytest.mark.parametrize("what, allowed", [
    (data(1, ONE), CLOSED),
    (headers(1, BLOCK, end=True), CLOSED | connection_error(PROTOCOL_ERROR)),
    (continuation(1, FIELD), stream_error(STREAM_CLOSED, PROTOCOL_ERROR)),
    (update(1, 1) + reset(1) + priority(1), PASSED),
], ids=["DATA", "HEADERS", "CONTINUATION", "WINDOW_UPDATE, RST_STREAM, PRIORITY"])
def test_streams_that_are_over(raw, what, allowed):
    """5.1: after the end of both sides."""
    check(raw, CALL, SERVED)
    check(raw, what, allowed)


def test_the_largest_stream(raw):
    """5.1.1: 2^31 - 1 is one, and there is none after it."""
    last = (1 << 31) - 1
    raw.send(headers(last, BLOCK), data(last, ONE, end=True))
    assert well(raw.answer_of(last))
    check(raw, CALL, LOWER)
    assert not raw.answers[1].blocks


def test_too_many_streams_before_the_client_can_know(connect):
    """5.1.2: REFUSED_STREAM, so that gRPC's clients may repeat it (8.7), and those before go on: it
    has not read the server's SETTINGS yet."""
    raw = connect((h2.INITIAL_WINDOW_SIZE, 0))
    streams = [raw.begin(request(BIDI)) for _ in range(MAX_STREAMS + 1)]
    assert outcome(raw, False) == Outcome("RST_STREAM", REFUSED_STREAM)
    assert raw.settings[h2.MAX_CONCURRENT_STREAMS] == MAX_STREAMS
    assert [s for s in streams if raw.answers[s].over] == streams[-1:]
    if OTHER_PORT:
        return
    raw.send(reset(streams[0]))
    stream = raw.begin(BLOCK)
    raw.send(data(stream, ONE, end=True), settings((h2.INITIAL_WINDOW_SIZE, 1 << 20)))
    assert well(raw.answer_of(stream))


def test_too_many_streams(raw):
    """5.1.2: PROTOCOL_ERROR or REFUSED_STREAM, of the stream or the connection."""
    raw.until(lambda: raw.settings is not None)
    raw.sync()
    for _ in range(MAX_STREAMS + 1):
        raw.begin(request(BIDI))
    assert outcome(raw, False) in stream_error(PROTOCOL_ERROR, REFUSED_STREAM)


# --- 6: each frame ------------------------------------------------------------------------------


@rows(
    Row("6.1", "DATA of no stream", data(0, b"x"), connection_error(PROTOCOL_ERROR)),
    Row("6.1", "DATA, padding longer than it",
        OPEN_BIDI + frame(h2.DATA, h2.PADDED, 1, b"\5abcd"), connection_error(PROTOCOL_ERROR)),
    Row("6.1", "DATA, padding of all but its length",
        OPEN + data(1, b"", pad=7) + data(1, ONE, end=True, pad=0), SERVED),
    Row("6.1", "DATA, no room for the padding's length",
        OPEN_BIDI + frame(h2.DATA, h2.PADDED, 1, b""),
        connection_error(PROTOCOL_ERROR, FRAME_SIZE_ERROR)),
    Row("6.2", "HEADERS with padding", headers(1, BLOCK, pad=255) + END, SERVED),
    Row("6.2", "HEADERS of no stream", headers(0, BLOCK), connection_error(PROTOCOL_ERROR)),
    Row("6.2", "HEADERS, padding longer than it",
        frame(h2.HEADERS, h2.END_HEADERS | h2.PADDED, 1, bytes([len(BLOCK) + 1]) + BLOCK),
        connection_error(PROTOCOL_ERROR)),
    Row("6.2", "HEADERS, no room for the priority",
        frame(h2.HEADERS, h2.END_HEADERS | h2.HAS_PRIORITY, 1, bytes(4)),
        connection_error(PROTOCOL_ERROR, FRAME_SIZE_ERROR)),
    Row("6.3", "PRIORITY of no stream", priority(0), connection_error(PROTOCOL_ERROR)),
    Row("6.3", "PRIORITY of 4 bytes", frame(h2.PRIORITY, 0, 1, bytes(4)),
        stream_error(FRAME_SIZE_ERROR)),
    Row("6.3", "PRIORITY of 6 bytes", OPEN_BIDI + frame(h2.PRIORITY, 0, 1, bytes(6)),
        stream_error(FRAME_SIZE_ERROR)),
    Row("6.4", "RST_STREAM of no stream", reset(0), connection_error(PROTOCOL_ERROR)),
    Row("6.4", "RST_STREAM of 3 bytes", OPEN_BIDI + frame(h2.RST_STREAM, 0, 1, bytes(3)),
        connection_error(FRAME_SIZE_ERROR)),
    Row("6.4", "RST_STREAM of 5 bytes", OPEN_BIDI + frame(h2.RST_STREAM, 0, 1, bytes(5)),
        connection_error(FRAME_SIZE_ERROR)),
    Row("6.5", "SETTINGS ACK with bytes", frame(h2.SETTINGS, h2.ACK, 0, bytes(6)),
        connection_error(FRAME_SIZE_ERROR)),
    Row("6.5", "SETTINGS of a stream", frame(h2.SETTINGS, 0, 1), connection_error(PROTOCOL_ERROR)),
    Row("6.5", "SETTINGS of 5 bytes", frame(h2.SETTINGS, 0, 0, bytes(5)),
        connection_error(FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
    Row("6.5.2", "ENABLE_PUSH 2", settings((h2.ENABLE_PUSH, 2)), connection_error(PROTOCOL_ERROR)),
    Row("6.5.2", "INITIAL_WINDOW_SIZE 2^31", settings((h2.INITIAL_WINDOW_SIZE, 1 << 31)),
        connection_error(FLOW_CONTROL_ERROR)),
    Row("6.5.2", "MAX_FRAME_SIZE 2^14 - 1", settings((h2.MAX_FRAME_SIZE, (1 << 14) - 1)),
        connection_error(PROTOCOL_ERROR)),
    Row("6.5.2", "MAX_FRAME_SIZE 2^24", settings((h2.MAX_FRAME_SIZE, 1 << 24)),
        connection_error(PROTOCOL_ERROR)),
    Row("6.5.2", "all that is allowed", settings(
        (h2.HEADER_TABLE_SIZE, (1 << 32) - 1), (h2.ENABLE_PUSH, 0), (h2.ENABLE_PUSH, 1),
        (h2.MAX_CONCURRENT_STREAMS, 0), (h2.INITIAL_WINDOW_SIZE, (1 << 31) - 1),
        (h2.MAX_FRAME_SIZE, 1 << 14), (h2.MAX_FRAME_SIZE, (1 << 24) - 1),
        (h2.MAX_HEADER_LIST_SIZE, 1 << 20)) + CALL, SERVED),
    Row("6.5.2", "unknown settings", settings((0, 1), (0xff, 2), (0xffff, (1 << 32) - 1)) + CALL,
        SERVED),
    Row("6.6", "PUSH_PROMISE", OPEN_BIDI + frame(h2.PUSH_PROMISE, h2.END_HEADERS, 1,
                                            struct.pack(">I", 2) + BLOCK),
        connection_error(PROTOCOL_ERROR)),
    Row("6.7", "PING ACK that nobody asked for", ping(b"surprise", ack=True) + CALL, SERVED),
    Row("6.7", "PING of a stream", frame(h2.PING, 0, 3, bytes(8)),
        connection_error(PROTOCOL_ERROR)),
    Row("6.7", "PING of 6 bytes", frame(h2.PING, 0, 0, bytes(6)),
        connection_error(FRAME_SIZE_ERROR)),
    Row("6.8", "GOAWAY of a stream", goaway(stream=1), connection_error(PROTOCOL_ERROR)),
    Row("6.8", "GOAWAY of 7 bytes", frame(h2.GOAWAY, 0, 0, bytes(7)),
        connection_error(FRAME_SIZE_ERROR)),
    Row("6.9", "WINDOW_UPDATE of 0, the connection's", update(0, 0),
        connection_error(PROTOCOL_ERROR)),
    Row("6.9", "WINDOW_UPDATE of 0, a stream's", OPEN_BIDI + update(1, 0),
        stream_error(PROTOCOL_ERROR)),
    Row("6.9", "WINDOW_UPDATE of 3 bytes", frame(h2.WINDOW_UPDATE, 0, 0, bytes(3)),
        connection_error(FRAME_SIZE_ERROR)),
    Row("6.9.1", "the connection's window over 2^31 - 1", update(0, 1),
        connection_error(FLOW_CONTROL_ERROR)),
    Row("6.9.1", "a stream's window over 2^31 - 1", OPEN_BIDI + update(1, 1),
        stream_error(FLOW_CONTROL_ERROR)),
    Row("6.9.2", "a setting that takes a stream's window over it",
        settings((h2.INITIAL_WINDOW_SIZE, 0)) + OPEN_BIDI + update(1, (1 << 31) - 1) +
        settings((h2.INITIAL_WINDOW_SIZE, 1)), stream_error(FLOW_CONTROL_ERROR)),
    Row("6.10", "CONTINUATIONs", split(BLOCK[:5], BLOCK[5:9], BLOCK[9:]) + END, SERVED),
    Row("6.10", "no CONTINUATION, but DATA", headers(1, BLOCK, last=False) + END,
        connection_error(PROTOCOL_ERROR)),
    Row("6.10", "CONTINUATION of no stream", headers(1, BLOCK, last=False) + continuation(0, FIELD),
        connection_error(PROTOCOL_ERROR)),
    Row("6.10", "CONTINUATION after END_HEADERS", OPEN_BIDI + continuation(1, FIELD),
        connection_error(PROTOCOL_ERROR)),
    Row("6.10", "CONTINUATION after END_HEADERS of another",
        split(BLOCK, FIELD) + continuation(1, FIELD), connection_error(PROTOCOL_ERROR)),
    Row("6.10", "CONTINUATION after DATA", OPEN_BIDI + data(1, b"x") + continuation(1, FIELD),
        connection_error(PROTOCOL_ERROR)),
    Row("7", "GOAWAY of an unknown code", goaway(0, 0xff, b"x"), PASSED_OR_CLOSED),
    Row("7", "RST_STREAM of an unknown code", OPEN_BIDI + reset(1, 0xff), PASSED),
)
def test_each_frame(raw, sent, allowed):
    check(raw, sent, allowed)


def test_settings_are_acknowledged(raw):
    """6.5.3: each, in order."""
    raw.sync()
    before = raw.settings_acks
    raw.send(settings(), settings((h2.ENABLE_PUSH, 0)), settings())
    raw.until(lambda: raw.settings_acks == before + 3)


def test_a_ping_comes_back_as_it_was(raw):
    """6.7."""
    raw.send(ping(b"\0\1\2\3abcd"), ping(b"whatever"))
    raw.until(lambda: raw.pongs == [b"\0\1\2\3abcd", b"whatever"])


@ours_only
def test_who_says_goaway_is_answered(raw):
    """6.8: calls that are under way go on."""
    stream = raw.begin(BLOCK)
    raw.send(data(stream, ONE[:-1]))
    raw.sync()
    raw.send(goaway(0), data(stream, ONE[-1:], end=True))
    assert well(raw.answer_of(stream))


def poured(raw, stream, size):
    """The answer's DATA grows to exactly so many bytes, and no more of it comes."""
    raw.until(lambda: len(raw.answers[stream].data) >= size)
    raw.sync()
    raw.sync()
    return len(raw.answers[stream].data) == size


@ours_only
def test_the_window_is_kept_to(connect):
    """6.9.1, 6.9.2: of one byte, and of as many as are added; the setting changes that of streams
    that are open, and what was sent may make it negative."""
    raw = connect((h2.INITIAL_WINDOW_SIZE, 1))
    stream = raw.begin(request(STREAM))
    raw.send(data(stream, ALL, end=True))
    assert poured(raw, stream, 1)
    raw.send(update(stream, 9))
    assert poured(raw, stream, 10)
    raw.send(settings((h2.INITIAL_WINDOW_SIZE, 101)))
    assert poured(raw, stream, 110)
    raw.send(settings((h2.INITIAL_WINDOW_SIZE, 1)), update(stream, 100))  # -100, then 0
    assert poured(raw, stream, 110)
    raw.send(update(stream, 5))
    assert poured(raw, stream, 115)
    raw.send(update(stream, 1 << 20))
    assert raw.answer_of(stream).status == 0


@ours_only
def test_settings_count_in_order(connect):
    """6.5.3: "The values in the SETTINGS frame MUST be processed in the order they appear": the
    last of several."""
    raw = connect((h2.INITIAL_WINDOW_SIZE, 100), (h2.INITIAL_WINDOW_SIZE, 1))
    stream = raw.begin(request(STREAM))
    raw.send(data(stream, ALL, end=True))
    assert poured(raw, stream, 1)


@ours_only
def test_the_window_of_the_connection(connect):
    """6.9: all streams share it. The first 65,535 bytes, and what is added."""
    raw = connect(hello=h2.PREFACE + settings((h2.INITIAL_WINDOW_SIZE, h2.LARGEST_WINDOW)))
    streams = [raw.begin(request(STREAM)) for _ in range(3)]
    raw.send(*(data(s, ALL, end=True) for s in streams))
    total = lambda: sum(len(raw.answers[s].data) for s in streams)  # noqa: E731
    raw.until(lambda: total() >= h2.FIRST_WINDOW)
    raw.sync()
    raw.sync()
    assert total() == h2.FIRST_WINDOW
    raw.send(update(0, 1 << 30))
    assert all(raw.answer_of(s).status == 0 for s in streams)


@ours_only
def test_frames_may_be_larger_where_the_client_says_so(connect):
    """4.2: up to MAX_FRAME_SIZE, and never over it: see Raw.note(), whose client says nothing."""
    raw = connect((h2.MAX_FRAME_SIZE, h2.LARGEST_FRAME))
    assert raw.ask(request(STREAM), ALL).status == 0


@ours_only
def test_who_sends_more_than_the_window(raw):
    """6.9.1: FLOW_CONTROL_ERROR, of the stream or the connection. Its answers are not read, so its
    requests are not, and the window is not given back."""
    raw.send(settings((h2.INITIAL_WINDOW_SIZE, 0)))
    raw.sync()
    stream = raw.begin(request(BIDI))
    whole = filled(h2.LARGEST_FRAME)
    while raw.room(stream) >= len(whole):
        raw.sent[0] += len(whole)
        raw.sent[stream] += len(whole)
        raw.send(data(stream, whole))
        raw.sync()
        raw.sync()
    window = raw.settings.get(h2.INITIAL_WINDOW_SIZE, h2.FIRST_WINDOW)
    raw.send(data(stream, whole) * (window // len(whole) + 1))
    while not trouble(raw):
        raw.read()
    assert trouble(raw) in stream_error(FLOW_CONTROL_ERROR)


# --- 8: what HTTP means ---------------------------------------------------------------------------


def asked(*more, **changes):
    """A call with such headers."""
    return headers(1, request(LIST, *more, **changes)) + END


def fields(*pairs):
    return headers(1, hpack.block(*pairs)) + END


MALFORMED = stream_error(PROTOCOL_ERROR)
PSEUDO = [(":method", "POST"), (":scheme", "http"), (":path", LIST), (":authority", "localhost")]
GRPC = [("te", "trailers"), ("content-type", "application/grpc")]


@rows(
    Row("8.1", "HEADERS within the body", OPEN_BIDI + data(1, ONE) + headers(1, FIELD), MALFORMED),
    Row("8.1", "a pseudo-header as a trailer",
        OPEN_BIDI + data(1, ONE) + headers(1, literal(":method", "POST"), end=True), MALFORMED),
    Row("8.1", "trailers", OPEN + data(1, ONE) + headers(1, FIELD, end=True), SERVED),
    Row("8.1.1", "content-length of more", asked(("content-length", str(len(ONE) + 1))), MALFORMED),
    Row("8.1.1", "content-length of less", asked(("content-length", "1")), MALFORMED),
    Row("8.1.1", "content-length of the parts' sum",
        headers(1, request(LIST, ("content-length", str(len(ONE))))) + data(1, ONE[:3]) +
        data(1, ONE[3:], end=True), SERVED),
    Row("8.1.1", "content-length of less than the parts' sum",
        headers(1, request(LIST, ("content-length", "4"))) + data(1, ONE[:3]) +
        data(1, ONE[3:], end=True), MALFORMED),
    Row("8.1.1", "content-length without a body",
        headers(1, request(LIST, ("content-length", "1")), end=True), MALFORMED),
    Row("8.1.1", "content-length that is no number", asked(("content-length", "x")), MALFORMED),
    Row("8.1.1", "content-length twice", asked(("content-length", str(len(ONE))),
                                             ("content-length", str(len(ONE)))),
        MALFORMED | SERVED),
    Row("8.2.1", "an upper-case name", asked(("X-More", "1")), MALFORMED),
    Row("8.2.1", "a name with a space", asked(("x more", "1")), MALFORMED),
    Row("8.2.1", "a name with a NUL", asked(("x\0", "1")), MALFORMED),
    Row("8.2.1", "a name with DEL", asked(("x\x7f", "1")), MALFORMED),
    Row("8.2.1", "a name of no bytes", asked(("", "1")), MALFORMED),
    Row("8.2.1", "a name with a colon", asked(("x:y", "1")), MALFORMED),
    Row("8.2.1", "a value with NUL", asked(("x-more", "a\0b")), MALFORMED),
    Row("8.2.1", "a value with CR", asked(("x-more", "a\rb")), MALFORMED),
    Row("8.2.1", "a value with LF", asked(("x-more", "a\nb")), MALFORMED),
    Row("8.2.2", "connection", asked(("connection", "keep-alive")), MALFORMED),
    Row("8.2.2", "keep-alive", asked(("keep-alive", "1")), MALFORMED),
    Row("8.2.2", "proxy-connection", asked(("proxy-connection", "keep-alive")), MALFORMED),
    Row("8.2.2", "transfer-encoding", asked(("transfer-encoding", "chunked")), MALFORMED),
    Row("8.2.2", "upgrade", asked(("upgrade", "websocket")), MALFORMED),
    Row("8.2.2", "te of something else", asked(te="trailers, deflate"), MALFORMED),
    Row("8.2.2", "te of something else, first", asked(te="gzip"), MALFORMED),
    Row("8.2.3", "cookies in several fields", asked(("cookie", "a=b"), ("cookie", "c=d")), SERVED),
    Row("8.3", "an unknown pseudo-header", fields(*PSEUDO, (":test", "1"), *GRPC), MALFORMED),
    Row("8.3", "one of an answer", fields(*PSEUDO, (":status", "200"), *GRPC), MALFORMED),
    Row("8.3", "one of an extension", fields(*PSEUDO, (":protocol", "websocket"), *GRPC),
        MALFORMED),
    Row("8.3", "one after the others", fields(*PSEUDO[:3], *GRPC, PSEUDO[3]), MALFORMED),
    Row("8.3.1", "in any order", fields(*PSEUDO[::-1], *GRPC), SERVED),
    Row("8.3.1", "an empty :path", asked(path=""), MALFORMED),
    Row("8.3.1", "a :path without a slash", asked(path=LIST[1:]), MALFORMED),
    Row("8.3.1", ":path of a whole address", asked(path="http://localhost" + LIST), MALFORMED),
    Row("8.3.1", "an empty :method", asked(method=""), MALFORMED),
    Row("8.3.1", "an empty :scheme", asked(scheme=""), MALFORMED),
    Row("8.3.1", "an :authority with a space", asked(authority="a b"), MALFORMED),
    Row("8.3.1", "no :method", asked(method=None), MALFORMED),
    Row("8.3.1", "no :scheme", asked(scheme=None), MALFORMED),
    Row("8.3.1", "no :path", fields(*PSEUDO[:2], PSEUDO[3], *GRPC),
        MALFORMED),
    Row("8.3.1", "two :method", fields(PSEUDO[0], *PSEUDO, *GRPC), MALFORMED),
    Row("8.3.1", "two :scheme", fields(PSEUDO[1], *PSEUDO, *GRPC), MALFORMED),
    Row("8.3.1", "two :path", fields(PSEUDO[2], *PSEUDO, *GRPC), MALFORMED),
    Row("8.3.1", "two :authority", fields(PSEUDO[3], *PSEUDO, *GRPC), MALFORMED),
    Row("8.5", "CONNECT with a path", asked(method="CONNECT"), MALFORMED),
    Row("8.3", "nothing but pseudo-headers twice", fields(*PSEUDO, *PSEUDO), MALFORMED),
    Row("8.3", "an empty block", headers(1, b"") + END, MALFORMED),
)
def test_http(raw, sent, allowed):
    check(raw, sent, allowed)


@ours_only
@pytest.mark.parametrize("more", [[("X-More", "1")], [("connection", "close")]])
def test_a_malformed_call_leaves_the_others(raw, more):
    """5.4.2: an error of a stream is of that stream only. A bidirectional call before it goes on,
    and so does one after."""
    before = raw.begin(request(BIDI))
    raw.send(data(before, ONE))
    malformed = raw.begin(request(LIST, *more))
    assert raw.answer_of(malformed).reset == PROTOCOL_ERROR
    assert well(raw.ask(BLOCK, ONE))
    raw.send(data(before, end=True))
    assert well(raw.answer_of(before))


# --- RFC 7541 -------------------------------------------------------------------------------------

STATIC_POST = indexed(index_of(":method", "POST"))
STATIC_HTTP = indexed(index_of(":scheme", "http"))
PATH, AUTHORITY = index_of(":path", "/"), index_of(":authority", "")
TYPE, USER_AGENT = index_of("content-type", ""), index_of("user-agent", "")
FIRST_KEPT = len(hpack.STATIC) + 1
BROKEN = connection_error(COMPRESSION_ERROR)


def coded_bits(bits):
    """A field whose value is a Huffman code of these bits."""
    whole = hpack.bits_to_bytes(bits)
    return number(0, *NOT_KEPT) + plain("x-more") + coded(whole)


def after(*parts):
    """A call whose block has something more."""
    return headers(1, BLOCK + b"".join(parts)) + END


def before(*parts):
    return headers(1, b"".join(parts) + BLOCK) + END


def written(how, form):
    """A call all of whose headers are written in one way."""
    block = STATIC_POST + STATIC_HTTP + b"".join((
        literal(PATH, LIST, how, form), literal(AUTHORITY, "localhost", how, form),
        literal("te", "trailers", how, form), literal(TYPE, "application/grpc", how, form),
        literal("x-more", "value", how, form)))
    return headers(1, block) + END


@rows(
    *(Row("6.2", f"{name}, {form.__name__}", written(how, form), SERVED)
      for name, how in (("kept", KEPT), ("not kept", NOT_KEPT), ("never kept", NEVER_KEPT))
      for form in (plain, huffman)),
    Row("2.3.3", "an index past the tables", after(indexed(FIRST_KEPT)), BROKEN),
    Row("2.3.3", "a far index", after(indexed(70000)), BROKEN),
    Row("2.3.3", "a name's index past the tables", after(literal(FIRST_KEPT, "1")), BROKEN),
    Row("2.3.3", "an index of what is kept", headers(1, request(BIDI) + literal("x-a", "1", KEPT)) +
        headers(3, BLOCK + indexed(FIRST_KEPT)), PASSED),
    Row("2.3.3", "one more than what is kept",
        headers(1, request(BIDI) + literal("x-a", "1", KEPT)) +
        headers(3, BLOCK + indexed(FIRST_KEPT + 1)), BROKEN),
    Row("4.2", "a new size at the end", after(resize(1)), BROKEN),
    Row("4.2", "a new size at the beginning", before(resize(1)), SERVED),
    Row("4.2", "two new sizes", before(resize(0), resize(4096)), SERVED),
    Row("4.2", "a size of nothing forgets",
        headers(1, request(BIDI) + literal("x-a", "1", KEPT)) +
        headers(3, resize(0) + BLOCK + indexed(FIRST_KEPT)), BROKEN),
    Row("4.4", "what is larger than the table empties it",
        headers(1, resize(50) + request(BIDI) + literal("x-a", "1", KEPT) +
                literal("x-b", "2" * 50, KEPT)) + headers(3, BLOCK + indexed(FIRST_KEPT)), BROKEN),
    Row("4.4", "what is old is forgotten",
        headers(1, resize(80) + request(BIDI) + literal("x-a", "1", KEPT) +
                literal("x-b", "2", KEPT) + literal("x-c", "3", KEPT)) +
        headers(3, BLOCK + indexed(FIRST_KEPT + 2)), BROKEN),
    Row("5.1", "a number without end", after(b"\xff" + b"\xff" * 20), BROKEN),
    Row("5.1", "a number over 2^32", after(b"\x00\x7f" + b"\xff" * 9 + b"\x01"), BROKEN),
    Row("5.1", "a number that is cut", after(b"\xff"), BROKEN),
    Row("5.2", "a text longer than the block", after(b"\x00\x05abc"), BROKEN),
    Row("5.2", "a text of all codes of 8 bits and more",
        after(literal("x-more", "&*,;XZ!\"()?'+|#>$@[]~^}<`{\\", NOT_KEPT, huffman)), SERVED),
    Row("5.2", "a code padded by more than 7 bits", after(coded_bits(hpack.CODES[97] + "1" * 11)),
        BROKEN),
    Row("5.2", "a code padded with zeros", after(coded_bits(hpack.CODES[97] + "000")), BROKEN),
    Row("5.2", "the code of the end", after(coded_bits(hpack.CODES[97] + hpack.CODES[hpack.EOS])),
        BROKEN),
    Row("6.1", "index 0", after(indexed(0)), BROKEN),
    Row("6.3", "a size over the setting", before(resize(1 << 20)), BROKEN),
)
def test_hpack(raw, sent, allowed):
    """A block that cannot be read is an error of the connection, as the tables are its (4.3)."""
    raw.until(lambda: raw.settings is not None)
    assert raw.settings.get(h2.HEADER_TABLE_SIZE, 4096) < 1 << 20
    check(raw, sent, allowed)


@ours_only
@pytest.mark.parametrize("first", [
    headers(1, request("/no.Such/Method") + literal("x-a", "b" * 20, KEPT), end=True),
    headers(1, request(LIST, content_type=None) + literal("x-a", "b" * 20, KEPT), end=True),
    headers(1, request(LIST, ("X-UPPER", "1")) + literal("x-a", "b" * 20, KEPT), end=True),
    headers(1, request(LIST)) + data(1, ONE) + headers(1, literal("x-a", "b" * 20, KEPT), end=True),
    headers(1, request(LIST)) + reset(1) + headers(
        3, request(LIST) + literal("x-a", "b" * 20, KEPT)) + reset(3),
], ids=["unknown method", "refused", "malformed", "trailers", "reset"])
def test_a_block_of_no_use_counts_for_the_table(raw, first):
    """RFC 9113, 4.3: it changes the decoder's state all the same."""
    raw.next_stream = 5
    raw.send(first)
    for _ in range(2):
        assert well(raw.ask(BLOCK + indexed(FIRST_KEPT), ONE))


@ours_only
@pytest.mark.parametrize("size", [0, 64, 100])
def test_the_table_of_answers_is_as_large_as_the_client_says(connect, size):
    """RFC 7541, 4.2: after SETTINGS_HEADER_TABLE_SIZE is acknowledged, the next block begins with a
    new size that fits."""
    raw = connect((h2.HEADER_TABLE_SIZE, size))
    for _ in range(3):
        assert well(raw.ask(BLOCK, ONE))
        assert raw.hpack.limit <= size and raw.hpack.size <= size


@ours_only
def test_the_table_of_answers_shrinks_and_grows(raw):
    """The client changes its mind between calls."""
    for size in 4096, 0, 4096, 50, 4096:
        raw.send(settings((h2.HEADER_TABLE_SIZE, size)))
        assert well(raw.ask(BLOCK, ONE))
        assert raw.hpack.size <= size


@ours_only
def test_the_table_of_requests_is_used(raw):
    """A thousand fields that are kept, so that all of it is turned over, many times."""
    for i in range(100):
        kept = b"".join(literal(f"x-{i}-{j}", "v" * j, KEPT) for j in range(10))
        assert well(raw.ask(BLOCK + kept + indexed(FIRST_KEPT), ONE))
