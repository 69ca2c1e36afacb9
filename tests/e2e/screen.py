"""A command on a terminal of its own, of a given size, as a person uses it.

    with Terminal(pair, "list", columns=40) as terminal:
        terminal.shows("POST ID")
        terminal.types("q")
        assert terminal.end() == 0

The terminal is the command's controlling one: Ctrl-C ("\\x03") reaches it and its children."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import timing
from cli import POSTCLI

# Colours, and what less does to the cursor and the screen.
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>]|[()][0-9A-Z])")


class Terminal:
    def __init__(self, pair, *args, columns=80, rows=24, variables=None, command=(POSTCLI,)):
        self.leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**pair.postcli_environment(), "TERM": "xterm", "LC_ALL": "C.UTF-8", "PAGER": "cat",
                       **(variables or {})}
        self.process = subprocess.Popen(["setsid", "--ctty", *command, *map(str, args)],
                                        stdin=follower, stdout=follower, stderr=follower,
                                        env=environment)
        os.close(follower)
        self.raw = b""  # all that it has printed

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.leader)

    @property
    def text(self):
        """What it has printed, without escapes."""
        return re.sub(r"\r+\n", "\n", ESCAPES.sub("", self.raw.decode(errors="replace")))

    @property
    def lines(self):
        return self.text.splitlines()

    def read(self, seconds):
        """False: nothing came, or it is closed."""
        if not select.select([self.leader], [], [], seconds)[0]:
            return False
        try:
            more = os.read(self.leader, 65536)
        except OSError:  # the other side is closed
            more = b""
        self.raw += more
        return more != b""

    def shows(self, pattern):
        end = time.monotonic() + timing.CALL
        while not re.search(pattern, self.text):
            assert self.read(max(0, end - time.monotonic())), f"no {pattern!r} in {self.text!r}"

    def types(self, text):
        os.write(self.leader, text.encode())

    def end(self):
        """The exit code, with all output in .text."""
        while self.read(timing.CALL):
            pass
        return self.process.wait(timing.CALL)


def on_terminal(pair, *args, code=0, **more):
    """Its text, after it has ended by itself."""
    with Terminal(pair, *args, **more) as terminal:
        assert terminal.end() == code, terminal.text
        return terminal.text
