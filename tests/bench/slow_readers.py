"""Slow readers: streams whose clients never read, and what others feel of them."""
import contextlib
import time

import cases
import data
import grpc_wire
import h2
import h2load
from names import METHOD
from report import Row, plain
from stats import Samples, percentile

TOPIC = "Slow readers"
CONNECTIONS = 20
UNARY_CALLS = 2_000
ALLOWED_KIB = 160
SETTLED_S, LONGEST_S = 0.5, 20  # memory that does not change for so long will not


def settled(server):
    """Its own memory, when nothing moves any more."""
    before, since, end = None, time.monotonic(), time.monotonic() + LONGEST_S
    while time.monotonic() < min(since + SETTLED_S, end):
        now = server.memory("RssAnon")
        if now != before:
            before, since = now, time.monotonic()
        time.sleep(0.05)
    return before


@contextlib.contextmanager
def stalled(port, streams):
    """Their clients send requests, offer every window there is, and never read."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(h2.Connection(port)) for _ in range(CONNECTIONS)]
        for number in range(streams):
            connections[number % CONNECTIONS].request(METHOD, grpc_wire.list_posts())
        yield


class Unary:
    """Another client's small calls, one after the other."""

    def __init__(self, port, folder):
        self.port, self.body = port, folder / "unary"
        self.path = cases.POST + "ListPostsByUserId"
        self.body.write_bytes(grpc_wire.by_user(data.FIVE))
        with h2.Connection(port) as connection:
            self.data_bytes = connection.call(self.path, self.body.read_bytes())

    def p99(self):
        run = h2load.load(self.port, self.path, self.data_bytes, self.body, UNARY_CALLS)
        return percentile(run.times_s, 99)


def run(pair, folder, sizes, report):
    each, without, together = Samples(), Samples(), Samples()
    for _ in range(sizes.rounds):
        pair.restart_post()  # an allocator keeps what it once had
        cases.warm(pair.post.port, sizes.posts)
        unary = Unary(pair.post.port, folder)
        without.add(unary.p99())
        before = settled(pair.post)
        with stalled(pair.post.port, sizes.slow_streams):
            each.add((settled(pair.post) - before) / sizes.slow_streams / 1024)
            together.add(unary.p99())
    report.add(Row(TOPIC, f"{sizes.slow_streams:,} stalled streams, KiB each", each, "allowed",
                   Samples([ALLOWED_KIB]), each.median / ALLOWED_KIB, at_most=1, show=plain))
    report.add(Row(TOPIC, "another client's unary p99, with them", together, "without", without,
                   together.median / without.median, at_most=2))
