"""The part of HPACK (RFC 7541) that gRPC's servers use: no Huffman codes."""

# The static table, as far as answers name it: index -> (name, value).
STATIC = {
    8: (":status", "200"), 9: (":status", "204"), 10: (":status", "206"), 11: (":status", "304"),
    12: (":status", "400"), 13: (":status", "404"), 14: (":status", "500"),
    16: ("accept-encoding", "gzip, deflate"), 26: ("content-encoding", ""),
    28: ("content-length", ""), 31: ("content-type", ""), 33: ("date", ""), 54: ("server", ""),
}
STATIC_SIZE = 61


def literal(name, value):
    """Name and value in full, not for the table. Both under 127 bytes."""
    return bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def request_headers(path, *more):
    return b"".join(literal(name, value) for name, value in (
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
        ("te", "trailers"), ("content-type", "application/grpc"), *more))


class Decoder:
    """One direction of a connection; blocks come in order."""

    def __init__(self):
        self.newest_first = []

    def entry(self, index):
        if index <= STATIC_SIZE:
            return STATIC[index]
        return self.newest_first[index - STATIC_SIZE - 1]

    def decode(self, block):
        """A dict of the block's headers."""
        headers, at = {}, 0
        while at < len(block):
            first = block[at]
            if first & 0x80:  # a whole entry
                index, at = integer(block, at, 7)
                name, value = self.entry(index)
            elif first & 0xe0 == 0x20:  # a new size of the table: it never fills here
                _, at = integer(block, at, 5)
                continue
            else:
                kept = first & 0x40
                index, at = integer(block, at, 6 if kept else 4)
                name, at = (self.entry(index)[0], at) if index else text(block, at)
                value, at = text(block, at)
                if kept:
                    self.newest_first.insert(0, (name, value))
            headers[name] = value
        return headers


def integer(block, at, bits):
    most = (1 << bits) - 1
    value, at, shift = block[at] & most, at + 1, 0
    if value < most:
        return value, at
    while True:
        byte, at = block[at], at + 1
        value += (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def text(block, at):
    """A Huffman code, which gRPC's core uses for the values of "-bin" headers only, stays as it
    is, in bytes: nobody here looks into those."""
    coded = block[at] & 0x80
    length, at = integer(block, at, 7)
    raw = block[at:at + length]
    return raw if coded else raw.decode(), at + length
