"""postcli bench: the counts are exact, the schedule is kept, a stall shows."""
import csv
import io
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import threading
import time

import grpc
import pytest

import cli
import timing
from library import LISTINGS, ask, small_library
from logs import expects_log, may_log
from pair import BUILD, Pair, clean_environment
from protos import post
from test_postcli_bad_server import message, serving

USERS = [f"u{i}" for i in range(40)]


@pytest.fixture(name="library", scope="module")
def library_fixture():
    return small_library()


@pytest.fixture(name="pair", scope="module")
def pair_fixture(tmp_path_factory, library):
    """One for all tests: whoever writes, or stops a server, starts another."""
    with Pair(tmp_path_factory.mktemp("bench")) as pair:
        library.load(pair)
        yield pair


def bench(pair, *args, code=0, stdin=b""):
    """The figures."""
    out, stderr = cli.attempt(pair, "bench", *args, "--format", "json", stdin=stdin, code=code)
    assert stderr == ""
    return json.loads(out)


def codes(figures, of="codes"):
    return {row["code"]: row["count"] for row in figures[of]}


def listed(pair, listing, shape, *requests):
    """Posts, messages and bytes of the answer, as another client sees them."""
    messages = ask(pair.posts, listing, shape, *requests)
    return (sum(len(m.post_messages) for m in messages), len(messages),
            sum(m.ByteSize() for m in messages))


def request(listing, **fields):
    return getattr(post, listing + "Request")(**fields)


def check(figures, calls, posts, messages, size):
    totals = figures["totals"]
    assert (totals["calls"], totals["ok"], totals["failed"], totals["cut"]) == (calls, calls, 0, 0)
    assert (totals["posts"], totals["messages"], totals["bytes"]) == (posts, messages, size)
    assert figures["latency_ms"]["count"] == calls
    assert codes(figures) == {"OK": calls} and figures["ok"]
    points = figures["series"]["points"]
    for name in ("calls", "posts", "messages", "bytes"):
        assert sum(p[name] for p in points) == totals[name]
    seconds = figures["elapsed_s"]
    assert figures["rates"]["posts_per_s"] == pytest.approx(posts / seconds, rel=1e-3, abs=0.01)


@pytest.mark.parametrize("shape, suffix", [("unary", ""), ("server-stream", "ServerStream")])
def test_everybodys_posts(pair, library, shape, suffix):
    one = listed(pair, LISTINGS[0], suffix, request(LISTINGS[0]))
    assert one[0] == len(library.posts)
    check(bench(pair, shape, "--count", 7, "--streams", 2), 7, *[7 * n for n in one])


@pytest.mark.parametrize("shape, suffix", [("unary", ""), ("server-stream", "ServerStream"),
                                           ("client-stream", "ClientStream"),
                                           ("bidi", "BidiStream")])
def test_users_in_turn(pair, shape, suffix):
    """Four times around, on two threads: whoever takes which user, all have their turn."""
    many = shape in ("client-stream", "bidi")
    size = 0 if shape == "client-stream" else 2  # there it would bound the whole answer
    requests = [request(LISTINGS[1], user_id=u, page_size=size, tag="third") for u in USERS]
    calls = [requests] if many else [[r] for r in requests]
    each = [listed(pair, LISTINGS[1], suffix, *call) for call in calls]
    assert sum(e[0] for e in each) > 0
    args = [shape, "--users", "u0..u39", "--tag", "third", "--count", 4 * len(calls),
            "--connections", 2, "--loops", 2, "--streams", 3, "--page-size", size]
    args += ["--ids", len(USERS)] if many else []
    check(bench(pair, *args), 4 * len(calls), *[4 * sum(e[i] for e in each) for i in range(3)])


