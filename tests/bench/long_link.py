"""A long link: 25 ms each way by the fault proxy's latency, once as wide as Gigabit Ethernet and
once as wide as this machine can make it. What TCP alone reaches through the same proxy is the
measure: an end that opens its windows too little, or too late, waits for the other one.

Up goes one stream of large messages, to the server of gRPC's test cases, which counts their bytes
and does nothing else; down comes a listing, to h2load with windows that are never in the way.

Without a limit there is nothing to reach: the link holds 60 MiB and more then, which no server
should promise to everybody, and what the proxy and both ends need of the cores is in the figure."""
import contextlib
import socket
import sys
import threading
from time import perf_counter

import cases
import grpc_wire
import h2load
from report import Row
from servers import BUILD, ROOT, Server
from stats import Samples
from usage import Usage

sys.path.append(str(ROOT / "tests" / "faults"))
from proxy import Proxy  # noqa: E402

TOPIC = "A long link"
LATENCY_MS = 25
WIDTHS = {"1 Gbit/s": (125_000_000, 0.9), "no limit": (0, None)}  # bytes a second; to reach
UPLOAD = "/grpc.testing.TestService/StreamingInputCall"
PAYLOAD_BYTES = 256 << 10  # of a message
WINDOW_BITS = 30
PROBE_MIB, SLOW_S = 16, 2
CHUNK = bytes(1 << 20)
TIMEOUT_S = 60
ROUNDS = 3  # at most: an upload takes seconds


@contextlib.contextmanager
def long_link(port, width):
    """The port that leads to this one."""
    proxy = Proxy(port)
    try:
        proxy.command("latency", LATENCY_MS)
        proxy.command("rate", width)
        yield proxy.port
    finally:
        proxy.close()


# --- TCP alone ------------------------------------------------------------------------------


def send(end, size):
    for at in range(0, size, len(CHUNK)):
        end.sendall(CHUNK[:size - at])


def receive(end, size):
    buffer = bytearray(len(CHUNK))
    while size > 0:
        came = end.recv_into(buffer, min(size, len(buffer)))
        if came == 0:
            raise ConnectionError("the connection ended")
        size -= came


def answer(listener, asked, answered):
    end, _ = listener.accept()
    with end:
        end.settimeout(TIMEOUT_S)
        receive(end, asked)
        send(end, answered)


def raw(width, asked, answered):
    """Seconds for so many bytes there, and then so many back."""
    with socket.create_server(("127.0.0.1", 0)) as listener, \
            long_link(listener.getsockname()[1], width) as port:
        thread = threading.Thread(target=answer, args=(listener, asked, answered))
        thread.start()
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as end:
            began = perf_counter()
            send(end, asked)
            receive(end, answered)
            took = perf_counter() - began
        thread.join()
    return took


# --- and gRPC -------------------------------------------------------------------------------


class Way:
    """One of the two: a call, and what of it is on the link."""

    def __init__(self, name, server, path, body, asked, answered):
        self.name, self.server, self.path, self.body = name, server, path, body
        self.asked, self.answered = asked, answered

    def ours(self, width, usage):
        with long_link(self.server.port, width) as port, usage.of(self.server) as look:
            run = h2load.load(port, self.path, self.answered, self.body, meanwhile=look,
                              window_bits=WINDOW_BITS)
        return run.elapsed_s

    def measure(self, name, rounds):
        """The row for one of WIDTHS."""
        width, at_least = WIDTHS[name]
        ours, alone, usage = Samples(), Samples(), Usage()
        for _ in range(rounds):
            ours.add(self.ours(width, usage))
            alone.add(raw(width, self.asked, self.answered))
        return Row(TOPIC, f"{self.name}, 2 x {LATENCY_MS} ms, {name}", ours, "TCP alone", alone,
                   alone.median / ours.median, at_least=at_least, uses=usage)


def upload(server, folder, mib):
    """A message again and again, and its payload's bytes as the answer."""
    messages = mib * (1 << 20) // PAYLOAD_BYTES
    payload = grpc_wire.bytes_field(2, bytes(PAYLOAD_BYTES))
    message = grpc_wire.framed(grpc_wire.bytes_field(1, payload))
    body = folder / "upload"
    with open(body, "wb") as out:
        for _ in range(messages):
            out.write(message)
    total = grpc_wire.framed(grpc_wire.int_field(1, messages * PAYLOAD_BYTES))
    return Way(f"upload of {mib} MiB", server, UPLOAD, body, body.stat().st_size, len(total))


def bearable_upload(server, folder, mib):
    """Less of it where all would take minutes: what is that slow is so from the start."""
    probe = upload(server, folder, PROBE_MIB)
    return probe if probe.ours(0, Usage()) > SLOW_S else upload(server, folder, mib)


def download(server, folder, posts):
    path, answer_file = cases.POST + "ListPostsServerStream", folder / "download"
    body = folder / "all"
    body.write_bytes(grpc_wire.list_posts())
    listing = cases.capture(server.port, path, body.read_bytes(), answer_file)
    size = answer_file.stat().st_size
    answer_file.unlink()
    if listing.posts != posts:
        raise cases.h2.Failure(f"{listing.posts} of {posts} posts are listed")
    return Way(f"download of {size >> 20} MiB", server, path, body, body.stat().st_size, size)


def run(pair, folder, sizes, report):
    server = Server(BUILD / "interop-server", "--listen", "127.0.0.1:0", "--log-level", "warn")
    try:
        cases.warm(pair.post.port, sizes.posts)
        ways = [bearable_upload(server, folder, sizes.upload_mib),
                download(pair.post, folder, sizes.posts)]
        for way in ways:
            for name in WIDTHS:
                report.add(way.measure(name, min(ROUNDS, sizes.rounds)))
    finally:
        server.stop()
