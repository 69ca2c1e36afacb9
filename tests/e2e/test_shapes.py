"""The four shapes list the same: the demo, a git history, and 100,000 made-up posts."""
import collections
import json
import pathlib
import random

import pytest

import cli
import timing
from pair import Pair, clean_environment
from protos import ROOT
from test_git_history import Repo

DEMO = ROOT / "client-cli" / "demo"
COUNT, USERS = (100_000, 1000) if timing.STRETCH == 1 else (10_000, 1000)
SLOW = timing.limit(60)

# A unary or client-streaming call brings one page: what they list of the made-up
# posts seven by seven is bounded, since all would be 14,000 calls.
SMALL_PAGES = 2000


def demo(_):
    return DEMO / "users.ndjson", DEMO / "posts.ndjson"


def git_history(folder):
    repo = Repo(folder / "repository")
    names = ["Henry", "Michael 최", "Jessie ☕", "Max", "Tony"]
    rng = random.Random(1)
    for i in range(60):
        repo.write(f"{rng.choice(['src', '문서', 'tests'])}/{i}")
        name = rng.choice(names)
        repo.commit(f"commit {i}: \"quoted\" \\ 커밋\n\nBody {i}\n\twith a tab.", name,
                    f"{names.index(name)}@example.org")
    repo.history(folder)
    return folder / "users.ndjson", folder / "posts.ndjson"


def generated(folder):
    files = folder / "users.ndjson", folder / "posts.ndjson"
    for file, args in zip(files, ([f"users --count {USERS}"],
                                  [f"posts --count {COUNT} --users {USERS}"])):
        file.write_bytes(cli.pipeline(NoPair, f"$POSTCLI generate {args[0]}"))
    return files


class NoPair:
    """For commands that call nobody."""

    @staticmethod
    def postcli_environment():
        return clean_environment()


class Data:
    """A pair that holds it, and what every listing of it must be."""

    def __init__(self, pair, users, posts):
        self.pair = pair
        self.users = pathlib.Path(users).read_bytes()
        self.posts = pathlib.Path(posts).read_bytes()
        cli.run(pair, "import", "users", users)
        cli.run(pair, "import", "posts", posts, timeout=SLOW)
        self.rows = expected_rows(self.users, self.posts)
        self.lines = [as_line(row) for row in self.rows]
        self.whole = b"".join(self.lines)
        self.tags = collections.Counter(tag for row in self.rows for tag in row["tags"])
        with_posts = dict.fromkeys(row["user_id"] for row in self.rows)
        without = [u["user_id"] for u in rows_of(self.users) if u["user_id"] not in with_posts]
        self.ids = "".join(f"{i}\n" for i in [*with_posts, *without]).encode()

    def expected(self, tag=None, limit=None):
        """Bytes; the order is that of a listing."""
        if tag is None:
            return self.whole if limit is None else b"".join(self.lines[:limit])
        return b"".join([line for line, row in zip(self.lines, self.rows)
                         if tag in row["tags"]][:limit])


def rows_of(data):
    return [json.loads(line) for line in data.decode().split("\n")[:-1]]


def as_line(row):
    return (json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def expected_rows(users, posts):
    """In the order of a listing, with authors."""
    names = {user["user_id"]: user["name"] for user in rows_of(users)}
    by_user = {}
    for row in rows_of(posts):
        by_user.setdefault(row["user_id"], []).append({**row, "author": names[row["user_id"]]})
    return [row for rows in by_user.values() for row in rows]


@pytest.fixture(scope="module", params=[demo, git_history, generated], ids=lambda f: f.__name__)
def data(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.__name__)
    with Pair(folder) as pair:
        yield Data(pair, *request.param(folder))


SHAPES = [["list"], ["stream-list"], ["collect-list", "--all"], ["collect-list"],
          ["bidi-list", "--all"], ["bidi-list"]]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=" ".join)


