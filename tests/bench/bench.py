#!/usr/bin/env python3
"""make bench: measures our servers with tools that are not ours, as ratios in one run.

    bench.py [--quick] [--rounds N] [--posts N --users N] [--topics load,names,...]
             [--cases stream,unary5,...]

The report is printed, and written to build/bench/report.md and report.json.
Exit status 1: a figure did not check. Figures that fall short are only named."""
import argparse
import shutil
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "http2"))  # Debian has an h2, too

import bursts  # noqa: E402
import cases  # noqa: E402
import cli  # noqa: E402
import data  # noqa: E402
import features  # noqa: E402
import first_post  # noqa: E402
import follows  # noqa: E402
import growth  # noqa: E402
import handshakes  # noqa: E402
import imports  # noqa: E402
import load_tester  # noqa: E402
import long_link  # noqa: E402
import loops  # noqa: E402
import names  # noqa: E402
import postgres  # noqa: E402
import report as reports  # noqa: E402
import slow_readers  # noqa: E402
import tls  # noqa: E402
import web  # noqa: E402
from h2 import Failure  # noqa: E402
from servers import BUILD, CLIENT_CORES, SERVER_CORES, Pair, client_stays  # noqa: E402

START = time.monotonic()

Sizes = namedtuple("Sizes", "posts users rounds stream_calls unary_calls client_calls bidi_calls "
                            "growth first_posts slow_streams import_posts upload_mib follow_s "
                            "follow_posts follow_behind")
FULL = Sizes(posts=1_000_000, users=10_000, rounds=7, stream_calls=2, unary_calls=8_000,
             client_calls=400, bidi_calls=12, growth=(10_000, 100_000, 1_000_000, 10_000_000),
             first_posts=100, slow_streams=1_000, import_posts=500_000, upload_mib=512,
             follow_s=10, follow_posts=1_000_000, follow_behind=10_000)
QUICK = Sizes(posts=200_000, users=4_000, rounds=3, stream_calls=8, unary_calls=2_000,
              client_calls=100, bidi_calls=4, growth=(10_000, 100_000, 200_000),
              first_posts=50, slow_streams=1_000, import_posts=100_000, upload_mib=256,
              follow_s=3, follow_posts=100_000, follow_behind=2_000)

# In this order; each gets the pair with the main store.
TOPICS = {"load": cases.run, "names": names.run, "first": first_post.run,
          "slow": slow_readers.run, "bursts": bursts.run, "cli": cli.run, "load-tester": load_tester.run,
          "loops": loops.run, "long-link": long_link.run, "tls": tls.run,
          "handshakes": handshakes.run, "features": features.run, "growth": growth.run,
          "web": web.run, "import": imports.run, "follows": follows.run,
          "postgres": postgres.run}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--posts", type=int)
    parser.add_argument("--users", type=int)
    parser.add_argument("--topics", default=",".join(TOPICS), help="only these, of %(default)s")
    parser.add_argument("--cases", default="", help="of the topic load, only these")
    args = parser.parse_args()
    args.topics, args.cases = words(args.topics), words(args.cases)
    unknown = [topic for topic in args.topics if topic not in TOPICS]
    if unknown:
        parser.error(f"there is no topic {unknown[0]}")
    return args


def sizes_of(args):
    sizes = QUICK if args.quick else FULL
    given = {name: getattr(args, name) for name in ("rounds", "posts", "users")
             if getattr(args, name)}
    return sizes._replace(**given)


def words(text):
    return [word for word in text.split(",") if word]


def measure(args, sizes, folder, report):
    """Every topic. One whose answers do not check counts for nothing; the others go on."""
    with Pair(folder / "main") as pair:
        step(f"{sizes.posts:,} posts are imported")
        data.fill_main(pair, sizes.posts, sizes.users)
        for topic in args.topics:
            step(topic)
            more = [args.cases] if topic == "load" else []
            try:
                TOPICS[topic](pair, folder, sizes, report, *more)
            except Failure as why:
                report.fail(topic, why)


def step(text):
    print(f"{time.monotonic() - START:4.0f} s  {text}", flush=True)


def listed(cores):
    return ", ".join(map(str, cores))


def title(sizes):
    return (f"{sizes.posts:,} posts by {sizes.users:,} users, {sizes.rounds} rounds; "
            f"{reports.machine()}; clients on core {listed(CLIENT_CORES)}, servers on "
            f"{listed(SERVER_CORES)}")


def main():
    args = arguments()
    sizes = sizes_of(args)
    report = reports.Report(title(sizes))
    client_stays()
    results = BUILD / "bench"
    results.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=results))
    try:
        measure(args, sizes, folder, report)
    finally:
        shutil.rmtree(folder)
    report.write(results)
    print(f"\n{report.terminal()}\n")
    step(f"done; {results}/report.md")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
