"""Who may ask from a browser: pages of which origins, and by which names of the server.

The rules are those of the Fetch standard's CORS protocol, as connectrpc.com/docs/cors lists the
headers; and a page whose own name was made to point here (DNS rebinding) is turned away by Host.
"""
import hashlib
import subprocess

import pytest

from http1 import Peer
from library import small_library
from pair import BUILD, Pair, clean_environment
from protos import post
from raw import Raw, message, request

LIST = "/v1.post.Post/ListPosts"
BINARY = "application/grpc-web+proto"
ONE = message(post.ListPostsRequest(limit=2).SerializeToString())
APP, OTHER = "https://app.example:8443", "http://second.example"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    web = ["--web", "--web-origin", APP, "--web-origin", OTHER, "--web-host", "posts.example",
           "--web-host", "narrow.example:81"]
    with Pair(tmp_path_factory.mktemp("origins"), [], web) as pair:
        small_library().load(pair)
        yield pair


def head(method="POST", host="localhost", **fields):
    named = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()]
    return f"{method} {LIST} HTTP/1.1\r\nHost: {host}\r\n{''.join(named)}"


def ask(pair, body=ONE, **fields):
    with Peer(pair.post) as peer:
        peer.send(head(content_type=BINARY, content_length=len(body), **fields) + "\r\n", body)
        return peer.answer()


def ask_h2(pair, *more, body=ONE, **changes):
    with Raw(pair.post.port) as raw:
        answer = raw.ask(request(LIST, *more, te=None, **{"content_type": BINARY, **changes}),
                         *([body] if body else []))
        return answer.http_status, answer.fields(0), answer.data


# --- origins --------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [APP, OTHER])
def test_a_listed_origin(pair, origin):
    answer = ask(pair, origin=origin)
    assert answer.status == 200 and answer.frames()
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "origin"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"grpc-status", "grpc-message", "grpc-status-details-bin"} <= set(exposed)
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", [
    "https://evil.example", "https://app.example", "http://app.example:8443",
    "https://app.example:84430", "https://app.example:8443.evil.example", "null", "",
    "https://APP.example:8443", "https://sub.app.example:8443", APP + "/", "localhost", "*"])
def test_another_origin(pair, origin):
    answer = ask(pair, origin=origin)
    assert answer.status == 403 and answer.body.startswith(b"Pages of that origin")
    assert "access-control-allow-origin" not in answer.headers
    status, fields, _ = ask_h2(pair, ("origin", origin))
    assert status == 403 and "access-control-allow-origin" not in fields


def test_pages_of_its_own(pair):
    own = f"127.0.0.1:{pair.post.port}"
    answer = ask(pair, host=own, origin=f"http://{own}")
    assert answer.status == 200 and "access-control-allow-origin" not in answer.headers
    assert ask(pair, host=own, origin=f"https://{own}").status == 403
    assert ask(pair, host=own, origin="http://127.0.0.1").status == 403


def test_on_http_2(pair):
    status, fields, data = ask_h2(pair, ("origin", APP))
    assert status == 200 and fields["access-control-allow-origin"] == APP and data


def test_without_an_origin_nothing_is_said_of_one(pair):
    answer = ask(pair)
    assert answer.status == 200 and "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "origin"
    assert answer.headers["x-content-type-options"] == "nosniff"


# --- preflights -----------------------------------------------------------------------------


def preflight(pair, origin):
    with Peer(pair.post) as peer:
        peer.send(head("OPTIONS", origin=origin, access_control_request_method="POST",
                       access_control_request_headers="content-type,x-grpc-web") + "\r\n")
        answer = peer.answer()
        peer.send(head(content_type=BINARY, content_length=len(ONE)) + "\r\n", ONE)
        assert peer.answer().status == 200  # the connection is of use afterwards
        return answer


def test_a_preflight(pair):
    answer = preflight(pair, APP)
    assert answer.status == 204 and answer.headers["access-control-allow-origin"] == APP
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"content-type", "connect-protocol-version", "connect-timeout-ms", "grpc-timeout",
            "x-grpc-web", "x-user-agent", "authorization"} <= set(allowed)
    assert "POST" in answer.headers["access-control-allow-methods"].split(", ")
    assert answer.headers["access-control-max-age"] == "7200"
    assert "content-length" not in answer.headers


def test_a_preflight_of_another_origin(pair):
    answer = preflight(pair, "https://evil.example")
    assert answer.status == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_preflight_on_http_2(pair):
    status, fields, _ = ask_h2(pair, ("origin", APP), ("access-control-request-method", "POST"),
                               method="OPTIONS", content_type=None, body=None)
    assert status == 204 and fields["access-control-allow-origin"] == APP


def test_a_preflight_needs_no_token(tmp_path):
    tokens = tmp_path / "tokens"
    digest = hashlib.sha256(b"secret-of-a-test-0123456789").hexdigest()
    tokens.write_text(f"{digest} reader never read\n")
    tokens.chmod(0o600)
    args = ["--web", "--web-origin", APP, "--token-file", str(tokens)]
    with Pair(tmp_path, ["--web"], args) as pair:
        assert preflight_only(pair).status == 204
        refused = ask(pair, origin=APP)
        assert refused.headers["grpc-status"] == "16" and refused.body == b""
        assert refused.headers["access-control-allow-origin"] == APP
        assert ask(pair, authorization="Bearer secret-of-a-test-0123456789").frames()


def preflight_only(pair):
    with Peer(pair.post) as peer:
        peer.send(head("OPTIONS", origin=APP, access_control_request_method="POST") + "\r\n")
        return peer.answer()


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9001", "127.0.0.1", "10.1.2.3:80",
                                  "[::1]", "[::1]:9001", "posts.example", "Posts.Example:8080",
                                  "narrow.example:81"])
def test_its_names(pair, host):
    assert ask(pair, host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io",
                                  "posts.example.evil.example", "narrow.example",
                                  "narrow.example:82", "[::1", "[::1]x", "::1", "a:b:c",
                                  "x" * 300, ":80"])
def test_other_names(pair, host):
    answer = ask(pair, host=host)
    assert answer.status == 421 and b"--web-host" in answer.body


def test_dns_rebinding(pair):
    """To the browser the page and the server are of one origin: evil.example."""
    answer = ask(pair, host="evil.example", origin="http://evil.example")
    assert answer.status == 421 and "access-control-allow-origin" not in answer.headers


def test_on_http_2_the_name_is_not_looked_at(pair):
    assert ask_h2(pair, authority="whatever.example")[0] == 200


# --- options --------------------------------------------------------------------------------


@pytest.mark.parametrize("args, said", [
    (["--web", "--web-origin", "*"], "--web-origin"),
    (["--web", "--web-origin", "app.example"], "--web-origin"),
    (["--web", "--web-origin", "https://app.example/"], "--web-origin"),
    (["--web-origin", APP], "--web only"),
    (["--web", "--transport", "core"], "--transport http")])
def test_options_that_make_no_sense(tmp_path, args, said):

    done = subprocess.run([str(BUILD / "user-server"), "--db", str(tmp_path / "db"), *args],
                          capture_output=True, text=True, env=clean_environment(), check=False,
                          timeout=20)
    assert done.returncode == 2 and said in done.stderr
