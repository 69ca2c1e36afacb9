"""Who imports, changes and deletes posts, and notes it in a log."""
import threading
import time

import grpc

import protos
import timing
from client import Client
from model import Record, expect
from protos import post

IMPORT, DELETE = "/v1.post.Post/ImportPosts", "/v1.post.Post/DeletePosts"
DELETES = DELETE in protos.current.methods
TAGS = ("a", "b")
# What a client hears of a server that is away, or of a connection that broke.
GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.CANCELLED)


# The core (1.51) may fail a call over a refused connection, and never answer the read that waited:
# then grpcio waits for ever, whatever the deadline. It was seen in 3 of 700 rounds; without its
# retries in none of 330.
OPTIONS = [("grpc.enable_retries", 0)]


class Writer(threading.Thread):
    """One thread with posts of its own. An operation whose answer was lost is sent again: what
    of it was committed does not change then, so each record is committed once."""

    def __init__(self, target, log, users, rng, operations):
        super().__init__(daemon=True)
        self.target, self.log, self.users, self.rng = target, log, users, rng
        self.operations, self.failed = operations, None
        self.ids = [f"{log.number}/{i}" for i in range(rng.choice((3, 30, 150)))]

    def run(self):
        try:
            for _ in range(self.operations):
                self.write(self.some())
                time.sleep(self.rng.choice((0, 0, 0.002, 0.02)))  # commits that are apart
        except BaseException as why:  # told by who waits for it
            self.failed = why

    def some(self):
        """What to do next: records of as many posts."""
        ids = self.rng.sample(self.ids, min(len(self.ids), self.rng.choice((1, 1, 4, 40))))
        there = [each for each in ids if each in self.log.now]
        if DELETES and there and self.rng.random() < 0.25:
            return [Record(each, self.record_of(each).user_id, None) for each in there]
        return [self.put(each) for each in ids]

    def record_of(self, post_id):
        return self.log.records[self.log.now[post_id]]

    def put(self, post_id):
        user_id = self.record_of(post_id).user_id if post_id in self.log.now else \
            self.rng.choice(self.users)
        return Record(post_id, user_id, post.PostMessage(
            post_id=post_id, user_id=user_id,
            tags=[tag for tag in TAGS if self.rng.random() < 0.5],
            body="x" * self.rng.choice((0, 10, 10, 300, 300, 5000, 30000))))

    def write(self, records):
        """All of them are deleted, or all are put. Returns when that is durable."""
        for record in records:
            self.log.add(record)
        if records[0].message is None:
            path, requests = DELETE, [post.DeletePostsRequest(
                post_ids=[record.post_id for record in records])]
        else:
            step = self.rng.choice((1, 5, 50))
            path, requests = IMPORT, [post.ImportPostsRequest(
                post_messages=[record.message for record in records[i:i + step]])
                for i in range(0, len(records), step)]
        until_answered(self.target, path, requests)
        self.log.answered = len(self.log.records)


def until_answered(target, path, requests):
    end = time.monotonic() + timing.limit(30)
    while True:
        try:
            with Client(target, options=OPTIONS) as client:
                answer = client.call(path, requests)
            expect(path == DELETE or answer.rejected == 0, "rejected", getattr(answer, "errors", ""))
            return
        except grpc.RpcError as e:
            expect(e.code() in GONE, "import", e.code(), e.details())
            expect(time.monotonic() < end, "import: the server does not come back", e.details())
            time.sleep(0.02)
