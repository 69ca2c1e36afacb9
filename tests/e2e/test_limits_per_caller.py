"""--max-calls, --max-calls-per-caller, --rate-per-caller: who asks too much is
told when to try again, and nobody else hears of it."""
import time

import grpc
import pytest

import protos
import timing
from client import Client, failure
from issuer import hash_line
from logs import expects_log
from test_details import details_of

LIST = "/v1.post.Post/ListPosts"
BIDI = "/v1.post.Post/ListPostsBidiStream"


def trailer(error, name):
    return dict(error.trailing_metadata()).get(name)


def list_once(client):
    return client.call(LIST, protos.post.ListPostsRequest(page_size=1))


def too_much(client, reason):
    """The next call is refused for this reason; returns after how many ms to come again."""
    return refusal(lambda: list_once(client), reason)


def refusal(call, reason):
    error, details = details_of(call)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details["ErrorInfo"].reason == reason
    delay = details["RetryInfo"].retry_delay
    ms = delay.seconds * 1000 + delay.nanos // 10**6
    assert trailer(error, "grpc-retry-pushback-ms") == str(ms)
    return ms


def open_stream(client):
    """One that is surely open on the server."""
    stream = client.open(BIDI)
    stream.send(protos.post.ListPostsRequest(page_size=1, limit=1))
    stream.receive()
    return stream


@pytest.mark.parametrize("flag, reason", [
    ("--max-calls", "TOO_MANY_CALLS"),
    ("--max-calls-per-caller", "TOO_MANY_CALLS_OF_CALLER"),
])
@expects_log("too many calls at once")
def test_calls_at_once(start_pair, flag, reason):
    pair = start_pair(post_args=[flag, "2", "--loops", "2"])
    other = pair.client(pair.post)  # another connection, the same caller
    with open_stream(pair.posts), open_stream(other) as second:
        assert too_much(pair.posts, reason) == 1000
        assert too_much(other, reason) == 1000
        check = protos.current.packages["grpc.health.v1"].HealthCheckRequest()
        pair.posts.call("/grpc.health.v1.Health/Check", check)  # health is never limited
        second.rest()
        timing.wait_until(lambda: succeeds(pair.posts), "a free place")


@expects_log("too many calls at once of ann", "too many calls at once of bob")
def test_a_caller_is_who_has_the_token(start_pair, tmp_path):
    """Two at one address have a count each; one has one, whatever address it comes from."""
    tokens, socket = tmp_path / "tokens", f"unix:{tmp_path}/socket"
    tokens.write_text(hash_line("token-of-ann", "ann") + hash_line("token-of-bob", "bob"))
    pair = start_pair(post_args=["--listen", socket, "--token-file", str(tokens), "--loops", "2",
                                 "--max-calls-per-caller", "1"])
    ann, ann_too, bob = (pair.client(pair.post, token=f"token-of-{name}")
                         for name in ("ann", "ann", "bob"))
    with Client(socket, token="token-of-ann") as elsewhere, open_stream(ann), open_stream(bob):
        for client in (ann_too, elsewhere, bob):
            assert too_much(client, "TOO_MANY_CALLS_OF_CALLER") == 1000


def succeeds(client):
    """The place of an ended call is free once the server has heard that it has ended."""
    try:
        list_once(client)
        return True
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        return False


@expects_log("too many calls a second")
def test_rate(start_pair):
    """All at once: so some come within a second, however busy the machine is."""
    pair = start_pair(post_args=["--rate-per-caller", "1"])
    calls = [pair.posts.multicallable(LIST).future(protos.post.ListPostsRequest(page_size=1),
                                                   timeout=timing.CALL) for _ in range(20)]
    refused = [call for call in calls if call.exception() is not None]
    assert 0 < len(refused) < len(calls)
    assert 0 < refusal(refused[0].result, "CALL_RATE_OF_CALLER") <= 1000


def test_no_limit_unless_asked_for(pair):
    streams = [open_stream(pair.posts) for _ in range(20)]
    for stream in streams:
        stream.rest()


@expects_log("too many calls at once")
def test_postcli_says_when(start_pair):
    pair = start_pair(post_args=["--max-calls", "1"])
    with open_stream(pair.posts):
        done = pair.postcli("list")
    assert done.returncode == 1
    assert done.stderr.splitlines()[:2] == [
        "postcli: RESOURCE_EXHAUSTED: too many calls at once: the server takes 1",
        "postcli: reason TOO_MANY_CALLS; try again in 1 s"]


@expects_log("too many bad tokens came from")
def test_bad_tokens(start_pair, tmp_path):
    """Who tries one after the other is not listened to for a while; a token that is good passes
    from the same address."""
    (tmp_path / "tokens").write_text(hash_line("good", scopes="read"))
    pair = start_pair(post_args=["--token-file", str(tmp_path / "tokens"), "--bad-token-rate", "4"])
    codes, end = [], time.monotonic() + timing.CALL
    while not codes or codes[-1] != grpc.StatusCode.RESOURCE_EXHAUSTED:
        with Client(pair.post.target, token=f"guess {len(codes)}") as guesser:
            error, details = details_of(lambda guesser=guesser: list_once(guesser))
        codes.append(error.code())
        assert time.monotonic() < end, codes
    assert set(codes[:-1]) == {grpc.StatusCode.UNAUTHENTICATED} and len(codes) > 4
    assert details["ErrorInfo"].reason == "BAD_TOKEN_RATE"
    assert 0 < details["RetryInfo"].retry_delay.nanos <= 250_000_000
    with Client(pair.post.target, token="good") as client:
        list_once(client)
    with Client(pair.post.target, token="guess") as guesser:
        timing.wait_until(lambda: failure(lambda: list_once(guesser))[0] ==
                          grpc.StatusCode.UNAUTHENTICATED, "it is looked at again")


@expects_log("key set http://127.0.0.1", "its issuer's keys cannot be had now")
def test_tokens_that_cannot_be_checked_are_not_bad(start_pair):
    """Nobody is there to tell by which keys: that is no fault of who sends them."""
    pair = start_pair(post_args=["--jwks", "http://127.0.0.1:1/keys", "--jwt-issuer", "i",
                                 "--jwt-audience", "a", "--bad-token-rate", "2"])
    with Client(pair.post.target, token="e30.e30.e30") as client:
        codes = {failure(lambda: list_once(client))[0] for _ in range(8)}
    assert codes == {grpc.StatusCode.UNAVAILABLE}
