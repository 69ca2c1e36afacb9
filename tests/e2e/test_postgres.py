"""Both servers on PostgreSQL: what they answer, several of them on one database, and what they
say when it is not there. With STORE=postgres other tests run on it, too (postgres.py)."""
import subprocess

import grpc
import pytest

import postgres
import timing
from client import failure
from followers import Follow
from library import LISTINGS, SHAPES, ask, collect, posts_of, request_of, \
    small_library
from logs import may_log
from pair import BUILD, Pair, beside, clean_environment
from protos import post, user
from timing import wait_until

pytestmark = pytest.mark.skipif(postgres.WHY_NOT is not None, reason=str(postgres.WHY_NOT))

GET_POST, DELETE_POSTS = "/v1.post.Post/GetPost", "/v1.post.Post/DeletePosts"
SHOWN_WITHIN = timing.limit(1)  # a rename, by any server


def on_databases(folder, server=None, **args):
    """A pair, each of whose servers has a database of its own."""
    server = server or postgres.shared()
    folder.mkdir(exist_ok=True)
    both = Pair(folder, **args)
    both.user.db, both.post.db = server.database(), server.database()
    return both


@pytest.fixture
def pair(tmp_path):
    with on_databases(tmp_path / "pair") as both:
        yield both


# --- One of each ------------------------------------------------------------------------

