"""What happens to the database of failover.py, or to the connections to it."""
import time

from pg_cluster import Cluster
from postgres import OWNER, Postgres
from proxy import Proxy

STORE_TIMEOUT = 2  # seconds: of the servers


class Failovers:
    """At a random moment the primary is killed (-9, with all its processes), at another one the
    standby becomes the primary, and at a third the dead one comes back as a standby. Until then no
    commit is answered."""

    def __init__(self):
        self.cluster = Cluster()

    def database(self):
        return self.cluster.database()

    def disturb(self, rng):
        began = time.monotonic()
        self.cluster.primary.kill()
        time.sleep(rng.choice((0, rng.uniform(0, 0.5), rng.uniform(0, 1.5 * STORE_TIMEOUT))))
        self.cluster.promote()
        without = time.monotonic() - began
        time.sleep(rng.choice((0, rng.uniform(0, 1))))
        self.cluster.bring_back()
        return f"{without * 1000:.0f} ms without a primary"

    def close(self):
        self.cluster.remove()


class Faults:
    """One server, and a proxy before it."""

    def __init__(self):
        self.server = Postgres({"listen_addresses": "127.0.0.1"}, port=True)
        self.proxy = Proxy(self.server.port)

    def database(self):
        name = self.server.database().split("/")[3].split("?")[0]
        return f"postgres://{OWNER}@127.0.0.1:{self.proxy.port}/{name}"

    def disturb(self, rng):
        what = rng.choice((self.broken, self.broken, self.frozen, self.late, self.split,
                           self.refused))(rng)
        self.proxy.heal()
        return what

    def broken(self, rng):
        """One connection, after so many bytes; then another one."""
        how = [rng.choice(("cut", "reset", "half-open")) for _ in range(rng.randrange(1, 4))]
        for each in how:
            self.proxy.command(each, rng.choice((1, rng.randrange(300), rng.randrange(100000))))
            self.proxy.await_fired(2)
            self.proxy.fired = []
        return ", ".join(how)

    def frozen(self, rng):
        """One connection, which goes on later, or when nobody waits for it any more."""
        self.proxy.command("freeze", rng.randrange(1, 3000))
        self.proxy.await_fired(2)
        seconds = rng.choice((rng.uniform(0, 1), rng.uniform(1, 2.5) * STORE_TIMEOUT))
        time.sleep(seconds)
        return f"frozen for {seconds:.1f} s"

    def late(self, rng):
        """Every piece; and a slow link."""
        ms, rate = rng.randrange(1, 60), rng.choice((0, 50_000, 1_000_000))
        self.proxy.command("delay", ms)
        self.proxy.command("rate", rate)
        time.sleep(rng.uniform(0.2, 2))
        return f"late by {ms} ms, {rate or 'any'} B/s"

    def split(self, rng):
        """Bytes one by one."""
        n = rng.randrange(1, 20000)
        self.proxy.command("split", n)
        time.sleep(0.5)
        return f"{n} single bytes"

    def refused(self, rng):
        """Nobody gets through, and who was is thrown out."""
        seconds = rng.uniform(0, 1.5 * STORE_TIMEOUT)
        self.proxy.command("refuse")
        for _ in range(4):
            self.proxy.command("reset", 1)
            self.proxy.await_fired(0.2)
            self.proxy.fired = []
        time.sleep(seconds)
        return f"refused for {seconds:.1f} s"

    def close(self):
        self.proxy.close()
        self.server.remove()
