"""The contract of User, and names on their way to Post."""
import grpc
import pytest

import timing
from client import failure
from library import GHOST, LISTINGS, SHAPES, collect, posts_of, small_library
from logs import may_log
from pair import Pair
from protos import post, user

# The servers are there for many tests: the line of a call may come after its test.
pytestmark = may_log("the answer is larger than")

USER = "/v1.user.User/"
RESOLVE = USER + "ResolveUsers"
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT

USERS = [{"user_id": f"u{i}", "name": f"이름 {i}", "phone_number": f"010{i:08}", "age": i - 3}
         for i in range(1200)]
MESSAGES = [user.UserMessage(**row) for row in USERS]


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """A client of a User that stays as it is."""
    with Pair(tmp_path_factory.mktemp("users"), user_args=["--loops", "2"]) as pair:
        pair.import_users(USERS)
        yield pair.users


# --- GetUser ----------------------------------------------------------------------------------


def get(client, user_id):
    return client.call(USER + "GetUser", user.GetUserRequest(user_id=user_id))


def test_get_user(users):
    for i in (0, 3, 1199):
        assert get(users, f"u{i}") == user.GetUserResponse(user_message=MESSAGES[i])


@pytest.mark.parametrize("user_id", ["nobody", "u", "u00", "x" * 256, "길" * 85])
def test_get_unknown_user(users, user_id):
    code, text = failure(lambda: get(users, user_id))
    assert code == grpc.StatusCode.NOT_FOUND and user_id in text


@pytest.mark.parametrize("user_id", ["", "x" * 257, "x" * (1 << 20)], ids=len)
def test_get_bad_id(users, user_id):
    code, text = failure(lambda: get(users, user_id))
    assert code == INVALID_ARGUMENT and "user_id" in text


# --- ListUsers, ListUsersServerStream ---------------------------------------------------------------


def pages(client, **fields):
    """Unary, until the listing is complete."""
    messages = []
    while True:
        messages.append(client.call(USER + "ListUsers", user.ListUsersRequest(**fields)))
        if not messages[-1].next_page_token:
            return messages
        fields["page_token"] = messages[-1].next_page_token


def stream(client, **fields):
    return list(client.call(USER + "ListUsersServerStream", user.ListUsersRequest(**fields)))


def people_of(messages):
    return [person for message in messages for person in message.user_messages]


@pytest.mark.parametrize("shape", [pages, stream])
@pytest.mark.parametrize("page_size", [0, 1, 7, 1000])
def test_list_users(users, shape, page_size):
    messages = shape(users, page_size=page_size)
    assert people_of(messages) == MESSAGES
    if page_size:
        assert max(len(m.user_messages) for m in messages) <= page_size
    assert all(m.next_page_token for m in messages[:-1]) and not messages[-1].next_page_token
    if shape is pages and page_size == 0:
        assert len(messages) == 1


@pytest.mark.parametrize("limit", [1, 5, 1199, 1200, 5000])
def test_limit(users, limit):
    one = users.call(USER + "ListUsers", user.ListUsersRequest(limit=limit))
    many = stream(users, limit=limit)
    assert list(one.user_messages) == people_of(many) == MESSAGES[:limit]
    if limit < len(MESSAGES):
        for token in one.next_page_token, many[-1].next_page_token:
            assert people_of(stream(users, page_token=token)) == MESSAGES[limit:]


def test_tokens_resume_across_shapes(users):
    messages = stream(users, page_size=100)
    seen = 0
    for message in messages[:-1]:
        seen += len(message.user_messages)
        assert people_of(pages(users, page_token=message.next_page_token)) == MESSAGES[seen:]


@pytest.mark.parametrize("method", ["ListUsers", "ListUsersServerStream"])
@pytest.mark.parametrize("fields, name", [
    ({"page_size": -1}, "page_size"), ({"limit": -1}, "limit"), ({"page_token": "x"}, "page_token")])
def test_bad_requests(users, method, fields, name):
    code, text = failure(lambda: users.call(USER + method, user.ListUsersRequest(**fields)))
    assert code == INVALID_ARGUMENT and name in text


def test_no_users(pair):
    assert pages(pair.users) == [user.ListUsersResponse()]
    assert stream(pair.users) == [user.ListUsersResponse()]


def test_a_token_of_another_store(users, pair):
    token = users.call(USER + "ListUsers", user.ListUsersRequest(page_size=1)).next_page_token
    code, _ = failure(lambda: pages(pair.users, page_token=token))
    assert code == grpc.StatusCode.FAILED_PRECONDITION


def test_more_than_one_answer_may_have(pair):
    rows = [{"user_id": f"{i}", "name": "n" * 1024, "phone_number": "0" * 1024}
            for i in range(2200)]
    pair.import_users(rows)
    code, text = failure(lambda: pages(pair.users))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "page_size" in text and "ListUsersServerStream" in text
    for messages in stream(pair.users), pages(pair.users, page_size=5000):
        assert [m.user_id for m in people_of(messages)] == [row["user_id"] for row in rows]
        assert len(messages) > 1
        assert max(m.ByteSize() for m in messages) <= 4 << 20


# --- ResolveUsers -----------------------------------------------------------------------------------------


def ids(*user_ids):
    return user.ResolveUsersRequest(user_ids=user_ids)


def resolved(**names):
    """id -> name; None: not found."""
    return user.ResolveUsersResponse(users=[
        user.ResolvedUser(user_id=k, name=v or "", found=v is not None) for k, v in names.items()])


