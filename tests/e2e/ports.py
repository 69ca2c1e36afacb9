"""Ports that stay a test's own between two starts of its server."""
import contextlib
import pathlib
import random
import socket

LOCAL_PORTS = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port():
    """Below those that the system gives away: while nobody listens on one of those, any
    connection or server of another test can be given it."""
    first_given = int(LOCAL_PORTS.read_text().split()[0])
    while True:
        port = random.randrange(first_given // 2, first_given)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
