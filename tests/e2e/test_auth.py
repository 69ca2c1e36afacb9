"""Bearer tokens: who gets in, who does not, and what each is told."""
import contextlib
import subprocess
import time

import grpc
import pytest

import cli
import timing
from cli import Postcli
from client import Client, failure
from issuer import AUDIENCE, CONFIGURATION, KEYS, Issuer, hash_line, new_key
from logs import expects_log
from pair import BUILD, Pair, Server, clean_environment
from protos import current, original, post, user
from test_reflection import editions
from test_start_stop import refused

REFUSED, FORBIDDEN = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
LET_IN = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND  # what a method itself says
READER, WRITER, DELETER = "reader-token", "writer-token", "deleter-token"
ALL, EXPIRED = "all-token", "expired-token"
OURS = [path for path in current.methods if path.startswith("/v1.")]
GET_USER = "/v1.user.User/GetUser"
DELETE_USERS = "/v1.user.User/DeleteUsers"
LIST_POSTS = "/v1.post.Post/ListPosts"


@pytest.fixture(scope="module")
def issuer():
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("auth")


@pytest.fixture(scope="module")
def server(folder, issuer):
    """A user-server that takes tokens of a file and of the issuer."""
    (folder / "tokens").write_text(
        "# the test's\n" + hash_line(READER) + hash_line(WRITER, scopes="write") +
        hash_line(DELETER, scopes="delete") + hash_line(ALL, scopes="read write delete") +
        hash_line(EXPIRED, expires="2020-01-01"))
    server = Server("user-server", folder, "--token-file", str(folder / "tokens"),
                    "--oidc-issuer", issuer.url, "--jwt-audience", AUDIENCE, "--loops", "2",
                    "--log-level", "debug")
    server.start()
    yield server
    server.stop()


@contextlib.contextmanager
def serving(folder, *args):
    """A user-server of the test's own."""
    server = Server("user-server", folder, *args)
    server.start()
    yield server
    server.stop()


def ask(server, token, path=GET_USER):
    """"" if it was let in; code and text of any error that is not the method's own."""
    method = current.methods[path]
    with Client(server.target, token=token) as client:
        try:
            result = client.call(path, [] if method.many_requests else method.request())
            if method.many_responses:
                list(result)
        except grpc.RpcError as e:
            if e.code() not in LET_IN:
                return e.code(), e.details()
    return ""


# --- The token file ------------------------------------------------------------------


def test_no_token(server):
    code, text = ask(server, None)
    assert code == REFUSED
    assert "authorization: Bearer TOKEN" in text and GET_USER in text


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", READER])
def test_no_bearer_token(server, header):
    with grpc.insecure_channel(server.target) as channel:
        call = channel.unary_unary(GET_USER)
        with pytest.raises(grpc.RpcError) as failed:
            call(b"", metadata=[("authorization", header)], timeout=timing.CALL)
    assert failed.value.code() == REFUSED


def test_tokens_of_the_file(server):
    assert ask(server, READER) == ""
    assert ask(server, "reader-tokem") == (REFUSED, "the token is not known")
    assert ask(server, EXPIRED) == (REFUSED, "the token has expired")
    assert ask(server, WRITER) == \
        (FORBIDDEN, f'{GET_USER} needs a token with the scope "read"')


def needed_for(path):
    return WRITER if "/Import" in path else DELETER if "/Delete" in path else READER


def assert_scope(server, path):
    """No scope includes another."""
    assert ask(server, None, path)[0] == REFUSED
    for token in (READER, WRITER, DELETER):
        assert ask(server, token, path) == "" if token == needed_for(path) else \
            ask(server, token, path)[0] == FORBIDDEN


@pytest.mark.parametrize("path", [p for p in OURS if ".User/" in p])
def test_scopes_of_users_methods(server, path):
    assert_scope(server, path)
    assert ask(server, ALL, path) == ""


def test_who_may_write_may_not_delete(server):
    assert ask(server, WRITER, DELETE_USERS) == \
        (FORBIDDEN, f'{DELETE_USERS} needs a token with the scope "delete"')