def test_resolve(users):
    with users.open(RESOLVE) as names:
        names.send(ids("u7", "nobody", "u0"))
        assert names.receive() == resolved(u7="이름 7", nobody=None, u0="이름 0")
        names.send(ids())
        assert names.receive() == user.ResolveUsersResponse()
        names.send(ids("u1", "u1", ""))
        answer = names.receive()
        assert [(m.user_id, m.found) for m in answer.users] == \
            [("u1", True), ("u1", True), ("", False)]
        assert names.rest() == []


def test_resolve_answers_in_order(users):
    """More requests than are taken at once, sent before any answer is read."""
    with users.open(RESOLVE) as names:
        names.send(*[ids(*(f"u{i + k}" for k in range(i % 5))) for i in range(300)])
        answers = names.rest()
    assert [[m.user_id for m in answer.users] for answer in answers] == \
        [[f"u{i + k}" for k in range(i % 5)] for i in range(300)]


def test_resolve_a_thousand_and_no_more(users):
    with users.open(RESOLVE) as names:
        names.send(ids(*(f"u{i}" for i in range(1000))))
        assert [m.name for m in names.receive().users] == [row["name"] for row in USERS[:1000]]
        names.send(ids(*(f"u{i}" for i in range(1001))))
        code, text = failure(names.receive)
    assert code == INVALID_ARGUMENT and "1001" in text and "1000" in text


def test_resolve_a_long_id(users):
    code, text = failure(lambda: users.call(RESOLVE, [ids("u1"), ids("x" * 257)]))
    assert code == INVALID_ARGUMENT and "user_ids" in text


def test_changes_are_pushed(start_pair):
    """A rename and a new user, on streams that ask for nothing, on every loop.

    A stream hears of changes from before its first request is answered on."""
    pair = start_pair(user_args=["--loops", "3"])
    pair.import_users([{"user_id": "a", "name": "Ann"}, {"user_id": "b", "name": "Bob"}])
    streams = [pair.client(pair.user).open(RESOLVE) for _ in range(6)]
    for names in streams:
        names.send(ids("a"))
        assert names.receive() == resolved(a="Ann")
    for changed, name in (("a", "Anna"), ("new", "Nora"), ("a", "")):
        pair.import_users([{"user_id": changed, "name": name}])
        for names in streams:
            assert names.receive() == resolved(**{changed: name})
    # The same again changes nothing, and nothing is pushed.
    pair.import_users([{"user_id": "b", "name": "Bob"}])
    for names in streams:
        assert names.rest() == []


def test_many_changes_say_the_last_word(pair):
    """Whether each is named or all are called off: afterwards nothing is stale."""
    pair.import_users(USERS)
    with pair.users.open(RESOLVE) as names:
        names.send(ids("u0"))
        names.receive()
        for round_ in range(8):
            pair.import_users([{**row, "name": f"round {round_}"} for row in USERS])
        known = {}
        while known.get("u1199") != "round 7":  # the last one to change
            message = names.receive()
            if message.invalidate_all:
                known.clear()
                names.send(ids("u1199"))
            known.update({m.user_id: m.name for m in message.users})
        assert set(known.values()) == {"round 7"}
        assert names.rest() == []


# --- names in Post's listings ----------------------------------------------------------------------------


def authors(client, listing="ListPosts", shape="", **fields):
    return {m.user_id: m.author for m in posts_of(collect(client, listing, shape, **fields))}


def test_a_rename_shows_in_every_loop(start_pair):
    """With the caches of all loops warm, in every shape."""
    library = small_library()
    pair = start_pair(user_args=["--loops", "3"], post_args=["--loops", "3"])
    library.load(pair)
    clients = [pair.client(pair.post) for _ in range(6)]  # dealt to the loops in turn

    def all_say(name):
        return all(authors(client)["u5"] == name for client in clients)

    assert all_say(library.users["u5"])
    for name in "Renamed", "다시", "", "Last":
        pair.import_users([{"user_id": "u5", "name": name}])
        timing.wait_until(lambda name=name: all_say(name), f"u5 is {name!r}")
    library.users["u5"] = "Last"
    for client in clients:
        for listing in LISTINGS:
            for shape in SHAPES:
                fields = {} if listing == "ListPosts" else {"user_id": "u5"}
                got = posts_of(collect(client, listing, shape, **fields))
                assert got == library.expected(**fields)


def test_a_new_user_gets_a_name_at_once(start_pair):
    """What User did not know is remembered too, and called off when it comes."""
    pair = start_pair(post_args=["--loops", "3"])
    small_library().load(pair)
    clients = [pair.client(pair.post) for _ in range(6)]
    for client in clients:
        assert authors(client)[GHOST] == ""
        code, _ = failure(lambda client=client: authors(client, "ListPostsByUserId",
                                                        user_id=GHOST))
        assert code == grpc.StatusCode.NOT_FOUND
    pair.import_users([{"user_id": GHOST, "name": "Here now"}])
    timing.wait_until(lambda: all(authors(client)[GHOST] == "Here now" for client in clients),
                      "the ghost has a name")
    for client in clients:
        assert authors(client, "ListPostsByUserId", user_id=GHOST) == {GHOST: "Here now"}


def test_a_rename_during_an_open_stream(pair):
    """A stream that lives for long shows new names too."""
    library = small_library()
    library.load(pair)
    with pair.posts.open("/v1.post.Post/ListPostsByUserIdBidiStream") as listing:
        request = post.ListPostsByUserIdRequest(user_id="u5", limit=1)

        def author():
            listing.send(request)
            return listing.receive().post_messages[0].author

        assert author() == library.users["u5"]
        pair.import_users([{"user_id": "u5", "name": "Renamed"}])
        timing.wait_until(lambda: author() == "Renamed", "the new name")
