"""postcli as people meet it: exit codes, pipes, Ctrl-C, formats, a terminal."""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

import pytest

import cli
import timing
from cli import Postcli
from logs import may_log
from pair import Pair, frozen
from protos import ROOT
from test_shapes import SHAPES, rows_of
from timing import wait_until

DEMO = ROOT / "client-cli" / "demo"
COUNT, USERS = 60_000, 300  # more than a client takes in ahead of its reader
SLOW = timing.limit(60)


@pytest.fixture(scope="module")
def demo_pair(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("demo")) as pair:
        cli.run(pair, "import", "users", DEMO / "users.ndjson")
        cli.run(pair, "import", "posts", DEMO / "posts.ndjson")
        yield pair


class Many:
    """A pair with more posts than pipes and sockets hold."""

    def __init__(self, pair):
        self.pair = pair
        cli.pipeline(pair, f"$POSTCLI generate users --count {USERS} | $POSTCLI import users -\n"
                     f"$POSTCLI generate posts --count {COUNT} --users {USERS} |"
                     "$POSTCLI import posts -", SLOW)
        self.whole = cli.run(pair, "stream-list", timeout=SLOW)
        ids = re.findall(rb'"user_id":"([^"]*)"', self.whole)
        self.ids = list(dict.fromkeys(ids))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("many")) as pair:
        yield Many(pair)


@pytest.fixture
def many(filled):
    """Both servers run, whatever the last test did."""
    for server in (filled.pair.user, filled.pair.post):
        if server.process is None:
            server.start()
    return filled


# --- Exit codes ------------------------------------------------------------------------


@pytest.mark.parametrize("args, words", [
    ([], "Usage: postcli"),
    (["frobnicate"], "unknown command: frobnicate"),
    (["list", "--frobnicate"], "unknown option --frobnicate"),
    (["list", "extra"], "takes no argument: extra"),
    (["list", "--limit", "-1"], "-1 is not from 0"),
    (["list", "--limit", "ten"], "not a whole number"),
    (["list", "--page-size", "4000000000"], "4000000000 is not from"),
    (["list", "--format", "xml"], "not one of table|wide|expanded|csv|ndjson|json|none"),
    (["list", "--deadline", "5"], "not a duration"),
    (["collect-list", "--all", "1"], "--all takes no ids: 1"),
    (["bidi-list", "--all", "1"], "--all takes no ids: 1"),
    (["import"], "posts or users?"),
    (["import", "cats", "-"], "\"cats\" is not posts or users"),
    (["import", "posts"], "takes one file"),
    (["delete"], "posts or users?"),
    (["delete", "cats", "1"], "\"cats\" is not posts or users"),
    (["delete", "posts"], "takes ids, or -"),
    (["delete", "posts", "--yes", "1", "-"], "takes ids, or -"),
    (["delete", "users", "1"], "give --yes"),
    (["generate", "posts"], "--count"),
    (["generate"], "posts or users?"),
    (["generate", "posts", "--count", "1", "2"], "takes no more arguments: 2"),
    (["stream-list", "extra"], "takes no argument: extra"),
    (["demo", "extra"], "takes no argument: extra"),
    (["users", "list", "extra"], "takes no argument: extra"),
    (["list", "--help=poem"], "not text, man or words"),
    (["users"], "get, list or resolve?"),
    (["users", "frobnicate"], "frobnicate"),
    (["users", "get"], "ID"),
    (["get"], "ID"),
], ids=" ".join)
def test_wrong_usage(demo_pair, args, words):
    out, err = cli.attempt(demo_pair, *args, code=2)
    assert out == b"" and words.lower() in err.lower(), err


@pytest.mark.parametrize("command", ["", "list", "stream-list", "collect-list", "bidi-list",
                                     "get", "demo", "import", "delete", "delete posts",
                                     "delete users", "generate", "users", "users get",
                                     "users list", "users resolve"])
