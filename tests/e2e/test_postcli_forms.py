"""The forms in which postcli prints records: --format, --columns, --expanded, --color."""
import csv
import io
import json
import re
import subprocess
import unicodedata

import pytest

import cli
from pair import Pair
from screen import Terminal, on_terminal
from test_postcli_words import fill

FIELDS = ["post_id", "author", "user_id", "title", "body", "tags", "create_time"]


@pytest.fixture(scope="module", name="demo_pair")
def demo_pair_fixture(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("forms")) as pair:
        fill(pair)
        yield pair


def posts_of(pair):
    return [json.loads(line) for line in cli.run(pair, "list").splitlines()]


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


# --- CSV -------------------------------------------------------------------------------


def test_csv_is_what_a_reader_of_csv_expects(demo_pair):
    text = cli.run(demo_pair, "list", "-o", "csv").decode()
    head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert head == FIELDS
    expected = [[", ".join(post[f]) if f == "tags" else post[f] for f in FIELDS]
                for post in posts_of(demo_pair)]
    assert rows == expected
    assert text.count("\r\n") == text.count("\n") == len(rows) + 1


def test_csv_of_texts_with_everything_in_them(pair):
    pair.import_users([{"user_id": "1", "name": 'Henry "H", the first'}])
    title = 'a, "b"\r\nc\td\x1b[31m'
    pair.import_posts([{"post_id": "1", "user_id": "1", "title": title, "tags": ["x" * 300] * 3}])
    text = cli.run(pair, "list", "-o", "csv").decode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert row == {"post_id": "1", "author": 'Henry "H", the first', "user_id": "1", "title": title,
                   "body": "", "tags": ", ".join(["x" * 300] * 3), "create_time": ""}
    shown = on_terminal(pair, "list", "-o", "csv", "--columns", "title")
    assert shown == 'title\n"a, ""b""\\r\\nc\\td\\x1b[31m"\n'


def test_csv_and_deletions_do_not_go_together(demo_pair):
    _, err = cli.attempt(demo_pair, "stream-list", "--follow", "-o", "csv", code=2)
    assert "CSV has no line for a deleted post" in err and "ndjson" in err


# --- Columns ---------------------------------------------------------------------------


def test_columns_in_every_form(demo_pair):
    choice = ["list", "--user", "5", "--columns", "title,post_id,tags,date", "--format"]
    assert cli.run(demo_pair, *choice, "ndjson") == \
        b'{"title":"Hello from the last row","post_id":"8","tags":["hello","korea"],"date":"2020-11-20"}\n'
    assert json.loads(cli.run(demo_pair, *choice, "json"))[0]["date"] == "2020-11-20"
    assert cli.run(demo_pair, *choice, "csv") == \
        b'title,post_id,tags,date\r\nHello from the last row,8,"hello, korea",2020-11-20\r\n'
    heading, row = cli.run(demo_pair, *choice, "wide").decode().splitlines()
    assert heading.split() == ["TITLE", "POST", "ID", "TAGS", "DATE"]
    assert row.split("  ")[0] == "Hello from the last row"
    assert cli.run(demo_pair, *choice, "expanded").decode().splitlines()[1:] == [
        "title   | Hello from the last row", "post_id | 8", "tags    | hello, korea",
        "date    | 2020-11-20"]


@pytest.mark.parametrize("command, columns, row", [
    ("users list -n 1", "age,name", {"age": 22, "name": "Henry"}),
    ("users get 1", "phone_number", {"phone_number": "01012341234"}),
    ("users resolve 1", "found,name", {"found": True, "name": "Henry"}),
    ("get 8", "create_time,date", {"create_time": "2020-11-20T12:00:00Z", "date": "2020-11-20"}),
    ("health", "status,service", {"status": "SERVING", "service": ""}),
])
def test_columns_of_every_kind(demo_pair, command, columns, row):
    assert json.loads(cli.run(demo_pair, *command.split(), "--columns", columns)) == row


@pytest.mark.parametrize("columns, why", [
    ("titel", 'there is no column "titel"; there are post_id, author, user_id, title, body, tags, date, '
              'create_time'),
    ("title,", 'there is no column ""; there are'),
    ("title,title", "title is named twice"),
])
def test_columns_that_are_refused(demo_pair, columns, why):
    out, err = cli.attempt(demo_pair, "list", "--columns", columns, code=2)
    assert out == b"" and err.startswith(f"postcli: --columns: {why}") and err.count("\n") == 1


@pytest.mark.parametrize("command", ["list", "get 1", "users list", "users get 1", "users resolve 1",
                                     "health"])
