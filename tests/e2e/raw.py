"""A client that sends the bytes of a test, and notes all that is answered.

What every answer must be, whatever was asked, is checked while it comes: see Answer and Raw.note.
Its windows are the largest unless a test says otherwise, so nothing is given back.

    with Raw(port) as raw:
        answer = raw.ask(request("/v1.post.Post/ListPosts"), message(b""))
        assert answer.status == 0
"""
import contextlib
import re
import struct
from collections import defaultdict, namedtuple
from urllib.parse import unquote

import h2
import hpack
import timing
from h2 import FIRST_WINDOW, INITIAL_WINDOW_SIZE, LARGEST_FRAME, LARGEST_WINDOW

FIELD_NAME = re.compile(r":?[0-9a-z_.-]+")
FIELD_VALUE = re.compile(r"|[!-~]|[!-~][ -~]*[!-~]")
PERCENT_ENCODED = re.compile(r"([ -$&-~]|%[0-9A-F]{2})*")

Frame = namedtuple("Frame", "kind flags stream payload")


def message(body, flag=0):
    """As gRPC frames it."""
    return bytes([flag]) + len(body).to_bytes(4, "big") + body


def request(path, /, *more, **changes):
    """The header block of a call. changes: of what is always there, by name; None leaves it out.

        request(LIST, ("grpc-timeout", "1S"), content_type=None, authority=None)"""
    fields = {"method": "POST", "scheme": "http", "path": path, "authority": "localhost",
              "te": "trailers", "content_type": "application/grpc", **changes}
    return hpack.block(*(((":" if i < 4 else "") + name.replace("_", "-"), value)
                         for i, (name, value) in enumerate(fields.items())
                         if value is not None), *more)


class Answer:
    """What came on one stream. blocks: its header blocks, lists of pairs; reset: the error code of
    a RST_STREAM, if one came before the end."""

    def __init__(self):
        self.blocks, self.data, self.reset = [], b"", None
        self.ended = False  # with END_STREAM
        self.let_go = None  # the error code of a RST_STREAM after the end

    @property
    def over(self):
        return self.ended or self.reset is not None

    @property
    def http_status(self):
        return int(self.fields(0)[":status"])

    @property
    def status(self):
        """The gRPC status of an answer that ended as gRPC says: in its last block, and whole."""
        assert self.ended, f"it was reset: {self.reset}"
        status = self.fields(-1)["grpc-status"]
        assert self.http_status == 200 and status == str(int(status))
        assert self.fields(0)["content-type"].startswith("application/grpc")
        assert all("grpc-status" not in dict(block) for block in self.blocks[:-1])
        self.messages()
        return int(status)

    @property
    def text(self):
        """grpc-message, decoded."""
        raw = self.fields(-1)["grpc-message"]
        assert PERCENT_ENCODED.fullmatch(raw), raw
        return unquote(raw, errors="strict")

    @property
    def trailers_only(self):
        return self.ended and len(self.blocks) == 1 and self.data == b""

    def fields(self, which):
        """Those of a block, none of which may be there twice."""
        fields = dict(self.blocks[which])
        assert len(fields) == len(self.blocks[which]), self.blocks[which]
        return fields

    def messages(self):
        """(flag, body) of each; there must not be a part of another."""
        found, rest = [], self.data
        while rest:
            length = int.from_bytes(rest[1:5], "big")
            assert len(rest) >= 5 + length, f"{len(rest)} bytes of a message of {length}"
            found.append((rest[0], rest[5:5 + length]))
            rest = rest[5 + length:]
        return found

    def note(self, frame, pairs):
        if frame.kind == h2.RST_STREAM:
            code = int.from_bytes(frame.payload, "big")
            if self.ended:
                self.let_go = code
            else:
                self.reset = code
            return
        assert not self.over, f"after its end came {frame}"
        if frame.kind == h2.DATA:
            assert self.blocks, "DATA before HEADERS"
            self.data += frame.payload
        elif frame.kind == h2.HEADERS:
            self.note_block(pairs, frame.flags & h2.END_STREAM)
        self.ended = bool(frame.flags & h2.END_STREAM)

    def note_block(self, pairs, end):
        for name, value in pairs:
            assert FIELD_NAME.fullmatch(name) and FIELD_VALUE.fullmatch(value), (name, value)
            assert not name.endswith("-bin") or "=" not in value, "emit un-padded values"
        pseudo = [name for name, _ in pairs if name.startswith(":")]
        assert pseudo == [":status"] * (not self.blocks) == [n for n, _ in pairs[:len(pseudo)]]
        assert len(self.blocks) < 2 and (end or not self.blocks), "more than headers and trailers"
        self.blocks.append(pairs)


