"""What postcli says while it waits: for whom, why, until when; within half a second, and once
for each outage. And that it does not wait for User as often as it has attempts."""
import re
import select
import subprocess
import threading
import time

import grpc
import pytest

import cli
import timing
from cli import Postcli
from logs import may_log
from pair import BUILD, frozen
from ports import free_port
from protos import ROOT
from test_postcli_bad_server import ids, message, postcli, serving

pytestmark = may_log("User is unreachable", "slow call")

DEMO = ROOT / "client-cli" / "demo"
SOON = 0.5 + timing.MARGIN  # half a second, for which a busy machine may need longer
USER_TIMEOUT = 2.0

NO_USER = (r"postcli: User does not answer; "
           r"Post waits for it, for post-server's --user-timeout \(5 s by default\)\n")
FAILED = r"postcli: UNAVAILABLE: .*\n(postcli: detail google.rpc.ErrorInfo .*\n)?"
READERS = [["list"], ["stream-list"], ["collect-list", "--all"], ["bidi-list", "1"], ["get", "1"],
           ["list", "--user", "1"], ["call", "v1.post.Post/GetPost", '{"postId":"1"}']]
NAMES = [" ".join(args) for args in READERS]


@pytest.fixture
def demo(start_pair):
    pair = start_pair(post_args=["--user-timeout", f"{USER_TIMEOUT:.0f}s"])
    cli.run(pair, "import", "users", DEMO / "users.ndjson")
    cli.run(pair, "import", "posts", DEMO / "posts.ndjson")
    return pair


class Waiting(Postcli):
    """A command, and when the first line of its standard error came."""

    def __init__(self, pair, *args, **more):
        self.began = time.monotonic()
        super().__init__(pair, *args, **more)

    def first_word(self):
        assert select.select([self.process.stderr], [], [], timing.CALL)[0], "it says nothing"
        return time.monotonic() - self.began

    def took(self):
        """How long it was until its end; what it said is in .stderr."""
        self.code = self.end()
        return time.monotonic() - self.began


@pytest.mark.parametrize("args", READERS, ids=NAMES)
def test_user_is_gone(demo, args):
    """Told at once; and Post's patience is not asked for again."""
    demo.user.kill()
    with Waiting(demo, *args) as command:
        assert command.first_word() < SOON
        took = command.took()
    assert USER_TIMEOUT - 0.1 < took < USER_TIMEOUT + timing.MARGIN and command.code == 1
    assert re.fullmatch(NO_USER + FAILED, command.stderr), command.stderr
    demo.user.start()


def test_user_is_gone_and_comes_back(demo):
    """In time, so the command ends well."""
    demo.user.kill()
    with Waiting(demo, "list", "--limit", "1") as command:
        assert command.first_word() < SOON
        demo.user.start()
        assert command.end() == 0
    assert re.fullmatch(NO_USER + r"postcli: resume with .*\n", command.stderr), command.stderr


def test_with_a_deadline(demo):
    demo.user.kill()
    with Waiting(demo, "list", "--deadline", "1500ms") as command:
        assert command.first_word() < SOON
        command.took()
    assert re.fullmatch(r"postcli: User does not answer; waiting for it, 1 s at most \(--deadline\)\n"
                        r"postcli: DEADLINE_EXCEEDED: .*: User does not answer\n",
                        command.stderr), command.stderr
    demo.user.start()


@pytest.mark.parametrize("args", [["list"], ["users", "list"]], ids=["Post", "User"])
def test_a_frozen_server(demo, args):
    server, name = (demo.user, "User") if "users" in args else (demo.post, "Post")
    with frozen(server):
        with Waiting(demo, *args, "--deadline", "1500ms") as command:
            assert command.first_word() < SOON
            command.took()
    assert command.stderr.startswith(
        f"postcli: {name} at {server.listen} does not answer; waiting for it, "), command.stderr
    assert command.stderr.count("\n") == 2 and "DEADLINE_EXCEEDED" in command.stderr


# --- Post is gone ----------------------------------------------------------------------


@pytest.fixture(name="nobody")
def nobody_there():
    return f"127.0.0.1:{free_port()}"


