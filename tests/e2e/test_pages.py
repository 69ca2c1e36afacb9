"""The pages: their links lead somewhere."""
import re

import pytest

import samples
from protos import ROOT

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
