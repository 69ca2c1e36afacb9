"""TLS: what it costs our server beside what it costs nghttpd, with the same bytes.

nghttpd sends a file, so it is faster than we are without TLS, too. The ratio tells how much of our
share of its speed is left when both encrypt: 1 is all of it."""
import contextlib
import shutil
import statistics
import subprocess

import cases
import features
from report import Row
from servers import ROOT, FileServer, Pair

TOPIC = "TLS"


class Servers:
    """Ours and nghttpd, without TLS and with it."""

    def __init__(self, pair, folder, stack):
        certs, www, copy = folder / "tls-certs", folder / "tls-www", folder / "tls-copy"
        subprocess.run([ROOT / "tests/certs.sh", certs], check=True, capture_output=True)
        cert, key = certs / "server.pem", certs / "server.key"
        www.mkdir()
        pair.post.stop()
        shutil.copytree(pair.folder / "posts", copy / "posts")
        pair.start_post()
        self.www = www
        self.ours = pair.post
        self.ours_tls = stack.enter_context(
            Pair(copy, user=pair.user, post_args=("--tls-cert", cert, "--tls-key", key))).post
        self.ours_tls.scheme = "https"
        self.files = FileServer(www)
        stack.callback(self.files.stop)
        self.files_tls = FileServer(www, key, cert)
        stack.callback(self.files_tls.stop)


def contenders(servers, case, folder):
    path, body, file = cases.POST + case.method, folder / "tls-body", servers.www / case.key
    body.write_bytes(case.body)
    for server in (servers.ours, servers.ours_tls):
        features.warm(server, body)
    cases.check(case, cases.capture(servers.ours.port, path, case.body, file), None)
    size = file.stat().st_size
    return [cases.Contender("ours", servers.ours, path, size, body),
            cases.Contender("nghttpd", servers.files, f"/{case.key}", size),
            cases.Contender("ours with TLS", servers.ours_tls, path, size, body),
            cases.Contender("nghttpd with TLS", servers.files_tls, f"/{case.key}", size)]


def run(pair, folder, sizes, report):
    case = next(case for case in cases.table(sizes) if case.key == "stream")
    with contextlib.ExitStack() as stack:
        four = contenders(Servers(pair, folder, stack), case, folder)
        for _ in range(sizes.rounds):
            for contender in four:
                contender.run(case)
    plain, files, encrypted, files_tls = (contender.samples for contender in four)
    shares = [(ft / e) / (f / p) for p, f, e, ft in
              zip(plain.values, files.values, encrypted.values, files_tls.values, strict=True)]
    report.add(Row(TOPIC, f"{case.title}, TLS", encrypted, "nghttpd with TLS", files_tls,
                   files_tls.median / encrypted.median, uses=four[2].usage,
                   other_uses=four[3].usage))
    report.add(Row(TOPIC, "that share of nghttpd's speed, to the share without TLS", encrypted,
                   "ours without TLS", plain, statistics.median(shares), at_least=0.8,
                   uses=four[2].usage, other_uses=four[0].usage))
