"""postcli's command line as people type it: the order of words, letters, slips, help."""
import os
import re
import shutil
import subprocess

import pytest

import cli
import timing
from pair import BUILD, Pair
from protos import ROOT
from screen import Terminal

DEMO = ROOT / "client-cli" / "demo"
VERSION = re.search(r'#define VERSION "(.*)"', (ROOT / "src/base/version.h").read_text()).group(1)


def fill(pair):
    cli.run(pair, "import", "users", DEMO / "users.ndjson")
    cli.run(pair, "import", "posts", DEMO / "posts.ndjson")


@pytest.fixture(scope="module")
def demo_pair(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("demo")) as pair:
        fill(pair)
        yield pair


# --- Order -----------------------------------------------------------------------------


@pytest.mark.parametrize("before, after", [
    ("--limit 2 list", "list --limit 2"),
    ("--limit=2 list", "list --limit 2"),
    ("-n 2 list", "list --limit 2"),
    ("-n2 list", "list --limit 2"),
    ("-vn 2 list", "list --limit 2"),
    ("--lim 2 list", "list --limit 2"),
    ("--no-progress --format json list --limit 1", "list --format json --limit 1"),
    ("--format json users --limit 1 list", "users list --format json --limit 1"),
    ("-o json users get 1", "users get 1 --format json"),
    ("--format ndjson collect-list 1 3", "collect-list 1 3"),
])
def test_options_before_the_command(demo_pair, before, after):
    assert cli.run(demo_pair, *before.split()) == cli.run(demo_pair, *after.split()) != b""


def test_a_target_before_the_command(demo_pair):
    out, err = cli.attempt(demo_pair, "--target", "127.0.0.1:1", "list")
    assert out == b"" and "UNAVAILABLE" in err


@pytest.mark.parametrize("args, words", [
    ("--target", "there is no command beside --target"),
    ("--target x", "there is no command beside --target"),
    ("-- list", "there is no command beside --"),
    ("lst", "unknown command: lst; did you mean list?"),
    ("stream", "unknown command: stream; did you mean stream-list?"),
    ("--targt x list", "unknown option --targt; did you mean --target?"),
    ("users --targt x get", "unknown option --targt; did you mean --target?"),
    ("list --limti 5", "unknown option --limti; did you mean --limit?"),
    ("list -limit 5", "unknown option -limit; did you mean --limit?"),
    ("list -x", "unknown option -x"),
    ("list -n", "--limit needs a value"),
    ("help lst", "unknown command: lst; did you mean list?"),
    ("users gte", '"gte" is not get, list or resolve; did you mean get?'),
    ("users lsit", '"lsit" is not get, list or resolve; did you mean list?'),
    ("bench unray", "did you mean unary?"),
    ("import psots -", '"psots" is not posts or users; did you mean posts?'),
])
def test_slips(demo_pair, args, words):
    out, err = cli.attempt(demo_pair, *args.split(), code=2)
    assert out == b"" and f"{words} (try " in err or f"{words}: " in err, err
    assert err.count("\n") == 1


@pytest.mark.parametrize("args, words", [
    ("list --target http://localhost:9001", "--target: http://localhost:9001: a target is HOST:PORT, and not a URL"),
    ("list --user-target localhost:", "--user-target: localhost:: the port is not a number"),
    ("list --tag a --tag b", "--tag is given twice, and takes one value"),
    ("list --user 1 --user 3", "--user is given twice, and takes one value"),
])
def test_values_that_make_no_sense(demo_pair, args, words):
    out, err = cli.attempt(demo_pair, *args.split(), code=2)
    assert out == b"" and err.startswith(f"postcli: {words}") and err.count("\n") == 1, err


def test_a_target_without_a_port(demo_pair):
    """It is that of the service. Whoever listens there, it is not port 0."""
    out, err = cli.attempt(demo_pair, "list", "--target", "127.0.0.99", "--retries", "0")
    assert out == b"" and "127.0.0.99:9001" in err


def test_users_that_are_not_there(demo_pair):
    out, err = cli.attempt(demo_pair, "users", "resolve", "1", "77")
    assert out.count(b"\n") == 2 and err == "postcli: there is no user 77\n"
    err = cli.attempt(demo_pair, "users", "resolve", *range(100, 120))[1]
    assert err.count("postcli: there is no user 1") == 10
    assert err.endswith("postcli: there are no users for 10 more ids\n")


# --- Letters ---------------------------------------------------------------------------


def test_letters(demo_pair):
    out, err = cli.attempt(demo_pair, "list", "-v", "-n", "2", "-o", "json", code=0)
    assert out == cli.run(demo_pair, "list", "--limit", "2", "--format", "json")
    assert "ListPosts" in err
    assert cli.run(demo_pair, "generate", "users", "-n", "3").count(b"\n") == 3


