"""The contract of listings that follow: they go on with what changes."""
import concurrent.futures
import itertools

import grpc
import pytest

import timing
from client import Client, failure
from followers import VERSION_FOLLOW, Follow, changes_since, deleted_of, ids_of, news_of
from library import (GHOST, LISTINGS, MANY_REQUESTS, SHAPES, SILENT, ask, collect, path_of, posts_of,
                     request_of, small_library)
from logs import may_log
from pair import Pair
from protos import original, post, user
from test_details import details_of
from timing import wait_until

# How follows end when a server does.
pytestmark = may_log("the server is stopping", "User is unreachable")

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT.value[0]
NOT_FOUND = grpc.StatusCode.NOT_FOUND.value[0]
RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]

ONE_USER = "u7"
FOLLOWS_MAX = 64  # of a call

any_listing = pytest.mark.parametrize("listing", LISTINGS)
any_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s or "Unary")
streaming = pytest.mark.parametrize("shape", ["ServerStream", "BidiStream"])


@pytest.fixture
def library():
    return small_library()


@pytest.fixture
def full(pair, library):
    """The pair, with the library."""
    library.load(pair)
    return pair


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """A pair whose store does not change."""
    with Pair(tmp_path_factory.mktemp("refusing")) as own:
        small_library().load(own)
        yield own.posts


def scope(listing, user_id=ONE_USER):
    """The fields that say whose posts."""
    return {} if listing == "ListPosts" else {"user_id": user_id}


def row(post_id, user_id=ONE_USER, title="", tags=()):
    return {"post_id": post_id, "user_id": user_id, "title": title, "tags": list(tags)}


def rows(*ids, **fields):
    return [row(each, **fields) for each in ids]


def message_of(library, fields):
    return post.PostMessage(author=library.author(fields["user_id"]), **fields)


# --- the listing, caught up, what changes ---------------------------------------------------


@any_listing
@pytest.mark.parametrize("tag", ["", "third", "no such tag"])
def test_the_listing_and_what_changes(full, library, listing, tag):
    with Follow(full.posts, listing, tag=tag, **scope(listing)) as f:
        listed = f.until_caught_up()
        assert posts_of(listed) == library.expected(tag=tag, **scope(listing))
        assert [m.caught_up for m in listed] == [False] * (len(listed) - 1) + [True]
        whole = listing == "ListPosts" and not tag
        assert [m.total_size for m in listed] == [480 if whole else 0] + [0] * (len(listed) - 1)
        for i in range(3):
            new = row(f"new{i}", tags=["all", "third", "no such tag"])
            full.import_posts([row(f"other{i}", user_id="u8")] * (listing != "ListPosts") + [new])
            assert f.told(1) == [message_of(library, new)]
        assert not any(m.caught_up or m.total_size for m in f.messages[len(listed):])
        assert not any(m.last or m.errors or m.request_index for m in f.messages)
        assert all(len(m.next_page_token) == VERSION_FOLLOW for m in f.messages)


@any_listing
def test_the_same_in_a_bidirectional_stream(full, library, listing):
    with full.posts.open(path_of(listing, "BidiStream")) as stream:
        stream.send(request_of(listing, follow=True, **scope(listing)))
        listed = [stream.receive()]
        while not listed[-1].caught_up:
            listed.append(stream.receive())
        assert posts_of(listed) == library.expected(**scope(listing))
        full.import_posts(rows("new"))
        assert ids_of([stream.receive()]) == ["new"]


@any_listing
def test_from_now(full, library, listing):
    with Follow(full.posts, listing, from_now=True, **scope(listing)) as f:
        first = f.receive()
        assert first.caught_up and not news_of(first) and first.next_page_token
        assert first.total_size == 0
        full.import_posts(rows("a", "b"))
        assert f.told(2) == [message_of(library, row(each)) for each in "ab"]


@any_listing
def test_caught_up_where_there_is_nothing(pair, listing):
    pair.import_users([{"user_id": ONE_USER, "name": "Henry"}])
    for from_now in False, True:
        with Follow(pair.posts, listing, from_now=from_now, **scope(listing)) as f:
            first = f.receive()
            assert first.caught_up and not news_of(first) and not first.last
            pair.import_posts(rows(f"first {from_now}"))
            assert ids_of([f.receive()]) == [f"first {from_now}"]


def test_a_known_user_without_posts(full):
    """Among others, whose groups are there: this one comes to be while it is followed."""
    with Follow(full.posts, "ListPostsByUserId", user_id=SILENT) as f:
        assert news_of(f.receive()) == []
        full.import_posts([row("before", user_id="u1"), row("first", user_id=SILENT)])
        [told] = f.told(1)
        assert told.post_id == "first" and told.author == "Silent"
        full.import_posts([row("second", user_id=SILENT)])
        assert ids_of([f.receive()]) == ["second"]
        assert ids_of(changes_since(full.posts, f.messages[0].next_page_token,
                                    "ListPostsByUserId", user_id=SILENT)) == ["first", "second"]


def test_changes_come_in_their_order(full):
    """Of all users: in the order of commits, not of listings."""
    with Follow(full.posts, from_now=True) as f:
        f.until_caught_up()
        order = [f"u{i * 11 % 40}" for i in range(40)] * 2
        full.import_posts(row(f"n{i}", user_id=user_id) for i, user_id in enumerate(order))
        assert [told.user_id for told in f.told(80)] == order


