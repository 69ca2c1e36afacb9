"""fault-proxy as a child process; see proxy.c for the commands."""
import os
import pathlib
import select
import subprocess

# The programs that use this have their helpers in folders of their own, so it needs none of them.
BUILD = pathlib.Path(__file__).resolve().parents[2] / os.environ.get("BUILD", "build")
DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL"]  # a run that is killed leaves no proxy behind


class Proxy:
    def __init__(self, port):
        self.process = subprocess.Popen([*DIES_WITH_US, str(BUILD / "fault-proxy"), str(port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.unread = b""
        self.fired = []
        self.port = int(self.line(10))
        self.target = f"127.0.0.1:{self.port}"

    def line(self, seconds):
        """The next line, or None: nothing came for so long."""
        while b"\n" not in self.unread:
            if not select.select([self.process.stdout], [], [], seconds)[0]:
                return None
            self.unread += os.read(self.process.stdout.fileno(), 4096)
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode()

    def command(self, *words):
        """Returns once it is obeyed."""
        self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        while (line := self.line(10)) != f"done {words[0]}":
            assert line is not None, f"fault-proxy does not obey {words}"
            self.fired.append(line)

    def await_fired(self, seconds):
        """Whether the armed fault happens within so long."""
        if not self.fired:
            line = self.line(seconds)
            if line is not None:
                self.fired.append(line)
        return bool(self.fired)

    def heal(self):
        """As new."""
        for words in (("disarm",), ("split", 0), ("delay", 0), ("latency", 0),
                      ("rate", 0), ("accept",), ("thaw",)):
            self.command(*words)
        self.fired = []

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
