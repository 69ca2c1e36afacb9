"""The front proxy of docs/deploy before Post: everything works through it as without."""
import shutil
import sys

import grpc
import pytest

import cli
import timing
from client import Client, failure
from issuer import hash_line
from library import LISTINGS, SHAPES, ask, request_of, small_library
from logs import may_log
from protos import ROOT, post

sys.path.append(str(ROOT / "tests" / "hostile"))
from front import fronted  # noqa: E402

pytestmark = pytest.mark.skipif(shutil.which("nghttpx") is None, reason="no nghttpx")

BIDI = "/v1.post.Post/ListPostsBidiStream"


@pytest.fixture(scope="module")
def library():
    return small_library()


@pytest.fixture(scope="module")
def pair(tmp_path_factory, library):
    with fronted(tmp_path_factory.mktemp("front")) as (pair, certs):
        pair.certs = certs
        library.load(pair)
        yield pair


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s or "Unary")
def test_every_shape(pair, library, listing, shape):
    scope = {} if listing == "ListPosts" else {"user_id": "u1"}
    messages = ask(pair.posts, listing, shape, request_of(listing, **scope))
    assert [p for m in messages for p in m.post_messages] == library.expected(**scope)


def test_an_idle_stream_goes_on_step_by_step(pair):
    """Nothing is held back on either side: each answer comes before the next request."""
    with pair.posts.open(BIDI) as stream:
        for _ in range(3):
            stream.send(post.ListPostsRequest(limit=1))
            assert stream.receive().post_messages


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """100,000 posts."""
    with fronted(tmp_path_factory.mktemp("large")) as (pair, certs):
        pair.direct = ["--target", pair.post.listen, *certs.call(client="client")]
        cli.pipeline(pair, "$POSTCLI generate posts --count 100000 --users 10 | "
                     "$POSTCLI import posts -", timing.limit(60))
        yield pair


@pytest.mark.parametrize("command", [["stream-list"], ["bidi-list", "--all"]])
def test_a_long_stream(large, command):
    """The same bytes as without the front."""
    through = cli.run(large, *command, "--format", "ndjson")
    assert through.count(b"\n") == 100_000
    assert through == cli.run(large, *command, "--format", "ndjson", *large.direct)


def test_a_slow_reader_holds_up_nobody(large):
    """Its stream and the others' may share a connection to Post."""
    slow = large.posts.call("/v1.post.Post/ListPostsServerStream", post.ListPostsRequest())
    next(slow)
    with Client(large.front.target, credentials=large.credentials) as other:
        for _ in range(20):
            ask(other, "ListPosts", "", request_of("ListPosts", limit=10))
    slow.cancel()


def test_tokens(tmp_path):
    (tmp_path / "tokens").write_text(hash_line("good", scopes="read"))
    with fronted(tmp_path, ["--token-file", str(tmp_path / "tokens")]) as (pair, _):
        def listing(token):
            with Client(pair.front.target, credentials=pair.credentials, token=token) as client:
                return ask(client, "ListPosts", "", request_of("ListPosts", limit=1))
        assert listing("good")
        assert failure(lambda: listing("bad"))[0] == grpc.StatusCode.UNAUTHENTICATED
        assert failure(lambda: listing(None))[0] == grpc.StatusCode.UNAUTHENTICATED


def test_errors_with_details(pair):
    code, text = failure(lambda: ask(pair.posts, "ListPosts", "", request_of("ListPosts",
                                                                            page_size=-1)))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "page_size" in text


@may_log("gRPC: ")
def test_only_the_front_reaches_post(pair):
    with Client(pair.post.target.replace("127.0.0.1", "localhost"),
                credentials=pair.certs.credentials()) as client:
        code, _ = failure(lambda: ask(client, "ListPosts", "", request_of("ListPosts", limit=1)))
    assert code == grpc.StatusCode.UNAVAILABLE
