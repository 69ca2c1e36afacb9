"""The contract of Post's listings: four shapes, one answer."""
import itertools

import grpc
import pytest

from client import failure
from library import (GHOST, LISTINGS, MANY_REQUESTS, MANY_RESPONSES, SHAPES, SILENT, Library, ask,
                     collect, path_of, posts_of, request_of, small_library)
from logs import may_log
from pair import Pair
from protos import post

# The servers are there for many tests: the line of a call may come after its test.
pytestmark = may_log("the answer is larger than")

OK = grpc.StatusCode.OK.value[0]
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT.value[0]
NOT_FOUND = grpc.StatusCode.NOT_FOUND.value[0]

KIB = 1024
ONE_USER = "u7"

any_listing = pytest.mark.parametrize("listing", LISTINGS)
any_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s or "Unary")


@pytest.fixture(scope="module")
def library():
    return small_library()


@pytest.fixture(scope="module")
def pair(tmp_path_factory, library):
    with Pair(tmp_path_factory.mktemp("listings"), post_args=["--loops", "2"]) as pair:
        library.load(pair)
        yield pair


@pytest.fixture(scope="module")
def posts(pair):
    return pair.posts


def scope(listing, user_id=ONE_USER):
    """The fields that say whose posts."""
    return {} if listing == "ListPosts" else {"user_id": user_id}


def page_sizes(messages):
    return [len(message.post_messages) for message in messages]


# --- one request -------------------------------------------------------------------------


@any_listing
@any_shape
@pytest.mark.parametrize("page_size", [0, 1, 7, 1000])
@pytest.mark.parametrize("tag", ["", "third", "rare", "no such tag"])
def test_same_posts_in_every_shape(posts, library, listing, shape, page_size, tag):
    messages = collect(posts, listing, shape, page_size=page_size, tag=tag, **scope(listing))
    assert posts_of(messages) == library.expected(tag=tag, **scope(listing))
    assert page_size == 0 or max(page_sizes(messages)) <= page_size
    assert all(m.request_index == 0 and not m.errors for m in messages)
    if shape in MANY_RESPONSES:  # one call: a token in every message, but where nothing is left
        assert [m.last for m in messages] == [False] * (len(messages) - 1) + [True]
        assert all(m.next_page_token for m in messages[:-1])
    elif page_size == 0:
        assert len(messages) == 1


@any_listing
@any_shape
@pytest.mark.parametrize("tag", ["", "third"])
def test_total_size(posts, library, listing, shape, tag):
    messages = ask(posts, listing, shape, request_of(listing, tag=tag, **scope(listing)))
    whole = listing == "ListPosts" and not tag
    assert [m.total_size for m in messages] == \
        [len(library.posts) if whole else 0] + [0] * (len(messages) - 1)


@any_listing
@pytest.mark.parametrize("shape", ["", "ServerStream", "BidiStream"])
@pytest.mark.parametrize("page_size", [0, 4])
@pytest.mark.parametrize("limit", [1, 4, 5, 10000])
def test_limit(posts, library, listing, shape, page_size, limit):
    """What a limit cut has a token, and the token goes on behind it."""
    expected = library.expected(**scope(listing))
    token, got = "", []
    while len(got) < limit:
        messages = ask(posts, listing, shape, request_of(
            listing, page_size=page_size, page_token=token, limit=limit - len(got),
            **scope(listing)))
        assert messages[-1].last
        got += posts_of(messages)
        token = messages[-1].next_page_token
        if not token:
            break
    assert got == expected[:limit]
    assert bool(token) == (limit < len(expected))
    rest = collect(posts, listing, "ServerStream", page_token=token, **scope(listing)) \
        if token else []
    assert posts_of(rest) == expected[limit:]


@any_listing
def test_limit_in_client_streaming(posts, library, listing):
    [answer] = ask(posts, listing, "ClientStream", request_of(listing, limit=3, **scope(listing)))
    assert list(answer.post_messages) == library.expected(**scope(listing))[:3]


