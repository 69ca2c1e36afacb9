"""postcli bench against h2load on the same calls: as fast as they go, and at half of that."""
import json
import subprocess

import cases
import data
import h2
import h2load
from report import Row, plain
from stats import Samples

TOPIC = "postcli bench"
CASE = "unary100"
FRAME_BYTES = 5  # of gRPC, which postcli does not count
HALF_S = 2  # of calls at the fixed rate


class Work:
    """The same calls, made by either program. Returns calls/s; what does not add up is a Failure."""

    def __init__(self, pair, case, folder):
        self.pair, self.case, self.path = pair, case, cases.POST + case.method
        self.body = folder / "load-tester"
        self.body.write_bytes(case.body)
        answer = folder / "load-tester-answer"
        cases.check(case, cases.capture(pair.post.port, self.path, case.body, answer), None)
        self.answer_bytes = answer.stat().st_size
        answer.unlink()

    def by_h2load(self, calls, rate=0):
        run = h2load.load(self.pair.post.port, self.path, self.answer_bytes, self.body, calls,
                          self.case.connections, self.case.streams,
                          rate=rate // self.case.connections)
        return calls / run.elapsed_s

    def by_postcli(self, calls, rate=0):
        done = self.pair.postcli("bench", "unary", "--user", data.HUNDRED.format(0), "--connections",
                                 self.case.connections, "--streams", self.case.streams, "--count",
                                 calls, "--rate", rate, "--format", "json", stdout=subprocess.PIPE)
        figures = json.loads(done.stdout)
        totals = figures["totals"]
        got = totals["ok"], totals["posts"], totals["bytes"]
        want = calls, calls * self.case.posts, calls * (self.answer_bytes - FRAME_BYTES)
        if got != want:
            raise h2.Failure(f"postcli bench has {got} calls, posts and bytes, and h2load {want}")
        return figures["rates"]["calls_per_s"]


def side_by_side(work, rounds, *how):
    ours, theirs = Samples(), Samples()
    for _ in range(rounds):
        theirs.add(work.by_h2load(*how))
        ours.add(work.by_postcli(*how))
    return ours, theirs


def run(pair, folder, sizes, report):
    case = next(case for case in cases.table(sizes) if case.key == CASE)
    work = Work(pair, case, folder)
    ours, theirs = side_by_side(work, sizes.rounds, case.calls)
    report.add(Row(TOPIC, f"{case.title}, calls/s at most", ours, "h2load", theirs,
                   ours.median / theirs.median, show=plain))
    rate = int(min(ours.median, theirs.median)) // (2 * case.connections) * case.connections
    ours, theirs = side_by_side(work, sizes.rounds, rate * HALF_S, rate)
    apart = max(ours.median / theirs.median, theirs.median / ours.median)
    report.add(Row(TOPIC, f"{rate:,} a second are due, calls/s", ours, "h2load", theirs, apart,
                   at_most=1.02, show=plain))
