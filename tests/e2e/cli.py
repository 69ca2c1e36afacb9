"""postcli as a child process: run to its end, in a pipeline, or step by step.

Everything is bytes, since it is bytes that are compared."""
import os
import re
import select
import subprocess
import time

import logs
import timing
from pair import BUILD

POSTCLI = str(BUILD / "postcli")


class Postcli:
    """One that runs: its output is read, its input written, when the test says so.

        with Postcli(pair, "stream-list") as cli:
            first = cli.line()
            cli.signal(signal.SIGINT)
            assert cli.end() == 130
    """

    def __init__(self, pair, *args, stdin=subprocess.DEVNULL, variables=None, **more):
        self.process = subprocess.Popen([POSTCLI, *map(str, args)], stdin=stdin,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                                        env={**pair.postcli_environment(), **(variables or {})},
                                        **more)
        self.stdout = self.process.stdout
        self.unread = b""
        self.stderr = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def write(self, data):
        self.process.stdin.write(data)

    def signal(self, number):
        self.process.send_signal(number)

    def readable(self, seconds):
        return bool(select.select([self.stdout], [], [], seconds)[0])

    def chunk(self, size=1 << 20):
        """What there is, at least a byte; b"" at the end."""
        assert self.readable(timing.CALL), "no output"
        return os.read(self.stdout.fileno(), size)

    def line(self):
        while b"\n" not in self.unread:
            data = self.chunk(4096)
            assert data, f"output ended; {self.unread!r}"
            self.unread += data
        line, self.unread = self.unread.split(b"\n", 1)
        return line + b"\n"

    def rest(self):
        """All output that was not read yet."""
        data = [self.unread]
        self.unread = b""
        while chunk := self.chunk():
            data.append(chunk)
        return b"".join(data)

    def says(self, pattern, times=1):
        """Waits until standard error has that in so many places; what comes up to there is in .stderr."""
        end = time.monotonic() + timing.CALL
        while len(re.findall(pattern, self.stderr)) < times:
            left = max(0, end - time.monotonic())
            ready = select.select([self.process.stderr], [], [], left)[0]
            more = os.read(self.process.stderr.fileno(), 65536) if ready else b""
            assert more, f"not said: {pattern}; {self.stderr!r}"
            self.stderr += more.decode(errors="replace")

    def end(self, seconds=timing.CALL):
        """The exit code; stderr is in .stderr then. Output need not have been read."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.stderr += read_all(self.process.stderr, seconds)
        logs.look_at(self.stderr)
        return self.process.wait(seconds)


def read_all(pipe, seconds):
    data, end = b"", time.monotonic() + seconds
    while select.select([pipe], [], [], max(0, end - time.monotonic()))[0]:
        more = os.read(pipe.fileno(), 65536)
        if not more:
            return data.decode(errors="replace")
        data += more
    raise AssertionError(f"postcli did not end; {data!r}")


def run(pair, *args, stdin=b"", code=0, timeout=timing.CALL):
    """Its output; stdin is bytes."""
    return attempt(pair, *args, stdin=stdin, code=code, timeout=timeout)[0]


def attempt(pair, *args, stdin=b"", code=1, timeout=timing.CALL):
    """Its output and what it said on standard error (text)."""
    done = subprocess.run([POSTCLI, *map(str, args)], input=stdin, capture_output=True,
                          timeout=timeout, env=pair.postcli_environment(), check=False)
    stderr = done.stderr.decode(errors="replace")
    logs.look_at(stderr)
    assert done.returncode == code, \
        f"postcli {args} exited {done.returncode}: {stderr[:2000]}"
    return done.stdout, stderr


def shell(pair, script, timeout=timing.CALL, environment=None):
    """A bash script with $POSTCLI: the pipelines that people write.

    SIGPIPE is not ignored there: subprocess sees to it. And it needs no
    preexec_fn, with which it would fork: gRPC's fork handlers may hang."""
    env = {**pair.postcli_environment(), "POSTCLI": POSTCLI, **(environment or {})}
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=timeout, env=env,
                          stdin=subprocess.DEVNULL, check=False)
    logs.look_at(done.stderr.decode(errors="replace"))
    return done


def pipeline(pair, script, timeout=timing.CALL, environment=None):
    """shell(), where every part of it must end well. Returns the output."""
    done = shell(pair, "set -euo pipefail\n" + script, timeout, environment)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout
