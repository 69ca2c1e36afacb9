#!/usr/bin/env python3
"""make foreign: clients that nobody here wrote, over TLS and with a token; and postcli with a
server that nobody here wrote.

grpc-js, connect-node, buf curl (which knows our services by reflection only) and a health
probe, against a pair that asks for both. python3-grpcio is what tests/e2e is
written with. Prints a line for each thing that holds; exit status 1: one does
not."""
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from pair import BUILD, Pair, Server  # noqa: E402
from protos import ROOT  # noqa: E402

TOKEN = "a-token-that-is-long-enough-for-a-test"
MODULES = Path(os.environ["MODULES"]).resolve()
POSTS = {"1": ["1 Henry", "2 Henry", "3 Henry", "4 Henry"], "3": ["5 Jessie"]}
ALL = [*POSTS["1"], *POSTS["3"], "6 Max", "7 Max", "8 Tony"]
USERS = ["Henry", "Michael", "Jessie", "Max", "Tony"]
# What there is to come, with a request for users 1 and 3 where there can be two.
EXPECTED = {
    "v1.post.Post": {
        "ListPosts": ALL, "ListPostsServerStream": ALL, "ListPostsClientStream": ALL + ALL,
        "ListPostsBidiStream": ALL + ALL, "ListPostsByUserId": POSTS["1"],
        "ListPostsByUserIdServerStream": POSTS["1"],
        "ListPostsByUserIdClientStream": POSTS["1"] + POSTS["3"],
        "ListPostsByUserIdBidiStream": POSTS["1"] + POSTS["3"]},
    "v1.user.User": {
        "GetUser": ["Henry"], "ListUsers": USERS, "ListUsersServerStream": USERS,
        "ResolveUsers": ["Henry", "Jessie"]},
}


def holds(what, condition, otherwise=""):
    print(f"{'holds' if condition else 'FAILS'}  {what}  {'' if condition else otherwise}",
          flush=True)
    if not condition:
        raise SystemExit(1)


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "NODE_PATH": str(MODULES)}, **more)
    return done.stdout if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}"


def port(server):
    return server.listen.rsplit(":", 1)[1]


class World:
    """A pair with TLS and a token, and the demo's data."""

    def __init__(self, folder):
        self.certs, self.tokens = folder / "certs", folder / "tokens"
        subprocess.run([ROOT / "tests/certs.sh", self.certs], check=True, capture_output=True)
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        self.tokens.write_text(f"{digest} tester never read write delete\n")
        (folder / "token").write_text(TOKEN + "\n")
        (folder / "token").chmod(0o600)
        self.ca = self.certs / "ca.pem"
        self.args = ["--tls-cert", str(self.certs / "server.pem"), "--tls-key",
                     str(self.certs / "server.key"), "--token-file", str(self.tokens)]
        self.client = ["--tls-ca", str(self.ca), "--token-file", str(folder / "token")]
        self.post_args = ["--user-tls-ca", str(self.ca), "--user-token-file",
                          str(folder / "token"), "--user-tls-server-name", "localhost"]
        self.args.append("--web")
        self.pair = Pair(folder, self.args, self.args + self.post_args)

    def __enter__(self):
        self.pair.__enter__()
        for what in ("users", "posts"):
            self.postcli("import", what, str(ROOT / f"client-cli/demo/{what}.ndjson"))
        return self

    def __exit__(self, *why):
        self.pair.__exit__(*why)

    def postcli(self, *args, **more):
        done = self.pair.postcli(*args, *self.client, **more)
        assert done.returncode == 0, done.stderr

    def address(self, service):
        server = self.pair.post if service == "v1.post.Post" else self.pair.user
        return f"localhost:{port(server)}"


# --- grpc-js -------------------------------------------------------------------------------


def grpc_js(world):
    for service, expected in EXPECTED.items():
        out = run("node", HERE / "calls.js", world.address(service), world.ca, TOKEN,
                  ROOT / "proto", service)
        got = json.loads(out) if out.startswith("{") else {"": out}
        for method, ids in expected.items():
            holds(f"grpc-js  {service}/{method}", got.get(method) == ids, out)
        out = run("node", HERE / "calls.js", world.address(service), world.ca, "wrong",
                  ROOT / "proto", service)
        holds(f"grpc-js  {service} with a wrong token: UNAUTHENTICATED",
              all(str(got).startswith("16:") for got in json.loads(out).values()), out)


# --- buf curl --------------------------------------------------------------------------------


def requests(method):
    if method == "ResolveUsers":
        return '{"user_ids": ["1", "3"]}'
    bodies = ['{"user_id": "1"}', '{"user_id": "3"}'] \
        if "ByUserId" in method or method == "GetUser" else ["{}", "{}"]
    many = method.endswith(("ClientStream", "BidiStream"))
    return "\n".join(bodies if many else bodies[:1])


