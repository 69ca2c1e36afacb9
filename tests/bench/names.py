"""Cold and warm names: the first listing after a start against the next one."""
import cases
import grpc_wire
import h2
import h2load
from report import Row
from stats import Samples
from usage import Usage

TOPIC = "Names, cold and warm"
METHOD = cases.POST + "ListPostsServerStream"


class Warm:
    """The answer when all names are known."""

    def __init__(self, port, posts, folder):
        cases.warm(port, posts)
        file = folder / "warm"
        self.listing = cases.capture(port, METHOD, grpc_wire.list_posts(), file)
        self.data_bytes = file.stat().st_size
        file.unlink()
        if (self.listing.posts, self.listing.lasts) != (posts, 1):
            raise h2.Failure(f"a listing of {posts} posts: {vars(self.listing)}")

    def or_colder(self, calls):
        """Judges the bytes of so many answers whose names were not all known.

        Waiting for a name may end a message early, so such an answer may have
        other messages; each costs its frame and its token. No other difference
        counts."""
        def right(data_bytes):
            more, rest = divmod(data_bytes - calls * self.data_bytes, self.listing.message_cost)
            return rest == 0 and abs(more) < calls * self.listing.messages
        return right


def run(pair, folder, sizes, report):
    body = folder / "all-posts"
    body.write_bytes(grpc_wire.list_posts())
    right = Warm(pair.post.port, sizes.posts, folder).or_colder(2)
    cold, warm, usage = Samples(), Samples(), Usage()
    for _ in range(sizes.rounds):
        pair.restart_post()
        with usage.of(pair.post) as look:
            both = h2load.load(pair.post.port, METHOD, right, body, calls=2, meanwhile=look)
        cold.add(both.times_s[0])
        warm.add(both.times_s[1])
    report.add(Row(TOPIC, "first listing after start", cold, "the second", warm,
                   cold.median / warm.median, at_most=1.3, uses=usage,
                   note=f"{sizes.users:,} names; both calls on one connection, so on one loop."))
