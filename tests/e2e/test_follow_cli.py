"""stream-list --follow: rows of what changes, each once, whatever breaks in between."""
import contextlib
import json
import re
import signal

import grpc
import pytest

import cli
from cli import Postcli
from logs import may_log
from pair import frozen
from protos import post
from test_postcli import Terminal
from test_postcli_bad_server import message, postcli, serving
from timing import wait_until

USERS = [{"user_id": "1", "name": "Henry"}, {"user_id": "2", "name": "Jessie"}]


def put(pair, *posts):
    """By a connection of its own, since that of the pair's client may be to a server that was
    killed; and again, if it breaks."""
    lines = "".join(json.dumps({"user_id": "1", **p}) + "\n" for p in posts)
    wait_until(lambda: pair.postcli("import", "posts", "-", stdin=lines).returncode == 0, "an import")


def fill(pair):
    pair.import_users(USERS)
    put(pair, {"post_id": "a", "title": "one", "tags": ["x"]},
        {"post_id": "b", "title": "two", "user_id": "2", "tags": ["x"]})


@pytest.fixture
def filled(pair):
    fill(pair)
    return pair


def shown(line):
    """(post, title), or only (post,) of one that is gone."""
    row = json.loads(line)
    return (row["deleted_post_id"],) if "deleted_post_id" in row else (row["post_id"], row["title"])


def rows(command, n):
    return [shown(command.line()) for _ in range(n)]


def rows_until(command, post_id):
    """All up to that post, which is left out."""
    found = []
    while not found or found[-1][0] != post_id:
        found.append(shown(command.line()))
    return found[:-1]


LISTED = [("a", "one"), ("b", "two")]


def interrupted(command):
    """The arguments that it says to resume by."""
    command.signal(signal.SIGINT)
    assert command.rest() == b""
    assert command.end() == 130
    return token_in(command.stderr)


def token_in(stderr):
    said = re.fullmatch(r"(?:postcli: resumed .*\n)?postcli: resume with (--page-token) (\S+)\n", stderr)
    assert said, stderr
    return said.groups()


# --- What is printed -------------------------------------------------------------------


def test_the_listing_and_then_each_change(filled):
    with Postcli(filled, "stream-list", "--follow") as command:
        assert rows(command, 2) == LISTED
        put(filled, {"post_id": "a", "title": "one again"})
        assert rows(command, 1) == [("a", "one again")]
        put(filled, {"post_id": "c", "title": "three", "user_id": "2"})
        assert json.loads(command.line())["author"] == "Jessie"
        assert not command.readable(0)
        interrupted(command)


def test_of_one_user(filled):
    with Postcli(filled, "stream-list", "--follow", "--user", "2") as command:
        assert rows(command, 1) == LISTED[1:]
        put(filled, {"post_id": "c", "title": "of Henry"},
            {"post_id": "d", "title": "of Jessie", "user_id": "2"})
        assert rows(command, 1) == [("d", "of Jessie")]
        interrupted(command)


def test_a_post_that_is_gone_as_json(filled):
    with Postcli(filled, "stream-list", "--follow", "--tag", "x") as command:
        assert rows(command, 2) == LISTED
        put(filled, {"post_id": "a", "title": "no tag"})
        assert command.line() == b'{"deleted_post_id":"a"}\n'
        interrupted(command)


def test_posts_that_are_deleted(filled):
    """Of everything and of one user; one that comes again is a post as any other."""
    with (Postcli(filled, "stream-list", "--follow") as everything,
          Postcli(filled, "stream-list", "--follow", "--user", "2") as jessie):
        assert rows(everything, 2) == LISTED and rows(jessie, 1) == LISTED[1:]
        cli.run(filled, "delete", "posts", "--yes", "a", "b", "nobody's")
        assert sorted(rows(everything, 2)) == [("a",), ("b",)] and rows(jessie, 1) == [("b",)]
        put(filled, {"post_id": "b", "title": "again", "user_id": "2"})
        assert rows(everything, 1) == rows(jessie, 1) == [("b", "again")]


