"""The table: our server against itself on the gRPC core, nghttpd and the peers, on the same posts."""
import mmap
import shutil
from collections import namedtuple

import data
import grpc_wire
import h2
import h2load
from report import Row
from servers import FileServer, Pair, peer
from stats import Samples
from usage import Usage

TOPIC = "Load"
POST = "/v1.post.Post/"
PEERS = {"C++ peer": "cpp_peer", "Go peer": "go_peer"}

CORE = "the gRPC core"

# posts, answers: of one call. of_core: the least multiple of our own speed with --transport core;
# of_ceiling: the least share of nghttpd's; of_peer: the least multiple of the C++ peer's; grpc-go is
# there to be seen.
Case = namedtuple("Case", "key title method body posts answers calls connections streams "
                          "of_core of_ceiling of_peer")


def table(sizes):
    all_posts, user = "ListPostsServerStream", "ListPostsByUserId"
    hundred, five = data.HUNDRED.format(0), data.FIVE
    return [
        Case("stream", "server stream, default batches", all_posts, grpc_wire.list_posts(),
             sizes.posts, 1, sizes.stream_calls, 1, 1, 0.98, 0.65, None),
        Case("page256", "server stream, page_size 256", all_posts, grpc_wire.list_posts(256),
             sizes.posts, 1, sizes.stream_calls, 1, 1, 0.98, 0.65, None),
        Case("page1", "server stream, page_size 1", all_posts, grpc_wire.list_posts(1),
             sizes.posts, 1, 1, 1, 1, 5, 0.4, None),
        Case("unary100", "unary, 100 posts, 4 x 32", user, grpc_wire.by_user(hundred),
             100, 1, sizes.unary_calls, 4, 32, 1.7, None, 2),
        Case("unary5", "unary, 5 posts, 4 x 32", user, grpc_wire.by_user(five),
             5, 1, 2 * sizes.unary_calls, 4, 32, 2.3, None, 1.3),
        Case("single", "unary, 5 posts, one at a time", user, grpc_wire.by_user(five),
             5, 1, sizes.unary_calls, 1, 1, 1.18, None, None),  # 0.85 of the time
        Case("client", "client stream, 1,000 ids of 1 post, 4 x 8", user + "ClientStream",
             grpc_wire.by_user(*data.ones()), data.IDS, 1, sizes.client_calls, 4, 8, 2.2, None, 2),
        Case("bidi", "bidirectional, 1,000 ids of 100 posts, 4 x 1", user + "BidiStream",
             grpc_wire.by_user(*data.hundreds()), 100 * data.IDS, data.IDS, sizes.bidi_calls, 4, 1,
             1.25, None, 2),
    ]


class Contender:
    """A server that runs one case. data_bytes: of one answer of it."""

    def __init__(self, name, server, path, data_bytes, body=None):
        self.name, self.server, self.path = name, server, path
        self.data_bytes, self.body = data_bytes, body
        self.samples, self.usage = Samples(), Usage()

    def run(self, case):
        with self.usage.of(self.server) as look:
            run = h2load.load(self.server.port, self.path, self.data_bytes, self.body,
                              case.calls, case.connections, case.streams, look,
                              self.server.scheme, self.server.headers)
        self.samples.add(run.elapsed_s)
        self.server.rest()


def capture(port, path, body, file):
    """The DATA of one answer goes into a file; returns a Listing of it."""
    with h2.Connection(port) as connection, open(file, "wb") as out:
        connection.call(path, body, out.write)
    with open(file, "rb") as got, mmap.mmap(got.fileno(), 0, prot=mmap.PROT_READ) as data_map:
        return grpc_wire.Listing(data_map)


def check(case, listing, lasts):
    if (listing.posts, listing.errors, listing.unresolved) != (case.posts, 0, 0):
        raise h2.Failure(f"{case.title}: {vars(listing)}")
    if lasts is not None and listing.lasts != lasts:
        raise h2.Failure(f"{case.title}: {listing.lasts} of {lasts} answers came to their end")


def warm(port, posts):
    """Every loop knows all names then: connections are dealt to them in turn."""
    for _ in range(4):
        with h2.Connection(port) as connection:
            connection.call(POST + "ListPostsServerStream", grpc_wire.list_posts(limit=posts))


class Bench:
    """All cases on one set of servers."""

    def __init__(self, pair, folder, sizes):
        self.pair, self.sizes = pair, sizes
        self.copy = folder / "core"
        self.www, self.bodies = folder / "www", folder / "bodies"
        self.www.mkdir()
        self.bodies.mkdir()

    def __enter__(self):
        self.pair.post.stop()  # what an import left in memory is not counted
        shutil.copytree(self.pair.folder / "posts", self.copy / "posts")
        self.pair.start_post()
        self.core = Pair(self.copy, user=self.pair.user, post_args=("--transport", "core"))
        for server in (self.pair.post, self.core.post):
            warm(server.port, self.sizes.posts)
        dump = self.www / "dump"
        capture(self.pair.post.port, POST + "ListPostsServerStream", grpc_wire.list_posts(), dump)
        self.peers = {name: peer(program, dump) for name, program in PEERS.items()}
        dump.unlink()
        self.files = FileServer(self.www)
        return self

    def __exit__(self, *_):
        for server in (*self.peers.values(), self.files, self.core.post):
            server.stop()
        shutil.rmtree(self.copy)

    def contenders(self, case):
        """Each verified: what it answers is what it must. The first one is ours."""
        path, body, file = POST + case.method, self.bodies / case.key, self.www / case.key
        body.write_bytes(case.body)
        check(case, capture(self.pair.post.port, path, case.body, file),
              None if case.method.endswith("ClientStream") else case.answers)
        size = file.stat().st_size
        return [Contender("ours", self.pair.post, path, size, body),
                Contender(CORE, self.core.post, path, size, body),
                Contender("nghttpd", self.files, f"/{case.key}", size),
                *(self.peer_contender(case, name, path, body) for name in PEERS)]

    def peer_contender(self, case, name, path, body):
        answer = self.www / f"{case.key}.peer"
        check(case, capture(self.peers[name].port, path, case.body, answer), None)
        size = answer.stat().st_size
        answer.unlink()
        return Contender(name, self.peers[name], path, size, body)

    def run(self, case, report):
        ours, *others = contenders = self.contenders(case)
        for _ in range(self.sizes.rounds):
            for contender in contenders:
                contender.run(case)
        (self.www / case.key).unlink()
        least = {CORE: case.of_core, "nghttpd": case.of_ceiling, "C++ peer": case.of_peer}
        for other in others:
            report.add(Row(TOPIC, case.title, ours.samples, other.name, other.samples,
                           other.samples.median / ours.samples.median,
                           at_least=least.get(other.name), uses=ours.usage,
                           other_uses=other.usage))


def run(pair, folder, sizes, report, wanted=()):
    """wanted: keys of cases; none: all."""
    with Bench(pair, folder, sizes) as bench:
        for case in table(sizes):
            if not wanted or case.key in wanted:
                try:
                    bench.run(case, report)
                except h2.Failure as why:
                    report.fail(case.title, why)
