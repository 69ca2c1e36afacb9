"""A million posts: all of them, in bounded memory, through crashes and stops.

The pair is filled once, by the RPC (this takes longest: 16 s)."""
import collections
import contextlib
import hashlib
import re
import signal

import pytest

import cli
import postgres
import timing
from cli import Postcli
from logs import expects_log, may_log
from pair import Pair

# Under a sanitizer everything is slower, and nothing else is learned from more.
COUNT, USERS = (1_000_000, 10_000) if timing.STRETCH == 1 else (100_000, 2000)
SLOW = timing.limit(240 if postgres.wanted else 60)
GROWTH = 32 << 20
LATE_READER = 450 << 10  # two chunks of 160 KiB, and what gRPC has for a call

# PostgreSQL: two blocks, until nobody has touched them for a second.
BLOCKS = 2 * (256 << 10) if postgres.wanted else 0

Listed = collections.namedtuple("Listed", "rows digest")


class Store:
    def __init__(self, pair):
        self.pair = pair
        cli.pipeline(pair, f"$POSTCLI generate users --count {USERS} | $POSTCLI import users -")
        cli.pipeline(pair, f"$POSTCLI generate posts --count {COUNT} --users {USERS} | "
                     "$POSTCLI import posts -", SLOW)
        self.undisturbed = listed(pair)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("large")) as pair:
        yield Store(pair)


@pytest.fixture
def store(filled):
    """Servers without a past, whatever the last test did."""
    servers = filled.pair.user, filled.pair.post
    filled.pair.kill()
    for server in servers:
        server.start()
    return filled


class Reader:
    """Takes a listing's output in, and says at each row what must be done there."""

    def __init__(self, command):
        self.command = command
        self.rows, self.sum = 0, hashlib.sha256()

    def until(self, rows):
        """Reads until there are so many, or the end."""
        while self.rows < rows:
            if not self.take(self.command.chunk()):
                raise AssertionError(f"ended after {self.rows} rows: {self.command.end()}, "
                                     f"{self.command.stderr}")
        return self

    def until_it_stops(self, seconds):
        """Reads until nothing came for so long."""
        while self.command.readable(seconds):
            assert self.take(self.command.chunk()), "the listing ended"

    def to_the_end(self):
        while self.take(self.command.chunk()):
            pass
        return Listed(self.rows, self.sum.hexdigest())

    def take(self, chunk):
        self.rows += chunk.count(b"\n")
        self.sum.update(chunk)
        return bool(chunk)


def stream_list(pair, *options):
    return Postcli(pair, "stream-list", "--format", "ndjson", *options)


def listed(pair):
    with stream_list(pair) as command:
        result = Reader(command).to_the_end()
        assert command.end() == 0, command.stderr
        assert command.stderr == ""
        return result


def test_every_post_is_listed(store):
    count = cli.pipeline(store.pair, "$POSTCLI stream-list --format ndjson | wc -l", SLOW)
    assert int(count) == COUNT == store.undisturbed.rows


def test_every_author_is_right(store):
    row = re.compile(rb'^\{"user_id":"([^"]*)","name":"([^"]*)"', re.M)
    names = dict(row.findall(cli.run(store.pair, "generate", "users", "--count", USERS)))
    assert len(names) == USERS
    row = re.compile(rb'^\{"post_id":"p([0-9]+)","author":"([^"]*)","user_id":"([^"]*)"', re.M)
    seen, rest = bytearray(COUNT + 1), b""
    with stream_list(store.pair) as command:
        while chunk := command.chunk():
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            for post_id, author, user_id in row.findall(whole + newline):
                assert names[user_id] == author, post_id
                seen[int(post_id)] += 1
        assert command.end() == 0, command.stderr
    assert rest == b""
    assert seen == b"\0" + b"\1" * COUNT


