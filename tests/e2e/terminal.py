"""A shell on a terminal of 100 columns, into which a test types one command after another; and
whoever follows a page of samples (samples.py) at several of them."""
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time

import samples
import timing
from pair import DIES_WITH_US
from protos import ROOT

COLUMNS, ROWS = 100, 50

# What postcli says of a server that is slow: on a busy machine any may be.
WAITING = re.compile(r"^postcli: .* does not answer.*; .*\n", re.M)

# Commands come as NUL-terminated texts by descriptor 3, and their exit statuses go out by 4: nothing
# of that is on the terminal. Ctrl-C reaches the shell too, where the trap is all that it does.
SHELL = r"""
trap : INT
last=0
while IFS= read -r -d '' -u 3 command; do
    (exit "$last")
    eval "$command" 3<&- 4>&-
    last=$?
    printf '%s\n' "$last" >&4
done
kill $(jobs -p) 2>/dev/null
wait
"""


class Terminal:
    def __init__(self, folder, environment):
        self.leader, follower = os.openpty()
        plain(follower)
        commands, self.commands = os.pipe()
        self.statuses, statuses = os.pipe()
        self.shell = subprocess.Popen(
            [*DIES_WITH_US, "setsid", "--ctty", "--wait", "bash", "-c",
             f"exec 3<&{commands} 4>&{statuses} {commands}<&- {statuses}>&-\n{SHELL}"],
            cwd=folder, env=environment, pass_fds=(commands, statuses),
            stdin=follower, stdout=follower, stderr=follower)
        for descriptor in follower, commands, statuses:
            os.close(descriptor)
        self.said = ""  # all that was ever printed
        self.running = False

    def type(self, text):
        """A command; "^C" is the key."""
        if text == "^C":
            os.write(self.leader, b"\x03")
            return
        assert not self.running
        self.running = True
        os.write(self.commands, text.encode() + b"\0")

    def until(self, good, stays, seconds=timing.CALL):
        """Whether good() holds. If the command stays: within the time, while it runs; else: when it
        has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if stays and good():
                return True
            if not self.running:
                return good()
            self.read(end - time.monotonic())
        return False

    def read(self, seconds):
        """What is printed next; the end of the command is read behind all that it printed."""
        ready, _, _ = select.select([self.leader, self.statuses], [], [], max(0, seconds))
        if self.leader in ready:
            assert self.take(), "the shell has ended"
        elif self.statuses in ready:
            assert os.read(self.statuses, 64), "the shell has ended"
            self.running = False

    def close(self):
        """Ends what still runs, and takes what it says at its end: else it might wait for room."""
        if self.running:
            self.type("^C")
        os.close(self.commands)
        ended = os.pidfd_open(self.shell.pid)
        end = time.monotonic() + timing.STOP
        sources = [ended, self.leader]
        while ended in sources and time.monotonic() < end:
            ready, _, _ = select.select(sources, [], [], max(0, end - time.monotonic()))
            if ended in ready:
                sources.remove(ended)
            elif ready and not self.take():
                sources.remove(self.leader)
        self.shell.kill()
        self.shell.wait()
        for descriptor in ended, self.leader, self.statuses:
            os.close(descriptor)

    def take(self):
        """What was printed. False: nobody has the terminal any more."""
        try:
            self.said += os.read(self.leader, 1 << 16).decode(errors="replace")
            return True
        except OSError:  # EIO
            return False


def plain(descriptor):
    """Ctrl-C works; nothing is echoed, and lines end as programs end them."""
    mode = termios.tcgetattr(descriptor)
    mode[1] &= ~termios.OPOST
    mode[3] &= ~(termios.ECHO | termios.ECHOCTL)
    termios.tcsetattr(descriptor, termios.TCSANOW, mode)
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))


class Reader:
    """Types what the page says, each thing where it is said."""

    def __init__(self, page, environment, stack):
        self.page, self.stack = page, stack
        self.environment = {**environment, "NO_COLOR": "1", "PAGER": "cat"}
        self.terminals, self.since = {}, {}

    def terminal(self, name):
        if name not in self.terminals:
            self.terminals[name] = Terminal(ROOT, self.environment)
            self.stack.callback(self.terminals[name].close)
        return self.terminals[name]

    def follow(self, step):
        terminal = self.terminal(step.terminal)
        if step.typed not in ("", "^C"):
            self.since[step.terminal] = len(terminal.said)
        since = self.since[step.terminal]

        def seen():
            said = terminal.said[since:]
            if not any("does not answer" in line for line in step.shown):
                said = WAITING.sub("", said)
            return samples.folded(said)

        if step.typed:
            terminal.type(step.typed)
        good = terminal.until(lambda: step.pattern.fullmatch(seen()), step.stays, timing.limit(30))
        assert good, (f"{self.page}:{step.line}: {step.typed}\n--- the page says\n" +
                      "\n".join(step.shown) + f"\n--- it printed\n{seen()}")
        self.since[step.terminal] = len(terminal.said)
