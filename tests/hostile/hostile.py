#!/usr/bin/env python3
"""make hostile: peers that keep to no rule, against a running post-server.

    hostile.py [--only WORDS,...] [--front] [--tries N]

Each peer gets a server of its own, on the first core; the peer and another client, which goes
first, have the second. Printed as a table: what it does and what is done about it; the most memory
of its own that the server had, and what it has when the peer is gone; the other client's p99 with
and without it.

Exit status 1: something else was done about a peer than has to be, or the server had more than
PEAK, did not give it back, or others had to wait (in each of the tries, for the machine may have
been busy) or failed. With --front, and where there is one core, nothing is judged."""
import argparse
import contextlib
import json
import os
import resource
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import cli  # noqa: E402
import web_peers  # noqa: E402
from certs import Certs  # noqa: E402
from front import fronted  # noqa: E402
from pair import Pair  # noqa: E402
from peer import Target  # noqa: E402

POSTS, USERS = 20_000, 200
CALLS_A_SECOND, WITHOUT_S = 200, 2
SETTLED_S, LONGEST_S = 0.5, 15  # memory that does not change for so long will not
# Of loops that share a core each waits for the other's slice of milliseconds.
QUIET = ["--log-calls", "off", "--loops", "1"]
MIB = 1 << 20
PEAK_MIB, SLACK_MIB, GIVEN_BACK_S = 160, 2, 5
P99_TIMES, P99_MS = 2, 5  # the larger of the two

Row = namedtuple("Row", "hostile seen before_mib peak_mib after_mib files p99_ms with_p99_ms failed")


def settled(server):
    """Its own memory, when nothing moves any more."""
    before, since, end = None, time.monotonic(), time.monotonic() + LONGEST_S
    while time.monotonic() < min(since + SETTLED_S, end):
        now = server.rss_anon_bytes()
        if before is None or abs(now - before) > MIB // 4:
            before, since = now, time.monotonic()
        time.sleep(0.05)
    return before


def files(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def given_back(server, before, before_files):
    """Its own memory and descriptors, when they are what they were, or when that does not come."""
    end = time.monotonic() + GIVEN_BACK_S
    while time.monotonic() < end and (server.rss_anon_bytes() > before + SLACK_MIB * MIB or
                                      files(server) > before_files):
        time.sleep(0.05)
    return server.rss_anon_bytes(), files(server) - before_files


def pin(pid, core):
    if os.cpu_count() > 1:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), {core})


def own_peak(server):
    """Without the store's pages, which only grow."""
    return server.memory_peak_bytes() - server.memory("RssFile")


def other_caller(pair, seconds):
    """(p99 in ms, calls that failed) of a client that behaves."""
    done = subprocess.run([cli.POSTCLI, "bench", "unary", "--users", "u1..u50", "--limit", "10",
                           "--rate", str(CALLS_A_SECOND), "--duration", f"{round(1000 * seconds)}ms",
                           "--deadline", "10s", "--format", "json"],
                          env=pair.postcli_environment(), capture_output=True, check=False)
    figures = json.loads(done.stdout)
    failed = figures["totals"]["failed"] + figures["totals"]["cut"]
    return figures["latency_ms"].get("p99", float("nan")), failed


def attack(hostile, target, over, seen):
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
    while True:
        seen.update(hostile.run(target, hostile.many, over))
        if over.is_set():
            return


def measure(hostile, pair, target):
    pair.post.restart()
    pin(pair.post.pid, 0)
    other_caller(pair, 1)
    p99_ms, _ = other_caller(pair, WITHOUT_S)
    before, before_files = settled(pair.post), files(pair.post)
    pair.post.reset_peak()
    over, seen = threading.Event(), Counter()
    thread = threading.Thread(target=attack, args=(hostile, target, over, seen))
    thread.start()
    with_p99_ms, failed = other_caller(pair, hostile.seconds)
    over.set()
    thread.join()
    peak = own_peak(pair.post)
    after, more_files = given_back(pair.post, before, before_files)
    _, failed_after = other_caller(pair, 0.2)
    return Row(hostile, seen, before / MIB, peak / MIB, after / MIB, more_files, p99_ms,
               with_p99_ms, failed + failed_after)


