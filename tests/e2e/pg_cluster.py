"""A PostgreSQL primary and its synchronous standby, which change places when the primary is killed."""
import timing
from postgres import OWNER, Postgres
from timing import wait_until

# A commit is answered when the other one has it, too; where there is no other one, it waits.
# Memory that is shared lies in the data's folder, and goes with it.
SETTINGS = {"synchronous_standby_names": "node", "cluster_name": "node",
            "wal_retrieve_retry_interval": "50ms", "dynamic_shared_memory_type": "mmap"}
SYNCHRONOUS = timing.limit(60)


class Cluster:
    """nodes: both; primary is one of them. Those that are killed come back as standbys, with a
    copy of what the other one has, at their old place."""

    def __init__(self, settings=()):
        self.primary = Postgres({**SETTINGS, **dict(settings)})
        self.nodes = [self.primary]
        self.nodes.append(Postgres(self.primary.settings, standby_of=self.primary))
        self.wait_for_standby()

    @property
    def standby(self):
        return self.nodes[self.primary is self.nodes[0]]

    def wait_for_standby(self):
        def streams():
            return "streaming" in self.primary.ask("SELECT state FROM pg_stat_replication"
                                                   " WHERE application_name = 'node'")
        wait_until(streams, "the standby", SYNCHRONOUS)

    def promote(self):
        """The standby is the primary from now on."""
        self.standby.ask("SELECT pg_promote()")
        self.primary = self.standby

    def bring_back(self):
        """The one that was killed is a standby."""
        self.standby.copy(self.primary)
        self.standby.start()
        self.wait_for_standby()

    def database(self):
        """Another one: what --db is to be."""
        name = self.primary.database().split("/")[3].split("?")[0]
        hosts = ",".join(str(node.folder) for node in self.nodes)
        return f"postgres://{OWNER}@/{name}?host={hosts}&target_session_attrs=read-write"

    def remove(self):
        for node in self.nodes:
            node.remove()
