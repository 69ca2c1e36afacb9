"""postcli import: damaged input, rejected records, and a server that dies on the way."""
import os
import random
import re
import subprocess
import threading
import time

import grpc
import pytest

import cli
import timing
from cli import Postcli
from client import Client
from logs import may_log
from protos import post
from test_shapes import NoPair, as_line, rows_of

USER = {"user_id": "1", "name": "Henry"}
MiB = 1 << 20


def row(number, **fields):
    return {"post_id": str(number), "author": "Henry", "user_id": "1", "title": f"title {number}",
            "body": "", "tags": [], "create_time": None, **fields}


def line(number, **fields):
    return as_line(row(number, **fields))


@pytest.fixture
def henry(pair):
    pair.import_users([USER])
    return pair


def stored(pair):
    return [r["post_id"] for r in rows_of(cli.run(pair, "stream-list", timeout=timing.limit(60)))]


def counts(imported=0, updated=0, unchanged=0, rejected=0, skipped=0):
    text = f"imported {imported}, updated {updated}, unchanged {unchanged}, rejected {rejected}"
    return (text + (f", skipped {skipped}" if skipped else "") + "\n").encode()


DAMAGED = [b"{\n", b'"text"\n', b"[1]\n", b"not JSON\n", b'{"post_id":1}\n', b"\xff\xfe\n",
           b'{"post_id":"x","no_such_field":1}\n', b'{"post_id":"x"} trailing\n',
           b'{"post_id":"x","create_time":"yesterday"}\n', b'{"post_id":"\\ud800"}\n']


@pytest.mark.parametrize("bad", DAMAGED, ids=repr)
def test_a_damaged_line_is_named_and_left_out(henry, tmp_path, bad):
    file = tmp_path / "posts.ndjson"
    file.write_bytes(line(1) + b"\n" + bad + line(2))
    out, err = cli.attempt(henry, "import", "posts", file)
    assert out == counts(imported=2, skipped=1)
    assert re.fullmatch(rf"{re.escape(str(file))}:3: .+\n", err), err
    assert stored(henry) == ["1", "2"]


def test_many_damaged_lines(henry):
    lines = [line(i) if i % 3 else b"{]\n" for i in range(300)]
    out, err = cli.attempt(henry, "import", "posts", "-", stdin=b"".join(lines))
    assert out == counts(imported=200, skipped=100)
    assert [int(n) for n in re.findall(r"^-:(\d+): ", err, re.M)] == [*range(1, 301, 3)]
    assert stored(henry) == [str(i) for i in range(300) if i % 3]


def test_a_file_of_another_kind(henry):
    """The first hundred of its lines are named, and the others counted."""
    out, err = cli.attempt(henry, "import", "posts", "-", stdin=b"no, JSON\n" * 2345 + line(1))
    assert out == counts(imported=1, skipped=2345)
    assert re.findall(r"^-:(\d+): ", err, re.M) == [str(n) for n in range(1, 101)]
    assert err.endswith("\npostcli: 2,245 more lines could not be used, and are not named\n")


def test_strict_stops_at_the_first(henry):
    """What was before is stored, what comes after is not."""
    lines = [line(1), line(2), b"{\n", line(3), b"{\n"]
    out, err = cli.attempt(henry, "import", "posts", "-", "--strict", stdin=b"".join(lines))
    assert out == counts(imported=2, skipped=1)
    assert err.startswith("-:3: ") and err.count("\n") == 1
    assert stored(henry) == ["1", "2"]


def test_strict_does_not_wait_for_more(henry):
    """The input is a pipe that stays open."""
    with Postcli(henry, "import", "posts", "-", "--strict", stdin=subprocess.PIPE) as command:
        command.write(line(1) + b"{\n" + line(2))
        assert command.line() == counts(imported=1, skipped=1)
        assert command.process.wait(timing.CALL) == 1
    assert stored(henry) == ["1"]


def test_rejected_records_are_named_by_their_lines(henry):
    """Lines that are no records are not counted by the server; the line is right all the same."""
    lines = [b"\n", line(1), b"{\n", line(""), b"\r\n", line(2), line("x" * 257), b"  \n",
             line(3, user_id=""), line(4, body="b" * (MiB + 1)), line(5)]
    out, err = cli.attempt(henry, "import", "posts", "-", stdin=b"".join(lines))
    assert out == counts(imported=3, rejected=4, skipped=1)
    told = dict(re.findall(r"^-:(\d+): (.*)$", err, re.M))
    assert sorted(map(int, told)) == [3, 4, 7, 9, 10], err
    for number in ("4", "7", "9", "10"):
        assert told[number].startswith("INVALID_ARGUMENT: "), told
    assert "post_id" in told["4"] and "post_id" in told["7"] and "user_id" in told["9"]
    assert stored(henry) == ["1", "2", "5"]


