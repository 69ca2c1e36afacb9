""".ci/setup, which make calls before it builds and tests, with an apt-get that only notes."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import timing

SETUP = Path(__file__).parents[2] / ".ci" / "setup"
NOTES = 'echo "$(basename "$0") $*"\n'


@pytest.fixture
def setup(tmp_path):
    """Runs a copy of it, on a system that has nothing but these programs."""
    programs = tmp_path / "bin"
    programs.mkdir()

    def add(name, script):
        (programs / name).write_text(f"#!/bin/sh\n{script}")
        (programs / name).chmod(0o755)

    def run(*args, uid=1000, without=()):
        add("id", f"echo {uid}\n")
        add("apt-get", NOTES)
        add("sudo", f'{NOTES}"$@"\n')
        for name in without:
            (programs / name).unlink()
        return subprocess.run([tmp_path / "setup", *args], env={"PATH": str(programs)}, text=True,
                              capture_output=True, timeout=timing.CALL, check=False)

    shutil.copy(SETUP, tmp_path)
    for name in ("basename", "dirname", "env"):
        os.symlink(shutil.which(name), programs / name)
    (tmp_path / "packages").write_text(f"# what\nneed here {SETUP}\nneed libfirst-dev /no/first.h\n"
                                       f"test second /no/second\nlint here {SETUP}\n")
    return run


def test_it_says_first_what_it_installs(setup):
    said = setup("test").stdout.splitlines()
    assert said[0] == ("These packages are missing: libfirst-dev second; installing them with sudo "
                       "apt-get. Ctrl-C to stop, or install them yourself.")
    assert said[1] == "sudo apt-get -qq update"


def test_root_needs_no_sudo(setup):
    said = setup(uid=0, without=["sudo"]).stdout.splitlines()
    assert said[0] == ("These packages are missing: libfirst-dev; installing them with apt-get. "
                       "Ctrl-C to stop, or install them yourself.")
    assert said[1] == "apt-get -qq update"


def test_it_is_silent_when_nothing_is_missing(setup, tmp_path):
    (tmp_path / "packages").write_text(f"need here {SETUP}\nfuzz other /no/other\n")
    done = setup("test")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("without, says", [
    (["apt-get"], "this is not Debian or Ubuntu"),
    (["sudo"], "as root, run: apt-get install libfirst-dev"),
])
def test_where_it_cannot_install_it_says_what_to_do(setup, without, says):
    done = setup(without=without)
    assert done.returncode == 1
    assert says in done.stderr and "libfirst-dev" in done.stderr
