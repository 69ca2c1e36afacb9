"""TLS: who may talk to whom, what is said when they may not, and files that are replaced."""
import re
import shutil
import subprocess

import grpc
import pytest

import logs
import timing
from certs import Certs, handshake
from client import Client, failure
from issuer import hash_line
from library import LISTINGS, SHAPES, collect, posts_of, small_library
from logs import expects_log, may_log
from pair import BUILD, Server, clean_environment
from protos import post, user
from timing import wait_until

BOTH = ["user-server", "post-server"]
USERS = "/v1.user.User/ListUsers"
POSTS = "/v1.post.Post/ListPosts"
BIDI = "/v1.post.Post/ListPostsByUserIdBidiStream"
COMMANDS = [["list"], ["stream-list"], ["collect-list", "--all"], ["bidi-list", "--all"]]
TOKEN = "token-over-tls"


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return Certs(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def certs(made, tmp_path):
    """Of this test alone: it may replace them."""
    shutil.copytree(made.folder, tmp_path / "certs")
    return Certs(tmp_path / "certs", names=())


def start_tls_pair(start_pair, certs, user_args=(), post_args=()):
    return start_pair(
        user_args=[*certs.serve(client_ca="ca.pem"), *user_args],
        post_args=[*certs.serve(), *certs.call("--user-tls", client="client"), *post_args],
        credentials=certs.credentials(client="client"),
        environment={"POSTCLI_TLS_CA": certs.path("ca.pem")})


@pytest.fixture
def tls_pair(start_pair, certs):
    """User asks for certificates, Post does not."""
    return start_tls_pair(start_pair, certs)


@pytest.fixture
def closed_pair(start_pair, certs, tmp_path):
    """Both ask for a token too; nobody allows one in plaintext."""
    (tmp_path / "tokens").write_text(hash_line(TOKEN, scopes="read write"))
    (tmp_path / "token").write_text(TOKEN)
    ask_for_it = ["--token-file", str(tmp_path / "tokens")]
    pair = start_tls_pair(start_pair, certs, ask_for_it,
                          [*ask_for_it, "--user-token-file", str(tmp_path / "token")])
    pair.users, pair.posts = (pair.client(s, token=TOKEN) for s in (pair.user, pair.post))
    return pair


@pytest.fixture
def server(tmp_path):
    """server("post-server", args…): one alone."""
    started = []

    def start(name, *args):
        folder = tmp_path / f"alone-{len(started)}"
        folder.mkdir()
        started.append(Server(name, folder, *args))
        return started[-1].start()

    yield start
    for each in started:
        if each.process is not None:
            each.stop()


def users_over(target, credentials, **more):
    """A foreign client's call."""
    with Client(target, credentials=credentials, **more) as client:
        return client.call(USERS, user.ListUsersRequest())


def refused_by(target, credentials):
    code, text = failure(lambda: users_over(target, credentials))
    assert code == grpc.StatusCode.UNAVAILABLE
    return text


def users_cli(target, *args):
    """postcli's exit code, and what it says."""
    done = subprocess.run([str(BUILD / "postcli"), "users", "list", "--user-target", target, *args],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=timing.CALL, env=clean_environment())
    logs.look_at(done.stderr)
    assert done.stderr.count("\n") <= 1, done.stderr
    return done.returncode, done.stderr


# --- Listings ---------------------------------------------------------------------------


def list_all_shapes(pair, *options):
    """From Post to a foreign client and to postcli with these options, and from User to Post."""
    library = small_library()
    library.load(pair)
    for listing in LISTINGS:
        for shape in SHAPES:
            who = {"user_id": "u7"} if "User" in listing else {}
            messages = collect(pair.posts, listing, shape, page_size=100, **who)
            assert posts_of(messages) == library.expected(*who.values())
    for command in COMMANDS:
        done = pair.postcli(*command, *options, "--format", "ndjson")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") == len(library.posts)


def test_all_shapes(tls_pair, certs):
    list_all_shapes(tls_pair)
    assert "with TLS" in tls_pair.post.said
    assert handshake(tls_pair.post.target, certs)[1] == "h2"


def test_all_shapes_with_a_token(closed_pair, tmp_path):
    list_all_shapes(closed_pair, "--token-file", tmp_path / "token")
    for token in (None, "another"):
        stranger = closed_pair.client(closed_pair.post, token=token)
        for listing in LISTINGS:
            for shape in SHAPES:
                code, _ = failure(lambda: collect(stranger, listing, shape))
                assert code == grpc.StatusCode.UNAUTHENTICATED
    for command in COMMANDS:
        done = closed_pair.postcli(*command)
        assert done.returncode == 1 and "UNAUTHENTICATED" in done.stderr


def test_unix_sockets_stay_plaintext(server, certs, tmp_path):
    socket = f"unix:{tmp_path}/socket"
    one = server("user-server", "--listen", socket, *certs.serve())
    assert users_over(socket, None) is not None
    assert users_cli(socket)[0] == 0
    assert users_cli(socket, *certs.call())[0] == 0
    assert users_cli(one.target, *certs.call())[0] == 0
    assert "with TLS" not in one.said.split(" and ")[1]


# --- Who does not fit is refused, and told why -----------------------------------------------


@may_log("gRPC: ")
def test_plaintext_against_tls(server, certs):
    target = server("user-server", *certs.serve()).target
    assert users_over(target, certs.credentials()) is not None
    assert refused_by(target, None)
    code, said = users_cli(target)
    assert code == 1 and said.startswith("postcli: UNAVAILABLE: ") and "may speak TLS" in said


@may_log("gRPC: ")
def test_tls_against_plaintext(server, certs):
    target = server("user-server").target
    code, said = users_cli(target, *certs.call())
    assert code == 1 and "the server does not speak TLS" in said


@may_log("gRPC: ")
def test_unknown_ca(server, certs):
    target = server("user-server", *certs.serve()).target
    refused_by(target, certs.credentials("other-ca.pem"))
    for trust in (certs.call(ca="other-ca.pem"), ["--tls"]):
        code, said = users_cli(target, *trust)
        assert code == 1 and "not of a CA that is trusted here" in said
    assert users_cli(target, *certs.call())[0] == 0


@may_log("gRPC: ")
def test_another_name(server, certs):
    certs.make("named", SAN="DNS:users.test")
    target = server("user-server", *certs.serve("named")).target
    refused_by(target, certs.credentials())
    code, said = users_cli(target, *certs.call())
    assert code == 1 and "certificate is for another name" in said
    code, said = users_cli(target, *certs.call(), "--tls-server-name", "users.test")
    assert code == 0, said
    assert users_over(target, certs.credentials(),
                      options=[("grpc.ssl_target_name_override", "users.test")]) is not None


@may_log("gRPC: ")
def test_clients_need_a_certificate(server, certs):
    target = server("user-server", *certs.serve(client_ca="ca.pem")).target
    assert users_over(target, certs.credentials(client="client")) is not None
    assert users_cli(target, *certs.call(client="client"))[0] == 0
    for client in (None, "other-client"):
        refused_by(target, certs.credentials(client=client))
        code, said = users_cli(target, *certs.call(client=client))
        assert code == 1 and "may want a certificate, or does not trust this one" in said


@expects_log("User is unreachable")
@may_log("gRPC: ")
def test_post_without_a_certificate(start_pair, certs):
    """It has no names, and says so to its clients."""
    pair = start_pair(user_args=certs.serve(client_ca="ca.pem"),
                      post_args=[*certs.call("--user-tls"), "--user-timeout", "300ms"])
    pair.import_posts([{"post_id": "1", "user_id": "1"}])
    code, text = failure(lambda: pair.posts.call(POSTS, post.ListPostsRequest()))
    assert code == grpc.StatusCode.UNAVAILABLE and "may want a certificate" in text


@expects_log("User is unreachable")
@may_log("gRPC: ")
def test_user_has_another_name(start_pair, certs):
    """Than the host that Post asks for it."""
    certs.make("named", SAN="DNS:users.test")
    pair = start_pair(user_args=certs.serve("named"),
                      post_args=[*certs.call("--user-tls"), "--user-timeout", "300ms"])
    done = pair.postcli("import", "users", "-", *certs.call(), "--tls-server-name", "users.test",
                        stdin='{"user_id":"1","name":"Henry"}\n')
    assert done.returncode == 0, done.stderr
    pair.import_posts([{"post_id": "1", "user_id": "1"}])
    code, text = failure(lambda: pair.posts.call(POSTS, post.ListPostsRequest()))
    assert code == grpc.StatusCode.UNAVAILABLE and "certificate is for another name" in text
    pair.post.restart("--user-tls-server-name", "users.test", "--user-timeout", "5s")
    answer = pair.client(pair.post).call(POSTS, post.ListPostsRequest())
    assert [p.author for p in answer.post_messages] == ["Henry"]


# --- Files that are replaced -----------------------------------------------------------------


def ask(stream):
    stream.send(post.ListPostsByUserIdRequest(user_id="1"))
    return [p.author for p in stream.receive().post_messages]


def one_post(pair):
    pair.import_users([{"user_id": "1", "name": "Henry"}])
    pair.import_posts([{"post_id": "1", "user_id": "1"}])


def warnings(server):
    return re.findall(r"warn .*TLS: (.*)", server.stderr())


@expects_log("is not that of the certificate")
def test_server_files_are_replaced(tls_pair, certs):
    """On every listener; a stream goes on. What does not fit is not taken, and logged once."""
    one_post(tls_pair)
    tls_pair.post.restart("--listen", "127.0.0.1:0", "--loops", "2")
    targets = re.findall(r"127\.0\.0\.1:\d+", tls_pair.post.said)
    assert len(targets) == 2
    serials = lambda: [handshake(target, certs)[0] for target in targets * 2]
    with tls_pair.posts.open(BIDI) as stream:
        assert ask(stream) == ["Henry"]
        first = serials()
        assert len(set(first)) == 1
        certs.replace(server_pem="client.pem")
        assert serials() == first
        assert len(warnings(tls_pair.post)) == 1
        assert "is not that of the certificate" in warnings(tls_pair.post)[0]
        certs.make("server")
        second = serials()
        assert len(set(second)) == 1 and second != first
        assert ask(stream) == ["Henry"]
    assert len(warnings(tls_pair.post)) == 1


@expects_log("is not that of the certificate")
@may_log("User is unreachable", "the server is stopping")
def test_client_files_are_replaced(tls_pair, certs):
    """User gets another CA, for itself and its clients, and Post follows without a restart."""
    one_post(tls_pair)
    with tls_pair.posts.open(BIDI) as stream:
        assert ask(stream) == ["Henry"]
        for name in ("ca", "server", "client"):
            shutil.copy(certs.path(f"{name}.pem"), certs.path(f"old-{name}.pem"))
        certs.make("ca", "server", "client")
        tls_pair.import_users([{"user_id": "1", "name": "Hank"}])  # its connections go on
        wait_until(lambda: ask(stream) == ["Hank"], "the new name comes over it")
        tls_pair.user.restart()
        wait_until(lambda: ask(stream) == ["Hank"], "Post has names again")
        certs.replace(client_pem="old-client.pem")  # not of the key that is there
        tls_pair.user.restart()
        wait_until(lambda: ask(stream) == ["Hank"], "Post goes on with what it had")
        assert warnings(tls_pair.post)


# --- Plaintext that others can read ---------------------------------------------------------


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
@expects_log("whoever reaches")
@may_log("User is unreachable")
def test_plaintext_must_be_asked_for(name, address, server, certs, tmp_path):
    said = not_started(name, tmp_path, "--listen", address)
    assert address in said and "--allow-plaintext" in said and "--tls-cert" in said
    server(name, "--listen", address, "--allow-plaintext").stop()
    server(name, "--listen", address, *certs.serve()).stop()


# --- Files that cannot be used ------------------------------------------------------------------


def not_started(name, tmp_path, *args, code=1):
    done = subprocess.run([str(BUILD / name), "--db", str(tmp_path / "db"), "--listen",
                           "127.0.0.1:0", *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=timing.START, env=clean_environment())
    logs.look_at(done.stderr)
    assert done.returncode == code and done.stdout == "", done.stderr
    assert done.stderr.startswith(f"{name}: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("cert, key, words", [
    ("none.pem", "server.key", "cannot read .*none.pem: No such file"),
    ("server.pem", "none.key", "cannot read .*none.key: No such file"),
    ("server.key", "server.key", "server.key has no certificate in PEM"),
    ("server.pem", "server.pem", "server.pem has no private key in PEM"),
    ("server.pem", "client.key", "client.key is not that of the certificate in .*server.pem"),
])
def test_files_that_cannot_be_used(cert, key, words, certs, tmp_path):
    for name, prefix in (("user-server", "--tls"), ("post-server", "--tls"),
                         ("post-server", "--user-tls")):
        said = not_started(name, tmp_path, f"{prefix}-cert", certs.path(cert), f"{prefix}-key",
                           certs.path(key))
        assert re.search(words, said), said
    code, said = users_cli("localhost:1", "--tls-cert", certs.path(cert), "--tls-key",
                           certs.path(key))
    assert code == 1 and re.search(words, said), said


def test_a_certificate_without_its_key(certs, tmp_path):
    """Wrong usage, and the same the other way round."""
    for each in ("cert", "key"):
        for name, prefix in (("user-server", "--tls"), ("post-server", "--user-tls")):
            said = not_started(name, tmp_path, f"{prefix}-{each}", certs.path("server.pem"), code=2)
            assert "go together" in said
        assert users_cli("localhost:1", f"--tls-{each}", certs.path("server.pem"))[0] == 2
    said = not_started("user-server", tmp_path, "--tls-client-ca", certs.path("ca.pem"), code=2)
    assert "--tls-client-ca needs" in said


@expects_log("has expired on", "everybody can read the key")
@may_log("gRPC: ")
def test_what_is_hardly_meant_is_said(server, certs):
    certs.make("server", DAYS="0")
    (certs.folder / "server.key").chmod(0o644)
    one = server("user-server", *certs.serve())
    assert "has expired on " in one.stderr()
    assert "everybody can read the key" in one.stderr()
    assert "certificate verify failed" in refused_by(one.target, certs.credentials())
