#!/usr/bin/env python3
"""make soak: everything at once, for minutes, and then the servers are as they were.

    soak.py [--seconds N] [--seed S] [--workers N] [--posts N]

Workers do, at random: listings in the four shapes, of all posts and of some users;
slow readers; clients that are killed, or give too little time; connections that
say nothing; imports; renames. Meanwhile User is stopped or killed, and comes back.

What is right is known for every listing. The posts of the fixed users f… never
change, so a listing begins with exactly their bytes. Those of the moving users m…
follow: all that were there when the listing began, each once, none that was not
imported by its end; bodies and names no older than what had been answered a second
before it began, and no newer than what was sent by its end. One that ends with
exit status 1 must say a fitting code, and have printed a beginning of that.

After a warm-up, and again at the end, the workers rest, and memory, descriptors
and threads of both servers are measured: they must be back. Exit status 1: a
promise was broken."""
import argparse
import collections
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import cli  # noqa: E402
from pair import BUILD, Pair  # noqa: E402

FIXED_USERS, MOVING_USERS = 200, 40
MOVING_MAX = 4000  # posts; then imports change them only
GOOD_ENDS = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"}
ROW = re.compile(rb'"post_id":"m(\d+)","author":"M(\d+) v(\d+)","user_id":"m(\d+)".*"body":"v(\d+)')
CODE = re.compile(r"\b([A-Z]+_?[A-Z]+): ")

# By how much the servers may be over what they were after the warm-up.
SANITIZED = float(os.environ.get("TEST_STRETCH") or 1) > 1  # then what is freed is kept
MEMORY_SLACK = 24 << 20  # what malloc may keep: the servers give back from 16 MiB on
DESCRIPTOR_SLACK = 2
THREAD_SLACK = 8  # libuv's four begin when first needed, gRPC's own come and go
SETTLE = 20  # seconds to get there

Level = collections.namedtuple("Level", "memory descriptors threads")


class Broken(AssertionError):
    """A promise was."""


class Versions:
    """The last number that was sent, and when each was answered."""

    def __init__(self):
        self.sent, self.answered = 0, [(0.0, 0)]

    def next(self):
        self.sent += 1
        return self.sent

    def done(self, version):
        self.answered.append((time.monotonic(), version))

    def sure(self, before):
        return max(version for at, version in self.answered if at <= before)