@any_listing
def test_limit_that_is_all_there_is(posts, library, listing):
    """Nothing was cut, so there is nothing to resume."""
    expected = library.expected(**scope(listing))
    [answer] = ask(posts, listing, "", request_of(listing, limit=len(expected) + 1,
                                                  **scope(listing)))
    assert list(answer.post_messages) == expected and not answer.next_page_token


@any_listing
@pytest.mark.parametrize("tag", ["", "third"])
def test_a_token_resumes_in_every_shape(posts, library, listing, tag):
    expected = library.expected(tag=tag, **scope(listing))
    for made_by, used_by in itertools.product(["", "ServerStream", "ClientStream", "BidiStream"],
                                              SHAPES):
        first = ask(posts, listing, made_by, request_of(listing, page_size=2, tag=tag,
                                                        **scope(listing)))[0]
        assert list(first.post_messages) == expected[:2]
        # Neither page_size nor limit is bound to a token.
        rest = collect(posts, listing, used_by, page_size=50, limit=10000, tag=tag,
                       page_token=first.next_page_token, **scope(listing))
        assert posts_of(rest) == expected[2:], (made_by, used_by)


@any_listing
def test_every_token_of_a_stream_resumes_after_its_last_post(posts, library, listing):
    expected = library.expected(**scope(listing))
    messages = collect(posts, listing, "ServerStream", page_size=5, **scope(listing))
    seen = 0
    for message in messages[:-1]:
        seen += len(message.post_messages)
        [page] = ask(posts, listing, "", request_of(
            listing, page_size=3, page_token=message.next_page_token, **scope(listing)))
        assert list(page.post_messages) == expected[seen:seen + 3]


def test_tokens_are_url_safe_text(posts):
    token = ask(posts, "ListPosts", "", request_of("ListPosts", page_size=1))[0].next_page_token
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@any_shape
def test_unresolved_users(posts, library, shape):
    """Delivered without a name; each message says whose posts have none."""
    messages = collect(posts, "ListPosts", shape, page_size=20)
    ghosts = [m for m in posts_of(messages) if m.user_id == GHOST]
    assert len(ghosts) == 10 and not any(m.author for m in ghosts)
    for message in messages:
        nameless = any(m.user_id == GHOST for m in message.post_messages)
        assert list(message.unresolved_user_ids) == [GHOST] * nameless


@any_shape
def test_known_user_without_posts(posts, shape):
    [answer] = ask(posts, "ListPostsByUserId", shape, request_of("ListPostsByUserId",
                                                                user_id=SILENT))
    assert answer == post.ListPostsByUserIdResponse(last=True)


@any_shape
@pytest.mark.parametrize("user_id", ["nobody", GHOST, "길" * 85, "x" * 256])
def test_unknown_user(posts, shape, user_id):
    """As the original, which asks User first: whether there are posts or not."""
    request = request_of("ListPostsByUserId", user_id=user_id)
    if shape in MANY_REQUESTS:
        [answer] = ask(posts, "ListPostsByUserId", shape, request)
        assert answer.last and not answer.post_messages and not answer.next_page_token
        [error] = answer.errors
        assert (error.request_index, error.code) == (0, NOT_FOUND)
        text = error.message
    else:
        code, text = failure(lambda: ask(posts, "ListPostsByUserId", shape, request))
        assert code == grpc.StatusCode.NOT_FOUND
    assert user_id[:80] in text


# --- sizes of messages ------------------------------------------------------------------------