def ids_of(text):
    decoder, ids, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        m, at = decoder.raw_decode(text, at)
        at += len(text[at:]) - len(text[at:].lstrip())
        ids += [f"{post['postId']} {post['author']}" for post in m.get("postMessages", [])]
        users = [m["userMessage"]] if "userMessage" in m else \
            m.get("userMessages", []) + m.get("users", [])
        ids += [user["name"] for user in users]
    return ids


def buf_curl(world):
    for protocol in ("grpc", "grpcweb", "connect"):
        for service, expected in EXPECTED.items():
            for method, ids in expected.items():
                out = run(MODULES / ".bin/buf", "curl", "--protocol", protocol, "--cacert",
                          world.ca, "-H", f"authorization: Bearer {TOKEN}", "--reflect-header",
                          f"authorization: Bearer {TOKEN}", "-d", requests(method),
                          f"https://{world.address(service)}/{service}/{method}")
                holds(f"buf curl {protocol}  {service}/{method}",
                      out.startswith("{") and ids_of(out) == ids, out)


# --- connect-node ----------------------------------------------------------------------------

# What goes wrong, by the names of connect.js.
WRONG = {
    "v1.post.Post": {
        "badToken": "InvalidArgument INVALID_PAGE_TOKEN", "noPost": "NotFound POST_NOT_FOUND",
        "badStream": "InvalidArgument INVALID_PAGE_TOKEN", "deadline": "DeadlineExceeded",
        "cancel": "Canceled"},
    "v1.user.User": {"nobody": "NotFound USER_NOT_FOUND"},
}
# A server that hears of the deadline too adds its reason to the client's.
REASONS = {"DeadlineExceeded DEADLINE_EXCEEDED": "DeadlineExceeded"}


def connect_node(world):
    for protocol, http in [("connect", "2"), ("connect-json", "2"), ("grpc-web", "2"),
                           ("grpc", "2"), ("connect", "1.1"), ("connect-json", "1.1"),
                           ("grpc-web", "1.1")]:
        for service, expected in EXPECTED.items():
            out = run("node", HERE / "connect.js", f"https://{world.address(service)}", world.ca,
                      TOKEN, BUILD / "gen/descriptors.pb", service, protocol, http)
            got = json.loads(out) if out.startswith("{") else {"": out}
            one_way = [m for m in expected if http == "2" or not two_ways(m)]
            for method in one_way:
                holds(f"connect-node {protocol} HTTP/{http}  {service}/{method}",
                      got.get(method) == expected[method], out)
            for what, wrong in WRONG[service].items():
                said = got.get(what)
                holds(f"connect-node {protocol} HTTP/{http}  {what}: {wrong}",
                      REASONS.get(said, said) == wrong, out)


def two_ways(method):
    return method.endswith("BidiStream") or method == "ResolveUsers"


# --- gRPC-Web, as its own clients speak it -----------------------------------------------------


def shapes(kind, expected):
    """What a client of this kind can call: a socket takes many requests."""
    return {method: ids for method, ids in expected.items() if kind == "websocket" or not
            method.endswith(("ClientStream", "BidiStream")) and method != "ResolveUsers"}


def grpc_web(world):
    for kind in ("binary", "text", "websocket"):
        client = "improbable  a WebSocket" if kind == "websocket" else f"grpc-web  {kind}"
        for service, expected in EXPECTED.items():
            args = (f"https://{world.address(service)}", TOKEN, ROOT / "proto", service)
            out = run("env", f"NODE_EXTRA_CA_CERTS={world.ca}", "node", HERE / "web.js", kind,
                      *args)
            got = json.loads(out) if out.startswith("{") else {"": out}
            for method, ids in shapes(kind, expected).items():
                holds(f"{client}  {service}/{method}", got.get(method) == ids, out)
            out = run("env", f"NODE_EXTRA_CA_CERTS={world.ca}", "node", HERE / "web.js", kind,
                      args[0], "wrong", *args[2:])
            holds(f"{client}  {service} with a wrong token: UNAUTHENTICATED",
                  out.startswith("{") and
                  all(str(got).startswith("16:") for got in json.loads(out).values()), out)


# --- Clients that go on ------------------------------------------------------------------------


