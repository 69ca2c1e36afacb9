"""The console's page: who gets it, and what it may do. `make browser` drives it in a browser."""
import base64
import hashlib
import re
import subprocess

import pytest

from http1 import Peer
from issuer import hash_line
from pair import BUILD, Server, clean_environment
from raw import message

TITLE = b"<title>Streaming console</title>"


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """start(option…): a server of users."""
    servers = []

    def start_one(*args):
        servers.append(Server("user-server", tmp_path_factory.mktemp("console"), *args).start())
        return servers[-1]

    yield start_one
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def console(start):
    return start("--web", "--console")


def ask(server, method="GET", path="/", body=b"", **fields):
    with Peer(server) as peer:
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()]
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        peer.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{''.join(lines)}\r\n", body)
        if method != "HEAD":
            return peer.answer()
        line, length = peer.line(), None
        while header := peer.line():
            if header.startswith("content-length: "):
                length = int(header.split()[1])
        peer.sock.shutdown(1)
        assert peer.closed()
        return line, length


def test_the_page(console):
    answer = ask(console)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert TITLE in answer.body


def policy(answer):
    parts = (part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    return dict(parts)


def inside(page, tag):
    """What stands between the only two ends of a tag."""
    found = re.findall(rb"<%b>(.*?)</%b>" % (tag, tag), page, re.S)
    assert len(found) == 1
    return found[0]


def test_its_policy_allows_its_own_style_and_script_only(console):
    answer = ask(console)
    allowed = policy(answer)
    for tag in b"style", b"script":
        digest = base64.b64encode(hashlib.sha256(inside(answer.body, tag)).digest()).decode()
        assert allowed[f"{tag.decode()}-src"] == f"'sha256-{digest}'"
    assert allowed["default-src"] == "'none'" and allowed["connect-src"] == "'self'"
    for closed in "base-uri", "form-action", "frame-ancestors":
        assert allowed[closed] == "'none'"


def test_it_loads_nothing(console):
    """Neither from here nor from elsewhere."""
    page = ask(console).body
    assert not re.search(rb"(src|href)\s*=\s*[\"']?(?!data:|#)[a-z/]", page)
    assert b"@import" not in page and b"url(" not in page


def test_head_has_no_body(console):
    line, length = ask(console, "HEAD")
    assert line.startswith("HTTP/1.1 200 ") and length == len(ask(console).body)


@pytest.mark.parametrize("method, path", [("POST", "/"), ("GET", "/console"), ("GET", "/?x")])
def test_nothing_else_is_the_page(console, method, path):
    assert TITLE not in ask(console, method, path).body


def test_off_by_default(start):
    answer = ask(start("--web"))
    assert answer.status == 404 and TITLE not in answer.body


def test_it_is_had_without_a_token(start, tmp_path):
    """It is the same for everybody. What it asks for needs one."""
    tokens = tmp_path / "tokens"
    tokens.write_text(hash_line("secret-of-ann-that-is-long-enough"))
    server = start("--web", "--console", "--token-file", str(tokens))
    assert TITLE in ask(server).body
    call = ask(server, "POST", "/v1.user.User/GetUser", b"{}", content_type="application/json")
    assert call.status == 401


@pytest.mark.parametrize("args, why", [
    (["--console"], "--console needs --web"),
    (["--console", "--web", "--no-reflection"], "--console needs reflection")])
def test_what_it_needs(tmp_path, args, why):
    done = subprocess.run([BUILD / "user-server", "--db", tmp_path / "db", *args], check=False,
                          capture_output=True, text=True, timeout=60, env=clean_environment())
    assert done.returncode == 2 and why in done.stderr, done.stderr


# --- gRPC-Web in JSON, which the console speaks ------------------------------------------------


def frames(body):
    while body:
        flag, length = body[0], int.from_bytes(body[1:5], "big")
        yield flag, body[5:5 + length]
        body = body[5 + length:]


def call_json(server, method, request, path="/v1.user.User/"):
    return ask(server, "POST", path + method, message(request), content_type="application/grpc-web+json")


def test_json_in_frames(console):
    answer = call_json(console, "ListUsers", b'{"pageSize": 3, "unknown": 1}')
    assert answer.headers["content-type"] == "application/grpc-web+json"
    (flag, body), (last, trailers) = frames(answer.body)
    assert flag == 0 and body.startswith(b"{") and last == 0x80
    assert trailers.startswith(b"grpc-status: 0\r\n")


def test_an_error_before_any_message_is_in_the_headers(console):
    answer = call_json(console, "GetUser", b'{"userId": "nobody"}')
    assert answer.headers["grpc-status"] == "5" and answer.body == b""


@pytest.mark.parametrize("request_text", [b"{", b"", b'{"pageSize": "x"}', b"[]"])
def test_what_is_no_request(console, request_text):
    assert call_json(console, "ListUsers", request_text).headers["grpc-status"] == "3"


def test_a_method_that_there_is_not(console):
    assert call_json(console, "Nothing", b"{}").headers["grpc-status"] == "12"
