"""GET /metrics of our servers, read with Prometheus's own parser."""
import http.client
import time

from prometheus_client.parser import text_string_to_metric_families

import timing

METRICS = ["--metrics-listen", "127.0.0.1:0"]


class Listener:
    """What --metrics-listen serves at an address."""

    def __init__(self, address):
        self.address = address

    def request(self, method="GET", path="/metrics", body=None):
        connection = http.client.HTTPConnection(self.address, timeout=timing.CALL)
        connection.request(method, path, body)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response, text


class Metrics(Listener):
    """The metrics of a server that was just started."""

    def __init__(self, server):
        line = server.process.stdout.readline().decode().strip()
        said, url = line.split(" metrics on ")
        assert said == f"{server.name}:"
        super().__init__(url.removeprefix("http://").removesuffix("/metrics"))

    def scrape(self):
        """{(name, {label: value, …}): figure}, the labels as a frozenset."""
        response, text = self.request()
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return {(s.name, frozenset(s.labels.items())): s.value
                for family in text_string_to_metric_families(text) for s in family.samples}

    def get(self, name, path=None, **labels):
        """One figure; None: there is no such sample."""
        if path:
            _, service, method = path.split("/")
            labels |= {"grpc_service": service, "grpc_method": method}
        found = [value for (n, have), value in self.scrape().items()
                 if n == name and set(labels.items()) <= have]
        assert len(found) <= 1, f"{name} {labels} is not one figure"
        return found[0] if found else None

    def until(self, want, name, path=None, **labels):
        """What a client sees may be a moment before the server has counted it."""
        end = time.monotonic() + timing.CALL
        while (have := self.get(name, path, **labels)) != want:
            assert time.monotonic() < end, f"{name} is {have}, not {want}"
