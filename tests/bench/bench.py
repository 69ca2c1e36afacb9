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

import cases
import data
import report as reports
from h2 import Failure
from servers import BUILD, Pair

Sizes = namedtuple("Sizes", "posts users rounds unary_calls client_calls bidi_calls growth "
                            "first_posts slow_streams import_posts")
FULL = Sizes(posts=1_000_000, users=10_000, rounds=5, unary_calls=8_000, client_calls=400,
             bidi_calls=12, growth=(10_000, 100_000, 1_000_000, 10_000_000), first_posts=100,
             slow_streams=1_000, import_posts=500_000)
QUICK = Sizes(posts=200_000, users=4_000, rounds=3, unary_calls=2_000, client_calls=100,
              bidi_calls=4, growth=(10_000, 100_000, 200_000), first_posts=50,
              slow_streams=1_000, import_posts=100_000)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--posts", type=int)
    parser.add_argument("--users", type=int)
    parser.add_argument("--topics", default="", help="only these")
    parser.add_argument("--cases", default="", help="of the topic load, only these")
    return parser.parse_args()


def sizes_of(args):
    sizes = QUICK if args.quick else FULL
    given = {name: getattr(args, name) for name in ("rounds", "posts", "users")
             if getattr(args, name)}
    return sizes._replace(**given)


def words(text):
    return [word for word in text.split(",") if word]


def main():
    args = arguments()
    sizes, start = sizes_of(args), time.monotonic()
    report = reports.Report(f"{sizes.posts:,} posts by {sizes.users:,} users, {sizes.rounds} rounds;"
                            f" {reports.machine()}")
    results = BUILD / "bench"
    results.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=results))
    try:
        with Pair(folder / "main") as pair:
            data.fill_main(pair, sizes.posts, sizes.users)
            cases.run(pair, folder, sizes, words(args.cases), report)
    finally:
        shutil.rmtree(folder)
    report.write(results)
    print(f"\n{report.terminal()}\n\n{time.monotonic() - start:.0f} s; {results}/report.md")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