class Listener:
    """A program on grpc-js that says a line for each thing it hears."""

    def __init__(self, program, *args):
        self.process = subprocess.Popen(["node", HERE / program, *args], text=True,
                                        stdout=subprocess.PIPE,
                                        env={**os.environ, "NODE_PATH": str(MODULES)})
        self.timer = threading.Timer(30, self.process.kill)
        self.timer.start()
        self.lines = []

    def hears(self, *lines):
        """Whether all of these come, in this order or another, before 30 s are over."""
        while not set(lines) <= set(self.lines):
            line = self.process.stdout.readline()
            if not line:
                return False
            self.lines.append(line.strip())
        return True

    def close(self):
        self.timer.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def follow(world):
    post = world.address("v1.post.Post")
    everything = Listener("follow.js", post, world.ca, TOKEN, ROOT / "proto")
    users = Listener("follow.js", post, world.ca, TOKEN, ROOT / "proto", "1", "3", "nobody")
    with contextlib.closing(everything), contextlib.closing(users):
        holds("grpc-js  a follow catches up", everything.hears(
            "0 caught up", *(f"0 post {each}" for each in ALL)), everything.lines)
        holds("grpc-js  two follows in one stream catch up", users.hears(
            "0 caught up", "1 caught up", *(f"{i} post {each}" for i, user in enumerate("13")
                                            for each in POSTS[user])), users.lines)
        world.postcli("import", "posts", "-", stdin='{"post_id": "new", "user_id": "3"}')
        holds("grpc-js  a new post", everything.hears("0 post new Jessie") and
              users.hears("1 post new Jessie"), users.lines)
        world.postcli("delete", "posts", "--yes", "new")
        holds("grpc-js  a deleted post", everything.hears("0 deleted new") and
              users.hears("1 deleted new"), users.lines)
        world.pair.post.restart()
        holds("grpc-js  follows end with the server", everything.hears("end UNAVAILABLE") and
              users.hears("end UNAVAILABLE"), everything.lines + users.lines)


# --- A health probe ----------------------------------------------------------------------------


def health(world, folder):
    probe = Listener("health.js", world.address("v1.post.Post"), world.ca, "", "v1.post.Post",
                     "v1.nobody")
    with contextlib.closing(probe):
        holds("probe  SERVING", probe.hears('check "" SERVING', 'watch "" SERVING',
              "check v1.post.Post SERVING", "watch v1.post.Post SERVING"), probe.lines)
        holds("probe  SERVICE_UNKNOWN", probe.hears("check v1.nobody NOT_FOUND",
              "watch v1.nobody SERVICE_UNKNOWN"), probe.lines)
        world.pair.user.stop()
        holds("probe  NOT_SERVING without User",
              probe.hears("watch v1.post.Post NOT_SERVING"), probe.lines)
        world.pair.user.start()
    # A User that neither answers nor refuses: the first attempt has not ended.
    with socket.create_server(("127.0.0.1", 0)) as mute:
        post = Server("post-server", folder / "unknown", *world.args, *world.post_args,
                      "--user-target", f"localhost:{mute.getsockname()[1]}")
        (folder / "unknown").mkdir()
        post.start()
        probe = Listener("health.js", f"localhost:{port(post)}", world.ca, "v1.post.Post")
        with contextlib.closing(probe):
            holds("probe  UNKNOWN at first", probe.hears("check v1.post.Post UNKNOWN",
                  "watch v1.post.Post UNKNOWN"), probe.lines)
        post.stop()


# --- postcli call, of a server on grpc-js ----------------------------------------------------


CALLS = [
    ("One", '{"text":"é","times":"9007199254740993","said":"2020-01-02T03:04:05.600Z"}',
     ['{"text":"é","times":"9007199254740993","said":"2020-01-02T03:04:05.600Z"}']),
    ("Letters", '{"text":"abc"}', ['{"text":"a"}', '{"text":"b"}', '{"text":"c"}']),
    ("Sentence", '{"text":"a"}{"text":"b"}', ['{"text":"a b"}']),
    ("Talk", '{"text":"a"} {}', ['{"text":"a"}', "{}"]),
]


def postcli_call():
    server = subprocess.Popen(["node", HERE / "server.js", HERE / "echo.proto"],
                              stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "NODE_PATH": str(MODULES)})
    try:
        command = [BUILD / "postcli", "call", "--target", f"127.0.0.1:{server.stdout.readline().strip()}"]
        for method, request, answers in CALLS:
            out = run(*command, f"echo.Echo/{method}", "-", input=request)
            holds(f"postcli call  {method} of grpc-js", out.splitlines() == answers, out)
        done = subprocess.run([*command, "--verbose", "--header", "x-word: w", "echo.Echo/One",
                               '{"text":"a"}'], capture_output=True, text=True, timeout=60, check=True)
        holds("postcli call  metadata both ways", "trailer x-last: w\n" in done.stderr, done.stderr)
        out = run(*command, "echo.Echo/One")
        holds("postcli call  an error", "INVALID_ARGUMENT: no text" in out, out)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def main():
    postcli_call()
    with tempfile.TemporaryDirectory(prefix="foreign-") as folder:
        folder = Path(folder)
        with World(folder) as world:
            grpc_js(world)
            buf_curl(world)
            grpc_web(world)
            connect_node(world)
            follow(world)
            health(world, folder)


if __name__ == "__main__":
    main()
