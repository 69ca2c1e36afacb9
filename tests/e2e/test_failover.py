"""A short form of make failover; see tests/failover/failover.py."""
import subprocess
import sys

import pytest
from protos import ROOT

import postgres
import timing


pytestmark = pytest.mark.skipif(postgres.WHY_NOT is not None, reason=str(postgres.WHY_NOT))


def disturb(*args):
    done = subprocess.run([sys.executable, "-B", str(ROOT / "tests/failover/failover.py"),
                           "--seed", "3", *args],
                          capture_output=True, text=True, timeout=timing.limit(150), check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing wrong, lost, missed or doubled" in done.stdout


def test_a_primary_is_killed_and_its_standby_promoted():
    disturb("--moments", "2")


def test_connections_to_the_database_break():
    disturb("--moments", "5", "--faults")
