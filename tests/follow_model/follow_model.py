#!/usr/bin/env python3
"""make follow-model: follows of all kinds against a simple model, while everything breaks.

    follow_model.py [--rounds N] [--seed S] [--only N]

A round has a store of its own. Writers import posts, change and delete them; watchers follow:
all posts or one user's, with and without a tag, from now or after the listing, one in a call
or several, with a limit, slowly, and hang up now and then. Meanwhile connections are cut and
servers restarted, stopped for a while, or killed. Each watcher goes on with the token of the
last message that it had. Then

  what it has made of the listing and the changes is just what is there
  among changes each version of a post came once at most, in the order of the commits
  nothing came that never was, or is for others

The seed is printed; --seed S --only N repeats round N of it, as far as threads allow. Exit
status 1: a promise was broken."""
import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[1:1] = [str(TESTS / "e2e"), str(TESTS / "faults")]

import timing  # noqa: E402
from model import GHOST, Broken, Log, Record, expect  # noqa: E402
from pair import Pair  # noqa: E402
from protos import post  # noqa: E402
from proxy import Proxy  # noqa: E402
from watcher import DONE, Watcher  # noqa: E402
from writer import TAGS, Writer  # noqa: E402

USERS = [f"u{i}" for i in range(6)]
LATE = "late"  # known, and has no posts until the end


class World:
    """The pair, one round after another. The posts are new for each."""

    def __init__(self, folder):
        self.folder = folder
        self.pair = Pair(folder, post_args=["--drain-timeout", "2s", "--user-timeout",
                                            f"{round(timing.limit(5))}s"])
        self.pair.__enter__()
        self.proxy = Proxy(int(self.pair.post.listen.rsplit(":", 1)[1]))
        self.pair.import_users([{"user_id": each, "name": f"name of {each}"}
                                for each in (*USERS, LATE)])
        self.known = [*USERS, LATE]

    def begin(self, rng):
        """An empty store."""
        post_server = self.pair.post
        post_server.stop()
        post_server.empty_store()
        self.forgets = rng.random() < 0.15
        self.args = ["--loops", str(rng.randrange(1, 4)), "--transport",
                     rng.choice(("http", "http", "http", "core"))]
        if self.forgets:
            self.args += ["--keep-changes", str(rng.choice((20, 200)))]
        post_server.start(*self.args)
        self.ended = 0

    def end_of(self, query):
        """The last post of all that is for it."""
        return f"end of {query.user_id or LATE}"

    def heal(self):
        self.proxy.heal()
        for server in self.pair.user, self.pair.post:
            if server.process is None:
                server.start(*(self.args if server is self.pair.post else ()))

    def close(self):
        self.proxy.close()
        self.pair.__exit__()


# --- Faults -----------------------------------------------------------------------------------


def cut(world, rng):
    world.proxy.command(rng.choice(("cut", "reset")), rng.randrange(1, rng.choice((300, 30000))))


def freeze(world, rng):
    world.proxy.command("freeze", rng.randrange(1, 3000))
    if world.proxy.await_fired(0.2):
        time.sleep(rng.uniform(0, 0.2))
    world.proxy.heal()


def split(world, rng):
    world.proxy.command("split", rng.randrange(1, 3000))


def stop_for_a_while(world, rng):
    """Commits pile up before their news are heard."""
    server = rng.choice((world.pair.post, world.pair.user))
    server.signal(signal.SIGSTOP)
    time.sleep(rng.uniform(0, 0.2))
    server.signal(signal.SIGCONT)


def restart_post(world, rng):
    world.pair.post.restart(*world.args)


def kill_post(world, rng):
    world.pair.post.kill()
    time.sleep(rng.uniform(0, 0.1))
    world.pair.post.start(*world.args)


def kill_user(world, rng):
    world.pair.user.kill()
    time.sleep(rng.uniform(0, 0.1))
    world.pair.user.start()


FAULTS = [cut] * 5 + [freeze, split, stop_for_a_while, restart_post, kill_post, kill_post, kill_user]


# --- A round ------------------------------------------------------------------------------------


def join(threads, what):
    for thread in threads:
        thread.join(DONE)
        if thread.is_alive():
            stack = traceback.format_stack(sys._current_frames()[thread.ident])
            raise Broken(f"{what} {thread} does not end; {''.join(stack)}")
        if thread.failed is not None:
            raise Broken(f"{what} {thread}: {thread.failed}") from thread.failed


def written(writers):
    return sum(writer.log.answered for writer in writers)


def let_it_break(world, writers, watchers, rng):
    """A fault comes when something was written since the last one."""
    calm, before = rng.random() < 0.2, -1
    while any(writer.is_alive() for writer in writers):
        time.sleep(rng.uniform(0, 0.15))
        if not calm and written(writers) > before:
            before = written(writers)
            rng.choice(FAULTS)(world, rng)
        for server in world.pair.post, world.pair.user:
            expect(server.process.poll() is None, f"{server.name} is gone", server.process.poll(),
                   server.stderr()[-2000:])
        failed = [thread for thread in (*writers, *watchers) if thread.failed is not None]
        if failed:
            join(failed[:1], "meanwhile")


def write_the_end(world, log, rng):
    """One post of each user, LATE's last, which all follows are told of."""
    writer = Writer(world.pair.post.target, log, [], rng, 0)
    users = [*USERS, GHOST, LATE]
    writer.write([Record(f"end of {each}", each, post.PostMessage(
        post_id=f"end of {each}", user_id=each, tags=TAGS)) for each in users])
    world.ended = time.monotonic()


def run_round(world, number, seed):
    rng = random.Random(f"{seed}/{number}")
    world.begin(rng)
    logs = [Log(i) for i in range(rng.randrange(1, 4))]
    writers = [Writer(world.pair.post.target, log, [*USERS, GHOST], random.Random(rng.random()),
                      rng.choice((20, 60, 120))) for log in logs]
    watchers = [Watcher(world, logs, random.Random(rng.random()),
                        rng.choice((world.pair.post.target, world.proxy.target)))
                for _ in range(rng.randrange(2, 8))]
    for thread in sorted((*writers, *watchers), key=lambda _: rng.random()):
        thread.start()
    let_it_break(world, writers, watchers, rng)
    join(writers, "writer")
    world.heal()
    write_the_end(world, logs[0], rng)
    while any(watcher.is_alive() for watcher in watchers) and \
            time.monotonic() < world.ended + 2 * DONE:
        time.sleep(0.02)
        for watcher in watchers:
            watcher.look()
    join(watchers, "watcher")
    for watcher in watchers:
        for seen in watcher.seen:
            seen.judge()
    return (f"{sum(len(log.records) for log in logs):5} records  {len(watchers)} watchers  "
            f"{sum(w.calls for w in watchers):4} calls  {sum(w.messages for w in watchers):6} messages  "
            f"{sum(w.lists_anew for w in watchers):3} listed anew")


def run_all(world, args):
    for number in range(args.rounds) if args.only is None else [args.only]:
        began = time.monotonic()
        try:
            said = run_round(world, number, args.seed)
        except Broken:
            print(f"BROKEN in round {number}; repeat it: --seed {args.seed} --only {number}")
            raise
        print(f"{number:4}  {said}  {time.monotonic() - began:5.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--only", type=int)
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="follow-model-"))
    world = World(folder)
    try:
        run_all(world, args)
        world.close()
    except AssertionError:
        traceback.print_exc()
        print(f"the stores and logs are in {folder}")
        world.pair.kill()
        world.proxy.close()
        sys.stdout.flush()
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    print("all rounds as the model says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