def test_the_post_of_another(henry):
    henry.import_users([{"user_id": "2", "name": "Michael"}])
    cli.run(henry, "import", "posts", "-", stdin=line(1))
    out, err = cli.attempt(henry, "import", "posts", "-", stdin=line(2) + line(1, user_id="2"))
    assert out == counts(imported=1, rejected=1)
    assert err.startswith("-:2: ") and err.count("\n") == 1


def test_more_rejected_than_are_named(henry):
    lines = [line("") for _ in range(250)]
    out, err = cli.attempt(henry, "import", "posts", "-", stdin=b"".join(lines))
    assert out == counts(rejected=250)
    assert len(re.findall(r"^-:\d+: ", err, re.M)) == 100
    assert err.endswith("postcli: 150 more were rejected\n")


@pytest.mark.parametrize("data, number", [
    (b"", 0), (b"\n\n \t\n", 0), (line(1)[:-1], 1), (line(1) + line(2)[:-1], 2),
    (line(1).replace(b"\n", b"\r\n") + line(2).replace(b"\n", b"\r\n"), 2),
    (b"\r\n" + line(1) + b"\n\n", 1), (b"  " + line(1)[:-1] + b"  \n", 1),
], ids=["nothing", "blank", "no newline", "no last newline", "CRLF", "blank around", "spaces"])
def test_ends_of_lines(henry, data, number):
    assert cli.run(henry, "import", "posts", "-", stdin=data) == counts(imported=number)
    assert stored(henry) == [str(i + 1) for i in range(number)]


def test_long_lines(henry):
    """1.5 MB of JSON may be less than 1 MiB of a post; and a line has a limit."""
    escaped = line(1)[:-1].replace(b'"body":""', b'"body":"' + b"\\u0041" * 250_000 + b'"') + b"\n"
    assert len(escaped) > 1_500_000
    endless = line(2)[:-1] + b" " * (2 * MiB) + b"\n"
    out, err = cli.attempt(henry, "import", "posts", "-", stdin=escaped + endless + line(3))
    assert out == counts(imported=2, skipped=1)
    assert err == "-:2: the line is longer than 2 MiB\n"
    first, second = rows_of(cli.run(henry, "stream-list"))
    assert first["body"] == "A" * 250_000 and second["post_id"] == "3"


def test_the_same_again(henry):
    data = line(1) + line(2)
    assert cli.run(henry, "import", "posts", "-", stdin=data) == counts(imported=2)
    assert cli.run(henry, "import", "posts", "-", stdin=data) == counts(unchanged=2)
    data = line(1) + line(2, title="new") + line(3)
    assert cli.run(henry, "import", "posts", "-", stdin=data) == \
        counts(imported=1, updated=1, unchanged=1)


def test_users(pair):
    data = b'{"user_id":"1","name":"Henry"}\n{\n{"user_id":"2","name":"' + b"n" * 1025 + b'"}\n'
    out, err = cli.attempt(pair, "import", "users", "-", stdin=data)
    assert out == counts(imported=1, rejected=1, skipped=1)
    assert re.search(r"^-:2: .*\n-:3: INVALID_ARGUMENT: ", err, re.M), err


def test_a_slow_pipe(henry):
    """Lines that come in pieces, with the writer ahead by a few bytes only."""
    data = line(1, body="한글 ☕") + line(2)
    with Postcli(henry, "import", "posts", "-", stdin=subprocess.PIPE) as command:
        for i in range(0, len(data), 7):
            command.write(data[i:i + 7])
        command.process.stdin.close()
        command.process.stdin = None
        assert command.line() == counts(imported=2)
        assert command.end() == 0
    assert rows_of(cli.run(henry, "stream-list"))[0]["body"] == "한글 ☕"


def test_no_such_file(henry, tmp_path):
    for path in (tmp_path / "missing", tmp_path):
        out, err = cli.attempt(henry, "import", "posts", path)
        assert out in (b"", counts())
        assert err.startswith(f"postcli: cannot read {path}: ") and err.count("\n") == 1


