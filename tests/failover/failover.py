#!/usr/bin/env python3
"""make failover: PostgreSQL's primary is killed and its standby promoted, while all goes on.

    failover.py [--moments N] [--seed S] [--faults]

Two Post servers and a User server have their stores in one database. Listings in all four shapes,
imports, deletes, and follows of all kinds run on both (follow_model/ has the model of these). What
happens at each of the moments is said in disturbances.py: failovers, or with --faults what can
become of the connections to the database. Then

  each listing is exact, over all the calls that it took; none claims to be whole and is not
  what an import or a delete was answered for is there
  each follow was told of each change, once, in the order of the commits
  no server was restarted

The seed is printed. Exit status 1: a promise was broken."""
import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[1:1] = [str(TESTS / "e2e"), str(TESTS / "follow_model"), str(TESTS / "faults")]

import timing  # noqa: E402
import watcher  # noqa: E402
from disturbances import STORE_TIMEOUT, Failovers, Faults  # noqa: E402
from lister import FIXED, KINDS, Lister  # noqa: E402
from model import GHOST, Broken, Log, Record, expect  # noqa: E402
from pair import Pair, Server  # noqa: E402
from protos import post  # noqa: E402
from watcher import DONE, Watcher  # noqa: E402
from writer import TAGS, Writer  # noqa: E402

USERS = [f"u{i}" for i in range(6)]
LATE = "late"  # known, and has no posts until the end
FIXED_USERS = [f"fixed {i}" for i in range(12)]  # whose posts do not change
FIXED_POSTS = 1500
ARGS = ["--store-timeout", f"{STORE_TIMEOUT}s", "--drain-timeout", "2s"]
PROGRESS = timing.limit(60)  # after a disturbance, of everybody
SETTLED = timing.limit(60)
# A connection that is dead without a word is noticed after --store-timeout, by each in its turn.
watcher.SILENT = timing.limit(5 * STORE_TIMEOUT)


class World:
    """The servers, on one database. Watchers know it as that of follow_model.py."""

    def __init__(self, folder, disturbances):
        self.disturbances = disturbances
        self.forgets, self.ended = False, 0
        self.known = [*USERS, LATE]
        self.pair = Pair(folder, user_args=ARGS,
                         post_args=[*ARGS, "--user-timeout", f"{round(timing.limit(10))}s"])
        self.pair.user.db, self.pair.post.db = disturbances.database(), disturbances.database()
        self.pair.__enter__()
        self.second = Server("post-server", folder / "second", *self.pair.post.args)
        (folder / "second").mkdir()
        self.second.db = self.pair.post.db
        self.second.start()
        self.pair.import_users([{"user_id": each, "name": f"name of {each}"}
                                for each in (*USERS, LATE, *FIXED_USERS)])

    @property
    def servers(self):
        return [self.pair.user, self.pair.post, self.second]

    def target(self, rng):
        return rng.choice((self.pair.post.target, self.second.target))

    def end_of(self, query):
        """The last post of all that is for it."""
        return f"end of {query.user_id or LATE}"

    def close(self):
        self.second.stop()
        self.pair.__exit__()
        self.disturbances.close()

    def kill(self):
        for server in self.servers:
            if server.process is not None:
                server.kill()
        self.disturbances.close()


# --- Who works ----------------------------------------------------------------------------------


class Worker(Writer):
    """It writes until it is told to stop, now through one server and now through the other."""

    def __init__(self, world, log, rng):
        super().__init__(world.target(rng), log, [*USERS, GHOST], rng, 0)
        self.world, self.stopping = world, threading.Event()

    def run(self):
        try:
            while not self.stopping.is_set():
                self.target = self.world.target(self.rng)
                self.write(self.some())
                time.sleep(self.rng.choice((0, 0.002, 0.02, 0.1)))
        except BaseException as why:  # told by who waits for it
            self.failed = why


def import_fixed(world, log):
    """Posts of twelve users, imported in turns; the answer to each listing of them."""
    records = [Record(f"{log.number}/{i}", each, post.PostMessage(
        post_id=f"{log.number}/{i}", user_id=each, tags=[FIXED], body="x" * (i % 7 * 300)))
        for i in range(FIXED_POSTS) for each in [FIXED_USERS[i * 5 % len(FIXED_USERS)]]]
    writer = Writer(world.pair.post.target, log, [], random.Random(0), 0)
    for i in range(0, len(records), 300):
        writer.write(records[i:i + 300])
    return [record.message for record in records]


