"""A shell on a terminal of 100 columns, into which a test types one command after another; and
whoever follows a page of samples (samples.py) at several of them."""
import fcntl
import os
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
            text = os.read(self.leader, 1 << 16)
            self.said += text.decode(errors="replace")
        elif self.statuses in ready:
            assert os.read(self.statuses, 64), "the shell has ended"
            self.running = False

    def close(self):
        """Ends what still runs."""
        if self.running:
            self.type("^C")
        os.close(self.commands)
        end = time.monotonic() + timing.STOP
        while self.shell.poll() is None and time.monotonic() < end:
            self.drain()
        self.shell.kill()
        self.shell.wait()
        os.close(self.leader)
        os.close(self.statuses)

    def drain(self):
        """Nobody waits for room to print."""
        if select.select([self.leader], [], [], 0.05)[0]:
            try:
                self.said += os.read(self.leader, 1 << 16).decode(errors="replace")
            except OSError:  # EIO: nobody has it open
                time.sleep(0.01)


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
            return samples.folded(terminal.said[since:])

        if step.typed:
            terminal.type(step.typed)
        good = terminal.until(lambda: step.pattern.fullmatch(seen()), step.stays, timing.limit(30))
        assert good, (f"{self.page}:{step.line}: {step.typed}\n--- the page says\n" +
                      "\n".join(step.shown) + f"\n--- it printed\n{seen()}")
        self.since[step.terminal] = len(terminal.said)