def test_help(demo_pair, command):
    out, err = cli.attempt(demo_pair, *command.split(), "--help", code=0)
    assert out.startswith(f"Usage: postcli {command}".rstrip().encode()) and err == ""
    assert all(len(line) <= 100 for line in out.decode().splitlines())
    calls = command not in ("", "delete", "generate", "users")
    assert (b"\nConnection:\n  --target " in out) == calls


def test_a_call_that_failed(demo_pair):
    """One line: the code's name and the message; and one for what can be done about it."""
    for args in (["list", "--user", "nobody"], ["stream-list", "--user", "nobody"],
                 ["list", "--page-token", "damaged"], ["stream-list", "--page-token", "damaged"],
                 ["collect-list", "--all", "--page-size", "0", "--target", "127.0.0.1:1"]):
        out, err = cli.attempt(demo_pair, *args)
        assert out == b"" and re.fullmatch(
            r"postcli: [A-Z_]+: .+\n(postcli: reason [A-Z_]+, field page_token\n)?", err), err
    assert "NOT_FOUND" in cli.attempt(demo_pair, "list", "--user", "nobody")[1]
    assert "INVALID_ARGUMENT" in cli.attempt(demo_pair, "list", "--page-token", "damaged")[1]


def test_a_server_that_is_not_there(demo_pair):
    for args in (["list"], ["collect-list", "--all"], ["bidi-list", "--all"],
                 ["stream-list", "--no-resume"], ["stream-list", "--max-tries", "2"],
                 ["bidi-list", "1"], ["users", "list", "--user-target", "127.0.0.1:1"]):
        target = [] if "users" in args else ["--target", "127.0.0.1:1"]
        out, err = cli.attempt(demo_pair, *args, *target)
        assert out == b"" and re.fullmatch(
            r"(postcli: (Post|User) at .* does not answer.*\n)?postcli: UNAVAILABLE: .*\n", err), err


def test_the_command_line_wins_over_the_environment(demo_pair):
    out = cli.shell(demo_pair, "POSTCLI_LIMIT=2 $POSTCLI list | wc -l\n"
                    "POSTCLI_LIMIT=2 $POSTCLI list --limit 3 | wc -l\n"
                    "POSTCLI_LIMIT=x $POSTCLI list; echo $?")
    assert out.stdout.split() == [b"2", b"3", b"2"]
    assert b"POSTCLI_LIMIT" in out.stderr


# --- Unknown ids -----------------------------------------------------------------------


@pytest.mark.parametrize("command", ["collect-list", "bidi-list"])
@pytest.mark.parametrize("how", ["arguments", "input"])
def test_unknown_ids_are_named_and_the_others_answered(demo_pair, command, how):
    ids = ["nobody", "1", "nemo", "5"]
    if how == "arguments":
        out, err = cli.attempt(demo_pair, command, *ids)
    else:
        out, err = cli.attempt(demo_pair, command, stdin="\n".join(ids).encode())
    assert [row["post_id"] for row in rows_of(out)] == ["1", "2", "3", "4", "8"]
    assert re.fullmatch(r"postcli: nobody: NOT_FOUND: .*\npostcli: nemo: NOT_FOUND: .*\n", err), err


@pytest.mark.parametrize("size", [0, 1, 3, 100])
def test_collect_list_goes_on_over_many_ids(demo_pair, size):
    """More ids than one call takes, most of them without a post to fill an answer."""
    ids = [i for n in range(50) for i in (f"nobody-{n}", "2", "2", *(["1", "3"] if n % 7 == 0 else []))]
    out, err = cli.attempt(demo_pair, "collect-list", "--page-size", size, *ids)
    assert [row["post_id"] for row in rows_of(out)] == list("12345" * 8)
    assert re.findall(r"^postcli: nobody-(\d+): NOT_FOUND: ", err, re.M) == [str(n) for n in range(50)]
    with Postcli(demo_pair, "collect-list", "--page-size", size, stdin=subprocess.PIPE) as command:
        command.write(b"2\n" * 40 + b"1\n")  # the input ends later, when calls may be done
        command.process.stdin.close()
        command.process.stdin = None
        assert [row["post_id"] for row in rows_of(command.rest())] == list("1234")
        assert command.end() == 0


