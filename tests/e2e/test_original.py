"""Clients of the original, first and second edition, work unchanged."""
import grpc
import pytest

import timing
from client import Client, failure
from pair import Pair
from protos import original

USERS = [
    {"user_id": "1", "name": "Henry", "phone_number": "01012341234", "age": 22},
    {"user_id": "2", "name": "Michael", "phone_number": "01098128734", "age": 55},
    {"user_id": "3", "name": "제시", "phone_number": "01056785678", "age": -1},
]
POSTS = [
    {"post_id": "1", "user_id": "1", "title": "First", "body": "Hello 👋", "tags": ["a", "b"]},
    {"post_id": "2", "user_id": "3", "title": "둘째", "body": "안녕"},
    {"post_id": "3", "user_id": "1", "title": "Third", "body": "", "tags": [""]},
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("original")) as pair:
        pair.import_users(USERS)
        pair.import_posts([{**row, "create_time": {"seconds": 1603584000}} for row in POSTS])
        yield pair


@pytest.fixture(params=["", "v1."], ids=["first", "second"])
def edition(request):
    return request.param


@pytest.fixture
def users(pair, edition):
    """(call, classes) of the edition's User."""
    with Client(pair.user.target, original.methods) as client:
        yield (lambda name, m, **more: client.call(f"/{edition}user.User/{name}", m, **more),
               original.packages[edition + "user"])


@pytest.fixture
def posts(pair, edition):
    with Client(pair.post.target, original.methods) as client:
        yield (lambda name, m, **more: client.call(f"/{edition}post.Post/{name}", m, **more),
               original.packages[edition + "post"])


def expected_posts(messages, which):
    names = {row["user_id"]: row["name"] for row in USERS}
    return [messages.PostMessage(author=names[POSTS[i]["user_id"]],
                                 **{k: v for k, v in POSTS[i].items() if k != "user_id"})
            for i in which]


def known(message):
    """Without the fields that came after this client was made."""
    message.DiscardUnknownFields()
    return message


def test_get_user(users):
    call, messages = users
    for row in USERS:
        response = call("GetUser", messages.GetUserRequest(user_id=row["user_id"]))
        assert response == messages.GetUserResponse(user_message=messages.UserMessage(**row))


def test_unknown_user(users):
    call, messages = users
    code, text = failure(lambda: call("GetUser", messages.GetUserRequest(user_id="9")))
    assert code == grpc.StatusCode.NOT_FOUND and "9" in text


def test_list_users(users):
    call, messages = users
    response = known(call("ListUsers", messages.ListUsersRequest()))
    assert list(response.user_messages) == [messages.UserMessage(**row) for row in USERS]


def test_list_posts(posts):
    call, messages = posts
    response = known(call("ListPosts", messages.ListPostsRequest()))
    assert list(response.post_messages) == expected_posts(messages, [0, 2, 1])


def test_list_posts_by_user_id(posts):
    call, messages = posts
    for user_id, which in (("1", [0, 2]), ("3", [1]), ("2", [])):
        response = known(call("ListPostsByUserId",
                              messages.ListPostsByUserIdRequest(user_id=user_id)))
        assert list(response.post_messages) == expected_posts(messages, which)


def test_posts_of_an_unknown_user(posts):
    call, messages = posts
    code, text = failure(lambda: call("ListPostsByUserId",
                                      messages.ListPostsByUserIdRequest(user_id="9")))
    assert code == grpc.StatusCode.NOT_FOUND and "9" in text


def test_what_came_later_is_only_under_the_new_names(pair, edition):
    """The first edition's package has its own four methods and no more."""
    with Client(pair.post.target, original.methods) as client:
        call = client.multicallable(f"/{edition}post.Post/ListPostsServerStream",
                                    many_responses=True)
        rpc = call(b"", timeout=timing.CALL)
        if edition == "v1.":
            assert list(rpc)
        else:
            assert failure(lambda: rpc)[0] == grpc.StatusCode.UNIMPLEMENTED
