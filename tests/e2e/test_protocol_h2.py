"""Calls by python3-h2, in all four shapes. It raises where a server breaks the rules of HTTP/2: in
its windows, its headers, the states of its streams; so what is asked for here is that it does not."""
import socket
import subprocess
import sys

import pytest

import h2
import hpack
import timing
from library import small_library
from pair import DIES_WITH_US, Pair
from protos import ROOT, post
from raw import message

LIST = "/v1.post.Post/ListPosts"
STREAM, COLLECT, BIDI = LIST + "ServerStream", LIST + "ClientStream", LIST + "BidiStream"
IMPORT = "/v1.post.Post/ImportPosts"
PROGRAM = ROOT / "tests" / "http2" / "strict" / "call.py"
WINDOWS = [1000, 16384, 65535, 1 << 24]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("h2"), ["--loops", "1"], ["--loops", "1"]) as pair:
        small_library().load(pair)
        yield pair


@pytest.fixture(scope="module")
def port(pair):
    return int(pair.post.listen.rpartition(":")[2])


class Strict:
    """One call."""

    def __init__(self, port, path, window=65535):
        self.process = subprocess.Popen(
            [*DIES_WITH_US, sys.executable, str(PROGRAM), str(port), path, str(window)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def send(self, request):
        self.process.stdin.write(message(request.SerializeToString()))
        self.process.stdin.flush()

    def receive(self, response=post.ListPostsResponse):
        head = self.process.stdout.read(5)
        assert len(head) == 5, self.process.stderr.read().decode()
        assert head[0] == 0
        return response.FromString(self.process.stdout.read(int.from_bytes(head[1:], "big")))

    def rest(self, response=post.ListPostsResponse):
        """(what was still answered, the status), after the end of the requests."""
        out, said = self.process.communicate(timeout=timing.CALL)
        assert self.process.returncode == 0, said.decode()
        answers = []
        while out:
            end = 5 + int.from_bytes(out[1:5], "big")
            assert len(out) >= end
            answers.append(response.FromString(out[5:end]))
            out = out[end:]
        return answers, said.decode().strip()


@pytest.mark.parametrize("window", WINDOWS)
def test_unary(pair, port, window):
    request = post.ListPostsRequest()
    with Strict(port, LIST, window) as call:
        call.send(request)
        assert call.rest() == ([pair.posts.call(LIST, request)], "0")


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("page_size", [0, 1])
def test_server_stream(pair, port, window, page_size):
    """Some messages larger than the window, or hundreds in one."""
    request = post.ListPostsRequest(page_size=page_size)
    with Strict(port, STREAM, window) as call:
        call.send(request)
        answers, status = call.rest()
    want = [p for m in pair.posts.call(STREAM, request) for p in m.post_messages]
    assert [p for m in answers for p in m.post_messages] == want and status == "0"
    assert answers[-1].last and len(want) == 480


def test_bidirectional(port):
    """Each answer comes before the next request goes out."""
    with Strict(port, BIDI) as call:
        for i in range(20):
            call.send(post.ListPostsRequest(limit=i + 1))
            answer = call.receive()
            assert answer.request_index == i and len(answer.post_messages) == i + 1
        assert call.rest() == ([], "0")


def test_bidirectional_all_at_once(port):
    with Strict(port, BIDI, 1000) as call:
        for _ in range(200):
            call.send(post.ListPostsRequest(limit=3))
        answers, status = call.rest()
    assert [m.request_index for m in answers] == list(range(200)) and status == "0"
    assert all(len(m.post_messages) == 3 for m in answers)


def test_client_stream(port):
    with Strict(port, COLLECT) as call:
        for _ in range(300):
            call.send(post.ListPostsRequest(limit=1))
        [answer], status = call.rest()
    assert len(answer.post_messages) == 300 and status == "0"


def test_an_upload_larger_than_the_windows(port):
    """The server gives them back: 4 MB of posts, which are there already but for their number."""
    same = post.PostMessage(user_id="u1", post_id="uploaded", title="x" * 1000)
    with Strict(port, IMPORT) as call:
        for _ in range(40):
            call.send(post.ImportPostsRequest(post_messages=[same] * 100))
        [answer], status = call.rest(post.ImportPostsResponse)
    assert (answer.imported, answer.unchanged) == (1, 3999) and status == "0"


def test_an_error(port):
    """Headers that are trailers at once."""
    with Strict(port, "/v1.post.Post/Nothing") as call:
        call.send(post.ListPostsRequest())
        answers, status = call.rest()
    assert answers == [] and status.startswith("12 ")


BLOCK = hpack.block((":status", "200"), ("content-type", "application/grpc"))
TRAILERS = hpack.block(("grpc-status", "0"))
DONE = h2.headers(1, TRAILERS, end=True)


@pytest.mark.parametrize("answer, raised", [
    (h2.headers(1, BLOCK) + h2.data(1, message(b"")) + DONE, ""),
    (h2.headers(1, BLOCK) + h2.data(1, bytes(11)) + DONE, "FlowControlError"),
    (h2.headers(1, BLOCK + hpack.literal("X-Upper", "1")) + DONE, "ProtocolError"),
    (h2.headers(1, hpack.block(("content-type", "x"), (":status", "200"))) + DONE, "ProtocolError"),
    (h2.headers(1, BLOCK) + h2.headers(1, TRAILERS) + DONE, "ProtocolError"),
    (h2.headers(1, BLOCK) + h2.data(3, b"") + DONE, "NoSuchStreamError"),
    (h2.headers(1, BLOCK) + h2.headers(1, b"\xff\xff", end=True), "ProtocolError"),
], ids=["good", "window", "upper case", "order", "headers twice", "stream", "HPACK"])
def test_it_is_strict(answer, raised):
    """A server that breaks the rules is found out; of one that does not nothing is said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with Strict(server.getsockname()[1], LIST, window=10) as call:
            call.send(post.ListPostsRequest())
            peer, _ = server.accept()
            with peer:
                peer.settimeout(timing.CALL)
                asked = b""
                while not asked.endswith(message(b"")):
                    more = peer.recv(1 << 16)
                    assert more, asked
                    asked += more
                peer.sendall(h2.settings() + answer)
                _, said = call.process.communicate(timeout=timing.CALL)
    assert (call.process.returncode != 0) == bool(raised) and raised in said.decode()
