"""A client of HTTP/1.1 that sends the bytes of a test, and reads answers strictly."""
import socket

import timing


class Peer:
    """A socket, and answers read from it."""

    def __init__(self, server, sock=None):
        self.sock = sock or socket.create_connection(("127.0.0.1", server.port), timing.CALL)
        self.sock.settimeout(timing.CALL)
        self.buffer = b""

    @classmethod
    def over(cls, sock):
        return cls(None, sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *parts):
        self.sock.sendall(b"".join(p if isinstance(p, bytes) else p.encode() for p in parts))

    def more(self):
        try:
            got = self.sock.recv(1 << 16)
        except ConnectionResetError:
            got = b""
        self.buffer += got
        return bool(got)

    def line(self):
        while b"\r\n" not in self.buffer:
            assert self.more(), f"the server hung up after {self.buffer}"
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode()

    def take(self, n):
        while len(self.buffer) < n:
            assert self.more(), f"the server hung up after {self.buffer}"
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def answer(self):
        return Answer(self)

    def closed(self):
        """It hangs up, and has nothing more to say."""
        while self.more():
            pass
        return self.buffer == b""


class Answer:
    """One of HTTP/1.1: whole, and framed in one way."""

    def __init__(self, peer):
        version, status, _ = peer.line().split(" ", 2)
        assert version == "HTTP/1.1"
        self.status, self.headers, self.body = int(status), {}, b""
        while line := peer.line():
            name, value = line.split(": ", 1)
            assert name == name.lower() and name not in self.headers
            self.headers[name] = value
        if self.status >= 200 and self.status not in (204, 304):
            self.body = b"".join(self.pieces(peer))

    def pieces(self, peer):
        if self.headers.get("transfer-encoding") == "chunked":
            assert "content-length" not in self.headers
            while size := int(peer.line(), 16):
                yield peer.take(size)
                assert peer.take(2) == b"\r\n"
            assert peer.take(2) == b"\r\n"
        elif "content-length" in self.headers:
            yield peer.take(int(self.headers["content-length"]))
        else:
            while peer.more():
                pass
            yield peer.take(len(peer.buffer))

    def frames(self):
        """Those of gRPC-Web: (flag, body) of each."""
        found, rest = [], self.body
        while rest:
            size = int.from_bytes(rest[1:5], "big")
            assert len(rest) >= 5 + size
            found.append((rest[0], rest[5:5 + size]))
            rest = rest[5 + size:]
        return found
