"""follow_load (tests/bench/follow_load/), with a server that spoils what it is told to: figures of
followers are worth as much as what is missed or doubled shows."""
import contextlib
import json
import subprocess
import threading
from concurrent import futures

import grpc
import pytest

import timing
import wire
from pair import BUILD, clean_environment
from protos import current, post

FOLLOWERS, COUNT = 4, 40
USERS = ["ann", "bob"]
EXPIRED = wire.field(3, wire.field(1, b"type") + wire.field(2, wire.field(1, b"CHANGES_EXPIRED")))


class Posts:
    """A service that follows. spoil: gets who follows, from 0, and the posts that are due for it;
    returns those that it gets."""

    def __init__(self, spoil):
        self.spoil = spoil
        self.log, self.changed = [], threading.Condition()
        self.followers = 0

    def imported(self, requests, _):
        posts = [p for request in requests for p in request.post_messages]
        with self.changed:
            self.log += posts
            self.changed.notify_all()
        return post.ImportPostsResponse(imported=len(posts))

    def follow(self, request, context, response, user=None):
        with self.changed:
            who, at = self.followers, int(request.page_token or len(self.log))
            self.followers += 1
        assert request.follow and context.add_callback(self.wake)
        yield response(caught_up=True, next_page_token=str(at))
        while context.is_active():
            with self.changed:
                self.changed.wait_for(lambda: len(self.log) > at or not context.is_active())
                due, at = self.log[at:], len(self.log)
            got = self.spoil(who, [p for p in due if user in (None, p.user_id)], context)
            yield response(post_messages=got, next_page_token=str(at))

    def wake(self):
        with self.changed:
            self.changed.notify_all()

    def service(self, details):
        name, method = details.method.rpartition("/")[2], current.methods[details.method]
        codec = method.request.FromString, method.response.SerializeToString
        if name == "ImportPosts":
            return grpc.stream_unary_rpc_method_handler(self.imported, *codec)
        by_user = name == "ListPostsByUserIdServerStream"
        assert by_user or name == "ListPostsServerStream"

        def answer(request, context):
            return self.follow(request, context, method.response,
                               request.user_id if by_user else None)
        return grpc.unary_stream_rpc_method_handler(answer, *codec)


def nothing(_who, posts, _context):
    return posts


