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
USERS = 10_000  # of every store but the smallest: one thing grows at a time
MANY_USERS = 100_000  # more than Post keeps the names of
FIT_CALLS = 20  # of the smallest store, whose listing is short


class Size:
    """A store of so many posts, and what its listing takes."""

    def __init__(self, pair, posts, users, folder):
        self.pair, self.posts, self.users = pair, posts, users
        self.warm = Warm(pair.post.port, posts, folder)
        self.per_post_ns, self.own_bytes = Samples(), Samples()

    def measure(self, body):
        calls = FIT_CALLS if self.posts <= 10_000 else 1
        # With many users there are more names than Post keeps.
        right = self.warm.or_colder(calls)
        run = h2load.load(self.pair.post.port, METHOD, right, body, calls)
        for took in run.times_s:
            self.per_post_ns.add(took / self.posts * 1e9)
        self.own_bytes.add(self.pair.post.memory("RssAnon"))


def store(stack, folder, posts, users):
    """One user's posts after the other's: ten million in any order would take the most part of
    ten minutes to import, for each commit writes most pages of the store anew."""
    pair = stack.enter_context(Pair(folder / f"growth-{posts}-{users}"))
    data.fill(pair, posts, users, "--grouped")
    pair.restart_post()  # what an import left in memory is not counted
    return Size(pair, posts, users, folder)


def fit(small, large):
    """The fixed cost of a listing in µs, if a post costs what it does in the large one."""
    return (small.per_post_ns.median - large.per_post_ns.median) * small.posts / 1e3


def tell_posts(found, report):
    small, reference, *others = found
    name = f"{reference.posts:,} posts"
    for size in others:
        report.add(Row(TOPIC, f"{size.posts:,} posts, ns a post", size.per_post_ns, name,
                       reference.per_post_ns,
                       size.per_post_ns.median / reference.per_post_ns.median, at_most=1.2,
                       show=plain))
        report.add(Row(TOPIC, f"{size.posts:,} posts, own memory in bytes", size.own_bytes, name,
                       reference.own_bytes, size.own_bytes.median / reference.own_bytes.median,
                       at_most=1.2, show=plain))
    largest = found[-1]
    report.add(Row(TOPIC, f"{small.posts:,} posts, ns a post", small.per_post_ns,
                   f"{largest.posts:,} posts", largest.per_post_ns,
                   small.per_post_ns.median / largest.per_post_ns.median, show=plain,
                   note=f"{fit(small, largest):.0f} µs a listing and "
                        f"{largest.per_post_ns.median:.0f} ns a post."))


def tell_users(few, many, report):
    title = f"{many.posts:,} posts by {many.users:,} users"
    name = f"by {few.users:,}"
    report.add(Row(TOPIC, f"{title}, ns a post", many.per_post_ns, name, few.per_post_ns,
                   many.per_post_ns.median / few.per_post_ns.median, show=plain))
    report.add(Row(TOPIC, f"{title}, own memory in bytes", many.own_bytes, name, few.own_bytes,
                   many.own_bytes.median / few.own_bytes.median, show=plain))


def run(_, folder, sizes, report):
    body = folder / "all-posts"
    body.write_bytes(grpc_wire.list_posts())
    with contextlib.ExitStack() as stack:
        found = [store(stack, folder, posts, min(USERS, posts // 10)) for posts in sizes.growth]
        few = found[2]
        many = store(stack, folder, few.posts, min(MANY_USERS, few.posts // 2))
        for _ in range(sizes.rounds):
            for size in (*found, many):
                size.measure(body)
    tell_posts(found, report)
    tell_users(few, many, report)
