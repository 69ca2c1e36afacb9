"""Runs h2load, and believes nothing that does not check."""
import pathlib
import re
import subprocess
import tempfile

from h2 import Failure

WINDOW_BITS = 24
POLL_S = 0.02  # how often memory is looked at
TIMEOUT = 300


class Run:
    """elapsed_s: from the first request to the end of the last answer;
    times_s: of every call, in the order they ended."""

    def __init__(self, output, log):
        rows = [tuple(map(int, line.split("\t"))) for line in log.splitlines()]
        if not rows:
            raise Failure("no call was answered")
        first = min(start for start, _, _ in rows)
        self.elapsed_s = (max(start + took for start, _, took in rows) - first) / 1e6
        self.times_s = [took / 1e6 for _, _, took in rows]
        self.good = int(re.search(r"status codes: (\d+) 2xx", output)[1])
        self.succeeded = int(re.search(r"(\d+) succeeded", output)[1])
        self.data_bytes = int(re.search(r"\((\d+)\) data", output)[1])

    def check(self, calls, data_bytes):
        """All bytes of an answer are there only if its last message is, and that
        leaves with the status OK: h2load itself does not show gRPC's status."""
        if not self.good == self.succeeded == len(self.times_s) == calls:
            raise Failure(f"{self.good} of {calls} calls have status 200")
        if callable(data_bytes):
            right = data_bytes(self.data_bytes)
        else:
            right = self.data_bytes == calls * data_bytes
        if not right:
            raise Failure(f"{self.data_bytes} bytes of DATA in {calls} answers")


def load(port, path, data_bytes, body=None, calls=1, connections=1, streams=1, meanwhile=None,
         scheme="http", headers=(), rate=0, window_bits=WINDOW_BITS, is_grpc=True, http1=False):
    """Sends calls, checks the answers, returns the Run.

    body: a file, of gRPC frames unless it is not is_grpc; without one it is a GET. data_bytes: of each
    answer, exactly; or a function that judges the sum. meanwhile is called now
    and then as long as it runs. rate: calls a second that each connection begins; 0: as many as
    streams allow. window_bits: of what the server may send unasked."""
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        grpc = ["-H", "content-type: application/grpc", "-H", "te: trailers"] if is_grpc else []
        more = [word for header in headers for word in ("-H", header)]
        more += [f"--rps={rate}"] if rate else []
        command = ["h2load", "-n", calls, "-c", connections, "-m", streams, "-w", window_bits,
                   "-W", window_bits, f"--log-file={log}", *(["-d", str(body), *grpc] if body else []),
                   *(["--h1"] if http1 else []), *more,
                   f"{scheme}://127.0.0.1:{port}{path}"]
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as h2load:
            output = wait(h2load, meanwhile)
        run = Run(output, log.read_text())
    run.check(calls, data_bytes)
    return run


def wait(process, meanwhile):
    """Its output; it writes less than a pipe holds."""
    left = TIMEOUT
    while True:
        try:
            output, _ = process.communicate(timeout=POLL_S)
            break
        except subprocess.TimeoutExpired:
            left -= POLL_S
            if left < 0:
                process.kill()
                raise Failure(f"h2load takes more than {TIMEOUT} s") from None
            if meanwhile:
                meanwhile()
    if process.returncode != 0:
        raise Failure(f"h2load exited {process.returncode}: {output}")
    return output
