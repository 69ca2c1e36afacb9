"""The posts: most of them made up by postcli, and users with exactly so many."""
import json
import subprocess

from h2 import Failure
from servers import BUILD

HUNDRED, ONE, FIVE = "hundred-{}", "one-{}", "five"  # ids of such users
IDS = 1000  # users of the first two kinds, and so ids of a streamed call
SIZED_POSTS = IDS * 100 + IDS + 5
SIZED_USERS = 2 * IDS + 1


def hundreds():
    return [HUNDRED.format(i) for i in range(IDS)]


def ones():
    return [ONE.format(i) for i in range(IDS)]


def owners():
    """The user of every sized post, in order."""
    for user in hundreds():
        yield from [user] * 100
    yield from ones()
    yield from [FIVE] * 5


def generate(what, count, *more):
    return subprocess.Popen([BUILD / "postcli", "generate", what, "--count", str(count), *more],
                            stdout=subprocess.PIPE)


def import_generated(pair, what, count, *more):
    with generate(what, count, *more) as source:
        pair.postcli("import", what, "-", stdin=source.stdout, stdout=subprocess.DEVNULL)
    if source.returncode != 0:
        raise Failure(f"postcli generate {what} exited {source.returncode}")


def import_lines(pair, what, records):
    text = "".join(json.dumps(record) + "\n" for record in records)
    pair.postcli("import", what, "-", input=text.encode(), stdout=subprocess.DEVNULL)


def fill(pair, posts, users, *more):
    """So many made-up posts by so many users."""
    import_generated(pair, "users", users)
    import_generated(pair, "posts", posts, "--users", str(users), *more)


def sized_posts():
    """Made-up ones too, given to the users that need them."""
    with generate("posts", SIZED_POSTS, "--users", "1", "--seed", "2") as source:
        for number, (user, line) in enumerate(zip(owners(), source.stdout)):
            yield {**json.loads(line), "post_id": f"sized-{number}", "user_id": user}


def fill_sized(pair):
    users = [*hundreds(), *ones(), FIVE]
    import_lines(pair, "users", ({"user_id": u, "name": f"Name of {u}"} for u in users))
    import_lines(pair, "posts", sized_posts())


def fill_main(pair, posts, users):
    """So many together: the sized ones are among them."""
    fill(pair, posts - SIZED_POSTS, users - SIZED_USERS)
    fill_sized(pair)
