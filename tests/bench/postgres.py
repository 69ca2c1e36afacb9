"""The store in PostgreSQL, beside the database's own programs on the same server and the same rows.

psql and pgbench run the statement that somebody would write for what a listing asks for. Clients
have the first core, ours as theirs; the database and our servers have all."""
import contextlib
import itertools
import json
import os
import subprocess
import time

import cases
import data
import grpc_wire
import h2
import h2load
import imports
from followers import CONNECTIONS, TIMEOUT, Meanwhile
from postgres_server import Postgres
from report import Row, plain
from servers import BUILD, CORES, Pair, clean_environment, post_server
from slow_readers import settled, stalled
from stats import Samples

TOPIC = "PostgreSQL"
EVERYTHING = "COPY (SELECT grp, seq, value FROM records ORDER BY grp, seq) TO STDOUT (FORMAT binary)"
OF_USER = """SELECT r.grp, r.seq, r.value FROM groups AS g JOIN records AS r ON r.grp = g.ordinal
 WHERE g.id = '{}'::bytea AND r.seq > 0 ORDER BY r.grp, r.seq LIMIT 1000;
"""
ONE_OF_MANY = r"\set n random(0, 999)" + "\n" + OF_USER.format("one-:n").replace(
    "'one-:n'", "('one-' || :n)")
TABLES = ("groups", "records", "changes")
OPTIONS = "--loops", 1, "--store-timeout", "60s"  # a busy machine is none that is away
SERVERS, FOLLOWERS, RATE = 3, 1_000, 50
FOLLOW_P99_S = 0.300
STALLED, STALLED_KIB, LATER_S = 200, 250, 5
BLOCK_KIB = 256


class OnDatabase(Pair):
    """Its posts are in a database; users are another pair's."""

    def __init__(self, folder, postgres, name, user):
        self.db = postgres.make(name)
        super().__init__(folder, user=user, cores=CORES)

    def start_post(self):
        self.post = post_server(self.db, self.user, *OPTIONS, cores=CORES)


def listing(bench, report):
    """Everything, by one stream."""
    body, path = bench.body("all", grpc_wire.list_posts()), cases.POST + "ListPostsServerStream"
    size = bench.check(path, body, bench.sizes.posts)
    ours, copy = Samples(), Samples()
    for _ in range(bench.sizes.rounds):
        run = h2load.load(bench.port, path, size, body)
        ours.add(run.elapsed_s)
        copy.add(bench.postgres.psql_s("posts", EVERYTHING, stdout=subprocess.DEVNULL))
    report.add(Row(TOPIC, "server stream, default batches", ours, "COPY (SELECT ...) by psql", copy,
                   copy.median / ours.median, at_least=0.5))