def test_completion_knows_the_columns(demo_pair, command):
    words = cli.run(demo_pair, *command.split(), "--help=words").decode().split()
    names = [word.split("=")[1] for word in words if word.startswith("--columns=")][1:]
    _, err = cli.attempt(demo_pair, *command.split(), "--columns", "x", code=2)
    assert re.search(r"there are (.*) \(try", err)[1].split(", ") == names


def test_named_columns_stay_however_narrow_it_is(demo_pair):
    text = on_terminal(demo_pair, "list", "-n", "1", "--columns", "tags,date,author", columns=20)
    assert len(text.splitlines()[0].split()) == 3


# --- Expanded --------------------------------------------------------------------------


def test_expanded_rows(demo_pair):
    blocks = cli.run(demo_pair, "stream-list", "-o", "expanded").decode().split("-[ ")[1:]
    assert len(blocks) == 8
    for number, (block, post) in enumerate(zip(blocks, posts_of(demo_pair)), 1):
        head, *lines = block.splitlines()
        assert head.startswith(f"{number} ]---")
        fields = dict(line.split(" | ", 1) for line in lines)
        assert {name.strip(): value for name, value in fields.items()} == \
            {name: ", ".join(post[name]) if name == "tags" else post[name] for name in FIELDS}


def test_expanded_always_and_never(demo_pair):
    expanded = cli.run(demo_pair, "list", "-o", "expanded")
    assert cli.run(demo_pair, "list", "-o", "table", "--expanded", "always") == expanded
    assert cli.run(demo_pair, "list", "-o", "expanded", "--expanded", "never") == expanded


@pytest.mark.parametrize("columns, expanded", [(200, False), (100, False), (60, True), (20, True)])
def test_expanded_if_it_does_not_fit(demo_pair, columns, expanded):
    text = on_terminal(demo_pair, "list", "--expanded", "auto", columns=columns)
    assert text.startswith("-[ 1 ]-" if expanded else "POST ID")


@pytest.mark.parametrize("columns", [20, 33, 45, 80, 100, 200])
@pytest.mark.parametrize("form", ["table", "expanded"])
def test_no_line_is_wider_than_the_terminal(demo_pair, form, columns):
    text = on_terminal(demo_pair, "list", "-o", form, columns=columns)
    assert max(map(width, text.splitlines())) <= columns, text


@pytest.mark.parametrize("columns", [80, 60, 45])
def test_an_id_is_whole(start_pair, columns):
    """One of 36 bytes, as many people have them: tags go first, and then the date."""
    pair = start_pair()
    name = "123e4567-e89b-12d3-a456-426614174000"
    cli.run(pair, "import", "users", "-", stdin=b'{"user_id":"1","name":"Henry"}\n')
    cli.run(pair, "import", "posts", "-", stdin=json.dumps(
        {"post_id": name, "user_id": "1", "title": "A title that is long enough", "tags": ["grpc"],
         "create_time": "2020-10-25T00:00:00Z"}).encode())
    text = on_terminal(pair, "list", columns=columns)
    assert name in text and "TITLE" in text
    assert ("TAGS" in text) == (columns == 80)
    assert max(map(width, text.splitlines())) <= columns, text


@pytest.mark.parametrize("columns, time", [(80, r"\d{4}-\d\d-\d\dT\S+Z"), (45, r"\d\d:\d\d:\d\d")])
def test_health_has_a_whole_time(demo_pair, columns, time):
    with Terminal(demo_pair, "health", "--watch", columns=columns) as terminal:
        terminal.shows(rf"(?m)^{time} +\(the process\) +SERVING")


def test_a_wide_table_cuts_nothing(demo_pair):
    text = on_terminal(demo_pair, "list", "-o", "wide", columns=200)
    heading, *rows, count = text.splitlines()
    assert heading.split() == ["POST", "ID", "AUTHOR", "USER", "ID", "TITLE", "TAGS", "CREATED"]
    for row, post in zip(rows, posts_of(demo_pair)):
        assert post["title"] in row and ", ".join(post["tags"]) in row
        assert row.endswith(post["create_time"])
    assert count == "(8 rows)"


