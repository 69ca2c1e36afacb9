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
from terminal import Terminal

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
                  "POSTCLI_USER_TARGET": user, "NO_COLOR": "1", "PAGER": "cat"}


class Reader:
    """Types what the page says, each thing where it is said."""

    def __init__(self, environment, stack):
        self.environment, self.stack = environment, stack
        self.terminals, self.since = {}, {}

    def terminal(self, name):
        if name not in self.terminals:
            self.terminals[name] = Terminal(ROOT, self.environment)
            self.stack.callback(self.terminals[name].close)
        return self.terminals[name]

    def follow(self, step):
        terminal = self.terminal(step.terminal)
        if step.typed not in ("", "^C"):
            self.since[step.terminal] = len(terminal.said)
        since = self.since[step.terminal]

        def seen():
            return samples.folded(terminal.said[since:])

        if step.typed:
            terminal.type(step.typed)
        good = terminal.until(lambda: step.pattern.fullmatch(seen()), step.stays, timing.limit(30))
        assert good, (f"{PAGE.name}:{step.line}: {step.typed}\n--- the page says\n" +
                      "\n".join(step.shown) + f"\n--- it printed\n{seen()}")
        self.since[step.terminal] = len(terminal.said)


@may_log("")
def test_the_course(tmp_path):
    page, environment = replaced(PAGE.read_text(), tmp_path)
    steps = samples.steps(page)
    assert len(steps) > 50
    with contextlib.ExitStack() as stack:
        reader = Reader(environment, stack)
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
        reader = Reader(clean_environment(), stack)
        for step in steps:
            reader.follow(step)


@pytest.mark.parametrize("was, becomes", [("\n2\n", "\n3\n"), ("\n1 ...\n", "\n2 ...\n"),
                                          ("^C", "^C\nmore")])
def test_a_page_that_is_wrong_is_noticed(tmp_path, was, becomes, monkeypatch):
    monkeypatch.setattr(timing, "limit", lambda seconds: 1)
    assert was in SMALL
    with contextlib.ExitStack() as stack:
        reader = Reader(clean_environment(), stack)
        with pytest.raises(AssertionError, match="course.md:"):
            for step in samples.steps(SMALL.replace(was, becomes)):
                reader.follow(step)