def test_nobody_there(pair):
    pair.post.stop()
    out, err = cli.attempt(pair, "import", "posts", "-", stdin=line(1))
    assert out == b""
    assert "postcli: UNAVAILABLE: " in err  # what it says besides depends on what was read by then


# --- kill -9 ---------------------------------------------------------------------------


POSTS = 20_000 if timing.STRETCH == 1 else 5000
POSTS_PER_CALL = 250
ROUNDS = 4


@pytest.fixture(scope="module")
def made_up():
    """Users, posts; as NDJSON."""
    return (cli.pipeline(NoPair, "$POSTCLI generate users --count 50"),
            cli.pipeline(NoPair, f"$POSTCLI generate posts --count {POSTS} --users 50"))


def requests_of(posts):
    """What one call takes: made beforehand, so that importing is most of the time."""
    for i in range(0, len(posts), POSTS_PER_CALL):
        messages = []
        for fields in posts[i:i + POSTS_PER_CALL]:
            message = post.PostMessage(**{k: v for k, v in fields.items() if k != "create_time"})
            message.create_time.FromJsonString(fields["create_time"])
            messages.append(message)
        yield post.ImportPostsRequest(post_messages=messages)


def import_until_it_dies(target, requests):
    """How many calls were answered. Each is on its own; after the first failure we stop."""
    with Client(target) as client:
        for answered, request in enumerate(requests):
            try:
                response = client.call("/v1.post.Post/ImportPosts", [request])
            except grpc.RpcError:
                return answered
            assert response.rejected == 0
    return len(requests)


def test_what_was_answered_survives_kill_9(pair, made_up):
    """Each round kills the server at a random moment of the import, which then starts again."""
    seed = int(os.environ.get("TEST_SEED") or time.time_ns() % 1_000_000)
    print(f"TEST_SEED={seed}")
    rng = random.Random(seed)
    users, posts = made_up
    cli.run(pair, "import", "users", "-", stdin=users)
    originals = {p["post_id"]: p for p in rows_of(posts)}
    requests = list(requests_of(list(originals.values())))
    known = 0
    for _ in range(ROUNDS):
        killer = threading.Timer(rng.uniform(0.01, 0.25) * timing.STRETCH, pair.post.process.kill)
        killer.start()
        answered = import_until_it_dies(pair.post.target, requests[known:])
        killer.join()
        pair.post.process.wait()
        pair.post.kill()
        pair.post.start()
        there = rows_of(cli.run(pair, "stream-list", timeout=timing.limit(60)))
        assert_whole(there, originals)
        known += answered
        print(f"{known} of {len(requests)} calls were answered")
        sure = {p.post_id for request in requests[:known] for p in request.post_messages}
        assert sure <= {p["post_id"] for p in there}
    out = cli.run(pair, "import", "posts", "-", stdin=posts, timeout=timing.limit(60))
    new, unchanged = re.fullmatch(rb"imported (\d+), updated 0, unchanged (\d+), rejected 0\n",
                                  out).groups()
    assert int(new) + int(unchanged) == POSTS and int(unchanged) == len(there)
    there = rows_of(cli.run(pair, "stream-list", timeout=timing.limit(60)))
    assert_whole(there, originals)
    assert len(there) == POSTS


def assert_whole(rows, originals):
    """Every post is there once at most, and as it was sent."""
    assert len({r["post_id"] for r in rows}) == len(rows)
    for r in rows:
        assert r["author"]
        assert {**r, "author": ""} == originals[r["post_id"]]


