"""The database is away for a while, or stands still: what calls and health say meanwhile, and that
all goes on by itself when it is back."""
import concurrent.futures
import signal
import subprocess
import time

import grpc
import pytest

import postgres
import timing
from client import failure
from followers import Follow
from library import SHAPES, ask, collect, posts_of, request_of, small_library
from logs import may_log
from pair import BUILD, DIES_WITH_US, Pair
from protos import post, user
from test_details import details_of
from test_health import NOT_SERVING, SERVING, check
from test_postgres import on_databases
from timing import wait_until

pytestmark = [
    pytest.mark.skipif(postgres.WHY_NOT is not None, reason=str(postgres.WHY_NOT)),
    # once, when it has been away for as long as calls wait; and Post's stream to a User without it
    may_log("the database", "ResolveUsers", "User is unreachable")]

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
TIMEOUT = 1  # seconds: --store-timeout
ARGS = ["--store-timeout", f"{TIMEOUT}s"]
POST, USER = "/v1.post.Post/", "/v1.user.User/"


@pytest.fixture(scope="module")
def its_own():
    server = postgres.Postgres()
    yield server
    server.remove()


@pytest.fixture
def server(its_own):
    """Which is there again afterwards."""
    yield its_own
    if its_own.process.poll() is not None:
        its_own.start()


@pytest.fixture
def pair(tmp_path, server):
    with on_databases(tmp_path / "pair", server, user_args=ARGS, post_args=ARGS) as both:
        yield both


def loaded(pair):
    """Post knows the names of all."""
    library = small_library()
    library.load(pair)
    assert listed(pair) == library.expected()
    return library


def calls_of(pair):
    """One of each kind."""
    posts, users = pair.posts, pair.users
    listings = [lambda s=shape: ask(posts, "ListPosts", s, request_of("ListPosts"))
                for shape in SHAPES]
    return [
        *listings,
        lambda: posts.call(POST + "GetPost", post.GetPostRequest(post_id="p1")),
        lambda: posts.call(POST + "ImportPosts", [post.ImportPostsRequest(post_messages=[
            post.PostMessage(post_id="x", user_id="u0")])]),
        lambda: posts.call(POST + "DeletePosts", [post.DeletePostsRequest(post_ids=["x"])]),
        lambda: users.call(USER + "ListUsers", user.ListUsersRequest()),
        lambda: users.call(USER + "GetUser", user.GetUserRequest(user_id="u0")),
        lambda: users.call(USER + "ImportUsers", [user.ImportUsersRequest(user_messages=[
            user.UserMessage(user_id="x", name="X")])]),
    ]


def timed(call):
    began = time.monotonic()
    error, details = details_of(call)
    return error, details["ErrorInfo"].reason, time.monotonic() - began


def assert_unavailable(pair):
    """All end in time, and for the same reason."""
    calls = calls_of(pair)
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as threads:
        for error, reason, seconds in threads.map(timed, calls):
            assert error.code() == UNAVAILABLE and reason == "STORE_UNAVAILABLE"
            assert "database" in error.details()
            assert seconds < TIMEOUT + timing.MARGIN


def healths(pair):
    return {check(client, name) for client, names in (
        (pair.posts, ("v1.post.Post", "post.Post")), (pair.users, ("v1.user.User", "user.User")))
        for name in names}


def listed(pair):
    """Without the post that may have been imported though nobody heard of it."""
    try:
        found = posts_of(collect(pair.posts, "ListPosts", "ServerStream"))
        return [message for message in found if message.post_id != "x"]
    except grpc.RpcError:
        return None


def assert_goes_on(pair, library):
    wait_until(lambda: listed(pair) == library.expected(), "all of it")
    wait_until(lambda: healths(pair) == {SERVING}, "health")
    pair.import_posts([{"post_id": "x", "user_id": "u0"}])


def test_it_is_unavailable_while_the_database_is_away(pair, server):
    library = loaded(pair)
    server.stop()
    assert_unavailable(pair)
    wait_until(lambda: healths(pair) == {NOT_SERVING}, "health")
    assert check(pair.posts) == SERVING  # the process itself
    server.start()
    assert_goes_on(pair, library)


def test_it_is_unavailable_while_the_database_stands_still(pair, server):
    library = loaded(pair)
    with server.frozen():
        assert_unavailable(pair)
        wait_until(lambda: healths(pair) == {NOT_SERVING}, "health", timing.limit(20))
        assert_unavailable(pair)
    assert_goes_on(pair, library)


def test_a_short_absence_is_waited_for(pair, server):
    """No call fails, and health says nothing."""
    library = loaded(pair)
    calls = [lambda s=shape: posts_of(ask(pair.posts, "ListPosts", s, request_of("ListPosts")))
             for shape in SHAPES]
    server.stop()
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as threads:
        answers = [threads.submit(call) for call in calls]
        server.start()
        assert all(answer.result() == library.expected() for answer in answers)
    assert healths(pair) == {SERVING}


