"""postcli and what is behind it: a pipe that is full, closed or slow, a terminal."""
import itertools
import os
import pty
import signal
import subprocess
import threading

import grpc
import pytest

import timing
from pair import BUILD, clean_environment
from test_postcli_bad_server import message, serving

BODY = "x" * 1000
POSTS_PER_MESSAGE = 50


class Endless:
    """ListPostsServerStream without an end; the token is the next post's number."""

    def __init__(self):
        self.messages = 0
        self.cancelled = threading.Event()

    def __call__(self, requests, context):
        context.add_callback(self.cancelled.set)
        start = int(next(requests).page_token or 0)
        for n in itertools.count(start, POSTS_PER_MESSAGE):
            out = message(range(n, n + POSTS_PER_MESSAGE),
                          next_page_token=str(n + POSTS_PER_MESSAGE))
            for p in out.post_messages:
                p.body = BODY
            self.messages += 1
            yield out


@pytest.fixture(name="endless")
def endless_fixture():
    answer = Endless()
    with serving(ListPostsServerStream=answer) as target:
        answer.command = [str(BUILD / "postcli"), "stream-list", "--target", target]
        yield answer


def start(command, **more):
    return subprocess.Popen(command, stderr=subprocess.PIPE, env=clean_environment(), **more)


def settled(endless):
    """Waits until the server makes no more messages: its reader has stopped."""
    counts = []

    def quiet():
        counts.append(endless.messages)
        return len(counts) > 30 and counts[-1] == counts[-30]

    timing.wait_until(quiet, "the server waits", every=0.02)
    return endless.messages


def test_a_full_pipe_stops_the_server_and_not_ctrl_c(endless):
    process = start(endless.command, stdout=subprocess.PIPE)
    made = settled(endless)
    # 4 MiB are the window of the stream; two buffers and the pipe are less than 1 MiB.
    assert made * POSTS_PER_MESSAGE * len(BODY) < 16 * 1024 * 1024
    process.send_signal(signal.SIGINT)
    assert process.wait(timing.CALL) == 130
    process.stdout.close()
    process.stderr.close()


def test_what_was_written_and_the_token_fit_together(endless):
    """A reader that reads everything before Ctrl-C has just what the token says."""
    process = start(endless.command, stdout=subprocess.PIPE)
    rows = [process.stdout.readline() for _ in range(1000)]
    process.send_signal(signal.SIGINT)
    rest, stderr = process.stdout.read(), process.stderr.read()
    assert process.wait(timing.CALL) == 130
    token = int(stderr.decode().split("resume with --page-token ")[1])
    assert len(rows) + rest.count(b"\n") == token
    process.stdout.close()
    process.stderr.close()


def test_a_closed_pipe_is_enough(endless):
    process = start(endless.command, stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timing.CALL) == 0
    assert process.stderr.read() == b""
    assert endless.cancelled.wait(timing.CALL)
    process.stderr.close()


def test_a_full_disk_is_told(endless):
    with open("/dev/full", "wb") as full:
        process = start(endless.command, stdout=full)
        _, stderr = process.communicate(timeout=timing.CALL)
    assert process.returncode == 1
    assert stderr == b"postcli: cannot write to standard output: No space left on device\n"


def test_ctrl_c_while_the_server_is_away():
    process = start([str(BUILD / "postcli"), "stream-list", "--target", "localhost:1"],
                    stdout=subprocess.PIPE)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=timing.CALL)
    assert process.returncode in (143, -signal.SIGTERM)  # before the handler was there


def read_terminal(leader):
    text = b""
    while True:
        try:
            more = os.read(leader, 65536)
        except OSError:  # the other side was closed
            return text.decode()
        text += more


@pytest.mark.parametrize("no_colour", ["", "1"])
def test_a_terminal_gets_a_table_and_no_escapes_of_the_data(no_colour):
    def answer(_, __):
        out = message([1], last=True)
        out.post_messages[0].title = "커피 \033[31mred"
        out.post_messages[0].author = "Henry"
        yield out

    leader, follower = pty.openpty()
    with serving(ListPostsServerStream=answer) as target:
        process = subprocess.Popen(
            [str(BUILD / "postcli"), "stream-list", "--target", target, "--no-progress"],
            stdout=follower,
            env={**clean_environment(), "NO_COLOR": no_colour,
                              "PAGER": "cat", "TERM": "xterm"})
        os.close(follower)
        text = read_terminal(leader)
        assert process.wait(timing.CALL) == 0
    os.close(leader)
    heading, row, count = text.splitlines()
    assert count == "(1 row)"
    assert ("\033[1m" in heading) == (no_colour == "")
    assert row.split() == ["1", "Henry", "커피", "\\x1b[31mred"]


def test_lines_from_a_pipe_are_answered_one_by_one():
    """Each answer is there before the next id is written."""
    def answer(requests, _):
        for n, request in enumerate(requests):
            yield message([request.user_id], request_index=n, last=True)

    with serving(ListPostsByUserIdBidiStream=answer) as target:
        process = start([str(BUILD / "postcli"), "bidi-list", "--target", target],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        for user in ("a", "b", "c"):
            process.stdin.write(user.encode() + b"\n")
            assert f'"post_id":"{user}"'.encode() in process.stdout.readline()
        _, stderr = process.communicate(timeout=timing.CALL)
    assert process.returncode == 0, stderr


def test_the_end_does_not_wait_for_standard_input():
    """The call fails while a read of a silent pipe is under way."""
    def answer(_, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        yield

    with serving(ListPostsByUserIdBidiStream=answer) as target:
        process = start([str(BUILD / "postcli"), "bidi-list", "--target", target],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.wait(timing.CALL) == 1
        assert process.stderr.read() == b"postcli: UNAVAILABLE: gone\n"
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()
