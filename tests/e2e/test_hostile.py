"""Hostile peers in small numbers: what is done about each, and that others are served as before.
make hostile has the large numbers."""
import sys
import threading

import pytest

import timing
from certs import Certs
from logs import expects_log, may_log
from pair import Pair
from protos import ROOT, post
from timing import wait_until

sys.path.append(str(ROOT / "tests" / "hostile"))
import peers  # noqa: E402
from hostile import QUIET, fill, port_of  # noqa: E402
from peer import Target  # noqa: E402

LIST = "/v1.post.Post/ListPosts"
MIB = 1 << 20


@pytest.fixture(scope="module")
def certs(tmp_path_factory):
    return Certs(tmp_path_factory.mktemp("certs"), names=("ca", "server"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    args = [*QUIET, "--loops", "1", "--handshake-timeout", "1s"]
    with Pair(tmp_path_factory.mktemp("hostile"), post_args=args) as pair:
        fill(pair, posts=5000)
        yield pair


@pytest.fixture(scope="module")
def tls_pair(tmp_path_factory, certs):
    args = [*QUIET, "--loops", "1", "--handshake-timeout", "1s", *certs.serve()]
    with Pair(tmp_path_factory.mktemp("tls"), post_args=args,
              credentials=certs.credentials()) as pair:
        yield pair


@pytest.fixture(scope="module")
def web_pair(tmp_path_factory):
    args = [*QUIET, "--loops", "1", "--handshake-timeout", "1s", "--web"]
    with Pair(tmp_path_factory.mktemp("web"), post_args=args) as pair:
        fill(pair, posts=5000)
        yield pair


def ends_by_itself(hostile):
    return hostile.expected == {"closed"}


@pytest.mark.parametrize("hostile", peers.ALL, ids=[h.name.replace(" ", "-") for h in peers.ALL])
def test_hostile_peer(request, hostile):
    pair = request.getfixturevalue("tls_pair" if hostile.tls else
                                   "web_pair" if hostile.web else "pair")
    pid, over = pair.post.pid, threading.Event()
    if not ends_by_itself(hostile):
        over.set()
    seen = hostile.run(Target(port_of(pair.post)), hostile.few, over)
    assert seen.keys() & hostile.expected, seen
    pair.posts.call(LIST, post.ListPostsRequest(limit=10))
    assert pair.post.pid == pid and pair.post.process.poll() is None


def attack_until(pair, run, condition, what):
    """What the peer saw that was kept up until then."""
    over, seen = threading.Event(), []
    attack = threading.Thread(target=lambda: seen.append(run(Target(port_of(pair.post)), over)))
    attack.start()
    try:
        wait_until(condition, what)
    finally:
        over.set()
        attack.join()
    return seen[0]


@expects_log("connections hold too much memory")
def test_what_comes_in_is_bounded(start_pair):
    """80 MB of unfinished messages, where 16 MiB may wait: whose they are is cut, and others go
    on."""
    pair = start_pair(post_args=[*QUIET, "--loops", "1", "--connection-memory", str(16 * MIB)])
    before = pair.post.rss_anon_bytes()
    pair.post.reset_peak()
    seen = attack_until(pair, lambda target, over: peers.half_a_message(target, 20, over),
                        lambda: "is cut" in pair.post.stderr(), "one is cut")
    assert seen["GOAWAY ENHANCE_YOUR_CALM"] > 0, seen
    if timing.STRETCH == 1:  # a sanitizer's memory is its own
        assert pair.post.memory_peak_bytes() - before < 64 * MIB
    pair.posts.call(LIST, post.ListPostsRequest())


@may_log("the client did not read for too long")
def test_unused_memory_is_given_back(pair):
    """1,000 calls leave 20 MiB that malloc would keep."""
    if timing.STRETCH != 1:
        pytest.skip("a sanitizer's memory is its own")
    pair.post.restart()
    before = pair.post.rss_anon_bytes()
    seen = attack_until(pair, lambda target, over: peers.no_window(target, 1000, over),
                        lambda: pair.post.rss_anon_bytes() > before + 10 * MIB, "they wait")
    assert seen["kept"] == 1000, seen
    wait_until(lambda: pair.post.rss_anon_bytes() < before + 2 * MIB, "it is given back", 6)
