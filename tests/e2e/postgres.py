"""A PostgreSQL server of the tests' own, from Debian's package: in a folder of its own, as an
ordinary user, on a socket in that folder.

STORE=postgres in the environment gives every pair a database of it, each server one of its
own, where it would have a folder."""
import atexit
import contextlib
import functools
import glob
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import ports
import timing

PROGRAMS = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:]
WHY_NOT = None if PROGRAMS else "PostgreSQL is not installed: see .ci/packages"
OWNER = "posts"  # the superuser: on the socket everybody may be
SETTINGS = {"listen_addresses": "", "fsync": "off", "max_connections": "200", "jit": "off"}

wanted = os.environ.get("STORE") == "postgres"


def is_one(db):
    return str(db).startswith("postgres://")


def name_of(db):
    """What the database is called that database() has made."""
    return db.split("/")[3].split("?")[0]


def ordinary():
    """A server does not run as root."""
    if os.getuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


class Postgres:
    """Which answers once it was made, and until stop()."""

    def __init__(self, settings=(), standby_of=None, port=False):
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        if os.getuid() == 0:
            shutil.chown(self.folder, "nobody")
        # A part of the socket's name, no more, if it listens to no address.
        self.port = ports.free_port() if port else 5432
        self.settings = {**SETTINGS, **dict(settings)}
        self.numbers = itertools.count()
        self.process = None
        if standby_of is None:
            self.run("initdb", "-D", self.folder / "data", "-U", OWNER, "--auth=trust",
                     "--locale=C.UTF-8", "--no-sync", cwd=self.folder)
        else:
            self.copy(standby_of)
        self.start()

    def copy(self, primary):
        """What is to be a standby of it, once it is started."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        self.run("pg_basebackup", "-D", self.folder / "data", "-h", primary.folder, "-p",
                 primary.port, "-U", OWNER, "--checkpoint=fast", "--no-sync", "--write-recovery-conf",
                 cwd=self.folder)

    def command(self, program, *args):
        return [*map(str, [Path(PROGRAMS[0]) / program, *args])]

    def run(self, program, *args, **more):
        done = subprocess.run([*ordinary(), *self.command(program, *args)], capture_output=True,
                              text=True, check=False, timeout=timing.limit(60), **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        settings = [f"-c{key}={value}" for key, value in self.settings.items()]
        with open(self.folder.with_suffix(".log"), "ab") as log:
            self.process = subprocess.Popen(
                [*ordinary(), "setpriv", "--pdeathsig", "INT",
                 *self.command("postgres", "-D", self.folder / "data", "-k", self.folder,
                               "-p", self.port, *settings)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        end = time.monotonic() + timing.START
        while subprocess.run(self.command("pg_isready", "-q", "-h", self.folder, "-p", self.port),
                             check=False).returncode != 0:
            assert time.monotonic() < end, "PostgreSQL does not answer"
            time.sleep(0.02)

    def stop(self):
        """At once; start() finds all that was committed."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timing.STOP)

    def kill(self):
        """kill -9, of all its processes at once: as if the machine were gone."""
        os.kill(self.process.pid, signal.SIGSTOP)  # it sees none of them end
        for pid in self.processes()[::-1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(timing.STOP)
        self.forget_memory()

    def forget_memory(self):
        """What nobody but it would give back: the next one has other files."""
        lines = (self.folder / "data/postmaster.pid").read_text(encoding="ascii").splitlines()
        if len(lines) > 6 and lines[6].split():
            subprocess.run(["ipcrm", "--shmem-id", lines[6].split()[1]], check=False,
                           stderr=subprocess.DEVNULL)

    def processes(self):
        """The server's own first."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, children.read_text(encoding="ascii").split())]

    @contextlib.contextmanager
    def frozen(self):
        """All of its processes stand still meanwhile. It still takes connections: the kernel
        does."""
        stopped = self.processes()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):  # it was about to end
                    os.kill(pid, signal.SIGCONT)

    def remove(self):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)
        self.folder.with_suffix(".log").unlink()

    def ask(self, sql, database="postgres"):
        """What psql prints of it, without any decoration."""
        return self.run("psql", "-h", self.folder, "-p", self.port, "-U", OWNER, "-d", database,
                        "-v", "ON_ERROR_STOP=1", "-qAtc", sql)

    def database(self):
        """Another one: what --db is to be."""
        name = f"store{next(self.numbers)}"
        self.ask(f"CREATE DATABASE {name}")
        return f"postgres://{OWNER}@/{name}?host={self.folder}&port={self.port}"


@functools.cache
def shared():
    """Of all tests of this process; it ends with that."""
    server = Postgres()
    atexit.register(server.remove)
    return server