def test_post_dies_under_postcli(pair, made_up):
    """It says so; the same import again does the rest, and the order is that of one import."""
    users, posts = made_up
    cli.run(pair, "import", "users", "-", stdin=users)
    half = posts.index(b"\n", len(posts) // 2) + 1
    with Postcli(pair, "import", "posts", "-", stdin=subprocess.PIPE) as command:
        command.write(posts[:half])
        pair.post.kill()
        assert command.process.wait(timing.CALL) == 1  # though the input goes on
        assert command.end() == 1
    assert "postcli: UNAVAILABLE: " in command.stderr
    pair.post.start()
    cli.run(pair, "import", "posts", "-", stdin=posts, timeout=timing.limit(60))
    by_user = {}
    for r in rows_of(posts):
        by_user.setdefault(r["user_id"], []).append(r["post_id"])
    assert stored(pair) == [i for ids in by_user.values() for i in ids]


# --- Posts of users that User does not know -------------------------------------------------


def test_posts_of_unknown_users_are_counted(henry):
    """They are stored, and a line says how many they are and of whom."""
    lines = [line(1), line(2, user_id="u7"), line(3, user_id="u9"), line(4, user_id="u7"), line(5)]
    out, err = cli.attempt(henry, "import", "posts", "-", stdin=b"".join(lines), code=0)
    assert out == counts(imported=5)
    assert err == ("postcli: 3 posts belong to 2 users that User does not know: u7, u9; listings show "
                   "them without an author\n")
    out, err = cli.attempt(henry, "import", "posts", "-", stdin=line(4, user_id="u7"), code=0)
    assert out == counts(unchanged=1)
    assert err.startswith("postcli: 1 post belongs to 1 user that User does not know: u7; ")
    assert sorted(stored(henry)) == ["1", "2", "3", "4", "5"]


def test_strict_refuses_posts_of_unknown_users(henry):
    """Each by its line; the others are stored."""
    lines = [line(1), b"\n", line(2, user_id="u7"), line(3, user_id="u9"), line(4)]
    out, err = cli.attempt(henry, "import", "posts", "-", "--strict", stdin=b"".join(lines))
    assert out == counts(imported=2, rejected=2)
    assert err == ("-:3: NOT_FOUND: there is no user u7\n-:4: NOT_FOUND: there is no user u9\n"
                   "postcli: 2 posts belong to 2 users that User does not know: u7, u9; nothing of them "
                   "is stored\n")
    assert stored(henry) == ["1", "4"]


def test_who_is_imported_meanwhile_is_known(henry):
    """Post remembers that there was no such user, and hears that there is one now."""
    post_of_u7 = line(1, user_id="u7")
    assert cli.attempt(henry, "import", "posts", "-", "--strict", stdin=post_of_u7)[0] == counts(rejected=1)
    henry.import_users([{"user_id": "u7", "name": "Seven"}])

    def is_taken():
        return b"imported 1" in cli.shell(
            henry, f"echo '{post_of_u7.decode().strip()}' | $POSTCLI import posts - --strict").stdout

    timing.wait_until(is_taken, "the user is known")


def test_more_unknown_users_than_are_named(henry):
    lines = b"".join(line(i, user_id=f"u{i % 250}") for i in range(500))
    out, err = cli.attempt(henry, "import", "posts", "-", stdin=lines, code=0)
    assert out == counts(imported=500)
    assert err.startswith("postcli: 500 posts belong to at least 100 users that User does not know: "
                          "u0, u1, u2, u3, u4, u5, u6, u7, u8, u9 and others; ")
    out, err = cli.attempt(henry, "import", "posts", "-", "--strict", stdin=lines)
    assert out == counts(rejected=500)
    assert "postcli: 400 more were rejected\n" in err


def test_many_posts_of_many_users_in_strict(henry):
    """Several requests, each of which waits for names."""
    henry.import_users([{"user_id": f"u{i}", "name": f"User {i}"} for i in range(3000)])
    lines = b"".join(line(i, user_id=f"u{i % 3001}", body="x" * 200) for i in range(20000))
    out, _ = cli.attempt(henry, "import", "posts", "-", "--strict", stdin=lines)
    assert out == counts(imported=20000 - 6, rejected=6)


@may_log("User is unreachable")
def test_without_user_nothing_is_counted(henry):
    """An import does not need User; one that is strict does."""
    henry.user.stop()
    wait_for_no_user(henry)
    out, err = cli.attempt(henry, "import", "posts", "-", stdin=line(1), code=0)
    assert out == counts(imported=1)
    assert err == "postcli: User does not answer Post, so posts of unknown users are not counted\n"
    out, err = cli.attempt(henry, "import", "posts", "-", "--strict", stdin=line(2, user_id="never seen"))
    assert out == b"" and "postcli: UNAVAILABLE: " in err
    henry.user.start()
    timing.wait_until(lambda: b"SERVING" in cli.shell(henry, "$POSTCLI health v1.user.User").stdout.split(b'"')[-2:],
                      "User is back")
    assert stored(henry) == ["1"]


def wait_for_no_user(pair):
    timing.wait_until(lambda: b"NOT_SERVING" in cli.shell(pair, "$POSTCLI health v1.user.User").stdout,
                      "Post notices")