@any_listing
def test_page_size_bounds_messages_of_changes(full, listing):
    with Follow(full.posts, listing, page_size=3, from_now=True, **scope(listing)) as f:
        f.until_caught_up()
        full.import_posts(rows(*map(str, range(20))))
        assert [told.post_id for told in f.told(20)] == [str(i) for i in range(20)]
        assert max(len(m.post_messages) for m in f.messages) == 3


# --- the state, not a history ----------------------------------------------------------------


def test_changes_between_two_reads_are_one(full):
    """Nobody reads while they happen: each post once, as it is now, where it changed last."""
    with Follow(full.posts, from_now=True) as f:
        token = f.receive().next_page_token
    for version in range(5):
        full.import_posts([row(each, title=f"version {version}") for each in "abc"])
        full.import_posts([row(f"once{version}")])
    full.import_posts([row("a", title="last")])
    told = [(m.post_id, m.title) for m in posts_of(changes_since(full.posts, token))]
    assert told == [("once0", ""), ("once1", ""), ("once2", ""), ("once3", ""),
                    ("b", "version 4"), ("c", "version 4"), ("once4", ""), ("a", "last")]


def test_what_does_not_change_is_not_told(full, library):
    """The same import again is no change."""
    with Follow(full.posts, from_now=True) as f:
        f.until_caught_up()
        full.import_posts(library.posts)
        full.import_posts(rows("end"))
        assert ids_of([f.receive()]) == ["end"]


@any_listing
def test_a_post_loses_its_tag_and_has_it_again(full, listing):
    full.import_posts([row("p", tags=["x"]), row("never")])
    with Follow(full.posts, listing, tag="x", **scope(listing)) as f:
        assert ids_of(f.until_caught_up()) == ["p"]
        full.import_posts([row("p", tags=["y"])])
        assert f.told(1) == ["p"]
        full.import_posts([row("p", tags=["y", "x"])])
        assert f.told(1)[0].post_id == "p"
        full.import_posts([row("never", title="still without")])  # which was never told
        assert f.told(1) == ["never"]
        assert all(m.next_page_token for m in f.messages)


def test_a_token_after_a_deleted_id(full):
    """It resumes behind it."""
    full.import_posts([row("p", tags=["x"])])
    with Follow(full.posts, tag="x", from_now=True) as f:
        f.until_caught_up()
        full.import_posts([row("p")])
        assert f.told(1) == ["p"]
        full.import_posts([row("q", tags=["x"])])
        assert [told.post_id for told in f.told(1)] == ["q"]
        after = [changes_since(full.posts, m.next_page_token, tag="x") for m in f.messages]
    assert [deleted_of(messages) for messages in after] == [["p"], [], []]
    assert [ids_of(messages) for messages in after] == [["q"], ["q"], []]


# --- deletes ----------------------------------------------------------------------------------


def delete_posts(client, *ids):
    return client.call("/v1.post.Post/DeletePosts", [post.DeletePostsRequest(post_ids=ids)])


@any_listing
def test_deleted_posts(full, library, listing):
    """Each as an id, whether it was told before or not; what was not there is no change."""
    first = library.expected(**scope(listing))[0].post_id
    with Follow(full.posts, listing, from_now=True, **scope(listing)) as f:
        f.until_caught_up()
        full.import_posts(rows("a", "b"))
        f.told(2)
        assert delete_posts(full.posts, "a", "never", first, "a").deleted == 2
        assert f.told(2) == ["a", first]
        delete_posts(full.posts, "b")
        assert f.told(1) == ["b"]
        deleted_at = [m.next_page_token for m in f.messages if m.deleted_post_ids]
    assert deleted_of(changes_since(full.posts, deleted_at[-1], listing, **scope(listing))) == []
    since = changes_since(full.posts, f.messages[0].next_page_token, listing, **scope(listing))
    assert deleted_of(since) == ["a", first, "b"] and ids_of(since) == []


def test_a_deleted_post_has_no_tag_either(full):
    """A follow with a tag is told of it like the others: it may have shown it."""
    full.import_posts([row("with", tags=["x"]), row("without")])
    with Follow(full.posts, tag="x") as f:
        f.until_caught_up()
        delete_posts(full.posts, "without", "with")
        assert f.told(2) == ["without", "with"]


@any_listing
def test_a_post_that_comes_again(full, listing):
    """Between two reads: it is told as it is now, not as deleted."""
    full.import_posts(rows("p"))
    with Follow(full.posts, listing, from_now=True, **scope(listing)) as f:
        f.until_caught_up()
        delete_posts(full.posts, "p")
        assert f.told(1) == ["p"]
        full.import_posts([row("p", title="again")])
        assert [m.title for m in f.told(1)] == ["again"]
    delete_posts(full.posts, "p")
    full.import_posts([row("p", title="third")])
    since = changes_since(full.posts, f.token, listing, **scope(listing))
    assert [m.title for m in posts_of(since)] == ["third"] and deleted_of(since) == []


def test_a_post_that_comes_again_of_another(full):
    """Its first user's followers are told that it is gone, if all they see is that it is there."""
    full.import_posts(rows("p"))
    both = [{"user_id": ONE_USER}, {"user_id": "u1"}]
    tokens = []
    for fields in both:
        with Follow(full.posts, "ListPostsByUserId", from_now=True, **fields) as f:
            tokens.append(f.receive().next_page_token)
    with Follow(full.posts, from_now=True) as f:
        tokens.append(f.receive().next_page_token)
    delete_posts(full.posts, "p")
    full.import_posts([row("p", user_id="u1")])
    first, second = [changes_since(full.posts, token, "ListPostsByUserId", **fields)
                     for token, fields in zip(tokens, both)]
    assert (ids_of(first), deleted_of(first)) == ([], ["p"])
    assert (ids_of(second), deleted_of(second)) == (["p"], [])
    everything = changes_since(full.posts, tokens[2])
    assert (ids_of(everything), deleted_of(everything)) == (["p"], [])


