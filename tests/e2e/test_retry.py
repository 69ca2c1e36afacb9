"""Calls that fail are made again, where that is right and as often as is right."""
import json
import subprocess

import grpc
import pytest

import timing
from cli import POSTCLI, Postcli
from pair import clean_environment
from test_postcli_bad_server import ids, message, postcli, serving

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Flaky:
    """Fails so many calls before it answers, and knows which attempts they were."""

    def __init__(self, failures, code=UNAVAILABLE, after=0):
        self.failures, self.code, self.after = failures, code, after
        self.attempts = []  # what grpc-previous-rpc-attempts said: 0, 1, ...

    def __call__(self, requests, context):
        metadata = dict(context.invocation_metadata())
        self.attempts.append(int(metadata.get("grpc-previous-rpc-attempts", 0)))
        next(requests)
        for n in range(self.after):  # what is sent before it fails
            yield message([n], next_page_token=str(n + 1))
        if len(self.attempts) <= self.failures:
            context.abort(self.code, "not yet")
        yield message([7], last=True)


def test_a_call_is_made_again():
    flaky = Flaky(2)
    with serving(ListPosts=flaky) as target:
        done = postcli(target, "list")
    assert done.returncode == 0, done.stderr
    assert ids(done) == ["7"] and done.stderr == ""
    assert flaky.attempts == [0, 1, 2]


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_as_often_as_was_said(retries):
    flaky = Flaky(100)
    with serving(ListPosts=flaky) as target:
        done = postcli(target, "list", "--retries", str(retries))
    assert done.returncode == 1
    assert done.stderr == "postcli: UNAVAILABLE: not yet\n"
    assert flaky.attempts == list(range(retries + 1))


def test_other_failures_are_final():
    flaky = Flaky(1, grpc.StatusCode.INTERNAL)
    with serving(ListPosts=flaky) as target:
        done = postcli(target, "list")
    assert done.stderr == "postcli: INTERNAL: not yet\n"
    assert flaky.attempts == [0]


def test_not_in_mid_stream():
    """What came is not asked for twice; going on from there is stream-list's own task."""
    flaky = Flaky(1, after=1)
    with serving(ListPostsServerStream=flaky) as target:
        done = postcli(target, "stream-list", "--no-resume")
    assert done.returncode == 1
    assert flaky.attempts == [0]


def test_imports_are_not_repeated():
    flaky = Flaky(1)
    with serving(ImportPosts=flaky) as target:
        done = postcli(target, "import", "posts", "-", stdin='{"user_id":"1","post_id":"1"}\n')
    assert done.returncode == 1 and "not yet" in done.stderr
    assert flaky.attempts == [0]


def test_deletions_are_not_repeated():
    flaky = Flaky(1)
    with serving(DeletePosts=flaky) as target:
        done = postcli(target, "delete", "posts", "--yes", "1")
    assert done.returncode == 1 and "not yet" in done.stderr
    assert flaky.attempts == [0]


def test_throttling():
    """A server that fails everything is not made to work five times as much: after
    the first call there is no more to spend."""
    flaky = Flaky(1000)
    with serving(ListPosts=flaky) as target:
        done = subprocess.run([POSTCLI, "bench", "unary", "--count", "20", "--retries", "4",
                               "--format", "json", "--target", target], capture_output=True,
                              timeout=timing.CALL, env=clean_environment(), check=False)
    codes = json.loads(done.stdout)["codes"]
    assert [(c["code"], c["count"]) for c in codes] == [("UNAVAILABLE", 20)]
    assert flaky.attempts[:5] == [0, 1, 2, 3, 4]
    assert flaky.attempts[5:] == [0] * 19


def test_a_service_config_of_ones_own(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"methodConfig": [{
        "name": [{"service": "v1.post.Post"}],
        "retryPolicy": {"maxAttempts": 2, "initialBackoff": "0.01s", "maxBackoff": "0.01s",
                        "backoffMultiplier": 1, "retryableStatusCodes": ["INTERNAL"]}}]}))
    flaky = Flaky(1, grpc.StatusCode.INTERNAL)
    with serving(ListPosts=flaky) as target:
        done = postcli(target, "list", "--service-config", str(path))
    assert ids(done) == ["7"] and flaky.attempts == [0, 1]


@pytest.mark.parametrize("text, why", [
    ("{\n", "config.json:2: "), ("[]", "a JSON object"),
    ('{"loadBalancingConfig":[{"luck":{}}]}', "No known policies in list: luck"),
    ('{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":1}}]}', "retryPolicy"),
])
def test_a_service_config_that_makes_no_sense(tmp_path, text, why):
    path = tmp_path / "config.json"
    path.write_text(text)
    done = postcli("127.0.0.1:1", "list", "--service-config", str(path))
    assert done.returncode == 1
    assert why in done.stderr and done.stderr.count("\n") == 1, done.stderr


# --- --wait-for-ready -------------------------------------------------------------------------


def test_a_server_that_starts_later(pair):
    """One that waits outlives one that does not, and is served."""
    pair.post.stop()
    with Postcli(pair, "stream-list", "--wait-for-ready", "--no-resume") as waiting:
        done = pair.postcli("stream-list", "--no-resume")
        assert done.returncode == 1 and "UNAVAILABLE" in done.stderr
        assert waiting.process.poll() is None
        pair.post.start()
        assert waiting.end() == 0, waiting.stderr


def test_waiting_ends_at_the_deadline(pair):
    pair.post.stop()
    done = pair.postcli("list", "--wait-for-ready", "--deadline", "300ms")
    pair.post.start()
    assert done.returncode == 1 and "DEADLINE_EXCEEDED" in done.stderr
