"""A short form of make soak; see tests/soak/soak.py."""
import subprocess
import sys

from protos import ROOT

import timing


def test_everything_at_once():
    done = subprocess.run([sys.executable, "-B", str(ROOT / "tests/soak/soak.py"), "--seconds", "6",
                           "--posts", "3000", "--workers", "3", "--seed", "3"],
                          capture_output=True, text=True, timeout=timing.limit(100), check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all as promised" in done.stdout
