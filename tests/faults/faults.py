#!/usr/bin/env python3
"""make faults: listings and imports while everything around them breaks.

    faults.py [--runs N] [--posts N] [--users N] [--seed S] [--only N]

Each run lists all posts in one of the four shapes, or imports them, and has one
fault at a random moment: in the connection between client and Post or between
Post and User (tests/faults/proxy.c), or in a server: frozen for a while, or
killed and started again. It must end with the exact set and exit status 0, or
with 1, a right status code and nothing but a part of the exact set; and where
that part is gone on from, as postcli says how, the rest is exact as well. Never
with a short or wrong answer that claims success. stream-list goes on by itself:
a fault that passes is no reason for it to give up.

Half of the listings ping (keepalive): who does hears of a peer that is gone.

The seed is printed; --seed S --only N repeats run N of it. Exit status 1: a
promise was broken."""
import argparse
import collections
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import cli  # noqa: E402
from pair import BUILD, Pair  # noqa: E402
from proxy import Proxy  # noqa: E402

COMMANDS = {
    "unary": ["list"],
    "server-stream": ["stream-list"],
    "client-stream": ["collect-list", "--all"],
    "bidi": ["bidi-list", "--all"],
}
# The last two are what gRPC's core says of a connection that broke in the midst of a message.
RIGHT_CODES = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN"}
USER_TIMEOUT = "3s"
MAY_PING = ("--keepalive-min-time", "50ms")
PINGS = ("--keepalive-time", "300ms", "--keepalive-timeout", "500ms")
POST_PINGS = ("--user-keepalive-time", "300ms", "--user-keepalive-timeout", "500ms")

Outcome = collections.namedtuple("Outcome", "kind what")


class Broken(AssertionError):
    """A promise was."""


class World:
    """The pair with a proxy before each server, its posts, and what is right."""

    def __init__(self, folder, posts, users, deadline):
        self.folder, self.out, self.deadline = folder, folder / "out", deadline
        self.pair = Pair(folder, user_args=MAY_PING,
                         post_args=["--user-timeout", USER_TIMEOUT, *MAY_PING])
        self.pair.user.start()
        self.to_user = Proxy(port_of(self.pair.user))
        self.pair.post.args += ("--user-target", self.to_user.target)
        self.pair.post.start()
        self.to_post = Proxy(port_of(self.pair.post))
        self.posts, self.users = posts, users
        self.aged = False
        self.records = folder / "posts.ndjson"
        self.fill()
        self.right = {name: self.undisturbed(name) for name in COMMANDS}
        self.stream_bytes = len(self.right["server-stream"])

    def fill(self):
        cli.pipeline(self.pair, f"$POSTCLI generate users --count {self.users} | "
                     "$POSTCLI import users -", 120)
        cli.pipeline(self.pair, f"$POSTCLI generate posts --count {self.posts} "
                     f"--users {self.users} >{self.records}; $POSTCLI import posts {self.records}",
                     300)

    def undisturbed(self, name):
        code, out, err = self.run(name, ())
        if code != 0 or out.count(b"\n") != self.posts:
            raise Broken(f"without a fault: {name} exited {code}, {err}")
        return out

    def start(self, *command):
        environment = {**self.pair.postcli_environment(), "POSTCLI_TARGET": self.to_post.target}
        with open(self.out, "wb") as out:
            return subprocess.Popen([str(BUILD / "postcli"), *command], stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=subprocess.PIPE, env=environment)

    def run(self, name, options, during=lambda: None):
        """A listing to its end, while something is done to it."""
        process = self.start(*COMMANDS[name], "--format", "ndjson", "--deadline",
                             f"{self.deadline}s", *options)
        during()
        _, err = process.communicate(timeout=self.deadline + 10)
        return process.returncode, self.out.read_bytes(), err.decode(errors="replace")

    def forget_names(self, *args):
        """So that Post has to ask for all of them again."""
        self.pair.post.restart(*args)

    def fired(self):
        return any(proxy.await_fired(0) for proxy in (self.to_post, self.to_user))

    def heal(self):
        for proxy in (self.to_post, self.to_user):
            proxy.heal()
        for server in (self.pair.user, self.pair.post):
            if server.process is None:
                server.start()
            elif self.aged:
                server.restart()
        self.aged = False

    def close(self):
        for proxy in (self.to_post, self.to_user):
            proxy.close()
        self.pair.kill()