def test_import_stores_what_it_says(start_pair):
    pair = start_pair()
    args = ["import", "--count", 3, "--ids", 2500, "--prefix", "x-", "--connections", 2,
            "--streams", 2]
    first = bench(pair, *args)
    assert first["totals"]["posts"] == 7500 and codes(first) == {"OK": 3}
    assert first["totals"]["messages"] >= 6 and first["totals"]["bytes"] > 7500 * 100
    pair.import_users([{"user_id": f"u{i}", "name": f"n{i}"} for i in range(1, 1001)])
    rows = cli.run(pair, "stream-list", "--format", "ndjson").splitlines()
    ids = {json.loads(row)["post_id"] for row in rows}
    assert ids == {f"x-{i}" for i in range(7500)} and len(rows) == 7500
    again = bench(pair, *args)
    assert again["totals"]["posts"] == 7500, "the same again: known already"


def test_resolve_counts_names_and_who_is_missing(pair):
    figures = bench(pair, "resolve", "--users", "u0..u39", "--count", 5, "--ids", 80,
                    "--page-size", 30)
    assert figures["totals"]["posts"] == 400 and figures["totals"]["messages"] == 15
    assert figures["unit"] == "names" and figures["ok"]
    figures = bench(pair, "resolve", "--users", "-", "--count", 1, "--ids", 3,
                    stdin=b"u1\nnobody\nu2\n", code=1)
    assert codes(figures) == {"OK": 1} and codes(figures, "request_errors") == {"NOT_FOUND": 1}


def test_a_rate_is_kept(pair):
    figures = bench(pair, "unary", "--user", "u1", "--rate", 200, "--count", 101,
                    "--warmup", "100ms", "--connections", 2, "--loops", 2)
    assert figures["totals"]["calls"] == 101
    assert 0.5 <= figures["elapsed_s"] < 0.5 + timing.MARGIN, "the last is due after 0.5 s"
    figures = bench(pair, "unary", "--user", "u1", "--rate", 300, "--duration", "500ms")
    totals = figures["totals"]
    assert totals["calls"] + totals["cut"] + totals["unstarted"] == 150


def logging_pair(start_pair, library):
    pair = start_pair(post_args=["--log-calls", "all"])
    library.load(pair)
    return pair


def wait_for_calls(pair):
    """The third comes after the first was counted."""
    timing.wait_until(lambda: pair.post.stderr().count("/ListPosts") > 2, "it makes calls")


def test_a_stall_is_charged_to_every_call_it_delays(start_pair, library):
    """A closed loop would see two slow calls. A third of all were due while the
    server stood, though only two could be open."""
    pair = logging_pair(start_pair, library)
    with cli.Postcli(pair, "bench", "unary", "--user", "u1", "--rate", 200, "--duration", "1500ms",
                     "--streams", 2, "--format", "json") as running:
        wait_for_calls(pair)
        pair.post.signal(signal.SIGSTOP)
        time.sleep(0.5)  # the stall: what is tested
        pair.post.signal(signal.SIGCONT)
        figures = json.loads(running.rest())
        assert running.end() == 0
    totals, latency = figures["totals"], figures["latency_ms"]
    assert totals["calls"] + totals["cut"] + totals["unstarted"] == 300
    assert latency["max"] >= 400 and latency["p99"] >= 350
    assert latency["p90"] >= 150, "calls that were due in the last third of the stall, too"
    assert figures["late_start_ms"]["max"] >= 350


@expects_log("User is unreachable")
@may_log("the server is stopping")
def test_user_down_is_counted_by_code(start_pair):
    pair = start_pair(post_args=["--user-timeout", "200ms"])
    small_library().load(pair)
    pair.user.stop()
    figures = bench(pair, "unary", "--users", "u0..u39", "--count", 4, "--streams", 4, code=1)
    assert codes(figures) == {"UNAVAILABLE": 4}
    assert "User" in figures["codes"][0]["first_message"]
    assert figures["failed_latency_ms"]["count"] == 4 and figures["latency_ms"]["count"] == 0
    pair.post.stop()
    figures = bench(pair, "unary", "--duration", "300ms", code=1)
    assert set(codes(figures)) == {"UNAVAILABLE"}
    assert figures["totals"]["calls"] < 100, "nobody there: it waits between two tries"
    pair.user.start()
    pair.post.start()


