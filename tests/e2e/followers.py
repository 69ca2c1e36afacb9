"""Calls that follow, and what is seen on them."""
import timing
from library import path_of, posts_of, request_of

VERSION_FOLLOW = 56  # characters of a token of version 2


class Follow:
    """One call with one request that follows, by server streaming.

        with Follow(client, "ListPosts", tag="x") as f:
            f.until_caught_up()
            f.told(3)

    messages: all that came. Each wait ends with the call's deadline at the latest."""

    def __init__(self, client, listing="ListPosts", timeout=timing.CALL, **fields):
        self.request = request_of(listing, follow=True, **fields)
        self.rpc = client.call(path_of(listing, "ServerStream"), self.request, timeout=timeout)
        self.messages = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.rpc.cancel()

    def receive(self):
        """The next message; StopIteration at a good end, grpc.RpcError at a bad one."""
        self.messages.append(next(self.rpc))
        return self.messages[-1]

    def until(self, condition):
        """Messages from now on, up to the first of which that holds."""
        first = len(self.messages)
        while not condition(self.receive()):
            pass
        return self.messages[first:]

    def until_caught_up(self):
        return self.until(lambda m: m.caught_up)

    def told(self, n):
        """The next n posts and deleted ids, as posts or texts; it fails if a message has more."""
        got = []
        while len(got) < n:
            got += news_of(self.receive())
        assert len(got) == n, got
        return got

    def rest(self):
        """To a good end."""
        first = len(self.messages)
        self.messages += self.rpc
        return self.messages[first:]

    @property
    def token(self):
        """Of the last message that has one."""
        return next((m.next_page_token for m in reversed(self.messages) if m.next_page_token), "")


def news_of(message):
    return [*message.post_messages, *message.deleted_post_ids]


def ids_of(messages):
    return [message.post_id for message in posts_of(messages)]


def deleted_of(messages):
    return [each for message in messages for each in message.deleted_post_ids]


def changes_since(client, token, listing="ListPosts", **fields):
    """What a follow that is resumed is told until it has caught up."""
    with Follow(client, listing, page_token=token, **fields) as f:
        return f.until_caught_up()