# --- Help and version ------------------------------------------------------------------


@pytest.mark.parametrize("program", ["postcli", "post-server", "user-server"])
def test_version(program):
    done = subprocess.run([BUILD / program, "--version"], capture_output=True, text=True,
                          timeout=timing.CALL, check=True)
    assert done.stdout == f"{program} {VERSION}\n" and done.stderr == ""


def test_the_changelog_knows_the_version():
    """A version is in work until the changelog has a section for it."""
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert VERSION.endswith("-dev") == (VERSION.removesuffix("-dev") not in versions)
    assert VERSION.endswith("-dev") or VERSION == versions[0]


@pytest.mark.parametrize("command", ["list", "users get", "users", "bench"])
def test_help_as_a_command(demo_pair, command):
    assert cli.run(demo_pair, "help", *command.split()) == \
        cli.run(demo_pair, *command.split(), "--help")


def test_help_alone(demo_pair):
    assert cli.run(demo_pair, "help") == cli.run(demo_pair, "--help")
    assert cli.run(demo_pair, "--target", "x", "--help", "list") == \
        cli.run(demo_pair, "list", "--help")


# --- Examples --------------------------------------------------------------------------


def output_of(*args):
    return subprocess.run([cli.POSTCLI, *args], capture_output=True, text=True, check=True,
                          timeout=timing.CALL).stdout


def words_of(*group):
    return [word for word in output_of(*group, "--help=words").split()
            if not word.startswith("-")]


GROUPS = ("users", "delete")
COMMANDS = [name for name in words_of() if name not in GROUPS] + \
    [f"{group} {name}" for group in GROUPS for name in words_of(group)]


def examples_of(text, heading):
    section = text.split(f"{heading}\n")[1].split("\n\n")[0]
    return [line.strip() for line in section.splitlines()
            if line.strip().startswith("postcli") or "| postcli" in line]


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_of_a_command(start_pair, tmp_path, command):
    """Each is in the help and on the page, and does what it should."""
    examples = examples_of(output_of(*command.split(), "--help"), "Examples:")
    page = output_of(*command.split(), "--help=man").replace("\\-", "-")
    assert examples and examples == examples_of(page, ".SH EXAMPLES")
    assert all(f"postcli {command}" in example for example in examples)
    pair = start_pair()
    fill(pair)
    run_examples(pair, tmp_path, examples)


def run_examples(pair, folder, examples):
    shutil.copy(DEMO / "users.ndjson", folder / "people.ndjson")
    shutil.copy(DEMO / "posts.ndjson", folder / "posts.ndjson")
    environment = {"PATH": f"{BUILD}:{os.environ['PATH']}", "TOKEN": "", "POSTCLI_YES": "1"}
    for example in examples:
        example = example.replace("10s", "100ms").replace("1000000", "1000")
        example = example.replace("--follow", "--follow --limit 1")
        done = cli.shell(pair, f"set -euo pipefail\ncd {folder}\n{example}", timing.limit(30),
                         environment)
        assert done.returncode == 0, (example, done.stderr.decode(errors="replace"))


def test_examples_of_the_program(start_pair, tmp_path):
    pair = start_pair()
    fill(pair)
    examples = examples_of(output_of("--help"), "Examples:")
    assert len(examples) >= 4
    run_examples(pair, tmp_path, [e.replace("localhost:9001", pair.post.listen)
                                  for e in examples])


# --- README ----------------------------------------------------------------------------


def samples():
    """(command line, what README shows of its output)"""
    blocks = re.findall(r"^```\n\$ build/postcli (.*)\n((?:.*\n)*?)```", (ROOT / "README.md").read_text(),
                        re.M)
    assert len(blocks) >= 4
    return blocks


@pytest.mark.parametrize("words, shown", samples(), ids=[words for words, _ in samples()])
def test_samples_of_readme(demo_pair, words, shown):
    """As on a terminal of 100 columns; "…" within JSON stands for anything."""
    words = words.replace("localhost:9000", demo_pair.user.listen)
    if not shown.startswith("POST ID"):
        done = cli.shell(demo_pair, f"$POSTCLI {words}")
        got = (done.stdout + done.stderr).decode()
    else:
        with Terminal(demo_pair, *words.split(), columns=100) as terminal:
            terminal.end()
            got = terminal.text
        # how wide its columns are is decided by the rows that come first
        shown, got = (re.sub(r" {2,}", "  ", text) for text in (shown, got))
        # and which of the two ways to the terminal is the faster one by chance
        shown, got = ("\n".join(sorted(text.splitlines())) for text in (shown, got))
    anything = re.escape(shown).replace("…", ".*") if shown.startswith("{") else re.escape(shown)
    assert re.fullmatch(anything, got), f"\n{shown}\n{got}"
