"""A peer in raw HTTP/2 that keeps to no rule, and notes what is done about it."""
import select
import socket
import ssl
import struct
import sys
import time
from collections import Counter, namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "http2"))  # Debian has an hpack and an h2, too

import hpack  # noqa: E402
from h2 import (ACK, DATA, END_HEADERS, END_STREAM, FIRST_WINDOW, GOAWAY,  # noqa: E402
                HEADERS, INITIAL_WINDOW_SIZE, LARGEST_FRAME, LARGEST_WINDOW, PING, PREFACE,
                RST_STREAM, SETTINGS, WINDOW_UPDATE, frame)

ERRORS = ("NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT "
          "STREAM_CLOSED FRAME_SIZE_ERROR REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR "
          "ENHANCE_YOUR_CALM INADEQUATE_SECURITY HTTP_1_1_REQUIRED").split()
STATUSES = ("OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS "
            "PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE "
            "UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED").split()
LONGEST_S = 5  # that a peer waits for anything


def error(payload, at=0):
    number = int.from_bytes(payload[at:at + 4], "big")
    return ERRORS[number] if number < len(ERRORS) else str(number)


def settings(**values):
    """settings(initial_window_size=0)"""
    numbers = {"initial_window_size": INITIAL_WINDOW_SIZE, "header_table_size": 1}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[name], value)
                                          for name, value in values.items()))


def update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def message(body, flag=0):
    """As gRPC frames it."""
    return bytes([flag]) + len(body).to_bytes(4, "big") + body


class Target(namedtuple("Target", "port context", defaults=[None])):
    """Where the server is. context: for TLS."""

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), LONGEST_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is not None:
            sock = self.context.wrap_socket(sock, server_hostname="localhost")
        return sock


