"""Every tests/examples/*.sh prints what it says.

What an example must print, standard error included, stands in a comment of its
own, or in NAME.expected beside it:

    # expect:
    #   {"status":"SERVING"}
    #   postcli: UNAVAILABLE: ...

"..." stands for anything within a line; a line that is nothing else, for any
number of lines. An example must exit with 0, whatever it shows.

It runs at the top of the tree, against a pair of its own with the demo's people
and posts, which postcli finds by itself; with $BUILD, and $TMPDIR for what it
writes."""
import re
import subprocess

import pytest

import cli
import logs
import timing
from logs import may_log
from pair import BUILD
from protos import ROOT
from samples import pattern

DEMO = ROOT / "client-cli" / "demo"
EXAMPLES = sorted((ROOT / "tests" / "examples").glob("*.sh"))


def expected(script):
    """The lines."""
    beside = script.with_suffix(".expected")
    if beside.exists():
        return beside.read_text().splitlines()
    block = re.search(r"^# expect:\n((?:#.*\n)+)", script.read_text(), re.M)
    assert block, f"{script.name} does not say what it prints"
    return [re.sub("^# {0,3}", "", line) for line in block[1].splitlines()]


@pytest.fixture
def demo(pair):
    """Post has asked User for names already: everything serves."""
    cli.run(pair, "import", "users", DEMO / "users.ndjson")
    cli.run(pair, "import", "posts", DEMO / "posts.ndjson")
    cli.run(pair, "list")
    return pair


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
@may_log("the deadline has passed")
def test_example(demo, script, tmp_path):
    done = subprocess.run([script], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          timeout=timing.limit(30),
                          env={**demo.postcli_environment(), "BUILD": str(BUILD),
                               "TMPDIR": str(tmp_path)})
    logs.look_at(done.stdout)
    assert done.returncode == 0, done.stdout
    assert pattern(expected(script)).fullmatch(done.stdout), done.stdout


def test_examples_are_checked():
    """A pattern is no more than it looks like."""
    lines = ["a", "b ... (c)", "...", "d"]
    assert pattern(lines).fullmatch("a\nb 1 2 (c)\nd\n")
    assert pattern(lines).fullmatch("a\nb  (c)\nx\n\nd\n")
    for text in ("a\nb (c)\nd\n", "a\nb 1 (c)\nd", "a\nb\n(c)\nd\n", "a\nb 1 (c)\nxd\n", ""):
        assert not pattern(lines).fullmatch(text)
