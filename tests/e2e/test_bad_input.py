"""What no good client sends: each is answered with its code, and the servers
serve on."""
import grpc
import pytest

import protos
import timing
from client import failure
from library import (LISTINGS, MANY_REQUESTS, SHAPES, ask, posts_of, request_of,
                     small_library)
from logs import may_log
from pair import Pair
from wire import field

# The servers are there for many tests: the line of a call may come after its test.
pytestmark = may_log("code=RESOURCE_EXHAUSTED")

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED

METHODS = {path: m for path, m in protos.current.methods.items() if path.startswith("/v1.")}
POST_METHODS = [path for path in METHODS if ".Post/" in path]
LISTING_METHODS = [path for path in METHODS if "/List" in path]
FIRST_EDITION = ["/user.User/GetUser", "/user.User/ListUsers", "/post.Post/ListPosts",
                 "/post.Post/ListPostsByUserId"]

any_listing = pytest.mark.parametrize("listing", LISTINGS)
any_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s or "Unary")


@pytest.fixture(scope="module")
def library():
    return small_library()


@pytest.fixture(scope="module")
def both(tmp_path_factory, library):
    with Pair(tmp_path_factory.mktemp("bad"), ["--loops", "1"], ["--loops", "1"]) as pair:
        library.load(pair)
        yield pair


@pytest.fixture
def pair(both, library):
    """Its servers must serve after each test, in the same processes."""
    pids = both.user.pid, both.post.pid
    yield both
    [page] = ask(both.posts, "ListPosts", "", request_of("ListPosts"))
    assert list(page.post_messages) == library.expected()
    users = both.users.call("/v1.user.User/ListUsers", protos.user.ListUsersRequest())
    assert len(users.user_messages) == len(library.users)
    assert (both.user.pid, both.post.pid) == pids


def client_of(pair, path):
    return pair.posts if ".Post/" in path else pair.users


def refusal(pair, listing, shape, request):
    """How a request is refused: the call's status where it is the only one, an
    entry in errors in the shapes with many, whose next request is answered."""
    if shape not in MANY_REQUESTS:
        return failure(lambda: ask(pair.posts, listing, shape, request))
    good = request_of(listing, **({} if listing == "ListPosts" else {"user_id": "u1"}), limit=2)
    messages = ask(pair.posts, listing, shape, request, good)
    [error] = [error for message in messages for error in message.errors]
    assert error.request_index == 0
    assert len(posts_of(messages)) == 2
    return code_of(error), error.message


def code_of(error):
    return next(code for code in grpc.StatusCode if code.value[0] == error.code)


def scope(listing):
    return {} if listing == "ListPosts" else {"user_id": "u1"}


# --- tokens ------------------------------------------------------------------------------------


def token_of(client, listing, **fields):
    [page] = ask(client, listing, "", request_of(listing, page_size=1, **fields))
    assert page.next_page_token
    return page.next_page_token


def test_every_character_of_a_token_counts(pair):
    token = token_of(pair.posts, "ListPosts")
    for i, good in enumerate(token):
        for bad in "A", "z", "_", "=":
            if bad == good:
                continue
            damaged = token[:i] + bad + token[i + 1:]
            code, text = failure(lambda damaged=damaged: ask(
                pair.posts, "ListPosts", "", request_of("ListPosts", page_token=damaged)))
            assert code == INVALID_ARGUMENT and "page_token" in text


@any_listing
@any_shape
@pytest.mark.parametrize("damage", [
    lambda token: token[:-1],
    lambda token: token[1:],
    lambda token: token + "A",
    lambda token: token * 2,
    lambda token: token + "\n",
    lambda token: "x",
    lambda token: "토큰",
    lambda token: "x" * 100_000,
], ids=["cut", "cut in front", "longer", "twice", "newline", "x", "korean", "100 KB"])
def test_a_damaged_token(pair, listing, shape, damage):
    token = damage(token_of(pair.posts, listing, **scope(listing)))
    code, text = refusal(pair, listing, shape,
                         request_of(listing, page_token=token, **scope(listing)))
    assert code == INVALID_ARGUMENT and "page_token" in text