def wrongs(row):
    """What is not as it has to be."""
    if not row.seen.keys() & row.hostile.expected:
        yield "sees something else"
    if row.peak_mib > PEAK_MIB:
        yield f"{row.peak_mib:.0f} MiB"
    if row.after_mib > row.before_mib + SLACK_MIB:
        yield f"{row.before_mib:.1f} MiB before and {row.after_mib:.1f} afterwards"
    if row.files > 0:
        yield f"{row.files} descriptors are left"
    if row.failed:
        yield f"{row.failed} calls of others failed"
    if is_late(row):
        yield f"p99 of others {row.p99_ms:.1f} and {row.with_p99_ms:.1f} ms"


def is_late(row):
    return row.with_p99_ms > max(P99_TIMES * row.p99_ms, P99_MS)


def measure_well(hostile, pair, target, tries):
    for _ in range(tries):
        row = measure(hostile, pair, target)
        if not is_late(row):
            break
    return row


def text_of(row):
    seen = ", ".join(f"{what} {count:,}" for what, count in row.seen.most_common()) or "nothing"
    return (f"| {row.hostile.name}: {row.hostile.many:,} {row.hostile.what} | {seen} | "
            f"{row.peak_mib:.0f} | {row.after_mib:.0f} | {row.p99_ms:.1f} | "
            f"{row.with_p99_ms:.1f} | {row.failed} |")


HEADING = """\
| Peer | What it sees | peak MiB | after | p99 ms without | with | others' failed calls |
|---|---|---|---|---|---|---|"""


def raise_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def fill(pair, posts=POSTS):
    cli.pipeline(pair, f"$POSTCLI generate users --count {USERS} | $POSTCLI import users -\n"
                 f"$POSTCLI generate posts --count {posts} --users {USERS} | "
                 "$POSTCLI import posts -", 60)


def port_of(server):
    return int(server.listen.rpartition(":")[2])


def context_of(certs):
    context = ssl.create_default_context(cafile=certs.path("ca.pem"))
    context.set_alpn_protocols(["h2"])
    return context


@contextlib.contextmanager
def encrypted(folder):
    """A pair whose Post has TLS, and how to reach it."""
    certs = Certs(folder, names=("ca", "server"))
    with Pair(folder, certs.serve(), [*QUIET, *certs.serve(), *certs.call("--user-tls")],
              credentials=certs.credentials(),
              environment=[("POSTCLI_TLS_CA", certs.path("ca.pem"))]) as pair:
        yield pair, context_of(certs)


@contextlib.contextmanager
def plain(folder):
    with Pair(folder, post_args=QUIET) as pair:
        yield pair, None


@contextlib.contextmanager
def with_web(folder):
    with Pair(folder, post_args=[*QUIET, "--web"]) as pair:
        yield pair, None


@contextlib.contextmanager
def behind_front(folder):
    with fronted(folder, QUIET) as (pair, certs):
        yield pair, context_of(certs)


def run(hostiles, start, failed, tries):
    if not hostiles:
        return
    with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as (pair, context):
        fill(pair)
        pin(pair.user.pid, 0)
        pin(os.getpid(), 1)
        for hostile in hostiles:
            row = measure_well(hostile, pair, Target(port_of(pair.front or pair.post), context),
                               1 if pair.front else tries)
            print(text_of(row), flush=True)
            if not pair.front and os.cpu_count() > 1:
                failed += [f"{hostile.name}: {wrong}" for wrong in wrongs(row)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="peers with one of these, A,B,..., in their name")
    parser.add_argument("--front", action="store_true", help="through the proxy of docs/deploy")
    parser.add_argument("--tries", type=int, default=3, help="until others did not have to wait")
    args = parser.parse_args()
    raise_limit()
    chosen, failed = [h for h in web_peers.ALL if any(map(h.name.count, args.only.split(",")))], []
    print(HEADING, flush=True)
    if args.front:
        run([h for h in chosen if not h.web], behind_front, failed, 1)
    else:
        run([h for h in chosen if not h.tls and not h.web], plain, failed, args.tries)
        run([h for h in chosen if h.web], with_web, failed, args.tries)
        run([h for h in chosen if h.tls], encrypted, failed, args.tries)
    if failed:
        sys.exit("not as it has to be:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
