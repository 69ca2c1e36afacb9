"""Several servers behind one target: who is called, and what happens when one is gone."""
import collections
import contextlib
import threading
from concurrent import futures

import grpc
import pytest

import cli
import timing
from logs import may_log
from pair import Server
from protos import current, post
from test_postcli_bad_server import FakePost, ids, message, postcli
from timing import wait_until

health = current.packages["grpc.health.v1"]
SERVING, NOT_SERVING = 1, 2


class Posts:
    """Fake Posts that count their calls; with health or without."""

    def __init__(self, stack, n, states=None):
        self.calls = collections.Counter()
        self.states = states
        self.over = threading.Event()
        self.target = ",".join(self.start(stack, i) for i in range(n))

    def start(self, stack, number):
        def answer(requests, _):
            self.calls[number] += 1
            request = next(requests)
            at = int(request.page_token or 0)
            yield message([at], next_page_token=str(at + 1), last=True)

        def watch(_, context):
            context.add_callback(self.over.set)
            yield health.HealthCheckResponse(status=self.states[number]).SerializeToString()
            self.over.wait(timing.CALL)

        methods = {"ListPosts": answer, **({"Watch": watch} if self.states else {})}
        server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[FakePost(**methods)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        stack.callback(lambda: server.stop(None).wait())
        stack.callback(self.over.set)
        return f"127.0.0.1:{port}"


@pytest.fixture
def start_posts():
    with contextlib.ExitStack() as stack:
        yield lambda n, states=None: Posts(stack, n, states)


def list_pages(posts, *args, calls=20):
    done = postcli(posts.target, "list", "--page-size", "1", "--limit", str(calls), *args)
    assert ids(done) == [str(n) for n in range(calls)], done.stderr


def test_round_robin_calls_each_in_turn(start_posts):
    posts = start_posts(2)
    list_pages(posts, "--lb", "round_robin")
    # The first calls may come before the second server is connected.
    assert sum(posts.calls.values()) == 20 and min(posts.calls[0], posts.calls[1]) >= 5


@pytest.mark.parametrize("args", [[], ["--lb", "pick_first"]])
def test_pick_first_stays_with_one(start_posts, args):
    posts = start_posts(2)
    list_pages(posts, *args)
    assert posts.calls == {0: 20}


def test_round_robin_heeds_health(start_posts):
    posts = start_posts(3, {0: NOT_SERVING, 1: SERVING, 2: NOT_SERVING})
    list_pages(posts, "--lb", "round_robin")
    assert posts.calls == {1: 20}


def test_pick_first_takes_the_next_if_one_is_not_there(start_posts):
    posts = start_posts(1)
    posts.target = f"127.0.0.1:1,{posts.target}"
    list_pages(posts)


# --- Two Users behind one target -----------------------------------------------------------------

COUNT = 5000


@pytest.fixture(params=["pick_first", "round_robin"])
def two_users(request, start_pair, tmp_path):
    """A pair, and another User with the same people, which Post knows too."""
    pair = start_pair(post_args=["--user-timeout", f"{timing.limit(10):g}s"])
    other = Server("user-server", tmp_path).start()
    generated = cli.run(pair, "generate", "users", "--count", COUNT)
    for target in (pair.user.target, other.target):
        cli.run(pair, "import", "users", "-", "--user-target", target, stdin=generated)
    cli.pipeline(pair, f"$POSTCLI generate posts --count {COUNT} --users {COUNT} | "
                 "$POSTCLI import posts -")
    pair.post.args += ("--user-target", f"{pair.user.target},{other.target}",
                       "--user-lb", request.param, "--loops", "4")
    pair.post.restart()
    yield pair, other, request.param
    if other.process is not None:
        other.stop()


def all_posts(messages):
    return [(p.post_id, p.author) for m in messages for p in m.post_messages]


def stream(pair):
    return pair.posts.call("/v1.post.Post/ListPostsServerStream", post.ListPostsRequest())


@may_log("the server is stopping", "User is unreachable")
def test_one_of_two_users_dies(two_users):
    """In mid-stream, and each of them once: no listing fails, and every author is right."""
    pair, other, _ = two_users
    whole = all_posts(stream(pair))
    assert len(whole) == COUNT and all(author for _, author in whole)
    for dies, stays in ((pair.user, other), (other, pair.user)):
        pair.post.restart()  # knows no names
        listing = stream(pair)
        first = next(listing)
        dies.kill()
        assert all_posts([first, *listing]) == whole
        assert all_posts(stream(pair)) == whole
        dies.start()
        assert stays.process.poll() is None


def connections_to(port):
    """Established ones of this machine, seen from the client."""
    rows = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as lines:
            rows += [line.split() for line in list(lines)[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def port_of(server):
    return int(server.listen.rpartition(":")[2])


@may_log("the server is stopping", "User is unreachable")
def test_each_loop_has_its_own_connections(two_users):
    pair, other, lb = two_users
    pair.users.close()
    wanted = {"pick_first": (4, 0), "round_robin": (4, 4)}[lb]
    wait_until(lambda: (connections_to(port_of(pair.user)),
                        connections_to(port_of(other))) == wanted, f"{wanted} connections")