def test_deleted_ids_fill_messages(full):
    """100,000 bytes of ids are more than one message, and each has a token."""
    ids = [f"{i:0200}" for i in range(1000)]
    full.import_posts(rows(*ids))
    with Follow(full.posts, from_now=True) as f:
        token = f.receive().next_page_token
    delete_posts(full.posts, *ids)
    since = changes_since(full.posts, token)
    assert deleted_of(since) == ids and len(since) > 2
    rest = changes_since(full.posts, since[0].next_page_token)
    assert deleted_of(rest) == ids[len(since[0].deleted_post_ids):]


@streaming
def test_a_deleted_user_ends_its_follows(full, shape):
    """With NOT_FOUND, without a change of a post. Others go on."""
    listing = "ListPostsByUserId"
    with Follow(full.posts, from_now=True) as all_of_them, full.posts.open(
            path_of(listing, "BidiStream")) as stream:
        all_of_them.until_caught_up()
        if shape == "BidiStream":
            stream.send(request_of(listing, user_id=ONE_USER, follow=True, from_now=True),
                        request_of(listing, user_id="u1", follow=True, from_now=True))
            assert [stream.receive().caught_up for _ in range(2)] == [True, True]
            delete_user(full, ONE_USER)
            message = stream.receive()
            assert message.last and not message.next_page_token
            assert [(e.request_index, e.code) for e in message.errors] == [(0, NOT_FOUND)]
            full.import_posts([row("other", user_id="u1")])
            assert ids_of([stream.receive()]) == ["other"]
        else:
            with Follow(full.posts, listing, user_id=ONE_USER) as f:
                f.until_caught_up()
                delete_user(full, ONE_USER)
                code, text = failure(f.receive)
                assert code == grpc.StatusCode.NOT_FOUND and ONE_USER in text
            full.import_posts([row("other", user_id="u1")])
        [told] = all_of_them.told(1)
        assert told.post_id == "other"
        full.import_posts([row("orphan")])  # whose author nobody knows any more
        [told] = all_of_them.told(1)
        assert (told.post_id, told.author) == ("orphan", "")


def delete_user(pair, user_id):
    answer = pair.users.call("/v1.user.User/DeleteUsers",
                             [user.DeleteUsersRequest(user_ids=[user_id])])
    assert answer.deleted == 1


# --- refused ---------------------------------------------------------------------------------


def refusal(client, listing, shape, **fields):
    """(code, text) of the call's status or, where there are many requests, of its only error."""
    request = request_of(listing, **fields)
    if shape not in MANY_REQUESTS:
        code, text = failure(lambda: ask(client, listing, shape, request))
        return code.value[0], text
    [answer] = ask(client, listing, shape, request)
    [error] = answer.errors
    assert answer.last and error.request_index == 0 and not news_of(answer)
    return error.code, error.message


@any_listing
@pytest.mark.parametrize("shape", ["", "ClientStream"], ids=["Unary", "ClientStream"])
@pytest.mark.parametrize("from_now", [False, True])
def test_follow_needs_many_responses(refusing, listing, shape, from_now):
    code, text = refusal(refusing, listing, shape, follow=True, from_now=from_now, **scope(listing))
    assert code == INVALID_ARGUMENT
    assert "follow" in text and f"{listing}ServerStream" in text and f"{listing}BidiStream" in text


def test_in_client_streaming_the_others_are_answered(refusing):
    [answer] = ask(refusing, "ListPosts", "ClientStream", request_of("ListPosts", limit=2),
                   request_of("ListPosts", follow=True), request_of("ListPosts", limit=3))
    assert len(answer.post_messages) == 5
    assert [(e.request_index, e.code) for e in answer.errors] == [(1, INVALID_ARGUMENT)]


@any_listing
@any_shape
def test_from_now_needs_follow(refusing, listing, shape):
    code, text = refusal(refusing, listing, shape, from_now=True, **scope(listing))
    assert code == INVALID_ARGUMENT and "from_now needs follow" in text


def test_reasons_name_the_field(refusing):
    for shape, fields, reason, field in [
            ("", {"follow": True}, "FOLLOW_NEEDS_STREAM", "follow"),
            ("ServerStream", {"from_now": True}, "FROM_NOW_WITHOUT_FOLLOW", "from_now")]:
        _, details = details_of(lambda: refusing.call(path_of("ListPosts", shape),
                                                      request_of("ListPosts", **fields)))
        assert details["ErrorInfo"].reason == reason
        assert [v.field for v in details["BadRequest"].field_violations] == [field]


@streaming
@pytest.mark.parametrize("user_id", ["nobody", GHOST])
@pytest.mark.parametrize("from_now", [False, True])
def test_an_unknown_user(refusing, shape, user_id, from_now):
    code, text = refusal(refusing, "ListPostsByUserId", shape, follow=True, from_now=from_now,
                         user_id=user_id)
    assert code == NOT_FOUND and user_id in text


