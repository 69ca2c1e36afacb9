"""docs/course.md, typed by somebody who follows it: every command, in order, and what it prints.

The page's terminals are terminals. Only what would get in the way of others is replaced,
in the commands and in what they must print: its folder, its ports, where the programs are."""
import contextlib
import re

import pytest

import logs
import ports
import samples
import timing
from logs import may_log
from pair import BUILD, clean_environment
from protos import ROOT
from terminal import Reader

PAGE = ROOT / "docs" / "course.md"


def replaced(page, folder):
    """The page for this machine, and the environment of its reader."""
    taken = {}

    def port(number):
        return str(taken.setdefault(number[0], ports.free_port()))

    page = page.replace("/tmp/course", str(folder)).replace("$PWD/build", str(BUILD))
    page = re.sub(r"\b90\d\d\b", port, page)
    taken.setdefault("9000", ports.free_port())
    taken.setdefault("9001", ports.free_port())
    user, post = (f"127.0.0.1:{taken[number]}" for number in ("9000", "9001"))
    return page, {**clean_environment(), "USER_SERVER_LISTEN": user, "POST_SERVER_LISTEN": post,
                  "POST_SERVER_USER_TARGET": user, "POSTCLI_TARGET": post,
                  "POSTCLI_USER_TARGET": user}


@may_log("")
def test_the_course(tmp_path):
    page, environment = replaced(PAGE.read_text(), tmp_path)
    steps = samples.steps(page)
    assert len(steps) > 50
    with contextlib.ExitStack() as stack:
        reader = Reader(PAGE.name, environment, stack)
        for step in steps:
            reader.follow(step)
        for terminal in reader.terminals.values():
            logs.look_at(terminal.said)


SMALL = """
```console one
$ printf 'a\\n1 2\\n' \\
>     && sleep 100
a
1 ...
```
```console two
$ cat <<END
> $((1 + 1))
> END
2
$ false
$ echo $?
1
```
```console one
^C
```
"""


def test_a_page_is_typed(tmp_path):
    """Blocks, terminals, lines that go on, Ctrl-C, statuses."""
    steps = samples.steps(SMALL)
    assert [(s.terminal, s.stays) for s in steps] == \
        [("one", True), ("two", False), ("two", False), ("two", False), ("one", False)]
    with contextlib.ExitStack() as stack:
        reader = Reader(PAGE.name, clean_environment(), stack)
        for step in steps:
            reader.follow(step)


@pytest.mark.parametrize("was, becomes", [("\n2\n", "\n3\n"), ("\n1 ...\n", "\n2 ...\n"),
                                          ("^C", "^C\nmore")])
def test_a_page_that_is_wrong_is_noticed(tmp_path, was, becomes, monkeypatch):
    monkeypatch.setattr(timing, "limit", lambda seconds: 1)
    assert was in SMALL
    with contextlib.ExitStack() as stack:
        reader = Reader(PAGE.name, clean_environment(), stack)
        with pytest.raises(AssertionError, match="course.md:"):
            for step in samples.steps(SMALL.replace(was, becomes)):
                reader.follow(step)
