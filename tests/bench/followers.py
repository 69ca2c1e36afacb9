"""follow_load as it runs (tests/bench/follow_load/), and what is looked at meanwhile."""
import itertools
import json
import subprocess
import threading
import time

import cases
import data
import grpc_wire
import h2
from servers import BUILD, Pair, clean_environment
from slow_readers import settled

USERS = 1_000  # who post; and as many who are followed and never do
CONNECTIONS = 10
OTHER_RATE = 500  # calls a second
LOOK_S = 0.05
TIMEOUT = "10m"


class Bench:
    """A pair of its own: what is imported here would be seen by other topics."""

    def __init__(self, stack, folder, sizes):
        self.sizes, self.folder, self.names = sizes, folder, itertools.count()
        self.pair = stack.enter_context(Pair(folder / "follows"))
        self.authors, self.readers = self.users("author"), self.users("reader")
        data.import_lines(self.pair, "users", [{"user_id": data.FIVE, "name": data.FIVE}])
        data.import_lines(self.pair, "posts", ({"post_id": f"five-{n}", "user_id": data.FIVE}
                                               for n in range(5)))
        self.bulk(USERS)

    def users(self, kind):
        """A file of their ids."""
        ids = [f"{kind}-{number}" for number in range(USERS)]
        data.import_lines(self.pair, "users", ({"user_id": i, "name": i} for i in ids))
        file = self.folder / f"follow-{kind}s"
        file.write_text("".join(f"{i}\n" for i in ids))
        return file

    def name(self):
        """Of a new load."""
        return f"load-{next(self.names)}"

    def command(self, users, *options):
        return [str(word) for word in (
            BUILD / "bench/follow_load", "--port", self.pair.post.port, "--users", users,
            "--connections", CONNECTIONS, "--timeout", TIMEOUT, *options)]

    def followers(self, count, *options, users=None, name=None, nice=()):
        """By whom, and of which load: of the authors, and a new one."""
        command = self.command(users or self.authors, "--followers", count, *options, "--name",
                               name or self.name())
        return Followers([*nice, *command], count)

    def bulk(self, count, name=None):
        """Imports them at once; posts a second."""
        done = subprocess.run(
            self.command(self.authors, "--import", "bulk", "--name", name or self.name(),
                         "--count", count),
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=clean_environment(), check=False)
        if done.returncode != 0:
            raise h2.Failure(f"an import exited {done.returncode}")
        return count / json.loads(done.stdout.splitlines()[-1])["import_s"]

    def rounds(self, most):
        return range(min(self.sizes.rounds, most))

    def fresh(self, *post_args):
        """An allocator keeps what it once had."""
        self.pair.post_args = post_args
        self.pair.restart_post()
        cases.warm(self.pair.post.port, USERS)


class Followers:
    """All of them are caught up, once this is there; the load is over for them at the end."""

    def __init__(self, command, count):
        self.count = count
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=clean_environment())
        self.caught_up = self.line()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise h2.Failure(f"follow_load exited {self.process.wait()}")
        return json.loads(line)

    def end(self, may_expire=False):
        """No more is imported. What they got, which is checked."""
        self.process.stdin.close()
        got = self.line()
        self.process.wait()
        good = got["exact"] + (got["expired"] if may_expire else 0)
        if good != self.count or got["missed"] or got["doubled"] or got["strange"]:
            raise h2.Failure(
                f"of {self.count} followers {got['exact']} got what they should: "
                f"{got['missed']} posts missed, {got['doubled']} doubled, {got['strange']} of "
                f"others; {got['expired']} too far behind, {got['failed']} failed {got['why']}")
        return got


class Meanwhile(threading.Thread):
    """step() again and again, until the end of a with."""

    def __init__(self, step):
        super().__init__()
        self.step, self.over, self.failure = step, threading.Event(), None

    def run(self):
        try:
            while not self.over.is_set():
                self.step()
        except (OSError, h2.Failure) as why:
            self.failure = why

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
        if self.failure:
            raise h2.Failure(f"meanwhile: {self.failure}")


class Peak:
    """The most memory of its own that a server had, in MB more than before."""

    def __init__(self, server):
        self.server, self.before, self.most = server, settled(server), 0

    def step(self):
        self.most = max(self.most, self.server.memory("RssAnon") - self.before)
        time.sleep(LOOK_S)

    @property
    def mb(self):
        return self.most / 1e6


class Other:
    """Another client's small calls at a steady rate, on a connection that it has."""

    def __init__(self, connection):
        self.connection, self.body = connection, grpc_wire.by_user(data.FIVE)
        self.times_s, self.due = [], None

    def step(self):
        start = time.perf_counter()
        self.due = max(self.due or start, start - 1) + 1 / OTHER_RATE
        self.connection.call(cases.POST + "ListPostsByUserId", self.body)
        self.times_s.append(time.perf_counter() - start)
        time.sleep(max(0, self.due - time.perf_counter()))