def test_health_is_open(server):
    for token in (None, "bad", EXPIRED):
        assert ask(server, token, "/grpc.health.v1.Health/Check") == ""


def services(server, edition, token=None):
    """What reflection tells."""
    request = current.packages[f"grpc.reflection.{edition}"].ServerReflectionRequest
    with Client(server.target, token=token) as client:
        path = f"/grpc.reflection.{edition}.ServerReflection/ServerReflectionInfo"
        answer, = client.call(path, [request(list_services="")])
    return [service.name for service in answer.list_services_response.service]


@editions
def test_reflection_needs_a_token(server, edition):
    assert failure(lambda: services(server, edition))[0] == REFUSED
    assert failure(lambda: services(server, edition, WRITER))[0] == FORBIDDEN
    assert "v1.user.User" in services(server, edition, READER)


@editions
def test_reflection_may_be_open(tmp_path, edition):
    """And only that."""
    (tmp_path / "tokens").write_text(hash_line(READER))
    with serving(tmp_path, "--token-file", str(tmp_path / "tokens"), "--open-reflection") as server:
        for token in (None, "bad", READER):
            assert "v1.user.User" in services(server, edition, token)
        assert ask(server, None)[0] == REFUSED


def test_an_open_stream_outlives_its_token(tmp_path):
    """Checked when it begins, and new calls against the file as it is."""
    tokens = tmp_path / "tokens"
    tokens.write_text(hash_line(READER))
    with serving(tmp_path, "--token-file", str(tokens)) as server, \
            Client(server.target, token=READER) as client, \
            client.open("/v1.user.User/ResolveUsers") as stream:
        stream.send(user.ResolveUsersRequest(user_ids=["a"]))
        assert not stream.receive().users[0].found
        tokens.write_text(hash_line("another"))
        timing.wait_until(lambda: ask(server, READER) == (REFUSED, "the token is not known"),
                          "the new file counts")
        stream.send(user.ResolveUsersRequest(user_ids=["b"]))
        assert not stream.receive().users[0].found


# --- JWTs ----------------------------------------------------------------------------


def test_a_jwt(server, issuer):
    assert ask(server, issuer.token()) == ""
    assert ask(server, issuer.token(scope=None, scp=["write", "read"])) == ""
    assert ask(server, issuer.token(aud=["others", AUDIENCE])) == ""
    assert ask(server, issuer.token(scope="reading")) == \
        (FORBIDDEN, f'{GET_USER} needs a token with the scope "read"')


def test_bad_siblings(server, issuer):
    for token, why in [
            (issuer.token(exp=time.time() - 60), "the token has expired"),
            (issuer.token(exp=None), "the token never expires"),
            (issuer.token(nbf=time.time() + 600), "the token is not valid yet"),
            (issuer.token(aud="others"), "the token is for another audience"),
            (issuer.token(iss="https://other"), "the token is from another issuer"),
            (issuer.token(key=new_key("ES256"), algorithm="ES256"),
             "the token's signature is wrong"),
            (issuer.token()[:-8] + "AAAAAAAA", "the token's signature is wrong"),
    ]:
        assert ask(server, token) == (REFUSED, why)
    for token in [issuer.unsigned(), issuer.signed_with_the_public_key("first"), "x" * 4000,
                  "a.b.c", issuer.token(kid=None, key=new_key("RS256"), algorithm="RS256")]:
        assert ask(server, token)[0] == REFUSED


@expects_log("its key is not known")
def test_keys_are_rotated(tmp_path, issuer):
    with serving(tmp_path, "--jwks", issuer.url + KEYS, "--jwt-issuer", issuer.url,
                 "--jwt-audience", AUDIENCE) as server:
        assert ask(server, issuer.token()) == ""
        issuer.add_key("second", "RS256")
        asked = issuer.asked[KEYS]
        assert ask(server, issuer.token("second")) == ""
        assert issuer.asked[KEYS] == asked + 1
        assert ask(server, issuer.token()) == ""
        unknown = issuer.token("third", key=new_key("ES256"), algorithm="ES256")
        for _ in range(5):  # a newer key may be there, for all that is known until then
            code, why = ask(server, unknown)
            assert code == grpc.StatusCode.UNAVAILABLE and "asked for keys just now" in why
        assert issuer.asked[KEYS] == asked + 1, "strangers do not make us ask more often"