def test_a_stream_ends_with_a_token_to_go_on_from(pair, server):
    """It ends with what was read; the token of its last message goes on behind that."""
    pair.import_users([{"user_id": "u", "name": "U"}])
    rows = [{"post_id": f"p{i}", "user_id": "u", "body": "x" * 30000} for i in range(600)]
    pair.import_posts(rows)
    found, token = [], ""
    stream = pair.posts.call(POST + "ListPostsServerStream", post.ListPostsRequest())
    found += next(stream).post_messages  # and reads no further: the server has two blocks at most
    server.stop()
    with pytest.raises(grpc.RpcError) as caught:
        for message in stream:
            found += message.post_messages
            token = message.next_page_token
    assert caught.value.code() == UNAVAILABLE and token
    assert [m.post_id for m in found] == [row["post_id"] for row in rows[:len(found)]]
    server.start()
    found += posts_of(collect(pair.posts, "ListPosts", "ServerStream", page_token=token))
    assert [m.post_id for m in found] == [row["post_id"] for row in rows]


def test_postcli_goes_on_through_it(pair, server):
    loaded(pair)
    args = [*DIES_WITH_US, str(BUILD / "postcli"), "stream-list", "--format", "json"]
    whole = subprocess.run(args, env=pair.postcli_environment(), capture_output=True, check=True,
                           timeout=timing.CALL)
    server.stop()
    with subprocess.Popen(args, env=pair.postcli_environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as postcli:
        code, _ = failure(lambda: ask(pair.posts, "ListPosts", "", request_of("ListPosts")))
        assert code == UNAVAILABLE  # so the other one heard that, too, or is about to
        server.start()
        out, said = postcli.communicate(timeout=timing.CALL)
    assert postcli.returncode == 0, said
    assert out == whole.stdout


def test_a_follow_goes_on_through_it(pair, server):
    pair.import_users([{"user_id": "u", "name": "U"}])
    with Follow(pair.posts) as follow:
        follow.until_caught_up()
        server.stop()
        server.start()
        wait_until(lambda: healths(pair) == {SERVING}, "health")
        pair.import_posts([{"post_id": "p", "user_id": "u"}])
        assert [m.post_id for m in follow.told(1)] == ["p"]


# --- A host that is dead without a word ----------------------------------------------------

def test_servers_start_while_the_first_host_stands_still(server, tmp_path):
    """It takes connections and says nothing; the second one would do."""
    dead = postgres.Postgres()
    try:
        with dead.frozen():
            both = Pair(tmp_path, user_args=ARGS, post_args=ARGS)
            for each in both.user, both.post:
                each.db = server.database().replace(
                    f"host={server.folder}", f"host={dead.folder},{server.folder}") \
                    + "&target_session_attrs=read-write"
            with both:
                library = small_library()
                library.load(both)
                assert listed(both) == library.expected()
    finally:
        dead.remove()


# --- Commits that wait for a standby ----------------------------------------------------

def wants_standby(server, name):
    server.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    server.ask("SELECT pg_reload_conf()")
    wait_until(lambda: server.ask("SHOW synchronous_standby_names").strip() == name, "the setting")


def waiting(server):
    return int(server.ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))


@pytest.fixture
def lonely(server):
    """Its standby is not there, so no commit comes to an end."""
    wants_standby(server, "nobody")
    yield server
    wants_standby(server, "")


def import_one(pair, post_id):
    return details_of(lambda: pair.posts.call(POST + "ImportPosts", [post.ImportPostsRequest(
        post_messages=[post.PostMessage(post_id=post_id, user_id="u0")])]))


def test_a_commit_that_waits_for_its_standby_is_left_alone(pair, server, request):
    """What waits is not seen, and is neither broken off nor joined by others; once it is done it
    is there, and all goes on."""
    library = loaded(pair)
    request.getfixturevalue("lonely")
    error, details = import_one(pair, "x")
    assert error.code() == UNAVAILABLE and details["ErrorInfo"].reason == "STORE_UNAVAILABLE"
    assert "it may have been written all the same" in error.details()
    assert listed(pair) == library.expected()
    for post_id in "y", "z":
        error, _ = import_one(pair, post_id)
        assert error.code() == UNAVAILABLE and "may have been" not in error.details()
        assert waiting(server) == 1
    assert healths(pair) == {SERVING}  # what is there can be read
    wants_standby(server, "")
    wait_until(lambda: waiting(server) == 0, "the commit")
    pair.import_posts([{"post_id": "w", "user_id": "u0"}])
    got = {message.post_id for message in posts_of(collect(pair.posts, "ListPosts", "BidiStream"))}
    assert {"x", "w"} <= got and not {"y", "z"} & got


def test_a_wait_for_the_standby_that_is_broken_off_is_no_success(server, tmp_path, request):
    """The database answers with a warning alone, while the post is on one machine."""
    with on_databases(tmp_path / "patient", server) as pair, \
            concurrent.futures.ThreadPoolExecutor() as pool:
        loaded(pair)
        request.getfixturevalue("lonely")
        importing = pool.submit(import_one, pair, "x")
        wait_until(lambda: waiting(server) == 1, "the commit")
        server.ask("SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                   " WHERE wait_event = 'SyncRep'")
        error, details = importing.result()
        assert error.code() == UNAVAILABLE and details["ErrorInfo"].reason == "STORE_UNAVAILABLE"
        assert "canceling wait for synchronous replication" in error.details()
        assert "it may have been written all the same" in error.details()


# --- Its end ----------------------------------------------------------------------------

def test_servers_stop_while_it_stands_still(pair, server):
    loaded(pair)
    with server.frozen():
        assert_unavailable(pair)
        for each in pair.post, pair.user:
            each.signal(signal.SIGTERM)
            assert each.wait() == 0