@pytest.mark.parametrize("variables", [{}, {"POSTCLI_PROGRESS": "true"}], ids=["pipe", "progress"])
def test_stream_list_tells_of_its_tries(pair, nobody, variables):
    """Once, whatever number of attempts it makes."""
    with Waiting(pair, "stream-list", "--max-tries", "4", "--target", nobody,
                 variables=variables) as command:
        assert command.first_word() < SOON
        took = command.took()
    assert command.code == 1 and took < 0.45 + 1.5 + timing.MARGIN
    assert re.fullmatch(rf"postcli: Post at {nobody} does not answer: Connection refused; "
                        r"trying again, [34] s at most\n" + FAILED, command.stderr), command.stderr


@pytest.mark.parametrize("seconds", [1, 2])
def test_a_deadline_ends_a_wait_between_tries(pair, nobody, seconds):
    with Waiting(pair, "stream-list", "--deadline", f"{seconds}s", "--target", nobody) as command:
        took = command.took()
    assert command.code == 1 and seconds - 0.1 < took < seconds + 0.3 + timing.MARGIN
    assert re.search(r"DEADLINE_EXCEEDED: --deadline has passed: Post at .*Connection refused\n$",
                     command.stderr), command.stderr


def test_no_word_where_it_fails_at_once(pair):
    """A refusal is told by the end of the command."""
    for args in (["list", "--retries", "0"], ["stream-list", "--no-resume", "--retries", "0"]):
        done = pair.postcli(*args, "--target", "127.0.0.1:1")
        assert re.fullmatch(FAILED, done.stderr), done.stderr


def test_wait_for_ready(pair):
    pair.post.stop()
    with Waiting(pair, "list", "--wait-for-ready") as command:
        assert command.first_word() < SOON
        pair.post.start()
        assert command.end() == 0
    assert re.fullmatch(rf"postcli: Post at {pair.post.listen} does not answer"
                        r"(: Connection refused)?; waiting until it does\n", command.stderr)


def test_the_cause_is_kept(pair, nobody):
    """Not only that time was over."""
    done = pair.postcli("list", "--wait-for-ready", "--deadline", "1s", "--target", nobody)
    assert re.search(rf"DEADLINE_EXCEEDED: .*Post at {nobody}: .*Connection refused\n$",
                     done.stderr), done.stderr
    done = pair.postcli("list", "--wait-for-ready", "--deadline", "1s", "--target",
                        "no-such-host.invalid:9001")
    assert re.search(r"DEADLINE_EXCEEDED: .*(DNS resolution failed for no-such-host.invalid|"
                     r"no connection to Post at no-such-host.invalid:9001)", done.stderr)


# --- Servers that are there ------------------------------------------------------------


def test_a_first_answer_that_is_late():
    """Without health checking, and so without a cause."""
    go_on = threading.Event()

    def answer(_, context):
        go_on.wait(timing.CALL)
        yield message([1], last=True)

    with serving(ListPosts=answer) as target:
        command = subprocess.Popen([BUILD / "postcli", "list", "--target", target],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = command.stderr.readline().decode()
        go_on.set()
        assert command.wait(timing.CALL) == 0
        command.stdout.close()
        command.stderr.close()
    assert line == f"postcli: Post at {target} does not answer, though it is there; waiting for it\n"


def test_a_listing_that_breaks_and_goes_on():
    """A long outage in mid-stream is told, and over with the next message."""
    calls = []

    def answer(_, context):
        calls.append(1)
        if len(calls) == 1:
            yield message([1], next_page_token="1")
        if len(calls) < 6:
            context.abort(grpc.StatusCode.UNAVAILABLE, "going: down")
        yield message([2], last=True)

    with serving(ListPostsServerStream=answer) as target:
        done = postcli(target, "stream-list", "--retries", "0")
    assert done.returncode == 0 and ids(done) == ["1", "2"]
    assert re.fullmatch(rf"postcli: Post at {target} does not answer: down; trying again, "
                        r"1[45] s at most\npostcli: resumed 1 time\n", done.stderr), done.stderr


@pytest.mark.parametrize("args", [["call", "a.B/C"], ["describe"], ["health"]], ids=" ".join)
def test_a_server_that_is_not_ours_is_called_by_its_target(args):
    """Whoever it is, it need not be Post."""
    target = f"127.0.0.1:{free_port()}"
    done = postcli(target, *args, "--wait-for-ready", "--deadline", "1500ms")
    assert done.returncode == 1
    assert done.stderr.startswith(f"postcli: the server at {target} does not answer"), done.stderr
    assert "Post" not in done.stderr