@expects_log("User is unreachable")
def test_user_down_is_said(start_pair):
    """While the first calls wait, also where there is no terminal for the live line."""
    pair = start_pair(post_args=["--user-timeout", "4s"])
    small_library().load(pair)
    pair.user.stop()
    with cli.Postcli(pair, "bench", "unary", "--users", "u0..u39", "--count", 1) as running:
        assert running.end() == 1
    assert running.stderr == ("postcli: User does not answer; Post waits for it, for post-server's "
                              "--user-timeout (5 s by default)\n")
    pair.user.start()


def test_requests_that_fail_in_calls_that_do_not(pair):
    figures = bench(pair, "bidi", "--users", "u38..u41", "--ids", 4, "--count", 3, code=1)
    assert codes(figures) == {"OK": 3} and not figures["ok"]
    assert codes(figures, "request_errors") == {"NOT_FOUND": 6}


def test_deadline(pair):
    pair.post.signal(signal.SIGSTOP)
    figures = bench(pair, "unary", "--user", "u1", "--count", 2, "--deadline", "100ms", code=1)
    pair.post.signal(signal.SIGCONT)
    assert codes(figures) == {"DEADLINE_EXCEEDED": 2}
    assert figures["failed_latency_ms"]["min"] >= 95


@pytest.mark.parametrize("rate", ["40", "40KiB"])
def test_a_slow_reader_is_no_faster(pair, rate):
    """20 messages; the first costs no waiting, the last delays nothing any more."""
    args = ["server-stream", "--page-size", 5, "--limit", 100, "--count", 2, "--streams", 2]
    _, messages, size = listed(pair, LISTINGS[0], "ServerStream",
                               request(LISTINGS[0], page_size=5, limit=100))
    assert messages == 20
    figures = bench(pair, *args, "--slow-reader", rate)
    expected = (messages - 1) / 40 if rate == "40" else size * 0.9 / 40960
    assert figures["latency_ms"]["min"] >= 1000 * (expected - 0.02)
    assert figures["latency_ms"]["max"] < 1000 * (expected + timing.MARGIN)
    assert figures["first_post_ms"]["max"] < 1000 * timing.MARGIN, "the first is read at once"


def test_slow_streams_are_cut_at_the_end(pair):
    figures = bench(pair, "server-stream", "--page-size", 1, "--slow-reader", 50,
                    "--duration", "100ms", "--streams", 3)
    totals = figures["totals"]
    assert (totals["calls"], totals["cut"]) == (0, 3) and figures["ok"]
    assert 30 < totals["messages"] <= 3 * 60
    assert totals["cut_oldest_ms"] >= 1100 - 2, "timers count whole milliseconds, two of them here"


def test_ctrl_c_still_reports(start_pair, library, tmp_path):
    pair = logging_pair(start_pair, library)
    page = tmp_path / "report.html"
    with cli.Postcli(pair, "bench", "unary", "--user", "u1", "--duration", "10m", "--report", page,
                     "--format", "json") as running:
        wait_for_calls(pair)
        running.signal(signal.SIGINT)
        figures = json.loads(running.rest())
        assert running.end() == 130
    assert figures["interrupted"] and figures["totals"]["ok"] > 0
    assert figures["elapsed_s"] < timing.limit(5)
    data = re.search(r'id="data">(.*?)</script>', page.read_text(), re.S)
    assert json.loads(data[1]) == figures


def test_table_and_live_line_on_a_terminal(pair):
    primary, secondary = pty.openpty()
    process = subprocess.Popen([str(BUILD / "postcli"), "bench", "unary", "--user", "u1",
                                "--duration", "1300ms"], stdout=subprocess.PIPE, stderr=secondary,
                               env=pair.postcli_environment())
    os.close(secondary)
    table = process.stdout.read().decode()
    assert process.wait(timing.CALL) == 0
    process.stdout.close()
    said = b""
    while select.select([primary], [], [], 0)[0]:
        try:
            said += os.read(primary, 65536)
        except OSError:
            break
    os.close(primary)
    assert re.search(rb"\r\x1b\[K1s  [\d,]+ calls/s  [\d,]+ posts/s .* open\r\x1b\[K", said), said
    assert re.search(r"^calls +[\d,]+ +[\d,.]+/s$", table, re.M)
    assert re.search(r"^calls +OK +[\d,]+$", table, re.M)
    assert re.search(r"^call +(\d+\.?\d* (ns|µs|ms|s) *){6}$", table, re.M), table