def of(issuer):
    return "--oidc-issuer", issuer.url, "--jwt-audience", AUDIENCE


@expects_log("the answer is HTTP 503", "its issuer's keys cannot be had now")
def test_a_provider_that_comes_late(tmp_path, issuer):
    """It serves, says UNAVAILABLE, and recovers by itself."""
    issuer.answers[CONFIGURATION] = (503, b"")
    with serving(tmp_path, *of(issuer)) as server:
        code, text = ask(server, issuer.token())
        assert code == UNAVAILABLE and "cannot be checked" in text
        assert "HTTP 503" in server.stderr()
        del issuer.answers[CONFIGURATION]
        timing.wait_until(lambda: ask(server, issuer.token()) == "", "it has the keys")


@pytest.mark.parametrize("path, answer, said", [
    (KEYS, (302, b"", ("Location", "/")), "HTTP 302"),
    (KEYS, (200, b" " * 300_000), "too many bytes"),
    (KEYS, (200, b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'), "neither RSA nor EC"),
    (CONFIGURATION, (200, b'{"issuer": "http://localhost:1", "jwks_uri": "http://localhost:1"}'),
     "another issuer"),
    (CONFIGURATION, (200, b"{}"), "no issuer"),
], ids=["redirect", "huge", "secret", "other", "empty"])
@expects_log("keys of http", "its issuer's keys cannot be had now")
def test_a_provider_that_is_wrong(tmp_path, issuer, path, answer, said):
    issuer.answers[path] = answer
    with serving(tmp_path, *of(issuer)) as server:
        assert ask(server, issuer.token())[0] == UNAVAILABLE
        assert said in server.stderr()
    del issuer.answers[path]


@expects_log("keys of https", "its issuer's keys cannot be had now")
def test_a_provider_must_be_who_it_says(tmp_path):
    """https, with a certificate that somebody trusted has signed."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True, timeout=timing.START)
    with Issuer(certificate=(certificate, key)) as issuer, \
            serving(tmp_path, *of(issuer)) as server:
        assert ask(server, issuer.token())[0] == UNAVAILABLE
        assert "certificate" in server.stderr()
        server.restart("--jwks-ca", str(certificate))
        assert ask(server, issuer.token()) == ""


# --- Both servers, and postcli ---------------------------------------------------------

POST_TO_USER = "post-to-user-token"


@pytest.fixture(scope="module")
def closed_pair(tmp_path_factory):
    """Both ask for tokens, and Post has one of its own for User."""
    folder = tmp_path_factory.mktemp("closed")
    tokens = hash_line(READER) + hash_line(WRITER, scopes="write") + \
        hash_line(DELETER, scopes="delete")
    (folder / "post-tokens").write_text(tokens)
    (folder / "user-tokens").write_text(tokens + hash_line(POST_TO_USER, name="post"))
    (folder / "token").write_text(POST_TO_USER + "\n")
    debug = ["--log-level", "debug", "--log-calls", "all"]
    with Pair(folder, user_args=["--token-file", str(folder / "user-tokens"), *debug],
              post_args=["--token-file", str(folder / "post-tokens"), "--user-token-file",
                         str(folder / "token"), "--user-allow-insecure-token", *debug]) as pair:
        pair.folder = folder
        pair.users, pair.posts = (pair.client(s, token=WRITER) for s in (pair.user, pair.post))
        pair.import_users([{"user_id": "1", "name": "Henry"}])
        pair.import_posts([{"post_id": "1", "user_id": "1", "title": "Hello"}])
        yield pair


@pytest.mark.parametrize("path", [p for p in OURS if ".Post/" in p])
def test_scopes_of_posts_methods(closed_pair, path):
    assert_scope(closed_pair.post, path)


@pytest.mark.parametrize("path", [p for p in original.methods if not p.startswith("/v1.")])
def test_the_first_names_are_no_way_around(closed_pair, path):
    server = closed_pair.user if ".User/" in path else closed_pair.post
    with Client(server.target, methods=original.methods) as client:
        assert failure(lambda: client.call(path, b""))[0] == REFUSED


def test_post_has_a_token_of_its_own(closed_pair):
    with Client(closed_pair.post.target, token=READER) as client:
        answer = client.call(LIST_POSTS, post.ListPostsRequest())
    assert answer.post_messages[0].author == "Henry"


def test_postcli_says_what_to_do(closed_pair):
    """Of its own options; and nothing that would be refused again."""
    out, err = cli.attempt(closed_pair, "bench", "unary", "--count", 1)
    assert b"needs a token: give a token by --token-file FILE" in out and b"Bearer" not in out
    out, err = cli.attempt(closed_pair, "list")
    assert out == b"" and err == (f"postcli: UNAUTHENTICATED: {LIST_POSTS} needs a token\n"
                                  "postcli: give a token by --token-file FILE, or in $POSTCLI_TOKEN\n")
    out, err = cli.attempt(closed_pair, "import", "posts", "-", "--token", READER,
                           "--allow-insecure-token", stdin=b'{"post_id":"2","user_id":"1"}\n')
    assert out == b"" and err == ('postcli: PERMISSION_DENIED: /v1.post.Post/ImportPosts needs a '
                                  'token with the scope "write"\n')


@expects_log("User is unreachable: the token is not known")
def test_posts_token_is_read_again(tmp_path):
    """A wrong one first: listings fail with the reason, and then do not."""
    tokens, token = tmp_path / "tokens", tmp_path / "token"
    tokens.write_text(hash_line(POST_TO_USER, scopes="read write"))
    token.write_text("not-the-token")

    def listing():
        return pair.posts.call(LIST_POSTS, post.ListPostsRequest())

    with Pair(tmp_path, user_args=["--token-file", str(tokens)],
              post_args=["--user-token-file", str(token), "--user-allow-insecure-token",
                         "--user-timeout", "100ms"]) as pair:
        pair.import_posts([{"post_id": "1", "user_id": "1", "title": "Hello"}])
        code, text = failure(listing)
        assert code == UNAVAILABLE and "the token is not known" in text
        token.write_text(POST_TO_USER)

        def answered():
            with contextlib.suppress(grpc.RpcError):
                return listing()

        assert timing.wait_until(answered, "the new token counts").unresolved_user_ids == ["1"]


@expects_log("User is unreachable: no token is sent to")
def test_post_keeps_its_token_off_plaintext(tmp_path):
    (tmp_path / "token").write_text(POST_TO_USER)
    with Pair(tmp_path, post_args=["--user-token-file", str(tmp_path / "token"),
                                   "--user-timeout", "100ms"]) as pair:
        pair.import_posts([{"post_id": "1", "user_id": "1", "title": "Hello"}])
        code, text = failure(lambda: pair.posts.call("/v1.post.Post/ListPosts",
                                                     post.ListPostsRequest()))
    assert code == UNAVAILABLE and "plaintext" in text
    assert "allow it with --user-allow-insecure-token" in text


def postcli(pair, *args, **variables):
    with Postcli(pair, "list", *args, variables=variables) as cli:
        output = cli.rest()
        return cli.end(), output, cli.stderr


def test_postcli_sends_a_token(closed_pair):
    (closed_pair.folder / "reader").write_text(f"\n  {READER}\n")
    file = ["--token-file", closed_pair.folder / "reader"]
    allow = "--allow-insecure-token"
    for args in (file + [allow], ["--token", READER, allow]):
        code, output, _ = postcli(closed_pair, *args)
        assert code == 0 and b'"author":"Henry"' in output
    assert postcli(closed_pair, allow, POSTCLI_TOKEN=READER)[0] == 0
    code, _, stderr = postcli(closed_pair)
    assert code == 1 and "UNAUTHENTICATED" in stderr
    code, _, stderr = postcli(closed_pair, *file)
    assert code == 1 and "in plaintext" in stderr and READER not in stderr
    assert f"allow it with {allow}" in stderr
    assert postcli(closed_pair, *file, "--token", READER)[0] == 2
    assert postcli(closed_pair, "--token-file", "/no/such/file")[0] == 1
    code, _, stderr = postcli(closed_pair, "--token", "two words")
    assert code == 1 and "two words" not in stderr


def test_a_token_may_go_over_a_unix_socket(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(hash_line(READER))
    server = Server("user-server", tmp_path, "--token-file", str(tokens))
    server.listen = f"unix:{tmp_path}/socket"
    server.start()
    environment = {**clean_environment(), "POSTCLI_TOKEN": READER}
    listed = subprocess.run([BUILD / "postcli", "users", "list", "--user-target", server.target],
                            env=environment, capture_output=True, timeout=timing.CALL, check=False)
    assert listed.returncode == 0, listed.stderr
    server.stop()


def test_no_token_in_the_logs_of_the_pair(closed_pair):
    for server in (closed_pair.user, closed_pair.post):
        for token in (READER, WRITER, POST_TO_USER):
            assert token not in server.stderr()


# --- What is never told ----------------------------------------------------------------


def test_no_token_in_any_log(server, issuer):
    """Whatever was done to it; the other tests have been here with debug on."""
    good, bad = issuer.token(), issuer.token(exp=1) + "x"
    answers = [ask(server, token) for token in (good, bad, READER, EXPIRED, "unknown-token")]
    assert answers[0] == answers[2] == ""
    log = server.stderr()
    for token in (good, bad, READER, WRITER, DELETER, ALL, EXPIRED, "unknown-token", "reader-tokem"):
        for part in token.split("."):
            assert part not in log and part not in str(answers)


# --- Options -------------------------------------------------------------------------------


@pytest.mark.parametrize("args, said", [
    (["--jwks", "f", "--jwt-audience", "a"], "--jwt-issuer"),
    (["--jwks", "f", "--jwt-issuer", "i"], "--jwt-audience"),
    (["--oidc-issuer", "https://i"], "--jwt-audience"),
    (["--jwt-audience", "a"], "--oidc-issuer"),
    (["--jwks", "f", "--oidc-issuer", "https://i", "--jwt-audience", "a"], "not both"),
    (["--oidc-issuer", "http://example.org", "--jwt-audience", "a"], "https"),
    (["--jwks", "http://localhost@example.org/", "--jwt-issuer", "i", "--jwt-audience", "a"],
     "password"),
    (["--jwks", "https://i:secret@i/", "--jwt-issuer", "i", "--jwt-audience", "a"], "password"),
    (["--oidc-issuer", "ftp://localhost", "--jwt-audience", "a"], "https"),
])
def test_options_that_do_not_go_together(args, said):
    assert said in refused("user-server", *args, code=2)


def test_files_that_are_wrong(tmp_path):
    bad = tmp_path / "bad"
    bad.write_text("swordfish ann never read\n")
    args = ["--listen", "127.0.0.1:0", "--db", tmp_path / "db"]
    said = refused("user-server", *args, "--token-file", bad)
    assert str(bad) in said and "line 1" in said and "swordfish" not in said
    assert "No such file" in refused("user-server", *args, "--token-file", tmp_path / "none")
    assert "s a directory" in refused("user-server", *args, "--token-file", tmp_path)
    bad.write_text("# much to say\n" * 30_000)
    assert "more than 262144 bytes" in refused("user-server", *args, "--token-file", bad)
    bad.write_text("no keys")
    assert "not JSON" in refused("user-server", *args, "--jwks", bad, "--jwt-issuer", "i",
                                 "--jwt-audience", "a")


@expects_log("whoever reaches")
def test_an_open_server_says_so(tmp_path):
    """Where others than this machine's users reach it."""
    with serving(tmp_path) as server:
        assert "token" not in server.stderr()
        server.stop()
        server.listen = "0.0.0.0:0"
        server.start("--allow-plaintext")
        assert "no token is asked for" in server.stderr()
