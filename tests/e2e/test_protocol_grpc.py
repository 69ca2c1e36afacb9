"""gRPC over HTTP/2, rule by rule, by bytes that we write ourselves.

The rules are those of gRPC's PROTOCOL-HTTP2.md ("the spec") and of its compression.md and
statuscodes.md. Where these leave a choice the test says whose way we go: grpc-go's, mostly, whose
answers are the more exact ones. What each answer must be whatever was asked (one block of headers
first, trailers last, whole messages, valid names and values) is checked in raw.py, for all of them.
"""
import gzip
import time
import zlib

import pytest

import h2
import hpack
from library import small_library
from logs import may_log
from pair import Pair
from protos import post, user
from raw import Raw, message, request
from timing import MARGIN, wait_until

# The server is there for many tests: the line of a call may come after its test.
pytestmark = may_log("the deadline has passed", "the deadline had passed",
                     "grpc-timeout is malformed", "a message has more than",
                     "says neither compressed nor not", "no header says how",
                     "end in the middle of a message", "the method takes one request")

LIST = "/v1.post.Post/ListPosts"
STREAM, COLLECT, BIDI = LIST + "ServerStream", LIST + "ClientStream", LIST + "BidiStream"
SHAPES = [LIST, STREAM, COLLECT, BIDI]
GET = "/v1.user.User/GetUser"
LIMIT = 4 << 20  # bytes of a message

OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND = 0, 3, 4, 5
RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 8, 12, 13

BODY = post.ListPostsRequest(limit=2).SerializeToString()
ONE = message(BODY)

any_shape = pytest.mark.parametrize("path", SHAPES, ids=lambda p: p.rpartition("/")[2])
one_request = pytest.mark.parametrize("path", [LIST, STREAM], ids=["unary", "server-stream"])


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    args = ["--loops", "1", "--keepalive-min-time", "0"]
    with Pair(tmp_path_factory.mktemp("grpc"), args, [*args, "--log-calls", "all"]) as pair:
        small_library().load(pair)
        yield pair


@pytest.fixture(scope="module")
def neighbour(pair):
    """Another client, whose calls must not feel what the tests do."""
    with Raw(pair.post.port) as neighbour:
        yield neighbour


@pytest.fixture
def connect(pair, neighbour):
    """Connections to Post; after the test the same process serves on."""
    pid = pair.post.pid
    opened = []

    def connect(*settings, **more):
        opened.append(Raw(pair.post.port, *settings, **more))
        return opened[-1]

    yield connect
    for raw in opened:
        raw.sock.close()
    assert well(neighbour.ask(request(LIST), ONE)) and pair.post.pid == pid


@pytest.fixture
def raw(connect):
    """One connection, which serves on after the test."""
    raw = connect()
    yield raw
    assert well(raw.ask(request(LIST), ONE))


def well(answer):
    """It is one of two posts."""
    assert answer.status == OK, answer.blocks
    [(flag, body)] = answer.messages()
    return flag == 0 and len(post.ListPostsResponse.FromString(body).post_messages) == 2


def ended_with(answer, status):
    """And without a message."""
    assert answer.status == status, answer.blocks
    return answer.data == b""


# --- what is a call -------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["application/grpc", "application/grpc+proto",
                                   "application/grpc;x", "application/grpc; charset=utf-8"])
def test_content_types_of_grpc(raw, value):
    """Content-Type -> "application/grpc" [("+proto" / "+json" / {custom})]; parameters after ";" as
    grpc-go takes them."""
    answer = raw.ask(request(LIST, content_type=value), ONE)
    assert well(answer)


@pytest.mark.parametrize("value", [None, "", "text/plain", "application/json", "application/grp",
                                   "application/grpcx", "text/application/grpc"])
def test_other_content_types(raw, value):
    """"If Content-Type does not begin with "application/grpc", gRPC servers SHOULD respond with
    HTTP status of 415." Like grpc-go: only "+" or ";" may come after that, so grpcx is no such
    type."""
    answer = raw.ask(request(LIST, content_type=value), ONE)
    assert answer.http_status == 415 and answer.ended


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "post"])
def test_other_methods(raw, method):
    """Method -> ":method POST". Like grpc-go: 405."""
    answer = raw.ask(request(LIST, method=method))
    assert answer.http_status == 405 and answer.ended