def test_a_request_that_is_wrong_in_another_way(refusing):
    code, text = refusal(refusing, "ListPosts", "BidiStream", follow=True, limit=-1)
    assert code == INVALID_ARGUMENT and "limit" in text


# --- limit --------------------------------------------------------------------------------------


@any_listing
def test_a_limit_within_the_listing(full, library, listing):
    expected = library.expected(**scope(listing))
    with Follow(full.posts, listing, limit=5, **scope(listing)) as f:
        messages = f.rest()
    assert posts_of(messages) == expected[:5] and messages[-1].last
    assert not any(m.caught_up for m in messages)
    with Follow(full.posts, listing, page_token=f.token, **scope(listing)) as f:
        assert posts_of(f.until_caught_up()) == expected[5:]


@any_listing
def test_a_limit_that_is_just_the_listing(full, library, listing):
    expected = library.expected(**scope(listing))
    with Follow(full.posts, listing, limit=len(expected), **scope(listing)) as f:
        messages = f.rest()
    assert posts_of(messages) == expected and messages[-1].last
    full.import_posts(rows("new"))
    told = changes_since(full.posts, f.token, listing, **scope(listing))
    assert set(ids_of(told)) == {"new"}


@any_listing
def test_a_limit_counts_posts_in_both_phases(full, library, listing):
    """And deleted ids do not count. A resumed one begins to count anew."""
    expected = library.expected(tag="third", **scope(listing))
    full.import_posts(rows("gone", tags=["third"]))
    with Follow(full.posts, listing, tag="third", limit=len(expected) + 3, **scope(listing)) as f:
        assert len(posts_of(f.until_caught_up())) == len(expected) + 1
        full.import_posts([row("a", tags=["third"]), row("gone"),
                           *rows("b", "c", "d", tags=["third"])])
        changes = f.rest()
    assert ids_of(changes) == ["a", "b"] and deleted_of(changes) == ["gone"]
    assert [m.last for m in changes] == [False] * (len(changes) - 1) + [True]
    assert ids_of(changes_since(full.posts, f.token, listing, tag="third",
                                **scope(listing))) == ["c", "d"]


# --- tokens ---------------------------------------------------------------------------------------


def test_every_token_of_the_listing_resumes(full, library):
    """With what has changed since the listing began."""
    expected = library.expected()
    with Follow(full.posts, page_size=50) as f:
        listed = f.until_caught_up()
    changed = {**library.posts[0], "title": "changed"}
    full.import_posts([changed, row("late", user_id="u3")])
    seen = 0
    for message in listed[:-1]:
        seen += len(message.post_messages)
        rest = posts_of(changes_since(full.posts, message.next_page_token, page_size=100))
        assert [m.post_id for m in rest if m.post_id != "late"] == \
            [m.post_id for m in expected[seen:]] + ["p0"]
        assert rest[-2].title == "changed" and rest[-1].post_id == "late"
        assert {m.post_id for m in expected[:seen]} | {m.post_id for m in rest} == \
            {m.post_id for m in expected} | {"late"}


def test_every_token_of_changes_resumes(full):
    """Of changes after it every one, and none twice."""
    with Follow(full.posts, from_now=True, page_size=4) as f:
        f.until_caught_up()
        for i in range(10):
            full.import_posts(row(f"{i}/{k}", user_id=f"u{k}") for k in range(10))
        told = [m.post_id for m in f.told(100)]
    seen = 0
    for message in f.messages:
        seen += len(message.post_messages)
        assert ids_of(changes_since(full.posts, message.next_page_token)) == told[seen:]


def test_a_token_comes_before_from_now(full):
    with Follow(full.posts, from_now=True) as f:
        token = f.receive().next_page_token
    full.import_posts(rows("new"))
    assert ids_of(changes_since(full.posts, token, from_now=True)) == ["new"]


@any_listing
def test_a_token_of_version_1_with_follow(full, library, listing):
    """Of a listing that did not follow: the rest of it, and what changes from now on."""
    [page] = ask(full.posts, listing, "", request_of(listing, page_size=4, **scope(listing)))
    assert len(page.next_page_token) < VERSION_FOLLOW
    with Follow(full.posts, listing, page_token=page.next_page_token, **scope(listing)) as f:
        assert posts_of(f.until_caught_up()) == library.expected(**scope(listing))[4:]
        full.import_posts(rows("new"))
        assert ids_of([f.receive()]) == ["new"]


@any_listing
@any_shape
def test_a_token_of_a_follow_without_follow(full, library, listing, shape):
    """In the listing it resumes that; among changes there is nothing to list."""
    expected = library.expected(**scope(listing))
    with Follow(full.posts, listing, page_size=4, **scope(listing)) as f:
        f.until_caught_up()
    rest = collect(full.posts, listing, shape, page_token=f.messages[0].next_page_token,
                   **scope(listing))
    assert posts_of(rest) == expected[4:]
    code, text = refusal(full.posts, listing, shape, page_token=f.token, **scope(listing))
    assert code == INVALID_ARGUMENT and "set follow" in text


@streaming
def test_a_token_of_another_query(full, shape):
    with Follow(full.posts, "ListPostsByUserId", user_id=ONE_USER) as f:
        f.until_caught_up()
    for listing, fields in [("ListPosts", {}), ("ListPostsByUserId", {"user_id": "u1"}),
                            ("ListPostsByUserId", {"user_id": ONE_USER, "tag": "x"})]:
        code, text = refusal(full.posts, listing, shape, follow=True, page_token=f.token, **fields)
        assert code == INVALID_ARGUMENT and "another listing" in text


