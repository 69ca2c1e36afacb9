"""What is on disk: no room, no permission, damage, a clock that jumps; --check, and copies."""
import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

import grpc
import pytest

import cli
import timing
from client import failure
from library import small_library
from logs import expects_log, may_log
from pair import BUILD, Server, clean_environment
from protos import post, user
from test_start_stop import both, refused
from timing import wait_until

NEEDLE = "a text that is nowhere else"


def rows(n, start=0, size=2000):
    return [{"post_id": f"p{i}", "user_id": f"u{i % 7}", "body": f"{i} " + "x" * size}
            for i in range(start, start + n)]


def listed(pair, **fields):
    responses = pair.posts.call("/v1.post.Post/ListPostsServerStream",
                                post.ListPostsRequest(**fields))
    return [message for response in responses for message in response.post_messages]


def import_until_full(pair):
    """How many were answered before there was no room."""
    pair.import_posts(rows(100))
    for start in range(100, 100000, 500):
        try:
            pair.import_posts(rows(500, start))
        except grpc.RpcError as e:
            assert e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, e
            assert str(pair.post.db) in e.details() and "No space" in e.details() or \
                "too large" in e.details(), e.details()
            return start
    raise AssertionError("it never got full")


def data_file(server):
    return server.db / "data.mdb"


def damage(server, old, new):
    """Changes bytes that are in the file once."""
    content = bytearray(data_file(server).read_bytes())
    assert len(old) == len(new) and content.count(old) == 1
    at = content.index(old)
    content[at:at + len(old)] = new
    data_file(server).write_bytes(content)


def check(name, db, code):
    """What --check says: of a good store on standard output, else on standard error."""
    done = subprocess.run([str(BUILD / name), "--check", "--db", str(db)], capture_output=True,
                          text=True, timeout=timing.CALL, check=False, env=clean_environment())
    assert done.returncode == code, done.stderr + done.stdout
    assert (done.stdout == "") == (code != 0) and (done.stderr == "") == (code == 0)
    return done.stdout + done.stderr


# --- No room, no permission ---------------------------------------------------------------


def assert_full_and_then_not(pair, make_room):
    answered = import_until_full(pair)
    assert answered > 100
    assert len(listed(pair)) == answered  # all that was answered, and nothing of what was not
    code, _ = failure(lambda: pair.import_posts(rows(500, answered)))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    make_room()
    pair.import_posts(rows(500, answered))
    assert len(listed(pair)) == answered + 500
    pair.post.restart()
    assert len(listed(pair)) == answered + 500
    assert f"{answered + 500} posts of 7 users" in check("post-server", pair.post.db, 0)