def test_what_a_browser_asks(raw):
    """Neither POST nor gRPC: an error of HTTP, whichever."""
    answer = raw.ask(request("/", method="GET", te=None, content_type=None))
    assert answer.http_status in (405, 415) and answer.ended


@pytest.mark.parametrize("path", ["/v1.post.Post/Nothing", "/no.Service/ListPosts", "/",
                                  "/v1.post.Post", "/v1.post.Post/ListPosts/", "//", LIST.lower(),
                                  LIST + "?x=1", "/" + "x" * 4000])
def test_unknown_paths(raw, path):
    """UNIMPLEMENTED, "Trailers-Only is permitted for calls that produce an immediate error": one
    block of headers that is the end. "Path is case-sensitive." """
    answer = raw.ask(request(path), ONE)
    assert answer.status == UNIMPLEMENTED and answer.trailers_only


@pytest.mark.parametrize("path", ["/v1.post.Post/Nothing", GET])
def test_the_peer_is_let_go_early(pair, path):
    """"If a server responds with Trailers before the client's END_STREAM, then the server should
    send RST_STREAM with NO_ERROR immediately following": else the stream counts for ever."""
    with Raw(pair.user.port) as raw:
        stream = raw.begin(request(path))
        raw.send(h2.data(stream, message(user.GetUserRequest(user_id="?").SerializeToString())))
        if path == GET:  # a server may wait for the end of the requests; or for one too many
            raw.send(h2.data(stream, message(b"")))
        answer = raw.answer_of(stream)
        assert answer.status in ((NOT_FOUND, INTERNAL) if path == GET else (UNIMPLEMENTED,))
        raw.sync()
        assert answer.let_go == h2.NO_ERROR


def test_te_may_be_missing(raw):
    """The spec lists it, "used to detect incompatible proxies". Like grpc-go we take calls without;
    the C core does not (UNKNOWN)."""
    assert well(raw.ask(request(LIST, te=None), ONE))


@pytest.mark.parametrize("changes, more", [
    ({"authority": None}, [("host", "localhost")]),
    ({}, [("host", "other")]),
    ({"authority": "x.example:1"}, []),
    ({"authority": "[::1]:80"}, []),
], ids=["host instead", "host too", "with a port", "IPv6"])
def test_authorities(raw, changes, more):
    """gRFC A41: "If :authority is missing, Host must be renamed to :authority. If :authority is
    present, Host must be discarded." """
    assert well(raw.ask(request(LIST, *more, **changes), ONE))


def test_neither_authority_nor_host(raw):
    """Nothing forbids it in gRPC (grpc-go serves it, the C core does not); in HTTP a request
    without is malformed."""
    answer = raw.ask(request(LIST, authority=None), ONE)
    assert answer.reset == h2.PROTOCOL_ERROR or answer.status in (OK, INTERNAL) or \
        answer.http_status == 400


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_schemes(raw, scheme):
    """Scheme -> "http" / "https": behind a proxy that ends TLS it is not what it seems."""
    assert well(raw.ask(request(LIST, scheme=scheme), ONE))


# --- grpc-timeout ---------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["20S", "1M", "1H", "20000m", "20000000u", "99999999H",
                                   "00000020S"])
def test_timeouts(raw, value):
    """TimeoutValue -> {positive integer as ASCII string of at most 8 digits}, and a unit."""
    assert well(raw.ask(request(LIST, ("grpc-timeout", value)), ONE))


@pytest.mark.parametrize("value", ["", "1", "S", "123456789S", "-1S", "+1S", "1X", "1s", "1 S",
                                   "1.5S", "0x1S", "1SS", "S1", "1S,1S", "1" * 1000 + "S"])
@pytest.mark.parametrize("path", [LIST, BIDI], ids=["unary", "bidi"])
def test_malformed_timeouts(raw, path, value):
    """Like grpc-go: INTERNAL. Who says that its call has an end must not get one without."""
    answer = raw.ask(request(path, ("grpc-timeout", value)), ONE)
    assert answer.status == INTERNAL and answer.trailers_only
    assert "grpc-timeout" in answer.text


