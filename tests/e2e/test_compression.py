"""Compression: what clients compress is understood, within the limit of what they do not; answers
are compressed where the server was told to and the client takes it."""
import gzip
import struct
import zlib
from concurrent import futures

import grpc
import pytest

import cli
import h2
import hpack
import wire
from client import failure
from library import SHAPES, ask, small_library
from logs import may_log
from pair import Pair
from protos import post

# The servers are there for many tests: the line of a call may come after its test.
pytestmark = may_log("a compressed message is damaged", "bytes when unpacked",
                     "the answer is larger than")

LIST = "/v1.post.Post/ListPosts"
REQUEST = post.ListPostsRequest(limit=3).SerializeToString()
RAW = [("grpc.per_message_decompression", 0)]  # messages as they are on the wire


@pytest.fixture(scope="module")
def library():
    return small_library()


@pytest.fixture(scope="module", params=["none", "gzip"])
def pair(request, tmp_path_factory, library):
    args = ["--loops", "1", "--compression", request.param]
    with Pair(tmp_path_factory.mktemp("compression"), args, args) as pair:
        library.load(pair)
        pair.compression = request.param
        yield pair


@pytest.fixture
def packing(pair):
    """A client whose requests are compressed."""
    return pair.client(pair.post, options=[("grpc.default_compression_algorithm", 2)])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s or "Unary")
def test_every_shape_with_a_client_that_compresses(pair, packing, library, shape):
    """Two hundred letters, so that it pays: the core does not compress what would grow."""
    user_id = next(iter(library.users))
    request = post.ListPostsByUserIdRequest(user_id=user_id, page_size=2)
    padded = request.SerializeToString() + wire.field(1000, b"a" * 200)
    plain = ask(pair.posts, "ListPostsByUserId", shape, request)
    assert ask(packing, "ListPostsByUserId", shape, padded) == plain
    assert plain[0].post_messages


def call(pair, body, flag, *headers):
    """One call in plain HTTP/2. Its headers and trailers, and the flag and bytes of its answer."""
    port = int(pair.post.listen.rsplit(":", 1)[1])
    message = struct.pack(">BI", flag, len(body)) + body
    block = hpack.request_headers(LIST) + b"".join(hpack.literal(*h) for h in headers)
    with h2.Connection(port) as c:
        parts = h2.cut(message)
        c.sock.sendall(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, block) +
                       b"".join(h2.frame(h2.DATA, 0, 1, part) for part in parts[:-1]) +
                       h2.frame(h2.DATA, h2.END_STREAM, 1, parts[-1]))
        got, data, ended = {}, b"", False
        while not ended:
            kind, flags, stream, payload = c.next_frame()
            if stream == 1 and kind == h2.DATA:
                data += payload
            elif stream == 1 and kind == h2.HEADERS:
                got.update(c.hpack.decode(payload))
            ended = stream == 1 and kind in (h2.DATA, h2.HEADERS) and flags & h2.END_STREAM
    return got, data[:1], data[5:]


def test_answers_are_compressed_only_if_both_want_it(pair):
    want = call(pair, REQUEST, 0)[2]
    for accept in ([], [("grpc-accept-encoding", "identity")],
                   [("grpc-accept-encoding", "identity,deflate,gzip")]):
        headers, flag, answer = call(pair, REQUEST, 0, *accept)
        packed = pair.compression == "gzip" and bool(accept) and "gzip" in accept[0][1]
        assert headers.get("grpc-encoding") == ("gzip" if packed else None)
        assert flag == (b"\1" if packed else b"\0")
        assert (gzip.decompress(answer) if packed else answer) == want


@pytest.mark.parametrize("body, encoding", [
    (gzip.compress(REQUEST), "gzip"),
    (zlib.compress(REQUEST), "deflate"),
    (gzip.compress(REQUEST[:1]) + gzip.compress(REQUEST[1:]), "gzip"),
], ids=["gzip", "deflate", "two-gzip-members"])
def test_both_encodings_are_understood(pair, body, encoding):
    headers, _, answer = call(pair, body, 1, ("grpc-encoding", encoding))
    assert headers["grpc-status"] == "0"
    assert len(post.ListPostsResponse.FromString(answer).post_messages) == 3


@pytest.mark.parametrize("body", [
    b"", b"junk", gzip.compress(REQUEST)[:-1], gzip.compress(REQUEST) + b"x",
], ids=["empty", "junk", "cut", "more"])
def test_damage_is_an_error(pair, body):
    headers, _, answer = call(pair, body, 1, ("grpc-encoding", "gzip"))
    assert headers["grpc-status"] == str(grpc.StatusCode.INTERNAL.value[0])
    assert headers["grpc-message"] == "a compressed message is damaged"
    assert answer == b""


def test_a_bomb_costs_its_limit(pair, packing):
    """128 MiB in 128 KiB; the limit is 4 MiB."""
    before = pair.post.memory_peak_bytes()
    code, text = failure(lambda: packing.call(LIST, bytes(128 << 20)))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and "4194304 bytes" in text, text
    assert pair.post.memory_peak_bytes() - before < 32 << 20


def test_postcli_shows_the_same(pair):
    plain = cli.run(pair, "stream-list", "--format", "ndjson")
    assert cli.run(pair, "stream-list", "--format", "ndjson", "--compression", "gzip") == plain
    assert plain.count(b"\n") > 3


class RawPost(grpc.GenericRpcHandler):
    """Notes the bytes of a request as they came, and has no posts."""

    def __init__(self):
        self.seen = []

    def service(self, details):
        def answer(requests, _):
            self.seen += requests
            yield post.ListPostsResponse(last=True).SerializeToString()

        return grpc.stream_stream_rpc_method_handler(answer)


@pytest.fixture
def raw():
    """A RawPost and its address."""
    handler = RawPost()
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[handler], options=RAW)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_postcli_compresses(pair, raw):
    """A long request: the core does not compress what would grow."""
    handler, target = raw
    want = post.ListPostsRequest(page_token="a" * 200).SerializeToString()
    for compression in ("none", "gzip"):
        cli.run(pair, "stream-list", "--target", target, "--page-token", "a" * 200,
                "--compression", compression)
    plain, packed = handler.seen
    assert plain == want
    assert packed[:2] == b"\x1f\x8b" and gzip.decompress(packed) == want