@pytest.mark.parametrize("command", ["collect-list", "bidi-list"])
def test_ids_of_all_kinds(demo_pair, command):
    """Blank lines are no ids; what cannot be one is told with its line."""
    data = b"\n  5 \r\n\n" + b"a\0b\n" + b"x" * 300 + b"\n1"
    out, err = cli.attempt(demo_pair, command, "--limit", 2, stdin=data)
    assert [row["post_id"] for row in rows_of(out)] == ["8", "1"]
    assert "-:4: an id cannot hold a NUL byte\n" in err
    assert f"postcli: {'x' * 300}: INVALID_ARGUMENT: " in err


@pytest.mark.parametrize("command", ["collect-list", "bidi-list"])
def test_a_dash_is_standard_input(demo_pair, command):
    out = cli.run(demo_pair, command, "-", stdin=b"5\n1\n")
    assert out == cli.run(demo_pair, command, "5", "1") != b""


def test_no_ids(demo_pair):
    for command in ("collect-list", "bidi-list"):
        assert cli.run(demo_pair, command) == b""


@pytest.mark.parametrize("format", ["table", "ndjson", "json"])
def test_get(demo_pair, format):
    """Posts in the order of their ids on the line, printed as a listing prints them."""
    listed = cli.run(demo_pair, "list", "--user", "3", "--format", format)
    assert cli.run(demo_pair, "get", "5", "--format", format) == listed
    out = cli.run(demo_pair, "get", "8", "1", "8")
    assert [row["post_id"] for row in rows_of(out)] == ["8", "1", "8"]


def test_get_not_found(demo_pair):
    out, err = cli.attempt(demo_pair, "get", "1", "nothing", "3")
    assert [row["post_id"] for row in rows_of(out)] == ["1", "3"]
    assert "postcli: nothing: NOT_FOUND: there is no post nothing\n" in err


def test_users_not_found(demo_pair):
    out, err = cli.attempt(demo_pair, "users", "get", "1", "nobody", "3")
    assert [row["user_id"] for row in rows_of(out)] == ["1", "3"] and "nobody" in err
    out, err = cli.attempt(demo_pair, "users", "resolve", "1", "nobody")
    assert b"Henry" in out and "nobody" in out.decode() + err


# --- Lock step -------------------------------------------------------------------------


def test_bidi_list_answers_line_by_line(demo_pair):
    """An id is answered before the next one is written."""
    with Postcli(demo_pair, "bidi-list", stdin=subprocess.PIPE) as command:
        for user_id, post_ids in (("1", "1234"), ("3", "5"), ("4", "67"), ("5", "8"), ("1", "1234")):
            command.write(user_id.encode() + b"\n")
            assert [json.loads(command.line())["post_id"] for _ in post_ids] == list(post_ids)
        assert not command.readable(0)
        assert command.end() == 0
        assert command.rest() == b""


def test_users_resolve_answers_line_by_line(demo_pair):
    with Postcli(demo_pair, "users", "resolve", stdin=subprocess.PIPE) as command:
        for user_id, name in (("1", "Henry"), ("3", "Jessie"), ("1", "Henry")):
            command.write(user_id.encode() + b"\n")
            assert json.loads(command.line())["name"] == name
        assert command.end() == 0


# --- Pipes, Ctrl-C, and how to go on -----------------------------------------------------


def wait_until_full(command):
    """The pipe is, and nobody reads. How many bytes that are depends on how they were written: only a
    writer is told."""
    writer = os.open(f"/proc/self/fd/{command.stdout.fileno()}", os.O_WRONLY | os.O_NONBLOCK)
    try:
        wait_until(lambda: not select.select([], [writer], [], 0)[1], "the pipe is full")
    finally:
        os.close(writer)


def assert_nothing_in_progress(server):
    """It ends at once, though it would wait for calls for an hour."""
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < timing.MARGIN