@any_listing
@pytest.mark.parametrize("shape", MANY_RESPONSES)
def test_messages_of_a_stream(tmp_path_factory, listing, shape):
    """The first is small, the others have a quarter of what has gone out, up to 96 KiB."""
    big = Library({"u": "Uma"}, [{"post_id": f"{i}", "user_id": "u", "body": "x" * 1000}
                                 for i in range(700)])
    with Pair(tmp_path_factory.mktemp("sizes")) as pair:
        big.load(pair)
        for _ in range(2):  # the second time names are known: nothing is cut to wait for one
            messages = collect(pair.posts, listing, shape, **scope(listing, "u"))
        sizes = [message.ByteSize() for message in messages]
        assert len(posts_of(messages)) == 700
        assert sizes[0] < 8 * KIB
        for number, size in enumerate(sizes[1:-1], 1):
            assert 4 * KIB <= size <= max(6 * KIB, sum(sizes[:number]) // 4 + 2 * KIB), sizes
        assert 80 * KIB < max(sizes) < 98 * KIB


@pytest.fixture(scope="module")
def large_library():
    """6 MB: more than a single answer may have."""
    return Library({"big": "Big", "other": "Other"},
                   [{"post_id": f"b{i}", "user_id": "big", "body": "ㅎ" * 33_000}
                    for i in range(60)] + [{"post_id": "o", "user_id": "other"}])


@pytest.fixture(scope="module")
def large(tmp_path_factory, large_library):
    with Pair(tmp_path_factory.mktemp("large")) as pair:
        large_library.load(pair)
        yield pair.posts


@any_listing
@pytest.mark.parametrize("shape", ["", "ClientStream"])
def test_a_single_answer_is_never_cut_silently(large, large_library, listing, shape):
    request = request_of(listing, **scope(listing, "big"))
    code, text = failure(lambda: ask(large, listing, shape, request))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "page_size" in text and listing + "ServerStream" in text
    messages = collect(large, listing, "ServerStream", **scope(listing, "big"))
    assert posts_of(messages) == large_library.expected(**scope(listing, "big"))


@any_listing
@pytest.mark.parametrize("shape", ["", "ClientStream"])
def test_a_page_may_be_shorter(large, large_library, listing, shape):
    messages = collect(large, listing, shape, page_size=1000, **scope(listing, "big"))
    assert posts_of(messages) == large_library.expected(**scope(listing, "big"))
    assert len(messages) == 2
    assert all(message.ByteSize() <= 4 * KIB * KIB for message in messages)


def test_a_tag_makes_an_answer_small_enough(large):
    [answer] = ask(large, "ListPosts", "", request_of("ListPosts", tag="none has it"))
    assert answer.last and not answer.post_messages and not answer.next_page_token


def test_client_streaming_has_one_size_limit_for_all_requests(large):
    """40 posts of 100 KB fit; twice does not."""
    request = request_of("ListPosts", limit=40)
    [answer] = ask(large, "ListPosts", "ClientStream", request)
    assert len(answer.post_messages) == 40
    code, text = failure(lambda: ask(large, "ListPosts", "ClientStream", request, request))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and "page_size" in text


def test_errors_count_towards_the_size_limit(start_pair):
    """A long stream of bad requests must not grow an answer without end."""
    pair = start_pair(post_args=["--max-answer-bytes", "65536"])
    bad = request_of("ListPosts", page_size=-1)
    [answer] = ask(pair.posts, "ListPosts", "ClientStream", *[bad] * 500)
    assert len(answer.errors) == 500
    code, text = failure(lambda: ask(pair.posts, "ListPosts", "ClientStream", *[bad] * 3000))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and "65536" in text


# --- many requests --------------------------------------------------------------------------------


def requests_of_all_kinds(posts):
    """(request, what it must give) for ListPostsByUserId: posts, or an error's code."""
    def request(**fields):
        return request_of("ListPostsByUserId", **fields)

    page = ask(posts, "ListPostsByUserId", "", request(user_id="u3", page_size=4))[0]
    return [
        (request(user_id="u1"), {"user_id": "u1"}, slice(None)),
        (request(user_id="nobody"), NOT_FOUND, None),
        (request(user_id="u3", page_token=page.next_page_token), {"user_id": "u3"}, slice(4, None)),
        (request(user_id=SILENT), {"user_id": SILENT}, slice(None)),
        (request(user_id="u3", page_token="rubbish"), INVALID_ARGUMENT, None),
        (request(user_id="u2", tag="third", limit=2), {"user_id": "u2", "tag": "third"},
         slice(0, 2)),
        (request(user_id="u1", limit=-1), INVALID_ARGUMENT, None),
        (request(user_id="x" * 257), INVALID_ARGUMENT, None),
        (request(user_id="u1"), {"user_id": "u1"}, slice(None)),
    ]


def test_client_streaming_is_the_concatenation(posts, library):
    rows = requests_of_all_kinds(posts)
    [answer] = ask(posts, "ListPostsByUserId", "ClientStream", *[row[0] for row in rows])
    expected = [library.expected(**want)[part] for _, want, part in rows if part is not None]
    assert list(answer.post_messages) == list(itertools.chain(*expected))
    assert [(e.request_index, e.code) for e in answer.errors] == \
        [(i, want) for i, (_, want, part) in enumerate(rows) if part is None]
    assert all(e.message for e in answer.errors)
    assert answer.last and not answer.next_page_token


@any_listing
def test_client_streaming_without_requests(posts, listing):
    [answer] = ask(posts, listing, "ClientStream")
    assert answer.last and not answer.post_messages and not answer.next_page_token


@pytest.mark.parametrize("page_size", [1, 5, 12, 13, 1000])
def test_client_streaming_stops_early_and_is_resumed(posts, library, page_size):
    """The first request's page_size bounds the whole answer; the client
    resends from where it stopped. 12 posts a user: 12 stops between two."""
    ids = ["u1", "u2", SILENT, "u3", "nobody", "u4"]
    requests = [request_of("ListPostsByUserId", user_id=i) for i in ids]
    got, errors, at = [], [], 0
    while True:
        requests[at].page_size = page_size
        [answer] = ask(posts, "ListPostsByUserId", "ClientStream", *requests[at:])
        assert answer.last and len(answer.post_messages) <= page_size
        got += answer.post_messages
        errors += [at + error.request_index for error in answer.errors]
        if not answer.next_page_token:
            break
        at += answer.request_index
        requests[at].page_token = answer.next_page_token
    assert got == list(itertools.chain(*(library.expected(user_id=i) for i in ids)))
    assert errors == [4]


def test_an_early_stop_does_not_wait_for_the_client(posts, library):
    """The answer comes while the client would still send."""
    with posts.open(path_of("ListPosts", "ClientStream")) as stream:
        stream.send(request_of("ListPosts", page_size=3))
        answer = stream.receive()
        assert list(answer.post_messages) == library.expected()[:3]
        assert answer.request_index == 0 and answer.next_page_token


def test_bidirectional_in_lock_step(posts, library):
    """One request, its answer, the next: nothing is held back."""
    with posts.open(path_of("ListPostsByUserId", "BidiStream")) as stream:
        for index, (request, want, part) in enumerate(requests_of_all_kinds(posts)):
            request.page_size = 5
            stream.send(request)
            messages = []
            while not messages or not messages[-1].last:
                messages.append(stream.receive())
            check_answer(library, messages, index, want, part)
            assert part is None or max(page_sizes(messages)) <= 5
        assert stream.rest() == []


def check_answer(library, messages, index, want, part):
    assert {m.request_index for m in messages} == {index}
    if part is None:
        [message] = messages
        assert [(e.request_index, e.code) for e in message.errors] == [(index, want)]
        assert not message.post_messages
    else:
        assert not any(m.errors for m in messages)
        assert posts_of(messages) == library.expected(**want)[part]


def test_bidirectional_pipelined(posts, library):
    """More requests at once than are read ahead; answers in their order."""
    rows = requests_of_all_kinds(posts) * 60
    messages = ask(posts, "ListPostsByUserId", "BidiStream", *[row[0] for row in rows])
    answers = [list(group) for _, group in
               itertools.groupby(messages, key=lambda m: m.request_index)]
    assert len(answers) == len(rows)
    for index, (answer, (_, want, part)) in enumerate(zip(answers, rows)):
        assert [m.last for m in answer] == [False] * (len(answer) - 1) + [True]
        check_answer(library, answer, index, want, part)


def test_bidirectional_of_all_posts(posts, library):
    messages = ask(posts, "ListPosts", "BidiStream", *[
        request_of("ListPosts", tag="rare"), request_of("ListPosts"),
        request_of("ListPosts", limit=2)])
    answers = [[m for m in messages if m.request_index == i] for i in range(3)]
    assert [posts_of(a) for a in answers] == [library.expected(tag="rare"), library.expected(),
                                              library.expected()[:2]]
    assert [bool(a[-1].next_page_token) for a in answers] == [False, False, True]
    assert [a[0].total_size for a in answers] == [0, len(library.posts), len(library.posts)]


@any_listing
def test_bidirectional_without_requests(posts, listing):
    assert ask(posts, listing, "BidiStream") == []


# --- the store changes ------------------------------------------------------------------------------


def test_an_upsert_keeps_its_place(pair, tmp_path_factory):
    """An upsert in an order of its own changes contents, and no order."""
    library = small_library()
    with Pair(tmp_path_factory.mktemp("upserts")) as own:
        library.load(own)
        for row in library.posts[::5]:
            row["title"] += ", changed"
        own.import_posts(reversed(library.posts))
        late = {"post_id": "late", "user_id": "u0", "tags": ["all"], "body": ""}
        own.import_posts([late])
        library.posts.append(late)
        for listing, shape in itertools.product(LISTINGS, SHAPES):
            for user in ("u0", "u5"):
                who = scope(listing, user)
                got = posts_of(collect(own.posts, listing, shape, page_size=100, **who))
                assert got == library.expected(**who)


def test_a_listing_may_go_on_while_posts_come(tmp_path_factory):
    """A page's token stays good: old posts appear once, new ones where they belong."""
    library = small_library()
    with Pair(tmp_path_factory.mktemp("meanwhile")) as own:
        library.load(own)
        first = ask(own.posts, "ListPosts", "", request_of("ListPosts", page_size=100))[0]
        for i in range(40):
            library.posts.append({"post_id": f"n{i}", "user_id": f"u{i}", "tags": []})
        own.import_posts(library.posts[-40:])
        rest = collect(own.posts, "ListPosts", "", page_size=100,
                       page_token=first.next_page_token)
        got = [m.post_id for m in [*first.post_messages, *posts_of(rest)]]
        old = [m.post_id for m in library.expected() if not m.post_id.startswith("n")]
        assert [p for p in got if not p.startswith("n")] == old
        assert len(got) == len(set(got))


# --- GetPost --------------------------------------------------------------------------------


def get(client, post_id):
    return client.call("/v1.post.Post/GetPost", post.GetPostRequest(post_id=post_id))


def test_get_post(posts, library):
    """As the listing has it, with its author."""
    [listed, *_] = posts_of(collect(posts, "ListPosts", ""))
    assert get(posts, listed.post_id).post_message == listed


def test_get_post_of_an_unknown_author(posts, library):
    """User does not know who wrote it: the name stays empty, as in a listing."""
    post_id = next(p["post_id"] for p in library.posts if p["user_id"] == GHOST)
    assert get(posts, post_id).post_message.author == ""


@pytest.mark.parametrize("post_id", ["no such post", "x" * 256])
def test_get_unknown_post(posts, post_id):
    code, text = failure(lambda: get(posts, post_id))
    assert code == grpc.StatusCode.NOT_FOUND and text == f"there is no post {post_id}"


@pytest.mark.parametrize("post_id", ["", "x" * 257], ids=len)
def test_get_post_bad_id(posts, post_id):
    code, text = failure(lambda: get(posts, post_id))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "post_id" in text
