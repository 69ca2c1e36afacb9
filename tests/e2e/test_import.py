"""ImportPosts and ImportUsers: upsert by id, and what is rejected."""
import grpc
import pytest

from client import failure
from library import ask, collect, posts_of, request_of
from pair import Pair
from protos import post, user
from wire import field, varint

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT.value[0]
ALREADY_EXISTS = grpc.StatusCode.ALREADY_EXISTS.value[0]

POSTS = "/v1.post.Post/ImportPosts"
USERS = "/v1.user.User/ImportUsers"
MIB = 1 << 20


def counts(response):
    return response.imported, response.updated, response.unchanged, response.rejected


def import_posts(client, *chunks):
    """Each chunk is the posts of one request: dicts, or a PostMessage's bytes."""
    return client.call(POSTS, [
        b"".join(field(1, row if isinstance(row, bytes)
                       else post.PostMessage(**row).SerializeToString()) for row in chunk)
        for chunk in chunks])


def import_users(client, *chunks):
    return client.call(USERS, [
        b"".join(field(1, row if isinstance(row, bytes)
                       else user.UserMessage(**row).SerializeToString()) for row in chunk)
        for chunk in chunks])


def rows_of(n, **fields):
    return [{"post_id": f"p{i}", "user_id": f"u{i % 3}", "title": f"{i}", **fields}
            for i in range(n)]


