"""Bursts: how much more memory of its own a server has five seconds after one than before."""
import contextlib
import resource
import time

import cases
import grpc_wire
import h2
from names import METHOD
from report import Row, plain
from slow_readers import settled
from stats import Samples

TOPIC = "After a burst"
WAIT_S = 5
ALLOWED_MB = 2
CONNECTIONS = 10_000
CROWD = 20
RESETS = 900  # of one connection; more at once are a flood
FILES_BESIDES = 200


def crowd_of(stack, port, count):
    return [stack.enter_context(h2.Connection(port)) for _ in range(count)]


def is_greeted(connection):
    try:
        return bool(connection.next_frame())
    except (OSError, h2.Failure):
        return False


def connections(stack, port, _):
    """Each that is greeted has a session. The last ones may be more than the server has memory for
    (--connection-memory), and it lets go of as many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(CONNECTIONS, hard - FILES_BESIDES)
    greeted = sum(map(is_greeted, crowd_of(stack, port, count)))
    if greeted < 0.95 * count:
        raise h2.Failure(f"only {greeted:,} of {count:,} connections were greeted")
    return f"{count:,} connections"


def stalled_streams(stack, port, sizes):
    """Their clients open their windows and never read: all is sent that fits."""
    crowd = crowd_of(stack, port, CROWD)
    for number in range(sizes.slow_streams):
        crowd[number % CROWD].request(METHOD, grpc_wire.list_posts())
    return f"{sizes.slow_streams:,} stalled streams"


def resets(stack, port, _):
    """Calls of all posts that are given up at once."""
    for one in crowd_of(stack, port, CROWD):
        for _ in range(RESETS):
            one.sock.sendall(h2.reset(one.request(METHOD, grpc_wire.list_posts())))
    return f"{CROWD * RESETS:,} calls that are reset"


def more_after(server, before):
    """In MB, as soon as it is little enough, or when time is up."""
    end = time.monotonic() + WAIT_S
    while True:
        more = (server.memory("RssAnon") - before) / 1e6
        left = end - time.monotonic()
        if more <= ALLOWED_MB or left <= 0:
            return more
        time.sleep(min(0.1, left))


def run(pair, _folder, sizes, report):
    for burst in (connections, stalled_streams, resets):
        more, meanwhile = Samples(), Samples()
        for _ in range(min(sizes.rounds, 3)):
            pair.restart_post()  # an allocator keeps what it once had
            cases.warm(pair.post.port, sizes.posts)
            before = settled(pair.post)
            with contextlib.ExitStack() as stack:
                what = burst(stack, pair.post.port, sizes)
                meanwhile.add((settled(pair.post) - before) / 1e6)
            more.add(more_after(pair.post, before))
        report.add(Row(TOPIC, f"{what}, MB more 5 s later", more, "allowed",
                       Samples([ALLOWED_MB]), more.median / ALLOWED_MB, at_most=1, show=plain,
                       note=f"{meanwhile.median:.0f} MB more while they are there"))
