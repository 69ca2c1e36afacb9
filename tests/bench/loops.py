"""Loops: one against two, on copies of one store.

Both servers may use all cores here, and so may the client."""
import shutil

import cases
from report import Row
from servers import CLIENT_CORES, CORES, Pair, client_stays

TOPIC = "Loops"
KEYS = ("stream", "page1", "unary100", "unary5", "client", "bidi")


def prepare(pair, case, folder):
    """A contender for each case; what it answers is checked."""
    file, body = folder / "loops-answer", folder / f"loops-{case.key}"
    body.write_bytes(case.body)
    path = cases.POST + case.method
    cases.check(case, cases.capture(pair.post.port, path, case.body, file), None)
    return cases.Contender(f"{pair.loops} loops", pair.post, path, file.stat().st_size, body)


def measure(case, pairs, folder, sizes, report):
    one, two = contenders = [prepare(pair, case, folder) for pair in pairs]
    for _ in range(sizes.rounds):
        for contender in contenders:
            contender.run(case)
    report.add(Row(TOPIC, f"{case.title}, 2 loops", two.samples, "1 loop", one.samples,
                   one.samples.median / two.samples.median, uses=two.usage, other_uses=one.usage))


def compare(one, two, folder, sizes, report):
    for pair in (one, two):
        cases.warm(pair.post.port, sizes.posts)
    for case in cases.table(sizes):
        if case.key in KEYS:
            measure(case, (one, two), folder, sizes, report)


def run(main, folder, sizes, report):
    copy = folder / "one-loop"
    main.post.stop()
    shutil.copytree(main.folder / "posts", copy / "posts")
    client_stays(CORES)
    try:
        with Pair(copy, 1, main.user, cores=CORES) as one, \
                Pair(main.folder, 2, main.user, cores=CORES) as two:
            compare(one, two, folder, sizes, report)
        one.remove()
    finally:
        client_stays(CLIENT_CORES)
        main.start_post()
