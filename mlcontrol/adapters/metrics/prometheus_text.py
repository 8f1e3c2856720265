"""A metrics endpoint in the Prometheus text format."""

from __future__ import annotations

from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.adapters.metrics.dialects import translate
from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.errors import Unexpected
from mlcontrol.ports.metrics import MetricSample, Reading, Scrape

MAX_SAMPLES = 200_000
_ACCEPT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"
_SERVERS = (("nv_", "Triton"), ("haproxy_", "HAProxy"), ("prometheus_", "Prometheus"), ("mlserver_", "MLServer"))


class PrometheusText:
    """The connection's address is the endpoint itself; without a path ``/metrics`` is asked for. *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self.http = HttpClient(settings, secret)

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        scrape = self.scrape(deadline_s)
        names = {sample.name for sample in scrape.samples}
        server = next((said for prefix, said in _SERVERS if any(name.startswith(prefix) for name in names)), "")
        return Reachability(
            f"Metrics of {server}" if server else "Metrics", scrape.latency_ms, f"{len(scrape.samples)} samples"
        )

    def scrape(self, deadline_s: float = 5.0) -> Scrape:
        path = "" if urlsplit(self.settings.url).path.strip("/") else "/metrics"
        response = self.http.checked(Call("GET", path, headers={"Accept": _ACCEPT}), deadline_s)
        body = response.body
        if "html" in response.headers.get("content-type", "").lower() or body.lstrip()[:1] == b"<":
            raise self.http.unexpected("It is not in the Prometheus text format.", response)
        if not body.endswith(b"\n"):
            why = "It is empty." if not body else "Its last line is cut."
            raise self.http.unexpected(why, response)
        if body.count(b"\n") - body.count(b"\n#") > MAX_SAMPLES:
            what = f"'{self.settings.id}' sends too many metrics."
            then = "Have the server expose fewer series, or point the connection at a smaller endpoint."
            raise Unexpected(Problem(what, f"More than {MAX_SAMPLES:,} samples are not read.", then, "too-large"))
        try:
            text = body.decode("utf-8")
            samples = tuple(
                MetricSample(sample.name, dict(sample.labels), float(sample.value))
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            )
        except (ValueError, IndexError, KeyError, TypeError) as error:
            raise self.http.unexpected(f"A line of it cannot be read: {plain(str(error), 120)}.", response) from error
        if not samples:
            raise self.http.unexpected("It holds no metric.", response)
        return Scrape(samples, response.latency_ms, len(body))

    def readings(self, deadline_s: float = 5.0) -> tuple[Reading, ...]:
        return translate(self.scrape(deadline_s))

    def close(self) -> None:
        self.http.close()