def unary(bench, report):
    """100 posts of a user, again and again."""
    user, path = data.HUNDRED.format(0), cases.POST + "ListPostsByUserId"
    body = bench.body("hundred", grpc_wire.by_user(user))
    size, calls = bench.check(path, body, 100), bench.sizes.unary_calls
    ours, theirs = Samples(), Samples()
    for _ in range(bench.sizes.rounds):
        ours.add(h2load.load(bench.port, path, size, body, calls, 4, 32).elapsed_s)
        theirs.add(bench.postgres.pgbench_s("posts", OF_USER.format(user), 4, calls // 4))
    report.add(Row(TOPIC, "unary, 100 posts, 4 x 32", ours, "pgbench on 4 connections", theirs,
                   theirs.median / ours.median, at_least=0.5))


def ids(bench, report):
    """1,000 users of one post, in one call."""
    path = cases.POST + "ListPostsByUserIdClientStream"
    body = bench.body("ones", grpc_wire.by_user(*data.ones()))
    size = bench.check(path, body, data.IDS)
    ours, theirs = Samples(), Samples()
    for _ in range(bench.sizes.rounds):
        ours.add(h2load.load(bench.port, path, size, body, 20).elapsed_s / 20)
        theirs.add(bench.postgres.pgbench_s("posts", ONE_OF_MANY, 1, data.IDS))
    report.add(Row(TOPIC, "client stream, 1,000 ids of 1 post", ours, "1,000 look-ups by pgbench",
                   theirs, theirs.median / ours.median, at_least=10))


def copy_in(bench, source, name):
    """Seconds of COPY into the tables that an import fills, with their indexes."""
    bench.postgres.make(name)
    post_server(f"postgres://posts@/{name}?host={bench.postgres.folder}&port=5432",
                bench.main.user, cores=CORES).stop()  # it makes the tables
    lines = ["BEGIN"] + [f"COPY {table} FROM '{source}-{table}' (FORMAT binary)"
                         for table in TABLES] + ["COMMIT"]
    took_s = bench.postgres.psql_s(name, ";".join(lines))
    bench.postgres.drop(name)
    return took_s


def importing(bench, report):
    count = min(bench.sizes.import_posts, 200_000)
    posts = list(imports.contents(count, bench.folder))
    body, source = bench.folder / "import", bench.postgres.folder / "copy"
    imports.write_body(body, posts, "sequential")
    ours, copy = Samples(), Samples()
    for number in range(min(bench.sizes.rounds, 5)):
        with OnDatabase(bench.folder / "import-pair", bench.postgres, "imported",
                        bench.main.user) as pair:
            run = h2load.load(pair.post.port, imports.PATH, imports.expected_bytes(count), body)
            imports.check_stored(pair.post.port, count)
        ours.add(count / run.elapsed_s)
        if number == 0:
            for table in TABLES:
                bench.postgres.ask(f"COPY {table} TO '{source}-{table}' (FORMAT binary)",
                                   "imported")
        bench.postgres.drop("imported")
        copy.add(count / copy_in(bench, source, "copied"))
    report.add(Row(TOPIC, "import, posts/s", ours, "COPY FROM STDIN, same tables", copy,
                   ours.median / copy.median, at_least=0.3, show=plain))


class Peak:
    """The most memory of its own that a server had."""

    def __init__(self, server):
        self.server, self.most = server, 0

    def step(self):
        self.most = max(self.most, self.server.memory("RssAnon"))
        time.sleep(0.02)


def stalled_streams(bench, report):
    """While they come to their stops, when blocks are kept, and later."""
    at_once, later = Samples(), Samples()
    for _ in range(min(bench.sizes.rounds, 3)):
        bench.restart()
        before, peak = settled(bench.pair.post), Peak(bench.pair.post)
        with stalled(bench.port, STALLED):
            with Meanwhile(peak.step):
                settled(bench.pair.post)
            at_once.add((peak.most - before) / STALLED / 1024)
            time.sleep(LATER_S)
            later.add((settled(bench.pair.post) - before) / STALLED / 1024)
    for title, seen, allowed in (("at most", at_once, STALLED_KIB + 2 * BLOCK_KIB),
                                 (f"{LATER_S} s later", later, STALLED_KIB)):
        report.add(Row(TOPIC, f"{STALLED} stalled streams, KiB each, {title}", seen, "allowed",
                       Samples([allowed]), seen.median / allowed, at_most=1, show=plain))


def follower_command(bench, servers, number):
    """Followers at one server, of posts that another one imports."""
    users = bench.folder / f"pg-authors-{number}"
    names = [f"pg-author-{n}" for n in range(number, FOLLOWERS, SERVERS)]
    users.write_text("".join(f"{name}\n" for name in names))
    rate = RATE // SERVERS + (number < RATE % SERVERS)
    return [str(word) for word in (
        BUILD / "bench/follow_load", "--port", servers[number].port, "--import-port",
        servers[(number + 1) % SERVERS].port, "--users", users, "--connections", CONNECTIONS,
        "--followers", len(names), "--by-user", "--from-now", "--import", "paced", "--rate", rate,
        "--count", rate * bench.sizes.follow_s, "--timeout", TIMEOUT, "--name",
        f"pg-load-{bench.number()}")]


def check_followers(got):
    if got["exact"] != got["followers"] or got["missed"] or got["doubled"] or got["strange"]:
        raise h2.Failure(f"of {got['followers']} followers {got['exact']} got what they should: "
                         f"{got['missed']} posts missed, {got['doubled']} doubled")


def follow(bench, report):
    data.import_lines(bench.pair, "users", ({"user_id": f"pg-author-{n}", "name": f"Author {n}"}
                                            for n in range(FOLLOWERS)))
    p99, commits = Samples(), Samples()
    with contextlib.ExitStack() as stack:
        servers = [bench.pair.post]
        for _ in range(SERVERS - 1):
            servers.append(post_server(bench.pair.db, bench.main.user, *OPTIONS, cores=CORES))
            stack.callback(servers[-1].stop)
        for _ in range(min(bench.sizes.rounds, 2)):
            loads = [subprocess.Popen(follower_command(bench, servers, number),
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      env=clean_environment()) for number in range(SERVERS)]
            ends = [json.loads(load.communicate()[0].splitlines()[-1]) for load in loads]
            for got in ends:
                check_followers(got)
            p99.add(max(got["latency_ms"]["p99"] for got in ends) / 1e3)
            commits.add(max(got["commit_ms"]["p99"] for got in ends) / 1e3)
    report.add(Row(TOPIC, f"import to arrival, p99, {FOLLOWERS:,} followers of one user each on "
                   f"{SERVERS} servers, {RATE} posts/s", p99, "allowed", Samples([FOLLOW_P99_S]),
                   p99.median / FOLLOW_P99_S, at_most=1,
                   note=f"The p99 of an import's answer was {commits.median * 1e3:.0f} ms."))


class Bench:
    """The posts of the main pair's kind, in a database, with a server that has one loop."""

    def __init__(self, stack, main, folder, sizes):
        self.main, self.folder, self.sizes, self.numbers = main, folder, sizes, itertools.count()
        self.postgres = stack.enter_context(Postgres(folder / "postgres"))
        self.pair = stack.enter_context(
            OnDatabase(folder / "on-postgres", self.postgres, "posts", main.user))
        data.fill_main(self.pair, sizes.posts, sizes.users)
        self.postgres.ask("VACUUM ANALYZE", "posts")
        self.restart()

    @property
    def port(self):
        return self.pair.post.port

    def number(self):
        return next(self.numbers)

    def restart(self):
        self.pair.restart_post()
        cases.warm(self.port, self.sizes.posts)

    def body(self, name, content):
        file = self.folder / f"postgres-{name}"
        file.write_bytes(content)
        return file

    def check(self, path, body, posts):
        """The bytes of one answer, which has so many posts."""
        file = self.folder / "postgres-answer"
        found = cases.capture(self.port, path, body.read_bytes(), file)
        if (found.posts, found.errors, found.unresolved) != (posts, 0, 0):
            raise h2.Failure(f"{path}: {vars(found)}")
        size = file.stat().st_size
        file.unlink()
        return size


PARTS = (listing, unary, ids, importing, stalled_streams, follow)


def run(main, folder, sizes, report):
    with contextlib.ExitStack() as stack:
        bench = Bench(stack, main, folder, sizes)
        for part in PARTS:
            print(f"  {part.__name__}; the machine's load is {os.getloadavg()[0]:.1f}", flush=True)
            try:
                part(bench, report)
            except h2.Failure as why:
                report.fail(f"{TOPIC}, {part.__name__}", why)
