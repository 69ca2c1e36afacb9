"""Servers as child processes, each on a free port, and what they use."""
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import time

from h2 import Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
START, STOP = 120, 20  # seconds; a peer loads its posts before it serves
LONGEST_REST, REST_STEP = 5, 0.02  # seconds
IDLE = 0.02  # of a core
CPUCLOCK_SCHED = 2
OWN_VARIABLES = ("USER_SERVER_", "POST_SERVER_", "POSTCLI_")

# The client has a core of its own, as one on another machine has. Left alone, Linux wakes a reader
# of the loopback interface on the core of the writer, who then waits for it: both together take one
# core, and a figure tells the sum of both.
CORES = sorted(os.sched_getaffinity(0))
CLIENT_CORES, SERVER_CORES = CORES[:1], CORES[1:] or CORES


def client_stays(cores=CLIENT_CORES):
    """This process, and those that it starts from now on; servers have cores of their own."""
    os.sched_setaffinity(0, cores)


def on(cores):
    """What a command starts with. A benchmark that is killed leaves no server behind."""
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), "setpriv", "--pdeathsig", "KILL"]


def clean_environment():
    """Without what would set options of our programs."""
    return {k: v for k, v in os.environ.items() if not k.startswith(OWN_VARIABLES)}


class Server:
    """A process that prints one line with its address when it serves."""

    EXIT_STATUS = 0  # on SIGTERM
    scheme, headers = "http", ()  # what calls need

    def __init__(self, *command, cores=SERVER_CORES):
        self.name = pathlib.Path(command[0]).name
        self.process = subprocess.Popen([*on(cores), *map(str, command)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        env=clean_environment())
        ready, _, _ = select.select([self.process.stdout], [], [], START)
        line = self.process.stdout.readline().decode() if ready else ""
        serving = re.search(r"serving on 127\.0\.0\.1:(\d+)", line)
        if not serving:
            self.process.kill()
            raise Failure(f"{self.name} does not serve: {line!r}")
        self.port = int(serving[1])

    def proc(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/{name}")

    def cpu_s(self):
        """User and system time so far, from the process's own clock: the kernel makes the number
        of that from its id (clock_getcpuclockid(3), MAKE_PROCESS_CPUCLOCK)."""
        return time.clock_gettime(~self.process.pid << 3 | CPUCLOCK_SCHED)

    def rest(self):
        """Waits until it has nothing left to do, as a garbage collector has after a run: the next
        server's turn is on the same core."""
        end = time.monotonic() + LONGEST_REST
        before = None
        while time.monotonic() < end and (before is None or self.cpu_s() - before > IDLE * REST_STEP):
            before = self.cpu_s()
            time.sleep(REST_STEP)

    def memory(self, name):
        """In bytes: VmHWM (the peak, with mapped files), RssAnon (its own, now)."""
        found = re.search(rf"{name}:\s+(\d+) kB", self.proc("status").read_text())
        if not found:
            raise Failure(f"{self.name} is gone")
        return 1024 * int(found[1])

    def reset_peak(self):
        self.proc("clear_refs").write_text("5")

    def stop(self):
        """Raises a Failure if it does not end as it has to."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        if status != self.EXIT_STATUS:
            raise Failure(f"{self.name} exited {status}")


class Stranger(Server):
    """One that knows no graceful stop."""

    EXIT_STATUS = -signal.SIGTERM


def user_server(folder, *more):
    return Server(BUILD / "user-server", "--listen", "127.0.0.1:0", "--db", folder,
                  "--log-level", "warn", *more)


def post_server(folder, user, *more, cores=SERVER_CORES):
    return Server(BUILD / "post-server", "--listen", "127.0.0.1:0", "--db", folder,
                  "--user-target", f"127.0.0.1:{user.port}", "--log-level", "warn", *more,
                  cores=cores)


def peer(name, dump):
    """cpp_peer or go_peer."""
    return Stranger(BUILD / "bench" / name, dump)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class FileServer(Stranger):
    """nghttpd, which prints nothing when it serves: asked until it answers."""

    def __init__(self, folder, *key_and_cert):
        self.name, self.port = "nghttpd", free_port()
        self.scheme = "https" if key_and_cert else "http"
        self.process = subprocess.Popen(
            [*on(SERVER_CORES), "nghttpd", *([] if key_and_cert else ["--no-tls"]),
             "--address=127.0.0.1", "--window-bits=24", "--connection-window-bits=24",
             "-d", str(folder), str(self.port), *map(str, key_and_cert)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        subprocess.run(["h2load", "-n1", f"{self.scheme}://127.0.0.1:{self.port}/"], check=True,
                       stdout=subprocess.DEVNULL)


class Pair:
    """user-server and post-server on stores below one folder.

    The user server may be another pair's."""

    def __init__(self, folder, loops=len(SERVER_CORES), user=None, post_args=(),
                 cores=SERVER_CORES):
        self.folder, self.loops, self.post_args, self.cores = folder, loops, post_args, cores
        folder.mkdir(parents=True, exist_ok=True)
        self.owns_user = user is None
        self.user = user or user_server(folder / "users")
        self.start_post()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.post.stop()
        finally:
            if self.owns_user:
                self.user.stop()

    def start_post(self):
        self.post = post_server(self.folder / "posts", self.user, "--loops", self.loops,
                                *self.post_args, cores=self.cores)

    def restart_post(self):
        try:
            self.post.stop()
        finally:
            self.start_post()

    def remove(self):
        shutil.rmtree(self.folder)

    def postcli(self, *args, **more):
        environment = {**clean_environment(), "POSTCLI_TARGET": f"127.0.0.1:{self.post.port}",
                       "POSTCLI_USER_TARGET": f"127.0.0.1:{self.user.port}"}
        done = subprocess.run([BUILD / "postcli", *map(str, args)], env=environment, check=False,
                              **more)
        if done.returncode != 0:
            raise Failure(f"postcli {args[0]} exited {done.returncode}")
        return done