@any_shape
@pytest.mark.parametrize("value", ["0n", "1n", "0S", "00000000H"])
def test_a_deadline_that_has_passed(raw, path, value):
    """DEADLINE_EXCEEDED, and no work is done."""
    assert ended_with(raw.ask(request(path, ("grpc-timeout", value)), ONE), DEADLINE_EXCEEDED)


def test_a_deadline_between_messages(raw):
    """"DEADLINE_EXCEEDED: deadline expires before server returns status": the answers that went out
    are whole, and trailers say what happened."""
    start = time.monotonic()
    stream = raw.begin(request(BIDI, ("grpc-timeout", "200m")))
    raw.send(h2.data(stream, ONE))
    answer = raw.answer_of(stream)
    assert 0.19 < time.monotonic() - start < 0.2 + MARGIN
    assert answer.status == DEADLINE_EXCEEDED and len(answer.messages()) == 1


@pytest.mark.parametrize("quiet", [0, 0.4], ids=["at once", "after a pause"])
def test_a_deadline_counts_from_its_call(connect, quiet):
    """Not from when the server last had something to do: of a server that slept for longer than the
    call's time, all of that time is still left. The pause is what is tested, so it is slept; alone
    on a server, since any event of another connection would end it."""
    raw = connect()
    raw.sync()
    time.sleep(quiet)
    start = time.monotonic()
    stream = raw.begin(request(BIDI, ("grpc-timeout", "200m")))
    assert ended_with(raw.answer_of(stream), DEADLINE_EXCEEDED)
    assert 0.199 < time.monotonic() - start < 0.2 + MARGIN


def test_a_deadline_before_a_message(raw):
    """Also of a client that says nothing more, or half a message."""
    silent = [raw.begin(request(path, ("grpc-timeout", "100m"))) for path in SHAPES]
    halves = [raw.begin(request(path, ("grpc-timeout", "100m"))) for path in SHAPES]
    raw.send(*(h2.data(stream, ONE[:-1]) for stream in halves))
    for stream in silent + halves:
        assert ended_with(raw.answer_of(stream), DEADLINE_EXCEEDED)


@pytest.fixture(scope="module")
def listed(neighbour):
    """All posts."""
    answer = neighbour.ask(request(STREAM), message(b""))
    return [p for _, m in answer.messages()
            for p in post.ListPostsResponse.FromString(m).post_messages]


@pytest.fixture(scope="module")
def whole(neighbour):
    """Bytes of the first message of a listing of all posts."""
    answer = neighbour.ask(request(STREAM), message(b""))
    return 5 + len(answer.messages()[0][1])


@pytest.mark.parametrize("path", [LIST, STREAM, BIDI], ids=["unary", "server-stream", "bidi"])
@pytest.mark.parametrize("window", [0, 1, 4, 5, 6, 1000, 20000, "a message", "and a byte",
                                    "and a head"])
def test_a_deadline_within_a_message(connect, whole, path, window):
    """The client takes no more. Where a message is half out nothing but RST_STREAM can follow (the
    spec: with CANCEL, "when they need to cancel a call but the payload byte sequence is
    incomplete"); else trailers too. Answer.status would not take trailers after half a message."""
    window = {"a message": whole, "and a byte": whole + 1, "and a head": whole + 5}.get(
        window, window)
    raw = connect((h2.INITIAL_WINDOW_SIZE, window))
    start = time.monotonic()
    stream = raw.begin(request(path, ("grpc-timeout", "150m")))
    raw.send(h2.data(stream, message(b""), end=path != BIDI))
    answer = raw.answer_of(stream)
    assert 0.14 < time.monotonic() - start < 0.15 + MARGIN
    assert len(answer.data) <= window
    if answer.reset is None:
        assert answer.status == DEADLINE_EXCEEDED
    else:
        assert answer.reset == h2.CANCEL
    if 0 < window != whole:
        assert len(answer.data) == window and answer.reset == h2.CANCEL
    raw.send(h2.update(stream, 1 << 20), h2.settings((h2.INITIAL_WINDOW_SIZE, 1 << 20)))
    assert well(raw.ask(request(LIST), ONE))


