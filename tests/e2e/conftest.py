"""Fixtures of the end-to-end tests; see pair.py and client.py for what they give."""
import contextlib
import itertools

import pytest

from pair import Pair


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