@pytest.mark.parametrize("shape", SHAPES, ids=" ".join)
def test_a_closed_pipe(many, shape):
    """Who reads no more has what they wanted: no error, and the server stops working."""
    many.pair.post.restart("--drain-timeout", "1h")
    ids = " ".join(i.decode() for i in many.ids) if shape in (["collect-list"], ["bidi-list"]) else ""
    done = cli.shell(many.pair, f"$POSTCLI {' '.join(shape)} {ids} | head -3; "
                     "echo ${PIPESTATUS[@]} >&2")
    assert done.stdout == b"".join(many.whole.splitlines(True)[:3])
    assert done.stderr == b"0 0\n"
    assert_nothing_in_progress(many.pair.post)


def test_no_output_at_all(many):
    """/dev/full is an error, a closed standard output too."""
    for to, why in (("> /dev/full", b"No space left on device"), (">&-", b"Bad file descriptor")):
        done = cli.shell(many.pair, f"$POSTCLI stream-list {to}")
        assert done.returncode == 1 and done.stdout == b""
        assert done.stderr == b"postcli: cannot write to standard output: " + why + b"\n"
    done = cli.shell(many.pair, "$POSTCLI bidi-list <&-")
    assert done.returncode == 1 and done.stdout == b""
    assert done.stderr == b"postcli: cannot read standard input: Bad file descriptor\n"


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)],
                         ids=["INT", "TERM"])
@pytest.mark.parametrize("shape", SHAPES, ids=" ".join)
def test_a_signal_while_the_pipe_is_full(many, shape, number, code):
    with listing(many, shape) as command:
        wait_until_full(command)
        command.signal(number)
        assert command.process.wait(timing.MARGIN) == code
        printed = command.rest()
        command.end()
    assert printed and many.whole.startswith(printed)


def listing(many, shape, *options):
    ids = [] if "--all" in shape or shape[0] in ("list", "stream-list") else many.ids
    return Postcli(many.pair, *shape, *[i.decode() for i in ids], *options)


def resume_arguments(many, shape, hint):
    """What the hint says, as arguments."""
    if shape in (["collect-list"], ["bidi-list"]):
        if after := re.fullmatch(r"the ids after (\S+)", hint):
            return [i.decode() for i in many.ids[many.ids.index(after[1].encode()) + 1:]]
        token, user_id = re.fullmatch(r"--page-token (\S+), ids from (\S+) on", hint).groups()
        return ["--page-token", token,
                *[i.decode() for i in many.ids[many.ids.index(user_id.encode()):]]]
    return re.fullmatch(r"(--page-token) (\S+)", hint).groups()


def hint_in(stderr):
    found = re.search(r"^postcli: resume with (.*)$", stderr, re.M)
    assert found, stderr
    return found[1]


@pytest.mark.parametrize("how", ["Ctrl-C", "failure"])
@pytest.mark.parametrize("shape", SHAPES, ids=" ".join)
def test_what_is_printed_at_the_end_goes_on_from_there(many, shape, how):
    """What was printed and what the hint gives are the whole, row for row."""
    with listing(many, shape, *(["--no-resume"] if shape[0] == "stream-list" else [])) as command:
        printed = b""
        while len(printed) < len(many.whole) // 50:  # long before the client has got it all
            printed += command.chunk()
        if how == "Ctrl-C":
            command.signal(signal.SIGINT)
        else:
            many.pair.post.kill()
        printed += command.rest()
        assert command.end() == (130 if how == "Ctrl-C" else 1)
    if how == "failure":
        # Before it, perhaps, whom it has waited for: it tries again for a while.
        assert "\npostcli: UNAVAILABLE: " in "\n" + command.stderr, command.stderr
        many.pair.post.start()
    assert len(printed) < len(many.whole)
    rest = cli.run(many.pair, *shape, *resume_arguments(many, shape, hint_in(command.stderr)))
    assert (printed + rest) == many.whole


@pytest.mark.parametrize("shape", [["list"], ["stream-list"], ["collect-list"], ["bidi-list"]],
                         ids=" ".join)