def test_memory_stays(store):
    """Of a post-server that has just started, so that the import's memory hides nothing."""
    server, most = store.pair.post, 0
    before = server.rss_anon_bytes()
    with stream_list(store.pair) as command:
        reader = Reader(command)
        for rows in range(0, COUNT, COUNT // 50):
            reader.until(rows)
            most = max(most, server.rss_anon_bytes())
        assert reader.to_the_end() == store.undisturbed
        assert command.end() == 0, command.stderr
    most = max(most, server.rss_anon_bytes())
    if timing.STRETCH == 1:  # a sanitizer keeps freed memory
        assert most - before < GROWTH, f"{before} -> {most}"


def test_readers_that_stop_late(store):
    """When much has gone out the chunks are large; but there are two of them, whatever happens."""
    server, readers = store.pair.post, 16
    listed(store.pair)  # names are known
    before = server.rss_anon_bytes()
    with contextlib.ExitStack() as stack:
        commands = [stack.enter_context(stream_list(store.pair)) for _ in range(readers)]
        for command in commands:
            Reader(command).until(COUNT // 25)
        at_once = (server.rss_anon_bytes() - before) / readers
        if timing.STRETCH == 1:  # a sanitizer keeps freed memory
            assert at_once < LATE_READER + BLOCKS, f"{at_once / 1024:.0f} KiB for each"
            timing.wait_until(lambda: (server.rss_anon_bytes() - before) / readers < LATE_READER,
                              "that blocks are let go", 20)


def test_post_is_killed_twice(store):
    with stream_list(store.pair) as command:
        reader = Reader(command)
        for rows in (COUNT // 10, COUNT // 2):
            reader.until(rows)
            store.pair.post.kill()
            store.pair.post.start()
        assert reader.to_the_end() == store.undisturbed
        assert command.end() == 0, command.stderr
    # Of a small listing (STRETCH) half may be on its way at the first kill already.
    once = "postcli: resumed 1 time\n" if timing.STRETCH > 1 else None
    assert command.stderr in ("postcli: resumed 2 times\n", once)


def assert_resumed_once(stderr, who):
    """It may have said whom it waits for, if that took so long."""
    waits = rf"(postcli: {who} does not answer: .*; trying again, \d+ s at most\n)?"
    assert re.fullmatch(waits + "postcli: resumed 1 time\n", stderr), stderr


def test_post_is_away_for_some_tries(store):
    """It comes back when what it had sent was read, and the client waits for it."""
    with stream_list(store.pair) as command:
        reader = Reader(command).until(COUNT // 4)
        store.pair.post.kill()
        reader.until_it_stops(timing.limit(0.5))
        assert reader.rows < COUNT
        store.pair.post.start()
        assert reader.to_the_end() == store.undisturbed
        assert command.end() == 0, command.stderr
    assert_resumed_once(command.stderr, r"Post at \S+")


@may_log("User is unreachable")
def test_user_is_killed_and_back_in_time(store):
    """Post asks again for the names it waited for; the client notices nothing."""
    store.pair.post.restart("--user-timeout", "60s")
    with stream_list(store.pair) as command:
        reader = Reader(command)
        for rows in (COUNT // 10, COUNT // 2):
            reader.until(rows)
            store.pair.user.kill()
            store.pair.user.start()
        assert reader.to_the_end() == store.undisturbed
        assert command.end() == 0, command.stderr
    assert command.stderr == ""


@expects_log("User is unreachable")
@may_log("the server is stopping")
def test_user_is_away_for_too_long(store):
    """Post waits for --user-timeout and ends the call; the client goes on once User is back."""
    store.pair.post.restart("--user-timeout", "100ms")
    with stream_list(store.pair) as command:
        reader = Reader(command).until(COUNT // 4)
        store.pair.user.kill()
        # Nothing came for longer than Post waits: so the call has ended.
        reader.until_it_stops(timing.limit(0.4))
        assert reader.rows < COUNT
        store.pair.user.start()
        assert reader.to_the_end() == store.undisturbed
        assert command.end() == 0, command.stderr
    assert_resumed_once(command.stderr, "User")


def test_post_drains(store):
    """A listing in progress is finished before Post ends."""
    store.pair.post.restart("--drain-timeout", "60s")
    with stream_list(store.pair, "--no-resume") as command:
        reader = Reader(command).until(COUNT // 10)
        store.pair.post.signal(signal.SIGTERM)
        assert reader.to_the_end() == store.undisturbed
        assert command.end() == 0, command.stderr
    assert command.stderr == ""
    assert store.pair.post.wait() == 0


@may_log("the server is stopping")
def test_post_does_not_drain_for_ever(store):
    """The reader has stopped. What it had got is a beginning, and the token goes on from there."""
    store.pair.post.restart("--drain-timeout", "300ms")
    with stream_list(store.pair, "--no-resume") as command:
        reader = Reader(command).until(COUNT // 10)
        store.pair.post.signal(signal.SIGTERM)
        assert store.pair.post.wait(timing.MARGIN) == 0
        part = reader.to_the_end()
        assert command.end() == 1
    error, hint = command.stderr.splitlines()
    assert error.startswith("postcli: UNAVAILABLE: "), command.stderr
    resume = re.fullmatch(r"postcli: resume with --page-token (\S+)", hint)
    assert resume and part.rows < COUNT
    store.pair.post.start()
    with stream_list(store.pair, "--page-token", resume[1]) as command:
        reader.command = command
        assert reader.to_the_end() == store.undisturbed
        assert command.end() == 0, command.stderr


@may_log("User is unreachable", "the server is stopping")
def test_connections_are_cut_by_their_age(store):
    """Post's to its client and User's to Post, several times: the listing is whole."""
    pair = store.pair
    for server in (pair.user, pair.post):
        server.restart("--max-connection-age", "200ms", "--max-connection-age-grace", "50ms")
    logged = len(pair.post.stderr())
    with stream_list(pair) as command:
        assert Reader(command).to_the_end() == store.undisturbed
        assert command.end() == 0
    assert re.fullmatch(r"postcli: resumed \d+ times?\n", command.stderr), command.stderr
    log = pair.post.stderr()[logged:]
    assert "the stream to User ended" in log and "unreachable" not in log