@any_shape
def test_a_token_of_another_query(pair, shape):
    tokens = [
        ("ListPosts", {}),
        ("ListPosts", {"tag": "third"}),
        ("ListPostsByUserId", {"user_id": "u1"}),
        ("ListPostsByUserId", {"user_id": "u2"}),
        ("ListPostsByUserId", {"user_id": "u1", "tag": "third"}),
    ]
    for made_for in tokens:
        token = token_of(pair.posts, made_for[0], **made_for[1])
        for listing, fields in tokens:
            request = request_of(listing, page_token=token, **fields)
            if (listing, fields) == made_for:
                ask(pair.posts, listing, shape, request)
            else:
                code, text = refusal(pair, listing, shape, request)
                assert code == INVALID_ARGUMENT and "page_token" in text


def test_a_token_of_users_is_none_of_posts(pair):
    users = pair.users.call("/v1.user.User/ListUsers", protos.user.ListUsersRequest(page_size=1))
    code, text = refusal(pair, "ListPosts", "",
                         request_of("ListPosts", page_token=users.next_page_token))
    assert code in (INVALID_ARGUMENT, FAILED_PRECONDITION) and "page_token" in text


@pytest.fixture(scope="module")
def foreign_tokens(tmp_path_factory, library):
    """listing -> a token of a store with the same posts."""
    with Pair(tmp_path_factory.mktemp("foreign")) as pair:
        library.load(pair)
        return {listing: token_of(pair.posts, listing, **scope(listing)) for listing in LISTINGS}


@any_listing
@any_shape
def test_a_token_of_another_store(pair, foreign_tokens, listing, shape):
    code, text = refusal(pair, listing, shape, request_of(
        listing, page_token=foreign_tokens[listing], **scope(listing)))
    assert code == FAILED_PRECONDITION and "page_token" in text


# --- fields ------------------------------------------------------------------------------------------


@any_listing
@any_shape
@pytest.mark.parametrize("field_name", ["page_size", "limit"])
@pytest.mark.parametrize("value", [-1, -2**31])
def test_negative_numbers(pair, listing, shape, field_name, value):
    code, text = refusal(pair, listing, shape,
                         request_of(listing, **{field_name: value}, **scope(listing)))
    assert code == INVALID_ARGUMENT and field_name in text


@any_listing
def test_the_largest_numbers_are_fine(pair, library, listing):
    [page] = ask(pair.posts, listing, "", request_of(listing, page_size=2**31 - 1,
                                                     limit=2**63 - 1, **scope(listing)))
    assert list(page.post_messages) == library.expected(**scope(listing))


@any_shape
@pytest.mark.parametrize("length", [257, 1 << 20])
def test_a_long_user_id(pair, shape, length):
    code, text = refusal(pair, "ListPostsByUserId", shape,
                         request_of("ListPostsByUserId", user_id="x" * length))
    assert code == INVALID_ARGUMENT and "user_id" in text and len(text) < 600


@any_shape
def test_no_user_id(pair, shape):
    code, text = refusal(pair, "ListPostsByUserId", shape, request_of("ListPostsByUserId"))
    assert code == INVALID_ARGUMENT and "user_id" in text


BAD_TEXTS = {
    "lone byte": b"u\xff",
    "cut": "길".encode()[:2],
    "surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf",
    "too high": b"\xf5\x80\x80\x80",
    "NUL": b"u\x00x",
}


@any_shape
@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
@pytest.mark.parametrize("listing, number, name", [
    ("ListPostsByUserId", 1, "user_id"), ("ListPostsByUserId", 5, "tag"),
    ("ListPosts", 2, "page_token"), ("ListPosts", 4, "tag")])
def test_bytes_that_are_no_text(pair, shape, listing, number, name, text):
    before = field(1, b"u1") if listing == "ListPostsByUserId" and number != 1 else b""
    code, message = refusal(pair, listing, shape, before + field(number, text))
    assert code == INVALID_ARGUMENT and name in message


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_bytes_that_are_no_user_id(pair, text):
    for path, many in (("GetUser", False), ("ResolveUsers", True)):
        request = field(1, text)
        code, message = failure(lambda path=path, request=request, many=many: pair.users.call(
            "/v1.user.User/" + path, [request] if many else request))
        assert code == INVALID_ARGUMENT and "user_id" in message


