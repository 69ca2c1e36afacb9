"""Requests as bytes, and what an answer's bytes hold, without protobuf classes."""
import struct

# Fields of a listing's response, and of a post.
POST_MESSAGES, NEXT_PAGE_TOKEN, UNRESOLVED, ERRORS, LAST, TOTAL_SIZE = 1, 2, 4, 5, 6, 7
POST_ID, AUTHOR = 1, 2

FRAME_BYTES = 5  # of gRPC, before every message


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def bytes_field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def text_field(number, text):
    return bytes_field(number, text.encode())


def int_field(number, value):
    return varint(number << 3) + varint(value)


def framed(message):
    """A message as gRPC sends it."""
    return struct.pack(">BI", 0, len(message)) + message


def list_posts(page_size=0, limit=0):
    return framed((int_field(1, page_size) if page_size else b"") +
                  (int_field(3, limit) if limit else b""))


def by_user(*user_ids):
    """ListPostsByUserIdRequests, one after the other."""
    return b"".join(framed(text_field(1, user_id)) for user_id in user_ids)


def messages(data):
    """(start, end) of every message in a memoryview of DATA."""
    at, end = 0, len(data)
    while at < end:
        compressed, length = struct.unpack_from(">BI", data, at)
        if compressed or at + FRAME_BYTES + length > end:
            raise ValueError("a compressed or cut message")
        yield at + FRAME_BYTES, at + FRAME_BYTES + length
        at += FRAME_BYTES + length


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7


def fields(data, at, end):
    """(number, start, end) of every field of a message; of a number, where it stands."""
    while at < end:
        key, at = read_varint(data, at)
        if key & 7 == 2:
            length, at = read_varint(data, at)
            yield key >> 3, at, at + length
            at += length
        elif key & 7 == 0:
            start = at
            _, at = read_varint(data, at)
            yield key >> 3, start, at
        else:
            raise ValueError(f"a field of wire type {key & 7}")


class Listing:
    """What the DATA of one listing holds."""

    def __init__(self, data):
        self.posts = self.messages = self.lasts = self.errors = self.unresolved = 0
        self.total_size = self.message_cost = None
        data = memoryview(data)
        for start, end in messages(data):
            self.messages += 1
            self.count(data, start, end)

    def count(self, data, start, end):
        cost = FRAME_BYTES
        for number, field_start, field_end in fields(data, start, end):
            self.posts += number == POST_MESSAGES
            self.lasts += number == LAST
            self.errors += number == ERRORS
            self.unresolved += number == UNRESOLVED
            if number == NEXT_PAGE_TOKEN:
                cost += 2 + field_end - field_start
            elif number == TOTAL_SIZE:
                self.total_size, _ = read_varint(data, field_start)
        if self.messages == 2:  # one like most others
            self.message_cost = cost
