"""A client that sees HTTP/2 frames, and may misbehave."""
import h2
import timing
from h2 import GOAWAY, PING, SETTINGS


class Peer(h2.Connection):
    """GOAWAY and RST_STREAM are frames like any other here, and pings may stay unanswered."""

    def __init__(self, server, answers_pings=True):
        self.answers_pings = answers_pings
        super().__init__(int(server.listen.rpartition(":")[2]))
        self.sock.settimeout(timing.CALL)

    def answer(self, kind, flags, stream, payload):
        if kind in (GOAWAY, h2.RST_STREAM) or kind == PING and not self.answers_pings:
            return
        super().answer(kind, flags, stream, payload)

    def ping(self):
        self.sock.sendall(h2.frame(PING, 0, 0, bytes(8)))

    def open(self, path, message=None, *headers):
        """A call; without a message its requests are still to come. Returns its stream."""
        if message is None:
            stream = self.next_stream
            self.next_stream += 2
            self.sock.sendall(h2.frame(h2.HEADERS, h2.END_HEADERS, stream,
                                       h2.hpack.request_headers(path, *headers)))
            return stream
        body = message.SerializeToString()
        return self.request(path, b"\0" + len(body).to_bytes(4, "big") + body, *headers)

    def send(self, stream, body):
        """The requests of a call that was opened without one, all of them."""
        self.sock.sendall(h2.frame(h2.DATA, h2.END_STREAM, stream, body))

    def until(self, *kinds):
        """The next frame of such a kind, but for acknowledgements: (kind, payload)."""
        while True:
            kind, flags, _, payload = self.next_frame()
            if kind in kinds and not (kind in (PING, SETTINGS) and flags & h2.ACK):
                return kind, payload

    def goaway(self):
        """(error code, text) of the next one."""
        _, payload = self.until(GOAWAY)
        return int.from_bytes(payload[4:8], "big"), payload[8:].decode()

    def trailers(self, stream):
        """What ends the call, of its headers."""
        headers = {}
        while True:
            kind, flags, of, payload = self.next_frame()
            if kind == h2.HEADERS:
                block = self.hpack.decode(payload)
                if of == stream:
                    headers.update(block)
            if of == stream and flags & h2.END_STREAM and kind in (h2.HEADERS, h2.DATA):
                return headers

    def until_closed(self):
        """Frames that still came, by kind."""
        seen = []
        try:
            while True:
                seen.append(self.next_frame()[0])
        except (h2.Failure, ConnectionError):
            return seen