def join(threads):
    for thread in threads:
        thread.join(DONE)
        if thread.is_alive():
            stack = traceback.format_stack(sys._current_frames()[thread.ident])
            raise Broken(f"{thread} does not end; {''.join(stack)}")
        raise_failed([thread])


def raise_failed(threads):
    for thread in threads:
        if thread.failed is not None:
            raise Broken(f"{thread}: {thread.failed}") from thread.failed


# --- A moment -----------------------------------------------------------------------------------


class Moments:
    """One disturbance after another, and what everybody has done since the last one."""

    def __init__(self, world, workers, listers, watchers):
        self.world = world
        self.workers, self.listers, self.watchers = workers, listers, watchers

    def check(self):
        raise_failed((*self.workers, *self.listers, *self.watchers))
        for server in self.world.servers:
            expect(server.process.poll() is None, f"{server.name} is gone", server.stderr()[-2000:])

    def progress(self):
        return [*(worker.log.answered for worker in self.workers),
                *(lister.whole for lister in self.listers)]

    def wait_for_progress(self, before):
        """Everybody has done something since."""
        end = time.monotonic() + PROGRESS
        while any(now <= then for now, then in zip(self.progress(), before)):
            self.check()
            expect(time.monotonic() < end, "nothing goes on", self.progress(), before)
            time.sleep(0.02)

    def next(self, rng):
        """Returns what happened."""
        self.wait_for_progress(self.progress())
        time.sleep(rng.uniform(0, 0.5))
        what = self.world.disturbances.disturb(rng)
        self.check()
        return what


def write_the_end(world, log):
    """One post of each user, LATE's last, which all follows are told of."""
    writer = Writer(world.pair.post.target, log, [], random.Random(0), 0)
    writer.write([Record(f"end of {each}", each, post.PostMessage(
        post_id=f"end of {each}", user_id=each, tags=TAGS)) for each in (*USERS, GHOST, LATE)])
    world.ended = time.monotonic()


def settle(moments, world, log):
    """All are stopped, and what they know is compared with what is there."""
    before = moments.progress()
    moments.wait_for_progress(before)
    for each in (*moments.workers, *moments.listers):
        each.stopping.set()
    join(moments.workers)
    join(moments.listers)
    write_the_end(world, log)
    end = time.monotonic() + SETTLED
    while any(each.is_alive() for each in moments.watchers) and time.monotonic() < end:
        time.sleep(0.02)
        for each in moments.watchers:
            each.look()
    join(moments.watchers)
    for each in moments.watchers:
        for seen in each.seen:
            seen.judge()


def run(world, args):
    rng = random.Random(args.seed)
    logs = [Log(i) for i in range(3)]
    fixed = import_fixed(world, logs[-1])
    workers = [Worker(world, log, random.Random(rng.random())) for log in logs[:-1]]
    watchers = [Watcher(world, logs, random.Random(rng.random()), world.target(rng))
                for _ in range(6)]
    listers = [Lister(world, kind, fixed, FIXED_USERS, random.Random(rng.random()))
               for kind in KINDS]
    for thread in (*workers, *watchers, *listers):
        thread.start()
    moments = Moments(world, workers, listers, watchers)
    for number in range(args.moments):
        began = time.monotonic()
        what = moments.next(rng)
        print(f"{number:4}  {what:30}  "
              f"{sum(lister.whole for lister in listers):6} listings  "
              f"{sum(lister.broken for lister in listers):4} breaks in them  "
              f"{sum(len(log.records) for log in logs[:-1]):6} records  "
              f"{sum(w.messages for w in watchers):6} messages of follows  "
              f"{time.monotonic() - began:5.1f} s", flush=True)
    settle(moments, world, logs[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--faults", action="store_true")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="failover-"))
    world = World(folder, Faults() if args.faults else Failovers())
    try:
        run(world, args)
        world.close()
    except AssertionError:
        traceback.print_exc()
        print(f"the logs are in {folder}")
        world.kill()
        sys.stdout.flush()
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    print("nothing wrong, lost, missed or doubled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