def test_the_user_is_deleted(filled):
    """That ends it, and nothing is tried again."""
    with Postcli(filled, "stream-list", "--follow", "--user", "2") as command:
        assert rows(command, 1) == LISTED[1:]
        cli.run(filled, "delete", "users", "--yes", "2")
        assert command.end() == 1 and command.rest() == b""
    assert command.stderr.startswith("postcli: NOT_FOUND: there is no user 2\n"), command.stderr


def test_a_post_that_is_gone_in_a_table(filled):
    with Postcli(filled, "stream-list", "--follow", "--tag", "x", "--format", "table") as command:
        heading, *listed = (command.line().decode() for _ in range(3))
        assert [line.split()[:3] for line in listed] == [["a", "Henry", "one"], ["b", "Jessie", "two"]]
        put(filled, {"post_id": "a", "title": "no tag"})
        gone = command.line().decode()
        assert gone.split() == ["a", "-", "(deleted)", "-", "-"]
        assert gone.index("(deleted)") == heading.index("TITLE")
        interrupted(command)


def test_a_table_may_begin_with_one_that_is_gone(filled):
    with following(filled, "--from-now", "--tag", "x", "--format", "table") as command:
        put(filled, {"post_id": "a", "title": "no tag"})
        heading, gone = command.line(), command.line()
        assert heading.split()[:2] == [b"POST", b"ID"] and b"(deleted)" in gone


def test_an_array_is_whole(filled):
    with Postcli(filled, "stream-list", "--follow", "--tag", "x", "--format", "json") as command:
        text = b"".join(command.line() for _ in range(2))  # the end of a row comes with the next
        put(filled, {"post_id": "a", "title": "no tag"})
        text += command.line()
        command.signal(signal.SIGINT)
        text += command.rest()
        assert command.end() == 130
    told = [row.get("post_id", row.get("deleted_post_id")) for row in json.loads(text)]
    assert told == ["a", "b", "a"]


# --- From now on, and until a limit -----------------------------------------------------


CAUGHT_UP = r"following, caught up at \d\d:\d\d:\d\d\n"


@contextlib.contextmanager
def following(pair, *args):
    """One that has caught up."""
    with Postcli(pair, "stream-list", "--follow", "--progress", *args) as command:
        command.says(CAUGHT_UP)
        yield command


def test_from_now(filled):
    with following(filled, "--from-now") as command:
        put(filled, {"post_id": "c", "title": "three"})
        assert rows(command, 1) == [("c", "three")]
        command.signal(signal.SIGINT)
        assert command.end() == 130


def test_from_now_needs_follow(filled):
    _, err = cli.attempt(filled, "stream-list", "--from-now", code=2)
    assert err == "postcli: stream-list: --from-now needs --follow (try postcli stream-list --help)\n"


def test_a_limit_tells_where_to_go_on(filled):
    """It counts posts, of the listing and of what changes, and none that is gone."""
    with Postcli(filled, "stream-list", "--follow", "--tag", "x", "--limit", "3") as command:
        assert rows(command, 2) == LISTED
        put(filled, {"post_id": "a", "title": "no tag"})
        assert rows(command, 1) == [("a",)]
        put(filled, {"post_id": "c", "title": "three", "tags": ["x"]})
        assert rows(command, 1) == [("c", "three")]
        assert command.end() == 0 and command.rest() == b""
    put(filled, {"post_id": "d", "title": "four", "tags": ["x"]})
    with Postcli(filled, "stream-list", "--follow", "--tag", "x", *token_in(command.stderr)) as more:
        assert rows(more, 1) == [("d", "four")]


def test_a_reader_that_has_enough_ends_it(filled):
    """head takes its lines and goes, and nothing more is to be written."""
    done = cli.shell(filled, "$POSTCLI stream-list --follow | head -2 | wc -l; echo ${PIPESTATUS[@]}")
    assert done.stdout.split() == [b"2", b"0", b"0", b"0"] and done.stderr == b""


def test_a_live_pipe(filled):
    """What comes is passed on at once: by jq and its like, too."""
    with Postcli(filled, "stream-list", "--follow") as command:
        assert rows(command, 2) == LISTED
        for n in range(20):
            put(filled, {"post_id": f"p{n}", "title": "t"})
            assert rows(command, 1) == [(f"p{n}", "t")]