# --- Who follows ------------------------------------------------------------------------


def follow(figures):
    return tuple(figures["follow"][name] for name in ("followers", "missed", "doubled"))


def test_followers_of_everything(start_pair):
    """Each arrival is timed, and there is one for each follower of each post."""
    pair = start_pair()
    figures = bench(pair, "follow", "--streams", 7, "--connections", 2, "--count", 20, "--ids", 3,
                    "--rate", 200)
    assert codes(figures) == {"OK": 20} and figures["ok"] and figures["unit"] == "posts"
    assert follow(figures) == (14, 0, 0) and figures["totals"]["posts"] == 14 * 60
    assert figures["latency_ms"]["count"] == 14 * 60 and figures["first_post_ms"]["count"] == 20
    assert figures["names"] == {"latency_ms": "arrival", "first_post_ms": "import"}
    assert figures["settings"]["method"] == "/v1.post.Post/ListPostsServerStream"
    assert cli.run(pair, "stream-list").count(b"\n") == 60, "they stay"


def test_followers_of_one_user_each(start_pair, library):
    """More of them than users: 25 imports go to users in turn, and to two or three followers each."""
    pair = start_pair()
    library.load(pair)
    args = ["follow", "--users", "u0..u9", "--streams", 24, "--count", 25, "--rate", 500]
    figures = bench(pair, *args)
    told = sum(3 if i % 10 < 4 else 2 for i in range(25))
    assert follow(figures) == (24, 0, 0) and figures["latency_ms"]["count"] == told
    assert figures["settings"]["method"] == "/v1.post.Post/ListPostsByUserIdServerStream"
    table = cli.run(pair, "bench", *args).decode()
    assert re.search(r"^arrival +(\d+\.?\d* (ns|µs|ms|s) *){6}$", table, re.M)
    assert re.search(r"^followers +24 +missed 0, doubled 0, ", table, re.M)


@may_log("code=UNAVAILABLE")
def test_followers_go_on_after_a_break(start_pair):
    """Imports that failed count as failed; what was stored arrives, and none of it twice."""
    pair = start_pair(post_args=["--log-calls", "all"])
    with cli.Postcli(pair, "bench", "follow", "--streams", 5, "--duration", "3s", "--format",
                     "json") as running:
        timing.wait_until(lambda: pair.post.stderr().count("/ImportPosts") > 20, "it imports")
        pair.post.kill()
        pair.post.start()
        figures = json.loads(running.rest())
        running.end()
    assert follow(figures) == (5, 0, 0) and figures["follow"]["breaks"] >= 5
    assert codes(figures)["OK"] > 100 and figures["ok"] == (set(codes(figures)) == {"OK"})


def test_followers_that_miss_a_post_or_are_told_twice():
    """By a server that loses one, and tells another one twice: exit status 1."""
    stored, news = [], threading.Condition()

    def import_posts(requests, _):
        ids = [p.post_id for r in requests for p in r.post_messages]
        with news:
            stored.extend(ids)
            news.notify_all()
        yield post.ImportPostsResponse(imported=len(ids))

    def follow_posts(_, context):
        context.add_callback(wake)
        yield post.ListPostsResponse(caught_up=True, next_page_token="t")
        told = 0
        while context.is_active():
            with news:
                news.wait_for(lambda: len(stored) > told or not context.is_active())
                ids, told = stored[told:], len(stored)
            for i in ids:
                for _ in range({"-3": 0, "-5": 2}.get(i[-2:], 1)):
                    yield message([i], next_page_token="t")

    def wake():
        with news:
            news.notify_all()

    with serving(ImportPosts=import_posts, ListPostsServerStream=follow_posts) as target:
        done = subprocess.run([str(BUILD / "postcli"), "bench", "follow", "--streams", "2", "--count",
                               "10", "--rate", "100", "--format", "json", "--target", target],
                              env=clean_environment(), capture_output=True, text=True, check=False,
                              timeout=timing.CALL)
    figures = json.loads(done.stdout)
    assert done.returncode == 1 and not figures["ok"]
    assert follow(figures) == (2, 2, 2) and figures["latency_ms"]["count"] == 18


