"""Hostile peers of the web: HTTP/1.1, gRPC-Web and WebSockets, against servers with --web.

As in peers.py; these see HTTP statuses, codes of WebSockets, and that the server hung up."""
import contextlib
import os
import select
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import peers  # noqa: E402
from websocket import BINARY, CONTINUATION, PING, frame, upgrade  # noqa: E402

UNARY = "/v1.post.Post/ListPosts"
STREAM, BIDI, IMPORT = UNARY + "ServerStream", UNARY + "BidiStream", "/v1.post.Post/ImportPosts"
GRPC_WEB = "application/grpc-web+proto"
ONE = b"\0\0\0\0\2\x18\1"  # a message: one post
ALL = peers.ALL  # with those of this file


def hostile(what, few, many, expected, seconds=3):
    return peers.hostile(what, few, many, expected, seconds, web=True)


def head(path, *fields, method="POST", length=None, host="localhost"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Type: {GRPC_WEB}"]
    lines += [f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join([*lines, *fields, "", ""]).encode()


class Web:
    """One connection. It reads what comes, and keeps the beginning."""

    def __init__(self, target):
        self.got, self.over = b"", False
        try:
            self.sock = target.connect()
            self.sock.setblocking(False)
        except OSError:
            self.sock, self.over = None, True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.sock is not None:
            self.sock.close()

    def take(self, seconds=0.0):
        """What is there; or what comes within the time, until the server hangs up."""
        until = time.monotonic() + seconds
        while not self.over:
            try:
                got = self.sock.recv(1 << 16)
                self.over = got == b""
                self.got = (self.got + got)[:1 << 16]
            except BlockingIOError:
                left = until - time.monotonic()
                if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                    return
            except OSError:
                self.over = True

    def send(self, content):
        """false: the server takes no more."""
        while content and not self.over:
            try:
                content = content[self.sock.send(content):]
            except BlockingIOError:
                self.take()
                if not select.select([], [self.sock], [], 1)[1]:
                    return False
            except OSError:
                self.over = True
        return not self.over

    def seen(self):
        statuses = Counter(f"HTTP {line.split(b' ')[1].decode()}"
                           for line in self.got.split(b"\r\n") if line.startswith(b"HTTP/1.1 "))
        statuses["closed"] += self.over
        return +statuses


@contextlib.contextmanager
def crowd(target, count):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Web(target)) for _ in range(count)]


def alone(target, content, seconds=2.0):
    """What one sees that sends this."""
    with Web(target) as web:
        web.send(content)
        web.take(seconds)
        return web.seen()


def until_all_closed(crowd_of, over, drip):
    """Each sends a byte of @drip now and then, until it is hung up on."""
    for at in range(len(drip)):
        for web in crowd_of:
            web.send(drip[at:at + 1])
            web.take()
        if all(web.over for web in crowd_of) or over.wait(0.05):
            break
    return sum((web.seen() for web in crowd_of), Counter())


@hostile("heads of HTTP/1.1, a byte now and then", 20, 1000, ["closed"], seconds=12)
def slowloris_of_http1(target, count, over):
    with crowd(target, count) as webs:
        return until_all_closed(webs, over, head(UNARY, "x: " + "y" * 2000))


@hostile("second requests, a byte now and then", 20, 1000, ["closed"], seconds=12)
def slow_second_request(target, count, over):
    with crowd(target, count) as webs:
        for web in webs:
            web.send(head(UNARY, length=len(ONE)) + ONE)
        return until_all_closed(webs, over, head(UNARY, "x: " + "y" * 2000))


@hostile("bodies that do not come", 20, 1000, ["kept", "closed"])
def bodies_that_do_not_come(target, count, over):
    with crowd(target, count) as webs:
        for web in webs:
            web.send(head(UNARY, length=4 << 20) + b"\0\0\x3f\0\0")
        over.wait()
        for web in webs:
            web.take()
        seen = sum((web.seen() for web in webs), Counter())
        seen["kept"] += sum(not web.over for web in webs)
        return seen


