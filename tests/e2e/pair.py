"""user-server and post-server as child processes, and postcli."""
import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import logs
import ports
import postgres
import timing
from client import Client
from protos import ROOT, post, user

BUILD = ROOT / os.environ.get("BUILD", "build")
OWN_VARIABLES = ("USER_SERVER_", "POST_SERVER_", "POSTCLI_")
REQUEST_BYTES = 1 << 20  # of an import, about
# Unless a test says otherwise. More than MARGIN: what ends at once did not wait for it.
DRAIN = f"{round(timing.limit(10))}s"

# Becomes the server: a test run that is killed leaves none behind.
DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL"]


def clean_environment():
    """Without what would set options of our programs."""
    return {k: v for k, v in os.environ.items() if not k.startswith(OWN_VARIABLES)}


@contextlib.contextmanager
def frozen(program):
    """A server, or a command: it stands still meanwhile."""
    program.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        program.signal(signal.SIGCONT)


class Server:
    """One server process after another, on one address and one store.

    Each start listens on the same port."""

    def __init__(self, name, folder, *args):
        self.name, self.args = name, args
        self.db = postgres.shared().database() if postgres.wanted else folder / f"{name}-data"
        self.stderr_path = folder / f"{name}.stderr"
        self.listen = f"127.0.0.1:{ports.free_port()}"
        self.process = None
        self.loops = 0
        self.said = ""  # the line with its addresses

    def start(self, *more_args):
        """Returns when it serves; the line that says so is the event."""
        assert self.process is None
        command = [*DIES_WITH_US, str(BUILD / self.name), "--listen", self.listen,
                   "--db", str(self.db), "--drain-timeout", DRAIN, *self.args, *more_args]
        logs.follow(self.stderr_path)
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=stderr,
                                            env=clean_environment())
        line = self.first_line()
        serving = re.fullmatch(rf"{self.name}: serving on (\S+).* \((\d+) loops?\)\n", line)
        assert serving, f"{self.name} said {line!r} and\n{self.stderr()}"
        self.listen, self.loops, self.said = serving[1], int(serving[2]), line
        return self

    def empty_store(self):
        """For the next start; the server is not running."""
        assert self.process is None
        if postgres.is_one(self.db):
            self.db = postgres.shared().database()
        else:
            shutil.rmtree(self.db, ignore_errors=True)

    def first_line(self):
        out = self.process.stdout
        ready, _, _ = select.select([out], [], [], timing.START)
        if not ready:
            self.kill()
            raise AssertionError(f"{self.name} does not serve\n{self.stderr()}")
        return out.readline().decode()

    @property
    def store(self):
        """What messages call it: a folder, or the database's name."""
        return postgres.name_of(self.db) if postgres.is_one(self.db) else str(self.db)

    @property
    def target(self):
        return self.listen

    @property
    def port(self):
        return int(self.listen.rpartition(":")[2])

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def rss_anon_bytes(self):
        """Memory of its own; pages of the store's map are not in it."""
        return self.memory("RssAnon")

    def memory_peak_bytes(self):
        """The most it ever had, pages of files included."""
        return self.memory("VmHWM")

    def reset_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as refs:
            refs.write("5")

    def memory(self, name):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no " + name)

    def signal(self, number):
        """SIGSTOP: until it has stopped."""
        self.process.send_signal(number)
        while number == signal.SIGSTOP and self.state() not in "Tt":
            time.sleep(0.001)

    def state(self):
        """As ps shows it."""
        return Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    def wait(self, seconds=timing.STOP):
        """Until it is gone by itself; returns the exit status."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end\n{self.stderr()}") from None
        self.process.stdout.close()
        self.process = None
        return status

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    def stop(self, seconds=timing.STOP):
        """SIGTERM, and all that must be right at an end."""
        self.signal(signal.SIGTERM)
        status = self.wait(seconds)
        assert status == 0, f"{self.name} exited {status}\n{self.stderr()}"
        self.assert_clean()

    def restart(self, *more_args):
        self.stop()
        self.start(*more_args)

    def assert_clean(self):
        logs.assert_clean(self.stderr())


@contextlib.contextmanager
def beside(server, folder, *args):
    """A client of another server that stands on the same database; with @args, or with its own."""
    folder.mkdir(exist_ok=True)
    other = Server(server.name, folder, *(args or server.args))
    other.db = server.db
    other.start()
    try:
        with Client(other.target) as client:
            yield client
        other.stop()
    finally:
        if other.process is not None:
            other.kill()


class Pair:
    """Both servers and a client of each.

        with Pair(tmp_path, post_args=["--loops", "3"]) as pair:
            pair.import_users([{"user_id": "1", "name": "Henry"}])
            pair.posts.call("/v1.post.Post/ListPosts", post.ListPostsRequest())

    With credentials for grpcio its clients speak TLS; environment is for postcli."""

    def __init__(self, folder, user_args=(), post_args=(), credentials=None, environment=()):
        self.credentials, self.environment = credentials, dict(environment)
        self.front = None  # a proxy before Post, if there is one
        self.user = Server("user-server", folder, *user_args)
        self.post = Server("post-server", folder, *post_args)
        self.clients = []

    def __enter__(self):
        try:
            self.user.start()
            self.post.args += ("--user-target", self.user.target)
            self.post.start()
        except BaseException:
            self.kill()
            raise
        self.users = self.client(self.user)
        self.posts = self.client(self.post)
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.close()
        try:
            for server in (self.post, self.user):
                if server.process is not None:
                    server.stop()
                server.assert_clean()
        finally:
            self.kill()

    def kill(self):
        for server in (self.post, self.user):
            if server.process is not None:
                server.kill()

    def client(self, server, **more):
        """Another one, with a connection of its own."""
        self.clients.append(Client(server.target, credentials=self.credentials, **more))
        return self.clients[-1]

    def import_users(self, users):
        """Dicts or messages; all of them must be accepted."""
        return import_all(self.users, "/v1.user.User/ImportUsers", user.ImportUsersRequest,
                          "user_messages", user.UserMessage, users)

    def import_posts(self, posts):
        return import_all(self.posts, "/v1.post.Post/ImportPosts", post.ImportPostsRequest,
                          "post_messages", post.PostMessage, posts)

    def postcli_environment(self):
        """Names both targets: commands that need only one take no option for the other."""
        return {**clean_environment(), "POSTCLI_TARGET": self.post.listen,
                "POSTCLI_USER_TARGET": self.user.listen, **self.environment}

    def postcli(self, *args, stdin=None, timeout=timing.CALL):
        """Runs it; both targets are given. Texts; check the returncode yourself."""
        source = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run([str(BUILD / "postcli"), *args], capture_output=True, text=True,
                              timeout=timeout, env=self.postcli_environment(), check=False,
                              **source)
        logs.look_at(done.stderr)
        return done


def import_all(client, path, request, field, record, rows):
    """The response, without a rejected record."""
    requests, size = [], REQUEST_BYTES
    for row in rows:
        message = row if isinstance(row, record) else record(**row)
        if size >= REQUEST_BYTES:
            requests.append(request())
            size = 0
        getattr(requests[-1], field).append(message)
        size += message.ByteSize()
    response = client.call(path, requests)
    assert response.rejected == 0, response.errors
    return response
