#!/usr/bin/env python3
"""make browser: Debian's Chromium against a pair that answers browsers.

The scripts beside this file drive it. Each prints a line for each thing that holds, or
"ask ..." for what is to be done to the servers. Exit status 1: something does not hold."""
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from cli import pipeline  # noqa: E402
from pair import BUILD, Pair  # noqa: E402
from protos import ROOT  # noqa: E402
import ports  # noqa: E402

MODULES = Path(os.environ["MODULES"]).resolve()
POSTS = 1_000_000  # more than Chromium and two sockets hold: some 80 MB were seen
LIMIT_S = 300      # of a script
QUIET_S = 30       # until a server has filled all buffers there are
MORE_BYTES = 1 << 20
METRIC = "http2_server_sent_bytes_total"


class World:
    """A pair that answers browsers, with the demo's posts and many more."""

    def __init__(self, folder):
        self.metrics = f"127.0.0.1:{ports.free_port()}"
        self.page_port = ports.free_port()
        self.quiet_at = 0.0
        web = ["--web", "--console", "--web-origin", f"http://127.0.0.1:{self.page_port}"]
        self.pair = Pair(folder, web, [*web, "--metrics-listen", self.metrics])

    def __enter__(self):
        self.pair.__enter__()
        demo = ROOT / "client-cli/demo"
        pipeline(self.pair, f"$POSTCLI import users {demo}/users.ndjson\n"
                 f"$POSTCLI import posts {demo}/posts.ndjson\n"
                 "$POSTCLI generate users --count 100 | $POSTCLI import users -\n"
                 f"$POSTCLI generate posts --count {POSTS} --users 100 | $POSTCLI import posts -", 120)
        return self

    def __exit__(self, *why):
        self.pair.__exit__(*why)

    def count(self):
        return int(pipeline(self.pair, "$POSTCLI list --format ndjson --limit 0 | wc -l", 60))

    def listed(self):
        """What a gRPC client lists: the first posts of all, and those of two users."""
        def ids(options):
            lines = pipeline(self.pair, f"$POSTCLI list --format ndjson {options}", 60).splitlines()
            return ["{post_id} {author}".format(**json.loads(line)) for line in lines]
        return json.dumps({"first": ids("--limit 1000"), "users": ids("--user 1") + ids("--user 3")})

    def sent_bytes(self):
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=10) as page:
            for line in page.read().decode().splitlines():
                if line.startswith(METRIC):
                    return float(line.rsplit(" ", 1)[1])
        raise AssertionError("no " + METRIC)

    # --- What scripts ask for -----------------------------------------------------------------

    def is_quiet(self):
        """Whether Post soon sends nothing any more, though a call is open."""
        until, before = time.monotonic() + QUIET_S, -1.0
        while (now := self.sent_bytes()) != before:
            if time.monotonic() > until:
                return "no"
            before = now
            time.sleep(0.5)
        self.quiet_at = now
        return "yes"

    def has_sent_more(self):
        """Whether it had stood still in the midst of something."""
        return "yes" if self.sent_bytes() > self.quiet_at + MORE_BYTES else "no"

    def import_post(self, post_id):
        self.pair.postcli("import", "posts", "-", stdin=f'{{"post_id":"{post_id}","user_id":"1"}}')
        return "done"

    def answer(self, word, *args):
        do = {"is-quiet": self.is_quiet, "has-sent-more": self.has_sent_more,
              "import": self.import_post, "restart": self.restart}
        return do[word](*args)

    def restart(self):
        self.pair.post.restart("--drain-timeout", "200ms")
        return "done"


def play(world, script, *args):
    """Runs it, and does what it asks for. Returns whether all of it holds."""
    with subprocess.Popen(["node", HERE / script, *map(str, args)], text=True, bufsize=1,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env={**os.environ, "NODE_PATH": str(MODULES)}) as process:
        timer = threading.Timer(LIMIT_S, process.kill)
        timer.start()
        with contextlib.closing(process.stdout):
            for line in process.stdout:
                if line.startswith("ask "):
                    process.stdin.write(world.answer(*line.split()[1:]) + "\n")
                else:
                    print(line, end="", flush=True)
        timer.cancel()
    return process.returncode == 0


def bundle_clients(folder):
    """The page with everything that it imports, as one script."""
    command = MODULES / ".bin"
    gen = folder / "gen"
    gen.mkdir()
    subprocess.run(["protoc", "-I", ROOT / "proto", f"--plugin={command / 'protoc-gen-es'}",
                    f"--es_out=target=js,import_extension=js:{gen}", "v1/post/post.proto",
                    "google/api/http.proto", "google/api/annotations.proto"], check=True)
    script = folder / "page.js"
    subprocess.run([command / "esbuild", HERE / "clients_page.js", "--bundle", "--format=iife",
                    "--log-level=error", f"--alias:gen={gen}", f"--outfile={script}"],
                   check=True, env={**os.environ, "NODE_PATH": str(MODULES)})
    return script


def main():
    pictures = BUILD / "browser"
    with tempfile.TemporaryDirectory(prefix="browser-") as folder, World(Path(folder)) as world:
        url = f"http://{world.pair.post.listen}"
        script = bundle_clients(Path(folder))
        good = play(world, "console.js", url + "/", world.count(), pictures) and \
            play(world, "clients.js", url, world.page_port, script, world.listed())
    if not good:
        sys.exit(1)
    print(f"Pictures of the console are in {pictures}.")


if __name__ == "__main__":
    main()