def port_of(server):
    return int(server.listen.rsplit(":", 1)[1])


# --- What can be wrong with an end ---------------------------------------------------------


def code_named(err):
    found = re.search(r"\b(" + "|".join(RIGHT_CODES | {"OK", "NOT_FOUND", "INVALID_ARGUMENT",
                      "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "DATA_LOSS"}) + r")\b", err)
    return found[1] if found else None


def judge(world, name, code, out, err, passes):
    """Also goes on with what failed, in a world that is whole again."""
    right = world.right[name]
    if code == 0:
        if out != right:
            raise Broken(f"exit 0, but {out.count(b'%c' % 10)} rows of {world.posts}, "
                         f"{'in part' if right.startswith(out) else 'other ones'}; {err!r}")
        return Outcome("exact", "resumed" if "resumed" in err else "")
    named = code_named(err)
    if code != 1 or named not in RIGHT_CODES:
        raise Broken(f"exit {code}, code {named}: {err!r}")
    if name == "server-stream" and passes and named == "UNAVAILABLE":
        raise Broken(f"it gave up: {err!r}")
    if not right.startswith(out[:out.rfind(b"\n") + 1]):
        raise Broken(f"{named}, and rows that are not those of the listing")
    world.heal()
    check_rest(world, name, out, err)
    return Outcome("failed", named)


def check_rest(world, name, out, err):
    """Without a hint there is nothing to go on from."""
    hint = re.search(r"^postcli: resume with (--page-token) (\S+)$", err, re.M)
    if hint is None and out:
        raise Broken(f"{out.count(b'%c' % 10)} rows, and no word of how to go on: {err!r}")
    code, rest, why = world.run(name, hint.groups() if hint else ())
    if code != 0 or out + rest != world.right[name]:
        raise Broken(f"gone on after {err!r}: exit {code}, {why!r}, "
                     f"{(out + rest).count(b'%c' % 10)} rows in both of {world.posts}")


# --- Faults -----------------------------------------------------------------------------------


def in_proxy(kind):
    def fault(world, proxy, rng, size):
        proxy.command(kind, rng.randrange(1, size))
        if kind in ("freeze", "half-open"):
            return lambda: thaw(proxy, rng.choice((0.2, 1.0, 20.0)))
        return lambda: None
    return fault


def thaw(proxy, seconds):
    if proxy.await_fired(2) and seconds < 2:
        time.sleep(seconds)  # how long the world stands still: the fault itself
        proxy.command("thaw")


def slow(kind, values):
    def fault(world, proxy, rng, size):
        proxy.command(kind, rng.choice(values))
        return lambda: None
    return fault


def frozen(world, server, rng, seconds):
    def during():
        time.sleep(rng.uniform(0, 0.4))
        server.signal(signal.SIGSTOP)
        timer = threading.Timer(seconds, server.signal, [signal.SIGCONT])
        timer.start()
        timer.join()
    return during


def killed(world, server, rng):
    def during():
        time.sleep(rng.uniform(0, 0.4))
        server.kill()
        time.sleep(rng.uniform(0, 0.3))
        server.start()
    return during


def aged(world, server, rng):
    """GOAWAY: connections to the server may be no older than this."""
    world.aged = True
    server.restart("--max-connection-age", f"{rng.randrange(50, 300)}ms",
                   "--max-connection-age-grace", "50ms")
    return lambda: None


PROXY_FAULTS = {
    "cut": in_proxy("cut"), "reset": in_proxy("reset"), "half-open": in_proxy("half-open"),
    "freeze": in_proxy("freeze"), "split": slow("split", (2_000, 20_000)),
    "delay": slow("delay", (1, 5)), "rate": slow("rate", (20_000_000, 60_000_000)),
}
ONCE = ("cut", "reset", "half-open", "freeze")  # at their byte, if the listing gets there
SERVER_FAULTS = ("frozen", "killed", "aged")
FOR_EVER = ("half-open", "freeze", "frozen")  # or for longer than a name is waited for


def plan(world, rng):
    """A fault: what to call it, and what to do while the listing runs."""
    place = rng.choice(("post", "user"))
    server = world.pair.post if place == "post" else world.pair.user
    proxy = world.to_post if place == "post" else world.to_user
    size = world.stream_bytes // 2 if place == "post" else world.users * 25
    if place == "user":
        world.forget_names(*rng.choice(((), POST_PINGS)))
    name = rng.choice((*PROXY_FAULTS, *SERVER_FAULTS))
    if name == "aged":
        return f"{place}: aged", aged(world, server, rng)
    if name == "frozen":
        return f"{place}: {name}", frozen(world, server, rng, rng.choice((0.1, 1.0, 4.0)))
    if name == "killed":
        return f"{place}: {name}", killed(world, server, rng)
    return f"{place}: {name}", PROXY_FAULTS[name](world, proxy, rng, size)


def run_listing(world, rng):
    shape, options = rng.choice(tuple(COMMANDS)), rng.choice(((), PINGS))
    fault, during = plan(world, rng)
    end = world.run(shape, options, during)
    late = fault.endswith(ONCE) and not world.fired()
    try:
        outcome = judge(world, shape, *end, passes=not fault.endswith(FOR_EVER))
    except Broken as why:
        raise Broken(f"{shape}, {fault}: {why}") from None
    fault += " (too late)" if late else ""
    return f"{shape:13}  {'pings' if options else '':5}  {fault:27}", outcome


# --- Imports ---------------------------------------------------------------------------------


def run_import(world, rng):
    """Post loses its store, and the import its connection or its server. What was answered is
    there; the same import again completes it, and changes nothing that was there."""
    post = world.pair.post
    post.stop()
    post.empty_store()
    post.start()
    how = rng.choice(("killed", "cut", "reset"))
    process = world.start("import", "posts", str(world.records))
    if how == "killed":
        killed(world, post, rng)()
    else:
        # Little comes from the server during an import: the fault is in what it acknowledges.
        world.to_post.command(how, rng.randrange(1, 4000))
    _, err = process.communicate(timeout=120)
    world.heal()
    if process.returncode == 0:
        check_whole(world, how)
        return f"{'import':13}         post: {how:21}", Outcome("exact", "")
    code, out, listed_err = world.run("server-stream", ())
    if code != 0:
        raise Broken(f"import, {how}: the listing after it: {listed_err!r}")
    check_part(world, out, how)
    cli.run(world.pair, "import", "posts", world.records, timeout=120)
    check_whole(world, how)
    return f"{'import':13}         post: {how:21}", Outcome("failed", code_named(err.decode()) or "?")


def check_whole(world, how):
    code, out, err = world.run("server-stream", ())
    if code != 0 or out != world.right["server-stream"]:
        raise Broken(f"import, {how}: not all is there; {err!r}")


def check_part(world, out, how):
    """Every row is one of the listing, in its order."""
    rows = iter(world.right["server-stream"].splitlines())
    for row in out.splitlines():
        if row not in rows:  # consumes the iterator: so the order counts too
            raise Broken(f"import, {how}: half a post, or in another place: {row[:80]!r}")


# --- All of them -----------------------------------------------------------------------------


def run_all(world, args, tally):
    for number in range(args.runs):
        if args.only is not None and number != args.only:
            continue
        rng = random.Random(f"{args.seed}/{number}")
        began = time.monotonic()
        what, outcome = (run_import if rng.random() < 0.12 else run_listing)(world, rng)
        print(f"{number:4}  {what}  {outcome.kind:6} {outcome.what:18} "
              f"{time.monotonic() - began:5.1f} s", flush=True)
        tally[what, outcome] += 1
        world.heal()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--only", type=int)
    parser.add_argument("--deadline", type=int, default=12, help="of a listing, in seconds")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    tally, world = collections.Counter(), None
    try:
        world = World(folder, args.posts, args.users, args.deadline)
        run_all(world, args, tally)
    except Broken as why:
        print(f"BROKEN: {why}\nrepeat it: faults.py --seed {args.seed} --runs {args.runs} "
              f"--posts {args.posts} --users {args.users} --only N")
        return 1
    finally:
        if world is not None:
            world.close()
        shutil.rmtree(folder, ignore_errors=True)
    late = sum(n for (what, _), n in tally.items() if "too late" in what)
    exact = sum(n for (_, outcome), n in tally.items() if outcome.kind == "exact")
    print(f"{sum(tally.values())} runs: {exact} with the exact set, "
          f"{sum(tally.values()) - exact} with a right error, none wrong; "
          f"{late} were over before their fault")
    return 0


if __name__ == "__main__":
    sys.exit(main())
