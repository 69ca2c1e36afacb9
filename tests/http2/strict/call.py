"""One gRPC call by python3-h2, a stack of HTTP/2 that shares nothing with ours or the servers', and
raises where a server does not keep to the protocol.

    call.py PORT PATH [WINDOW] < framed requests > framed answers

Requests go out as they are read; the end of the input is theirs. Answers are written as they come.
The last line on standard error is the gRPC status and its text. WINDOW: how many bytes of an answer
the server may send ahead.

In a folder of its own: beside it, our own h2 would be found in place of the one meant.
"""
import os
import selectors
import socket
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings

TIMEOUT = 30  # seconds in which nothing happens
READ_AHEAD = 1 << 16  # bytes of requests that wait for the server's windows


class Call:
    def __init__(self, port, path, window):
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.connection.local_settings = h2.settings.Settings(client=True, initial_values={
            h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window,
            h2.settings.SettingCodes.ENABLE_PUSH: 0})
        self.connection.initiate_connection()
        self.stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(self.stream, [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
            ("te", "trailers"), ("content-type", "application/grpc")])
        self.requests, self.all_read, self.half_closed = b"", False, False
        self.headers, self.trailers, self.over = None, None, False

    def run(self):
        with selectors.DefaultSelector() as ready:
            ready.register(self.sock, selectors.EVENT_READ, self.receive)
            ready.register(0, selectors.EVENT_READ, self.read_requests)  # a pipe
            while not self.over:
                self.send()
                events = ready.select(TIMEOUT)
                if not events:
                    raise TimeoutError("nothing happens")
                for key, _ in events:
                    key.data()
                if self.all_read and 0 in ready.get_map():
                    ready.unregister(0)
        self.send()

    def read_requests(self):
        """No more of them than can wait here."""
        if len(self.requests) < READ_AHEAD:
            more = os.read(0, READ_AHEAD)
            self.all_read = not more
            self.requests += more

    def send(self):
        """What the server's windows let through of the requests, and what h2 has to say."""
        while self.requests and not self.over:
            room = min(self.connection.local_flow_control_window(self.stream),
                       self.connection.max_outbound_frame_size, len(self.requests))
            if room == 0:
                break
            self.connection.send_data(self.stream, self.requests[:room])
            self.requests = self.requests[room:]
        if self.all_read and not self.requests and not self.half_closed and not self.over:
            self.connection.end_stream(self.stream)
            self.half_closed = True
        self.sock.sendall(self.connection.data_to_send())

    def receive(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise ConnectionError("the server hung up")
        for event in self.connection.receive_data(data):
            self.note(event)

    def note(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            self.headers = self.trailers = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            os.write(1, event.data)
            self.connection.acknowledge_received_data(event.flow_controlled_length, self.stream)
        elif isinstance(event, h2.events.TrailersReceived):
            self.trailers = dict(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            self.over = True
        elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)) and \
                not self.over:  # a server may let go of our half of the stream then
            raise ConnectionError(str(event))


def main(port, path, window=65535):
    call = Call(int(port), path, int(window))
    call.run()
    assert call.headers[":status"] == "200"
    print(call.trailers["grpc-status"], call.trailers.get("grpc-message", ""), file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
