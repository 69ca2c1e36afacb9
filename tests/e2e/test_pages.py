"""The pages: their links lead somewhere, and README shows what programs print.

Samples of README that begin with "$ build/postcli" are test_postcli_words.py's."""
import contextlib
import re

import pytest

import cli
import samples
import timing
from pair import BUILD
from protos import ROOT
from terminal import Reader

DEMO = ROOT / "client-cli" / "demo"

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "tests" / "README.md"]
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchor(heading):
    """As GitHub makes one of a heading."""
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def anchors(page):
    return {anchor(h) for h in re.findall(r"^#+ (.*)", FENCE.sub("", page.read_text()), re.M)}


def bad_links(page):
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        path, _, part = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (part and part not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page):
    assert list(bad_links(page)) == []


def test_bad_links_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `b`: c\n[1](#a-b-c) [2](#d) [3](page.md) [4](none.md) [5](page.md#a)\n")
    assert list(bad_links(page)) == ["#d", "none.md", "page.md#a"]


def test_the_course_says_where_to_type():
    """The line above each block has the name of its terminal."""
    text = (ROOT / "docs" / "course.md").read_text()
    blocks = list(samples.BLOCK.finditer(text))
    assert blocks
    for block in blocks:
        above = text[:block.start()].rstrip().rsplit("\n\n", 1)[1]
        assert f"`{block[1]}`" in above, above


# --- README ---------------------------------------------------------------------------


@pytest.fixture
def demo_pair(pair):
    cli.run(pair, "import", "users", DEMO / "users.ndjson")
    cli.run(pair, "import", "posts", DEMO / "posts.ndjson")
    cli.run(pair, "list")
    return pair


def test_the_first_screen_of_readme(demo_pair):
    """Two terminals, in which somebody follows and somebody writes."""
    page = (ROOT / "README.md").read_text().replace("build/postcli", str(BUILD / "postcli"))
    steps = samples.steps(page)
    assert len(steps) == 4
    with contextlib.ExitStack() as stack:
        reader = Reader("README.md", demo_pair.postcli_environment(), stack)
        for step in steps:
            reader.follow(step)


def words(line):
    """A line of the demo without figures, which differ, and without the lengths of arrows."""
    line = re.sub(r"\d[\d,.]*", "N", line)
    return re.sub(r"N [KM]iB", "N B", re.sub(r" +", " ", re.sub(r"-+", "-", line)))


def test_the_demo_in_readme(demo_pair):
    """Each line is one that the demo prints, in that order."""
    page = (ROOT / "README.md").read_text()
    block = re.search(r"^```\n(== 1\. .*?)^```$", page, re.M | re.S)[1]
    said = cli.run(demo_pair, "demo", "--live", timeout=timing.limit(60)).decode()
    lines = iter([words(line) for line in said.splitlines()])
    for line in block.splitlines():
        if line.strip() not in ("", "…"):
            assert words(line) in lines, line
