"""What a database may refuse: no room, no right, a wrong password, tables that are gone, a standby,
and how many connections there are. Each is one clear line, and the right status. And what its own
backups give back."""
import concurrent.futures
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import grpc
import pytest

import postgres
import timing
from client import Client, failure
from library import ask, collect, path_of, posts_of, request_of, small_library
from logs import expects_log, may_log
from pair import BUILD, Server, clean_environment
from protos import post
from scrape import METRICS, Metrics
from test_postgres import on_databases, refusal

pytestmark = pytest.mark.skipif(postgres.WHY_NOT is not None, reason=str(postgres.WHY_NOT))

Code = grpc.StatusCode
IMPORT = "/v1.post.Post/ImportPosts"
MIB = 1 << 20
PASSWORD = "a secret of the test"


@pytest.fixture
def pair(tmp_path):
    with on_databases(tmp_path / "pair") as both:
        yield both


def rows(n, start=0, size=1000):
    return [{"post_id": f"p{i}", "user_id": f"u{i % 7}", "body": f"{i} " + "x" * size}
            for i in range(start, start + n)]


def listed(pair):
    return posts_of(collect(pair.posts, "ListPosts", "ServerStream"))


# --- Large posts ------------------------------------------------------------------------

def test_requests_that_are_read_ahead_take_no_large_posts(tmp_path):
    """A client that asks for many users' posts, and reads none: the server has those of the first."""
    users, calls = 100, 4
    with on_databases(tmp_path / "pair", post_args=["--loops", "1"]) as pair:
        pair.import_users([{"user_id": f"u{u}", "name": "U"} for u in range(users)])
        for u in range(users):
            pair.import_posts([{"post_id": f"{u}/{i}", "user_id": f"u{u}", "body": "x" * 60000}
                               for i in range(6)])
        before = pair.post.rss_anon_bytes()
        path = path_of("ListPostsByUserId", "BidiStream")
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(pair.client(pair.post).open(path))
                       for _ in range(calls)]
            for stream in streams:
                stream.send(*[request_of("ListPostsByUserId", user_id=f"u{u}")
                              for u in range(users)])
            most, end = 0, time.monotonic() + 2
            while time.monotonic() < end:
                most = max(most, pair.post.rss_anon_bytes() - before)
                time.sleep(0.02)
            assert most < calls * 6 * MIB * timing.STRETCH
            for stream in streams:
                got = 0
                while got < 6 * users:
                    got += len(posts_of([stream.receive()]))


# --- A disk that is full ----------------------------------------------------------------

@contextlib.contextmanager
def small_disk(mib):
    """A file system of that size, for a PostgreSQL."""
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder) / "disk"
        disk.mkdir()
        os.chmod(folder, 0o711)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", str(disk)],
                          capture_output=True, check=False).returncode != 0:
            pytest.skip("may not mount a file system")
        try:
            (disk / "space").mkdir()
            shutil.chown(disk / "space", "nobody")
            yield disk
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=False)


def import_until_full(pair):
    """How many were answered before there was no room."""
    for start in range(0, 100000, 500):
        try:
            pair.import_posts(rows(500, start))
        except grpc.RpcError as why:
            assert why.code() == Code.RESOURCE_EXHAUSTED, why
            assert "cannot write to the database" in why.details()
            assert "could not extend file" in why.details() and "No space" in why.details()
            return start
    raise AssertionError("it never got full")


