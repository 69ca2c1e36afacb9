"""DeletePosts and DeleteUsers: what is gone, what stays, and where what comes again is put."""
import subprocess
import time

import grpc
import pytest

import timing
from client import failure
from library import LISTINGS, SHAPES, ask, collect, posts_of, request_of
from logs import may_log
from pair import BUILD, Pair, clean_environment
from protos import post, user
from scrape import METRICS, Metrics
from wire import field

INVALID_ARGUMENT, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
POSTS, USERS = "/v1.post.Post/DeletePosts", "/v1.user.User/DeleteUsers"
GET_POST, GET_USER = "/v1.post.Post/GetPost", "/v1.user.User/GetUser"
MIB = 1 << 20


def assert_whole(server):
    """What --check says of its store."""
    server.stop()
    done = subprocess.run([str(BUILD / server.name), "--check", "--db", str(server.db)],
                          capture_output=True, text=True, timeout=timing.CALL, check=False,
                          env=clean_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def pair(tmp_path):
    """Whose stores are whole after each test."""
    with Pair(tmp_path) as both:
        yield both
        for server in both.post, both.user:
            assert_whole(server)


def delete_posts(client, *requests):
    """Each is the ids of one request. (deleted, missing)"""
    answer = client.call(POSTS, [post.DeletePostsRequest(post_ids=ids) for ids in requests])
    return answer.deleted, answer.missing


def delete_users(client, *requests):
    answer = client.call(USERS, [user.DeleteUsersRequest(user_ids=ids) for ids in requests])
    return answer.deleted, answer.missing


def rows_of(n, users=3, **fields):
    return [{"post_id": f"p{i}", "user_id": f"u{i % users}", "title": f"{i}", **fields}
            for i in range(n)]


def fill(pair, n, users=3):
    pair.import_users([{"user_id": f"u{i}", "name": f"N{i}"} for i in range(users)])
    pair.import_posts(rows_of(n, users))


def ids_of(client, listing="ListPosts", shape="ServerStream", **fields):
    return [m.post_id for m in posts_of(collect(client, listing, shape, **fields))]


def listed_ids(n, users=3):
    """As they are listed: users in the order of their first post."""
    return [f"p{i}" for first in range(users) for i in range(first, n, users)]


# --- Posts ---------------------------------------------------------------------------------------


def test_gone_at_once_from_every_listing(pair):
    fill(pair, 30)
    gone = {"p0", "p4", "p29"}
    assert delete_posts(pair.posts, ["p0", "p4"], ["p29"]) == (3, 0)
    left = [i for i in listed_ids(30) if i not in gone]
    for shape in SHAPES:
        assert ids_of(pair.posts, shape=shape) == left
        assert ids_of(pair.posts, shape=shape, page_size=4) == left
        for one in range(3):
            assert ids_of(pair.posts, "ListPostsByUserId", shape, user_id=f"u{one}") == \
                [i for i in left if int(i[1:]) % 3 == one]
    first = ask(pair.posts, "ListPosts", "", request_of("ListPosts"))[0]
    assert first.total_size == 27


def test_a_deleted_post_is_not_found(pair):
    fill(pair, 3)
    assert delete_posts(pair.posts, ["p1"]) == (1, 0)
    code, text = failure(lambda: pair.posts.call(GET_POST, post.GetPostRequest(post_id="p1")))
    assert code == NOT_FOUND and "p1" in text
    answer = pair.posts.call(GET_POST, post.GetPostRequest(post_id="p2"))
    assert answer.post_message.author == "N2"


def test_counts(pair):
    fill(pair, 10)
    assert delete_posts(pair.posts) == (0, 0)
    assert delete_posts(pair.posts, [], []) == (0, 0)
    assert delete_posts(pair.posts, ["p1", "none", "p1"], ["p1", "p2"]) == (2, 3)
    assert delete_posts(pair.posts, ["p1", "p2"]) == (0, 2)  # again: nothing happens
    assert delete_posts(pair.posts, ["x" * 256, "길" * 85]) == (0, 2)


BAD_IDS = {"empty": b"", "long": b"x" * 257, "no text": b"\xff", "NUL": b"p1\0",
           "half a letter": b"p\xea\xb8"}


@pytest.mark.parametrize("bad", BAD_IDS.values(), ids=BAD_IDS)
def test_what_cannot_be_an_id(pair, bad):
    """Ends the call. Its request does nothing, the one before is done."""
    fill(pair, 6)
    for client, path, name in ((pair.posts, POSTS, "post_ids"), (pair.users, USERS, "user_ids")):
        first, second = (b"p0", b"p1") if path == POSTS else (b"u0", b"u1")
        code, text = failure(lambda: client.call(
            path, [field(1, first), field(1, second) + field(1, bad), field(1, second)]))
        assert code == INVALID_ARGUMENT and name in text
    timing.wait_until(lambda: "p0" not in ids_of(pair.posts), "what came before is done")
    assert ids_of(pair.posts) == [i for i in listed_ids(6) if i != "p0"]
    assert pair.users.call(GET_USER, user.GetUserRequest(user_id="u1")).user_message.name == "N1"


def test_ids_of_one_request_have_a_limit(pair):
    fill(pair, 3)
    for client, path in (pair.posts, POSTS), (pair.users, USERS):
        code, text = failure(lambda: client.call(path, [field(1, b"p0") * 10_001]))
        assert code == INVALID_ARGUMENT and "10000" in text
    assert delete_posts(pair.posts, ["p0", *(f"x{i}" for i in range(9999))]) == (1, 9999)


def test_an_undecodable_request_after_a_good_one(pair):
    fill(pair, 6)
    code, text = failure(lambda: pair.posts.call(POSTS, [field(1, b"p0"), b"\xff"]))
    assert code == INVALID_ARGUMENT and "DeletePostsRequest" in text
    timing.wait_until(lambda: "p0" not in ids_of(pair.posts), "what came before is done")


def test_a_batch_is_committed_before_the_stream_ends(pair):
    fill(pair, 3)
    with pair.posts.open(POSTS) as stream:
        stream.send(post.DeletePostsRequest(post_ids=["p0"]))
        while "p0" in ids_of(pair.posts):  # each look is a whole call: its deadline ends this
            assert stream.rpc.is_active()
        stream.send(post.DeletePostsRequest(post_ids=["p0", "p1"]))
        stream.done()
        answer = stream.receive()
    assert (answer.deleted, answer.missing) == (2, 1)


def test_side_by_side(pair):
    """Several clients, the same posts: each is deleted once."""
    fill(pair, 600)
    streams = [pair.client(pair.post).open(POSTS) for _ in range(4)]
    for i in range(0, 600, 20):
        for stream in streams:
            stream.send(post.DeletePostsRequest(post_ids=[f"p{k}" for k in range(i, i + 20)]))
    for stream in streams:
        stream.done()
    answers = [stream.receive() for stream in streams]
    assert sum(a.deleted for a in answers) == 600
    assert sum(a.missing for a in answers) == 1800
    assert ids_of(pair.posts) == []


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_token_that_points_at_a_deleted_post(pair, listing, shape):
    """A listing resumed with it goes on strictly after the place, with what is still there."""
    fill(pair, 30)
    who = {"user_id": "u1"} if listing == "ListPostsByUserId" else {}
    whole = ids_of(pair.posts, listing, **who)
    first = ask(pair.posts, listing, shape, request_of(listing, limit=5, **who))
    assert [m.post_id for m in posts_of(first)] == whole[:5]
    token = first[-1].next_page_token
    assert delete_posts(pair.posts, [whole[4]]) == (1, 0)
    assert ids_of(pair.posts, listing, shape, page_token=token, **who) == whole[5:]
    assert delete_posts(pair.posts, [whole[3], whole[5], whole[6]]) == (3, 0)
    assert ids_of(pair.posts, listing, shape, page_token=token, **who) == whole[7:]
    assert delete_posts(pair.posts, whole) == (len(whole) - 4, 4)
    assert ids_of(pair.posts, listing, shape, page_token=token, **who) == []


def test_a_post_that_comes_again_is_the_last_of_its_user(pair):
    """To a token of before it is new, though it was listed once."""
    fill(pair, 9)
    first = ask(pair.posts, "ListPosts", "", request_of("ListPosts", limit=2))[0]
    assert [m.post_id for m in first.post_messages] == ["p0", "p3"]
    assert delete_posts(pair.posts, ["p0"]) == (1, 0)
    pair.import_posts([{"post_id": "p0", "user_id": "u0", "title": "again"}])
    assert ids_of(pair.posts) == ["p3", "p6", "p0", "p1", "p4", "p7", "p2", "p5", "p8"]
    assert ids_of(pair.posts, page_token=first.next_page_token) == \
        ["p6", "p0", "p1", "p4", "p7", "p2", "p5", "p8"]


def test_a_post_that_comes_again_may_be_of_another(pair):
    """Its id is free."""
    fill(pair, 6)
    assert delete_posts(pair.posts, ["p0"]) == (1, 0)
    pair.import_posts([{"post_id": "p0", "user_id": "u2"}])
    assert ids_of(pair.posts, "ListPostsByUserId", user_id="u2") == ["p2", "p5", "p0"]
    assert ids_of(pair.posts, "ListPostsByUserId", user_id="u0") == ["p3"]


def test_a_user_without_posts_keeps_the_place(pair):
    fill(pair, 9)
    assert delete_posts(pair.posts, ["p0", "p3", "p6"]) == (3, 0)
    assert ids_of(pair.posts) == ["p1", "p4", "p7", "p2", "p5", "p8"]
    for shape in SHAPES:
        assert ids_of(pair.posts, "ListPostsByUserId", shape, user_id="u0") == []
    pair.import_posts([{"post_id": "late", "user_id": "new"}, {"post_id": "back", "user_id": "u0"}])
    assert ids_of(pair.posts) == ["back", "p1", "p4", "p7", "p2", "p5", "p8", "late"]


def test_everything(pair):
    """And then anew, in the old order of users."""
    fill(pair, 300)
    assert delete_posts(pair.posts, [f"p{i}" for i in range(300)]) == (300, 0)
    for shape in SHAPES:
        assert ids_of(pair.posts, shape=shape) == []
    pair.import_posts(list(reversed(rows_of(6))))
    assert ids_of(pair.posts) == ["p3", "p0", "p4", "p1", "p5", "p2"]


@pytest.mark.embedded("a database uses its space again when it was vacuumed")
def test_space_is_used_again(start_pair):
    """Ten times the same megabytes in and out: the store is as large as after a few."""
    pair = start_pair(post_args=METRICS)
    metrics = Metrics(pair.post)
    rows = rows_of(3000, body="x" * 1000)
    used = []
    for _ in range(10):
        pair.import_posts(rows)
        used.append(metrics.get("store_used_bytes"))
        assert delete_posts(pair.posts, *[[f"p{i}" for i in range(k, k + 500)]
                                          for k in range(0, 3000, 500)]) == (3000, 0)
        assert metrics.get("store_records") == 0
    assert used[0] > 3 * MIB
    assert max(used) < 3 * used[0], used
    assert_whole(pair.post)
    pair.post.start()


def test_ids_are_counted(start_pair):
    pair = start_pair(post_args=METRICS)
    metrics = Metrics(pair.post)
    fill(pair, 3)
    delete_posts(pair.posts, ["p0", "p1", "none"], ["p2"])
    metrics.until(4, "grpc_server_received_records_total", POSTS)
    metrics.until(1, "grpc_server_handled_total", POSTS, grpc_code="OK")


def test_what_was_answered_survives_kill(pair):
    fill(pair, 90)
    gone = [f"p{i}" for i in range(0, 90, 2)]
    assert delete_posts(pair.posts, gone) == (45, 0)
    assert delete_users(pair.users, ["u1"]) == (1, 0)
    for server in pair.user, pair.post:
        server.kill()
    for server in pair.user, pair.post:
        server.start()
    posts = pair.client(pair.post)
    assert ids_of(posts) == [i for i in listed_ids(90) if i not in gone]
    assert delete_posts(posts, gone) == (0, 45)
    assert delete_users(pair.client(pair.user), ["u1"]) == (0, 1)


def test_listings_while_posts_go(pair):
    """Posts that stay come once each, in order, however many go beside them."""
    fill(pair, 3000)
    stay = [i for i in listed_ids(3000) if int(i[1:]) % 10 == 0]
    with pair.client(pair.post).open(POSTS) as stream:
        for k in range(0, 3000, 100):
            stream.send(post.DeletePostsRequest(
                post_ids=[f"p{i}" for i in range(k, k + 100) if i % 10]))
            seen = ids_of(pair.posts, page_size=50)
            assert [i for i in seen if int(i[1:]) % 10 == 0] == stay
            assert len(set(seen)) == len(seen)
        stream.done()
        assert stream.receive().deleted == 2700
    assert ids_of(pair.posts) == stay


# --- Users ---------------------------------------------------------------------------------------


def authors(client):
    """user_id -> author, and the ids that the messages call unresolved."""
    messages = collect(client, "ListPosts", "ServerStream")
    return ({m.user_id: m.author for m in posts_of(messages)},
            {i for m in messages for i in m.unresolved_user_ids})


def test_a_deleted_user_is_not_found(pair):
    fill(pair, 3)
    assert delete_users(pair.users, ["u1", "nobody", "u1"]) == (1, 2)
    code, text = failure(lambda: pair.users.call(GET_USER, user.GetUserRequest(user_id="u1")))
    assert code == NOT_FOUND and "u1" in text
    people = pair.users.call("/v1.user.User/ListUsers", user.ListUsersRequest()).user_messages
    assert [p.user_id for p in people] == ["u0", "u2"]
    pair.import_users([{"user_id": "u1", "name": "again"}])
    people = pair.users.call("/v1.user.User/ListUsers", user.ListUsersRequest()).user_messages
    assert [p.user_id for p in people] == ["u0", "u2", "u1"]


def test_posts_of_a_deleted_user_stay(pair):
    fill(pair, 6)
    assert authors(pair.posts) == ({"u0": "N0", "u1": "N1", "u2": "N2"}, set())
    assert delete_users(pair.users, ["u1"]) == (1, 0)
    timing.wait_until(lambda: authors(pair.posts) == ({"u0": "N0", "u1": "", "u2": "N2"}, {"u1"}),
                      "the name is gone")
    assert ids_of(pair.posts) == listed_ids(6)
    assert pair.posts.call(GET_POST, post.GetPostRequest(post_id="p1")).post_message.author == ""
    code, text = failure(lambda: ask(pair.posts, "ListPostsByUserId", "",
                                     request_of("ListPostsByUserId", user_id="u1")))
    assert code == NOT_FOUND and "u1" in text
    pair.import_users([{"user_id": "u1", "name": "back"}])
    timing.wait_until(lambda: authors(pair.posts)[0]["u1"] == "back", "there is a name again")
    assert ids_of(pair.posts, "ListPostsByUserId", user_id="u1") == ["p1", "p4"]


@may_log("the server is stopping")
def test_every_loop_hears_of_a_deleted_user_within_a_second(start_pair):
    loops = ["--loops", "3"]
    pair = start_pair(user_args=loops, post_args=loops)
    fill(pair, 6)
    clients = [pair.client(pair.post) for _ in range(6)]  # connections go to the loops in turn
    for client in clients:
        assert authors(client)[0]["u1"] == "N1"
    assert delete_users(pair.users, ["u1"]) == (1, 0)
    end = time.monotonic() + timing.limit(1)
    waiting = clients
    while waiting:
        assert time.monotonic() < end, f"{len(waiting)} of 6 still say the name"
        waiting = [c for c in waiting if authors(c) != ({"u0": "N0", "u1": "", "u2": "N2"}, {"u1"})]


def test_many_users_at_once(pair):
    """More than User names one by one: then every name is asked for again."""
    n = 6000
    pair.import_users([{"user_id": f"u{i}", "name": f"N{i}"} for i in range(n)])
    pair.import_posts([{"post_id": "p", "user_id": "u17"}, {"post_id": "q", "user_id": "u5999"}])
    assert authors(pair.posts)[0] == {"u17": "N17", "u5999": "N5999"}
    assert delete_users(pair.users, [f"u{i}" for i in range(n - 1)]) == (n - 1, 0)
    timing.wait_until(lambda: authors(pair.posts)[0] == {"u17": "", "u5999": "N5999"},
                      "the name is gone")
