"""What features cost: the same server with each of them against one with none, in turns.

A feature costs less than what the machine's speed changes by from one second to the next, and less
than what it matters where in memory a copy of the store lies. So runs are short and many, what is
compared is what ran side by side (the ratio is the median of those of the rounds), and each server
has every copy once."""
import contextlib
import hashlib
import random
import shutil
import subprocess
from collections import namedtuple

import cases
import grpc_wire
import h2load
from report import Row
from servers import ROOT, Pair
from stats import median_of_ratios

TOPIC = "Features"
TOKEN = "a-token-for-the-benchmark"
BEARER = (f"authorization: Bearer {TOKEN}",)
NOTHING = ("--log-calls", "off", "--no-request-ids")
# A line for one call in a million: the counting is measured, and not the disk.
WATCHED = ("--log-calls", "all", "--log-sample", 1_000_000, "--metrics-listen", "127.0.0.1:0")
LIMITED = ("--max-calls", 1_000_000, "--rate-per-caller", 1_000_000)

# The first one has none. options: of the server; the least share of the speed that must be left,
# by case.
Feature = namedtuple("Feature", "title options scheme at_least")

# What is measured, and the cases that take too long for more than one turn on each copy.
CASES, LONG = ("unary5", "page1", "stream"), ("page1",)


def table(folder):
    """The chain is all interceptors together: log, metrics, request ids, token, limits, rules."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    (folder / "tokens").write_text(f"{digest} bench never read write\n")
    subprocess.run([ROOT / "tests/certs.sh", folder / "certs"], check=True, capture_output=True)
    token = ("--token-file", folder / "tokens")
    tls = ("--tls-cert", folder / "certs/server.pem", "--tls-key", folder / "certs/server.key")
    return [
        Feature("without", NOTHING, "http", {}),
        Feature("a token", (*NOTHING, *token), "http", {}),
        Feature("the whole chain", (*WATCHED, *token, *LIMITED), "http",
                {"stream": 0.98}),
        Feature("TLS", (*NOTHING, *tls), "https", {}),
    ]


class Comparison:
    """All kinds of servers in one case. The first one has no feature."""

    def __init__(self, case, features, pair, folder):
        self.case = case._replace(calls=-(-case.calls // 2))
        self.features = features
        file, body = folder / "feature-answer", folder / f"feature-{case.key}"
        body.write_bytes(case.body)
        path = cases.POST + case.method
        cases.check(case, cases.capture(pair.post.port, path, case.body, file), None)
        size = file.stat().st_size
        self.contenders = [cases.Contender(feature.title, None, path, size, body)
                           for feature in features]

    def measure(self, pairs, turns):
        for contender, pair in zip(self.contenders, pairs):
            contender.server = pair.post
        for _ in range(turns):
            for contender in random.sample(self.contenders, len(self.contenders)):
                contender.run(self.case)

    def tell(self, report):
        base = self.contenders[0]
        for feature, contender in list(zip(self.features, self.contenders))[1:]:
            report.add(Row(TOPIC, f"{self.case.title}, {feature.title}", contender.samples,
                           base.name, base.samples,
                           median_of_ratios(base.samples, contender.samples),
                           at_least=feature.at_least.get(self.case.key), uses=contender.usage,
                           other_uses=base.usage))


def copies(pair, folder, count):
    """Stores of their own; Post stands still meanwhile."""
    pair.post.stop()
    for number in range(count):
        shutil.copytree(pair.folder / "posts", folder / f"copy-{number}" / "posts")
    pair.start_post()
    return [folder / f"copy-{number}" for number in range(count)]


def warm(server, body):
    """Every loop knows all names then: connections are dealt to them in turn."""
    for _ in range(4):
        h2load.load(server.port, cases.POST + "ListPostsServerStream", lambda _: True, body,
                    scheme=server.scheme, headers=server.headers)


@contextlib.contextmanager
def serving(features, stores, user, folder):
    """A server for each feature. All calls send a token: what that costs is not what it costs to
    check one."""
    body = folder / "all-posts"
    body.write_bytes(grpc_wire.list_posts())
    with contextlib.ExitStack() as stack:
        pairs = []
        for feature, store in zip(features, stores):
            pair = stack.enter_context(Pair(store, user=user, post_args=feature.options))
            pair.post.scheme, pair.post.headers = feature.scheme, BEARER
            warm(pair.post, body)
            pairs.append(pair)
        yield pairs


def run(pair, folder, sizes, report):
    features = table(folder)
    stores = copies(pair, folder / "features", len(features))
    cases.warm(pair.post.port, sizes.posts)
    compared = [Comparison(case, features, pair, folder) for case in cases.table(sizes)
                if case.key in CASES]
    try:
        for sitting in range(len(features)):
            turned = stores[sitting:] + stores[:sitting]
            with serving(features, turned, pair.user, folder) as pairs:
                for comparison in compared:
                    comparison.measure(pairs, 1 if comparison.case.key in LONG else sizes.rounds)
    finally:
        shutil.rmtree(folder / "features")
    for comparison in compared:
        comparison.tell(report)
