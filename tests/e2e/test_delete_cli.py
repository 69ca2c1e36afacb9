"""postcli delete: what it asks, what it says, and ids from anywhere."""
import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

import cli
import logs
import timing
from cli import POSTCLI, Postcli
from protos import user
from test_shapes import rows_of

MIB = 1 << 20


@pytest.fixture
def ten(pair):
    """Posts "0" to "9" of one user."""
    pair.import_users([{"user_id": "u", "name": "Uma"}])
    pair.import_posts([{"post_id": str(i), "user_id": "u"} for i in range(10)])
    return pair


def stored(pair):
    return "".join(r["post_id"] for r in rows_of(cli.run(pair, "stream-list")))


class Terminal:
    """postcli with a terminal as its standard input and error; its output is a pipe."""

    def __init__(self, pair, *args):
        self.primary, secondary = pty.openpty()
        # A session of its own, so that the terminal is the one that sends it Ctrl-C.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", POSTCLI, *args], stdin=secondary, stderr=secondary,
            stdout=subprocess.PIPE, env=pair.postcli_environment())
        os.close(secondary)
        self.said = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        os.close(self.primary)

    def until(self, text):
        end = time.monotonic() + timing.CALL
        while text not in self.said:
            assert select.select([self.primary], [], [], end - time.monotonic())[0], self.said
            self.said += os.read(self.primary, 65536).decode().replace("\r\n", "\n")

    def type(self, text):
        os.write(self.primary, text.encode())

    def end(self):
        """Exit status and output; what it said is in .said then."""
        out = self.process.stdout.read().decode()
        code = self.process.wait(timing.CALL)
        while select.select([self.primary], [], [], 0)[0]:
            try:
                self.said += os.read(self.primary, 65536).decode().replace("\r\n", "\n")
            except OSError:  # nobody has the other end any more
                break
        logs.look_at(self.said)
        return code, out


# --- On a terminal -------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["y", "Y", "yes"])
def test_yes(ten, answer):
    with Terminal(ten, "delete", "posts", "3", "4", "none") as terminal:
        terminal.until(f"Delete 3 posts at {ten.post.listen}? [y/N] ")
        assert stored(ten) == "0123456789"
        terminal.type(answer + "\n")
        assert terminal.end() == (0, "2 posts deleted, 1 was not there\n")
    assert stored(ten) == "01256789"


@pytest.mark.parametrize("answer", ["n\n", "\n", "yeah\n", " y\n", "\x04"],
                         ids=["n", "nothing", "yeah", "space", "end"])
def test_no(ten, answer):
    with Terminal(ten, "delete", "posts", "3") as terminal:
        terminal.until(f"Delete 1 post at {ten.post.listen}? [y/N] ")
        terminal.type(answer)
        assert terminal.end() == (1, "")
        assert terminal.said.endswith("\npostcli: nothing was deleted\n")
    assert stored(ten) == "0123456789"


def test_ctrl_c(ten):
    with Terminal(ten, "delete", "posts", "3") as terminal:
        terminal.until("[y/N] ")
        terminal.type("\x03")
        assert terminal.end() == (130, "")
    assert stored(ten) == "0123456789"


def test_users_are_at_the_other_server(ten):
    with Terminal(ten, "delete", "users", "u", "v") as terminal:
        terminal.until(f"Delete 2 users at {ten.user.listen}? [y/N] ")
        terminal.type("y\n")
        assert terminal.end() == (0, "1 user deleted, 1 was not there\n")
    people = ten.users.call("/v1.user.User/ListUsers", user.ListUsersRequest())
    assert list(people.user_messages) == []
    assert stored(ten) == "0123456789"


def test_thinking_is_not_on_the_deadline(ten):
    seconds = timing.limit(1)
    with Terminal(ten, "delete", "posts", "3", "--deadline", f"{seconds * 1000:.0f}ms") as terminal:
        terminal.until("[y/N] ")
        time.sleep(seconds)  # what there is of a call's time
        terminal.type("y\n")
        assert terminal.end() == (0, "1 post deleted\n")


def test_nobody_is_asked_with_yes(ten):
    with Terminal(ten, "delete", "posts", "3", "--yes") as terminal:
        assert terminal.end() == (0, "1 post deleted\n")
        assert "[y/N]" not in terminal.said


def test_ids_from_a_terminal(ten):
    """It cannot take both the ids and the answer."""
    with Terminal(ten, "delete", "posts", "-") as terminal:
        assert terminal.end() == (2, "")
        assert "give --yes" in terminal.said
    with Terminal(ten, "delete", "posts", "-", "--yes") as terminal:
        terminal.type("3\n\x04")
        assert terminal.end() == (0, "1 post deleted\n")
    assert stored(ten) == "012456789"


# --- Without one ---------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["3"], ["3", "4"], ["-"]])
def test_without_a_terminal_it_needs_yes(ten, args):
    out, err = cli.attempt(ten, "delete", "posts", *args, stdin=b"3\n", code=2)
    assert out == b"" and "--yes" in err and err.count("\n") == 1
    assert stored(ten) == "0123456789"


