"""What features cost: the same server with each of them against one with none, in turns."""
import hashlib
import shutil
import subprocess
from collections import namedtuple

import cases
import h2load
from report import Row
from servers import ROOT, Pair

TOPIC = "Features"
TOKEN = "a-token-for-the-benchmark"
BEARER = (f"authorization: Bearer {TOKEN}",)
NOTHING = ("--log-calls", "off", "--no-request-ids")
# A line for one call in a million: the counting is measured, and not the disk.
WATCHED = ("--log-calls", "all", "--log-sample", 1_000_000, "--metrics-listen", "127.0.0.1:0")
LIMITED = ("--max-calls", 1_000_000, "--rate-per-caller", 1_000_000)

# options: of the server; the least share of the speed that must be left, by case.
Feature = namedtuple("Feature", "title options scheme at_least")
KEYS = ("unary5", "page1", "stream")


def table(folder):
    """The chain is all interceptors together: log, metrics, request ids, token, limits, rules."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    (folder / "tokens").write_text(f"{digest} bench never read write\n")
    subprocess.run([ROOT / "tests/certs.sh", folder / "certs"], check=True, capture_output=True)
    token = ("--token-file", folder / "tokens")
    tls = ("--tls-cert", folder / "certs/server.pem", "--tls-key", folder / "certs/server.key")
    return [
        Feature("a token", (*NOTHING, *token), "http", {}),
        Feature("the whole chain", (*WATCHED, *token, *LIMITED), "http",
                {"unary5": 0.9, "stream": 0.98}),
        Feature("TLS", (*NOTHING, *tls), "https", {}),
    ]


class Contender(cases.Contender):
    """Answers are checked once, without the feature; with it they have as many bytes."""

    def __init__(self, title, pair, path, data_bytes, body):
        super().__init__(title, pair.post, path, data_bytes, body)
        for _ in range(4):  # every loop is warm; a cold answer may have a few messages more
            h2load.load(self.server.port, path, lambda _: True, body, scheme=self.server.scheme,
                        headers=self.server.headers)


def measure(case, features, bare, pairs, folder, rounds, report):
    file, body = folder / "feature-answer", folder / f"feature-{case.key}"
    body.write_bytes(case.body)
    path = cases.POST + case.method
    cases.check(case, cases.capture(bare.post.port, path, case.body, file), None)
    size = file.stat().st_size
    base = Contender("without", bare, path, size, body)
    contenders = [Contender(feature.title, pair, path, size, body)
                  for feature, pair in zip(features, pairs)]
    for _ in range(rounds):
        for contender in (base, *contenders):
            contender.run(case)
    for feature, contender in zip(features, contenders):
        report.add(Row(TOPIC, f"{case.title}, {feature.title}", contender.samples, "without",
                       base.samples, base.samples.median / contender.samples.median,
                       at_least=feature.at_least.get(case.key), uses=contender.usage,
                       other_uses=base.usage))


def copies(pair, folder, names):
    """Stores of their own; Post stands still meanwhile."""
    pair.post.stop()
    for name in names:
        shutil.copytree(pair.folder / "posts", folder / name / "posts")
    pair.start_post()


def run(pair, folder, sizes, report):
    copy = folder / "features"
    features = table(folder)
    names = ["bare", *(f"with-{i}" for i in range(len(features)))]
    copies(pair, copy, names)
    pairs = []
    try:
        for name, options in zip(names, (NOTHING, *(feature.options for feature in features))):
            pairs.append(Pair(copy / name, user=pair.user, post_args=options))
        for feature, each in zip(features, pairs[1:]):
            each.post.scheme = feature.scheme
        for each in pairs:  # what it costs to send a token is not what it costs to check one
            each.post.headers = BEARER
        cases.warm(pairs[0].post.port, sizes.posts)
        for case in cases.table(sizes):
            if case.key in KEYS:
                measure(case, features, pairs[0], pairs[1:], folder, sizes.rounds, report)
    finally:
        for each in pairs:
            each.post.stop()
    shutil.rmtree(copy)
