"""The front of docs/deploy, on free ports and with certificates of the tests."""
import contextlib
import re
import resource
import socket
import subprocess

import timing
from certs import Certs
from pair import DIES_WITH_US, Pair
from protos import ROOT

CONF = ROOT / "docs" / "deploy" / "nghttpx.conf"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Front:
    """nghttpx before a post-server with TLS. Has what Pair asks of a server."""

    def __init__(self, folder, server, certs):
        self.port = free_port()
        self.listen = self.target = f"localhost:{self.port}"
        self.log = folder / "front.log"
        changes = {
            "frontend": f"127.0.0.1,{self.port}",
            "backend": f"127.0.0.1,{server.listen.rpartition(':')[2]};;proto=h2;tls;sni=localhost",
            "private-key-file": certs.path("server.key"),
            "certificate-file": certs.path("server.pem"),
            "cacert": certs.path("ca.pem"),
            "client-private-key-file": certs.path("client.key"),
            "client-cert-file": certs.path("client.pem"),
            "rlimit-nofile": str(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        }
        text = CONF.read_text().replace("errorlog-syslog=yes", f"errorlog-file={self.log}")
        for name, value in changes.items():
            text, found = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
            assert found == 1, name
        conf = folder / "nghttpx.conf"
        conf.write_text(text)
        self.process = subprocess.Popen([*DIES_WITH_US, "nghttpx", f"--conf={conf}"],
                                        stdin=subprocess.DEVNULL)
        timing.wait_until(self.accepts, "the front", timing.START)

    def accepts(self):
        assert self.process.poll() is None, "nghttpx does not start"
        with contextlib.suppress(ConnectionRefusedError), \
                socket.create_connection(("127.0.0.1", self.port)):
            return True

    def peak_bytes(self):
        """Of all its processes: a master and the one that works."""
        pids = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True,
                              text=True, check=False).stdout.split()
        return sum(hwm_bytes(pid) for pid in [self.process.pid, *pids])

    def stop(self):
        self.process.terminate()
        self.process.wait(timing.STOP)


def hwm_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


@contextlib.contextmanager
def fronted(folder, post_args=()):
    """A pair whose Post asks for certificates, and only the front has one; clients of the pair
    and postcli go through the front, which is pair.front."""
    certs = Certs(folder / "certs", names=("ca", "server", "client"))
    pair = Pair(folder, certs.serve(), [*certs.serve(client_ca="ca.pem"),
                                        *certs.call("--user-tls"), *post_args],
                credentials=certs.credentials(client="client"),
                environment=[("POSTCLI_TLS_CA", certs.path("ca.pem"))])
    with pair:
        pair.front = Front(folder, pair.post, certs)
        try:
            pair.environment["POSTCLI_TARGET"] = pair.front.listen
            pair.credentials = certs.credentials()
            pair.posts = pair.client(pair.front)
            yield pair, certs
        finally:
            pair.front.stop()
