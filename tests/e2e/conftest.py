"""Fixtures of the end-to-end tests; see pair.py and client.py for what they give."""
import contextlib
import itertools
import signal
import sys

import pytest

import logs
import postgres
from pair import Pair
from protos import ROOT

# Our own h2 and hpack; where Debian's packages of these names are, too, before those.
sys.path.insert(0, str(ROOT / "tests" / "http2"))


def heed_in_children(number):
    """They inherit that a signal is ignored, but not a handler, even one that does nothing."""
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


def pytest_configure(config):
    for number in signal.SIGINT, signal.SIGHUP:
        heed_in_children(number)
    for mark in ("expects_log(text…)", "may_log(text…)"):
        config.addinivalue_line("markers", f"{mark}: see logs.py")
    config.addinivalue_line("markers", "embedded(why): not where STORE=postgres, for that reason")


def pytest_collection_modifyitems(items):
    for item in items:
        mark = item.get_closest_marker("embedded")
        if mark is not None and postgres.wanted:
            item.add_marker(pytest.mark.skip(reason=f"embedded store only: {mark.args[0]}"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    logs.forget()


PASSED = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.stash[PASSED] = outcome.get_result().passed


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item):
    """After the fixtures: a server has stopped then, if it was the test's own."""
    announced = {name: [text for mark in item.iter_markers(name) for text in mark.args]
                 for name in ("expects_log", "may_log")}
    wrong = logs.judge(**announced, passed=item.stash.get(PASSED, False))
    if wrong:
        pytest.fail(wrong, pytrace=False)


@pytest.fixture
def pair(tmp_path):
    """Both servers with empty stores, for one test."""
    with Pair(tmp_path) as pair:
        yield pair


@pytest.fixture
def start_pair(tmp_path):
    """Pairs with other arguments: start_pair(post_args=[…])."""
    with contextlib.ExitStack() as pairs:
        numbers = itertools.count()

        def start(**args):
            folder = tmp_path / f"pair-{next(numbers)}"
            folder.mkdir()
            return pairs.enter_context(Pair(folder, **args))

        yield start
