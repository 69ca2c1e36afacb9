"""A follow by a server that was late: others have imported much before it reads the changes."""
import contextlib
import signal

import grpc
import pytest

import postgres
from client import Client, failure
from followers import Follow
from logs import may_log
from pair import Server
from test_postgres import on_databases

pytestmark = [
    pytest.mark.skipif(postgres.WHY_NOT is not None, reason=str(postgres.WHY_NOT)),
    may_log("the database", "User is unreachable", "ResolveUsers")]

KEPT = 5


@contextlib.contextmanager
def late(pair, folder):
    """A follow of a user without posts, and its server, which stands still."""
    folder.mkdir()
    server = Server("post-server", folder, *pair.post.args)
    server.db = pair.post.db
    server.start()
    try:
        with Client(server.target) as client, \
                Follow(client, "ListPostsByUserId", user_id="new") as follow:
            follow.until_caught_up()
            server.signal(signal.SIGSTOP)
            yield follow, server
        server.stop()
    finally:
        if server.process is not None:
            server.kill()


def of_others(n):
    return [{"post_id": f"other/{i}", "user_id": "u"} for i in range(n)]


FIRST = {"post_id": "first", "user_id": "new"}


def load(pair):
    pair.import_users([{"user_id": each, "name": "N"} for each in ("u", "new")])
    pair.import_posts([{"post_id": "z", "user_id": "u"}])


def test_a_first_post_whose_change_is_not_kept(tmp_path):
    """The call ends, for it cannot be told what it has missed."""
    with on_databases(tmp_path / "pair", post_args=["--keep-changes", str(KEPT)]) as pair:
        load(pair)
        with late(pair, tmp_path / "late") as (follow, server):
            pair.import_posts([FIRST, *of_others(2 * KEPT)])
            server.signal(signal.SIGCONT)
            code, text = failure(follow.receive)
            assert code == grpc.StatusCode.FAILED_PRECONDITION and "list again" in text