# --- Breaks: nothing is missed, and nothing comes twice ------------------------------------


class Feed:
    """Imports posts whose ids are new, and three that change again and again."""

    def __init__(self, pair):
        self.pair, self.n = pair, 0

    def put(self, calls):
        for _ in range(calls):
            put(self.pair, {"post_id": f"p{self.n}", "title": str(self.n)},
                {"post_id": f"again{self.n % 3}", "title": str(self.n)})
            self.n += 1

    def assert_told(self, command):
        """Each once; of what changed again no version twice, none after a newer one, and the last."""
        put(self.pair, {"post_id": "end", "title": "end"})
        got = rows_until(command, "end")
        assert [title for post_id, title in got if post_id.startswith("p")] == \
            [str(n) for n in range(self.n)]
        for k in range(3):
            versions = [int(title) for post_id, title in got if post_id == f"again{k}"]
            assert versions == sorted(set(versions)) and versions[-1] == self.last_of(k)

    def last_of(self, k):
        return max(n for n in range(self.n) if n % 3 == k)


@may_log("code=UNAVAILABLE")
def test_post_is_killed_again_and_again(filled):
    feed = Feed(filled)
    with following(filled, "--from-now") as command:
        for times in range(2, 5):
            feed.put(3)
            filled.post.kill()
            with frozen(command):  # so that it is not back before the next imports
                filled.post.start()
                feed.put(3)
            feed.put(1)
            command.says(CAUGHT_UP, times)
        feed.assert_told(command)
        command.signal(signal.SIGINT)
        assert command.end() == 130
    assert "resumed 3 times" in command.stderr


@may_log("code=UNAVAILABLE")
def test_post_is_killed_in_the_midst_of_a_listing(pair):
    """The rest of the listing and what has changed meanwhile come by the next calls."""
    pair.import_users(USERS)
    put(pair, *({"post_id": f"l{n}", "title": "x" * 1000} for n in range(20_000)))
    with Postcli(pair, "stream-list", "--follow") as command:
        got = rows(command, 10)  # its pipe is full by now
        pair.post.kill()
        pair.post.start()
        put(pair, {"post_id": "l0", "title": "changed"})
        while got[-1] != ("l0", "changed"):
            got += rows(command, 1)
        command.signal(signal.SIGINT)
        assert command.end() == 130
    assert [post_id for post_id, _ in got] == [f"l{n}" for n in range(20_000)] + ["l0"]
    assert "resumed 1 time" in command.stderr


@may_log("User is unreachable", "code=UNAVAILABLE")
def test_user_is_killed(start_pair):
    pair = start_pair(post_args=["--user-timeout", "200ms"])
    fill(pair)
    with following(pair, "--from-now") as command:
        pair.user.kill()
        put(pair, {"post_id": "c", "title": "of one not heard of yet", "user_id": "2"})
        command.says(r"postcli: User does not answer: .*; trying again until it does\n")
        assert not command.readable(0)
        pair.user.start()
        row = json.loads(command.line())
        assert (row["post_id"], row["author"]) == ("c", "Jessie")
        command.says(CAUGHT_UP, times=2)
        put(pair, {"post_id": "d", "title": "four"})
        assert rows(command, 1) == [("d", "four")]


def test_post_is_frozen(start_pair):
    pair = start_pair(post_args=["--keepalive-min-time", "50ms"])
    fill(pair)
    with following(pair, "--from-now", "--keepalive-time", "200ms",
                   "--keepalive-timeout", "200ms") as command:
        with frozen(pair.post):
            command.says(r"postcli: Post at \S+ does not answer: keepalive.*\n")
        command.says(CAUGHT_UP, times=2)
        put(pair, {"post_id": "c", "title": "three"})
        assert rows(command, 1) == [("c", "three")]


