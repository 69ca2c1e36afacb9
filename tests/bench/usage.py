"""What a server used while it was measured."""
import contextlib
import statistics


class Usage:
    """CPU seconds of every run, and the most memory of all runs."""

    def __init__(self):
        self.cpu_s = []
        self.peak_bytes = self.own_bytes = 0

    @contextlib.contextmanager
    def of(self, server):
        """Around one run. What it gives is to be called meanwhile."""
        server.reset_peak()
        before = server.cpu_s()
        yield lambda: self.look(server)
        self.cpu_s.append(server.cpu_s() - before)
        self.look(server)
        self.peak_bytes = max(self.peak_bytes, server.memory("VmHWM"))

    def look(self, server):
        self.own_bytes = max(self.own_bytes, server.memory("RssAnon"))

    def cells(self):
        return (f"{statistics.median(self.cpu_s):.2f}", f"{self.peak_bytes / 1e6:.0f}",
                f"{self.own_bytes / 1e6:.0f}")

    def as_dict(self):
        return {"cpu_s": self.cpu_s, "peak_bytes": self.peak_bytes, "own_bytes": self.own_bytes}