def test_the_rest_after_a_limit(many, shape):
    """A limit that cuts something off says where to go on; one that does not says nothing."""
    with listing(many, shape, "--limit", COUNT // 3) as command:
        printed = command.rest()
        assert command.end() == 0
    arguments = resume_arguments(many, shape, hint_in(command.stderr))
    assert printed + cli.run(many.pair, *shape, *arguments, timeout=SLOW) == many.whole
    if shape[0] in ("list", "stream-list"):
        assert cli.attempt(many.pair, *shape, "--limit", COUNT + 1, code=0)[1] == ""


def test_a_token_after_a_limit(many):
    """--page-token is for the next piece, and --limit for this one."""
    with listing(many, ["stream-list"], "--no-resume") as command:
        printed = command.chunk()
        command.signal(signal.SIGINT)
        printed += command.rest()
        command.end()
    done = printed.count(b"\n")
    arguments = resume_arguments(many, ["stream-list"], hint_in(command.stderr))
    rest = cli.run(many.pair, "list", *arguments, "--limit", 10)  # a token fits every shape
    assert printed + rest == b"".join(many.whole.splitlines(True)[:done + 10])


def test_ctrl_c_while_waiting_for_input(demo_pair):
    for command_line in (["bidi-list"], ["collect-list"], ["users", "resolve"],
                         ["import", "posts", "-"]):
        with Postcli(demo_pair, *command_line, stdin=subprocess.PIPE) as command:
            if command_line == ["bidi-list"]:
                command.write(b"5\n")
                command.line()  # it runs
            else:
                wait_until(lambda c=command: catches(c.process.pid, signal.SIGINT), "it runs")
            command.signal(signal.SIGINT)
            assert command.process.wait(timing.MARGIN) == 130
            command.end()


@pytest.mark.parametrize("command_line", [
    ["import", "posts", str(DEMO / "posts.ndjson")], ["describe"], ["health"], ["demo"],
    ["get", "1"], ["call", "v1.post.Post/ListPosts"],
    ["users", "get", "1"], ["users", "list"], ["users", "resolve", "1"],
], ids=lambda words: " ".join(words[:2]))
def test_ctrl_c_while_the_server_is_silent(demo_pair, command_line):
    with frozen(demo_pair.post), frozen(demo_pair.user):
        with Postcli(demo_pair, *command_line) as command:
            wait_until(lambda: catches(command.process.pid, signal.SIGINT), "it runs")
            command.signal(signal.SIGINT)
            assert command.end(timing.MARGIN) == 130


def test_ctrl_c_ends_what_is_generated(demo_pair):
    with Postcli(demo_pair, "generate", "posts", "--count", "1000000000") as command:
        wait_until_full(command)
        command.signal(signal.SIGINT)
        assert command.rest().endswith(b"}\n")
        assert command.end() == 130


def test_input_that_cannot_be_read(demo_pair):
    for words in ("import posts -", "bidi-list", "collect-list", "users resolve"):
        done = cli.shell(demo_pair, f"$POSTCLI {words} </")
        assert done.returncode == 1
        assert re.search(rb"cannot read (-|standard input): Is a directory", done.stderr)


def catches(pid, number):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status.read(), re.M)
    return int(caught[1], 16) >> (number - 1) & 1


# --- Deadlines -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [*SHAPES[:3], ["collect-list", "1"], SHAPES[4], ["bidi-list", "1"],
                                   ["users", "list"], ["users", "get", "1"], ["get", "1"],
                                   ["users", "resolve", "1"]], ids=" ".join)
def test_a_deadline(demo_pair, shape):
    server = demo_pair.user if shape[0] == "users" else demo_pair.post
    with frozen(server):
        start = time.monotonic()
        out, err = cli.attempt(demo_pair, *shape, "--deadline", "300ms")
        assert 0.3 <= time.monotonic() - start < 0.3 + timing.MARGIN
    assert out == b"" and err.startswith("postcli: DEADLINE_EXCEEDED: "), err