@pytest.mark.parametrize("path", [LIST, STREAM, BIDI], ids=["unary", "server-stream", "bidi"])
def test_a_deadline_while_others_have_the_window(connect, path):
    """The connection's window is closed, not the call's."""
    raw = connect(hello=h2.PREFACE + h2.settings((h2.INITIAL_WINDOW_SIZE, h2.LARGEST_WINDOW)))
    first = raw.begin(request(STREAM))
    raw.send(h2.data(first, message(b""), end=True))
    raw.until(lambda: len(raw.answers[first].data) == h2.FIRST_WINDOW)
    late = raw.begin(request(path, ("grpc-timeout", "100m")))
    raw.send(h2.data(late, ONE, end=path != BIDI))
    answer = raw.answer_of(late)
    assert answer.data == b""
    assert answer.reset == h2.CANCEL or answer.status == DEADLINE_EXCEEDED
    raw.send(h2.update(0, 1 << 30))
    assert raw.answer_of(first).status == OK


@any_shape
def test_the_end_needs_no_window(connect, neighbour, path):
    """Trailers are no DATA (RFC 9113, 6.9): a window of exactly the answer is enough for all of
    it."""
    size = len(neighbour.ask(request(path), ONE).data)
    raw = connect((h2.INITIAL_WINDOW_SIZE, size))
    assert well(raw.ask(request(path), ONE))
    stream = raw.begin(request(path))
    raw.send(h2.data(stream, ONE))
    if path == BIDI:
        raw.until(lambda: len(raw.answers[stream].data) == size)
    raw.send(h2.data(stream, end=True))
    assert well(raw.answer_of(stream))


def test_the_end_of_nothing_needs_no_window(connect):
    """No answers, and no request that would have had one."""
    raw = connect((h2.INITIAL_WINDOW_SIZE, 0))
    assert ended_with(raw.ask(request(BIDI), b""), OK)
    assert ended_with(raw.ask(request(LIST), b""), INVALID_ARGUMENT)
    stream = raw.begin(request(BIDI, ("grpc-timeout", "50m")))
    assert ended_with(raw.answer_of(stream), DEADLINE_EXCEEDED)


# --- messages -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_message_in_pieces(raw, size):
    """"DATA frame boundaries have no relation to Length-Prefixed-Message boundaries": two messages,
    in frames of so many bytes."""
    stream = raw.begin(request(BIDI))
    body = ONE + message(b"") + ONE
    raw.send(*(h2.data(stream, body[i:i + size]) for i in range(0, len(body), size)),
             h2.data(stream, end=True))
    answer = raw.answer_of(stream)
    assert answer.status == OK
    indices = {post.ListPostsResponse.FromString(body).request_index
               for _, body in answer.messages()}
    assert indices == {0, 1, 2}


def test_a_message_cut_anywhere(raw):
    """In two frames, each of its own packet as far as we can tell: the first is answered for."""
    for at in range(len(ONE) + 1):
        stream = raw.begin(request(LIST))
        raw.send(h2.data(stream, ONE[:at]))
        raw.sync()
        raw.send(h2.data(stream, ONE[at:], end=True))
        assert well(raw.answer_of(stream)), at


def test_many_messages_in_one_frame(raw):
    """And the half of another in the next."""
    stream = raw.begin(request(COLLECT))
    raw.send(h2.data(stream, 9 * ONE + ONE[:4]), h2.data(stream, ONE[4:], end=True))
    answer = raw.answer_of(stream)
    assert answer.status == OK
    [(_, body)] = answer.messages()
    assert len(post.ListPostsResponse.FromString(body).post_messages) == 20


@any_shape
def test_messages_of_no_bytes(raw, path):
    """Message -> *{binary octet}: none is a message too."""
    answer = raw.ask(request(path), message(b""))
    assert answer.status == OK and answer.messages()


@any_shape
def test_the_end_in_a_frame_of_its_own(raw, path):
    """"In scenarios where the Request stream needs to be closed but no data remains to be sent
    implementations MUST send an empty DATA frame with this flag set." """
    assert well(raw.ask(request(path), ONE, b""))


@any_shape
def test_trailers_are_the_end_too(raw, path):
    """HTTP lets a client send them; gRPC has no use for them."""
    stream = raw.begin(request(path))
    raw.send(h2.data(stream, ONE), h2.headers(stream, hpack.literal("x-after", "1"), end=True))
    assert well(raw.answer_of(stream))


