"""Certificates of tests/certs.sh, and what clients and servers are told of them."""
import os
import pathlib
import socket
import ssl
import subprocess

import grpc

from protos import ROOT


class Certs:
    """A folder of them: ca and other-ca; server, client and other-client (of other-ca)."""

    def __init__(self, folder, names=("ca", "other-ca", "server", "client", "other-client")):
        self.folder = pathlib.Path(folder)
        self.make(*names)

    def make(self, *names, **environment):
        """Makes these, again if they are there: SAN="DNS:posts.test", DAYS="0" (it has
        expired when it is made; newer OpenSSLs make none that had before)."""
        subprocess.run([str(ROOT / "tests" / "certs.sh"), str(self.folder), *names], check=True,
                       env={**os.environ, **environment})

    def path(self, name):
        return str(self.folder / name)

    def replace(self, **files):
        """replace(server_pem="client.pem"): as a rename does it."""
        for target, source in files.items():
            new = self.folder / "new"
            new.write_bytes((self.folder / source).read_bytes())
            new.rename(self.folder / target.replace("_pem", ".pem").replace("_key", ".key"))

    def serve(self, name="server", client_ca=None):
        """Options of a server."""
        return [*self.pair("--tls", name),
                *(["--tls-client-ca", self.path(client_ca)] if client_ca else [])]

    def call(self, prefix="--tls", ca="ca.pem", client=None):
        """Options of a client: of postcli, or with "--user-tls" of post-server."""
        return [f"{prefix}-ca", self.path(ca), *(self.pair(prefix, client) if client else [])]

    def pair(self, prefix, name):
        return [f"{prefix}-cert", self.path(f"{name}.pem"), f"{prefix}-key",
                self.path(f"{name}.key")]

    def credentials(self, ca="ca.pem", client=None):
        """For grpcio."""
        read = lambda name: (self.folder / name).read_bytes()
        return grpc.ssl_channel_credentials(
            read(ca), *((read(f"{client}.key"), read(f"{client}.pem")) if client else ()))


def handshake(target, certs, alpn=("h2",)):
    """A new connection: the serial number of the server's certificate, and the protocol."""
    context = ssl.create_default_context(cafile=certs.path("ca.pem"))
    context.set_alpn_protocols(alpn)
    host, port = target.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as encrypted:
        return encrypted.getpeercert()["serialNumber"], encrypted.selected_alpn_protocol()
