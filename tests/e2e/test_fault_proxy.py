"""The fault proxy's long link (tests/faults/proxy.c), with sockets and nothing else: what is
measured through it is worth as much as it is exact."""
import contextlib
import hashlib
import random
import re
import select
import socket
import statistics
import sys
import threading
import time
from pathlib import Path

import pytest

import timing
from protos import ROOT

sys.path.append(str(ROOT / "tests" / "faults"))
from proxy import Proxy  # noqa: E402

LATENCY_MS = 25
ROUND_TRIP_S = 2 * LATENCY_MS / 1000
LATE_S = timing.limit(0.006)  # of a round trip: timers of a millisecond, and a busy machine
HELD_BYTES = 64 << 20
BUFFERS_BYTES = 24 << 20  # of sockets, at most; and what the proxy is without what it holds
PIECE = random.Random(1).randbytes(1 << 20)


class Link:
    """A connection through a proxy: client and server are its two ends."""

    def __init__(self, latency_ms=LATENCY_MS, rate=0):
        self.stack = contextlib.ExitStack()
        listener = self.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.proxy = Proxy(listener.getsockname()[1])
        self.stack.callback(self.proxy.close)
        self.proxy.command("latency", latency_ms)
        self.proxy.command("rate", rate)
        self.client = self.stack.enter_context(
            socket.create_connection(("127.0.0.1", self.proxy.port), timing.CALL))
        self.server = self.stack.enter_context(listener.accept()[0])
        for end in (self.client, self.server):
            end.settimeout(timing.CALL)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def memory_peak_bytes(self):
        status = Path(f"/proc/{self.proxy.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


@contextlib.contextmanager
def meanwhile(function, *args):
    """Runs it in a thread, which has to end by itself."""
    thread = threading.Thread(target=function, args=args)
    thread.start()
    yield
    thread.join(timing.CALL)
    assert not thread.is_alive()


def send_pieces(end, pieces):
    for _ in range(pieces):
        end.sendall(PIECE)


def read(end, size):
    """What comes, up to so many bytes; less if it ends."""
    came = hashlib.sha256()
    left, buffer = size, memoryview(bytearray(1 << 20))
    while left > 0:
        n = end.recv_into(buffer[:left])
        if n == 0:
            break
        came.update(buffer[:n])
        left -= n
    return size - left, came.hexdigest()


def whole(pieces):
    return len(PIECE) * pieces, hashlib.sha256(PIECE * pieces).hexdigest()


def round_trip(asks, answers):
    """Seconds for a byte there and one back."""
    began = time.perf_counter()
    asks.sendall(b"?")
    assert answers.recv(1) == b"?"
    answers.sendall(b"!")
    assert asks.recv(1) == b"!"
    return time.perf_counter() - began


@pytest.mark.parametrize("asks", ["client", "server"])
def test_a_round_trip_takes_what_it_should(asks):
    with Link() as link:
        ends = [link.client, link.server]
        took = [round_trip(*(ends if asks == "client" else reversed(ends))) for _ in range(15)]
        assert min(took) >= ROUND_TRIP_S
        assert statistics.median(took) < ROUND_TRIP_S + LATE_S, took


@pytest.mark.parametrize("way", ["up", "down"])
def test_what_is_under_way_holds_nothing_up(way):
    """One piece at a time it would take 25 s."""
    with Link() as link:
        sender, reader = (link.client, link.server) if way == "up" else (link.server, link.client)
        began = time.monotonic()
        with meanwhile(send_pieces, sender, 64):
            assert read(reader, 64 * len(PIECE)) == whole(64)
        assert ROUND_TRIP_S / 2 <= time.monotonic() - began < timing.limit(2)


def test_both_ways_at_once():
    with Link() as link:
        with meanwhile(send_pieces, link.client, 16), meanwhile(send_pieces, link.server, 16):
            with meanwhile(lambda: read(link.server, 16 * len(PIECE))):
                assert read(link.client, 16 * len(PIECE)) == whole(16)


def test_a_link_of_some_width():
    """It is as wide as it should be, and what does not fit waits with its sender."""
    rate, pieces = 50_000_000, 20
    with Link(rate=rate) as link:
        before = link.memory_peak_bytes()
        began = time.monotonic()
        with meanwhile(send_pieces, link.client, pieces):
            assert read(link.server, pieces * len(PIECE)) == whole(pieces)
        took = time.monotonic() - began - LATENCY_MS / 1000
        ideal = pieces * len(PIECE) / rate
        assert ideal * 0.95 < took < ideal + timing.limit(0.1)
        under_way = rate * LATENCY_MS // 1000
        if timing.STRETCH == 1:  # a sanitizer keeps freed memory
            assert link.memory_peak_bytes() - before < 2 * under_way


def test_memory_is_bounded():
    """Nobody reads: so much is held and no more, and then all of it comes."""
    with Link() as link:
        before = link.memory_peak_bytes()
        link.client.setblocking(False)
        sent = 0
        while select.select([], [link.client], [], timing.limit(0.3))[1]:
            sent += link.client.send(memoryview(PIECE)[sent % len(PIECE):])
        held = link.memory_peak_bytes() - before
        assert HELD_BYTES <= sent < HELD_BYTES + BUFFERS_BYTES
        if timing.STRETCH == 1:
            assert HELD_BYTES * 0.9 < held < HELD_BYTES * 1.1, held
        link.client.close()
        right = (PIECE * -(-sent // len(PIECE)))[:sent]
        assert read(link.server, sent + 1) == (sent, hashlib.sha256(right).hexdigest())


def test_the_end_comes_last():
    with Link() as link:
        with meanwhile(send_pieces, link.server, 4):
            assert read(link.client, 4 * len(PIECE)) == whole(4)
        link.server.close()
        began = time.monotonic()
        assert link.client.recv(1) == b""
        assert time.monotonic() - began > LATENCY_MS / 1000 * 0.9


def test_a_cut_is_at_its_byte():
    """Whatever is still under way."""
    with Link() as link:
        link.proxy.command("cut", 1_500_000)
        with meanwhile(send_until_it_breaks, link.server):
            n, _ = read(link.client, 4 * len(PIECE))
        assert n == 1_500_000 and link.proxy.await_fired(timing.MARGIN)


def send_until_it_breaks(end):
    with contextlib.suppress(ConnectionError):
        send_pieces(end, 4)


def test_without_it_nothing_is_late():
    with Link(latency_ms=0) as link:
        took = [round_trip(link.client, link.server) for _ in range(15)]
        assert statistics.median(took) < LATE_S