@expects_log("could not extend file")
@may_log("the database")
def test_a_full_disk(tmp_path):
    """Where we may mount one. What was answered is listed, and imports go on when there is room."""
    server = postgres.Postgres()
    try:
        with small_disk(32) as disk, on_databases(tmp_path / "pair", server) as pair:
            ballast = disk / "ballast"
            ballast.write_bytes(b"\0" * (16 << 20))
            name = postgres.name_of(pair.post.db)
            server.ask(f"CREATE TABLESPACE small LOCATION '{disk / 'space'}'")
            server.ask("ALTER TABLE records SET TABLESPACE small", name)
            answered = import_until_full(pair)
            assert len(listed(pair)) == answered > 0
            ballast.unlink()
            pair.import_posts(rows(500, answered))
            assert len(listed(pair)) == answered + 500
            pair.post.stop()
            server.ask(f"DROP DATABASE {name}")
            server.ask("DROP TABLESPACE small")
    finally:
        server.remove()


# --- Tables and rights ------------------------------------------------------------------

@expects_log("does not exist")
def test_a_table_that_is_lost_while_it_serves(pair):
    small_library().load(pair)
    name = postgres.name_of(pair.post.db)
    postgres.shared().ask("ALTER TABLE records RENAME TO lost", name)
    for call in (lambda: listed(pair), lambda: pair.import_posts(rows(1))):
        code, text = failure(call)
        assert code == Code.INTERNAL
        assert f"the database {name}: relation \"records\" does not exist" in text, text
    postgres.shared().ask("ALTER TABLE lost RENAME TO records", name)
    assert listed(pair) == small_library().expected()


def test_a_table_that_is_lost_before_it_starts(tmp_path):
    with on_databases(tmp_path / "pair") as pair:
        pass
    name = postgres.name_of(pair.post.db)
    postgres.shared().ask("DROP TABLE records; DROP TABLE changes", name)
    for args in (), ("--check",):
        assert refusal(pair.post.db, *args) == \
            f"post-server: the database {name} has lost its tables records, changes: " \
            "restore them from a backup"


@expects_log("permission denied")
def test_a_role_that_may_only_read(pair, tmp_path):
    """It lists, and says what it may not; and writes once it may."""
    small_library().load(pair)
    name = postgres.name_of(pair.post.db)
    postgres.shared().ask("CREATE ROLE reader LOGIN; "
                          "GRANT SELECT ON store, groups, records, changes TO reader", name)
    reader = Server("post-server", tmp_path, "--user-target", pair.user.target)
    reader.db = pair.post.db.replace(postgres.OWNER + "@", "reader@")
    reader.start()
    with Client(reader.target) as client:
        found = posts_of(collect(client, "ListPosts", "ServerStream"))
        assert found == small_library().expected()
        request = post.ImportPostsRequest(post_messages=[post.PostMessage(post_id="x", user_id="u")])
        code, text = failure(lambda: client.call(IMPORT, [request]))
        assert code == Code.INTERNAL and "permission denied for table store" in text, text
        postgres.shared().ask("GRANT INSERT, UPDATE, DELETE ON store, groups, records, changes "
                              "TO reader", name)
        assert client.call(IMPORT, [request]).imported == 1
    reader.stop()
    postgres.shared().ask("REVOKE ALL ON store, groups, records, changes FROM reader", name)
    assert "permission denied for table store" in refusal(reader.db)


# --- Who we are -------------------------------------------------------------------------

