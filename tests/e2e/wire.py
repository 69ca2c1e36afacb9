"""Bytes on the wire that protobuf's own classes refuse to write."""


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number, data):
    """A field whose value is bytes: text, a message."""
    return varint(number << 3 | 2) + varint(len(data)) + data
