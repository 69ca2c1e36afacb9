"""postcli: what it takes to list all posts, against h2load on the same stream."""
import subprocess
import time

import grpc_wire
import h2
import h2load
from names import METHOD, Warm
from report import Row
from stats import Samples

TOPIC = "postcli"
TIMES = {"none": 3, "ndjson": 8}


def timed(pair, form):
    start = time.perf_counter()
    pair.postcli("stream-list", "--format", form, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def check_lines(pair, posts):
    """Once: as many lines as posts."""
    done = pair.postcli("stream-list", "--format", "ndjson", stdout=subprocess.PIPE)
    lines = done.stdout.count(b"\n")
    if lines != posts:
        raise h2.Failure(f"postcli printed {lines} lines of {posts}")


def run(pair, folder, sizes, report):
    body = folder / "all-posts"
    body.write_bytes(grpc_wire.list_posts())
    warm = Warm(pair.post.port, sizes.posts, folder)
    check_lines(pair, sizes.posts)
    plain, ours = Samples(), {form: Samples() for form in TIMES}
    for _ in range(sizes.rounds):
        plain.add(h2load.load(pair.post.port, METHOD, warm.data_bytes, body).elapsed_s)
        for form, samples in ours.items():
            samples.add(timed(pair, form))
    for form, at_most in TIMES.items():
        report.add(Row(TOPIC, f"stream-list --format {form}", ours[form], "h2load", plain,
                       ours[form].median / plain.median, at_most=at_most))