@pytest.mark.parametrize("form, lines", [
    (["table"], [["POST", "ID", "AUTHOR", "TITLE", "TAGS", "DATE"], ["p1", "-", "(deleted)", "-", "-"]]),
    (["table", "--columns", "date,post_id,user_id"], [["DATE", "POST", "ID", "USER", "ID"],
                                                      ["(deleted)", "p1", "-"]]),
    (["wide", "--columns", "title"], [["TITLE"], ["(deleted)"]]),
    (["expanded"], [["-[", "deleted", "]" + 28 * "-"], ["post_id", "|", "p1"]]),
    (["ndjson", "--columns", "title"], [['{"deleted_post_id":"p1"}']]),
], ids=["table", "columns", "wide", "expanded", "ndjson"])
def test_deletions_are_told_in_every_form(pair, form, lines):
    pair.import_users([{"user_id": "1", "name": "Henry"}])
    pair.import_posts([{"post_id": "p1", "user_id": "1", "title": "one"}])
    with cli.Postcli(pair, "stream-list", "--follow", "--from-now", "--progress", "-o", *form) as command:
        command.says("caught up")
        cli.run(pair, "delete", "posts", "p1", "--yes")
        assert [command.line().decode().split() for _ in lines] == lines


# --- JSON and colours ------------------------------------------------------------------


def test_json_on_a_terminal_is_indented(demo_pair):
    text = on_terminal(demo_pair, "list", "-o", "json")
    assert text == json.dumps(posts_of(demo_pair), indent=2, ensure_ascii=False) + "\n"


def test_ndjson_on_a_terminal_stays_in_its_lines(demo_pair):
    text = on_terminal(demo_pair, "list", "-o", "ndjson", columns=200)
    assert text.encode() == cli.run(demo_pair, "list")


def coloured(pair, *args, **more):
    with Terminal(pair, *args, **more) as terminal:
        assert terminal.end() == 0
        return b"\x1b[" in terminal.raw


@pytest.mark.parametrize("args", [["list", "-o", "table"], ["list", "-o", "expanded"],
                                  ["list", "-o", "json"], ["list", "-o", "ndjson"],
                                  ["call", "v1.post.Post/ListPosts"], ["demo"]], ids=" ".join)
def test_colours_are_for_terminals(demo_pair, args):
    assert coloured(demo_pair, *args)
    assert not coloured(demo_pair, *args, "--color", "never")
    assert not coloured(demo_pair, *args, variables={"NO_COLOR": "1"})
    assert not coloured(demo_pair, *args, variables={"TERM": "dumb"})
    assert coloured(demo_pair, *args, "--color", "always", variables={"NO_COLOR": "1"})
    assert b"\x1b[" not in cli.run(demo_pair, *args)
    assert b"\x1b[" in cli.run(demo_pair, *args, "--color", "always")


def test_coloured_json_is_the_same_json(demo_pair):
    strip = ["sed", "s/\x1b\\[[0-9;]*m//g"]
    for form in "json", "ndjson":
        painted = cli.run(demo_pair, "list", "-o", form, "--color=always")
        plain = subprocess.run(strip, input=painted, capture_output=True, check=True).stdout
        assert plain == cli.run(demo_pair, "list", "-o", form)


# --- How many --------------------------------------------------------------------------


@pytest.mark.parametrize("args, count", [
    ("list", "(8 rows)"),
    ("list --user 5", "(1 row)"),
    ("list -n 3", "(3 of 8 rows)"),
    ("list -n 8", "(8 rows)"),
    ("list -n 1 -o expanded", "(1 of 8 rows)"),
    ("stream-list -n 2 -o wide", "(2 of 8 rows)"),
    ("list -n 1 --tag streaming", "(1 row; --limit left out the rest)"),
    ("list -n 2 --tag coffee", "(1 row)"),
    ("bidi-list 1 3 9", "(5 rows)"),
    ("collect-list --all", "(8 rows)"),
    ("users list", "(5 rows)"),
    ("users list -n 2", "(2 rows; --limit left out the rest)"),
])
def test_a_table_ends_with_the_number_of_its_rows(demo_pair, args, count):
    text = on_terminal(demo_pair, *args.split(), code=1 if "9" in args else 0, columns=100)
    assert count in text.splitlines()
    assert count.encode() not in cli.shell(demo_pair, f"$POSTCLI {args} --format table").stdout


@pytest.mark.parametrize("args", ["list -o json", "list -o ndjson", "list -o csv", "get 1", "health",
                                  "list --user 2"])
def test_what_needs_no_number_has_none(demo_pair, args):
    assert "row)" not in on_terminal(demo_pair, *args.split())


def test_an_empty_array_and_an_empty_csv(demo_pair):
    assert cli.run(demo_pair, "list", "--user", "2", "-o", "json") == b"[]\n"
    assert cli.run(demo_pair, "list", "--user", "2", "-o", "csv") == b""