@may_log("the deadline has passed")
def test_a_deadline_in_the_middle(many):
    """It is for the whole command, and what was printed can be gone on from."""
    with listing(many, ["stream-list"], "--deadline", "1s") as command:
        printed = command.chunk()
        with frozen(many.pair.post):
            printed += command.rest()
        assert command.end() == 1
    assert "\npostcli: DEADLINE_EXCEEDED: " in "\n" + command.stderr
    arguments = resume_arguments(many, ["stream-list"], hint_in(command.stderr))
    assert printed + cli.run(many.pair, "stream-list", *arguments) == many.whole


# --- Formats ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=" ".join)
def test_formats(demo_pair, shape):
    ids = b"1\n3\n4\n5\n"
    ndjson = cli.run(demo_pair, *shape, "--format", "ndjson", stdin=ids)
    assert ndjson == (DEMO / "posts.ndjson").read_bytes()
    assert json.loads(cli.run(demo_pair, *shape, "--format", "json", stdin=ids)) == rows_of(ndjson)
    assert cli.run(demo_pair, *shape, "--format", "none", stdin=ids) == b""
    table = cli.run(demo_pair, *shape, "--format", "table", stdin=ids).decode()
    assert table.count("\n") == 1 + 8
    nothing = cli.run(demo_pair, *shape, "--format", "json", "--tag", "nobody's", stdin=ids)
    assert json.loads(nothing) == []


def test_users_as_json(demo_pair):
    ndjson = cli.run(demo_pair, "users", "list")
    assert ndjson == (DEMO / "users.ndjson").read_bytes()
    assert json.loads(cli.run(demo_pair, "users", "list", "--format", "json")) == rows_of(ndjson)


def test_limits_across_pages(many):
    lines = many.whole.splitlines(True)
    for limit in (9, 10, 11, 25, 30):
        for shape in (["list"], ["stream-list"], ["collect-list", "--all"], ["bidi-list", "--all"]):
            out = cli.run(many.pair, *shape, "--page-size", 10, "--limit", limit)
            assert out == b"".join(lines[:limit])


def columns_of(text):
    """How wide a terminal shows it."""
    width = 0
    for c in text:
        if unicodedata.category(c) in ("Mn", "Me", "Cf"):
            continue
        width += 2 if unicodedata.east_asian_width(c) in "WF" else 1
    return width


def column_starts(table, headings):
    """Where, in columns of a terminal, the parts of each line begin."""
    lines = table.split("\n")[:-1]
    starts = [columns_of(lines[0][:lines[0].index(h)]) for h in headings]
    for line in lines:
        at, edges = 0, []
        for c in line:
            edges.append(at)
            at += columns_of(c)
        for start in starts[1:]:
            if start >= at:
                continue
            # Something begins exactly there, behind a space.
            assert start in edges and line[edges.index(start) - 1] == " ", (line, start)
    return starts


def test_wide_characters_keep_the_columns(pair):
    names = ["Henry", "최민수", "Jessie ☕", "🐈‍⬛ cat", "é e\u0301", "ﾊﾝｶｸ", "全角ＡＢ"]
    pair.import_users([{"user_id": str(i), "name": name} for i, name in enumerate(names)])
    pair.import_posts([{"post_id": f"p{i}", "user_id": str(i), "title": f"{name} 제목 🎉 " * (i + 1),
                        "body": "b"} for i, name in enumerate(names)])
    for command in (["stream-list"], ["users", "list"]):
        table = cli.run(pair, *command, "--format", "table").decode()
        headings = table.split("\n", 1)[0].split()
        assert len(column_starts(table, headings)) >= 3
        assert max(columns_of(line) for line in table.split("\n")) <= 100


