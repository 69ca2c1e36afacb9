"""Growth: time per post and memory, from few posts to many."""
import contextlib

import data
import grpc_wire
import h2load
from names import METHOD, Warm
from report import Row, plain
from servers import Pair
from stats import Samples

TOPIC = "Growth"
POSTS_PER_USER = 100
FIT_CALLS = 20  # of the smallest store, whose listing is short


class Size:
    """A store of so many posts, and what its listing takes."""

    def __init__(self, pair, posts, folder):
        self.pair, self.posts = pair, posts
        self.warm = Warm(pair.post.port, posts, folder)
        self.per_post_ns, self.own_bytes = Samples(), Samples()

    def measure(self, body):
        calls = FIT_CALLS if self.posts <= 10_000 else 1
        # The largest store has more names than Post keeps.
        right = self.warm.or_colder(calls)
        run = h2load.load(self.pair.post.port, METHOD, right, body, calls)
        for took in run.times_s:
            self.per_post_ns.add(took / self.posts * 1e9)
        self.own_bytes.add(self.pair.post.memory("RssAnon"))


def stores(stack, folder, sizes):
    """One user's posts after the other's: ten million in any order would take the most part of
    ten minutes to import, for each commit writes most pages of the store anew."""
    for posts in sizes.growth:
        pair = stack.enter_context(Pair(folder / f"growth-{posts}"))
        data.fill(pair, posts, posts // POSTS_PER_USER, "--grouped")
        pair.restart_post()  # what an import left in memory is not counted
        yield Size(pair, posts, folder)


def fit(small, large):
    """The fixed cost of a listing in µs, if a post costs what it does in the large one."""
    return (small.per_post_ns.median - large.per_post_ns.median) * small.posts / 1e3


def tell(found, report):
    small, *others = found
    reference = others[0]
    for size in others[1:]:
        name = f"{reference.posts:,} posts"
        report.add(Row(TOPIC, f"{size.posts:,} posts, ns a post", size.per_post_ns, name,
                       reference.per_post_ns,
                       size.per_post_ns.median / reference.per_post_ns.median, at_most=1.2,
                       show=plain))
        report.add(Row(TOPIC, f"{size.posts:,} posts, own memory in bytes", size.own_bytes, name,
                       reference.own_bytes, size.own_bytes.median / reference.own_bytes.median,
                       at_most=1.2, show=plain))
    largest = others[-1]
    report.add(Row(TOPIC, f"{small.posts:,} posts, ns a post", small.per_post_ns,
                   f"{largest.posts:,} posts", largest.per_post_ns,
                   small.per_post_ns.median / largest.per_post_ns.median, show=plain,
                   note=f"{fit(small, largest):.0f} µs a listing and "
                        f"{largest.per_post_ns.median:.0f} ns a post."))


def run(_, folder, sizes, report):
    body = folder / "all-posts"
    body.write_bytes(grpc_wire.list_posts())
    with contextlib.ExitStack() as stack:
        found = list(stores(stack, folder, sizes))
        for _ in range(sizes.rounds):
            for size in found:
                size.measure(body)
    tell(found, report)
