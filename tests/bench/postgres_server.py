"""A PostgreSQL server of the benchmark's own, from the system's package: in a folder of its own, as
an ordinary user, on a socket there. It commits durably, as the package has it; what it runs on is
what the database's pages say of such a machine."""
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from h2 import Failure
from servers import CORES

PROGRAMS = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:]
OWNER = "posts"  # the superuser: on the socket everybody may be
PORT = 5432      # a part of the socket's name, no more
EVERYWHERE = ["taskset", "--cpu-list", ",".join(map(str, CORES))]
SETTINGS = {"listen_addresses": "", "shared_buffers": "512MB", "max_wal_size": "4GB",
            "checkpoint_timeout": "30min", "max_connections": 200}
START, STOP = 60, 60  # seconds


def ordinary():
    """A server does not run as root."""
    if os.getuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


class Postgres:
    """Which answers once it was made. It may use every core, as all that asks it may."""

    def __init__(self, folder):
        if not PROGRAMS:
            raise Failure("PostgreSQL is not installed: see .ci/packages")
        self.folder = folder
        folder.mkdir()
        if os.getuid() == 0:
            shutil.chown(folder, "nobody")
            self.let_in()
        self.run("initdb", "-D", folder / "data", "-U", OWNER, "--auth=trust",
                 "--locale=C.UTF-8", cwd=folder)
        settings = [f"-c{key}={value}" for key, value in SETTINGS.items()]
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(
            [*ordinary(), *EVERYWHERE, "setpriv", "--pdeathsig", "INT", *self.command(
                "postgres", "-D", folder / "data", "-k", folder, "-p", PORT, *settings)],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=folder)
        self.wait()

    def let_in(self):
        """Folders of mkdtemp are for their owner alone."""
        for parent in self.folder.parents:
            if parent.stat().st_mode & 0o1 == 0:
                parent.chmod(parent.stat().st_mode | 0o11)

    def wait(self):
        end = time.monotonic() + START
        while subprocess.run(self.command("pg_isready", "-q", *self.at()), check=False).returncode:
            if time.monotonic() > end:
                raise Failure("PostgreSQL does not answer")
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(STOP)
        self.log.close()
        shutil.rmtree(self.folder)

    def command(self, program, *args):
        return [str(word) for word in (Path(PROGRAMS[0]) / program, *args)]

    def at(self):
        return "-h", self.folder, "-p", PORT, "-U", OWNER

    def run(self, program, *args, **more):
        done = subprocess.run([*ordinary(), *self.command(program, *args)], capture_output=True,
                              text=True, check=False, **more)
        if done.returncode != 0:
            raise Failure(f"{program} exited {done.returncode}: {done.stderr}")
        return done.stdout

    def ask(self, sql, database="postgres"):
        return self.run("psql", *self.at(), "-d", database, "-v", "ON_ERROR_STOP=1", "-qAtc", sql)

    def make(self, name):
        """A new database: what --db is to be."""
        self.ask(f"CREATE DATABASE {name}")
        return f"postgres://{OWNER}@/{name}?host={self.folder}&port={PORT}"

    def drop(self, name):
        self.ask(f"DROP DATABASE {name}")

    def psql_s(self, database, sql, **more):
        """How long psql takes with a statement, and what it prints."""
        start = time.monotonic()
        done = subprocess.run(self.command("psql", *self.at(), "-d", database, "-v",
                                           "ON_ERROR_STOP=1", "-qAtc", sql), check=False, **more)
        if done.returncode != 0:
            raise Failure(f"psql exited {done.returncode}")
        return time.monotonic() - start

    def pgbench_s(self, database, script, clients, transactions):
        """How long a prepared statement takes, so often on each of so many connections; without
        the time to connect."""
        file = self.folder / "script"
        file.write_text(script)
        done = subprocess.run(
            self.command("pgbench", *self.at(), "-n", "-M", "prepared", "-c", clients, "-t",
                         transactions, "-f", file, database),
            capture_output=True, text=True, check=False)
        tps = re.search(r"tps = ([0-9.]+) \(without", done.stdout)
        if done.returncode != 0 or not tps or f"{clients * transactions}/" not in done.stdout:
            raise Failure(f"pgbench exited {done.returncode}: {done.stderr}")
        return clients * transactions / float(tps[1])
