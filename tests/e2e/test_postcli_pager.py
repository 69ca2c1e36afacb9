"""postcli and the program through which a person reads its tables."""
import contextlib
import itertools
import os
import sys
import threading

import grpc
import pytest

import cli
import timing
from pair import Pair
from screen import Terminal
from test_postcli_bad_server import message, serving
from test_postcli_words import fill
from test_shapes import NoPair

LESS = {"PAGER": "less -FRX"}


@pytest.fixture(scope="module", name="demo_pair")
def demo_pair_fixture(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("pager")) as pair:
        fill(pair)
        yield pair


class Steps:
    """A stream whose messages come one by one, when the test says so; then how it ends."""

    def __init__(self, end=None):
        self.go, self.end, self.cancelled = threading.Semaphore(0), end, threading.Event()

    def __call__(self, _, context):
        context.add_callback(self.cancelled.set)
        for n in itertools.count(1):
            if not self.go.acquire(timeout=timing.CALL) or not context.is_active():
                return
            if n == 3:
                if self.end is not None:
                    context.abort(*self.end)
                yield message([n], last=True)
                return
            yield message([n], next_page_token=str(n))


def endless(_, context):
    for n in itertools.count():
        if not context.is_active():
            return
        yield message(range(n * 100, n * 100 + 100), next_page_token=str(n))


@contextlib.contextmanager
def reading(answer, *args, pager=LESS, **more):
    with serving(ListPostsServerStream=answer) as target, \
            Terminal(NoPair, "stream-list", "--target", target, *args, variables=pager, **more) as terminal:
        yield terminal


# --- With less -------------------------------------------------------------------------


def test_rows_appear_as_they_come():
    steps = Steps()
    with reading(steps, pager={"PAGER": "less -RX"}) as terminal:
        for number in "12":
            steps.go.release()
            terminal.shows(rf"(?m)^{number} ")
            assert not steps.cancelled.is_set()
        steps.go.release()
        terminal.shows(r"\(3 rows\)")
        terminal.types("q")
        assert terminal.end() == 0


def test_what_fits_the_screen_needs_no_key(demo_pair):
    with Terminal(demo_pair, "list", variables=LESS) as terminal:
        assert terminal.end() == 0
        assert "\n(8 rows)\n" in terminal.text and "postcli:" not in terminal.text


def test_a_pager_that_leaves_ends_the_call_without_a_word():
    """At once, though the server has nothing more to say."""
    steps = Steps()
    with reading(steps, pager={"PAGER": "head -n 2"}) as terminal:
        steps.go.release()
        assert terminal.end() == 0
        assert len(terminal.lines) == 2 and "postcli" not in terminal.text
    assert steps.cancelled.wait(timing.CALL)


def test_to_leave_it_in_the_midst_of_a_long_list():
    with reading(endless) as terminal:
        terminal.shows(r"(?m)^5 ")
        terminal.types(" ")
        terminal.shows(r"(?m)^40 ")
        terminal.types("q")
        assert terminal.end() == 0
        assert "postcli" not in terminal.text


