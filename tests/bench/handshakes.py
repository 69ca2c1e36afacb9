"""New TLS connections: what another client feels while so many a second shake hands.

Each of them is a whole handshake, for no client resumes a session, and says HTTP/2's preface before
it leaves. The other client has its connection already, and makes one small call after the other."""
import contextlib
import socket
import ssl
import subprocess
import threading
import time

import cases
import data
import grpc_wire
import h2
import h2load
from report import Row
from servers import Pair
from stats import Samples, percentile

TOPIC = "New TLS connections"
A_SECOND = 300
THREADS = 2  # one alone would wait for the server's answers most of the time
ALLOWED_S = 0.010
CALLS = 5_000
KEYS = {"ECDSA P-256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        "RSA 2048": ("-newkey", "rsa:2048")}


def certificate(folder, newkey):
    """Of itself: nobody has to trust it here."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", *newkey, "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-keyout", key, "-out", cert], check=True,
                   capture_output=True)
    return cert, key


class Newcomers:
    """They come as often as they should, as long as they can; else it shows in `rate`."""

    def __init__(self, port):
        self.port, self.over = port, threading.Event()
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.context.set_alpn_protocols(["h2"])
        self.done, self.failed = [], []
        self.threads = [threading.Thread(target=self.come, args=(number,))
                        for number in range(THREADS)]

    def come(self, number):
        due = time.monotonic() + number / A_SECOND
        while not self.over.is_set():
            time.sleep(max(0, due - time.monotonic()))
            due += THREADS / A_SECOND
            try:
                self.shake_hands()
            except OSError as why:
                self.failed.append(why)

    def shake_hands(self):
        with socket.create_connection(("127.0.0.1", self.port), h2.TIMEOUT) as sock, \
                self.context.wrap_socket(sock) as encrypted:
            encrypted.sendall(h2.PREFACE + h2.settings())
            if not encrypted.recv(1 << 14):
                raise OSError("the server has nothing to say")
        self.done.append(time.monotonic())

    def __enter__(self):
        self.since = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.rate = len(self.done) / (time.monotonic() - self.since)
        if self.failed:
            raise h2.Failure(f"{len(self.failed)} connections failed: {self.failed[0]}")


class Other:
    """The other client."""

    def __init__(self, server, folder, pair):
        self.server, self.body = server, folder / "unary"
        self.path = cases.POST + "ListPostsByUserId"
        self.body.write_bytes(grpc_wire.by_user(data.FIVE))
        with h2.Connection(pair.post.port) as connection:
            self.data_bytes = connection.call(self.path, self.body.read_bytes())

    def p99(self):
        run = h2load.load(self.server.port, self.path, self.data_bytes, self.body, CALLS,
                          scheme="https")
        return percentile(run.times_s, 99)


@contextlib.contextmanager
def encrypted(pair, folder, newkey):
    """The main store behind TLS. Two servers cannot have it at once."""
    cert, key = certificate(folder, newkey)
    with Pair(pair.folder, loops=pair.loops, user=pair.user,
              post_args=("--tls-cert", cert, "--tls-key", key)) as served:
        served.post.scheme = "https"
        yield served.post


def measure(name, newkey, pair, folder, sizes, report):
    without, together, rates = Samples(), Samples(), Samples()
    other = Other(None, folder, pair)
    pair.post.stop()
    try:
        with encrypted(pair, folder, newkey) as server:
            other.server = server
            other.p99()
            for _ in range(sizes.rounds):
                without.add(other.p99())
                with Newcomers(server.port) as newcomers:
                    together.add(other.p99())
                rates.add(newcomers.rate)
    finally:
        pair.start_post()
    report.add(Row(TOPIC, f"another client's unary p99, {name}", together, "without", without,
                   together.median / without.median,
                   note=f"{rates.median:.0f} new connections a second"))
    report.add(Row(TOPIC, f"the same, {name}", together, "allowed", Samples([ALLOWED_S]),
                   together.median / ALLOWED_S, at_most=1))
    if rates.median < 0.95 * A_SECOND:
        raise h2.Failure(f"only {rates.median:.0f} of {A_SECOND} connections came in a second")


def run(pair, folder, sizes, report):
    for name, newkey in KEYS.items():
        measure(name, newkey, pair, folder, sizes, report)