def listing(data, shape, *options):
    ids = b"" if "--all" in shape or "collect" not in shape[0] and "bidi" not in shape[0] \
        else data.ids
    return cli.run(data.pair, *shape, *options, stdin=ids, timeout=SLOW)


def assert_same(got, expected):
    """A diff of megabytes takes pytest minutes: the first line that differs will do."""
    if got == expected:
        return
    one, other = got.split(b"\n"), expected.split(b"\n")
    for i, (a, b) in enumerate(zip(one, other)):
        assert a == b, f"line {i + 1}"
    assert len(one) == len(other)


@each_shape
def test_everything(data, shape):
    """Not only the same set: ids are given in the order of the listing, so the order is one."""
    assert_same(listing(data, shape), data.expected())


@each_shape
def test_small_pages(data, shape):
    one_page_a_call = shape[0] in ("list", "collect-list")
    limit = SMALL_PAGES if one_page_a_call and len(data.rows) > SMALL_PAGES else None
    got = listing(data, shape, "--page-size", 7, *(["--limit", limit] if limit else []))
    assert_same(got, data.expected(limit=limit))


@each_shape
def test_limit(data, shape):
    count = len(data.rows)
    around = [count, count + 1] if count < SMALL_PAGES else []  # the whole, in less time
    for limit in (1, 3, count // 3, *around):
        assert_same(listing(data, shape, "--limit", limit), data.expected(limit=limit))


@each_shape
def test_tags(data, shape):
    tags = [tag for tag, _ in data.tags.most_common()]
    for tag in (tags[0], tags[-1]):
        expected = data.expected(tag)
        assert expected
        assert_same(listing(data, shape, "--tag", tag), expected)
    assert listing(data, shape, "--tag", "nobody's") == b""


@each_shape
def test_tag_in_small_pages_up_to_a_limit(data, shape):
    tag = data.tags.most_common(1)[0][0]
    for limit in (2, min(300, data.tags[tag])):
        got = listing(data, shape, "--tag", tag, "--page-size", 7, "--limit", limit)
        assert_same(got, data.expected(tag, limit))


def test_one_user_at_a_time(data):
    """What --user lists, for some users, is their part of the whole."""
    for user_id in [*data.ids.decode().split("\n")[:3], data.ids.decode().split("\n")[-2]]:
        part = b"".join(as_line(row) for row in data.rows if row["user_id"] == user_id)
        assert_same(cli.run(data.pair, "list", "--user", user_id), part)
        assert_same(cli.run(data.pair, "stream-list", "--user", user_id), part)


def test_into_another_pair(data, start_pair):
    """A listing is an import."""
    other = start_pair()
    target = {"OTHER": other.post.listen, "OTHER_USER": other.user.listen}
    cli.pipeline(data.pair, "$POSTCLI users list | "
                 "$POSTCLI import users - --user-target $OTHER_USER", SLOW, target)
    cli.pipeline(data.pair, "$POSTCLI stream-list | $POSTCLI import posts - --target $OTHER",
                 SLOW, target)
    assert_same(cli.run(other, "stream-list", timeout=SLOW), data.expected())
    assert_same(cli.run(other, "users", "list"), cli.run(data.pair, "users", "list"))


def test_users(data):
    """users list prints what was imported, whatever the pages."""
    by_id = b"".join(sorted(data.users.splitlines(True)))
    whole = cli.run(data.pair, "users", "list")
    assert_same(b"".join(sorted(whole.splitlines(True))), by_id)
    assert_same(cli.run(data.pair, "users", "list", "--page-size", 7), whole)


def test_the_demo_file_is_its_own_listing(pair):
    cli.run(pair, "import", "users", DEMO / "users.ndjson")
    cli.run(pair, "import", "posts", DEMO / "posts.ndjson")
    assert cli.run(pair, "stream-list") == (DEMO / "posts.ndjson").read_bytes()
    assert cli.run(pair, "users", "list") == (DEMO / "users.ndjson").read_bytes()