def test_a_damaged_token(refusing):
    with Follow(refusing, from_now=True) as f:
        token = f.receive().next_page_token
    for damaged in token[:-1], token + "A", token[:44], "B" + token[1:], token[:9] + token[:9:-1]:
        code, text = refusal(refusing, "ListPosts", "ServerStream", follow=True, page_token=damaged)
        assert code == INVALID_ARGUMENT and "damaged" in text


def test_a_token_of_another_store(full, start_pair):
    with Follow(full.posts, from_now=True) as f:
        token = f.receive().next_page_token
    code, _ = refusal(start_pair().posts, "ListPosts", "ServerStream", follow=True, page_token=token)
    assert code == grpc.StatusCode.FAILED_PRECONDITION.value[0]


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_after_a_restart(full, how):
    """A server that came back goes on from a token, in either phase."""
    with Follow(full.posts, page_size=100) as f:
        listed = f.until_caught_up()
        full.import_posts(rows("told"))
        f.told(1)
    full.import_posts(rows("before"))
    if how == "restart":
        full.post.restart()
    else:
        full.post.kill()
        full.post.start()
    full.posts = full.client(full.post)
    full.import_posts(rows("after"))
    assert ids_of(changes_since(full.posts, f.token)) == ["before", "after"]
    after = changes_since(full.posts, listed[-1].next_page_token)
    assert ids_of(after) == ["told", "before", "after"]
    rest = ids_of(changes_since(full.posts, listed[0].next_page_token))
    assert rest[-3:] == ["told", "before", "after"]
    assert len(set(rest)) == 480 - len(listed[0].post_messages) + 3


# --- bidirectional ----------------------------------------------------------------------------------


def receive_until(stream, condition):
    messages = [stream.receive()]
    while not condition(messages[-1]):
        messages.append(stream.receive())
    return messages


def test_answers_come_in_order_until_each_has_caught_up(full, library):
    with full.posts.open(path_of("ListPostsByUserId", "BidiStream")) as stream:
        kinds = [{}, {"follow": True}, {"follow": True, "from_now": True}, {"limit": 2},
                 {"follow": True, "tag": "third"}]
        stream.send(*[request_of("ListPostsByUserId", user_id=f"u{i}", **fields)
                      for i, fields in enumerate(kinds)])
        messages = receive_until(stream, lambda m: m.request_index == 4 and m.caught_up)
        indexes = [m.request_index for m in messages]
        assert indexes == sorted(indexes) and set(indexes) == set(range(5))
        answers = [[m for m in messages if m.request_index == i] for i in range(5)]
        assert [a[-1].caught_up for a in answers] == [False, True, True, False, True]
        assert [a[-1].last for a in answers] == [True, False, False, True, False]
        assert [posts_of(a) for a in answers] == [
            library.expected(user_id="u0"), library.expected(user_id="u1"), [],
            library.expected(user_id="u3")[:2], library.expected(user_id="u4", tag="third")]


def test_follows_of_several_requests_mix(full):
    with full.posts.open(path_of("ListPostsByUserId", "BidiStream")) as stream:
        users = [f"u{i}" for i in range(5)]
        stream.send(*[request_of("ListPostsByUserId", user_id=each, follow=True) for each in users])
        receive_until(stream, lambda m: m.request_index == 4 and m.caught_up)
        for i in (3, 0, 4, 4, 1):
            full.import_posts([row(f"new of {i}", user_id=users[i], title=str(i))])
            full.import_posts([row(f"new of {i}", user_id=users[i], title="again")])
            told = receive_until(stream, lambda m: m.post_messages[0].title == "again")
            assert {m.request_index for m in told} == {i}
        # A listing between them is answered at its turn, and they go on.
        stream.send(request_of("ListPostsByUserId", user_id="u9", limit=1))
        answer = stream.receive()
        assert answer.request_index == 5 and answer.last and len(answer.post_messages) == 1
        full.import_posts([row("x", user_id="u2")])
        assert stream.receive().request_index == 2


def test_two_follows_of_the_same(full):
    with full.posts.open(path_of("ListPosts", "BidiStream")) as stream:
        stream.send(*[request_of("ListPosts", follow=True, from_now=True)] * 2)
        assert [stream.receive().request_index for _ in range(2)] == [0, 1]
        full.import_posts(rows("new"))
        told = [stream.receive() for _ in range(2)]
        assert sorted(m.request_index for m in told) == [0, 1]
        assert [ids_of([m]) for m in told] == [["new"]] * 2


def test_half_close_keeps_them(full):
    with full.posts.open(path_of("ListPosts", "BidiStream")) as stream:
        stream.send(request_of("ListPosts", follow=True, from_now=True, limit=2),
                    request_of("ListPosts", follow=True, from_now=True, limit=3))
        stream.done()
        assert [stream.receive().caught_up for _ in range(2)] == [True, True]
        for i in range(3):
            full.import_posts(rows(f"new{i}"))
        messages = list(stream.rpc)  # and with the last of them ends the call
        for index, limit in enumerate((2, 3)):
            own = [m for m in messages if m.request_index == index]
            assert ids_of(own) == [f"new{i}" for i in range(limit)]
            assert own[-1].last and own[-1].next_page_token