@pytest.fixture(scope="module")
def guarded():
    """A PostgreSQL that wants a password on a port."""
    server = postgres.Postgres({"listen_addresses": "127.0.0.1"}, port=True)
    try:
        server.ask(f"CREATE ROLE clerk LOGIN CREATEDB PASSWORD '{PASSWORD}'")
        server.ask("CREATE DATABASE posts OWNER clerk")
        (server.folder / "data/pg_hba.conf").write_text(
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        server.ask("SELECT pg_reload_conf()")
        yield server
    finally:
        server.remove()


def secret_file(folder, text):
    path = folder / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def test_a_wrong_password(guarded, tmp_path, monkeypatch):
    db = f"postgres://clerk@127.0.0.1:{guarded.port}/posts"
    monkeypatch.setenv("PGPASSFILE", secret_file(tmp_path, "*:*:*:*:wrong\n"))
    assert 'password authentication failed for user "clerk"' in refusal(db)
    monkeypatch.setenv("PGPASSFILE", secret_file(tmp_path, ""))
    said = refusal(db)
    assert "no password supplied" in said and PASSWORD not in said


@may_log("User is unreachable")
@pytest.mark.parametrize("by", ["PGPASSFILE", "PGSERVICEFILE"])
def test_the_right_password(guarded, tmp_path, monkeypatch, by):
    """From either file, as docs/deploy has it; it is in no list of processes and in no log."""
    if by == "PGPASSFILE":
        db = f"postgres://clerk@127.0.0.1:{guarded.port}/posts"
        monkeypatch.setenv(by, secret_file(tmp_path, f"*:*:*:*:{PASSWORD}\n"))
    else:
        db = "service=posts"
        monkeypatch.setenv(by, secret_file(tmp_path, "[posts]\nhost=127.0.0.1\ndbname=posts\n"
                                           f"port={guarded.port}\nuser=clerk\npassword={PASSWORD}\n"))
    server = Server("post-server", tmp_path, "--log-level", "debug")
    server.db = db
    server.start()
    assert PASSWORD not in Path(f"/proc/{server.pid}/cmdline").read_text()
    server.stop()
    assert PASSWORD not in server.stderr()


# --- A standby --------------------------------------------------------------------------

@may_log("read-only", "the database")
def test_a_standby_at_the_start(tmp_path):
    """With the tables it lists, and refuses to write; without, or where a primary is wanted, it does
    not start."""
    primary, standby = postgres.Postgres({"wal_level": "replica", "max_wal_senders": "4"}), None
    try:
        standby = postgres.Postgres(standby_of=primary)
        empty = primary.database()
        with on_databases(tmp_path / "pair", primary) as pair:
            small_library().load(pair)
            db = pair.post.db.replace(str(primary.folder), str(standby.folder))
            timing.wait_until(lambda: standby.ask(
                "SELECT count(*) FROM records", postgres.name_of(db)) == "480\n", "a copy of it")
            reader = Server("post-server", tmp_path, "--user-target", pair.user.target,
                            "--store-timeout", "500ms")
            reader.db = db
            reader.start()
            with Client(reader.target) as client:
                found = posts_of(collect(client, "ListPosts", "ServerStream"))
                assert found == small_library().expected()
                code, text = failure(lambda: client.call(IMPORT, [post.ImportPostsRequest(
                    post_messages=[post.PostMessage(post_id="x", user_id="u")])]))
            assert code == Code.UNAVAILABLE and "read-only" in text, text
            reader.stop()
            assert "session is read-only" in refusal(db + "&target_session_attrs=read-write")
            assert "read-only" in refusal(empty.replace(str(primary.folder), str(standby.folder)))
    finally:
        primary.remove()
        if standby is not None:
            standby.remove()


# --- Connections ------------------------------------------------------------------------

def connections(db, program):
    return int(postgres.shared().ask(
        "SELECT count(*) FROM pg_stat_activity WHERE "
        f"datname = '{postgres.name_of(db)}' AND application_name = '{program}'"))


def test_a_server_has_two_connections_and_two_for_each_loop(tmp_path):
    """However many calls there are; the others wait for one."""
    with on_databases(tmp_path / "pair", post_args=["--loops", "3"]) as pair:
        small_library().load(pair)
        with concurrent.futures.ThreadPoolExecutor(64) as threads:
            lists = [threads.submit(ask, pair.posts, "ListPosts", "ServerStream",
                                    request_of("ListPosts")) for _ in range(256)]
            while not all(each.done() for each in lists):
                assert connections(pair.post.db, "post-server") <= 8
            assert all(len(posts_of(each.result())) == 480 for each in lists)
        assert connections(pair.post.db, "post-server") == 8


@may_log("too many", "connection", "the database", "User is unreachable")
def test_more_servers_than_connections(tmp_path):
    """One that gets none does not start, and says why."""
    server = postgres.Postgres({"max_connections": "4", "superuser_reserved_connections": "0",
                                "max_wal_senders": "0"})
    try:
        first = Server("post-server", tmp_path, "--loops", "1")
        first.db = server.database()
        first.start()
        timing.wait_until(lambda: "too many clients already" in refusal(first.db), "none is left")
        first.stop()
    finally:
        server.remove()


def states_of(metrics):
    return [metrics.get("store_database_connections", state=state)
            for state in ("connecting", "ready", "broken")]


@may_log("the database", "UNAVAILABLE")
def test_the_metrics_of_a_database(tmp_path):
    """Its connections are counted in each state; so are who waits, and what was asked."""
    server = postgres.Postgres()
    try:
        with on_databases(tmp_path / "pair", server, post_args=["--loops", "2", *METRICS]) as pair:
            metrics = Metrics(pair.post)
            timing.wait_until(lambda: states_of(metrics) == [0, 6, 0], "six are ready")
            before = metrics.get("store_database_requests_total")
            small_library().load(pair)
            assert listed(pair) == small_library().expected()
            assert metrics.get("store_database_requests_total") > before
            assert metrics.get("store_database_request_seconds_total") > 0
            assert metrics.get("store_file_bytes") > metrics.get("store_used_bytes") > 65536
            assert metrics.get("store_map_bytes") is None
            server.stop()
            timing.wait_until(lambda: states_of(metrics)[1] == 0, "none is ready")
            assert sum(states_of(metrics)) == 6
            waits = metrics.get("store_database_waits_total")
            with concurrent.futures.ThreadPoolExecutor(1) as threads:
                waiting = threads.submit(failure, lambda: listed(pair))
                timing.wait_until(lambda: metrics.get("store_database_waiting") > 0, "one waits")
                assert waiting.result()[0] == Code.UNAVAILABLE
            assert metrics.get("store_database_waits_total") > waits
            server.start()
            timing.wait_until(lambda: states_of(metrics) == [0, 6, 0], "six are ready again")
            metrics.until(0, "store_database_waiting")
    finally:
        server.remove()


# --- Backups ----------------------------------------------------------------------------

def restored(server, name):
    """Another database, of a dump of this one."""
    dump, db = server.folder / "dump", server.database()
    where = ["-h", server.folder, "-p", server.port, "-U", postgres.OWNER]
    server.run("pg_dump", *where, "-Fc", "-f", dump, name)
    server.run("pg_restore", *where, "-d", postgres.name_of(db), dump)
    return db


@may_log("User is unreachable")
def test_a_dump_gives_it_all_back(pair):
    """Tokens too; but for a new store id, after a restore to an earlier moment, they are of another store."""
    small_library().load(pair)
    first = ask(pair.posts, "ListPosts", "", request_of("ListPosts", page_size=100))[-1]
    pair.post.stop()
    pair.post.db = restored(postgres.shared(), postgres.name_of(pair.post.db))
    pair.post.start()
    rest = posts_of(collect(pair.posts, "ListPosts", "", page_size=100,
                            page_token=first.next_page_token))
    assert [*first.post_messages, *rest] == small_library().expected()
    done = subprocess.run([str(BUILD / "post-server"), "--check", "--db", pair.post.db], check=False,
                          capture_output=True, timeout=timing.CALL, env=clean_environment())
    assert done.returncode == 0, done.stderr
    pair.post.stop()
    postgres.shared().ask("UPDATE store SET store_id = (random() * 9e18)::bigint",
                          postgres.name_of(pair.post.db))
    pair.post.start()
    code, _ = failure(lambda: ask(pair.posts, "ListPosts", "", request_of(
        "ListPosts", page_size=100, page_token=first.next_page_token)))
    assert code == Code.FAILED_PRECONDITION
    assert listed(pair) == small_library().expected()
