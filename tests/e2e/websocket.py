"""A client of WebSockets that sees every frame, and may break any rule; and of "grpc-websockets"."""
import base64
import hashlib
import os
import struct

from http1 import Peer

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode, content=b"", final=True, mask=b"\1\2\3\4", reserved=0, length=None):
    """length: (first byte, bytes of a longer one), to say it in another way than the right one."""
    n = len(content)
    if length is None:
        length = ((n, b"") if n < 126 else (126, struct.pack(">H", n)) if n < 1 << 16
                  else (127, struct.pack(">Q", n)))
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode,
                  (0x80 if mask else 0) | length[0]]) + length[1]
    if not mask:
        return head + content
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))
    return head + mask + masked


def upgrade(path, *fields, protocol="grpc-websockets", key="AAECAwQFBgcICQoLDA0ODw==", version=13,
            host="localhost", method="GET"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: keep-alive, Upgrade",
             "Upgrade: WebSocket"]
    lines += [f"Sec-WebSocket-Key: {key}"] if key else []
    lines += [f"Sec-WebSocket-Version: {version}"] if version else []
    lines += [f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []
    return "\r\n".join([*lines, *fields, "", ""])


class Socket(Peer):
    """One call. headers: of the message of headers."""

    answers_pings = False

    def __init__(self, server, path, *fields, headers=(("content-type", "application/grpc-web+proto"),
                                                       ("x-grpc-web", "1")), **changes):
        super().__init__(server)
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(upgrade(path, *fields, key=key, **changes))
        answer = self.answer()
        assert answer.status == 101, (answer.status, answer.body)
        assert answer.headers["sec-websocket-protocol"] == "grpc-websockets"
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        assert answer.headers["sec-websocket-accept"] == accept
        self.close_code, self.pongs, self.pings = None, [], 0
        if headers is not None:
            self.binary("".join(f"{k}: {v}\r\n" for k, v in headers).encode())

    def binary(self, content):
        self.send(frame(BINARY, content))

    def request(self, body):
        """A message of gRPC, its frame."""
        self.binary(b"\0" + body)

    def half_close(self):
        self.binary(b"\1")

    def next_frame(self):
        """(opcode, content) of the server's next frame; None: it has hung up."""
        while len(self.buffer) < 2:
            if not self.more():
                assert not self.buffer
                return None
        first, length = self.take(2)
        assert first & 0xf0 == 0x80 and not length & 0x80, "whole messages without a mask"
        if length > 125:
            length = int.from_bytes(self.take(2 if length == 126 else 8), "big")
        return first & 15, self.take(length)

    def contents(self):
        """Of binary frames, until the server closes."""
        while got := self.next_frame():
            opcode, content = got
            assert self.close_code is None, "nothing follows a close"
            if opcode == BINARY:
                yield content
            elif opcode == CLOSE:
                self.close_code = int.from_bytes(content[:2], "big")
            elif opcode == PONG:
                self.pongs.append(content)
            else:
                assert opcode == PING
                self.pings += 1
                if self.answers_pings:
                    self.send(frame(PONG, content))

    def frames(self):
        """Those of gRPC-Web, as they come: (flag, body)."""
        buffer = b""
        for content in self.contents():
            buffer += content
            while len(buffer) >= 5 and len(buffer) >= 5 + (n := int.from_bytes(buffer[1:5], "big")):
                yield buffer[0], buffer[5:5 + n]
                buffer = buffer[5 + n:]
        assert buffer == b"", "a cut message"

    def rest(self):
        """(headers, messages, trailers) of all that is still to come; trailers are the headers
        where nothing else came."""
        blocks, messages = [], []
        for flag, body in self.frames():
            if flag == 0x80:
                blocks.append(dict(line.split(": ", 1) for line in body.decode().splitlines()))
            else:
                assert flag == 0 and len(blocks) == 1
                messages.append(body)
        assert 1 <= len(blocks) <= 2, "headers, and trailers"
        return blocks[0], messages, blocks[-1]
