"""First post: how long a stream of all posts takes to its first one.

Both calls come from one small client (h2.py) that blocks on its socket: what
it costs is the same for both, and h2load's time to the first byte holds the
connecting too."""
import time

import cases
import data
import grpc_wire
import h2
from names import METHOD
from report import Row
from stats import Samples, percentile

TOPIC = "First post"
SMALL_WINDOW = h2.FIRST_WINDOW  # little is under way when a stream is cancelled


def unary(connection):
    start = time.perf_counter()
    connection.call(cases.POST + "ListPostsByUserId", grpc_wire.by_user(data.FIVE))
    return time.perf_counter() - start


def run(pair, _folder, sizes, report):
    cases.warm(pair.post.port, sizes.posts)
    figures = {(what, percent): Samples() for what in ("first", "unary") for percent in (50, 99)}
    with h2.Connection(pair.post.port, SMALL_WINDOW) as streams, \
            h2.Connection(pair.post.port, SMALL_WINDOW) as calls:
        for _ in range(sizes.rounds + 1):
            first, small = [], []
            for _ in range(sizes.first_posts):
                first.append(streams.first_data(METHOD, grpc_wire.list_posts()))
                small.append(unary(calls))
            for what, times in (("first", first), ("unary", small)):
                for percent in (50, 99):
                    figures[what, percent].add(percentile(times, percent))
    for percent in (50, 99):
        first, small = figures["first", percent], figures["unary", percent]
        report.add(Row(TOPIC, f"first post of all, p{percent}", first, "unary, 5 posts", small,
                       first.median / small.median, at_most=2))
