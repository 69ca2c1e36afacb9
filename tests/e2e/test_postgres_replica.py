"""Listings from a standby (--db-replica): never older than what a token knew."""
import contextlib

import pytest

import postgres
from client import Client
from library import LISTINGS, SHAPES, ask, collect, path_of, posts_of, request_of
from logs import expects_log, may_log
from pair import Pair, Server, beside
from pg_cluster import Cluster
from protos import user
from test_postgres import refusal
from timing import wait_until

pytestmark = [
    pytest.mark.skipif(postgres.WHY_NOT is not None, reason=str(postgres.WHY_NOT)),
    may_log("the database", "User is unreachable", "ResolveUsers")]

LATE = "1h"  # what it is behind


@pytest.fixture(scope="module")
def cluster():
    both = Cluster()
    yield both
    both.remove()


def replica_of(db, node):
    """The same database, on this node alone."""
    return f"{db.split('?')[0]}?host={node.folder}"


def delay(node, time):
    """What comes from now on is applied so late."""
    node.ask(f"ALTER SYSTEM SET recovery_min_apply_delay = '{time}'")
    node.ask("SELECT pg_reload_conf()")
    wait_until(lambda: node.ask("SHOW recovery_min_apply_delay").strip() == time, "the setting")


@pytest.fixture
def pair(tmp_path, cluster):
    """Of servers that read from the primary."""
    both = Pair(tmp_path)
    both.user.db, both.post.db = cluster.database(), cluster.database()
    with both:
        both.import_users([{"user_id": "u", "name": "U"}])
        yield both
        delay(cluster.standby, "0")


def reads_from(pair, replica, folder):
    """A client of another Post server on the same database, which has another one for listings."""
    return beside(pair.post, folder, *pair.post.args, "--db-replica", replica)


@contextlib.contextmanager
def reads_from_standby(pair, cluster, folder):
    """The same with the standby, to which it is connected."""
    replica = replica_of(pair.post.db, cluster.standby)
    with reads_from(pair, replica, folder) as client:
        wait_until(lambda: is_asked(cluster.standby), "its connections")
        yield client


def is_asked(standby, program="post-server"):
    """Both connections of each loop, which have prepared what they need."""
    return int(standby.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                           f"'{program}' AND state = 'idle' AND query <> ''")) >= 2


def import_some(pair, first, last):
    pair.import_posts([{"post_id": f"p{i}", "user_id": "u"} for i in range(first, last)])


def ids(messages):
    return [message.post_id for message in posts_of(messages)]


def names(first, last):
    return [f"p{i}" for i in range(first, last)]


def applied(pair, cluster):
    """The standby has all that was imported."""
    name = pair.post.db.split("/")[3].split("?")[0]
    said = cluster.primary.ask("SELECT revision FROM store", name)
    wait_until(lambda: name in cluster.standby.ask("SELECT datname FROM pg_database").split(),
               "the database")
    wait_until(lambda: cluster.standby.ask("SELECT to_regclass('store')", name).strip(), "its tables")
    wait_until(lambda: cluster.standby.ask("SELECT revision FROM store", name) == said, "it all")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_token_is_never_gone_behind(pair, cluster, tmp_path, shape):
    """The standby is an hour behind: without a token it is what is listed, and with one of another
    server, or one that knows more, what that has shown is there, too."""
    import_some(pair, 0, 10)
    applied(pair, cluster)
    delay(cluster.standby, LATE)
    import_some(pair, 10, 20)
    with reads_from_standby(pair, cluster, tmp_path / "second") as late:
        for listing, fields in zip(LISTINGS, ({}, {"user_id": "u"})):
            if listing == "ListPosts":
                assert ids(collect(late, listing, shape, **fields)) == names(0, 10)
            page = ask(pair.posts, listing, "", request_of(listing, page_size=5, **fields))
            token = page[-1].next_page_token
            assert ids(page) == names(0, 5) and token
            rest = collect(late, listing, shape, page_token=token, **fields)
            assert ids(rest) == names(5, 20)
        with reads_from(pair, pair.post.db, tmp_path / "third") as early:  # which says how far it is
            token = ask(early, "ListPosts", "", request_of("ListPosts", page_size=5))[-1]
            rest = collect(late, "ListPosts", shape, page_token=token.next_page_token)
            assert ids(rest) == names(5, 20)


def test_its_own_tokens_go_on_at_the_primary(pair, cluster, tmp_path):
    import_some(pair, 0, 10)
    applied(pair, cluster)
    delay(cluster.standby, LATE)
    import_some(pair, 10, 20)
    with reads_from_standby(pair, cluster, tmp_path / "second") as late:
        page = ask(late, "ListPosts", "", request_of("ListPosts", page_size=5))
        rest = collect(pair.posts, "ListPosts", "ServerStream",
                       page_token=page[-1].next_page_token)
        assert ids(page) + ids(rest) == names(0, 20)