def test_followers_that_are_refused(pair):
    figures = bench(pair, "follow", "--user", "nobody", "--streams", 3, code=1)
    assert codes(figures, "request_errors") == {"NOT_FOUND": 3} and figures["totals"]["calls"] == 0


def test_ctrl_c_on_followers(start_pair):
    pair = start_pair(post_args=["--log-calls", "all"])
    with cli.Postcli(pair, "bench", "follow", "--streams", 3, "--duration", "10m", "--format",
                     "json") as running:
        timing.wait_until(lambda: "/ImportPosts" in pair.post.stderr(), "it imports")
        running.signal(signal.SIGINT)
        figures = json.loads(running.rest())
        assert running.end() == 130
    assert figures["interrupted"] and follow(figures) == (3, 0, 0)
    assert figures["elapsed_s"] < timing.limit(5)


# --- How much may go wrong ----------------------------------------------------------------


def run_to_its_end(*args, code=1, environment=None):
    """The figures, or None, and what was said."""
    done = subprocess.run([str(BUILD / "postcli"), "bench", *args, "--format", "json"],
                          env=environment or clean_environment(), capture_output=True, text=True,
                          check=False, timeout=timing.CALL)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else None, done.stderr


@pytest.mark.parametrize("warmup", ["0", "1h"])
def test_a_run_ends_early_when_too_much_goes_wrong(warmup):
    """Nobody is at that port. In the warm-up already, of which there are no figures."""
    figures, said = run_to_its_end("unary", "--duration", "1h", "--warmup", warmup, "--target",
                                   "127.0.0.1:1", "--max-error-rate", "5%")
    assert re.fullmatch(r"postcli: ended early: (\d+) of \1 calls had an error \(100%\), more than "
                        r"--max-error-rate 5%\n", said), said
    if warmup == "0":
        assert figures["too_many_errors"] and not figures["ok"] and not figures["interrupted"]
        assert figures["elapsed_s"] < timing.limit(5)
    else:
        assert figures is None


def test_requests_that_fail_are_errors_of_their_call(pair):
    figures, said = run_to_its_end("bidi", "--users", "u38..u41", "--ids", "4", "--duration", "1h",
                                   "--max-error-rate", "10%", environment=pair.postcli_environment())
    totals = figures["totals"]
    assert totals["flawed"] == totals["calls"] == totals["ok"] > 0
    assert "ended early: " in said and "(100%)" in said


@pytest.mark.parametrize("most, code, words", [
    ("2.5%", 0, ""),
    ("2%", 1, "postcli: 2 of 80 calls had an error (2.5%), more than --max-error-rate 2%\n"),
])
def test_some_errors_are_accepted(pair, most, code, words):
    """User does not know u40. The run is too short to be ended early."""
    figures, said = run_to_its_end("unary", "--users", "u1..u40", "--count", "80",
                                   "--max-error-rate", most, code=code,
                                   environment=pair.postcli_environment())
    assert said == words and figures["ok"] == (code == 0) and not figures["too_many_errors"]
    assert codes(figures) == {"OK": 78, "NOT_FOUND": 2}


def test_imports_that_fail_end_a_follow():
    def refuse(_, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "read-only today")

    def follow_posts(_, context):
        over = threading.Event()
        context.add_callback(over.set)
        yield post.ListPostsResponse(caught_up=True, next_page_token="t")
        over.wait(timing.CALL)

    with serving(ImportPosts=refuse, ListPostsServerStream=follow_posts) as target:
        figures, said = run_to_its_end("follow", "--streams", "2", "--duration", "1h", "--target",
                                       target, "--max-error-rate", "1%")
    assert figures["too_many_errors"] and set(codes(figures)) == {"PERMISSION_DENIED"}
    assert said.startswith("postcli: ended early: ") and "(100%)" in said


