"""Starting, refusing to start, and stopping, for both servers alike."""
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time

import grpc
import pytest

import cli
import logs
import timing
from cli import Postcli
from client import Client
from logs import expects_log, may_log
from pair import BUILD, Server, clean_environment
from protos import post, user
from timing import wait_until

# Post is alone in many of these.
pytestmark = may_log("User is unreachable")

BOTH = ["user-server", "post-server"]
both = pytest.mark.parametrize("name", BOTH)
PREFIX = {"user-server": "USER_SERVER_", "post-server": "POST_SERVER_"}


def other(name):
    return BOTH[1 - BOTH.index(name)]


def refused(name, *args, code=1, **variables):
    """It does not start; returns what it says: one line."""
    done = subprocess.run([str(BUILD / name), *map(str, args)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timing.START, check=False,
                          env={**clean_environment(), **variables})
    logs.look_at(done.stderr)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith(f"{name}: ") and done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture
def server(tmp_path):
    """server(name, args…): one that serves, with a store of its own."""
    with contextlib.ExitStack() as stack:

        def start(name, *args):
            folder = tmp_path / f"{name}-{time.monotonic_ns()}"
            folder.mkdir()
            started = Server(name, folder, *args)
            stack.callback(lambda: started.process and started.kill())
            return started.start()

        yield start


def call(target, name):
    """Some call, so that we know that it serves."""
    with Client(target) as client:
        if name == "user-server":
            return client.call("/v1.user.User/ListUsers", user.ListUsersRequest())
        return client.call("/v1.post.Post/ListPosts", post.ListPostsRequest())


# --- It does not start -----------------------------------------------------------------


@both
def test_address_in_use(name, server, tmp_path):
    first = server(name)
    said = refused(name, "--db", tmp_path / "another", "--listen", first.listen)
    assert "cannot listen" in said and first.listen in said and "in use" in said
    assert not (tmp_path / "another").exists(), "a start that failed leaves no folder"
    call(first.listen, name)
    first.stop()


@both
@pytest.mark.parametrize("address", ["256.1.1.1:1", "nonsense", "192.0.2.1:0",
                                     "unix:/nowhere/at/all"])
def test_address_of_nobody(name, address, tmp_path):
    said = refused(name, "--db", tmp_path / "db", "--allow-plaintext", "--listen", address)
    assert f"cannot listen on {address}" in said


@pytest.mark.embedded("several servers may have one database")
@both
def test_store_in_use(name, server):
    first = server(name)
    said = refused(name, "--db", first.db, "--listen", "127.0.0.1:0")
    assert str(first.db) in said and "another process" in said
    call(first.listen, name)
    first.stop()


@both
def test_store_of_the_other_kind(name, server):
    first = server(other(name))
    first.stop()
    said = refused(name, "--db", first.db, "--listen", "127.0.0.1:0")
    kinds = ("users", "posts") if name == "user-server" else ("posts", "users")
    assert first.store in said
    assert all(kind in said for kind in kinds), said


@both
def test_not_a_folder(name, tmp_path):
    path = tmp_path / "file"
    path.write_text("mine\n")
    said = refused(name, "--db", path, "--listen", "127.0.0.1:0")
    assert str(path) in said and "folder" in said
    assert path.read_text() == "mine\n"


@both
@pytest.mark.parametrize("content", [b"x", b"no store at all\n" * 10000, b"\0" * 65536],
                         ids=["a byte", "text", "zeros"])
def test_not_a_store(name, tmp_path, content):
    """What is there is somebody's, and stays."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(content)
    said = refused(name, "--db", folder, "--listen", "127.0.0.1:0")
    assert str(folder) in said
    assert (folder / "data.mdb").read_bytes() == content


@both
@pytest.mark.parametrize("args, words", [
    (["--frobnicate"], "unknown option --frobnicate"),
    (["--loops"], "--loops"),
    (["--loops", "many"], '"many" is not a whole number'),
    (["--loops", "0"], "0 is not from 1 to"),
    (["--drain-timeout", "soon"], '"soon" is not a duration'),
    (["--drain-timeout", "5"], '"5" is not a duration'),
    (["--log-level", "loud"], '"loud" is not one of'),
    (["extra"], "extra"),
], ids=" ".join)
def test_bad_usage(name, args, words):
    said = refused(name, *args, code=2)
    assert words in said and "--help" in said


@both
def test_bad_variable(name):
    said = refused(name, code=2, **{PREFIX[name] + "DRAIN_TIMEOUT": "soon"})
    assert PREFIX[name] + "DRAIN_TIMEOUT" in said and "duration" in said


@both
def test_help(name):
    done = subprocess.run([str(BUILD / name), "--help"], capture_output=True, text=True,
                          timeout=timing.START, check=False)
    assert done.returncode == 0 and done.stderr == ""
    for option in ("--listen", "--db", "--loops", "--drain-timeout", "--log-format"):
        assert option in done.stdout
    assert ("--keep-changes" in done.stdout) == (name == "post-server"), "User keeps what it reads"


# --- It starts -------------------------------------------------------------------------


@both
def test_several_addresses(name, server, tmp_path):
    path = tmp_path / "socket"
    first = server(name, "--listen", f"unix:{path}", "--listen", "[::1]:0", "--loops", "2")
    for target in (first.listen, f"unix:{path}"):
        call(target, name)
    first.kill()
    first.start()  # the socket of the dead one is there
    call(f"unix:{path}", name)
    first.stop()


@both
def test_options_from_the_environment(name, tmp_path):
    path = tmp_path / "socket"
    variables = {"LISTEN": f"127.0.0.1:0,unix:{path}", "DB": str(tmp_path / "db"), "LOOPS": "1"}
    env = {**clean_environment(), **{PREFIX[name] + key: v for key, v in variables.items()}}
    with running([name], env) as process:
        line = process.stdout.readline().decode()
        assert line.startswith(f"{name}: serving on 127.0.0.1:")
        assert f"and unix:{path} (1 loop)" in line
        call(f"unix:{path}", name)
        assert (tmp_path / "db").is_dir()
    with running([name, "--listen", "127.0.0.1:0", "--loops", "2"], env) as process:
        line = process.stdout.readline().decode()
        assert "unix:" not in line and "(2 loops)" in line  # the command line wins


@contextlib.contextmanager
def running(command, env, **more):
    process = subprocess.Popen([str(BUILD / command[0]), *command[1:]], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, **more)
    try:
        assert select.select([process.stdout], [], [], timing.START)[0]
        yield process
        process.terminate()
        assert process.wait(timing.STOP) == 0
    finally:
        process.kill()
        process.communicate()


@both
def test_log_lines_as_json(name, server):
    first = server(name, "--log-format", "json", "--log-level", "debug")
    call(first.listen, name)
    first.stop()
    lines = [json.loads(line) for line in first.stderr().splitlines()]
    assert lines
    for line in lines:
        assert set(line) >= {"time", "level", "program", "message"}
        assert line["program"] == name
    assert {"debug", "info"} <= {line["level"] for line in lines}


@both
def test_no_standard_descriptors(name, tmp_path):
    """What it would print or log must not end up in a file or socket of its own."""
    path = tmp_path / "socket"
    args = ["--listen", f"unix:{path}", "--db", str(tmp_path / "db"), "--log-level", "debug"]
    process = subprocess.Popen(["bash", "-c", 'exec "$@" <&- >&- 2>&-', "-", str(BUILD / name),
                                *args], env=clean_environment())
    try:
        wait_until(lambda: serves(path), "it serves")
        call(f"unix:{path}", name)
        for fd in (0, 1, 2):
            assert os.readlink(f"/proc/{process.pid}/fd/{fd}") == "/dev/null"
        process.terminate()
        assert process.wait(timing.STOP) == 0
    finally:
        process.kill()
        process.wait()
    with running([name, *args], clean_environment()):  # the store is whole
        call(f"unix:{path}", name)


def serves(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(str(path)) == 0


# --- It stops --------------------------------------------------------------------------


@both
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_signals(name, number, server):
    first = server(name)
    call(first.listen, name)
    first.signal(number)
    assert first.wait(timing.limit(2)) == 0
    first.assert_clean()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address_of(first.listen))


def address_of(target):
    host, port = target.rsplit(":", 1)
    return host, int(port)


@both
def test_a_silent_connection_does_not_keep_it(name, server):
    """A client that connected and never says a word."""
    first = server(name)
    with socket.create_connection(address_of(first.listen)):
        call(first.listen, name)
        start = time.monotonic()
        first.stop()
        assert time.monotonic() - start < timing.MARGIN


@both
def test_an_idle_client_does_not_keep_it(name, server):
    """A connection without calls, of a process that is frozen: nothing is in progress."""
    first = server(name)
    with socket.create_connection(address_of(first.listen)) as peer:
        # HTTP/2's preface and an empty SETTINGS frame, then its acknowledgement: a client.
        peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" +
                     b"\0\0\0\4\1\0\0\0\0")
        assert peer.recv(9)[3] == 4  # the server's settings: it knows the connection
        start = time.monotonic()
        first.stop()
        assert time.monotonic() - start < timing.MARGIN


def start_with_posts(start_pair, count):
    pair = start_pair()
    cli.pipeline(pair, "$POSTCLI generate users --count 10 | $POSTCLI import users -\n"
                 f"$POSTCLI generate posts --count {count} --users 10 | $POSTCLI import posts -",
                 timing.limit(30))
    return pair


@pytest.fixture
def posts(start_pair):
    """More than fits between a server and a client that does not read."""
    return start_with_posts(start_pair, 50000)


@expects_log("again: not waiting for calls")
def test_a_second_signal_ends_at_once(posts):
    """While a call is stuck whose client does not read."""
    posts.post.restart("--drain-timeout", "1h")
    stuck = posts.posts.call("/v1.post.Post/ListPostsServerStream", post.ListPostsRequest())
    next(stuck)
    posts.post.signal(signal.SIGTERM)
    wait_until(lambda: "stopping, at most 3600000 ms" in posts.post.stderr(), "it is stopping")
    assert posts.post.process.poll() is None
    posts.post.signal(signal.SIGTERM)
    assert posts.post.wait(timing.MARGIN) == 1
    assert "not waiting for calls" in posts.post.stderr()
    stuck.cancel()


def test_no_new_calls_while_it_drains(posts):
    posts.post.restart("--drain-timeout", "1h")
    stuck = posts.posts.call("/v1.post.Post/ListPostsServerStream", post.ListPostsRequest())
    got = len(next(stuck).post_messages)
    posts.post.signal(signal.SIGTERM)
    wait_until(lambda: "at most 3600000 ms" in posts.post.stderr(), "it is stopping")
    with pytest.raises(grpc.RpcError) as error, posts.client(posts.post) as late:
        late.call("/v1.post.Post/ListPosts", post.ListPostsRequest(page_size=1))
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    got += sum(len(message.post_messages) for message in stuck)
    assert got == 50000
    assert posts.post.wait() == 0


@may_log("a client does not let go of its connection", "the server is stopping")
def test_a_frozen_client_does_not_keep_it(start_pair):
    """With a call in progress: until --drain-timeout. Frozen, it reads not even from its socket.

    What postcli has read ahead when it freezes was once all of 50,000 posts.
    """
    posts = start_with_posts(start_pair, 400000)
    posts.post.restart("--drain-timeout", "200ms")
    with Postcli(posts, "stream-list", "--no-resume") as command:
        command.chunk()
        command.signal(signal.SIGSTOP)
        start = time.monotonic()
        posts.post.signal(signal.SIGTERM)
        assert posts.post.wait() == 0
        assert time.monotonic() - start < timing.MARGIN
        command.signal(signal.SIGCONT)
        command.rest()
        assert command.end() == 1
    assert "postcli: UNAVAILABLE: " in command.stderr


def test_clients_that_vanish_at_the_stop(start_pair):
    """Calls end on every loop while the server stops: it must see the last of them through."""
    pair = start_pair(post_args=("--loops", "4"))
    pair.import_users([{"user_id": str(i), "name": f"N{i}"} for i in range(40)])
    pair.import_posts([{"post_id": str(i), "user_id": str(i % 40), "body": "x" * 9000}
                       for i in range(4000)])
    for _ in range(5):
        readers = [Postcli(pair, "stream-list", "--no-resume", "--format", "ndjson")
                   for _ in range(12)]
        for reader in readers:
            reader.__enter__().line()
        for reader in readers:
            reader.signal(signal.SIGKILL)
        pair.post.restart()
        for reader in readers:
            reader.__exit__(None, None, None)
