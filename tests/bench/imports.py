"""Imports: posts/s through the RPC, and of LMDB alone with the same posts."""
import random
import shutil
import subprocess

import data
import grpc_wire
import h2
import h2load
from names import METHOD
from report import Row, plain
from servers import BUILD, Pair
from stats import Samples

TOPIC = "Import"
PATH = "/v1.post.Post/ImportPosts"
POSTS_PER_REQUEST = 1_000
POSTS_PER_COMMIT = 16_384  # the store's own limit
USERS = 1_000
KINDS = ("sequential", "random")


def ids(kind, count):
    """Of one length, so that nothing but their order differs."""
    chance = random.Random(1)
    for number in range(count):
        yield f"{number if kind == 'sequential' else chance.getrandbits(64):016x}"


def contents(posts, folder):
    """The generated posts without their ids, encoded, by way of a store."""
    with Pair(folder / "import-source") as pair:
        data.fill(pair, posts, USERS)
        rows = bytearray()
        with h2.Connection(pair.post.port) as connection:
            connection.call(METHOD, grpc_wire.list_posts(), rows.extend)
    pair.remove()
    for start, end in grpc_wire.messages(rows):
        for number, at, stop in grpc_wire.fields(rows, start, end):
            if number == grpc_wire.POST_MESSAGES:
                yield without_id_and_author(rows, at, stop)


def without_id_and_author(rows, start, end):
    kept, at = [], start
    for number, _, stop in grpc_wire.fields(rows, start, end):
        if number not in (grpc_wire.POST_ID, grpc_wire.AUTHOR):
            kept.append(rows[at:stop])
        at = stop
    return b"".join(kept)


def write_body(file, posts, kind):
    """ImportPostsRequests."""
    request = []
    with open(file, "wb") as out:
        for number, (post_id, post) in enumerate(zip(ids(kind, len(posts)), posts), 1):
            record = grpc_wire.text_field(grpc_wire.POST_ID, post_id) + post
            request.append(grpc_wire.bytes_field(1, record))
            if number % POSTS_PER_REQUEST == 0 or number == len(posts):
                out.write(grpc_wire.framed(b"".join(request)))
                request = []


def expected_bytes(posts):
    """Of ImportPostsResponse{imported}."""
    return len(grpc_wire.framed(grpc_wire.int_field(1, posts)))


def through_rpc(folder, user, body, posts):
    """posts/s into an empty store."""
    with Pair(folder / "import", user=user) as pair:
        run = h2load.load(pair.post.port, PATH, expected_bytes(posts), body)
        check_stored(pair.post.port, posts)
    pair.remove()
    return posts / run.elapsed_s


def check_stored(port, posts):
    answer = bytearray()
    with h2.Connection(port) as connection:
        connection.call(METHOD, grpc_wire.list_posts(limit=1), answer.extend)
    stored = grpc_wire.Listing(answer).total_size
    if stored != posts:
        raise h2.Failure(f"{stored} of {posts} posts were stored")


def bare(folder, body, posts):
    """posts/s of LMDB's append."""
    store = folder / "bare"
    store.mkdir()
    done = subprocess.run([BUILD / "bench/bare_append", store, body, str(POSTS_PER_COMMIT)],
                          check=True, capture_output=True, text=True)
    shutil.rmtree(store)
    count, seconds = done.stdout.split()
    if int(count) != posts:
        raise h2.Failure(f"bare_append stored {count} of {posts} posts")
    return posts / float(seconds)


def run(main, folder, sizes, report):
    posts = list(contents(sizes.import_posts, folder))
    bodies = {kind: folder / f"import-{kind}" for kind in KINDS}
    for kind, body in bodies.items():
        write_body(body, posts, kind)
    ours, alone = {kind: Samples() for kind in KINDS}, Samples()
    for _ in range(sizes.rounds):
        for kind, body in bodies.items():
            ours[kind].add(through_rpc(folder, main.user, body, len(posts)))
        alone.add(bare(folder, bodies["sequential"], len(posts)))
    for kind, samples in ours.items():
        report.add(Row(TOPIC, f"posts/s, {kind} ids", samples, "LMDB's append", alone,
                       samples.median / alone.median, show=plain))