# --- Beside an earlier run ----------------------------------------------------------------


def test_compared_with_an_earlier_run(pair, tmp_path):
    """The second run has four times as many streams: settings, ratios and what is judged."""
    old, new, page = (tmp_path / name for name in ("old.json", "new.json", "new.html"))
    args = ["bench", "unary", "--users", "u0..u39", "--page-size", 1, "--duration", "1s"]
    cli.run(pair, *args, "--report", old)
    out = cli.run(pair, *args, "--streams", 4, "--compare", old, "--report", new, "--report", page).decode()
    before, figures = json.loads(old.read_text()), json.loads(new.read_text())
    comparison = figures["compare"]
    assert comparison["started"] == before["started"]
    assert comparison["differs"] == [{"setting": "streams", "before": 1, "now": 4}]
    rows = {row["name"]: row for row in comparison["rows"]}
    assert list(rows) == ["calls/s", "posts/s", "call p50", "call p90", "call p99", "call p99.9",
                          "call max", "first answer p50", "first answer p99"]
    for name, place in (("calls/s", ("rates", "calls_per_s")), ("call p99", ("latency_ms", "p99"))):
        was, now = before[place[0]][place[1]], figures[place[0]][place[1]]
        assert (rows[name]["before"], rows[name]["now"]) == (was, now)
        assert rows[name]["ratio"] == pytest.approx(now / was, abs=1e-3)
        assert rows[name]["verdict"] == "unknown", "one second says nothing of the noise"
    assert re.search(rf"^compared with {old}, a run of {before['started']}$", out, re.M)
    assert re.search(r"^calls/s +[\d,.]+ +[\d,.]+ +\d+\.\d{3}  noise not known$", out, re.M)
    assert re.search(r"^settings that differ: streams 1, now 4$", out, re.M)
    data = re.search(r'id="data">(.*?)</script>', page.read_text(), re.S)
    assert json.loads(data[1]) == figures


def test_fail_if_slower(pair, tmp_path):
    """Of a run that was ten times as fast as any can be, and of one that was much slower."""
    old = tmp_path / "old.json"
    args = ["bench", "unary", "--user", "u1", "--count", 50]
    cli.run(pair, *args, "--report", old)
    report = json.loads(old.read_text())
    slow = {**report, "rates": {name: value / 1000 for name, value in report["rates"].items()},
            "latency_ms": {name: value * 1000 for name, value in report["latency_ms"].items()}}
    fast = {**report, "rates": {name: value * 1000 for name, value in report["rates"].items()}}
    old.write_text(json.dumps(slow))
    assert cli.attempt(pair, *args, "--compare", old, "--fail-if-slower", "10%", code=0)[1] == ""
    old.write_text(json.dumps(fast))
    out, said = cli.attempt(pair, *args, "--compare", old, "--fail-if-slower", "10%", code=1)
    assert b"compared with" in out
    assert re.fullmatch(rf"postcli: calls/s is 0\.\d+ times that of {old}: slower by more than "
                        r"--fail-if-slower 10%\n", said), said
    assert cli.attempt(pair, *args, "--compare", old, code=0)[1] == "", "nobody asked"


def test_a_run_that_cannot_be_compared_with(pair, tmp_path):
    """Is refused before the load."""
    other, broken = tmp_path / "other.json", tmp_path / "broken.json"
    cli.run(pair, "bench", "bidi", "--user", "u1", "--count", 1, "--report", other)
    broken.write_text(other.read_text()[:1000])
    for file, why in ((other, "is of bidi, and cannot be compared with unary"),
                      (broken, "cannot read"), (tmp_path / "none.json", "cannot read")):
        out, said = cli.attempt(pair, "bench", "unary", "--duration", "1h", "--compare", file, code=2)
        assert out == b"" and why in said and said.count("\n") == 1
    said = cli.attempt(pair, "bench", "unary", "--fail-if-slower", "10%", code=2)[1]
    assert "--fail-if-slower needs --compare" in said
    said = cli.attempt(pair, "bench", "unary", "--compare", other, "--fail-if-slower", "10", code=2)[1]
    assert "is a percentage" in said