def test_who_follows_is_told_at_once(pair, cluster, tmp_path):
    """Of the primary's changes, and lists what that has."""
    import_some(pair, 0, 10)
    applied(pair, cluster)
    delay(cluster.standby, LATE)
    import_some(pair, 10, 20)
    with reads_from_standby(pair, cluster, tmp_path / "second") as late:
        stream = late.call("/v1.post.Post/ListPostsServerStream",
                           request_of("ListPosts", follow=True))
        found = []
        while not found or not found[-1].caught_up:
            found.append(next(stream))
        assert ids(found) == names(0, 20)
        import_some(pair, 20, 21)
        assert ids([next(stream)]) == ["p20"]
        stream.cancel()


def test_what_a_standby_does_not_have_yet_is_of_the_primary(pair, cluster, tmp_path):
    """A standby that went away, while the listing is in the midst of it."""
    pair.import_posts([{"post_id": f"p{i}", "user_id": "u", "body": "x" * 3000}
                       for i in range(5000)])
    applied(pair, cluster)
    with reads_from_standby(pair, cluster, tmp_path / "second") as client:
        stream = client.call("/v1.post.Post/ListPostsServerStream", request_of("ListPosts"))
        found = [next(stream)]
        cluster.standby.kill()
        try:
            found += stream
            assert ids(found) == names(0, 5000)
            assert ids(collect(client, "ListPosts", "BidiStream")) == names(0, 5000)
        finally:
            cluster.bring_back()


def test_listings_go_on_while_the_primary_is_away(pair, cluster, tmp_path):
    folder = tmp_path / "second"
    folder.mkdir()
    server = Server("user-server", folder, "--store-timeout", "1s", "--db-replica",
                    replica_of(pair.user.db, cluster.standby))
    server.db = pair.user.db
    server.start()
    try:
        wait_until(lambda: is_asked(cluster.standby, "user-server"), "its connections")
        with cluster.primary.frozen(), Client(server.target) as client:
            found = client.call("/v1.user.User/ListUsers", user.ListUsersRequest())
            assert [u.user_id for u in found.user_messages] == ["u"]
    finally:
        server.kill()


def test_a_call_never_goes_back(pair, cluster, tmp_path):
    """What one request of it has shown of the primary, a later one shows too, read ahead or not."""
    import_some(pair, 0, 3)
    applied(pair, cluster)
    delay(cluster.standby, LATE)
    import_some(pair, 3, 5)
    with reads_from(pair, pair.post.db, tmp_path / "third") as early:  # which says how far it is
        token = ask(early, "ListPosts", "", request_of("ListPosts", page_size=1))[-1]
    with reads_from_standby(pair, cluster, tmp_path / "second") as late:
        with late.open(path_of("ListPosts", "BidiStream")) as stream:
            goes_on = request_of("ListPosts", page_token=token.next_page_token)
            stream.send(goes_on)
            assert ids([stream.receive()]) == names(1, 5)
            stream.send(request_of("ListPosts"))
            assert ids([stream.receive()]) == names(0, 5)
        with late.open(path_of("ListPosts", "BidiStream")) as stream:
            stream.send(goes_on, request_of("ListPosts"))
            assert ids([stream.receive()]) == names(1, 5)
            assert ids([stream.receive()]) == names(0, 5)


@expects_log("is not a standby of")
def test_another_store_that_comes_later_is_not_listed(pair, cluster, tmp_path):
    """While the server started it was away."""
    import_some(pair, 0, 3)
    alien = postgres.Postgres()
    try:
        other = Pair(tmp_path / "other")
        (tmp_path / "other").mkdir()
        other.user.db, other.post.db = cluster.database(), alien.database()
        with other:
            other.import_posts([{"post_id": "alien", "user_id": "u"}])
        alien.stop()
        with reads_from(pair, other.post.db, tmp_path / "second") as client:
            alien.start()
            wait_until(lambda: is_asked(alien), "its connections")

            def is_passed_over():
                """A loop that has no connection to it yet asks the primary, and warns of nothing."""
                assert ids(collect(client, "ListPosts", "ServerStream")) == names(0, 3)
                return "is not a standby of" in (tmp_path / "second/post-server.stderr").read_text()

            wait_until(is_passed_over, "a warning")
    finally:
        alien.remove()


def test_a_replica_of_something_else_is_refused(pair, cluster):
    other = replica_of(cluster.database(), cluster.primary)
    name = other.split("/")[3].split("?")[0]
    cluster.primary.ask("CREATE TABLE store AS SELECT 1::bigint AS store_id, 1::bigint AS format, "
                        "0::bigint AS revision, 'posts' AS kind", name)
    assert f"{name} is not a standby of" in refusal(pair.post.db, "--db-replica", other)


@expects_log("--db-replica: ")
def test_one_that_is_away_is_a_warning(pair, cluster, tmp_path):
    import_some(pair, 0, 3)
    pair.post.restart("--db-replica", f"postgres://posts@/{tmp_path.name}?host={tmp_path}")
    assert ids(ask(pair.posts, "ListPosts", "", request_of("ListPosts"))) == names(0, 3)


def test_it_is_for_a_database(tmp_path):
    said = refusal(str(tmp_path / "posts"), "--db-replica", "postgres://posts@/posts")
    assert "--db-replica is for a --db in PostgreSQL" in said