def test_a_table_does_not_drive_the_terminal(pair):
    """Whatever is in a post: no escape sequence, no line break, no other direction."""
    evil = "a\x1b[31mred\r\nnew\tline\x07\u202eabc\x7f\u2028x\u009b31m"
    pair.import_users([{"user_id": "1", "name": evil}])
    pair.import_posts([{"post_id": evil[:60], "user_id": "1", "title": evil, "body": evil,
                        "tags": [evil]}])
    table = cli.run(pair, "stream-list", "--format", "table").decode()
    assert table.count("\n") == 2
    for c in table.replace("\n", ""):
        assert unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp"), repr(table)
    assert "\\x1b[31mred\\r\\nnew" in table
    row = rows_of(cli.run(pair, "stream-list"))[0]
    assert row["title"] == evil and row["author"] == evil  # JSON keeps what it is


def test_an_error_does_not_drive_the_terminal(demo_pair):
    _, err = cli.attempt(demo_pair, "collect-list", "\x1b[31mid\r\n")
    assert err.count("\n") == 1 and "\x1b" not in err and "\r" not in err


# --- A terminal ------------------------------------------------------------------------


class Terminal:
    """postcli on a terminal of its own; standard error may be another one."""

    def __init__(self, pair, *args, columns=80):
        self.master, slave = pty.openpty()
        self.error_master, error_slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", cli.POSTCLI, *map(str, args)], stdin=slave, stdout=slave,
            stderr=error_slave, env={**pair.postcli_environment(), "PAGER": "cat"})
        os.close(error_slave)
        self.out, self.err = bytearray(), bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for fd in (self.master, self.error_master, self.slave):
            os.close(fd)

    def type(self, text):
        os.write(self.master, text)

    def turn(self, seconds=0.05):
        """Takes what it prints; needed all the time, since a terminal that is full blocks."""
        for fd in select.select([self.master, self.error_master], [], [], seconds)[0]:
            with contextlib.suppress(OSError):  # EIO: the other side is closed
                data = os.read(fd, 65536)
                if fd == self.master:
                    self.out += data
                else:
                    self.err += data

    def until(self, condition, what):
        def look():
            self.turn()
            return condition(self)
        wait_until(look, what, timing.CALL, every=0)

    def end(self):
        self.until(lambda t: t.process.poll() is not None, "it ends")
        while select.select([self.master], [], [], 0)[0]:
            self.turn(0)
        self.turn(0)
        return self.process.returncode


def test_a_table_on_a_terminal(demo_pair):
    with Terminal(demo_pair, "stream-list", columns=70) as terminal:
        assert terminal.end() == 0
        lines = terminal.out.decode().replace("\r\n", "\n").split("\n")[:-1]
        assert len(lines) == 10 and "Henry" in lines[1] and "{" not in lines[1]
        plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
        assert all(columns_of(line) <= 70 for line in plain), plain


@pytest.mark.parametrize("width, headings", [
    (20, ["POST ID", "TITLE"]), (30, ["POST ID", "AUTHOR", "TITLE"]),
    (45, ["POST ID", "AUTHOR", "TITLE", "DATE"]),
    (80, ["POST ID", "AUTHOR", "TITLE", "TAGS", "DATE"]),
    (200, ["POST ID", "AUTHOR", "TITLE", "TAGS", "DATE"])])
def test_a_narrow_terminal_has_fewer_columns(demo_pair, width, headings):
    """And those can be read: each has eight places or all that it needs."""
    with Terminal(demo_pair, "stream-list", columns=width) as terminal:
        assert terminal.end() == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.out.decode()).replace("\r", "").splitlines()
    assert re.split(r"  +", lines[0]) == headings
    assert max(columns_of(line) for line in lines) <= width
    assert "Hello" in lines[8] and (width < 30 or "Henry" in lines[1])


def test_long_ids_are_whole(pair):
    uuid = "0b3f2a34-9d5c-4f0e-8a51-5a1f0d2c7e66"
    cli.run(pair, "import", "users", "-", stdin=b'{"user_id":"1","name":"Henry"}')
    cli.run(pair, "import", "posts", "-",
            stdin=json.dumps({"post_id": uuid, "user_id": "1", "title": "t" * 99}).encode())
    table = cli.run(pair, "list", "--format", "table").decode()
    assert uuid in table and max(map(columns_of, table.splitlines())) <= 100


