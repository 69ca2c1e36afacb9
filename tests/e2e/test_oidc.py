"""A real OpenID provider mints tokens, and both servers take them, or do not.

Needs Debian's glewlwyd ("make oidc" installs it): as a package it starts a
service with a password that everybody knows, so "make test" does not."""
import shutil
import time

import jwt
import pytest

from client import Client
from glewlwyd import Glewlwyd
from issuer import hash_line, new_key
from pair import Pair
from protos import post
from test_auth import FORBIDDEN, GET_USER, LIST_POSTS, READER, REFUSED, ask

pytestmark = pytest.mark.skipif(shutil.which("glewlwyd") is None, reason="glewlwyd is missing")

US, OTHERS = "https://posts", "https://others"


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    with Glewlwyd(tmp_path_factory.mktemp("glewlwyd"), new_key("ES256"), [US, OTHERS],
                  ["read", "write", "other"]) as provider:
        yield provider


@pytest.fixture(scope="module")
def pair(tmp_path_factory, provider):
    folder = tmp_path_factory.mktemp("oidc")
    (folder / "tokens").write_text(hash_line(READER))
    (folder / "token").write_text(READER)
    args = ["--oidc-issuer", provider.url, "--jwt-audience", US, "--log-level", "debug"]
    with Pair(folder, user_args=[*args, "--token-file", str(folder / "tokens")],
              post_args=[*args, "--user-token-file", str(folder / "token"),
                         "--user-allow-insecure-token"]) as pair:
        yield pair


@pytest.fixture(scope="module")
def good(provider):
    return provider.token("read write", US)


def ask_both(pair, token):
    """What User and Post answer: the same."""
    answers = [ask(pair.user, token), ask(pair.post, token, LIST_POSTS)]
    assert [a and (a[0], a[1].replace(LIST_POSTS, GET_USER)) for a in answers] == [answers[0]] * 2
    return answers[0]


def sibling(provider, token, key=None, **changes):
    """The same token, signed anew as the provider does it, with other claims."""
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode({**claims, **changes}, key or provider.key, header["alg"], headers=header)


def test_both_servers_take_its_tokens(provider, pair, good):
    assert ask_both(pair, good) == ""
    assert ask_both(pair, provider.token("read", US)) == ""
    assert ask_both(pair, sibling(provider, good)) == "", "a sibling is as good by itself"
    pair.users, pair.posts = (pair.client(s, token=good) for s in (pair.user, pair.post))
    pair.import_users([{"user_id": "1", "name": "Henry"}])
    pair.import_posts([{"post_id": "1", "user_id": "1", "title": "Hello"}])
    with Client(pair.post.target, token=good) as client:
        answer = client.call(LIST_POSTS, post.ListPostsRequest())
    assert answer.post_messages[0].author == "Henry"


def test_both_servers_refuse_its_siblings(provider, pair, good):
    expired = sibling(provider, good, exp=time.time() - 60)
    forged = sibling(provider, good, key=new_key("ES256"))
    for token, answer in [
            (expired, (REFUSED, "the token has expired")),
            (provider.token("read", OTHERS), (REFUSED, "the token is for another audience")),
            (forged, (REFUSED, "the token's signature is wrong")),
            (provider.token("other", US),
             (FORBIDDEN, f'{GET_USER} needs a token with the scope "read"')),
    ]:
        assert ask_both(pair, token) == answer


def test_its_tokens_are_in_no_log(pair, good):
    for server in (pair.user, pair.post):
        assert good.rsplit(".", 1)[1] not in server.stderr()