@any_shape
def test_frames_of_no_bytes(raw, path):
    """Between the parts of a message they say nothing."""
    assert well(raw.ask(request(path), b"", ONE[:3], b"", ONE[3:]))


@pytest.mark.parametrize("pad", [0, 1, 255])
def test_padding(raw, pad):
    """It is no part of a message (RFC 9113, 6.1)."""
    stream = raw.next_stream
    raw.next_stream += 2
    raw.send(h2.headers(stream, request(LIST), pad=pad), h2.data(stream, ONE[:6], pad=pad),
             h2.data(stream, pad=pad), h2.data(stream, ONE[6:], end=True, pad=pad))
    assert well(raw.answer_of(stream))


def test_padding_is_given_back(raw):
    """It counts for the windows (RFC 9113, 6.9.1): more of it than they let through passes."""
    raw.until(lambda: raw.settings is not None)
    raw.sync()
    window = max(raw.settings.get(h2.INITIAL_WINDOW_SIZE, h2.FIRST_WINDOW),
                 h2.FIRST_WINDOW + raw.windows[0])
    one = message(filled(1 << 20))
    stream = raw.begin(request(COLLECT))
    while raw.sent[0] < window + (1 << 20):
        raw.pour(stream, one, pad=255, piece=512)
    raw.send(h2.data(stream, end=True))
    answer = raw.answer_of(stream)
    assert answer.status == OK and len(answer.messages()) == 1
    assert well(raw.ask(request(LIST), ONE))


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def filled(size):
    """A request of so many bytes, by a field that nobody knows."""
    fixed = len(BODY) + 2 + len(varint(size))
    return BODY + b"\xc2\x3e" + varint(size - fixed) + bytes(size - fixed)


def test_a_message_of_the_limit(raw):
    body = filled(LIMIT)
    assert len(body) == LIMIT
    stream = raw.begin(request(LIST))
    raw.pour(stream, message(body))
    raw.send(h2.data(stream, end=True))
    assert well(raw.answer_of(stream))


