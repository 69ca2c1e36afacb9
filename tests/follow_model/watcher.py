"""Who follows, and goes on with its tokens whatever breaks."""
import threading
import time

import grpc

import timing
from client import Client
from library import path_of, request_of
from model import Query, Seen, expect, in_changes
from writer import GONE, OPTIONS, TAGS

DONE = timing.limit(20)  # from the last change of all until it was heard
SILENT = timing.limit(3)  # so long nothing comes, though all is whole again: nothing is to come
MANY = 4  # requests of one bidirectional call


class Watcher(threading.Thread):
    """One thread with one call after another, of one follow, or of several in a bidirectional
    stream. It ends when each has heard of the last change."""

    def __init__(self, world, logs, rng, target):
        super().__init__(daemon=True)
        self.world, self.rng, self.target = world, rng, target
        self.bidi = rng.random() < 0.4
        by_user = rng.random() < 0.6
        self.listing = "ListPostsByUserId" if by_user else "ListPosts"
        queries = {self.some_query(by_user) for _ in range(rng.randrange(1, MANY + 1))}
        self.seen = [Seen(logs, query, rng.random() < 0.3)
                     for query in sorted(queries)[:None if self.bidi else 1]]
        self.limit = rng.choice((0, 0, 0, 7, 60))
        self.page_size = rng.choice((0, 0, 0, 1, 5))
        self.pauses = rng.choice(((0,), (0,), (0, 0, 0.05), (0, 0.3)))
        self.failed, self.calls, self.messages, self.lists_anew = None, 0, 0, 0
        self.call, self.active, self.silent = None, time.monotonic(), False

    def some_query(self, by_user):
        user_id = self.rng.choice(self.world.known) if by_user else ""
        return Query(user_id, self.rng.choice(("", "", *TAGS, "nobody has it")))

    def __str__(self):
        kind = f"{'bidi' if self.bidi else 'stream'}, limit {self.limit}, page_size {self.page_size}"
        heard = (f"{seen.query}{' from now' if seen.from_now else ''} "
                 f"({seen.state.get(self.world.end_of(seen.query), 'not the end')}, "
                 f"token {seen.token})" for seen in self.seen)
        return f"{kind}, call {self.calls}, message {self.messages}: {', '.join(heard)}"

    def run(self):
        try:
            while not self.watch():
                expect(not self.world.ended or time.monotonic() < self.world.ended + DONE,
                       "it does not hear of the end")
        except BaseException as why:  # told by who waits for it
            self.failed = why

    def watch(self):
        """One call, on a connection of its own. Whether all was heard."""
        self.calls += 1
        with Client(self.target, options=OPTIONS) as client:
            return self.watch_on(client)

    def watch_on(self, client):
        self.call = call = Call(self, client)
        try:
            return call.watch()
        except StopIteration:
            return False  # its limits were reached
        except grpc.RpcError as e:
            self.take_end(e)
            return False
        finally:
            call.close()

    def take_end(self, error):
        if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
            self.list_anew(self.seen[0])
            return
        expect(error.code() in (*GONE, grpc.StatusCode.DEADLINE_EXCEEDED), "it ended",
               error.code(), error.details())
        time.sleep(0.02)  # a server that is away

    def look(self):
        """After the end, by another thread. Where nothing comes it may be that all was told when
        the call began, just after the end. So there is another call, which must not be told of
        anything that changed since."""
        if self.call is not None and time.monotonic() > self.active + SILENT:
            self.silent, self.active = True, time.monotonic()
            self.call.rpc.cancel()

    def list_anew(self, seen):
        expect(self.world.forgets, seen.query, "changes expired, though all are kept")
        self.lists_anew += 1
        seen.forget()


class Call:
    """One call of a watcher. In a bidirectional one a follow whose limit was reached is asked for
    again, unless the requests have ended: then the call is given up."""

    def __init__(self, watcher, client):
        self.watcher, self.late = watcher, watcher.world.ended
        self.caught_up, self.over = set(), False
        self.asked = []  # the follow that each request is for
        self.open = watcher.bidi and watcher.rng.random() < 0.5
        for seen in watcher.seen:
            if not seen.token:
                seen.forget()
        self.nothing_new = [seen for seen in watcher.seen if seen.token and watcher.silent and
                            in_changes(seen.token)]
        if watcher.bidi:
            self.stream = client.open(path_of(watcher.listing, "BidiStream"), 1.5 * DONE)
            self.rpc = self.stream.rpc
            for seen in watcher.seen:
                self.stream.send(self.request(seen))
            if not self.open:
                self.stream.done()
        else:
            self.rpc = client.call(path_of(watcher.listing, "ServerStream"),
                                   self.request(watcher.seen[0]), 1.5 * DONE)

    def request(self, seen):
        self.asked.append(seen)
        fields = {} if not seen.query.user_id else {"user_id": seen.query.user_id}
        return request_of(self.watcher.listing, tag=seen.query.tag, follow=True,
                          from_now=seen.from_now, page_token=seen.token, limit=self.watcher.limit,
                          page_size=self.watcher.page_size, **fields)

    def watch(self):
        watcher = self.watcher
        while not all(self.heard_all(seen) for seen in watcher.seen):
            if self.over:
                return False
            self.take(next(self.rpc))
            watcher.messages += 1
            watcher.active = time.monotonic()
            if watcher.rng.random() < 0.05:
                return False  # it hangs up
            time.sleep(0 if watcher.world.ended else watcher.rng.choice(watcher.pauses))
        return True

    def heard_all(self, seen):
        """Of the last change; or it has begun after that, and has caught up."""
        end = self.watcher.world.end_of(seen.query)
        return seen.query in self.caught_up and (end in seen.state or bool(self.late))

    def take(self, message):
        seen = self.asked[message.request_index]
        expect(seen is not None, "a message after the last of its request")
        if message.errors:
            [error] = message.errors
            expect(error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0], seen.query, error)
            self.watcher.list_anew(seen)
        else:
            self.take_answer(seen, message)
        if message.last:
            self.ask_again(seen, message.request_index)

    def take_answer(self, seen, message):
        expect(not message.last or self.watcher.limit, seen.query, "it ended, without a limit")
        size = self.watcher.page_size or len(message.post_messages)
        expect(len(message.post_messages) <= size, seen.query, "larger than page_size")
        if message.caught_up:
            expect(seen.query not in self.caught_up, seen.query, "caught up twice")
            self.caught_up.add(seen.query)
        expect(seen not in self.nothing_new or not message.post_messages and
               not message.deleted_post_ids, seen.query, "it was not woken for", message)
        seen.take(message)

    def ask_again(self, seen, index):
        self.asked[index] = None
        self.caught_up.discard(seen.query)
        self.over = not self.open
        if self.open:
            self.stream.send(self.request(seen))

    def close(self):
        self.rpc.cancel()
        if self.watcher.bidi:
            self.stream.done()