SMUGGLED = [
    head(UNARY, "Transfer-Encoding: chunked", length=4) + b"0\r\n\r\n",
    head(UNARY, "Content-Length: 6", length=0) + b"GET / ",
    head(UNARY, "Transfer-Encoding : chunked") + b"0\r\n\r\n",
    head(UNARY, "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    head(UNARY, "Transfer-Encoding: chunked", "Transfer-Encoding: identity") + b"0\r\n\r\n",
    head(UNARY, "X: y\r\n Transfer-Encoding: chunked") + b"0\r\n\r\n",
    head(UNARY, "Transfer-Encoding:\x0bchunked") + b"0\r\n\r\n",
    head(UNARY, "Transfer-Encoding: chunked") + b"5\n\0\0\0\0\0\r\n0\r\n\r\n",
    head(UNARY, "Transfer-Encoding: chunked") + b"5 ;\rx\r\n\0\0\0\0\0\r\n0\r\n\r\n",
    head(UNARY, length="7, 7") + ONE,
    head(UNARY, length="+7") + ONE,
    head(UNARY, length=7).replace(b"\r\n\r\n", b"\n\r\n") + ONE,
]


@hostile("requests in which another is hidden", 24, 2000, ["HTTP 400", "HTTP 501"])
def request_smuggling(target, count, _):
    """Not one of them may be taken for two: what is hidden would be answered with 404 or 421."""
    seen = Counter()
    hidden = head(UNARY, method="GET", host="smuggled.example")
    for i in range(count):
        seen += alone(target, SMUGGLED[i % len(SMUGGLED)] + hidden)
    return seen if not seen["HTTP 421"] and not seen["HTTP 200"] else Counter(smuggled=1)


@hostile("megabytes in one chunk, of a message that is too large", 8, 64, ["HTTP 200", "closed"])
def huge_chunk(target, megabytes, _):
    with Web(target) as web:
        size = megabytes << 20
        web.send(head(IMPORT, "Transfer-Encoding: chunked") + b"%x\r\n" % size
                 + b"\0\x7f\xff\xff\xff")
        for _ in range(megabytes):
            if not web.send(bytes(1 << 20)):
                break
        web.take(2)
        return web.seen()


@hostile("chunks of a byte, each with an extension", 2000, 100_000, ["HTTP 200", "closed"])
def tiny_chunks(target, count, _):
    with Web(target) as web:
        web.send(head(IMPORT, "Transfer-Encoding: chunked"))
        web.send(b"".join(b"1;" + b"x" * 200 + b"\r\n\0\r\n" for _ in range(count)) + b"0\r\n\r\n")
        web.take(2)
        return web.seen()


@hostile("heads of 15 KB", 50, 2000, ["HTTP 200"])
def large_heads(target, count, _):
    seen = Counter()
    for _ in range(count):
        seen += alone(target, head(UNARY, *(f"x{i}: {'y' * 150}" for i in range(90)),
                                   "Connection: close", length=len(ONE)) + ONE)
    return seen


@hostile("kilobytes of a head without an end", 256, 4096, ["HTTP 431"])
def header_flood_of_http1(target, kilobytes, _):
    return alone(target, head(UNARY)[:-2] + b"x: y\r\n" * (kilobytes << 7))


@hostile("pipelined requests, whose answers nobody reads", 2000, 100_000, ["kept", "closed"])
def pipelined_requests(target, count, over):
    with Web(target) as web:
        web.send((head(UNARY, length=len(ONE)) + ONE) * min(count, 5000))
        over.wait(2)
        return Counter(kept=1)


@hostile("requests of pages of other sites", 50, 2000, ["HTTP 403"])
def cross_origin(target, count, _):
    seen = Counter()
    for i in range(count):
        origin = ["https://evil.example", "null", "http://localhost.evil.example"][i % 3]
        method = "OPTIONS" if i % 2 else "POST"
        seen += alone(target, head(UNARY, f"Origin: {origin}", "Connection: close",
                                   "Access-Control-Request-Method: POST", method=method,
                                   length=len(ONE)) + ONE)
    return seen if not seen["HTTP 200"] and not seen["HTTP 204"] else Counter(passed=1)


@hostile("requests by names that were made to point here", 50, 2000, ["HTTP 421"])
def dns_rebinding(target, count, _):
    seen = Counter()
    for i in range(count):
        host = ["evil.example", "127.0.0.1.evil.example", "localhost.", "[evil]"][i % 4]
        seen += alone(target, head(UNARY, f"Origin: http://{host}", "Connection: close", host=host,
                                   length=len(ONE)) + ONE)
    return seen if not seen["HTTP 200"] else Counter(passed=1)


@hostile("WebSockets that say nothing more", 50, 1000, ["closed", "HTTP 101"], seconds=12)
def silent_sockets(target, count, over):
    with crowd(target, count) as webs:
        for web in webs:
            web.send(upgrade(BIDI).encode())
        over.wait()
        for web in webs:
            web.take(0.2)
        return sum((web.seen() for web in webs), Counter())


def socket_flood(target, content):
    """What a WebSocket with an open call sees."""
    with Web(target) as web:
        web.send(upgrade(BIDI).encode() + frame(BINARY, b"a: b\r\n"))
        web.send(content)
        web.take(2)
        seen = web.seen()
        code = web.got.rpartition(b"\x88\x02")[2]
        seen[f"close {int.from_bytes(code[:2], 'big')}"] += len(code) == 2
        return +seen


@hostile("pings on a WebSocket", 5000, 200_000, ["close 1008", "closed"])
def ping_flood_of_sockets(target, count, _):
    return socket_flood(target, frame(PING, b"x" * 100) * count)


@hostile("empty frames on a WebSocket", 5000, 200_000, ["close 1008", "closed"])
def empty_frames_of_sockets(target, count, _):
    return socket_flood(target, frame(BINARY, b"\0", final=False)
                        + frame(CONTINUATION, final=False) * count)


@hostile("pieces of a byte on a WebSocket", 5000, 200_000, ["close 1008", "closed"])
def tiny_pieces_of_sockets(target, count, _):
    return socket_flood(target, frame(BINARY, b"\0", final=False)
                        + frame(CONTINUATION, b"\0", final=False) * count)


@hostile("gigabytes in a frame's head, of a WebSocket", 20, 500, ["kept", "closed"])
def endless_frames_of_sockets(target, count, over):
    with crowd(target, count) as webs:
        for web in webs:
            web.send(upgrade(IMPORT).encode() + frame(BINARY, b"a: b\r\n"))
            web.send(bytes([0x82, 0xff]) + (1 << 40).to_bytes(8, "big") + bytes(4)
                     + b"\0\0\0\x3f\0\0" + bytes(60_000))
        over.wait()
        seen = sum((web.seen() for web in webs), Counter())
        seen["kept"] += sum(not web.over for web in webs)
        return seen


@hostile("random bytes on a WebSocket, and behind a head", 50, 1000, ["closed"])
def random_bytes_of_the_web(target, count, _):
    seen = Counter()
    for i in range(count):
        seen += alone(target, (upgrade(BIDI).encode() if i % 2 else head(UNARY, length=1000))
                      + os.urandom(2000), seconds=0.05)
    return seen