@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The same on both engines."""
    folder = tmp_path_factory.mktemp("loaded")
    library = small_library()
    (folder / "lmdb").mkdir()
    with Pair(folder / "lmdb") as embedded, on_databases(folder / "postgres") as both:
        library.load(embedded)
        library.load(both)
        yield library, embedded, both


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fields", [{}, {"tag": "third"}, {"page_size": 7}], ids=str)
def test_it_answers_as_the_embedded_store_does(loaded, shape, fields):
    library, embedded, both = loaded
    same = [posts_of(collect(p.posts, "ListPosts", shape, **fields)) for p in (embedded, both)]
    assert same[0] == same[1]
    assert same[1] == library.expected(tag=fields.get("tag", ""))


@pytest.mark.parametrize("shape", SHAPES)
def test_it_lists_by_user(loaded, shape):
    library, _, both = loaded
    for user_id in ("u0", "u7", "silent"):
        found = posts_of(collect(both.posts, "ListPostsByUserId", shape, user_id=user_id))
        assert found == library.expected(user_id)


def test_many_requests_in_one_call(loaded):
    library, _, both = loaded
    ids = [f"u{i}" for i in range(40)] * 25
    requests = [request_of("ListPostsByUserId", user_id=i, limit=1) for i in ids]
    found = posts_of(ask(both.posts, "ListPostsByUserId", "ClientStream", *requests))
    first = {i: library.expected(i)[0] for i in set(ids)}
    assert found == [first[i] for i in ids]


def test_a_post_of_each_id(loaded):
    library, _, both = loaded
    for expected in library.expected()[::97]:
        assert both.posts.call(GET_POST, post.GetPostRequest(post_id=expected.post_id)) \
            .post_message == expected
    code, _ = failure(lambda: both.posts.call(GET_POST, post.GetPostRequest(post_id="none")))
    assert code == grpc.StatusCode.NOT_FOUND


def test_a_request_without_ids_is_no_answer_to_the_next(loaded):
    library, _, both = loaded
    with both.users.open("/v1.user.User/ResolveUsers") as resolve:
        resolve.send(user.ResolveUsersRequest(), user.ResolveUsersRequest(user_ids=["u0"]))
        told = []
        while not told:
            told = resolve.receive().users
    assert [(u.found, u.name) for u in told] == [(True, library.users["u0"])]


def test_large_posts_come_in_blocks_of_bounded_size(pair):
    pair.import_users([{"user_id": "u", "name": "U"}])
    rows = [{"post_id": f"p{i}", "user_id": "u", "body": f"{i}" * (300_000 + i)}
            for i in range(1, 12)]
    pair.import_posts(rows)
    for listing, fields in zip(LISTINGS, ({}, {"user_id": "u"})):
        found = posts_of(collect(pair.posts, listing, "ServerStream", **fields))
        assert [(m.post_id, m.body) for m in found] == [(r["post_id"], r["body"]) for r in rows]


@may_log("User is unreachable", "slow call")  # Post looks for User once a second
def test_all_is_there_after_a_restart(pair):
    library = small_library()
    library.load(pair)
    pair.post.restart()
    pair.user.restart()
    assert posts_of(collect(pair.posts, "ListPosts", "ServerStream")) == library.expected()


# --- Several on one database ------------------------------------------------------------

def test_a_follow_hears_what_another_server_did(pair, tmp_path):
    pair.import_users([{"user_id": "u", "name": "U"}])
    with beside(pair.post, tmp_path / "second") as second, \
            Follow(pair.posts) as everything, \
            Follow(pair.posts, "ListPostsByUserId", user_id="u") as of_one:
        for follow in everything, of_one:
            follow.until_caught_up()
        rows = [post.PostMessage(post_id=f"p{i}", user_id="u") for i in range(3)]
        second.call("/v1.post.Post/ImportPosts", [post.ImportPostsRequest(post_messages=rows)])
        for follow in everything, of_one:
            assert [m.post_id for m in follow.told(3)] == ["p0", "p1", "p2"]
        second.call(DELETE_POSTS, [post.DeletePostsRequest(post_ids=["p1"])])
        for follow in everything, of_one:
            assert follow.told(1) == ["p1"]


def test_a_token_of_one_goes_on_at_the_other(pair, tmp_path):
    library = small_library()
    library.load(pair)
    with beside(pair.post, tmp_path / "second") as second:
        found, clients, fields = [], [pair.posts, second], {"page_size": 50}
        while True:
            message = ask(clients[0], "ListPosts", "", request_of("ListPosts", **fields))[-1]
            found += message.post_messages
            if not message.next_page_token:
                break
            fields["page_token"] = message.next_page_token
            clients.reverse()
        assert found == library.expected()


def test_imports_through_two_servers_at_once_are_one_store(pair, tmp_path):
    """Each id once; the second import of an id finds the first."""
    pair.import_users([{"user_id": "u", "name": "U"}])
    rows = [post.PostMessage(post_id=f"p{i}", user_id=f"u{i % 9}") for i in range(3000)]
    requests = [post.ImportPostsRequest(post_messages=rows[i:i + 100])
                for i in range(0, 3000, 100)]
    with beside(pair.post, tmp_path / "second") as second:
        calls = [client.multicallable("/v1.post.Post/ImportPosts").future(
            iter(order), timeout=timing.CALL)
            for client, order in ((pair.posts, requests), (second, requests[::-1]))]
        answers = [call.result() for call in calls]
    assert sum(a.imported for a in answers) == 3000
    assert sum(a.unchanged for a in answers) == 3000
    found = posts_of(collect(pair.posts, "ListPosts", "ServerStream"))
    assert sorted(m.post_id for m in found) == sorted(r.post_id for r in rows)


def test_a_rename_through_one_user_server_shows_by_any_post_server(pair, tmp_path):
    pair.import_users([{"user_id": "u", "name": "Before"}])
    pair.import_posts([{"post_id": "p", "user_id": "u"}])

    def author():
        return posts_of(ask(pair.posts, "ListPosts", "", request_of("ListPosts")))[0].author

    assert author() == "Before"
    with beside(pair.user, tmp_path / "second") as second:
        renamed = user.UserMessage(user_id="u", name="After")
        second.call("/v1.user.User/ImportUsers", [user.ImportUsersRequest(user_messages=[renamed])])
        wait_until(lambda: author() == "After", "the new name", SHOWN_WITHIN)


# --- What cannot be used ----------------------------------------------------------------

def refusal(db, *args):
    """What post-server says instead of serving."""
    done = subprocess.run([str(BUILD / "post-server"), "--listen", "127.0.0.1:0", "--db", db, *args],
                          capture_output=True, text=True, check=False, timeout=timing.CALL,
                          env=clean_environment())
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_what_cannot_be_used_is_one_clear_line(tmp_path):
    server = postgres.shared()
    here = f"host={server.folder} port={server.port} user={postgres.OWNER}"
    assert "No such file" in refusal(f"host={tmp_path} dbname=posts")
    assert 'database "nothing" does not exist' in refusal(f"{here} dbname=nothing")
    assert 'role "nobody-at-all" does not exist' in \
        refusal(f"host={server.folder} port={server.port} user=nobody-at-all dbname=postgres")
    assert "password" in refusal("postgres://posts:secret@127.0.0.1/posts")


def test_another_kind_another_format_no_right(tmp_path):
    server = postgres.shared()
    both = on_databases(tmp_path / "pair")
    with both:
        pass
    assert "holds users, not posts" in refusal(both.user.db)
    server.ask("UPDATE store SET format = 99", postgres.name_of(both.post.db))
    assert "newer version" in refusal(both.post.db)
    db = server.database().replace(postgres.OWNER + "@", "guest@")
    server.ask("CREATE ROLE guest LOGIN")
    assert "permission denied" in refusal(db)


# --- --check ----------------------------------------------------------------------------

def check(server):
    """Its exit status, and all that it says, on standard output first."""
    done = subprocess.run([str(BUILD / server.name), "--check", "--db", server.db],
                          capture_output=True, text=True, check=False, timeout=timing.CALL,
                          env=clean_environment())
    return done.returncode, done.stdout + done.stderr


def test_a_check_counts_what_is_there(loaded):
    """While servers have it open."""
    library, _, both = loaded
    status, said = check(both.post)
    assert status == 0
    users = len({row["user_id"] for row in library.posts})
    assert f"post-server: the store in {both.post.db} is good: 480 posts of {users} users, " in said
    status, said = check(both.user)
    assert status == 0 and f"is good: {len(library.users)} users, " in said


def test_a_check_says_what_is_wrong(pair):
    small_library().load(pair)
    postgres.shared().ask("UPDATE records SET value = value || '\\xff'::bytea WHERE seq = 7; "
                          "DELETE FROM changes WHERE revision = 9", postgres.name_of(pair.post.db))
    status, said = check(pair.post)
    assert status == 1
    assert 'record 7 of group 6 "u2": it is not a valid message' in said, said
    assert "changes after 8 are missing" in said
    assert f"the store in {pair.post.db} is damaged: 3 problems; restore it from a backup" in said


def test_a_check_of_what_is_no_store_is_one_line(pair):
    """As a start is, but that it makes nothing."""
    said = refusal(pair.user.db, "--check")
    assert "holds users, not posts" in said
    empty = postgres.shared().database()
    for _ in range(2):
        assert 'relation "store" does not exist' in refusal(empty, "--check")
