"""Follows: how soon what is imported reaches many followers, and what they cost.

The followers are follow_load's (tests/bench/follow_load/), in raw HTTP/2. Every post that each of
them is to get is checked off: a figure counts only if nothing was missed and nothing came twice.
The time of an arrival begins when the import is sent, so that the commit is in it, with its flush
to the disk; what is asked of commit to arrival is asked of both together."""
import contextlib
import time

import h2
from followers import CONNECTIONS, Bench, Meanwhile, Other, Peak
from report import Row, plain
from slow_readers import settled
from stats import Samples, median_of_ratios, percentile

TOPIC = "Follows"
RATE, FAST_RATE = 100, 2_000  # posts a second
FEW, MANY = 100, 1_000
EACH_P99_S, ALL_P99_S, OTHER_P99_S = 0.050, 0.100, 0.010
IDLE_KIB, IMPORT_MB = 16, 128
IMPORT_SHARE = 0.9


def ms(figures, name, which="p99"):
    return figures[name][which] / 1e3


def arrivals(bench, report, title, count, rate, allowed_s, *options):
    """allowed_s: None: there is nothing to reach."""
    p99, commits, most = Samples(), Samples(), Samples()
    for _ in bench.rounds(2):
        posts = bench.sizes.follow_s * rate
        with bench.followers(count, "--from-now", *options, "--import", "paced", "--rate", rate,
                             "--count", posts) as followers:
            got = followers.end()
        p99.add(ms(got, "latency_ms"))
        most.add(ms(got, "latency_ms", "max"))
        commits.add(ms(got, "commit_ms"))
    note = f"The most was {most.median * 1e3:.1f} ms."
    title = f"import to arrival, p99, {count:,} followers of {title}, {rate:,} posts/s"
    if allowed_s:
        report.add(Row(TOPIC, title, p99, "allowed", Samples([allowed_s]), p99.median / allowed_s,
                       at_most=1, note=note))
    report.add(Row(TOPIC, "the same" if allowed_s else title, p99, "import to answer, p99", commits,
                   p99.median / commits.median, note="" if allowed_s else note))


def one_user_each(bench, report):
    arrivals(bench, report, "one user each", MANY, RATE, EACH_P99_S, "--by-user")


def everything(bench, report):
    arrivals(bench, report, "everything", FEW, RATE, ALL_P99_S)


def everything_fast(bench, report):
    """Commits come while followers read what was before: nothing may fall between."""
    arrivals(bench, report, "everything", FEW, FAST_RATE, None)


def idle(bench, report):
    each = Samples()
    for _ in bench.rounds(3):
        bench.fresh()
        before = settled(bench.pair.post)
        with bench.followers(MANY, "--by-user", "--from-now", users=bench.readers) as followers:
            each.add((settled(bench.pair.post) - before) / MANY / 1024)
            followers.end()
    report.add(Row(TOPIC, f"{MANY:,} idle followers on {CONNECTIONS} connections, KiB each", each,
                   "allowed", Samples([IDLE_KIB]), each.median / IDLE_KIB, at_most=1, show=plain))


def others_import(bench, report):
    """Side by side, and either one first in turn."""
    posts, speeds = bench.sizes.import_posts // 2, {True: Samples(), False: Samples()}
    for number in range(2 * bench.sizes.rounds):
        followed = number % 4 in (1, 2)
        with contextlib.ExitStack() as stack:
            if followed:
                followers = stack.enter_context(
                    bench.followers(MANY, "--by-user", "--from-now", users=bench.readers))
            speeds[followed].add(bench.bulk(posts))
            if followed:
                followers.end()
    report.add(Row(TOPIC, f"import, posts/s, {MANY:,} followers of other users", speeds[True],
                   "none", speeds[False], median_of_ratios(speeds[True], speeds[False]),
                   at_least=IMPORT_SHARE, show=plain))


def followed_import(bench, posts, *post_args):
    """(peak in MB, what the followers got, seconds until all had it)."""
    bench.fresh(*post_args)
    name, peak = bench.name(), Peak(bench.pair.post)
    with Meanwhile(peak.step), bench.followers(FEW, "--from-now", "--count", posts,
                                               name=name) as followers:
        start = time.monotonic()
        bench.bulk(posts, name)
        got = followers.end(may_expire=True)
        return peak.mb, got, time.monotonic() - start


def large_import(bench, report):
    """With the log of changes as it is, and with one that is too short for who is not there yet."""
    posts = bench.sizes.follow_posts
    bench.fresh()
    alone = Peak(bench.pair.post)
    with Meanwhile(alone.step):
        bench.bulk(posts)
    for log, post_args in (("", ()), (" (a short log)", ("--keep-changes", posts // 20))):
        most, got, took_s = followed_import(bench, posts, *post_args)
        report.add(Row(
            TOPIC, f"{FEW} followers of everything, {posts:,} posts imported{log}, MB more at most",
            Samples([most]), "allowed", Samples([IMPORT_MB]), most / IMPORT_MB, at_most=1,
            show=plain, note=f"{alone.mb:.0f} MB without followers; {got['exact']} got all, "
                             f"{got['expired']} were told to list anew; {got['arrived']:,} "
                             f"arrivals in {took_s:.1f} s."))


def left_behind(bench, *options):
    """The name of a load, and a file of tokens of followers that have not seen it."""
    tokens = bench.folder / "follow-tokens"
    with bench.followers(MANY, "--from-now", *options, "--save-tokens", tokens) as followers:
        followers.end()
    name = bench.name()
    bench.bulk(bench.sizes.follow_behind, name)
    return name, tokens


def come_back(bench, report, most_rounds, title, *options):
    """They leave the client's core to the other one, as if they had another."""
    with_them, without, took = Samples(), Samples(), Samples()
    behind = bench.sizes.follow_behind
    for _ in bench.rounds(most_rounds):
        name, tokens = left_behind(bench, *options)
        with h2.Connection(bench.pair.post.port) as connection:
            alone, together = Other(connection), Other(connection)
            with Meanwhile(alone.step):
                time.sleep(1)
            with contextlib.ExitStack() as stack:
                with Meanwhile(together.step):
                    back = stack.enter_context(bench.followers(
                        MANY, *options, "--count", behind, "--tokens", tokens, name=name,
                        nice=("nice", "-n", "19")))
                back.end()
        without.add(percentile(alone.times_s, 99))
        with_them.add(percentile(together.times_s, 99))
        took.add(ms(back.caught_up, "complete_ms", "max"))
    report.add(Row(TOPIC, f"another client's unary p99 while {MANY:,} followers come back, {title}",
                   with_them, "allowed", Samples([OTHER_P99_S]), with_them.median / OTHER_P99_S,
                   at_most=1, note=f"All have the {behind:,} changes after {took.median:.2f} s; "
                                   f"p99 without them {without.median * 1e3:.2f} ms."))


def each_comes_back(bench, report):
    bench.fresh()
    come_back(bench, report, 3, "of one user each", "--by-user")


def all_come_back(bench, report):
    bench.fresh()
    come_back(bench, report, 1, "of everything")


PARTS = (idle, one_user_each, everything, everything_fast, others_import, each_comes_back,
         all_come_back, large_import)


def run(_, folder, sizes, report):
    with contextlib.ExitStack() as stack:
        bench = Bench(stack, folder, sizes)
        for part in PARTS:
            try:
                part(bench, report)
            except h2.Failure as why:
                report.fail(part.__name__, why)