# Shows two lines; tells of Ctrl-C, and stays; and when a line is typed, shows the last one.
PATIENT = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: print("still here", flush=True))
print(sys.stdin.readline() + sys.stdin.readline(), end="", flush=True)
open("/dev/tty").readline()
print(sys.stdin.readlines()[-1], end="")
"""


def test_ctrl_c_ends_the_call_and_not_the_pager(tmp_path):
    """What was received can be read on, up to where to go on from; and the exit status tells."""
    (tmp_path / "pager.py").write_text(PATIENT)
    steps = Steps()
    steps.go.release()
    with reading(steps, pager={"PAGER": f"exec {sys.executable} {tmp_path}/pager.py"}) as terminal:
        terminal.shows(r"(?m)^1 ")
        for _ in range(2):
            terminal.types("\x03")
            terminal.shows("still here")
            terminal.raw = b""
        assert steps.cancelled.wait(timing.CALL)
        assert terminal.process.poll() is None
        terminal.types("\n")
        assert terminal.end() == 130
        assert terminal.lines[-1] == "postcli: resume with --page-token 1"


def test_ctrl_c_while_the_pager_is_full(tmp_path):
    (tmp_path / "pager.py").write_text(PATIENT)
    with reading(endless, pager={"PAGER": f"exec {sys.executable} {tmp_path}/pager.py"}) as terminal:
        terminal.shows(r"(?m)^0 ")
        terminal.types("\x03")
        terminal.shows("still here")
        terminal.types("\n")
        assert terminal.end() == 130
        assert terminal.lines[-1].startswith("postcli: resume with --page-token ")


def test_a_failure_is_read_where_it_came():
    steps = Steps(end=(grpc.StatusCode.DATA_LOSS, "it is gone"))
    for _ in range(3):
        steps.go.release()
    with reading(steps) as terminal:
        assert terminal.end() == 1
        lines = terminal.lines
        assert lines.index("postcli: DATA_LOSS: it is gone") > 1
        assert "postcli: resume with --page-token 2" in lines and "(2 rows)" not in lines


def test_a_failure_before_the_first_row_needs_no_pager():
    def fail(_, context):
        context.abort(grpc.StatusCode.DATA_LOSS, "it is gone")
        yield

    with reading(fail, pager={"PAGER": "echo started; cat"}) as terminal:
        assert terminal.end() == 1
        assert terminal.text == "postcli: DATA_LOSS: it is gone\n"


def test_its_option_is_in_the_help_and_on_the_page(demo_pair):
    assert b"  --pager COMMAND, --no-pager\n" in cli.run(demo_pair, "list", "--help")
    assert b"\\fICOMMAND\\fR, \\fB\\-\\-no\\-pager\\fR\n" in cli.run(demo_pair, "list", "--help=man")
    assert b"\n--pager=\n--no-pager\n" in cli.run(demo_pair, "list", "--help=words")
    assert cli.run(demo_pair, "--no-pager", "list") == cli.run(demo_pair, "list")


# --- Which one, and when ---------------------------------------------------------------


def said_by(pair, *args, variables, types="", code=0):
    with Terminal(pair, *args, variables=variables) as terminal:
        if types:
            terminal.types(types)
        assert terminal.end() == code, terminal.text
        return terminal.text


def marked(name):
    return f"echo by-{name}; cat"


@pytest.mark.parametrize("args, variables, by", [
    ([], {"PAGER": marked("pager")}, "pager"),
    ([], {"PAGER": marked("pager"), "POSTCLI_PAGER": marked("ours")}, "ours"),
    (["--pager", marked("option")], {"PAGER": marked("pager"), "POSTCLI_PAGER": marked("ours")}, "option"),
    (["--no-pager"], {"PAGER": marked("pager"), "POSTCLI_PAGER": marked("ours")}, None),
    (["--pager", ""], {"PAGER": marked("pager")}, None),
    (["--pager", "cat"], {"PAGER": marked("pager")}, None),
    ([], {"PAGER": ""}, None),
    ([], {"POSTCLI_PAGER": "cat", "PAGER": marked("pager")}, None),
])
def test_which_one(demo_pair, args, variables, by):
    text = said_by(demo_pair, "list", *args, variables=variables)
    assert ("by-" in text) == (by is not None) and (by is None or f"by-{by}\n" in text)
    assert "(8 rows)" in text


def test_without_a_choice_it_is_less(demo_pair, tmp_path):
    """With options, by its arguments and by $LESS for whoever names it without any."""
    script = tmp_path / "less"
    script.write_text('#!/bin/sh\necho "less $* LESS=$LESS LV=$LV"; cat\n')
    script.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {name: value for name, value in demo_pair.postcli_environment().items()
                   if name not in ("PAGER", "LESS", "LV")}

    class Bare:
        @staticmethod
        def postcli_environment():
            return environment

    def first_line(**variables):
        with Terminal(Bare, "list", variables={"PATH": path, **variables},
                      command=("env", "-u", "PAGER", cli.POSTCLI)) as terminal:
            assert terminal.end() == 0
            return terminal.lines[0]

    assert first_line() == "less -FRX LESS=FRX LV=-c"
    assert first_line(LESS="S") == "less -FRX LESS=S LV=-c"


def test_without_less_there_is_none(demo_pair, tmp_path):
    with Terminal(demo_pair, "list",
                  command=("env", "-u", "PAGER", f"PATH={tmp_path}", cli.POSTCLI)) as terminal:
        assert terminal.end() == 0
        assert terminal.lines[-1] == "(8 rows)" and "postcli" not in terminal.text


def test_one_that_is_not_there_is_told(demo_pair):
    text = said_by(demo_pair, "list", "-n", "8", variables={"PAGER": "nosuch-pager -x"})
    assert text.startswith('postcli: there is no pager "nosuch-pager -x": name another one by --pager, '
                           "$POSTCLI_PAGER or $PAGER\nPOST ID")


@pytest.mark.parametrize("args", [
    "list -o wide", "list -o expanded", "list --expanded auto", "stream-list", "collect-list 1 3",
    "bidi-list 1 3", "users list", "users get 1 3", "users resolve 1 3", "get 1 8",
], ids=str)
def test_tables_are_paged(demo_pair, args):
    assert "by-pager\n" in said_by(demo_pair, *args.split(), variables={"PAGER": marked("pager")})


@pytest.mark.parametrize("args", [
    "list -o json", "list -o ndjson", "list -o csv", "list -o none", "health", "describe", "demo",
    "stream-list --follow -n 3", "list --tag nosuch",
], ids=str)
def test_what_is_no_long_table_is_not_paged(demo_pair, args):
    assert "by-pager" not in said_by(demo_pair, *args.split(), variables={"PAGER": marked("pager")})


@pytest.mark.parametrize("command", ["bidi-list", "collect-list", "users resolve"])
def test_who_types_needs_the_terminal(demo_pair, command):
    text = said_by(demo_pair, *command.split(), variables={"PAGER": marked("pager")}, types="1\n\x04")
    assert "Henry" in text and "by-pager" not in text


def test_a_pipe_is_not_paged(demo_pair):
    done = cli.shell(demo_pair, "PAGER='echo by-pager; cat' $POSTCLI list -o table")
    assert b"by-pager" not in done.stdout and b"POST ID" in done.stdout


def test_colours_reach_the_pager(demo_pair):
    with Terminal(demo_pair, "list", variables={"PAGER": "cat -v"}) as terminal:
        assert terminal.end() == 0
        assert "^[[1mPOST ID" in terminal.text


def test_a_message_among_the_rows_is_a_line_of_them(demo_pair):
    """The screen is the pager's while it runs."""
    text = said_by(demo_pair, "bidi-list", "3", "9", variables={"PAGER": "sed 's/^/| /'"}, code=1)
    shown = [line for line in text.splitlines() if "NOT_FOUND" in line]
    assert shown in (["| postcli: 9: NOT_FOUND: there is no user 9"], ["postcli: 9: NOT_FOUND: there is no user 9"])
    assert text.splitlines()[-1] == "| (1 row)"
