"""What "make demo" and "make run" start: the scripts, and postcli demo."""
import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
import urllib.request
from pathlib import Path

import pytest

import cli
import logs
import postgres
import timing
from client import Client
from issuer import hash_line
from logs import expects_log, may_log
from pair import BUILD, DIES_WITH_US, clean_environment
from protos import ROOT, post

SCRIPTS = ROOT / "client-cli" / "demo"
SHAPES = ["unary", "server streaming", "client streaming", "bidirectional, in lock step",
          "bidirectional, pipelined"]


def environment(tmp_path, **more):
    """Where the scripts put their data is said by each test: STORE is theirs, too."""
    (tmp_path / "tmp").mkdir(exist_ok=True)
    return {**clean_environment(), "BUILD": str(BUILD), "TMPDIR": str(tmp_path / "tmp"),
            "STORE": "", **more}


needs_postgres = pytest.mark.skipif(postgres.WHY_NOT is not None, reason=str(postgres.WHY_NOT))


@pytest.fixture
def reachable():
    """A folder that root's PostgreSQL can reach as well, which is none of root's."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        yield Path(folder)


def summary(output):
    """{name of the call: its numbers} of the table at the end."""
    rows = {}
    for line in output.splitlines():
        for name in SHAPES:
            if line.startswith(name + "  "):
                rows[name] = line[len(name):].replace(",", "").split()[:4]
    return {name: [int(n) for n in numbers] for name, numbers in rows.items()}


# --- make demo ----------------------------------------------------------------------


@pytest.mark.parametrize("store", ["", pytest.param("postgres", marks=needs_postgres)])
def test_the_demo_shows_all_shapes_and_leaves_nothing(tmp_path, store):
    done = subprocess.run([SCRIPTS / "demo.sh"], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=timing.limit(60),
                          env=environment(tmp_path, STORE=store))
    logs.look_at(done.stderr)
    assert done.returncode == 0, done.stderr
    calls = summary(done.stdout)
    assert list(calls) == SHAPES
    assert {posts for _, _, posts, _ in calls.values()} == {8}
    assert [calls[name][:2] for name in SHAPES] == [[1, 1], [1, 4], [4, 1], [4, 5], [4, 5]]
    assert "All four shapes brought the same posts." in done.stdout
    assert "the server waits" in done.stdout
    assert "A and B have heard the same" in done.stdout
    assert re.search(r"^1 +Henry +One call, many answers +grpc, streaming +2020-10-25$", done.stdout, re.M)
    assert "\x1b" not in done.stdout  # plain: no terminal
    assert os.listdir(tmp_path / "tmp") == []


def test_the_demo_shows_who_asks_whom_for_names(tmp_path):
    """What Post has asked User, each name once, and what it was told."""
    done = subprocess.run([SCRIPTS / "demo.sh"], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=timing.limit(60),
                          env=environment(tmp_path))
    logs.look_at(done.stderr)
    arrows = re.findall(r"^  Post (--->|<---) User   (.*)$", done.stdout, re.M)
    asked = [ids.split(", ") for arrow, ids in arrows if arrow == "--->"]
    assert sorted(sum(asked, [])) == ["1", "3", "4", "5"]
    assert arrows[-1] == ("<---", "the names of 1, 3, 4, 5")


def test_the_demo_says_why_it_failed(tmp_path):
    """A server that does not start, here: for a variable that is wrong."""
    done = subprocess.run([SCRIPTS / "demo.sh"], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=timing.limit(60),
                          env=environment(tmp_path, POST_SERVER_LOOPS="none"))
    assert done.returncode == 1
    assert "post-server did not start" in done.stderr and "POST_SERVER_LOOPS" in done.stderr
    assert os.listdir(tmp_path / "tmp") == []


# --- postcli demo -------------------------------------------------------------------


def test_a_demo_of_nothing(pair):
    _, err = cli.attempt(pair, "demo")
    assert err == "postcli: NOT_FOUND: there are no posts to show: import some\n"


def test_a_demo_of_more_than_it_shows(pair):
    cli.pipeline(pair, "$POSTCLI generate users --count 20 | $POSTCLI import users -\n"
                 "$POSTCLI generate posts --count 500 --users 20 | $POSTCLI import posts -")
    out = cli.run(pair, "demo", timeout=timing.limit(60)).decode()
    assert {posts for _, _, posts, _ in summary(out).values()} == {24}
    assert "All four shapes brought the same posts." in out


def test_a_demo_of_posts_by_people_whom_user_does_not_know(pair):
    users = [b"known" if i % 4 else b"ghost%d" % i for i in range(12)]
    posts = b"".join(b'{"post_id":"%d","user_id":"%s"}\n' % (i, user)
                     for i, user in enumerate(users))
    cli.run(pair, "import", "posts", "-", stdin=posts)
    _, err = cli.attempt(pair, "demo")
    assert "these posts are by people whom User does not know" in err
    cli.run(pair, "import", "users", "-", stdin=b'{"user_id":"known","name":"Known"}\n')
    out = cli.run(pair, "demo", timeout=timing.limit(60)).decode()
    assert [posts for _, _, posts, _ in summary(out).values()] == [12, 12, 9, 9, 9]
    assert "All four shapes brought the same posts." in out
    assert "Some are by people whom User does not know" in out


def test_live_data_again_and_again(pair):
    """It leaves nothing, so that it can be seen again."""
    cli.run(pair, "import", "users", SCRIPTS / "users.ndjson")
    cli.run(pair, "import", "posts", SCRIPTS / "posts.ndjson")
    for _ in range(2):
        out = cli.run(pair, "demo", "--live").decode()
        assert "A and B have heard the same" in out and "B: 3 deleted, " in out
        back = out[out.index("B is cut"):]
        assert re.search(r"B: \{follow: true, page_token: .*\n.* B: post postcli-demo-2, .*, caught up", back), out
        assert cli.run(pair, "list").count(b"\n") == 8


def test_live_data_where_imports_are_refused(pair, tmp_path):
    """One line says why, and nothing hangs, though two follow."""
    cli.run(pair, "import", "users", SCRIPTS / "users.ndjson")
    cli.run(pair, "import", "posts", SCRIPTS / "posts.ndjson")
    (tmp_path / "tokens").write_text(hash_line("reader"))
    pair.post.restart("--token-file", str(tmp_path / "tokens"))
    _, err = cli.attempt(pair, "demo", "--live", "--token", "reader", "--allow-insecure-token")
    assert re.fullmatch(r"postcli: PERMISSION_DENIED: .*\n", err), err


# --- make run -----------------------------------------------------------------------


class Run:
    """run.sh, from its first word to its last."""

    def __init__(self, tmp_path, **more):
        self.env = {**environment(tmp_path), "DATA": str(tmp_path / "data"),
                    "USER_LISTEN": "127.0.0.1:0", "POST_LISTEN": "127.0.0.1:0", **more}
        self.process = subprocess.Popen([*DIES_WITH_US, SCRIPTS / "run.sh"], env=self.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.words = ""

    def until_it_serves(self):
        while "try: " not in self.words:
            line = self.process.stdout.readline()
            assert line, self.words
            self.words += line
        self.listen = dict(re.findall(r"^(\S+)-server: serving on (\S+)", self.words, re.M))
        return self

    def postcli_environment(self):
        """What cli.py asks of a pair."""
        return {**self.env, "POSTCLI_TARGET": self.listen["post"],
                "POSTCLI_USER_TARGET": self.listen["user"]}

    def end(self):
        """Its exit code, when both servers have let go of its output."""
        words, _ = self.process.communicate(timeout=timing.limit(30))
        self.words += words
        logs.look_at(self.words)
        return self.process.returncode


@pytest.fixture
def run(tmp_path):
    with contextlib.ExitStack() as stack:
        def start(**more):
            script = Run(tmp_path, **more)
            stack.callback(script.process.wait)
            stack.callback(script.process.terminate)
            return script
        yield start


def test_run_listens_where_the_servers_are_told_to(run):
    """And its hint names the addresses, for they are not postcli's."""
    script = run(USER_LISTEN="", POST_LISTEN="", USER_SERVER_LISTEN="127.0.0.1:0",
                 POST_SERVER_LISTEN="127.0.0.1:0,[::1]:0").until_it_serves()
    assert (f"try: {BUILD}/postcli --target {script.listen['post']} --user-target "
            f"{script.listen['user']} stream-list (Ctrl-C") in script.words
    assert " and [::1]:" in script.words
    script.process.send_signal(signal.SIGINT)
    assert script.end() == 0


