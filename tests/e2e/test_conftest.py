"""What conftest.py sees to for every test: in runs of its own, of tests that are made up here."""
import os
import re
import subprocess
import sys

import pytest

import timing
from protos import ROOT


def run_tests(tmp_path, tests, *under):
    """What pytest says of them."""
    (tmp_path / "test_it.py").write_text(tests)
    return subprocess.run([*under, sys.executable, "-B", "-m", "pytest", "-q", "-rA",
                           "-p", "conftest", "-p", "no:cacheprovider", "--rootdir", tmp_path,
                           tmp_path],
                          env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "e2e")},
                          capture_output=True, text=True, timeout=timing.limit(60),
                          check=False).stdout


WARNING_TESTS = '''
import pytest

import logs
from logs import expects_log, may_log

TEXT = "2026-01-31T12:00:00.000Z warn  post-server: it burns\\n"
JSON = '{"time":"2026-01-31T12:00:00.000Z","level":"error","program":"x","message":"it burns"}\\n'
CORE = "E0131 12:00:00.000000000    1 tcp.cc:1] it burns\\n"
CALM = "2026-01-31T12:00:00.000Z info  post-server: it burns\\nerror: it burns\\n"


@pytest.fixture
def server(tmp_path):
    """It warns when the test is over."""
    logs.follow(tmp_path / "log")
    yield
    (tmp_path / "log").write_text(TEXT + "2026-01-31T12:00:00.000Z warn  post-server: half a li")


def test_silent(): pass
def test_calm(): logs.look_at(CALM)
@expects_log("it burns")
def test_expected(): logs.look_at(TEXT)
@expects_log("it burns")
def test_expected_of_a_server(server): pass
@may_log("it burns")
def test_allowed(): logs.look_at(TEXT)
@may_log("it burns")
def test_allowed_but_did_not(): pass

@pytest.mark.parametrize("line", [TEXT, JSON, CORE], ids=["text", "json", "core"])
def test_bad_unannounced(line): logs.look_at(line)
def test_bad_server(server): pass
def test_bad_in_a_fixture_file(tmp_path):
    logs.follow(tmp_path / "log")
    (tmp_path / "log").write_text(CALM + TEXT)
@expects_log("it burns", "water")
def test_bad_half_announced(): logs.look_at(TEXT)
@expects_log("water")
def test_bad_other_words(): logs.look_at(TEXT)
@expects_log("it burns")
def test_bad_in_vain(): logs.look_at(CALM)
@pytest.mark.skip
@expects_log("it burns")
def test_skipped(): pass
@expects_log("it burns")
def test_bad_for_another_reason(): assert False
def test_bad_sanitizer(): logs.look_at("==1==ERROR: AddressSanitizer: heap-use-after-free")
'''


def test_a_warning_that_was_not_announced_fails_a_test(tmp_path):
    said = run_tests(tmp_path, WARNING_TESTS)
    names = set(re.findall(r"^def (test_\w+)", WARNING_TESTS, re.M))
    bad = set(re.findall(r"^(?:ERROR|FAILED) \S+::(test_\w+)", said, re.M))
    assert bad == {name for name in names if name.startswith("test_bad")}, said
    assert "8 errors" in said and "2 failed" in said, said
    assert "should have said ['water']" in said


SIGNAL_TEST = '''
import subprocess

def test_child():
    done = subprocess.run(["sh", "-c", "trap 'exit 5' NAME; kill -NAME $$; exit 7"])
    assert done.returncode == 5
'''


@pytest.mark.parametrize("name", ["INT", "HUP"])
def test_signals_reach_what_tests_start(name, tmp_path):
    """Also where the tests ignore them, as what nohup or a script starts in the background does: a
    shell cannot even trap what it was born to ignore."""
    said = run_tests(tmp_path, SIGNAL_TEST.replace("NAME", name), "env", f"--ignore-signal={name}")
    assert "1 passed" in said, said
