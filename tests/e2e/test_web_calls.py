"""What holds for a call whatever it is spoken in: it is counted, logged, asked for a token, limited
and given its deadline."""
import hashlib
import json

import pytest

from http1 import Peer
from library import small_library
from logs import may_log
from pair import Pair
from protos import post
from raw import Raw, request
from scrape import METRICS, Metrics
from test_web_http1 import BINARY, LIST, ONE, head
from websocket import Socket

pytestmark = may_log("call")


def over_http2(server, *fields):
    with Raw(server.port) as raw:
        answer = raw.ask(request(LIST, *fields, te=None, content_type=BINARY), ONE)
        told = answer.fields(0)
        if answer.data:
            last = [body for flag, body in answer.messages() if flag == 0x80][0].decode()
            told = dict(line.split(": ", 1) for line in last.splitlines())
        return int(told["grpc-status"])


def over_http1(server, *fields):
    with Peer(server) as peer:
        peer.send(head(*(f"{name}: {value}" for name, value in fields)), ONE)
        answer = peer.answer()
        if "grpc-status" in answer.headers:
            return int(answer.headers["grpc-status"])
        return int(answer.frames()[-1][1].partition(b"grpc-status: ")[2].split(b"\r")[0])


def over_socket(server, *fields):
    with Socket(server, LIST, headers=fields) as sock:
        sock.request(ONE)
        sock.half_close()
        return int(sock.rest()[2]["grpc-status"])


TOKEN = "secret-of-a-test-0123456789"
WAYS = {"grpc-web over HTTP/2": over_http2, "grpc-web over HTTP/1.1": over_http1,
        "a WebSocket": over_socket}
every_way = pytest.mark.parametrize("call", WAYS.values(), ids=WAYS.keys())


def test_each_is_counted_and_logged_by_its_name(tmp_path):
    args = ["--web", *METRICS, "--log-calls", "all", "--log-format", "json"]
    with Pair(tmp_path, [], args) as pair:
        metrics = Metrics(pair.post)
        small_library().load(pair)
        pair.posts.call(LIST, post.ListPostsRequest(limit=1))
        assert [call(pair.post) for call in WAYS.values()] == [0, 0, 0]
        metrics.until(4, "grpc_server_handled_total", LIST, grpc_code="OK")
        figures = {dict(labels)["protocol"]: n for (name, labels), n in metrics.scrape().items()
                   if name == "grpc_server_protocol_calls_total"}
        assert figures["grpc-web"] == 2 and figures["websocket"] == 1
        assert figures["connect"] == figures["rest"] == figures["other"] == 0
        pair.post.stop()
        lines = [json.loads(line) for line in pair.post.stderr().splitlines() if '"call"' in line]
        assert [line["protocol"] for line in lines if line["method"] == LIST] == [
            "grpc", "grpc-web", "grpc-web", "websocket"]


@every_way
def test_tokens(token_pair, call):
    assert call(token_pair.post) == 16
    assert call(token_pair.post, ("authorization", "Bearer wrong")) == 16
    assert call(token_pair.post, ("authorization", f"Bearer {TOKEN}")) == 0


@pytest.fixture(scope="module")
def token_pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    tokens = folder / "tokens"
    tokens.write_text(f"{hashlib.sha256(TOKEN.encode()).hexdigest()} reader never read\n")
    tokens.chmod(0o600)
    with Pair(folder, [], ["--web", "--token-file", str(tokens)]) as pair:
        yield pair


@every_way
def test_deadlines(tmp_path, call):
    with Pair(tmp_path, [], ["--web"]) as pair:
        assert call(pair.post, ("grpc-timeout", "0m")) == 4
        assert call(pair.post, ("grpc-timeout", "10S")) == 0


@every_way
def test_limits_of_callers(tmp_path, call):
    with Pair(tmp_path, [], ["--web", "--rate-per-caller", "1"]) as pair:
        codes = [call(pair.post) for _ in range(5)]
        assert codes[0] == 0 and set(codes) == {0, 8}


@every_way
def test_encodings(tmp_path, call):
    with Pair(tmp_path, [], ["--web"]) as pair:
        assert call(pair.post, ("grpc-encoding", "snappy")) == 12