class World:
    def __init__(self, folder, posts, seed):
        self.pair = Pair(folder, post_args=["--user-timeout", "2s"])
        self.pair.user.start()
        self.pair.post.args += ("--user-target", self.pair.user.target)
        self.pair.post.start()
        self.lock, self.writing = threading.Lock(), threading.Lock()
        self.random = random.Random(seed)
        self.names, self.bodies = Versions(), Versions()
        self.moving = 0  # how many are sent, and how many of them answered
        self.moving_answered = 0
        self.counts = collections.Counter()
        self.problems = []
        self.resting, self.over = threading.Event(), threading.Event()
        self.busy = 0
        self.fill(posts)

    def fill(self, posts):
        fixed = "\n".join(json.dumps({"post_id": f"f{i}", "user_id": f"f{i * 7 % FIXED_USERS}",
                                      "title": f"post {i}", "body": "x" * (i * 37 % 400)})
                          for i in range(posts))
        people = "\n".join(json.dumps({"user_id": f"f{i}", "name": f"F{i}"})
                           for i in range(FIXED_USERS))
        cli.run(self.pair, "import", "users", "-", stdin=people.encode(), timeout=60)
        cli.run(self.pair, "import", "posts", "-", stdin=fixed.encode(), timeout=60)
        self.fixed = cli.run(self.pair, "stream-list", "--format", "ndjson", timeout=60)
        if self.fixed.count(b"\n") != posts:
            raise Broken("the fixed posts are not all there")
        self.by_user = collections.defaultdict(bytes)
        for line in self.fixed.splitlines(keepends=True):
            self.by_user[json.loads(line)["user_id"]] += line
        self.rename()
        self.import_posts()

    # --- What workers do. Each returns what is to be counted. ---

    def rename(self):
        """One at a time, so that a version is older or newer than another."""
        with self.writing:
            version = self.names.next()
            rows = "\n".join(json.dumps({"user_id": f"m{i}", "name": f"M{i} v{version}"})
                             for i in range(MOVING_USERS))
            if self.import_rows("users", rows):
                self.names.done(version)
                return "renames"
        return "imports failed"

    def import_posts(self):
        with self.writing:
            version = self.bodies.next()
            self.moving = min(self.moving + 100, MOVING_MAX)
            rows = "\n".join(json.dumps({"post_id": f"m{i}", "user_id": f"m{i % MOVING_USERS}",
                                         "body": f"v{version} " + "y" * (i % 500)})
                             for i in range(self.moving))
            if self.import_rows("posts", rows):
                self.bodies.done(version)
                self.moving_answered = self.moving
                return "imports"
        return "imports failed"

    def import_rows(self, what, rows):
        """User may be gone meanwhile; the same is sent again by the next version."""
        try:
            cli.run(self.pair, "import", what, "-", stdin=rows.encode(), timeout=60)
            return True
        except AssertionError as e:
            if what == "users" and "UNAVAILABLE" in str(e):
                return False
            raise Broken(f"import of {what}: {e}") from None

    def list_all(self, rng):
        command = rng.choice([["list"], ["stream-list"], ["collect-list", "--all"],
                              ["bidi-list", "--all"]])
        return self.listing(command, self.fixed, True)

    def list_some(self, rng):
        users = [f"f{rng.randrange(FIXED_USERS)}" for _ in range(rng.randrange(1, 30))]
        command = rng.choice(["collect-list", "bidi-list", "list", "stream-list"])
        if command in ("list", "stream-list"):
            return self.listing([command, "--user", users[0]], self.by_user[users[0]], False)
        return self.listing([command, *users], b"".join(self.by_user[u] for u in users), False)

    def slow_reader(self, rng):
        wait = rng.uniform(0.3, 2)
        self.listing(["stream-list"], self.fixed, True, lambda _: time.sleep(wait))
        return "slow readers"

    def leave(self, rng):
        number = rng.choice([signal.SIGKILL, signal.SIGINT])
        wait = rng.uniform(0, 0.3)

        def kill(process):
            time.sleep(wait)
            process.send_signal(number)

        self.listing(["stream-list"], self.fixed, True, kill, ends=(0, 130, -number))
        return "clients that left"

    def hurry(self, rng):
        self.listing(["stream-list", "--deadline", f"{rng.randrange(1, 60)}ms"], self.fixed, True)
        return "short deadlines"

    def say_nothing(self, rng):
        host, port = self.pair.post.listen.rsplit(":", 1)
        connections = [socket.create_connection((host, int(port))) for _ in range(20)]
        time.sleep(rng.uniform(0, 0.2))
        for connection in connections:
            connection.close()
        return "silent connections"

    # --- A listing, and whether it is right ---

    def listing(self, command, fixed, moving, during=lambda _: None, ends=(0,)):
        began, at_least = time.monotonic(), self.moving_answered
        if "--deadline" not in command:
            command = [*command, "--deadline", "20s"]
        process = subprocess.Popen([str(BUILD / "postcli"), *command, "--format", "ndjson"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self.pair.postcli_environment())
        during(process)
        out, err = process.communicate(timeout=60)
        err, what = err.decode(errors="replace"), " ".join(command)
        whole = out[:out.rfind(b"\n") + 1]
        if process.returncode == 1:
            code = CODE.search(err)
            if not code or code[1] not in GOOD_ENDS:
                raise Broken(f"{what}: {err}")
        elif process.returncode not in ends:
            raise Broken(f"{what}: exit {process.returncode}, {err}")
        complete = process.returncode == 0
        if not whole.startswith(fixed) and (complete or not fixed.startswith(whole)):
            raise Broken(f"{what}: exit {process.returncode}, other posts than the fixed ones")
        if moving:
            self.judge_moving(what, whole[len(fixed):], began, at_least if complete else 0)
        elif whole[len(fixed):]:
            raise Broken(f"{what}: more posts than there are")
        if complete:
            with self.lock:
                self.counts["posts verified"] += whole.count(b"\n")
                self.counts["resumed"] += "resumed" in err
        return "listings" if complete else code[1] if process.returncode == 1 else "left"

    def judge_moving(self, what, rows, began, at_least):
        name, body = self.names.sure(began - 1), self.bodies.sure(began - 1)
        seen = set()
        for row in rows.splitlines():
            found = ROW.search(row)
            if not found:
                raise Broken(f"{what}: {row}")
            post, named, named_version, user, version = map(int, found.groups())
            if named != user or post % MOVING_USERS != user or post in seen or \
                    not name <= named_version <= self.names.sent or \
                    (not body <= version <= self.bodies.sent and post < at_least):
                raise Broken(f"{what}: {row[:200]}; names from v{name}, bodies from v{body}")
            seen.add(post)
        missing = set(range(at_least)) - seen
        if missing or any(post >= self.moving for post in seen):
            raise Broken(f"{what}: {len(missing)} moving posts are missing of {at_least}")

    # --- Threads ---

    def work(self, seed):
        rng = random.Random(seed)
        todo = [self.list_all] * 6 + [self.list_some] * 8 + \
            [self.slow_reader, self.leave, self.hurry, self.say_nothing, None, None]
        while not self.over.is_set():
            if self.resting.is_set():
                time.sleep(0.05)
                continue
            with self.lock:
                self.busy += 1
            try:
                action = rng.choice(todo)
                if action is None:
                    action = rng.choice([lambda _: self.rename(), lambda _: self.import_posts()])
                what = action(rng)
                with self.lock:
                    self.counts[what] += 1
            except Exception as e:  # pylint: disable=broad-except
                self.problems.append(f"{type(e).__name__}: {e}")
                self.over.set()
            finally:
                with self.lock:
                    self.busy -= 1

    def disturb(self, rng):
        """By the main thread: the server dies with the thread that started it."""
        user = self.pair.user
        if rng.random() < 0.5:
            user.stop()
            self.counts["User stopped"] += 1
        else:
            user.kill()
            self.counts["User killed"] += 1
        time.sleep(rng.choice([0, 0, 0.5, 3]))
        user.start()

    def rest(self):
        self.resting.set()
        while self.busy and not self.over.is_set():
            time.sleep(0.05)


def level(server):
    descriptors = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
    threads = len(list(Path(f"/proc/{server.pid}/task").iterdir()))
    return Level(server.rss_anon_bytes(), descriptors, threads)


def is_back(now, start):
    return ((now.memory <= start.memory + MEMORY_SLACK or SANITIZED) and
            now.descriptors <= start.descriptors + DESCRIPTOR_SLACK and
            now.threads <= start.threads + THREAD_SLACK)


def shown(levels):
    return "; ".join(f"{name} {now.memory >> 10:,} KiB, {now.descriptors} descriptors, "
                     f"{now.threads} threads" for name, now in levels.items())


def levels_of(world):
    return {server.name: level(server) for server in (world.pair.post, world.pair.user)}


def settle(world, start):
    """Until they are back, or it has taken too long; the levels."""
    end = time.monotonic() + SETTLE
    while True:
        now = levels_of(world)
        if all(is_back(now[name], start[name]) for name in now) or time.monotonic() > end:
            return now
        time.sleep(0.2)


def settled(world, seconds):
    """After the warm-up: what is idle goes away by itself."""
    time.sleep(seconds)
    return levels_of(world)


def say(world, began):
    counts = ", ".join(f"{n:,} {what}" for what, n in sorted(world.counts.items()))
    print(f"{time.monotonic() - began:6.0f} s  {counts}", flush=True)


def run_for(world, seconds, every, began):
    """Every so often User goes, and comes back."""
    now = time.monotonic()
    end, line, next_time = now + seconds, now + 10, now + every
    while now < end and not world.over.wait(0.1):
        now = time.monotonic()
        if now >= line:
            line += 10
            say(world, began)
        if now >= next_time:
            world.disturb(world.random)
            next_time = time.monotonic() + world.random.uniform(every / 2, every * 1.5)


def soak(world, args):
    began, every = time.monotonic(), min(10, args.seconds / 4)
    threads = [threading.Thread(target=world.work, args=(args.seed * 1000 + i,))
               for i in range(args.workers)]
    for thread in threads:
        thread.start()
    try:
        run_for(world, args.seconds / 8, every, began)
        world.rest()
        start = settled(world, min(6, args.seconds / 10))
        print(f"after the warm-up: {shown(start)}", flush=True)
        world.resting.clear()
        run_for(world, args.seconds * 7 / 8, every, began)
        world.rest()
        now = settle(world, start)
    finally:
        world.over.set()
        for thread in threads:
            thread.join()
    say(world, began)
    print(f"at the end:        {shown(now)}")
    for name in now:
        if not is_back(now[name], start[name]):
            world.problems.append(f"{name} is not back where it was")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--posts", type=int, default=20000)
    args = parser.parse_args()
    print(f"seed {args.seed}, {args.seconds:g} s, {args.workers} workers, {args.posts:,} fixed posts",
          flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        world = World(Path(folder), args.posts, args.seed)
        try:
            soak(world, args)
            for server in (world.pair.post, world.pair.user):
                server.stop()
        except AssertionError as e:
            world.problems.append(str(e))
        finally:
            world.pair.kill()
    for problem in world.problems:
        print(f"BROKEN: {problem}")
    print("all as promised" if not world.problems else f"{len(world.problems)} promises broken")
    return 1 if world.problems else 0


if __name__ == "__main__":
    sys.exit(main())
