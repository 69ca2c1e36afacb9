"""A small HTTP/2 client: it sees every frame, and may stop reading.

What h2load cannot tell is asked for with it: the bytes of an answer and its
gRPC status, the time to the first post, and what a client costs that never
reads. Requests are short; a body fits the window that a server gives at once.
"""
import socket
import struct
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# Frames.
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
# Flags.
END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 1, 1, 4, 8, 0x20
# Settings.
(HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE,
 MAX_HEADER_LIST_SIZE) = range(1, 7)
# Error codes.
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
 FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
 INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)
FIRST_WINDOW = (1 << 16) - 1  # of a connection, before any update
LARGEST_WINDOW = (1 << 31) - 1
LARGEST_FRAME = 1 << 14
TIMEOUT = 120  # seconds without a byte


class Failure(Exception):
    """Something is not as it has to be, so no figure counts."""


def frame(kind, flags, stream, payload=b""):
    length = len(payload)
    return struct.pack(">BHBBI", length >> 16, length & 0xffff, kind, flags, stream) + payload


def padded(kind, flags, stream, body, pad):
    """pad: how many bytes follow the body; None: and no field that says how many."""
    if pad is None:
        return frame(kind, flags, stream, body)
    return frame(kind, flags | PADDED, stream, bytes([pad]) + body + bytes(pad))


def data(stream, body=b"", end=False, pad=None):
    return padded(DATA, END_STREAM if end else 0, stream, body, pad)


def headers(stream, block, end=False, pad=None, last=True):
    """last: no CONTINUATION follows."""
    flags = (END_STREAM if end else 0) | (END_HEADERS if last else 0)
    return padded(HEADERS, flags, stream, block, pad)


def continuation(stream, block, last=True):
    return frame(CONTINUATION, END_HEADERS if last else 0, stream, block)


def dependency(on=0, weight=16, exclusive=False):
    return struct.pack(">IB", on | exclusive << 31, weight - 1)


def priority(stream, *args, **more):
    return frame(PRIORITY, 0, stream, dependency(*args, **more))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def ping(body=bytes(8), ack=False):
    return frame(PING, ACK if ack else 0, 0, body)


def goaway(last=0, code=NO_ERROR, text=b"", stream=0):
    return frame(GOAWAY, 0, stream, struct.pack(">II", last, code) + text)


def update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def cut(body):
    """In parts that fit a frame; one at least."""
    return [body[i:i + LARGEST_FRAME] for i in range(0, len(body), LARGEST_FRAME)] or [b""]


class Connection:
    """One TCP connection. window: bytes that the server may send unasked, of a
    stream and of the connection; read bytes are given back to it. hello: what is
    sent first, in place of a preface that says so."""

    def __init__(self, port, window=LARGEST_WINDOW, hello=None):
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.window, self.unreturned = window, {}
        self.hpack = hpack.Decoder()
        self.next_stream = 1
        if hello is None:
            hello = PREFACE + settings((INITIAL_WINDOW_SIZE, window))
            hello += update(0, window - FIRST_WINDOW) if window > FIRST_WINDOW else b""
        self.sock.sendall(hello)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def request(self, path, body, *more):
        """Sends a whole gRPC request, with more headers; returns its stream."""
        stream = self.next_stream
        self.next_stream += 2
        parts = cut(body)
        self.sock.sendall(
            frame(HEADERS, END_HEADERS, stream, hpack.request_headers(path, *more)) +
            b"".join(frame(DATA, 0, stream, part) for part in parts[:-1]) +
            frame(DATA, END_STREAM, stream, parts[-1]))
        return stream

    def cancel(self, stream):
        """Returns when the server knows, and nothing of the stream is under way."""
        self.sock.sendall(reset(stream) + ping())
        while True:
            kind, flags, _, _ = self.next_frame()
            if kind == PING and flags & ACK:
                return

    def fill(self, size):
        """Until so many bytes are buffered."""
        while len(self.buffer) < size:
            more = self.sock.recv(1 << 18)
            if not more:
                raise Failure("the server closed the connection")
            self.buffer += more

    def next_frame(self):
        """(kind, flags, stream, payload); what the connection itself asks for is answered."""
        self.fill(9)
        high, low, kind, flags, stream = struct.unpack_from(">BHBBI", self.buffer)
        length = high << 16 | low
        self.fill(9 + length)
        payload = bytes(self.buffer[9:9 + length])
        del self.buffer[:9 + length]
        self.answer(kind, flags, stream, payload)
        return kind, flags, stream, payload

    def answer(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            self.sock.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.sock.sendall(ping(payload, ack=True))
        elif kind == GOAWAY:
            raise Failure(f"the server says GOAWAY: {payload[8:]!r}")
        elif kind == RST_STREAM:
            raise Failure(f"the server reset a stream: error {int.from_bytes(payload, 'big')}")
        elif kind == DATA:
            self.give_back(0, len(payload))
            self.give_back(stream, len(payload))

    def give_back(self, stream, size):
        """A window's bytes, when half of them were used."""
        size += self.unreturned.get(stream, 0)
        if size > self.window // 2:
            self.sock.sendall(update(stream, size))
            size = 0
        self.unreturned[stream] = size

    def call(self, path, body, write=None):
        """One whole call; its status must be OK. write gets its DATA. Returns how
        many bytes that were."""
        stream, fields, size, ended = self.request(path, body), {}, 0, False
        while not ended:
            kind, flags, of, payload = self.next_frame()
            if of != stream:
                continue
            if kind == DATA:
                size += len(payload)
                if write:
                    write(payload)
            elif kind == HEADERS:
                fields.update(self.hpack.decode(payload))
            ended = kind in (DATA, HEADERS) and bool(flags & END_STREAM)
        self.unreturned.pop(stream, None)
        if fields.get(":status") != "200" or fields.get("grpc-status") != "0":
            raise Failure(f"{path}: {fields}")
        return size

    def first_data(self, path, body):
        """Seconds from the request to its first DATA; the call is cancelled then."""
        start = time.perf_counter()
        stream = self.request(path, body)
        while True:
            kind, flags, _, payload = self.next_frame()
            if kind == DATA and payload:
                break
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                raise Failure(f"{path}: it ended without a message")
        seconds = time.perf_counter() - start
        self.cancel(stream)
        return seconds
