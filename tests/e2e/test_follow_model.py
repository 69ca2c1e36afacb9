"""A short form of make follow-model; see tests/follow_model/follow_model.py."""
import subprocess
import sys

from protos import ROOT

import timing


def test_follows_end_as_the_model_says():
    done = subprocess.run([sys.executable, "-B", str(ROOT / "tests/follow_model/follow_model.py"),
                           "--rounds", "6", "--seed", "5"],
                          capture_output=True, text=True, timeout=timing.limit(150), check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all rounds as the model says" in done.stdout