def listed(pair, **fields):
    return posts_of(collect(pair.posts, "ListPosts", "ServerStream", **fields))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For tests that reject, and so leave nothing behind."""
    with Pair(tmp_path_factory.mktemp("rejected")) as pair:
        pair.import_users([{"user_id": "u", "name": "Uma"}])
        pair.import_posts([{"post_id": "mine", "user_id": "u"}])
        yield pair
        assert [m.post_id for m in listed(pair)] == ["mine"]


# --- posts -----------------------------------------------------------------------------------------


def test_counts_of_posts(pair):
    rows = rows_of(30)
    assert counts(import_posts(pair.posts, rows[:10], [], rows[10:])) == (30, 0, 0, 0)
    assert counts(import_posts(pair.posts, rows)) == (0, 0, 30, 0)
    for i in (3, 17):
        rows[i]["body"] = "changed"
    new = {"post_id": "new", "user_id": "u0"}
    assert counts(import_posts(pair.posts, rows + [new])) == (1, 2, 28, 0)
    assert {m.post_id: m.body for m in listed(pair)} == \
        {**{row["post_id"]: row.get("body", "") for row in rows}, "new": ""}


def test_import_of_nothing(shared):
    assert import_posts(shared.posts) == post.ImportPostsResponse()
    assert import_posts(shared.posts, [], []) == post.ImportPostsResponse()
    assert import_users(shared.users) == user.ImportUsersResponse()


def test_the_same_post_twice_in_one_import(pair):
    """The last one counts."""
    row = {"post_id": "p", "user_id": "u"}
    response = import_posts(pair.posts, [{**row, "title": "1"}, {**row, "title": "2"}],
                            [{**row, "title": "3"}])
    assert counts(response) == (1, 2, 0, 0)
    assert [m.title for m in listed(pair)] == ["3"]


def test_every_field_is_kept_but_the_author(pair):
    pair.import_users([{"user_id": "u", "name": "Uma"}])
    row = post.PostMessage(post_id="p", user_id="u", title="제목", body="x\ny\t🙂", author="liar",
                           tags=["b", "", "a", "b"],
                           create_time={"seconds": -62135596800, "nanos": 999999999})
    import_posts(pair.posts, [row.SerializeToString()])
    row.author = "Uma"
    assert listed(pair) == [row]
    # What a listing gave is valid input, and the same.
    assert counts(import_posts(pair.posts, [row.SerializeToString()])) == (0, 0, 1, 0)


def test_an_update_keeps_its_place_and_leaves_its_tag(pair):
    import_posts(pair.posts, rows_of(9, tags=["old"]))
    before = [m.post_id for m in listed(pair)]
    import_posts(pair.posts, [{**rows_of(9)[4], "tags": ["new"]}])
    assert [m.post_id for m in listed(pair)] == before
    assert [m.post_id for m in listed(pair, tag="new")] == ["p4"]
    assert [m.post_id for m in listed(pair, tag="old")] == [p for p in before if p != "p4"]


def test_a_post_of_another_user_is_rejected(shared):
    response = import_posts(shared.posts, [{"post_id": "mine", "user_id": "other"}])
    assert counts(response) == (0, 0, 0, 1)
    [error] = response.errors
    assert (error.request_index, error.code) == (0, ALREADY_EXISTS) and "mine" in error.message


def test_a_rejected_post_does_not_make_its_user(pair):
    """Order is by the first post that there is."""
    pair.import_posts([{"post_id": "1", "user_id": "a"}])
    import_posts(pair.posts, [{"post_id": "1", "user_id": "late"}])
    pair.import_posts([{"post_id": "2", "user_id": "b"}, {"post_id": "3", "user_id": "late"}])
    assert [m.user_id for m in listed(pair)] == ["a", "b", "late"]


BAD_POSTS = {
    "no post_id": ({"user_id": "u"}, "post_id"),
    "no user_id": ({"post_id": "p"}, "user_id"),
    "long post_id": ({"post_id": "x" * 257, "user_id": "u"}, "post_id"),
    "long user_id": ({"post_id": "p", "user_id": "길" * 86}, "user_id"),
    "over 1 MiB": ({"post_id": "p", "user_id": "u", "body": "x" * MIB}, "bytes"),
    "before year 1": ({"post_id": "p", "user_id": "u",
                       "create_time": {"seconds": -62135596801}}, "create_time"),
    "after year 9999": ({"post_id": "p", "user_id": "u",
                         "create_time": {"seconds": 253402300800}}, "create_time"),
    "negative nanos": ({"post_id": "p", "user_id": "u", "create_time": {"nanos": -1}},
                       "create_time"),
    "post_id no text": (field(1, b"\xff") + field(6, b"u"), "post_id"),
    "NUL in post_id": (field(1, b"p\0") + field(6, b"u"), "post_id"),
    "title no text": (field(1, b"p") + field(6, b"u") + field(3, b"\xed\xa0\x80"), "title"),
    "body no text": (field(1, b"p") + field(6, b"u") + field(4, b"\xc0\x80"), "body"),
    "a tag no text": (field(1, b"p") + field(6, b"u") + field(5, b"ok") + field(5, b"\xff"), "tags"),
    "user_id no text": (field(1, b"p") + field(6, b"\xf8"), "user_id"),
}


@pytest.mark.parametrize("row, name", BAD_POSTS.values(), ids=BAD_POSTS)
def test_a_bad_post_is_rejected_alone(pair, row, name):
    response = import_posts(pair.posts, [{"post_id": "1", "user_id": "u"}, row,
                                         {"post_id": "2", "user_id": "u"}])
    assert counts(response) == (2, 0, 0, 1)
    [error] = response.errors
    assert (error.request_index, error.code) == (1, INVALID_ARGUMENT) and name in error.message
    assert [m.post_id for m in listed(pair)] == ["1", "2"]


def test_the_largest_posts_that_are_accepted(pair):
    fixed = {"post_id": "길" * 85 + "x", "user_id": "u" * 256}
    size = post.PostMessage(**fixed, body="x" * MIB).ByteSize() - MIB
    for body, accepted in ((MIB - size, True), (MIB - size + 1, False)):
        response = import_posts(pair.posts, [{**fixed, "body": "x" * body}])
        assert response.rejected == (0 if accepted else 1), response
    [message] = listed(pair)
    assert len(message.body) == MIB - size
    [message] = ask(pair.posts, "ListPosts", "", request_of("ListPosts"))[0].post_messages
    assert len(message.body) == MIB - size


def test_the_first_hundred_reasons(shared):
    """All are counted; numbers are of records, over all requests."""
    good = {"post_id": "mine", "user_id": "u"}
    chunks = [[{} if i % 2 else good for i in range(50)] for _ in range(10)]
    response = import_posts(shared.posts, *chunks)
    assert counts(response) == (0, 0, 250, 250)
    assert [e.request_index for e in response.errors] == list(range(1, 200, 2))
    assert all(e.code == INVALID_ARGUMENT and "post_id" in e.message for e in response.errors)


def test_reasons_are_in_order_though_they_come_from_two_places(shared):
    """Some are found before the store, some by it."""
    foreign, bad = {"post_id": "mine", "user_id": "other"}, {"post_id": "p"}
    response = import_posts(shared.posts, *[[foreign, bad]] * 60)
    assert response.rejected == 120 and len(response.errors) == 100
    assert [e.request_index for e in response.errors] == list(range(100))
    assert [e.code for e in response.errors] == [ALREADY_EXISTS, INVALID_ARGUMENT] * 50


def test_undecodable_request_after_good_ones(pair):
    """What came before it was committed and stays."""
    code, text = failure(lambda: pair.posts.call(POSTS, [
        post.ImportPostsRequest(post_messages=[post.PostMessage(**rows_of(1)[0])]), b"\xff"]))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "v1.post.ImportPostsRequest" in text
    assert counts(import_posts(pair.posts, rows_of(1))) in ((0, 0, 1, 0), (1, 0, 0, 0))
    assert [m.post_id for m in listed(pair)] == ["p0"]


def test_a_batch_is_committed_before_the_stream_ends(pair):
    with pair.posts.open(POSTS) as stream:
        stream.send(post.ImportPostsRequest(post_messages=[post.PostMessage(**rows_of(1)[0])]))
        while not listed(pair):  # each look is a whole call: its deadline ends this
            assert stream.rpc.is_active()
        stream.send(post.ImportPostsRequest(post_messages=[
            post.PostMessage(**row) for row in rows_of(2)]))
        stream.done()
        assert counts(stream.receive()) == (2, 0, 1, 0)


def test_imports_side_by_side(pair):
    """Several clients, the same posts: each new one is counted once."""
    rows = rows_of(400)
    clients = [pair.client(pair.post) for _ in range(4)]
    streams = [client.open(POSTS) for client in clients]
    for i in range(0, len(rows), 20):
        for stream in streams:
            stream.send(post.ImportPostsRequest(
                post_messages=[post.PostMessage(**row) for row in rows[i:i + 20]]))
    for stream in streams:
        stream.done()
    responses = [stream.receive() for stream in streams]
    assert sum(r.imported for r in responses) == 400
    assert sum(r.unchanged for r in responses) == 1200
    assert sorted(m.post_id for m in listed(pair)) == sorted(row["post_id"] for row in rows)


def test_what_was_answered_survives_kill(pair):
    pair.import_users([{"user_id": f"u{i}", "name": f"N{i}"} for i in range(3)])
    pair.import_posts(rows_of(100))
    before = listed(pair)
    token = ask(pair.posts, "ListPosts", "", request_of("ListPosts", page_size=10))[0] \
        .next_page_token
    for server in pair.user, pair.post:
        server.kill()
    for server in pair.user, pair.post:
        server.start()
    posts = pair.client(pair.post)
    assert posts_of(collect(posts, "ListPosts", "")) == before
    assert posts_of(collect(posts, "ListPosts", "", page_token=token)) == before[10:]
    assert counts(import_posts(posts, rows_of(100))) == (0, 0, 100, 0)
    assert counts(import_users(pair.client(pair.user), [{"user_id": "u1", "name": "N1"}])) == \
        (0, 0, 1, 0)


# --- users --------------------------------------------------------------------------------------------


def test_counts_of_users(pair):
    rows = [{"user_id": f"{i}", "name": f"N{i}", "age": i, "phone_number": "010"}
            for i in range(20)]
    assert counts(import_users(pair.users, rows[:7], rows[7:])) == (20, 0, 0, 0)
    assert counts(import_users(pair.users, rows)) == (0, 0, 20, 0)
    rows[5]["age"] = -5
    rows[6]["name"] = ""
    assert counts(import_users(pair.users, [*rows, {"user_id": "new"}])) == (1, 2, 18, 0)
    response = pair.users.call("/v1.user.User/ListUsers", user.ListUsersRequest())
    assert list(response.user_messages) == \
        [user.UserMessage(**row) for row in rows] + [user.UserMessage(user_id="new")]


BAD_USERS = {
    "no user_id": ({"name": "x"}, "user_id"),
    "long user_id": ({"user_id": "x" * 257}, "user_id"),
    "long name": ({"user_id": "p", "name": "x" * 1025}, "name"),
    "name no text": (field(1, b"p") + field(2, b"\xff"), "name"),
    "NUL in name": (field(1, b"p") + field(2, b"a\0b"), "name"),
    "user_id no text": (field(1, b"\xc3"), "user_id"),
    "phone_number no text": (field(1, b"p") + field(3, b"\xc3("), "phone_number"),
}


@pytest.mark.parametrize("row, name", BAD_USERS.values(), ids=BAD_USERS)
def test_a_bad_user_is_rejected_alone(pair, row, name):
    response = import_users(pair.users, [{"user_id": "1"}], [row], [{"user_id": "2"}])
    assert counts(response) == (2, 0, 0, 1)
    [error] = response.errors
    assert (error.request_index, error.code) == (1, INVALID_ARGUMENT) and name in error.message
    listed_users = pair.users.call("/v1.user.User/ListUsers", user.ListUsersRequest())
    assert [m.user_id for m in listed_users.user_messages] == ["1", "2"]


def test_the_longest_name(pair):
    name = "길" * 341 + "x"
    pair.import_users([{"user_id": "u" * 256, "name": name}])
    pair.import_posts([{"post_id": "p", "user_id": "u" * 256}])
    assert [m.author for m in listed(pair)] == [name]


def test_unknown_fields_are_not_kept(pair):
    """So what a listing says of a post has only fields of the contract."""
    odd = field(1, b"p") + field(6, b"u") + field(50, b"x" * 1000) + varint(51 << 3) + b"\x01"
    assert counts(import_posts(pair.posts, [odd])) == (1, 0, 0, 0)
    [message] = listed(pair)
    assert message.SerializeToString() == \
        post.PostMessage(post_id="p", user_id="u").SerializeToString()
