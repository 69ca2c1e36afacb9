"""What watches calls: the same server with all of it against with none of it."""
import shutil

import cases
import loops
from report import Row
from servers import Pair

TOPIC = "Watching"
WITH = ("--log-calls", "all", "--log-sample", 1_000_000, "--metrics-listen", "127.0.0.1:0")
WITHOUT = ("--log-calls", "off", "--no-request-ids")

# The least share of the speed without that must be left.
KEYS = {"unary5": 0.9, "page1": None, "stream": 0.98}


def measure(case, pairs, folder, sizes, report):
    on, off = contenders = [loops.prepare(pair, case, folder) for pair in pairs]
    for _ in range(sizes.rounds):
        for contender in contenders:
            contender.run(case)
    report.add(Row(TOPIC, f"{case.title}, watched", on.samples, "not watched", off.samples,
                   off.samples.median / on.samples.median, at_least=KEYS[case.key],
                   uses=on.usage, other_uses=off.usage))


def run(pair, folder, sizes, report):
    copy = folder / "watched"
    pair.post.stop()
    for name in ("with", "without"):
        shutil.copytree(pair.folder / "posts", copy / name / "posts")
    pair.start_post()
    with Pair(copy / "with", user=pair.user, post_args=WITH) as on, \
            Pair(copy / "without", user=pair.user, post_args=WITHOUT) as off:
        for each in (on, off):
            cases.warm(each.post.port, sizes.posts)
        for case in cases.table(sizes):
            if case.key in KEYS:
                measure(case, (on, off), folder, sizes, report)
    shutil.rmtree(copy)
