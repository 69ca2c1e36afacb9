"""Fixtures of the end-to-end tests; see pair.py and client.py for what they give."""
import contextlib
import itertools
import sys

import pytest

from pair import Pair
from protos import ROOT

# Our own h2 and hpack; where Debian's packages of these names are, too, before those.
sys.path.insert(0, str(ROOT / "tests" / "http2"))


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