def test_unknown_fields_are_ignored(pair, library):
    request = request_of("ListPosts", limit=1).SerializeToString() + field(99, b"\xff")
    [page] = ask(pair.posts, "ListPosts", "", request)
    assert list(page.post_messages) == library.expected()[:1]


# --- whole messages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", field(1, b"12345")[:-1], b"\x0b", b"\x00\x00"],
                         ids=["no tag", "cut", "group", "field 0"])
def test_undecodable_bytes(pair, path, garbage):
    method = METHODS[path]
    code, text = failure(lambda: client_of(pair, path).call(
        path, [garbage] if method.many_requests else garbage))
    assert code == INVALID_ARGUMENT
    assert method.request.DESCRIPTOR.full_name in text


@pytest.mark.parametrize("path", [path for path, m in METHODS.items() if not m.many_requests])
def test_a_call_without_a_message(pair, path):
    code, text = failure(lambda: client_of(pair, path).call(path, iter([]), many_requests=True))
    assert code == INVALID_ARGUMENT and "message" in text


@pytest.mark.parametrize("path", METHODS)
def test_a_request_over_the_size_limit(pair, path):
    request = field(99, bytes(4 << 20))
    code, _ = failure(lambda: client_of(pair, path).call(
        path, [request] if METHODS[path].many_requests else request))
    assert code == RESOURCE_EXHAUSTED


@pytest.mark.parametrize("path", POST_METHODS)
def test_a_message_that_is_huge_when_decoded(pair, path):
    """4 MB of empty fields would be 100 MB of structs."""
    if path.endswith("ImportPosts"):
        code, _ = failure(lambda: pair.posts.call(path, [field(1, b"") * 2_000_000]))
        assert code == RESOURCE_EXHAUSTED
    else:
        request = field(99, b"") * 1_000_000
        before = pair.post.rss_anon_bytes()
        try:
            result = pair.posts.call(path, [request] if METHODS[path].many_requests else request)
            _ = list(result) if METHODS[path].many_responses else result
        except grpc.RpcError as e:
            assert e.code() in (RESOURCE_EXHAUSTED, INVALID_ARGUMENT)
        if timing.STRETCH == 1:  # a sanitizer's memory is its own
            assert pair.post.rss_anon_bytes() - before < 64 << 20


@pytest.mark.parametrize("path", ["/v1.post.Post/Nothing", "/v1.user.User/GetUser", "/x", "/",
                                  "/v1.post.post/ListPosts", "/v1.post.Post/ListPosts/"])
@pytest.mark.parametrize("many", [False, True])
def test_an_unknown_method(pair, path, many):
    """At once: the call does not wait for its deadline."""
    changes = {"many_requests": many, "many_responses": many}
    call = pair.posts.multicallable(path, **changes)
    code, text = failure(lambda: call(iter([b"x"]) if many else b"x", timeout=timing.CALL))
    assert code == UNIMPLEMENTED and path in text


def test_the_first_edition_has_four_methods(pair):
    for path in METHODS:
        old = path.replace("/v1.", "/")
        client = client_of(pair, path)
        call = client.multicallable(old, many_responses=METHODS[path].many_responses)
        try:
            result = call(field(1, b"u1") if path.endswith(("GetUser", "Id")) else b"",
                          timeout=timing.CALL)
            _ = list(result) if METHODS[path].many_responses else result
            code = grpc.StatusCode.OK
        except grpc.RpcError as e:
            code = e.code()
        assert code == (grpc.StatusCode.OK if old in FIRST_EDITION else UNIMPLEMENTED), old


@pytest.mark.parametrize("path", [p for p in LISTING_METHODS if not METHODS[p].many_requests])
def test_a_client_that_goes_away(pair, path):
    """Cancelled at once, a hundred times; nothing is left of it."""
    fields = {"user_id": "u1"} if "ById" in path or "ByUserId" in path else {}
    client = client_of(pair, path)
    call = client.multicallable(path)
    for _ in range(100):
        request = METHODS[path].request(**fields)
        rpc = call(request, timeout=timing.CALL) if METHODS[path].many_responses else \
            call.future(request, timeout=timing.CALL)
        rpc.cancel()