def test_run_says_where_the_consoles_are(run):
    script = run().until_it_serves()
    consoles = dict(re.findall(r"^(\w+) in a browser: (\S+) ", script.words, re.M))
    assert consoles == {"User": f"http://{script.listen['user']}/",
                        "Post": f"http://{script.listen['post']}/"}
    for url in consoles.values():
        with urllib.request.urlopen(url, timeout=timing.CALL) as page:
            assert b"<title>Streaming console</title>" in page.read()
    script.process.send_signal(signal.SIGINT)
    assert script.end() == 0


def test_run_on_the_core_has_no_console(run):
    script = run(POST_SERVER_TRANSPORT="core").until_it_serves()
    assert "console of" not in script.words
    script.process.send_signal(signal.SIGINT)
    assert script.end() == 0


@pytest.mark.parametrize("target", ["run", pytest.param("run-postgres", marks=needs_postgres)])
def test_ctrl_c_in_make_run(tmp_path, reachable, target):
    """Two servers that stop, and no word of it as if anything had gone wrong."""
    env = {**environment(tmp_path), "USER_LISTEN": "127.0.0.1:0", "POST_LISTEN": "127.0.0.1:0"}
    leader, follower = os.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "make", "-s", f"BUILD={os.path.relpath(BUILD, ROOT)}",
         f"DATA={reachable / 'data'}", target], cwd=ROOT, env=env, stdin=follower, stdout=follower,
        stderr=follower)
    os.close(follower)
    words = read_until(leader, b"Ctrl-C here stops both servers")
    os.write(leader, b"\x03")
    words += read_until(leader, None)
    assert process.wait(timing.STOP) == 0, words
    os.close(leader)
    logs.look_at(words.decode())
    assert words.count(b": stopping, at most") == 2
    assert b"CANCELLED" not in words and b"***" not in words, words.decode()