class Peer:
    """One connection. seen counts what came: statuses, "RST_STREAM CANCEL", "GOAWAY NO_ERROR",
    "closed", and "stopped reading", of a server that takes no more of ours."""

    def __init__(self, target, hello=settings(initial_window_size=LARGEST_WINDOW), acks=True,
                 reads=True):
        self.acks, self.reads = acks, reads
        self.seen, self.over, self.pongs, self.ended = Counter(), False, 0, set()
        self.received = 0  # bytes
        self.buffer, self.hpack = bytearray(), hpack.Decoder()
        self.stream_window, self.windows = FIRST_WINDOW, {0: FIRST_WINDOW}
        self.next_stream = 1
        self.sock, self.sending, self.replies = None, False, b""
        try:
            self.sock = target.connect()
            self.sock.sendall(b"" if hello is None else PREFACE + hello)
            self.sock.setblocking(False)
        except OSError:
            self.end("refused")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.sock is not None:
            self.sock.close()

    def end(self, how):
        if not self.over:
            self.seen[how] += 1
        self.over = True

    # --- bytes -----------------------------------------------------------------------------

    def send(self, data, seconds=LONGEST_S):
        """All of it, and reads what comes meanwhile. Gives up when nothing moves for so long."""
        self.sending = True
        self.send_some(memoryview(data), seconds)
        self.sending = False
        self.reply()

    def send_some(self, view, seconds):
        while view and not self.over:
            ready = self.wait(select.POLLOUT | (select.POLLIN if self.reads else 0), seconds)
            if not ready:
                self.end("stopped reading")
            if ready & select.POLLIN:
                self.take()
            if ready & ~select.POLLIN and not self.over:
                view = view[self.write(view[:1 << 16]):]

    def reply(self, more=b""):
        """Not in the midst of a frame that is being sent."""
        self.replies += more
        if self.replies and not self.sending:
            now, self.replies = self.replies, b""
            self.write(now)

    def wait(self, events, seconds):
        """What is ready of these. Not by select(), which knows 1,024 descriptors."""
        poll = select.poll()
        poll.register(self.sock, events)
        ready = poll.poll(1000 * seconds)
        return ready[0][1] if ready else 0

    def write(self, view):
        try:
            return self.sock.send(view)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0
        except OSError:
            self.take()  # what it said before
            self.end("closed")
            return 0

    def take(self):
        """What there is to be read."""
        try:
            while not self.over:
                more = self.sock.recv(1 << 18)
                self.buffer += more
                self.received += len(more)
                if not more:
                    self.frames()
                    self.end("closed")
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError:
            self.frames()
            self.end("closed")
        self.frames()

    def until(self, condition, seconds=LONGEST_S):
        """Reads until condition() or the end. Returns whether it holds."""
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            if self.over or left <= 0:
                return False
            if self.wait(select.POLLIN, left):
                self.take()
        return True

    # --- frames ----------------------------------------------------------------------------

    def frames(self):
        at = 0
        while len(self.buffer) >= at + 9:
            high, low, kind, flags, stream = struct.unpack_from(">BHBBI", self.buffer, at)
            length = high << 16 | low
            if len(self.buffer) < at + 9 + length:
                break
            self.note(kind, flags, stream, bytes(self.buffer[at + 9:at + 9 + length]))
            at += 9 + length
        del self.buffer[:at]

    def note(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            self.note_settings(payload)
        elif kind == PING and flags & ACK:
            self.pongs += 1
        elif kind == PING:
            self.reply(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            before = self.windows.get(stream, self.stream_window)
            self.windows[stream] = before + int.from_bytes(payload, "big")
        elif kind == GOAWAY:
            self.seen["GOAWAY " + error(payload, 4)] += 1
        elif kind == RST_STREAM:
            self.seen["RST_STREAM " + error(payload)] += 1
            self.ended.add(stream)
        elif kind == HEADERS:
            self.note_headers(stream, self.hpack.decode(payload), flags & END_STREAM)

    def note_settings(self, payload):
        """A new first window is one for the streams that are open, too (RFC 9113, 6.9.2)."""
        values = dict(struct.iter_unpack(">HI", payload))
        more = values.get(INITIAL_WINDOW_SIZE, self.stream_window) - self.stream_window
        self.stream_window += more
        for stream in self.windows.keys() - {0}:
            self.windows[stream] += more
        if self.acks:
            self.reply(frame(SETTINGS, ACK, 0))

    def note_headers(self, stream, headers, last):
        """An answer without a gRPC status is a proxy's own, or says that this is no gRPC."""
        if "grpc-status" in headers:
            self.seen[STATUSES[int(headers["grpc-status"])]] += 1
        elif last:
            self.seen["HTTP " + headers.get(":status", "?")] += 1
        if last:
            self.ended.add(stream)

    # --- calls -----------------------------------------------------------------------------

    def headers(self, path, *more, end=False):
        """The frame that begins a call, of self.last; not sent yet."""
        self.last = self.next_stream
        self.next_stream += 2
        return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), self.last,
                     hpack.request_headers(path, *more))

    def request(self, path, body=b"", *more, flag=0):
        """A whole request that fits a frame; not sent yet."""
        return self.headers(path, *more) + frame(DATA, END_STREAM, self.last, message(body, flag))

    def room(self, stream):
        return min(LARGEST_FRAME, self.windows[0],
                   self.windows.setdefault(stream, self.stream_window))

    def pour(self, streams, body):
        """Sends of @body, on every stream, what the server's windows let through."""
        left = dict.fromkeys(streams, memoryview(body))
        while self.until(lambda: any(map(self.room, left)), 0.3):
            for stream in list(left):
                part = left[stream][:self.room(stream)]
                self.windows[0] -= len(part)
                self.windows[stream] -= len(part)
                left[stream] = left[stream][len(part):]
                if part:
                    self.send(frame(DATA, 0, stream, bytes(part)))
                if not left[stream] or stream in self.ended:
                    del left[stream]

    def sync(self, seconds=LONGEST_S):
        """Until all that was sent was looked at."""
        self.send(frame(PING, 0, 0, bytes(8)), seconds)
        return self.until(lambda: self.pongs > 0, seconds)

    def await_ends(self, count):
        return self.until(lambda: len(self.ended) >= count)
