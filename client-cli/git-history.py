#!/usr/bin/env python3
"""Turns the history of a git repository into users.ndjson and posts.ndjson.

One user per author: user_id is the e-mail address in lower case, name the one
used last; .mailmap counts. One post per commit that HEAD reaches, oldest
first: post_id is the commit's hash, title and body are its message, tags the
top-level folders it touched ("/" for files that are in none; a merge has no
tags, the commits it brings have their own), create_time the time of the
commit. What would be over the limits of an import is cut.

Reads one `git log` as it comes and keeps only the users, so the size of the
history does not matter.
"""
import argparse
import datetime
import hashlib
import json
import os
import subprocess
import sys

# The limits of an import are 256 bytes an id, 1 KiB a name, 1 MiB a post.
ID_BYTES = 256
NAME_BYTES = 1024
TITLE_BYTES = 64 * 1024
BODY_BYTES = 768 * 1024
TAGS_MAX = 500
TAG_BYTES = 256

# No path in git starts with "/", so this cannot be one; and what a message
# holds is between it and the paths, at a fixed place.
COMMIT = b"/commit"
FIELDS = ["%H", "%ct", "%aE", "%aN", "%s", "%b"]


class Failed(Exception):
    """What went wrong, in one line."""


def git(repo, *args):
    """The command line; the user's own settings must not change what is printed."""
    settings = ["log.showSignature=false", "log.diffMerges=off", "diff.relative=false",
                "i18n.logOutputEncoding=UTF-8", "core.quotePath=false"]
    return ["git", "-C", repo] + [x for s in settings for x in ("-c", s)] + list(args)


def reason_of(stderr):
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else "git failed without a reason"


def has_commits(repo):
    done = subprocess.run(git(repo, "rev-parse", "--git-dir"), capture_output=True)
    if done.returncode != 0:
        raise Failed(f"{repo}: {reason_of(done.stderr)}")
    done = subprocess.run(git(repo, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"),
                          capture_output=True)
    return done.returncode == 0


def cut(text, max_bytes):
    """At most max_bytes of UTF-8, and no half characters."""
    data = text.encode("utf-8")
    return text if len(data) <= max_bytes else data[:max_bytes].decode("utf-8", "ignore")


def text_of(data):
    return data.decode("utf-8", "replace")


def user_id_of(email, name):
    user_id = email.strip().lower() or name.strip().lower() or "unknown"
    if len(user_id.encode("utf-8")) <= ID_BYTES:
        return user_id
    # Two long addresses that start alike are still two users.
    digest = hashlib.sha256(user_id.encode("utf-8")).hexdigest()
    return cut(user_id, ID_BYTES - len(digest) - 1) + "~" + digest


def time_of(seconds):
    """RFC 3339, or None for the dates that broken commits have."""
    epoch = datetime.datetime(1970, 1, 1)
    try:
        return (epoch + datetime.timedelta(seconds=int(seconds))).isoformat() + "Z"
    except (ValueError, OverflowError):
        return None


def tokens(stream):
    """The parts of the stream between zero bytes, without reading it all."""
    rest = b""
    while chunk := stream.read1(1 << 16):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest


def commits(stream):
    """(fields, paths) of each commit: what FIELDS asks for, and what it touched."""
    parts = tokens(stream)
    fields, paths = None, []
    for part in parts:
        if part == COMMIT:
            if fields is not None:
                yield fields, paths
            fields = [text_of(next(parts, b"")) for _ in FIELDS]
            paths = []
        elif part:
            # git starts the list of paths with a newline
            paths.append(part[1:] if not paths and part.startswith(b"\n") else part)
    if fields is not None:
        yield fields, paths


def tags_of(paths):
    folders = {path.split(b"/", 1)[0] if b"/" in path else b"/" for path in paths}
    return sorted({cut(text_of(folder), TAG_BYTES) for folder in folders})[:TAGS_MAX]


def post_of(fields, paths):
    commit, seconds, email, name, subject, body = fields
    return {
        "post_id": commit,
        "author": "",
        "user_id": user_id_of(email, name),
        "title": cut(subject, TITLE_BYTES),
        "body": cut(body.strip("\n"), BODY_BYTES),
        "tags": tags_of(paths),
        "create_time": time_of(seconds),
    }


def write_line(out, message):
    out.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_posts(repo, limit, out):
    """Returns how many posts there are, and the users: id -> last name."""
    command = git(repo, "log", "--reverse", "-z", "--name-only", "--no-renames", "--no-color",
                  "--no-ext-diff", "--format=" + "%x00".join(["/commit"] + FIELDS) + "%x00")
    if limit is not None:
        command.append(f"--max-count={limit}")
    users, posts = {}, 0
    # stderr is not read while stdout is, so it must not be a pipe that can fill.
    with subprocess.Popen(command + ["HEAD", "--"], stdout=subprocess.PIPE) as log:
        for fields, paths in commits(log.stdout):
            post = post_of(fields, paths)
            write_line(out, post)
            name = fields[3].strip() or users.get(post["user_id"]) or post["user_id"]
            users[post["user_id"]] = cut(name, NAME_BYTES)
            posts += 1
    if log.returncode != 0:
        raise Failed(f"{repo}: git log ended with status {log.returncode}")
    return posts, users


def write_users(users, out):
    for user_id, name in users.items():
        write_line(out, {"user_id": user_id, "name": name, "phone_number": "", "age": 0})


def convert(repo, limit, folder):
    """Writes both files, each under its name only once it is whole."""
    any_commits = has_commits(repo)
    os.makedirs(folder, exist_ok=True)
    names = [os.path.join(folder, name) for name in ("users.ndjson", "posts.ndjson")]
    parts = [name + ".part" for name in names]
    posts, users = 0, {}
    try:
        with open(parts[1], "w", encoding="utf-8", newline="\n") as out:
            if any_commits:
                posts, users = write_posts(repo, limit, out)
        with open(parts[0], "w", encoding="utf-8", newline="\n") as out:
            write_users(users, out)
        for part, name in zip(parts, names):
            os.replace(part, name)
    finally:
        for part in parts:
            if os.path.exists(part):
                os.remove(part)
    return posts, len(users), names


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repo", metavar="REPO", help="a git repository, bare or not")
    parser.add_argument("--out", metavar="DIR", default=".",
                        help="where the two files go (default: here)")
    parser.add_argument("--limit", metavar="N", type=positive,
                        help="only the newest N commits")
    args = parser.parse_args()
    try:
        posts, users, names = convert(args.repo, args.limit, args.out)
    except Failed as e:
        sys.exit(f"git-history: {e}")
    except OSError as e:
        sys.exit(f"git-history: {e.filename or args.out}: {e.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(f"git-history: {posts} posts by {users} users in {names[1]} and {names[0]}",
          file=sys.stderr)


if __name__ == "__main__":
    main()