def test_ctrl_c_in_make_demo(tmp_path):
    """It was asked for: make does not call it an error."""
    leader, follower = os.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "make", "-s", f"BUILD={os.path.relpath(BUILD, ROOT)}",
         "demo"], cwd=ROOT, env=environment(tmp_path), stdin=follower, stdout=follower,
        stderr=follower)
    os.close(follower)
    words = read_until(leader, b"user-server on ")
    os.write(leader, b"\x03")
    words += read_until(leader, None)
    assert process.wait(timing.STOP) == 0, words
    os.close(leader)
    assert b"***" not in words, words.decode()


def read_until(descriptor, end):
    """All that comes up to there; None: until nobody writes any more."""
    words = b""
    while end is None or end not in words:
        assert select.select([descriptor], [], [], timing.limit(60))[0], words
        try:
            words += os.read(descriptor, 4096)
        except OSError:  # EIO: the other side is closed
            assert end is None, words
            return words
    return words


def test_run_keeps_its_data(run, tmp_path):
    demo = (SCRIPTS / "posts.ndjson").read_bytes()
    first = run().until_it_serves()
    assert str(tmp_path / "data") in first.words
    assert cli.run(first, "stream-list") == demo
    cli.run(first, "import", "users", "-", stdin=b'{"user_id":"1","name":"Heinrich"}\n')
    first.process.send_signal(signal.SIGINT)
    assert first.end() == 0

    second = run().until_it_serves()
    assert "of the demo" not in second.words
    assert cli.run(second, "stream-list") == demo.replace(b"Henry", b"Heinrich")
    second.process.send_signal(signal.SIGTERM)
    assert second.end() == 0
    assert os.listdir(tmp_path / "tmp") == []


