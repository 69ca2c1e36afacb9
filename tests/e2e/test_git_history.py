"""client-cli/git-history.py: a repository's history as users and posts."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "client-cli" / "git-history.py"


class Repo:
    """A repository whose every commit is given its author and time."""

    def __init__(self, path, *init):
        self.path = path
        self.now = 1603584000  # 2020-10-25T00:00:00Z
        self.env = dict(os.environ, GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull,
                        GIT_CEILING_DIRECTORIES=str(path.parent), TZ="Asia/Seoul")
        path.mkdir()
        self.git("init", "-q", "-b", "main", *init)

    def git(self, *args, **env):
        return subprocess.run(["git", *args], cwd=self.path, env={**self.env, **env}, check=True,
                              capture_output=True).stdout

    def write(self, *names):
        for name in names:
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{self.now}\n")
        self.git("add", "-A")

    def author(self, name, email):
        self.now += 60
        return {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", name), ("EMAIL", email), ("DATE", f"{self.now} +0900"))}

    def commit(self, message, name="Henry", email="henry@example.org", *args):
        self.git("commit", "-q", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim",
                 "-m", message, *args, **self.author(name, email))
        return self.git("rev-parse", "HEAD").decode().strip()

    def history(self, out, *args):
        done = subprocess.run([sys.executable, str(SCRIPT), "--out", str(out), *args,
                               str(self.path)], env=self.env, capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "" and done.stderr.count("\n") == 1
        return lines(out / "users.ndjson"), lines(out / "posts.ndjson"), done.stderr


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


@pytest.fixture
def repo(tmp_path):
    return Repo(tmp_path / "a repository")


def test_commits_become_posts(repo, tmp_path):
    repo.write("README", "src/main.c", "두 폴더/a b.c", "src/deep/er.c")
    first = repo.commit("first: \"quotes\"\n\nThe body,\n\nin two parts.\n")
    repo.write("src/main.c")
    second = repo.commit("커피 ☕", "Jessie", "Jessie@Example.org")
    users, posts, summary = repo.history(tmp_path / "out")
    assert posts == [
        {"post_id": first, "author": "", "user_id": "henry@example.org",
         "title": "first: \"quotes\"", "body": "The body,\n\nin two parts.",
         "tags": ["/", "src", "두 폴더"], "create_time": "2020-10-25T00:01:00Z"},
        {"post_id": second, "author": "", "user_id": "jessie@example.org", "title": "커피 ☕",
         "body": "", "tags": ["src"], "create_time": "2020-10-25T00:02:00Z"}]
    assert list(posts[0]) == ["post_id", "author", "user_id", "title", "body", "tags",
                              "create_time"]
    assert users == [
        {"user_id": "henry@example.org", "name": "Henry", "phone_number": "", "age": 0},
        {"user_id": "jessie@example.org", "name": "Jessie", "phone_number": "", "age": 0}]
    assert "2 posts by 2 users" in summary
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["posts.ndjson", "users.ndjson"]


def test_the_last_name_counts(repo, tmp_path):
    repo.commit("one", "Max", "MAX@example.org")
    repo.commit("two", "Tony", "tony@example.org")
    repo.commit("three", "Maxine 최", "max@example.org")
    users, _, _ = repo.history(tmp_path)
    assert [(u["user_id"], u["name"]) for u in users] == [
        ("max@example.org", "Maxine 최"), ("tony@example.org", "Tony")]


def test_a_merge_has_no_tags_of_its_own(repo, tmp_path):
    repo.write("a/1")
    base = repo.commit("base")
    repo.git("checkout", "-q", "-b", "side")
    repo.write("b/1")
    side = repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write("c/1")
    main = repo.commit("main")
    repo.git("merge", "-q", "--no-ff", "-m", "merge side", "side",
             **repo.author("Henry", "henry@example.org"))
    merge = repo.git("rev-parse", "HEAD").decode().strip()
    repo.git("config", "log.diffMerges", "first-parent")
    _, posts, _ = repo.history(tmp_path)
    assert [(p["post_id"], p["tags"]) for p in posts] == [
        (base, ["a"]), (side, ["b"]), (main, ["c"]), (merge, [])]


def test_strange_commits(repo, tmp_path):
    repo.write("\n/commit\t\"x\"")
    repo.commit("")
    repo.commit("/commit\n\n/commit", "n" * 2000, "e" * 300 + "1@example.org")
    repo.commit("x", "다" * 400, "e" * 300 + "2@example.org")
    repo.git("config", "i18n.commitEncoding", "ISO-8859-1")
    (tmp_path / "latin").write_bytes(b"caf\xe9\n")
    repo.git("commit", "-q", "--allow-empty", "-F", str(tmp_path / "latin"),
             **repo.author("Tony", "tony@example.org"))
    repo.git("config", "i18n.commitEncoding", "unknown")
    (tmp_path / "latin").write_bytes(b"bad \xff\xfe bytes \x07\n")
    repo.git("commit", "-q", "--allow-empty", "-F", str(tmp_path / "latin"),
             **repo.author("Tony", "tony@example.org"))
    users, posts, _ = repo.history(tmp_path / "out")
    assert [p["title"] for p in posts] == [
        "", "/commit", "x", "café", "bad \ufffd\ufffd bytes \x07"]
    assert posts[0]["tags"] == ["\n"]
    assert posts[1]["body"] == "/commit"
    assert len(users) == 4
    assert len({u["user_id"] for u in users}) == 4
    assert all(len(u["user_id"].encode()) <= 256 for u in users)
    assert users[1]["name"] == "n" * 1024
    assert users[2]["name"] == "다" * 341


def test_bare_and_limited(repo, tmp_path):
    hashes = [repo.commit(f"number {i}") for i in range(5)]
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    repo.path = tmp_path / "bare.git"
    _, posts, _ = repo.history(tmp_path / "all")
    assert [p["post_id"] for p in posts] == hashes
    _, posts, _ = repo.history(tmp_path / "two", "--limit", "2")
    assert [p["post_id"] for p in posts] == hashes[3:]


def test_a_long_message_is_cut_to_what_an_import_takes(repo, tmp_path):
    (tmp_path / "message").write_text("t" * 100000 + "\n\n" + "긴" * 500000)
    repo.git("commit", "-q", "--allow-empty", "-F", str(tmp_path / "message"),
             **repo.author("Henry", "henry@example.org"))
    _, posts, _ = repo.history(tmp_path)
    size = len(json.dumps(posts[0], ensure_ascii=False).encode())
    assert 800_000 < size < 1 << 20
    assert posts[0]["body"].strip("긴") == ""


def test_no_commits_yet(repo, tmp_path):
    users, posts, summary = repo.history(tmp_path)
    assert users == [] and posts == [] and "0 posts by 0 users" in summary


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_no_repository(tmp_path, what):
    (tmp_path / "empty").mkdir()
    done = subprocess.run([sys.executable, str(SCRIPT), "--out", str(tmp_path / "out"),
                           str(tmp_path / what)], capture_output=True, text=True,
                          env=dict(os.environ, GIT_CEILING_DIRECTORIES=str(tmp_path)), timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("git-history: ") and done.stderr.count("\n") == 1
    assert str(tmp_path / what) in done.stderr
    assert not list((tmp_path / "out").glob("*"))