# --- The page ----------------------------------------------------------------------------


def shown(path, width):
    """What the page of a report shows, by its own script."""
    script = pathlib.Path(__file__).with_name("page_of_bench.js")
    done = subprocess.run(["node", script, path, str(width)], capture_output=True, text=True,
                          check=False, timeout=timing.CALL)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert not any(word in text for text in (got["page"], *got["plots"])
                   for word in ("NaN", "undefined", "Infinity"))
    return got


@pytest.mark.parametrize("width", [280, 1200])
def test_what_the_page_shows(pair, tmp_path, width):
    """With an earlier run beside it, calls that failed, and text that is meant to break it."""
    old, page = tmp_path / "old.json", tmp_path / "page.html"
    args = ["bench", "unary", "--users", "u1..u40", "--page-size", 3, "--count", 200]
    cli.run(pair, *args, "--report", old, "--max-error-rate", "50%")
    cli.run(pair, *args, "--tag", "<img src=x>'s", "--compare", old, "--report", page,
            "--max-error-rate", "50%")
    got = shown(page, width)
    assert got["title"] == "postcli bench unary" and len(got["plots"]) == 4
    text = re.sub("<wbr>", "", got["page"])
    for words in ("Each call asks for a page of up to 3 posts of one user.", "call p99", "NOT_FOUND",
                  "there is no user u40", "noise not known", "Settings that differ: tag none, now "
                  "&#60;img src=x&#62;&#39;s.", "--tag &#39;&#60;img src=x&#62;&#39;\\&#39;&#39;s&#39;"):
        assert words in text, words
    assert "<img" not in got["page"]
    assert got["plots"][0].count('class="curve"') == 3, "calls, posts and those that failed"
    assert got["plots"][2].count('class="curve"') == 2, "now and before"


def test_the_page_of_a_run_in_which_nothing_was_ok(tmp_path):
    page = tmp_path / "page.html"
    run_to_its_end("unary", "--count", "2", "--target", "127.0.0.1:1", "--report", page)
    got = shown(page, 800)
    assert len(got["plots"]) == 1 and "no times to draw" in got["page"]


def test_wrong_usage(pair):
    for args, word in [
            (["sideways"], "sideways"), ([], "unary"), (["resolve"], "--users"),
            (["unary", "--slow-reader", "1.5x"], "--slow-reader"),
            (["unary", "--users", "9..1"], "range"), (["unary", "--ids", "3"], "--ids"),
            (["unary", "--loops", "2"], "--connections"),
            (["unary", "--users", "1..2", "--user", "1"], "not both"),
            (["follow", "--tag", "x"], "--tag"),
            (["unary", "--max-error-rate", "1"], "--max-error-rate is a percentage"), (["follow", "--warmup", "1s"], "--warmup"),
            (["follow", "--rate", "100000", "--duration", "24h"], "cannot count so many"),
            (["unary", "u1"], "one shape")]:
        _, stderr = cli.attempt(pair, "bench", *args, code=2)
        assert word in stderr and stderr.count("\n") == 1


# --- What is asked -----------------------------------------------------------------------


@pytest.fixture(name="large", scope="module")
def large_fixture(tmp_path_factory):
    """Ten megabytes of posts, 250 by each user: no single answer has room for them all."""
    with Pair(tmp_path_factory.mktemp("large")) as pair:
        pair.import_users([{"user_id": f"u{i}", "name": f"n{i}"} for i in range(1, 101)])
        bench(pair, "import", "--users", "u1..u100", "--count", 25)
        yield pair