@may_log("too many requests of one caller follow")
def test_another_holds_the_place_of_this_caller(start_pair):
    """As a connection does that was cut, until the server notices."""
    pair = start_pair(post_args=["--max-follows-per-caller", "1"])
    fill(pair)
    holder = pair.posts.call("/v1.post.Post/ListPostsServerStream",
                             post.ListPostsRequest(follow=True, from_now=True))
    assert next(holder).caught_up
    with Postcli(pair, "stream-list", "--follow", "--from-now", "--progress") as command:
        command.says(r"postcli: Post at \S+ has no room: too many requests of one caller follow at once.*\n")
        holder.cancel()
        command.says(CAUGHT_UP)
        put(pair, {"post_id": "c", "title": "three"})
        assert rows(command, 1) == [("c", "three")]


def test_connections_end_by_age(start_pair):
    """Every 300 ms, while imports go on."""
    pair = start_pair(post_args=["--max-connection-age", "200ms",
                                 "--max-connection-age-grace", "100ms"])
    pair.import_users(USERS)
    feed = Feed(pair)
    with following(pair, "--from-now") as command:
        for connection in range(2, 6):
            feed.put(2)
            command.says(CAUGHT_UP, times=connection)
        feed.assert_told(command)


# --- Tokens, by hand --------------------------------------------------------------------


def test_ctrl_c_prints_a_token_that_goes_on(filled):
    with Postcli(filled, "stream-list", "--follow") as command:
        assert rows(command, 2) == LISTED
        put(filled, {"post_id": "c", "title": "three"})
        assert rows(command, 1) == [("c", "three")]
        token = interrupted(command)
    put(filled, {"post_id": "a", "title": "meanwhile"})
    for more in [], ["--from-now"]:  # a token says it better
        with Postcli(filled, "stream-list", "--follow", *more, *token) as command:
            assert rows(command, 1) == [("a", "meanwhile")]
            interrupted(command)


def test_a_token_of_a_listing_goes_on_as_a_follow(filled):
    done = cli.attempt(filled, "stream-list", "--limit", "1", code=0)
    assert done[0].count(b"\n") == 1
    listed = filled.posts.call("/v1.post.Post/ListPosts", post.ListPostsRequest(limit=1))
    with Postcli(filled, "stream-list", "--follow", "--page-token", listed.next_page_token) as command:
        assert rows(command, 1) == LISTED[1:]
        put(filled, {"post_id": "c", "title": "three"})
        assert rows(command, 1) == [("c", "three")]


@may_log("the deadline has passed")
def test_a_deadline_prints_it_too(filled):
    out, err = cli.attempt(filled, "stream-list", "--follow", "--deadline", "500ms")
    assert [shown(line) for line in out.splitlines()] == LISTED
    assert re.fullmatch(r"postcli: DEADLINE_EXCEEDED: .*\npostcli: resume with --page-token \S+\n", err), err


def test_changes_that_are_kept_no_more(start_pair):
    pair = start_pair(post_args=["--keep-changes", "1"])
    fill(pair)
    with Postcli(pair, "stream-list", "--follow") as command:
        rows(command, 2)
        token = interrupted(command)
    for n in range(4):
        put(pair, {"post_id": f"p{n}"}, {"post_id": f"q{n}"})
    out, err = cli.attempt(pair, "stream-list", "--follow", *token)
    assert out == b"" and err == (
        "postcli: FAILED_PRECONDITION: the changes since this token are not kept any more: list again from the start\n"
        "postcli: nothing can be resumed from there any more: begin again without --page-token\n")


@pytest.mark.parametrize("args", [["--user", "nobody"], ["--page-token", "damaged"]], ids=" ".join)
def test_what_is_refused(filled, args):
    out, err = cli.attempt(filled, "stream-list", "--follow", *args)
    assert out == b"" and "resume" not in err


# --- Servers that are not ours ----------------------------------------------------------


def changes(seen, answers):
    """The k-th call is answered by the k-th of these."""
    def answer(requests, context):
        seen.append(next(requests))
        yield from answers[len(seen) - 1](context)
    return answer


def goes_down(context, details="going down"):
    context.abort(grpc.StatusCode.UNAVAILABLE, details)


def says(*messages, then=goes_down):
    def answer(context):
        yield from messages
        then(context)
    return answer


