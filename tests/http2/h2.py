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
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW_SIZE = 4  # a setting
FIRST_WINDOW = (1 << 16) - 1  # of a connection, before any update
LARGEST_WINDOW = (1 << 31) - 1
LARGEST_FRAME = 1 << 14
CANCEL = 8  # an error code
TIMEOUT = 120  # seconds without a byte


class Failure(Exception):
    """Something is not as it has to be, so no figure counts."""


def frame(kind, flags, stream, payload=b""):
    length = len(payload)
    return struct.pack(">BHBBI", length >> 16, length & 0xffff, kind, flags, stream) + payload


def cut(body):
    """In parts that fit a frame; one at least."""
    return [body[i:i + LARGEST_FRAME] for i in range(0, len(body), LARGEST_FRAME)] or [b""]


class Connection:
    """One TCP connection. window: bytes that the server may send unasked, of a
    stream and of the connection; read bytes are given back to it."""

    def __init__(self, port, window=LARGEST_WINDOW):
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.window, self.unreturned = window, {}
        self.hpack = hpack.Decoder()
        self.next_stream = 1
        hello = PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window))
        if window > FIRST_WINDOW:
            hello += frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", window - FIRST_WINDOW))
        self.sock.sendall(hello)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def request(self, path, body, *headers):
        """Sends a whole gRPC request, with more headers; returns its stream."""
        stream = self.next_stream
        self.next_stream += 2
        parts = cut(body)
        self.sock.sendall(
            frame(HEADERS, END_HEADERS, stream, hpack.request_headers(path, *headers)) +
            b"".join(frame(DATA, 0, stream, part) for part in parts[:-1]) +
            frame(DATA, END_STREAM, stream, parts[-1]))
        return stream

    def cancel(self, stream):
        """Returns when the server knows, and nothing of the stream is under way."""
        self.sock.sendall(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)) +
                          frame(PING, 0, 0, bytes(8)))
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
            self.sock.sendall(frame(PING, ACK, 0, payload))
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
            self.sock.sendall(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size)))
            size = 0
        self.unreturned[stream] = size

    def call(self, path, body, write=None):
        """One whole call; its status must be OK. write gets its DATA. Returns how
        many bytes that were."""
        stream, headers, size, ended = self.request(path, body), {}, 0, False
        while not ended:
            kind, flags, of, payload = self.next_frame()
            if of != stream:
                continue
            if kind == DATA:
                size += len(payload)
                if write:
                    write(payload)
            elif kind == HEADERS:
                headers.update(self.hpack.decode(payload))
            ended = kind in (DATA, HEADERS) and bool(flags & END_STREAM)
        self.unreturned.pop(stream, None)
        if headers.get(":status") != "200" or headers.get("grpc-status") != "0":
            raise Failure(f"{path}: {headers}")
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