@any_shape
@pytest.mark.parametrize("flag", [0, 1], ids=["plain", "packed"])
@pytest.mark.parametrize("size", [LIMIT + 1, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_message_over_the_limit(raw, path, size, flag):
    """"RESOURCE_EXHAUSTED: Sent or received message was larger than configured limit". Its head is
    enough to say so: the rest is not waited for."""
    stream = raw.begin(request(path, ("grpc-encoding", "gzip")))
    raw.send(h2.data(stream, bytes([flag]) + size.to_bytes(4, "big")))
    assert ended_with(raw.answer_of(stream), RESOURCE_EXHAUSTED)


@any_shape
@pytest.mark.parametrize("size", range(1, len(ONE)))
def test_half_a_message(raw, path, size):
    """The end comes too early: INTERNAL, as the framing is broken."""
    assert ended_with(raw.ask(request(path), ONE[:size]), INTERNAL)


def test_half_a_message_after_a_whole_one(raw):
    answer = raw.ask(request(BIDI), ONE + ONE[:-1])
    assert answer.status == INTERNAL and len(answer.messages()) <= 1
    assert ended_with(raw.ask(request(COLLECT), ONE + ONE[:-1]), INTERNAL)


def test_half_a_message_before_trailers(raw):
    stream = raw.begin(request(LIST))
    raw.send(h2.data(stream, ONE[:-1]),
             h2.headers(stream, hpack.literal("x-after", "1"), end=True))
    assert ended_with(raw.answer_of(stream), INTERNAL)


@one_request
@pytest.mark.parametrize("bodies", [[ONE + ONE], [ONE, ONE], [ONE, b"", ONE], [2 * message(b"")],
                                    [ONE + ONE[:-1]], [ONE + ONE[:1]]],
                         ids=["one frame", "two frames", "three", "empty ones", "half", "a byte"])
def test_two_messages_where_one_belongs(raw, path, bodies):
    """statuscodes.md says UNIMPLEMENTED, grpc-go INTERNAL ("cardinality violation"), and so do we:
    the method is there."""
    assert ended_with(raw.ask(request(path), *bodies), INTERNAL)


@one_request
@pytest.mark.parametrize("bodies", [[], [b""], [b"", b""]], ids=["headers", "empty", "empty twice"])
def test_no_message_where_one_belongs(raw, path, bodies):
    """INVALID_ARGUMENT, as handlers say it: see test_bad_input.py."""
    answer = raw.ask(request(path), *bodies)
    assert ended_with(answer, INVALID_ARGUMENT) and "message" in answer.text


@pytest.mark.parametrize("path", [COLLECT, BIDI], ids=["client-stream", "bidi"])
@pytest.mark.parametrize("bodies", [[], [b""]], ids=["headers", "empty"])
def test_no_message_where_many_belong(raw, path, bodies):
    """None is many, too."""
    answer = raw.ask(request(path), *bodies)
    assert answer.status == OK and len(answer.messages()) == (path == COLLECT)


# --- compression ----------------------------------------------------------------------------


@any_shape
@pytest.mark.parametrize("pack, name", [(gzip.compress, "gzip"), (zlib.compress, "deflate"),
                                        (gzip.compress, "GZIP")])
@pytest.mark.parametrize("flag", [0, 1])
def test_encodings(raw, path, pack, name, flag):
    """Message-Encoding -> "grpc-encoding" Content-Coding; a message may be plain all the same. In
    which case it is written does not matter (RFC 9110, 8.4.1)."""
    answer = raw.ask(request(path, ("grpc-encoding", name)),
                     message(pack(BODY) if flag else BODY, flag))
    assert well(answer)


def test_encodings_of_some_messages(raw):
    """The flag is of each message by itself."""
    packed = message(gzip.compress(BODY), 1)
    answer = raw.ask(request(BIDI, ("grpc-encoding", "gzip")), ONE + packed + ONE + packed)
    assert answer.status == OK and len(answer.messages()) == 4


@any_shape
@pytest.mark.parametrize("flag", [0, 1])
@pytest.mark.parametrize("name", ["snappy", "x", "gzip, deflate", "y" * 1000])
def test_unknown_encodings(raw, path, name, flag):
    """UNIMPLEMENTED. "The server will then include in its response a grpc-accept-encoding header
    specifying the algorithms it does accept." Like grpc-go, before a message comes."""
    answer = raw.ask(request(path, ("grpc-encoding", name)), message(BODY, flag))
    assert ended_with(answer, UNIMPLEMENTED)
    accepted = answer.fields(0)["grpc-accept-encoding"].replace(" ", "").split(",")
    assert {"gzip", "deflate"} <= set(accepted) and name not in accepted


@any_shape
@pytest.mark.parametrize("more", [[], [("grpc-encoding", "identity")]], ids=["none", "identity"])
def test_packed_without_an_encoding(raw, path, more):
    """"An ill-constructed message with its Compressed-Flag bit set but lacking a grpc-encoding
    entry different from identity in its metadata MUST fail with INTERNAL status." """
    answer = raw.ask(request(path, *more), message(gzip.compress(BODY), 1))
    assert ended_with(answer, INTERNAL) and "compress" in answer.text.lower()


@any_shape
@pytest.mark.parametrize("flag", [2, 3, 128, 255])
@pytest.mark.parametrize("more", [[], [("grpc-encoding", "gzip")]], ids=["plain", "gzip"])
def test_flags_that_are_none(raw, path, flag, more):
    """Compressed-Flag -> 0 / 1. Like grpc-go: INTERNAL."""
    assert ended_with(raw.ask(request(path, *more), message(BODY, flag)), INTERNAL)


def test_identity_is_no_encoding(raw):
    assert well(raw.ask(request(LIST, ("grpc-encoding", "identity")), ONE))


# --- metadata -------------------------------------------------------------------------------


@pytest.mark.parametrize("cuts", [[0], [1], [1, 2], [3, 40, 41], [0, 0], [10, 20, 30, 40, 50]])
def test_continuation(raw, cuts):
    """"Request-Headers are delivered as HTTP2 headers in HEADERS + CONTINUATION frames": cut
    anywhere, also within a field."""
    block = request(LIST, ("x-more", "y" * 50))
    parts = [block[a:b] for a, b in zip([0, *cuts], [*cuts, len(block)])]
    stream = raw.next_stream
    raw.next_stream += 2
    raw.send(h2.headers(stream, parts[0], last=False),
             *(h2.continuation(stream, part, last=False) for part in parts[1:-1]),
             h2.continuation(stream, parts[-1]), h2.data(stream, ONE, end=True))
    assert well(raw.answer_of(stream))


@pytest.mark.parametrize("value", ["AAE", "AAE=", "AA", "AA==", "", "AAE,AA==,AAEC", "+/+/"])
def test_binary_headers(raw, value):
    """"Implementations MUST accept padded and un-padded values" and "must split Binary-Headers on
    ',' before decoding"."""
    assert well(raw.ask(request(LIST, ("x-some-bin", value)), ONE))


@pytest.mark.parametrize("value", ["A", "A!", "====", "-_-_", "AAE, AA"])
def test_binary_headers_that_are_none(raw, value):
    """Like grpc-go: INTERNAL; or it is as if it were not there. But not a broken connection."""
    answer = raw.ask(request(LIST, ("x-some-bin", value)), ONE)
    assert answer.status == INTERNAL and answer.trailers_only or well(answer)


@pytest.mark.parametrize("value", ["", "a  b", "\t".join("ab"), "é", "길"])
def test_values_that_are_no_ascii(raw, value):
    """"Implementations must not error due to receiving an invalid ASCII-Value that's a valid
    field-value in HTTP." """
    assert well(raw.ask(request(LIST, ("x-some", value)), ONE))


def test_names_may_come_twice(raw):
    """"Duplicate header names may have their values joined." """
    assert well(raw.ask(request(LIST, ("x-some", "1"), ("x-some", "2"), ("x-b-bin", "AA"),
                                ("x-b-bin", "AAE=")), ONE))


def test_the_names_that_are_kept_for_grpc(raw):
    """One that a later edition may add does no harm."""
    more = [("grpc-later", "1"), ("grpc-message-type", "x"), ("grpc-accept-encoding", ""),
            ("user-agent", "x")]
    assert well(raw.ask(request(LIST, *more), ONE))


# --- answers --------------------------------------------------------------------------------


@any_shape
def test_answers(raw, path):
    """Response-Headers -> HTTP-Status Content-Type ..., Trailers -> Status ...: the headers once,
    and nothing of them again in the trailers."""
    answer = raw.ask(request(path), ONE)
    headers, trailers = answer.fields(0), answer.fields(1)
    assert headers[":status"] == "200" and headers["content-type"] in (
        "application/grpc", "application/grpc+proto")
    assert trailers["grpc-status"] == "0" and not headers.keys() & trailers.keys()
    assert well(answer)


@pytest.mark.parametrize("id", ["100%", "%41", "길동 🙂", "a\nb\tc\x7f", "~ !\"$&'()",
                                "x" * 256, "é%é"])
def test_a_message_of_a_status(pair, id):
    """Percent-Byte-Unencoded -> %x20-%x24 / %x26-%x7E; the rest is "%" and two digits, in capitals,
    of UTF-8. An error that comes before a message is Trailers-Only."""
    with Raw(pair.user.port) as raw:
        answer = raw.ask(request(GET), message(user.GetUserRequest(user_id=id).SerializeToString()))
        assert answer.status == NOT_FOUND and answer.trailers_only
        assert id in answer.text


def test_a_large_answer(raw, listed):
    """A unary one, in many frames: its message is one."""
    answer = raw.ask(request(LIST), message(b""))
    assert answer.status == OK
    [(_, body)] = answer.messages()
    assert len(body) > h2.FIRST_WINDOW
    assert list(post.ListPostsResponse.FromString(body).post_messages) == listed


def test_many_small_answers(raw, listed):
    """Messages of one post each: as many as there are posts, in order."""
    one_each = post.ListPostsRequest(page_size=1).SerializeToString()
    answer = raw.ask(request(STREAM), message(one_each))
    pages = [post.ListPostsResponse.FromString(body) for _, body in answer.messages()]
    assert answer.status == OK
    assert [p for page in pages for p in page.post_messages] == listed
    assert all(len(page.post_messages) <= 1 for page in pages)


# --- who goes away --------------------------------------------------------------------------


def cancelled(pair):
    return pair.post.stderr().count("code=CANCELLED")


@pytest.mark.parametrize("path", [LIST, STREAM, BIDI], ids=["unary", "server-stream", "bidi"])
def test_a_reset_within_an_answer(pair, connect, path):
    """"Mapped to call cancellation when sent by a client": nothing more of it comes, its work stops
    at once, and another call of the connection goes on."""
    before = cancelled(pair)
    raw = connect((h2.INITIAL_WINDOW_SIZE, 1000))
    first, other = (raw.begin(request(path)), raw.begin(request(STREAM)))
    raw.send(h2.data(first, message(b""), end=path != BIDI), h2.data(other, message(b""), end=True))
    raw.until(lambda: all(len(raw.answers[s].data) == 1000 for s in (first, other)))
    raw.send(h2.reset(first, h2.CANCEL), h2.update(other, 1 << 20))
    assert raw.answer_of(other).status == OK
    wait_until(lambda: cancelled(pair) == before + 1, "the call is cancelled")
    assert len(raw.answers[first].data) == 1000 and not raw.answers[first].over


@any_shape
def test_a_reset_before_the_request_ended(pair, connect, path):
    """Half a message, and no more of it. A call whose only request never came whole did not begin
    for anybody, so the log need not have it."""
    before = cancelled(pair)
    raw = connect()
    stream = raw.begin(request(path))
    raw.send(h2.data(stream, ONE[:-1]))
    raw.sync()
    raw.send(h2.reset(stream, h2.CANCEL))
    if path in (COLLECT, BIDI):
        wait_until(lambda: cancelled(pair) == before + 1, "the call is cancelled")
    raw.sync()
    assert not raw.answers[stream].blocks and well(raw.ask(request(LIST), ONE))


@pytest.mark.parametrize("code", [h2.NO_ERROR, h2.CANCEL, h2.REFUSED_STREAM, 0xdead])
def test_a_reset_with_any_code(pair, connect, code):
    """None of them asks for more than an end."""
    before = cancelled(pair)
    raw = connect()
    raw.send(h2.reset(raw.begin(request(BIDI)), code))
    wait_until(lambda: cancelled(pair) == before + 1, "the call is cancelled")
    assert well(raw.ask(request(LIST), ONE))


def test_a_connection_that_is_cut(pair, connect):
    """All its calls are cancelled."""
    before = cancelled(pair)
    raw = connect((h2.INITIAL_WINDOW_SIZE, 1000))
    streams = [raw.begin(request(path)) for path in (LIST, STREAM, BIDI)]
    raw.send(*(h2.data(s, message(b""), end=s != streams[2]) for s in streams))
    raw.until(lambda: all(len(raw.answers[s].data) == 1000 for s in streams))
    raw.sock.close()
    wait_until(lambda: cancelled(pair) == before + 3, "the calls are cancelled")


def test_calls_side_by_side(raw):
    """A hundred on one connection, their parts mixed; each gets its own answer."""
    raw.until(lambda: raw.settings is not None)
    count = min(100, raw.settings[h2.MAX_CONCURRENT_STREAMS])
    streams = [raw.begin(request(BIDI)) for _ in range(count)]
    for i in range(0, len(ONE), 3):
        raw.send(*(h2.data(s, ONE[i:i + 3], end=i + 3 >= len(ONE)) for s in streams))
    for stream in streams:
        assert well(raw.answer_of(stream))


# --- who hears of it ------------------------------------------------------------------------


@pytest.mark.parametrize("more, bodies, code", [
    ([("grpc-timeout", "1X")], [ONE], "INTERNAL"),
    ([("grpc-timeout", "0n")], [ONE], "DEADLINE_EXCEEDED"),
    ([("grpc-encoding", "x")], [ONE], "UNIMPLEMENTED"),
    ([], [ONE[:-1]], "INTERNAL"),
    ([], [ONE, ONE], "INTERNAL"),
    ([], [b""], "INVALID_ARGUMENT"),
], ids=["timeout", "deadline", "encoding", "half", "two", "none"])
@one_request
def test_what_the_protocol_refuses_is_in_the_log(pair, raw, path, more, bodies, code):
    """A status that a client got is one of a call: it has its line, as it has where the requests
    are a stream and on the core's transport."""
    def lines():
        return pair.post.stderr().count(f"method={path} code={code} ")

    before = lines()
    assert raw.ask(request(path, *more), *bodies).ended
    wait_until(lambda: lines() == before + 1, "the call's line", MARGIN)