def test_the_token_of_a_quiet_message_counts():
    seen = []
    answers = [says(message([1], next_page_token="1"), message([], next_page_token="2", caught_up=True)),
               says(message([], next_page_token="3")), says(message([2], next_page_token="4", last=True))]
    with serving(ListPostsServerStream=changes(seen, answers)) as target:
        done = postcli(target, "stream-list", "--follow", "--limit", "2")
    assert [(r.page_token, r.follow, r.limit) for r in seen] == [("", True, 2), ("2", True, 1), ("3", True, 1)]
    assert done.returncode == 0
    assert done.stderr == "postcli: resumed 2 times\npostcli: resume with --page-token 4\n"


def test_it_never_gives_up_but_at_the_beginning():
    """A server that was never there may be the wrong one; one that was will be there again."""
    seen = []
    failing = [says() for _ in range(11)]  # more than --max-tries allows a listing
    answers = [says(message([1], next_page_token="1")), *failing, says(message([2], next_page_token="2"))]
    with serving(ListPostsServerStream=changes(seen, answers)) as target:
        done = postcli(target, "stream-list", "--follow", "--limit", "2", "--retries", "0")
    assert done.returncode == 0 and len(seen) == 13, done.stderr
    with serving(ListPostsServerStream=changes(seen, [says()] * 99)) as target:
        done = postcli(target, "stream-list", "--follow", "--max-tries", "2", "--retries", "0")
    assert done.returncode == 1 and done.stderr == "postcli: UNAVAILABLE: going down\n"


def test_what_ends_it_after_a_break():
    seen = []

    def expired(context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not kept")

    answers = [says(message([1], next_page_token="1")), says(then=expired)]
    with serving(ListPostsServerStream=changes(seen, answers)) as target:
        done = postcli(target, "stream-list", "--follow")
    assert done.returncode == 1 and done.stderr == (
        "postcli: FAILED_PRECONDITION: not kept\n"
        "postcli: nothing can be resumed from there any more: begin again without --page-token\n")


# --- A terminal -------------------------------------------------------------------------


@may_log("code=UNAVAILABLE")
def test_on_a_terminal(filled):
    """A quiet line behind the rows, one while it waits, and one when it is back."""
    with Terminal(filled, "stream-list", "--follow") as terminal:
        terminal.until(lambda t: b"caught up" in t.err, "it says so")
        said = re.fullmatch(r"following, caught up at \d\d:\d\d:\d\d\n", told(terminal))
        assert said and terminal.out.count(b"\n") == 3
        filled.post.kill()
        terminal.until(lambda t: b"does not answer" in t.err, "it waits")
        filled.post.start()
        put(filled, {"post_id": "c", "title": "three"})
        terminal.until(lambda t: t.err.count(b"caught up at") == 2, "it is back")
        terminal.until(lambda t: b"three" in t.out, "the row")
        terminal.type(b"\x03")
        assert terminal.end() == 130
        lines = told(terminal).splitlines()
        assert len(lines) == 5 and re.match(r"postcli: Post at \S+ does not answer: .*; trying again until it does", lines[1])
        assert lines[3] == "postcli: resumed 1 time" and "resume with --page-token" in lines[4]


def told(terminal):
    return re.sub("\r(\x1b\\[K)?", "", terminal.err.decode())


def test_one_that_is_gone_is_faint(filled):
    with Terminal(filled, "stream-list", "--follow", "--tag", "x") as terminal:
        terminal.until(lambda t: b"caught up" in t.err, "it has caught up")
        put(filled, {"post_id": "a", "title": "no tag"})
        terminal.until(lambda t: re.search(rb"\x1b\[2ma +.*\(deleted\).*\x1b\[0m\r\n", t.out), "the row")


@pytest.mark.parametrize("args", [["--no-progress"], ["--no-progress", "--format", "none"]], ids=" ".join)
def test_quiet_where_it_is_wanted(filled, args):
    with Terminal(filled, "stream-list", "--follow", "--limit", "3", *args) as terminal:
        if "none" not in args:
            terminal.until(lambda t: b"two" in t.out, "the listing")
        put(filled, {"post_id": "c", "title": "three"})
        assert terminal.end() == 0
        assert re.fullmatch(r"postcli: resume with --page-token \S+\n", told(terminal))
