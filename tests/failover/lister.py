"""Who lists what does not change, in one of the shapes, and goes on with its tokens."""
import itertools
import threading
import time

import grpc

from client import Client
from library import MANY_REQUESTS, MANY_RESPONSES, SHAPES, path_of, request_of
from model import author_of, expect
from writer import GONE, OPTIONS

FIXED = "fixed"  # the tag of what does not change
KINDS = [(shape, listing) for shape in SHAPES for listing in ("ListPosts", "ListPostsByUserId")]


class Lister(threading.Thread):
    """One thread with one listing after another, each of which is compared with what is right
    when it says that it is whole. A call that ends UNAVAILABLE is gone on with."""

    def __init__(self, world, kind, fixed, users, rng):
        super().__init__(daemon=True)
        self.shape, self.listing = kind
        self.world, self.users, self.rng = world, users, rng
        self.of_user = {each: [m for m in fixed if m.user_id == each] for each in users}
        self.stopping, self.failed = threading.Event(), None
        self.whole = self.broken = 0

    def __str__(self):
        return f"{self.listing}{self.shape}, listing {self.whole}"

    def run(self):
        try:
            while not self.stopping.is_set():
                self.list_all()
                self.whole += 1
        except BaseException as why:  # told by who waits for it
            self.failed = why

    def right(self, user_id):
        """Users in the order of their first post."""
        if user_id:
            return self.of_user[user_id]
        first = sorted(self.of_user.values(), key=lambda posts: int(posts[0].post_id.split("/")[1]))
        return list(itertools.chain(*first))

    def list_all(self):
        """Over as many calls as it takes."""
        fields = {"page_size": self.rng.choice((0, 20, 100)), "tag": FIXED}
        if self.listing == "ListPostsByUserId":
            fields["user_id"] = self.rng.choice(self.users)
        found, token = [], ""
        while token is not None:
            with Client(self.world.target(self.rng), options=OPTIONS) as client:
                token = self.call(client, fields, token, found)
        right = self.right(fields.get("user_id"))
        expect([m.post_id for m in found] == [m.post_id for m in right], self, "wrong", fields,
               len(found), len(right))
        for got, want in zip(found, right):
            expect(got.title == want.title and got.body == want.body and
                   got.author == author_of(got.user_id), self, "not as it was", got)

    def call(self, client, fields, token, found):
        """One call; adds to found. Returns the token to go on with; None: it was the last one."""
        request = request_of(self.listing, page_token=token, **fields)
        try:
            for message in self.messages(client, request):
                found += message.post_messages
                token = message.next_page_token
                if message.last and not token:
                    return None
                time.sleep(self.rng.choice((0, 0, 0, 0.01)))
            expect(not self.streams or message.last, self, "a short answer claims to be whole")
        except grpc.RpcError as e:
            expect(e.code() in GONE, self, e.code(), e.details())
            self.broken += 1
            time.sleep(0.02)
        return token

    @property
    def streams(self):
        return self.shape in MANY_RESPONSES

    def messages(self, client, request):
        many = self.shape in MANY_REQUESTS
        answer = client.call(path_of(self.listing, self.shape), [request] if many else request)
        return answer if self.streams else [answer]