@needs_postgres
def test_run_on_a_postgresql_keeps_its_data(run, reachable):
    """And ends it behind the servers: what it has to say of that is in its log."""
    data = reachable / "data"
    demo = (SCRIPTS / "posts.ndjson").read_bytes()
    for which in "first", "second":
        script = run(DATA=str(data), STORE="postgres").until_it_serves()
        assert ("of the demo" in script.words) == (which == "first")
        assert cli.run(script, "stream-list") == demo
        script.process.send_signal(signal.SIGINT)
        assert script.end() == 0
        assert "FATAL" not in script.words and "LOG:" not in script.words
        folder = Path(re.search(r"psql '.*host=(\S+)'", script.words)[1])
        assert folder.parent == Path("/tmp") and not folder.exists()
        assert not (data / "postgres" / "postmaster.pid").exists()


@needs_postgres
def test_run_says_that_its_postgresql_runs_already(run, reachable):
    """One that was left over, or another make run-postgres: it is not stopped."""
    first = run(DATA=str(reachable), STORE="postgres").until_it_serves()
    second = run(DATA=str(reachable), STORE="postgres")
    assert second.end() == 1
    assert f"a PostgreSQL runs on {reachable}/postgres already; to stop it: " in second.words
    assert cli.run(first, "stream-list") == (SCRIPTS / "posts.ndjson").read_bytes()


def test_run_that_could_not_start_begins_with_the_demo_the_next_time(run):
    other = run().until_it_serves()
    failed = run(DATA=other.env["DATA"] + "-2", POST_LISTEN=other.listen["post"])
    assert failed.end() == 1
    assert other.listen["post"] in failed.words
    again = run(DATA=other.env["DATA"] + "-2").until_it_serves()
    assert cli.run(again, "stream-list") == (SCRIPTS / "posts.ndjson").read_bytes()


def test_run_finishes_its_answers(run):
    """Post needs User to the end: it is stopped first."""
    script = run().until_it_serves()
    cli.pipeline(script, "$POSTCLI generate users --count 20000 | $POSTCLI import users -\n"
                 "$POSTCLI generate posts --count 60000 --users 20000 | $POSTCLI import posts -",
                 timing.limit(60))
    with cli.Postcli(script, "stream-list", "--no-resume") as listing:
        rows = [listing.line()]  # the rest is more than the pipes between hold
        script.process.send_signal(signal.SIGINT)
        line = script.process.stdout.readline()
        assert "post-server: " in line and "stopping" in line, line
        rows += listing.rest().splitlines(True)
        assert listing.end() == 0, listing.stderr
    assert len(rows) == 60008
    assert script.end() == 0
    assert "unreachable" not in script.words


@expects_log("again: not waiting for calls")
@may_log("the server is stopping", "User is unreachable")
def test_ctrl_c_twice_does_not_wait(run):
    """An import that makes no end holds the first one up; what it sent is stored when it is open."""
    script = run(POST_SERVER_DRAIN_TIMEOUT="1h").until_it_serves()
    one = post.ImportPostsRequest(post_messages=[post.PostMessage(post_id="open", user_id="1")])
    with (Client(script.listen["post"]) as posts,
          posts.open("/v1.post.Post/ImportPosts") as stuck):
        stuck.send(one)
        timing.wait_until(lambda: b'"open"' in cli.run(script, "list"), "the post is stored")
        script.process.send_signal(signal.SIGINT)
        assert "stopping" in script.process.stdout.readline()
        script.process.send_signal(signal.SIGINT)
        assert script.end() == 1
