"""Three Posts and two Users on one database each: through any of them, and through all of them by
round robin, it is one store. One of them is killed meanwhile."""
import contextlib
import json
import re

import pytest

import cli
import postgres
import timing
from client import Client
from followers import Follow
from library import ask, posts_of, request_of
from logs import may_log
from pair import Server, clean_environment
from protos import post, user
from timing import wait_until

pytestmark = pytest.mark.skipif(postgres.WHY_NOT is not None, reason=str(postgres.WHY_NOT))

POSTS, USERS = 3, 2
COUNT, AUTHORS = 12000, 200
SHOWN_WITHIN = timing.limit(1)  # a rename, by any server

# Those with one answer to a call make many.
LISTINGS = [["list", "--page-size", "200"], ["stream-list"],
            ["collect-list", "--all", "--page-size", "200"], ["bidi-list", "--all"]]


class Fleet:
    """What cli.py asks of a pair: postcli calls all Posts in turn."""

    def __init__(self, folder):
        dbs = postgres.shared().database(), postgres.shared().database()
        self.users = [self.server("user-server", folder / f"user-{i}", dbs[0])
                      for i in range(USERS)]
        self.posts = [self.server("post-server", folder / f"post-{i}", dbs[1])
                      for i in range(POSTS)]

    @staticmethod
    def server(name, folder, db):
        folder.mkdir()
        server = Server(name, folder, "--loops", "1")
        server.db = db
        return server

    def __enter__(self):
        try:
            for server in self.users:
                server.start()
            for server in self.posts:
                server.args += ("--user-target", ",".join(s.target for s in self.users),
                                "--user-lb", "round_robin")
                server.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_):
        try:
            for server in [*self.posts, *self.users]:
                if server.process is not None:
                    server.stop()
                server.assert_clean()
        finally:
            self.kill()

    def kill(self):
        for server in [*self.posts, *self.users]:
            if server.process is not None:
                server.kill()

    def postcli_environment(self):
        return {**clean_environment(), "POSTCLI_LB": "round_robin",
                "POSTCLI_TARGET": ",".join(s.target for s in self.posts),
                "POSTCLI_USER_TARGET": ",".join(s.target for s in self.users)}


@pytest.fixture
def fleet(tmp_path):
    with Fleet(tmp_path) as all_of_them:
        yield all_of_them


def load(fleet, count=COUNT):
    """Through all of them; returns the ids in the order of listings."""
    cli.pipeline(fleet, f"$POSTCLI generate users --count {AUTHORS} | $POSTCLI import users -\n"
                 f"$POSTCLI generate posts --count {count} --users {AUTHORS} | "
                 "$POSTCLI import posts -", timing.limit(60))
    made = [json.loads(line) for line in
            cli.run(fleet, "generate", "posts", "--count", count, "--users", AUTHORS).splitlines()]
    places = {}
    for row in made:
        places.setdefault(row["user_id"], len(places))
    made.sort(key=lambda row: places[row["user_id"]])
    return [row["post_id"] for row in made]


def ids_of(lines):
    rows = [json.loads(line) for line in lines.splitlines()]
    assert all(row["author"] for row in rows)
    return [row["post_id"] for row in rows]


def test_listings_through_all_of_them_are_exact(fleet):
    expected = load(fleet)
    for listing in LISTINGS:
        assert ids_of(cli.run(fleet, *listing)) == expected


def list_while_it_dies(fleet, victim, listing):
    """All lines; what does not go on by itself, as bidi-list, says from where to go on."""
    with cli.Postcli(fleet, *listing) as reading:
        lines = [reading.line() for _ in range(10)]
        victim.kill()
        lines.append(reading.rest())
        status = reading.end()
    if status != 0:
        token = re.search(r"resume with --page-token (\S+)", reading.stderr)
        assert token and "UNAVAILABLE" in reading.stderr, reading.stderr
        lines.append(cli.run(fleet, *listing, "--page-token", token[1]))
    return status, b"".join(lines)


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing[0])
def test_listings_are_exact_while_one_is_killed(fleet, listing):
    """Each of the three in turn; it is there again before the next."""
    expected = load(fleet)
    for victim in fleet.posts:
        status, lines = list_while_it_dies(fleet, victim, listing)
        assert ids_of(lines) == expected
        assert status == 0 or listing[0] == "bidi-list"
        victim.start()


@may_log("User is unreachable")
def test_a_killed_user_server_is_missed_by_nobody(fleet):
    """Its other one has the same people, and the names of before still hold."""
    expected = load(fleet, 2000)
    for victim in fleet.users:
        victim.kill()
        for server in fleet.posts:
            done = cli.run(fleet, "stream-list", "--target", server.target)
            assert ids_of(done) == expected
        victim.start()


def person(name):
    return user.UserMessage(user_id="u", name=name)


def author(client):
    return posts_of(ask(client, "ListPosts", "", request_of("ListPosts")))[0].author


def test_a_rename_through_any_user_server_shows_by_every_post_server(fleet):
    with contextlib.ExitStack() as stack:
        users = [stack.enter_context(Client(s.target)) for s in fleet.users]
        posts = [stack.enter_context(Client(s.target)) for s in fleet.posts]
        users[0].call("/v1.user.User/ImportUsers",
                      [user.ImportUsersRequest(user_messages=[person("Name 0")])])
        posts[0].call("/v1.post.Post/ImportPosts", [post.ImportPostsRequest(
            post_messages=[post.PostMessage(post_id="p", user_id="u")])])
        for turn in range(6):
            name = f"Name {turn + 1}"
            users[turn % USERS].call("/v1.user.User/ImportUsers",
                                     [user.ImportUsersRequest(user_messages=[person(name)])])
            wait_until(lambda n=name: all(author(p) == n for p in posts), name, SHOWN_WITHIN)


def replay(follow, n):
    """The ids that are left of so many that were put, and half of them deleted; each change is told
    once, unless the deletion overtook it."""
    there, deleted = [], set()
    while len(there) < n // 2 or len(deleted) < n // 2:
        message = follow.receive()
        for each in message.post_messages:
            assert each.post_id not in deleted and each.post_id not in there
            there.append(each.post_id)
        for gone in message.deleted_post_ids:
            assert gone not in deleted
            deleted.add(gone)
            if gone in there:
                there.remove(gone)
    return there


def test_what_one_does_all_followers_hear_in_one_order(fleet):
    """Imports through one, deletions through another."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(s.target)) for s in fleet.posts]
        follows = [stack.enter_context(Follow(client)) for client in clients]
        for follow in follows:
            follow.until_caught_up()
        for turn in range(30):
            rows = [post.PostMessage(post_id=f"p{turn}-{i}", user_id="nobody") for i in range(2)]
            clients[turn % POSTS].call("/v1.post.Post/ImportPosts",
                                       [post.ImportPostsRequest(post_messages=rows)])
            clients[(turn + 1) % POSTS].call("/v1.post.Post/DeletePosts", [
                post.DeletePostsRequest(post_ids=[f"p{turn}-0"])])
        heard = [replay(follow, 60) for follow in follows]
    assert heard == [[f"p{turn}-1" for turn in range(30)]] * POSTS