def test_the_65th_is_refused(full):
    """As one request of the call; and there is room again when one has ended."""
    with full.posts.open(path_of("ListPosts", "BidiStream")) as stream:
        one = request_of("ListPosts", follow=True, from_now=True)
        limited = request_of("ListPosts", follow=True, from_now=True, limit=1)
        stream.send(limited, *[one] * FOLLOWS_MAX)
        messages = [stream.receive() for _ in range(FOLLOWS_MAX + 1)]
        assert all(m.caught_up for m in messages[:FOLLOWS_MAX])
        [error] = messages[FOLLOWS_MAX].errors
        assert (error.request_index, error.code) == (FOLLOWS_MAX, RESOURCE_EXHAUSTED)
        assert messages[FOLLOWS_MAX].last and "64" in error.message
        full.import_posts(rows("new"))
        told = [stream.receive() for _ in range(FOLLOWS_MAX)]
        assert sorted(m.request_index for m in told) == list(range(FOLLOWS_MAX))
        assert [m.request_index for m in told if m.last] == [0]
        stream.send(one)
        assert stream.receive().caught_up


def test_errors_of_one_do_not_end_the_others(full):
    with full.posts.open(path_of("ListPostsByUserId", "BidiStream")) as stream:
        stream.send(request_of("ListPostsByUserId", user_id="u1", follow=True, from_now=True),
                    request_of("ListPostsByUserId", user_id="nobody", follow=True),
                    request_of("ListPostsByUserId", user_id="u2", from_now=True),
                    request_of("ListPostsByUserId", user_id="u3", follow=True, page_token="bad"),
                    request_of("ListPostsByUserId", user_id="u4", follow=True, from_now=True))
        messages = [stream.receive() for _ in range(5)]
        assert [m.caught_up for m in messages] == [True, False, False, False, True]
        assert [(e.request_index, e.code) for m in messages for e in m.errors] == \
            [(1, NOT_FOUND), (2, INVALID_ARGUMENT), (3, INVALID_ARGUMENT)]
        full.import_posts([row("a", user_id="u4"), row("b", user_id="u1")])
        told = [stream.receive() for _ in range(2)]
        assert {(m.request_index, *ids_of([m])) for m in told} == {(4, "a"), (0, "b")}


# --- many of them -------------------------------------------------------------------------------------


def test_across_loops(start_pair, library):
    """Imports come on one connection, so on one loop; followers are on many, so on all."""
    pair = start_pair(post_args=["--loops", "3"])
    library.load(pair)
    clients = [pair.client(pair.post) for _ in range(12)]
    kinds = [{}, {"tag": "x"}, {"user_id": "u1"}, {"user_id": "u1", "tag": "x"}]
    follows = [Follow(client, "ListPostsByUserId" if "user_id" in fields else "ListPosts",
                      from_now=True, **fields)
               for client, fields in zip(clients, itertools.cycle(kinds))]
    for f in follows:
        f.until_caught_up()
    for i in range(50):
        pair.import_posts([row(f"{i} all", user_id="u2"),
                           row(f"{i} all tagged", user_id="u2", tags=["x"]),
                           row(f"{i} user", user_id="u1"),
                           row(f"{i} user tagged", user_id="u1", tags=["x"])])
    for f in follows:
        told = [f"{i} {kind}" for i in range(50)
                for kind in ("all", "all tagged", "user", "user tagged")
                if ("user" in kind or f.request.DESCRIPTOR.name == "ListPostsRequest") and
                ("tagged" in kind or not f.request.tag)]
        expected = set(told)
        got = [each for each in f.told(told_in_all(f)) if not isinstance(each, str)]
        assert [m.post_id for m in got] == told and {m.post_id for m in got} == expected
        f.rpc.cancel()


def told_in_all(f):
    """With a tag, those that never had it come as deleted: as many news, whatever the tag."""
    return 100 if f.request.DESCRIPTOR.name == "ListPostsByUserIdRequest" else 200


MIB = 1 << 20
LARGE = "x" * 50_000


def test_a_reader_that_stops_costs_nothing(full):
    """20 MB change that it does not read. The others hear of all of it meanwhile; and it, when it
    reads again, of each post once."""
    with Follow(full.posts, from_now=True) as slow, \
            Follow(full.client(full.post), from_now=True) as quick:
        slow.until_caught_up()
        quick.until_caught_up()
        full.import_posts([row("warm", title=LARGE)])
        quick.told(1)
        before = full.post.rss_anon_bytes()
        for round_ in range(20):
            full.import_posts([row(f"large{i}", title=f"{round_} {LARGE}") for i in range(20)])
            quick.until(lambda m, want=f"{round_} ": m.post_messages[-1].post_id == "large19" and
                        m.post_messages[-1].title.startswith(want))
        assert full.post.rss_anon_bytes() - before < 8 * MIB * timing.STRETCH
        told = slow.until(lambda m: m.post_messages[-1].post_id == "large19" and
                          m.post_messages[-1].title.startswith("19 "))
        seen = [(m.post_id, m.title.split()[0]) for m in posts_of(told)]
        assert len(seen) == len(set(seen))
        assert {each for each in seen if each[1] == "19"} == {(f"large{i}", "19") for i in range(20)}
        assert len(seen) < 20 * 20  # most of the rounds in between were never sent
        full.import_posts(rows("end"))
        assert ids_of([slow.receive()]) == ["end"]


