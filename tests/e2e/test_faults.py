"""A short form of make faults; see tests/faults/faults.py."""
import subprocess
import sys

from protos import ROOT

import timing


def test_faults_at_random_moments():
    done = subprocess.run([sys.executable, "-B", str(ROOT / "tests/faults/faults.py"), "--runs", "12",
                           "--posts", "40000", "--users", "2000", "--seed", "4", "--deadline", "5"],
                          capture_output=True, text=True, timeout=timing.limit(150), check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "none wrong" in done.stdout