@pytest.mark.parametrize("args, posts, asks", [
    ("unary", 1000, "a page of up to 1,000 posts of everybody"),
    ("unary --user u1", 250, "a page of up to 1,000 posts of one user"),
    ("unary --limit 7", 7, "up to 7 posts of everybody"),
    ("unary --page-size 30", 30, "a page of up to 30 posts of everybody"),
    ("client-stream --users u1..u100", 1000, "up to 10 posts of each of 100 users"),
    ("client-stream --users u1..u100 --ids 5", 1000, "up to 200 posts of each of 5 users"),
    ("client-stream", 1000, "up to 1,000 posts of everybody"),
    ("client-stream --users u1..u100 --ids 3 --limit 0", 750, "all posts of 3 users"),
    ("client-stream --users u1..u100 --page-size 9", 9, "all posts of 100 users, and at most 9 posts "
     "together"),
    ("server-stream", 25000, "all posts of everybody"),
    ("bidi --users u1..u100 --ids 2 --page-size 9", 500, "all posts of 2 users, at most 9 posts in a "
     "message"),
])
def test_a_single_answer_is_bounded(large, args, posts, asks):
    """Of a large store a load of single answers would otherwise measure nothing but refusals."""
    figures = bench(large, *args.split(), "--count", 2)
    assert codes(figures) == {"OK": 2} and figures["totals"]["posts"] == 2 * posts
    assert figures["settings"]["asks"] == f"each call asks for {asks}"


@expects_log("the answer is larger than 4194304 bytes")
@pytest.mark.parametrize("args", ["unary --page-size 0", "client-stream --users u1..u100 --limit 0"])
def test_everything_in_one_answer_if_it_is_wanted(large, args):
    figures = bench(large, *args.split(), "--count", 1, code=1)
    assert codes(figures) == {"RESOURCE_EXHAUSTED": 1}


# --- Reports -----------------------------------------------------------------------------


@pytest.mark.parametrize("name, why", [
    ("none/x.html", "none/x.html: No such file or directory"),
    ("file/x.html", "file/x.html: Not a directory"),
    ("folder.html", "folder.html: Is a directory"),
    ("x.txt", ".html, .json or .csv, not"),
])
def test_a_report_that_could_not_be_written_is_refused_first(pair, tmp_path, name, why):
    (tmp_path / "file").touch()
    (tmp_path / "folder.html").mkdir()
    out, stderr = cli.attempt(pair, "bench", "unary", "--duration", "1h", "--report",
                              tmp_path / "good.json", "--report", tmp_path / name, code=2)
    assert out == b"" and why in stderr and stderr.count("\n") == 1
    assert not (tmp_path / "good.json").exists(), "nothing is made"


def test_a_report_that_cannot_be_written_after_all(pair, tmp_path):
    """The figures are printed all the same."""
    (tmp_path / "x.json").symlink_to("/dev/full")
    out, stderr = cli.attempt(pair, "bench", "unary", "--user", "u1", "--count", 1, "--report",
                              tmp_path / "x.json", code=1)
    assert b"calls" in out and "cannot write" in stderr and "No space left" in stderr


def test_csv(pair, tmp_path):
    """A row for the run, and one for each second of it, with the figures of the JSON."""
    seconds, whole = tmp_path / "run.csv", tmp_path / "run.json"
    out = cli.run(pair, "bench", "unary", "--user", "u1", "--tag", 'a "b", c', "--duration", "1200ms",
                  "--report", seconds, "--report", whole, "-o", "csv")
    figures = json.loads(whole.read_text())
    rows = list(csv.DictReader(io.StringIO(out.decode())))
    assert len(rows) == 1 and rows[0]["tag"] == 'a "b", c' and rows[0]["shape"] == "unary"
    for name, of in [("calls", "totals"), ("bytes", "totals"), ("calls_per_s", "rates")]:
        assert float(rows[0][name]) == figures[of][name]
    assert float(rows[0]["p99_ms"]) == figures["latency_ms"]["p99"]
    assert rows[0]["first_p50_ms"] == "", "nobody has that tag"
    points = list(csv.DictReader(seconds.open()))
    assert [{k: float(v) for k, v in p.items() if v} for p in points] == \
        [{"start_s" if k == "t" else k: v for k, v in p.items()}
         for p in figures["series"]["points"]]
    assert sum(int(p["calls"]) for p in points) == figures["totals"]["calls"]