@contextlib.contextmanager
def serving(spoil=nothing):
    server = grpc.server(futures.ThreadPoolExecutor(FOLLOWERS + 4))
    server.add_generic_rpc_handlers([Posts(spoil)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@pytest.fixture(name="users")
def users_fixture(tmp_path):
    file = tmp_path / "users"
    file.write_text("".join(f"{user}\n" for user in USERS))
    return file


def follow_load(port, users, *more):
    """The last line of what it says."""
    command = [BUILD / "bench/follow_load", "--port", port, "--users", users, *more]
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timing.CALL,
                          env=clean_environment(), check=False)
    assert (done.returncode, done.stderr) == (0, "")
    caught_up, figures = map(json.loads, done.stdout.splitlines())
    assert [caught_up["event"], figures["event"]] == ["caught_up", "done"]
    return figures


def load(port, users, *more):
    return follow_load(port, users, "--followers", FOLLOWERS, "--connections", 2, "--count", COUNT,
                       "--import", "paced", "--rate", 400, *more)


def verdict(figures):
    """What is not 0 of what there is to say of followers."""
    names = "exact expired failed missed doubled strange".split()
    return {name: figures[name] for name in names if figures[name]}


@pytest.mark.parametrize("how, each", [((), COUNT), (("--by-user",), COUNT // len(USERS))])
def test_all_is_there(users, how, each):
    with serving() as port:
        figures = load(port, users, *how)
    assert verdict(figures) == {"exact": FOLLOWERS}
    assert figures["expected"] == figures["arrived"] == figures["latency_ms"]["count"]
    assert figures["arrived"] == FOLLOWERS * each
    assert 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"]
    assert figures["imported"] == COUNT + len(USERS)


def is_number(number):
    return lambda p: p.post_id == f"load-{number:08}"


def without_one(who, posts, _):
    return [p for p in posts if who != 1 or not is_number(7)(p)]


def one_twice(who, posts, _):
    return posts + [p for p in posts if who == 1 and is_number(7)(p)]


def without_the_last(_, posts, __):
    return [p for p in posts if not is_number(COUNT - 1)(p)]


def without_the_fence(who, posts, _):
    return [p for p in posts if who != 0 or not is_number(COUNT)(p)]


def one_of_nobody(who, posts, _):
    stranger = post.PostMessage(post_id=f"load-{COUNT + len(USERS):08}", title="0" * 18)
    return posts + [stranger for p in posts if who == 1 and is_number(7)(p)]


def with_others(_, posts, __):
    """Posts that are not of the load."""
    return posts + [post.PostMessage(post_id="another-00000007", title="0" * 18),
                    post.PostMessage(post_id="load-7", title="of somebody")]


@pytest.mark.parametrize("spoil, found", [
    (without_one, {"exact": FOLLOWERS - 1, "missed": 1}),
    (one_twice, {"exact": FOLLOWERS - 1, "doubled": 1}),
    (without_the_last, {"missed": FOLLOWERS}),
    (without_the_fence, {"exact": FOLLOWERS - 1, "missed": 1}),
    (one_of_nobody, {"exact": FOLLOWERS - 1, "strange": 1}),
    (with_others, {"exact": FOLLOWERS}),
])
def test_what_is_wrong_shows(users, spoil, found):
    more = ("--timeout", "2s") if spoil is without_the_fence else ()
    with serving(spoil) as port:
        assert verdict(load(port, users, *more)) == found


def test_another_users_post_shows(users):
    def next_ones(who, posts, _):
        return [post.PostMessage(post_id=f"load-{int(p.post_id[5:]) + (who == 1):08}",
                                 title=p.title, user_id=p.user_id) for p in posts]
    with serving(next_ones) as port:
        figures = load(port, users, "--by-user", "--timeout", "2s")
    assert verdict(figures) == {"exact": FOLLOWERS - 1, "strange": COUNT // 2 + 1,
                                "missed": COUNT // 2 + 1}


def ends_with(code, details, *trailers):
    """Follower 2's call does, when there is something for it."""
    def spoil(who, posts, context):
        if who == 2:
            context.set_trailing_metadata(trailers)
            context.abort(code, details)
        return posts
    return spoil


def test_who_is_too_far_behind_has_missed_nothing(users):
    spoil = ends_with(grpc.StatusCode.FAILED_PRECONDITION, "list anew",
                      ("grpc-status-details-bin", EXPIRED))
    with serving(spoil) as port:
        assert verdict(load(port, users)) == {"exact": FOLLOWERS - 1, "expired": 1}


def test_any_other_end_is_a_failure(users):
    with serving(ends_with(grpc.StatusCode.FAILED_PRECONDITION, "is no reason")) as port:
        figures = load(port, users)
    assert verdict(figures) == {"exact": FOLLOWERS - 1, "failed": 1, "missed": COUNT + len(USERS)}
    assert figures["why"] == "is no reason"


def test_it_comes_back(users, tmp_path):
    tokens = tmp_path / "tokens"
    with serving() as port:
        load(port, users, "--save-tokens", tokens)
        assert tokens.read_text().split() == [str(COUNT + len(USERS))] * FOLLOWERS
        many = ("--name", "meanwhile", "--count", 5000)
        alone = follow_load(port, users, "--import", "bulk", *many)
        back = follow_load(port, users, "--followers", FOLLOWERS, "--tokens", tokens, *many)
    assert alone["imported"] == 5000
    assert verdict(back) == {"exact": FOLLOWERS}
    assert back["expected"] == FOLLOWERS * 5000
    assert back["complete_ms"]["count"] == FOLLOWERS
