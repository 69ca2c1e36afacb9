"""tests/again.py, by which `make test` runs what failed once more: what it makes of tests that fail
always, at first, or never, and of too many that fail at first."""
import subprocess
import sys

import pytest

import timing
from protos import ROOT

SCRIPT = ROOT / "tests" / "again.py"
CRITERION = "[----] a.c:1: Assertion Failed\n[\033[0;31mFAIL\033[0m] store::is_empty: (0.00s)\n" \
    "[FAIL] store::is_full: CRASH!\n[PASS] store::is_there: (0.01s)"


@pytest.fixture
def again(tmp_path):
    """again("--report"), again(*FIRST, "--", *SECOND) -> status, output"""

    def again(*args):
        done = subprocess.run([sys.executable, "-B", SCRIPT, tmp_path / "note", *args],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=timing.limit(60), check=False)
        return done.returncode, done.stdout

    return again


def sh(status, text=""):
    return ["sh", "-c", f"printf '%s\\n' '{text}'; exit {status}"]


def test_what_passes_is_not_run_again(again):
    assert again(*sh(0, "once"), "--", *sh(1, "twice")) == (0, "once\n")
    assert again("--report") == (0, "")


def test_what_fails_twice_has_failed(again):
    status, said = again(*sh(1, "once"), "--", *sh(3, "twice"))
    assert status == 3 and "once\n== what failed, once more\ntwice\n" == said
    assert again("--report") == (0, ""), "there is worse than flakes"


def test_another_status_is_final(again):
    assert again("--if", "1", *sh(2, "stopped"), "--", *sh(0)) == (2, "stopped\n")
    assert again("--if", "1", *sh(1), "--", *sh(0))[0] == 0


def test_what_passes_at_last_is_told(again):
    assert again(*sh(1, CRITERION), "--", *sh(0))[0] == 0
    status, said = again("--report")
    assert status == 0
    assert "2 failed at first" in said and "Up to 2 are forgiven" in said
    assert "    store::is_empty\n    store::is_full\n" in said


def test_three_are_too_many(again):
    """A command that names no test, for it crashed, is one."""
    again(*sh(1, CRITERION), "--", *sh(0))
    assert again(*sh(139), "--", *sh(0))[0] == 0
    status, said = again("--report")
    assert status == 1
    assert "3 failed at first" in said and "the run has failed" in said and "exit 139" in said


TESTS = '''
import pathlib
import pytest

@pytest.fixture
def note(request):
    """Is there the second time, when all is well."""
    note = pathlib.Path("note-" + request.node.originalname)
    been_here = note.exists()
    yield note
    note.touch()
    assert been_here

@pytest.mark.parametrize("words", ["of two words"])
def test_fixture(words, note): pass
def test_itself_too(note): assert note.exists()
def test_good(): pass
'''


def test_pytest_itself(again, tmp_path):
    """A test that has an error, and one that fails and has an error besides."""
    (tmp_path / "test_it.py").write_text(TESTS)
    run = ["env", "-C", tmp_path, sys.executable, "-B", "-m", "pytest", "-q", "test_it.py"]
    assert again("--if", "1", *run, "--", *run, "--last-failed")[0] == 0
    status, said = again("--report")
    assert status == 0 and "2 failed at first" in said
    assert "    test_it.py::test_fixture[of two words]\n" in said
    assert "    test_it.py::test_itself_too\n" in said