def test_many_follows_that_come_back_at_once(start_pair, library):
    """Each has its turn; a unary call in between is not kept waiting for all of them."""
    pair = start_pair(post_args=["--loops", "1"])
    library.load(pair)
    with Follow(pair.posts, from_now=True) as f:
        token = f.receive().next_page_token
    pair.import_posts(row(f"n{i}", user_id=f"u{i % 40}") for i in range(2000))
    wanted = [f"n{i}" for i in range(2000)]
    with pair.posts.open(path_of("ListPosts", "BidiStream")) as stream:
        stream.send(*[request_of("ListPosts", follow=True, page_token=token)] * FOLLOWS_MAX)
        [answer] = ask(pair.client(pair.post), "ListPosts", "", request_of("ListPosts", page_size=1))
        assert len(answer.post_messages) == 1
        told, caught_up = [[] for _ in range(FOLLOWS_MAX)], 0
        while caught_up < FOLLOWS_MAX:
            message = stream.receive()
            told[message.request_index] += ids_of([message])
            caught_up += message.caught_up
    assert told == [wanted] * FOLLOWS_MAX


# --- the server's bounds --------------------------------------------------------------------------------


@streaming
@may_log("too many requests of one caller follow at once")
def test_follows_of_one_caller(start_pair, shape):
    """Places are one caller's, whatever the connection and the loop; they come back."""
    pair = start_pair(post_args=["--max-follows-per-caller", "3", "--loops", "2"])
    clients = [pair.client(pair.post) for _ in range(4)]
    follows = [Follow(client, from_now=True) for client in clients[:3]]
    for f in follows:
        f.until_caught_up()
    code, text = refusal(clients[3], "ListPosts", shape, follow=True)
    assert code == RESOURCE_EXHAUSTED and "--max-follows-per-caller" in text
    if shape == "ServerStream":
        _, details = details_of(lambda: clients[3].call(
            path_of("ListPosts", shape), request_of("ListPosts", follow=True)))
        assert details["ErrorInfo"].reason == "TOO_MANY_FOLLOWS"
    assert ask(clients[3], "ListPosts", shape, request_of("ListPosts"))[-1].last  # it lists on
    follows[1].rpc.cancel()

    def enters():
        with Follow(clients[3], from_now=True) as f:
            try:
                return f.receive().caught_up
            except grpc.RpcError as e:
                assert e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
                return False

    wait_until(enters, "the place of a follow that was cancelled is free")
    for f in follows:
        f.rpc.cancel()


def test_a_place_comes_back_at_a_limit(start_pair):
    pair = start_pair(post_args=["--max-follows-per-caller", "1"])
    with pair.posts.open(path_of("ListPosts", "BidiStream")) as stream:
        for i in range(5):
            stream.send(request_of("ListPosts", follow=True, from_now=True, limit=1),
                        request_of("ListPosts", follow=True))
            assert stream.receive().caught_up
            assert stream.receive().errors[0].code == RESOURCE_EXHAUSTED
            pair.import_posts(rows(f"new{i}"))
            assert stream.receive().last


@streaming
def test_changes_expire(start_pair, shape):
    """What is too old is not told in part; what is kept is told."""
    pair = start_pair(post_args=["--keep-changes", "100"])
    with Follow(pair.posts, from_now=True) as f:
        tokens = [f.receive().next_page_token]
        for i in range(6):
            pair.import_posts(rows(*[f"{i}/{k}" for k in range(50)]))
            f.told(50)
            tokens.append(f.messages[-1].next_page_token)
    assert ids_of(changes_since(pair.posts, tokens[-1])) == []
    assert ids_of(changes_since(pair.posts, tokens[-2])) == [f"5/{k}" for k in range(50)]
    code, text = refusal(pair.posts, "ListPosts", shape, follow=True, page_token=tokens[0])
    assert code == grpc.StatusCode.FAILED_PRECONDITION.value[0] and "list again" in text
    if shape == "ServerStream":
        _, details = details_of(lambda: pair.posts.call(path_of("ListPosts", shape), request_of(
            "ListPosts", follow=True, page_token=tokens[0])))
        assert details["ErrorInfo"].reason == "CHANGES_EXPIRED"
    with Follow(pair.posts) as f:
        assert len(posts_of(f.until_caught_up())) == 300


# --- the server stops, User is away --------------------------------------------------------------------


def test_follows_end_at_once_when_the_server_stops(full):
    """The drain timeout is for answers that have an end."""
    clients = [full.client(full.post) for _ in range(3)]
    with Follow(clients[0]) as all_of_them, Follow(clients[1], "ListPostsByUserId",
                                                   user_id=ONE_USER) as of_user, \
            clients[2].open(path_of("ListPosts", "BidiStream")) as stream:
        all_of_them.until_caught_up()
        of_user.until_caught_up()
        stream.send(request_of("ListPosts", follow=True, from_now=True))
        assert stream.receive().caught_up
        full.post.stop(timing.MARGIN)
        for receive in all_of_them.receive, of_user.receive, stream.receive:
            code, text = failure(receive)
            assert code == grpc.StatusCode.UNAVAILABLE and "stopping" in text
    full.post.start()


def wait_for_name(pair, name):
    """Post has heard of it."""
    wait_until(lambda: pair.posts.call("/v1.post.Post/GetPost", post.GetPostRequest(
        post_id="p7")).post_message.author == name, "a rename shows")


