"""What protects a server from its clients: those that do not read, and those that ask for too
much at once."""
import itertools

import grpc
import pytest

import cli
import timing
from client import failure
from logs import expects_log, may_log
from protos import post, user


def fill(pair):
    """More of both than fits between a server and a client that does not read."""
    cli.pipeline(pair, "$POSTCLI generate users --count 50000 | $POSTCLI import users -\n"
                 "$POSTCLI generate posts --count 50000 --users 10 | $POSTCLI import posts -",
                 timing.limit(60))


def limited(start_pair, *args):
    pair = start_pair(user_args=args, post_args=args)
    fill(pair)
    return pair


@pytest.mark.parametrize("shape", ["ServerStream", "BidiStream"])
@may_log("the client did not read for too long")
def test_a_client_that_does_not_read_is_cut_off(start_pair, shape):
    """Its status waits behind the messages that it left lying, so the server must tell: with
    nothing else in progress it stops, an hour before the drain would end that."""
    pair = limited(start_pair, "--write-timeout", "300ms", "--drain-timeout", "1h")
    path = "/v1.post.Post/ListPosts" + shape
    stuck = pair.posts.multicallable(path)(iter([b""]) if shape == "BidiStream" else b"",
                                           timeout=timing.CALL)
    next(stuck)
    pair.post.stop()
    assert failure(lambda: list(stuck))[0] == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("path, request_class", [
    ("/v1.post.Post/ListPosts", post.ListPostsRequest),
    ("/v1.post.Post/ListPostsClientStream", post.ListPostsRequest),
    ("/v1.user.User/ListUsers", user.ListUsersRequest),
])
@expects_log("too many single answers at once")
def test_all_answers_together_have_a_bound(start_pair, path, request_class):
    """A stream needs nothing of it. What an answer took is given back."""
    pair = limited(start_pair, "--answer-memory", "600000")
    client = pair.posts if "Post" in path else pair.users

    def ask(limit):
        request = request_class(limit=limit)
        return client.call(path, [request] if "ClientStream" in path else request)

    for _ in range(20):
        code, text = failure(lambda: ask(50000))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and "at once" in text, text
        assert ask(100)
    stream = client.call("/v1.post.Post/ListPostsServerStream" if "Post" in path else
                         "/v1.user.User/ListUsersServerStream", b"")
    assert len(list(itertools.islice(stream, 10))) == 10
    stream.cancel()
