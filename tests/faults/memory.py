"""Starts the programs with one allocation failing, each in turn: `make memory`.

A server serves and stops when it is told, or ends with status 1 and one line
that speaks of memory; the client prints what it always does, or does the same.
"""
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("BUILD", "build")) / "memory"
PATIENCE_S = 20


def start(program, args, fail_at, note, **more):
    env = {**os.environ, "FAIL_NOTE": str(note)}
    if fail_at:
        env["FAIL_AT"] = str(fail_at)
    return subprocess.Popen([BUILD / program, *args], env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **more)


def end(process, said=""):
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return "does not end", "", ""
    return process.returncode, said + out, err


def serve(program, args, fail_at, note):
    """Returns its exit status, and what it said."""
    server = start(program, args, fail_at, note)
    said = server.stdout.readline()
    if "serving" in said:
        server.send_signal(signal.SIGTERM)
    return end(server, said)


def complaint(status, out, err, good):
    """What is wrong, or None."""
    if status == 0:
        return None if good(out) else f"status 0, and printed {out!r}"
    if status not in (1, 2):
        return f"status {status}"
    return None if "memory" in err.lower() else f"status {status}, and said {err!r}"


def torture(name, run, good):
    """Until a run needs no more. Returns how many it needed."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        note = pathlib.Path(folder) / "note"
        for at in range(1, 5000):
            status, out, err = run(at, note)
            why = complaint(status, out, err, good)
            if why:
                wrong += 1
                print(f"{name}, allocation {at}: {why}", flush=True)
            if note.exists():
                print(f"{name}: {at - 1} allocations, {wrong} went wrong", flush=True)
                return wrong


def server(program, folder, *more):
    numbers = itertools.count()

    def run(at, note):
        db = folder / f"{program}-{next(numbers)}"
        return serve(program, ["--listen", "127.0.0.1:0", "--db", str(db), "--loops", "2", *more],
                     at, note)

    return torture(program, run, lambda out: "serving" in out)


def client(folder, *words):
    """Against servers that have what they need."""
    with tempfile.TemporaryDirectory() as sockets:
        user, post = f"unix:{sockets}/u", f"unix:{sockets}/p"
        servers = [
            start("user-server", ["--listen", user, "--db", str(folder / "u")], 0, ""),
            start("post-server", ["--listen", post, "--db", str(folder / "p"), "--user-target", user],
                  0, ""),
        ]
        for one in servers:
            one.stdout.readline()
        args = [*words, "--target", post, "--user-target", user]
        expected = end(start("postcli", args, 0, ""))[1]
        wrong = torture("postcli " + " ".join(words),
                        lambda at, note: end(start("postcli", args, at, note)),
                        lambda out: out == expected)
        for one in servers:
            one.terminate()
            end(one)
    return wrong


def main():
    began = time.monotonic()
    wanted = sys.argv[1:] or ["user-server", "post-server", "postcli"]
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if "user-server" in wanted:
            wrong += server("user-server", folder)
        if "post-server" in wanted:
            wrong += server("post-server", folder, "--user-target", f"unix:{name}/nobody",
                            "--metrics-listen", "127.0.0.1:0")
        for words in (["list"], ["stream-list"], ["collect-list", "--all"], ["users", "list"]):
            if "postcli" in wanted:
                wrong += client(folder, *words)
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