def test_a_rename_shows_in_what_changes(start_pair, library):
    """It is no change of a post; the next one has the new name."""
    pair = start_pair(post_args=["--loops", "1"])
    library.load(pair)
    user_id = next(each["user_id"] for each in library.posts if each["post_id"] == "p7")
    with Follow(pair.posts, from_now=True) as f, \
            Follow(pair.posts, "ListPostsByUserId", user_id=user_id, from_now=True) as of_user:
        f.until_caught_up()
        of_user.until_caught_up()
        for name in "One", "Two":
            pair.import_users([{"user_id": user_id, "name": name}])
            wait_for_name(pair, name)
            pair.import_posts([row("after", user_id=user_id, title=name)])
            for each in f, of_user:
                assert [(m.author, m.title) for m in each.told(1)] == [(name, name)]


def test_posts_of_unknown_users(full):
    """Told without a name; a message says once whose posts have none."""
    with Follow(full.posts, from_now=True) as f:
        f.until_caught_up()
        full.import_posts([row("a", user_id="x1"), row("b", user_id="u1"), row("c", user_id="x2"),
                           row("d", user_id="x1"), row("e", user_id="x2")])
        told = f.until(lambda m: ids_of([m])[-1] == "e")
    assert ids_of(told) == ["a", "b", "c", "d", "e"]
    for message in told:
        nameless = {m.user_id for m in message.post_messages if not m.author}
        assert sorted(message.unresolved_user_ids) == sorted(nameless) and "u1" not in nameless


@may_log("User is unreachable")
def test_a_name_is_needed_and_user_is_away(start_pair):
    """The follow ends after --user-timeout, and is resumed from its token when User is back."""
    pair = start_pair(post_args=["--user-timeout", "300ms"])
    pair.import_users([{"user_id": "1", "name": "Henry"}, {"user_id": "2", "name": "Max"}])
    with Follow(pair.posts) as f:
        f.until_caught_up()
        pair.import_posts([row("a", user_id="1")])
        assert [m.author for m in f.told(1)] == ["Henry"]
        pair.user.stop()
        pair.import_posts([row("b", user_id="2")])
        code, text = failure(f.receive)
        assert code == grpc.StatusCode.UNAVAILABLE and "User is unreachable" in text
    pair.user.start()
    told = wait_until(lambda: told_or_away(pair.posts, f.token), "User is back")
    assert [(m.post_id, m.author) for m in posts_of(told)] == [("b", "Max")]


def told_or_away(client, token):
    try:
        return changes_since(client, token)
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.UNAVAILABLE
        return None


@may_log("User is unreachable")
def test_user_comes_back_in_time(start_pair):
    """A follow waits for the name meanwhile, and nothing is lost."""
    pair = start_pair(post_args=["--user-timeout", f"{round(timing.limit(15))}s"])
    pair.import_users([{"user_id": "1", "name": "Henry"}, {"user_id": "2", "name": "Max"}])
    with Follow(pair.posts) as f, Follow(pair.posts, "ListPostsByUserId", user_id="1") as of_user:
        f.until_caught_up()
        of_user.until_caught_up()
        pair.user.restart()
        pair.import_posts([row("a", user_id="1"), row("b", user_id="2"), row("c", user_id="1")])
        assert [(m.post_id, m.author) for m in f.told(3)] == [("a", "Henry"), ("b", "Max"),
                                                              ("c", "Henry")]
        assert [m.post_id for m in of_user.told(2)] == ["a", "c"]


# --- who knows nothing of it -----------------------------------------------------------------------------


@pytest.mark.parametrize("edition", ["", "v1."])
def test_clients_of_the_original_see_nothing_new(full, edition):
    """Not while others follow, either."""
    with Follow(full.posts) as f, Client(full.post.target, original.methods) as client:
        f.until_caught_up()
        classes = original.packages[edition + "post"]
        answer = client.call(f"/{edition}post.Post/ListPosts", classes.ListPostsRequest())
        assert len(answer.post_messages) == 480
        raw = post.ListPostsResponse.FromString(answer.SerializeToString())  # with what it ignored
        assert len(raw.post_messages) == 480 and not raw.caught_up and not raw.deleted_post_ids


@any_listing
@streaming
def test_listings_without_follow_are_as_before(full, listing, shape):
    """They end, and their tokens are of version 1."""
    with Follow(full.posts) as f:
        f.until_caught_up()
        messages = ask(full.posts, listing, shape, request_of(listing, page_size=5,
                                                              **scope(listing)))
    assert messages[-1].last and not any(m.caught_up or m.deleted_post_ids for m in messages)
    assert all(len(m.next_page_token) < VERSION_FOLLOW for m in messages)


def test_imports_and_follows_at_once(full):
    """Each of several importers writes posts of its own; a follower has every last version."""
    with Follow(full.posts, from_now=True, timeout=2 * timing.CALL) as f, \
            concurrent.futures.ThreadPoolExecutor(4) as pool:
        f.until_caught_up()

        def write(n):
            client = full.client(full.post)
            for version in range(30):
                client.call("/v1.post.Post/ImportPosts", [post.ImportPostsRequest(post_messages=[
                    post.PostMessage(post_id=f"{n}/{k}", user_id=f"u{n}", title=str(version))
                    for k in range(5)])])

        list(pool.map(write, range(4)))
        state, seen = {}, set()
        while sum(title == "29" for title in state.values()) < 20:
            for message in f.receive().post_messages:
                assert (message.post_id, message.title) not in seen
                assert int(message.title) > int(state.get(message.post_id, "-1"))
                seen.add((message.post_id, message.title))
                state[message.post_id] = message.title