@pytest.mark.embedded("test_postgres.py has one for databases")
@expects_log("cannot write to the store")
def test_a_full_disk(start_pair, tmp_path):
    """A file system of 16 MiB, where we may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(disk)],
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("may not mount a file system")
    try:
        pair = start_pair(post_args=["--db", str(disk / "posts")])
        pair.post.db = disk / "posts"
        ballast = disk / "ballast"
        ballast.write_bytes(b"\0" * (8 << 20))
        assert_full_and_then_not(pair, ballast.unlink)
        pair.post.stop()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


@pytest.mark.embedded("it is not the server that writes the files of a database")
@expects_log("cannot write to the store")
def test_a_quota(pair):
    """A limit on the size of files."""
    pid, most = pair.post.pid, resource.prlimit(pair.post.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4 << 20, most[1]))
    assert_full_and_then_not(pair, lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, most))


def somebody_else(folder, program):
    """What makes a command run as another user, who may reach this folder of ours; nothing if we
    are not root."""
    if os.geteuid() != 0:
        return []
    for each in folder, *folder.parents:
        if each == Path(tempfile.gettempdir()):
            break
        each.chmod(0o755)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run([*command, "test", "-x", program], check=False).returncode != 0:
        pytest.skip("nobody else can reach the folder for temporary files")
    return command


@both
@pytest.mark.parametrize("what", ["folder", "file"])
@may_log("User is unreachable")
def test_may_not_write(name, what, tmp_path):
    """Of us, as another user if we are root, who may write anywhere."""
    db = tmp_path / "db"
    server = Server(name, tmp_path)
    server.db = db
    server.start().stop()
    (db / "data.mdb").chmod(0o444)
    db.chmod(0o555 if what == "folder" else 0o777)
    for file in db.iterdir():
        file.chmod(0o444 if what == "folder" or file.name == "data.mdb" else 0o666)
    program = shutil.copy(BUILD / name, tmp_path)
    done = subprocess.run([*somebody_else(tmp_path, program), program, "--db", str(db), "--listen",
                           "127.0.0.1:0"], capture_output=True, text=True, timeout=timing.START,
                          check=False, env=clean_environment())
    # gcov has no place for its figures either, and says so.
    said = [line for line in done.stderr.splitlines() if not line.startswith("profiling:")]
    assert done.returncode == 1 and len(said) == 1, done.stderr
    assert "Permission denied" in said[0] and str(db) in said[0]


# --- Damage -------------------------------------------------------------------------------

its_own_file = pytest.mark.embedded("a database looks after its own files")


@pytest.fixture
def needle(pair):
    pair.import_users([{"user_id": "u0", "name": "Henry"}, {"user_id": "u1", "name": NEEDLE}])
    pair.import_posts([*rows(50), {"post_id": "n", "user_id": "u9", "body": NEEDLE}, *rows(50, 50)])
    return pair


@its_own_file
@expects_log("it is damaged")
def test_a_changed_record_is_no_answer(needle):
    """What lies before it is listed; nothing is made up; the server goes on."""
    needle.post.stop()
    damage(needle.post, NEEDLE.encode(), NEEDLE.upper().encode())
    needle.post.start()
    got = []

    def read():
        for response in needle.posts.call("/v1.post.Post/ListPostsServerStream",
                                          post.ListPostsRequest()):
            got.extend(response.post_messages)

    code, text = failure(read)
    assert code == grpc.StatusCode.INTERNAL
    assert str(needle.post.db) in text and "damaged" in text and "--check" in text
    before = [row["post_id"] for u in range(7) for row in rows(100) if row["user_id"] == f"u{u}"]
    assert got and [message.post_id for message in got] == before[:len(got)]
    assert len(listed(needle, limit=10)) == 10
    said = check("post-server", needle.post.db, 1)
    assert 'of group 7 "u9": its bytes are not those that were stored' in said
    assert "1 problems; restore it from a backup" in said


@its_own_file
@expects_log("it is damaged")
@may_log("User is unreachable", "the server is stopping")
def test_a_changed_user_has_no_name(needle):
    needle.user.stop()
    damage(needle.user, NEEDLE.encode(), NEEDLE.upper().encode())
    needle.user.start()
    code, text = failure(lambda: needle.users.call("/v1.user.User/GetUser",
                                                   user.GetUserRequest(user_id="u1")))
    assert code == grpc.StatusCode.INTERNAL and "damaged" in text
    name = needle.users.call("/v1.user.User/GetUser", user.GetUserRequest(user_id="u0"))
    assert name.user_message.name == "Henry"
    assert "not those that were stored" in check("user-server", needle.user.db, 1)


@its_own_file
def test_a_file_that_is_cut_while_it_serves(needle):
    """LMDB reads where nothing is any more: an end with a line, not a crash."""
    needle.import_posts(rows(2000))
    os.truncate(data_file(needle.post), 65536)
    failure(lambda: listed(needle))
    assert needle.post.wait() == 1
    assert f"{data_file(needle.post)} cannot be read" in needle.post.stderr()
    assert "--check" in needle.post.stderr() and "backup" in needle.post.stderr()
    for args in (), ("--check",):
        said = refused("post-server", *args, "--db", needle.post.db, "--listen", "127.0.0.1:0")
        assert "is damaged: it has 65536 bytes of" in said


@its_own_file
def test_a_file_that_is_cut_while_it_is_written(needle):
    """The same in the thread that writes."""
    needle.import_posts(rows(2000))
    os.truncate(data_file(needle.post), 65536)
    failure(lambda: needle.import_posts(rows(2000)))
    assert needle.post.wait() == 1
    assert f"{data_file(needle.post)} cannot be read" in needle.post.stderr()


@its_own_file
def test_damaged_branches_are_found_at_the_start(needle):
    needle.import_posts(rows(2000))
    needle.post.stop()
    page = 4096
    content = bytearray(data_file(needle.post).read_bytes())
    for at in range(2 * page, len(content), page):
        if content[at + 10] == 1:  # every branch page
            content[at + 12] ^= 4
    data_file(needle.post).write_bytes(content)
    for args in (), ("--check",):
        said = refused("post-server", *args, "--db", needle.post.db, "--listen", "127.0.0.1:0")
        assert "is damaged: page" in said and "backup" in said


# --- --check --------------------------------------------------------------------------------


def test_check_of_good_stores_while_they_are_served(pair):
    library = small_library()
    library.load(pair)
    said = check("post-server", pair.post.db, 0)
    assert said.startswith(f"post-server: the store in {pair.post.db} is good: 480 posts of 41 users, ")
    assert "41 users, " in check("user-server", pair.user.db, 0)
    assert len(listed(pair)) == 480


@both
def test_check_of_what_is_no_store(name, tmp_path):
    said = refused(name, "--check", "--db", tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in said and "No such file" in said
    assert not (tmp_path / "nowhere").exists()


def test_check_of_the_other_kind(pair):
    said = refused("user-server", "--check", "--db", pair.post.db)
    assert "holds posts, not users" in said


def test_check_while_an_import_runs(pair):
    """It sees one state, whatever is committed meanwhile."""
    cli.pipeline(pair, "$POSTCLI generate users --count 100 | $POSTCLI import users -")
    with subprocess.Popen(
            ["bash", "-c", f"{cli.POSTCLI} generate posts --count 60000 --users 100 | "
             f"{cli.POSTCLI} import posts - >&2"], stderr=subprocess.DEVNULL,
            env=pair.postcli_environment()) as importing:
        checks = 0
        while importing.poll() is None or checks == 0:
            check("post-server", pair.post.db, 0)
            checks += 1
    assert importing.returncode == 0
    assert "60000 posts of 100 users" in check("post-server", pair.post.db, 0)


# --- Copies ---------------------------------------------------------------------------------


def copy(source, target):
    """As README says: listings of the one are what the other imports."""
    for what, command in (("users", "users list"), ("posts", "stream-list")):
        out = cli.run(source, *command.split(), "--format", "ndjson")
        cli.run(target, "import", what, "-", stdin=out)


LISTINGS = [["stream-list"], ["list"], ["list", "--user", "u7"], ["collect-list", "--all"],
            ["bidi-list", "--all"], ["stream-list", "--tag", "third"], ["users", "list"]]


def test_a_copy_is_the_same_in_every_listing(start_pair):
    source, target = start_pair(), start_pair()
    library = small_library()
    library.load(source)
    copy(source, target)
    for command in LISTINGS:
        want = cli.run(source, *command, "--format", "ndjson")
        assert want and cli.run(target, *command, "--format", "ndjson") == want, command
    assert listed(source) == listed(target) == library.expected()


def test_a_copy_while_an_import_runs(start_pair):
    """All that was there before, byte for byte; of what comes meanwhile, whole posts."""
    source, target = start_pair(), start_pair()
    cli.pipeline(source, "$POSTCLI generate users --count 50 | $POSTCLI import users -")
    cli.pipeline(source, "$POSTCLI generate posts --count 40000 --users 50 | sed -n 1,5000p | "
                 "$POSTCLI import posts -")
    before = cli.run(source, "stream-list", "--format", "ndjson").splitlines()
    with subprocess.Popen(
            ["bash", "-c", f"{cli.POSTCLI} generate posts --count 40000 --users 50 | "
             f"{cli.POSTCLI} import posts - >&2"], stderr=subprocess.DEVNULL,
            env=source.postcli_environment()) as importing:
        copy(source, target)
        assert importing.wait(timing.CALL) == 0
    copied = cli.run(target, "stream-list", "--format", "ndjson").splitlines()
    after = cli.run(source, "stream-list", "--format", "ndjson").splitlines()
    assert set(before) <= set(copied) <= set(after)
    common = set(copied)
    assert [row for row in after if row in common] == copied


# --- A clock that jumps -------------------------------------------------------------------------

FAKETIME = [path for path in ("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
                              "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1")
            if os.path.exists(path)]


@pytest.mark.skipif(not FAKETIME or timing.STRETCH != 1, reason="needs faketime, no sanitizer")
@may_log("the deadline has passed")
def test_a_clock_that_jumps(pair, tmp_path, monkeypatch):
    """The date of this machine is set: forward by a day, and back by two. Nothing waits by it."""
    small_library().load(pair)
    pair.post.stop()
    clock = tmp_path / "clock"

    def set_clock(offset):
        """At once: libfaketime, which reads it at every turn, ends a process over half a file."""
        (tmp_path / "new").write_text(offset)
        (tmp_path / "new").rename(clock)

    set_clock("+0")
    for key, value in {"LD_PRELOAD": FAKETIME[0], "FAKETIME_TIMESTAMP_FILE": str(clock),
                       "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}.items():
        monkeypatch.setenv(key, value)
    pair.post.start("--log-calls", "all", "--log-format", "json")
    monkeypatch.undo()
    stream = pair.posts.open("/v1.post.Post/ListPostsByUserIdBidiStream")
    days = set()
    with stream:
        for jump in "+0", "+1d", "-1d":
            set_clock(jump)
            stream.send(post.ListPostsByUserIdRequest(user_id="u3"))
            while not stream.receive().last:
                pass
            assert len(listed(pair)) == 480
            with pair.posts.open("/v1.post.Post/ListPostsBidiStream", timeout=0.05) as waits:
                assert failure(waits.receive)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: pair.post.stderr().count("ListPostsServerStream") == 3, "calls are logged")
    for line in pair.post.stderr().splitlines():
        if "ListPostsServerStream" in line:
            days.add(line.split('"time":')[1][:13])
    assert len(days) == 3  # it was another day for the log, and for nothing else