def test_what_it_says(ten):
    for ids, said in ((["1"], "1 post deleted"), (["1", "2"], "1 post deleted, 1 was not there"),
                      (["3", "4"], "2 posts deleted"), (["3"], "0 posts deleted, 1 was not there"),
                      (["5", "3", "5"], "1 post deleted, 2 were not there")):
        assert cli.run(ten, "delete", "posts", "--yes", *ids) == (said + "\n").encode()
    assert cli.run(ten, "delete", "users", "--yes", "u") == b"1 user deleted\n"
    assert cli.run(ten, "delete", "users", "--yes", "u", "v") == \
        b"0 users deleted, 2 were not there\n"
    assert stored(ten) == "06789"


def test_ids_of_standard_input(ten):
    data = b"1\n\n  2 \r\n7\nnone\n9"
    assert cli.run(ten, "delete", "posts", "--yes", "-", stdin=data) == \
        b"4 posts deleted, 1 was not there\n"
    assert stored(ten) == "034568"
    assert cli.run(ten, "delete", "posts", "--yes", "-", stdin=b"") == b"0 posts deleted\n"


def test_lines_that_cannot_be_ids(ten):
    """Are named and left out, as those of an import; the others are deleted."""
    data = b"1\n" + b"x" * 257 + b"\n\xff\n2\0\n" + b"y" * (3 * MIB) + b"\n3\n"
    out, err = cli.attempt(ten, "delete", "posts", "--yes", "-", stdin=data)
    assert out == b"2 posts deleted\n"
    assert re.findall(r"^-:(\d+): .+$", err, re.M) == ["2", "3", "4", "5"], err
    assert stored(ten) == "02456789"


@pytest.mark.parametrize("bad, why", [("", "an id cannot be empty"),
                                      ("x" * 300, "an id has at most 256 bytes"),
                                      ("\udcff", "an id is text: UTF-8")],
                         ids=["empty", "long", "no text"])
def test_an_argument_that_cannot_be_an_id(ten, bad, why):
    """Nothing is sent: it would undo all others of its request."""
    for kind in "posts", "users":
        out, err = cli.attempt(ten, "delete", kind, "--yes", "1", bad, "2", code=2)
        assert out == b"" and f"id 2 of 3: {why} (" in err and err.count("\n") == 1
    with Terminal(ten, "delete", "posts", "1", bad) as terminal:
        assert terminal.end() == (2, "")
        assert why in terminal.said and "[y/N]" not in terminal.said
    assert stored(ten) == "0123456789"
    assert cli.run(ten, "delete", "posts", "--yes", "x" * 256, "1") == \
        b"1 post deleted, 1 was not there\n"


def test_everything_that_is_listed(ten):
    """In a pipeline, as one would."""
    done = cli.pipeline(ten, r"""$POSTCLI stream-list --format ndjson |
        sed 's/.*"post_id":"\([^"]*\)".*/\1/' | $POSTCLI delete posts --yes -""")
    assert done == b"10 posts deleted\n"
    assert stored(ten) == ""


def test_many_ids_take_no_memory(pair):
    """100,000 of 200 bytes each: 20 MB go through it."""
    wide = 200
    pair.import_posts([{"post_id": f"{i:0{wide}}", "user_id": "u"} for i in range(100_000)])

    def delete(numbers):
        with Postcli(pair, "delete", "posts", "--yes", "-", stdin=subprocess.PIPE) as command:
            for k in range(0, len(numbers), 1000):
                data = "".join(f"{i:0{wide}}\n" for i in numbers[k:k + 1000]).encode()
                while data:
                    data = data[command.process.stdin.write(data):]
            peak = peak_bytes(command.process.pid)  # all but the last pipe of it is read
            command.process.stdin.close()
            command.process.stdin = None
            assert command.line() == f"{len(numbers)} posts deleted\n".encode()
            assert command.end() == 0
        return peak

    small = delete(range(2000))
    large = delete(range(2000, 100_000))
    if timing.STRETCH == 1:  # a sanitizer keeps freed memory
        assert large - small < 4 * MIB
    assert rows_of(cli.run(pair, "stream-list")) == []


def peak_bytes(pid):
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1])


# --- What goes wrong -----------------------------------------------------------------------------


def test_post_dies_under_it(ten):
    """It says so; the same again does the rest."""
    first = "".join(f"{i}\n" for i in range(1000)).encode()  # a whole request
    with Postcli(ten, "delete", "posts", "--yes", "-", stdin=subprocess.PIPE) as command:
        command.write(first)
        timing.wait_until(lambda: stored(ten) == "", "the first request is done")
        ten.post.kill()
        assert command.process.wait(timing.CALL) == 1  # though the input goes on
        command.end()
    assert "postcli: UNAVAILABLE: " in command.stderr
    assert "what was deleted stays deleted; the same again does the rest" in command.stderr
    ten.post.start()
    assert cli.run(ten, "delete", "posts", "--yes", "-", stdin=first) == \
        b"0 posts deleted, 1000 were not there\n"


def test_nobody_there(ten):
    ten.post.stop()
    out, err = cli.attempt(ten, "delete", "posts", "--yes", "1")
    assert out == b"" and "postcli: UNAVAILABLE: " in err


def test_terminated_while_it_waits_for_ids(ten):
    with Postcli(ten, "delete", "posts", "--yes", "-", stdin=subprocess.PIPE) as command:
        command.write("".join(f"{i}\n" for i in range(1000)).encode())
        timing.wait_until(lambda: stored(ten) == "", "the first request is done")
        command.signal(signal.SIGINT)
        assert command.end() == 130
    assert command.stderr == "postcli: what was deleted stays deleted; the same again does the rest\n"