class Raw(h2.Connection):
    """settings: the client's first, pairs; hello: bytes in place of the preface and them.

    answers: those of all streams, as far as they came. goaways: the error codes that were said.
    closed: the server hung up."""

    def __init__(self, port, *settings, hello=None):
        first = h2.settings((INITIAL_WINDOW_SIZE, LARGEST_WINDOW), *settings)
        super().__init__(port, hello=hello if hello is not None else
                         h2.PREFACE + first + h2.update(0, LARGEST_WINDOW - FIRST_WINDOW))
        self.sock.settimeout(timing.CALL)
        self.answers, self.goaways, self.closed = defaultdict(Answer), [], False
        self.settings, self.settings_acks, self.pongs = None, 0, []
        self.windows = defaultdict(int)  # the server's: what its updates added to the first
        self.sent = defaultdict(int)  # bytes that count for them
        self.block = None  # whose CONTINUATION must follow: its HEADERS frame, and bytes so far

    # --- sending ----------------------------------------------------------------------------

    def send(self, *parts):
        """A server that has hung up already may say so when its answer is read."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(b"".join(parts))

    def begin(self, block, end=False):
        """Opens a stream; returns it."""
        stream = self.next_stream
        self.next_stream += 2
        self.send(h2.headers(stream, block, end))
        return stream

    def ask(self, block, *bodies):
        """A whole call, each body in a DATA frame; without one, HEADERS are the end."""
        stream = self.begin(block, end=not bodies)
        self.send(*(h2.data(stream, body, end=i == len(bodies) - 1)
                    for i, body in enumerate(bodies)))
        return self.answer_of(stream)

    def room(self, stream):
        """Bytes that the server's windows let through now."""
        first = self.settings.get(INITIAL_WINDOW_SIZE, FIRST_WINDOW)
        return min(first + self.windows[stream] - self.sent[stream],
                   FIRST_WINDOW + self.windows[0] - self.sent[0])

    def pour(self, stream, body, pad=None, piece=LARGEST_FRAME):
        """All of @body, as the windows let it through, in frames of @piece bytes."""
        self.until(lambda: self.settings is not None)
        overhead = 0 if pad is None else 1 + pad
        for at in range(0, len(body), piece):
            part = body[at:at + piece]
            size = len(part) + overhead
            self.until(lambda size=size: self.room(stream) >= size or self.answers[stream].over)
            self.sent[stream] += size
            self.sent[0] += size
            self.send(h2.data(stream, part, pad=pad))

    # --- reading ----------------------------------------------------------------------------

    def answer(self, kind, flags, stream, payload):
        """What came is noted, not acted upon."""

    def read(self):
        """The next frame, noted; None when the server has hung up."""
        try:
            frame = Frame(*self.next_frame())
        except (h2.Failure, ConnectionResetError):
            assert not self.buffer, f"a cut frame: {bytes(self.buffer)}"
            self.closed = True
            return None
        self.note(frame)
        return frame

    def until(self, condition):
        """Reads until it holds; it must."""
        while not condition():
            assert self.read(), f"the server hung up, saying GOAWAY {self.goaways}"

    def answer_of(self, stream):
        """When it is over."""
        self.until(lambda: self.answers[stream].over)
        return self.answers[stream]

    def sync(self):
        """Until all that was sent was looked at; the connection must stand it."""
        mine = struct.pack(">Q", len(self.pongs) + 1)
        self.send(h2.ping(mine))
        self.until(lambda: mine in self.pongs)

    def until_closed(self):
        while self.read():
            pass

    def note(self, frame):
        assert len(frame.payload) <= LARGEST_FRAME, f"a frame of {len(frame.payload)} bytes"
        assert self.settings is not None or frame.kind == h2.SETTINGS, f"{frame} came first"
        assert self.block is None or frame.kind == h2.CONTINUATION
        if frame.kind in (h2.HEADERS, h2.CONTINUATION):
            self.note_headers(frame)
        elif frame.kind in (h2.DATA, h2.RST_STREAM):
            assert not frame.flags & h2.PADDED
            self.answers[frame.stream].note(frame, None)
        elif frame.kind == h2.SETTINGS:
            self.note_settings(frame)
        elif frame.kind == h2.PING:
            self.note_ping(frame)
        elif frame.kind == h2.GOAWAY:
            self.goaways.append(int.from_bytes(frame.payload[4:8], "big"))
        elif frame.kind == h2.WINDOW_UPDATE:
            self.windows[frame.stream] += int.from_bytes(frame.payload, "big")
        else:
            raise AssertionError(f"no server sends {frame}")

    def note_headers(self, frame):
        assert not frame.flags & (h2.PADDED | h2.HAS_PRIORITY) or frame.kind == h2.CONTINUATION
        head, before = self.block or (frame, b"")
        assert head.stream == frame.stream
        whole = before + frame.payload
        self.block = None if frame.flags & h2.END_HEADERS else (head, whole)
        if self.block is None:
            self.answers[head.stream].note(head, self.hpack.pairs(whole))

    def note_settings(self, frame):
        if frame.flags & h2.ACK:
            self.settings_acks += 1
            return
        self.settings = {**(self.settings or {}), **dict(struct.iter_unpack(">HI", frame.payload))}
        self.send(h2.frame(h2.SETTINGS, h2.ACK, 0))

    def note_ping(self, frame):
        if frame.flags & h2.ACK:
            self.pongs.append(frame.payload)
        else:
            self.send(h2.ping(frame.payload, ack=True))
