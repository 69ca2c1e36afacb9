"""What is right: the logs of all that was imported, and what a follow must make of them."""
import base64
from collections import namedtuple

GHOST = "ghost"  # has posts, and User does not know it


class Broken(AssertionError):
    """A promise was."""


def expect(condition, *what):
    if not condition:
        raise Broken(": ".join(map(str, what)))


def author_of(user_id):
    return "" if user_id == GHOST else f"name of {user_id}"


# A post that was put, or (message is None) deleted.
Record = namedtuple("Record", "post_id user_id message")


class Log:
    """What one writer has done, in the order of the commits. The posts of a writer are its own,
    and the title of each says where in which log it is."""

    def __init__(self, number):
        self.number = number
        self.records = []  # from before it is sent: so whatever can be told is in it
        self.answered = 0  # so many of them
        self.now = {}  # post_id -> its place, of those that are there

    def add(self, record):
        if record.message is None:
            del self.now[record.post_id]
        else:
            record.message.title = f"{self.number}.{len(self.records)}"
            self.now[record.post_id] = len(self.records)
        self.records.append(record)


class Query(namedtuple("Query", "user_id tag")):
    """user_id "": all posts; tag "": with any tags."""

    def matches(self, record):
        return record.message is not None and self.user_id in ("", record.user_id) and \
            (not self.tag or self.tag in record.message.tags)

    def __str__(self):
        return f"{self.user_id or 'all'}{'/' if self.tag else ''}{self.tag}"


def in_changes(token):
    """Whether a follow's listing was over: of a token of version 2 (streams/page_token.h)."""
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[29] == 1


class Seen:
    """What one follow was told, over all its calls, and whether that is right."""

    def __init__(self, logs, query, from_now):
        self.logs, self.query, self.from_now = logs, query, from_now
        self.forget()

    def forget(self):
        """It has no token to go on from: it lists anew."""
        self.token = ""
        self.state = {}  # post_id -> (log, place), or None: told as deleted
        self.last = [-1] * len(self.logs)  # place of the last one told among changes, of each log
        self.began = None  # from_now: so much of each log may have been there before
        self.not_before = [log.answered for log in self.logs]

    def take(self, message):
        """A message of it. Its token goes with what is in it."""
        changes = in_changes(message.next_page_token)
        for told in message.post_messages:
            self.take_post(told, changes)
        for post_id in message.deleted_post_ids:
            self.take_deleted(post_id, changes)
        nameless = {told.user_id for told in message.post_messages if told.user_id == GHOST}
        expect(list(message.unresolved_user_ids) == sorted(nameless), self.query, "unresolved",
               message.unresolved_user_ids)
        if self.from_now and self.began is None:
            expect(message.caught_up, self.query, "from_now begins with a listing")
            self.began = [len(log.records) for log in self.logs]
        self.token = message.next_page_token

    def take_post(self, told, changes):
        number, place = map(int, told.title.split("."))
        record = self.logs[number].records[place]
        expect(record.message is not None and told.author == author_of(record.user_id), self.query,
               "not as it was", told)
        record.message.author, told_author = told.author, told.author
        expect(told == record.message, self.query, "never was", told, record.message)
        expect(self.query.matches(record), self.query, "is for others", told.post_id, told_author)
        held = self.state.get(record.post_id)
        expect(held is None or held[1] < place or (held[1] == place and not changes or
                                                   self.last[number] < place),
               self.query, f"{told.post_id} is older than what was told", place, held)
        if changes:
            expect(place > self.last[number], self.query, f"{told.post_id} of {told.title} comes "
                   f"after {number}.{self.last[number]}")
            self.last[number] = place
        if self.from_now:
            expect(place >= self.not_before[number], self.query, "older than now", told.title)
        self.state[record.post_id] = (number, place)

    def take_deleted(self, post_id, changes):
        expect(changes, self.query, f"{post_id} is deleted in the listing")
        expect(any(record.post_id == post_id and not self.query.matches(record)
                   for log in self.logs for record in log.records),
               self.query, f"{post_id} was never deleted, nor without the tag")
        self.state[post_id] = None

    def judge(self):
        """At the end, when it has heard of the last change of all."""
        right = {}
        for log in self.logs:
            for post_id, place in log.now.items():
                if self.query.matches(log.records[place]):
                    right[post_id] = (log.number, place)
        told = {post_id: at for post_id, at in self.state.items() if at is not None}
        for post_id, (number, place) in right.items():
            if self.from_now and place < self.began[number] and post_id not in self.state:
                continue  # it may have been there before
            expect(told.get(post_id) == (number, place), self.query, f"{post_id} is",
                   f"{number}.{place}", "told", self.state.get(post_id, "never"))
        expect(not told.keys() - right.keys(), self.query, "is not there any more",
               told.keys() - right.keys())