@pytest.mark.parametrize("args", [["list"], ["stream-list"], ["users", "list"]], ids=" ".join)
def test_the_count_is_told(demo_pair, args):
    """In a pipe as well: how many, how much, how long, how fast."""
    out, err = cli.attempt(demo_pair, *args, "--format", "none", code=0)
    count, what = (5, "users") if "users" in args else (8, "posts")
    assert out == b"" and re.fullmatch(
        rf"{count} {what}, [0-9.,]+ \S+ in \d+\.\d\d s: [0-9,]+ {what}/s, [0-9.,]+ \S+/s\n", err), err


def test_an_empty_table_is_told(demo_pair):
    with Terminal(demo_pair, "stream-list", "--tag", "nosuch") as terminal:
        assert terminal.end() == 0
        assert terminal.out == b"" and terminal.err == b"no posts with the tag nosuch\r\n"
    out, err = cli.attempt(demo_pair, "list", "--user", "2", "--format", "table", code=0)
    assert out == b"" and err == "no posts\n"
    assert cli.attempt(demo_pair, "list", "--tag", "nosuch", code=0) == (b"", "")


def test_what_is_only_counted(many):
    """Posts are not decoded for --format none: the limit and what is told are as ever."""
    with contextlib.ExitStack() as stack:
        with frozen(many.pair.post):  # what is quickly done is not told
            terminal = stack.enter_context(
                Terminal(many.pair, "stream-list", "--format", "none", "--limit", 1234))
            terminal.until(lambda t: b"does not answer" in t.err, "what it waits for")
        assert terminal.end() == 0
        assert terminal.out == b"" and b"1,234 posts, " in terminal.err


def test_progress_on_a_terminal(many):
    """On standard error, with how far it is; and nothing of it is left at the end."""
    limit = COUNT // 4
    # Pages: no more than two are read ahead of the terminal, so the freeze comes in time.
    with Terminal(many.pair, "list", "--format", "ndjson", "--limit", limit) as terminal:
        terminal.until(lambda t: t.out, "some rows")
        with frozen(many.pair.post):
            terminal.until(lambda t: re.search(rf"of {limit:,} posts .*%.*ETA".encode(), t.err), "progress")
        assert terminal.end() == 0
        assert terminal.out.count(b"\n") == limit
        assert b"\x1b[K" not in terminal.out
        last = terminal.err.replace(b"\r\n", b"\n").split(b"\n")[-3:]
        assert re.search(rf"{limit:,} posts, .* in .* s".encode(), last[0]), terminal.err
        assert b"resume with --page-token" in last[1]


def test_no_progress_when_not_wanted(many):
    with Terminal(many.pair, "stream-list", "--no-progress", "--format", "none") as terminal:
        assert terminal.end() == 0
        assert terminal.out == b"" and terminal.err == b""


def test_ctrl_c_on_a_terminal(many):
    """The terminal is as before, the line of the progress gone, the hint whole."""
    with Terminal(many.pair, "list", "--format", "ndjson") as terminal:
        terminal.until(lambda t: t.out, "some rows")
        with frozen(many.pair.post):
            terminal.until(lambda t: b" posts" in t.err, "progress")
            terminal.type(b"\x03")
            assert terminal.end() == 130
        assert termios.tcgetattr(terminal.slave) == terminal.before
        end = terminal.err.decode().replace("\r\n", "\n")
        assert re.search(r"\r\x1b\[K[^\x1b\r]*\npostcli: resume with --page-token \S+\n$", end), end
        assert "?25l" not in end


def test_ids_typed_on_a_terminal(demo_pair):
    """Answered at each line; Ctrl-D ends."""
    with Terminal(demo_pair, "bidi-list", "--format", "ndjson", "--color", "never") as terminal:
        terminal.type(b"5\n")
        terminal.until(lambda t: b'"post_id":"8"' in t.out, "the answer")
        terminal.type(b"3\n")
        terminal.until(lambda t: b'"post_id":"5"' in t.out, "the next answer")
        terminal.type(b"\x04")
        assert terminal.end() == 0
