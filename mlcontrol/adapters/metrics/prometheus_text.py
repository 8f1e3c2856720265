"""A metrics endpoint in the Prometheus text format."""

from __future__ import annotations

import threading
from collections.abc import Container
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from mlcontrol.adapters.http import Call, DatedByServer, HttpClient, Response
from mlcontrol.adapters.metrics.dialects import meaning
from mlcontrol.adapters.metrics.instances import Instances
from mlcontrol.adapters.metrics.meanings import MACHINE, Meaning
from mlcontrol.adapters.metrics.text_format import Knowledge, TextParser
from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.errors import Unexpected
from mlcontrol.ports.metrics import MetricSample, Reading, Scrape

T = TypeVar("T")
MAX_SAMPLES = 200_000
_ACCEPT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"
_SERVERS = (
    (b"nv_", "Triton"),
    (b"haproxy_", "HAProxy"),
    (b"envoy_", "Envoy"),
    (b"prometheus_", "Prometheus"),
    (b"mlserver_", "MLServer"),
    (b"bentoml_", "BentoML"),
    (b"ray_", "Ray"),
    (b"ts_inference_", "TorchServe"),
    (b":tensorflow:serving:", "TensorFlow Serving"),
    (b"vllm:", "vLLM"),
    (b"request_predict_seconds", "KServe"),
)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which of the series ``found`` become readings where ``models`` are asked for, and which are first added up with others."""

    found: list[Meaning]
    models: Container[str] | None
    places: tuple[int, ...]
    added: tuple[int, ...] = ()


def _chosen(found: list[Meaning], models: Container[str] | None) -> _Chosen:
    first: dict[int, int] = {}
    for place, one in enumerate(found):
        first.setdefault(id(one), place)  # the same series again: the first stands, as with Prometheus
    if all(not one.part for one in found):
        places = tuple(place for place in first.values() if models is None or found[place].model in models)
        return _Chosen(found, models, places)
    machine = {one.quantity for one in found if one.part == MACHINE}
    alone, added = [], []
    for place in first.values():
        one = found[place]
        if one.part and one.part != MACHINE:
            added.append(place)  # whoever asks: a sum must know what it is made of each time
        elif (models is None or one.model in models) and (one.part or one.model or one.quantity not in machine):
            alone.append(place)  # a process beside a machine is that of its agent, and no model's
    return _Chosen(found, models, tuple(alone), tuple(added))


_FLEET: Knowledge[Meaning] = Knowledge()


class PrometheusText(DatedByServer):
    """The connection's address is the endpoint itself; without a path ``/metrics`` is asked for. *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self.http = HttpClient(settings, secret)
        self._parser = TextParser(meaning, _FLEET)
        self._chosen = _Chosen([], None, ())
        self._parts = Instances()
        self._reading = threading.Lock()

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        response = self.http.checked(self.call(), deadline_s)
        self.read(response)
        lines = b"\n" + response.body
        server = next((said for prefix, said in _SERVERS if b"\n" + prefix in lines), "")
        count = lines.count(b"\n") - lines.count(b"\n#") - 1
        return Reachability(f"Metrics of {server}" if server else "Metrics", response.latency_ms, f"{count} samples")

    def scrape(self, deadline_s: float = 5.0) -> Scrape:
        response = self.http.checked(self.call(), deadline_s)
        series, values = self._parsed(TextParser(lambda name, labels: (name, labels)), response)
        if not series:
            raise self.http.unexpected("It holds no metric.", response)
        samples = tuple(MetricSample(name, labels, value) for (name, labels), value in zip(series, values, strict=True))
        return Scrape(samples, response.latency_ms, len(response.body))

    def readings(self, deadline_s: float = 5.0) -> tuple[Reading, ...]:
        return self.read(self.http.send(self.call(), deadline_s))

    def call(self) -> Call:
        path = "" if urlsplit(self.settings.url).path.strip("/") else "/metrics"
        return Call("GET", path, headers={"Accept": _ACCEPT})

    def read(self, response: Response, models: Container[str] | None = None) -> tuple[Reading, ...]:
        """Translate an answer to `call`, of these models alone where they are given; raises what a status outside 2xx means, or
        `Unexpected`."""
        if not 200 <= response.status < 300:
            raise self.http.refusal(response)
        with self._reading:
            found, values = self._parsed(self._parser, response)
            if found is not self._chosen.found or models != self._chosen.models:
                self._chosen = _chosen(found, models)
            readings = tuple([found[place].reading(values[place]) for place in self._chosen.places])
            return readings + self._added_up(found, values) if self._chosen.added else readings

    def _added_up(self, found: list[Meaning], values: list[float]) -> tuple[Reading, ...]:
        values_of: dict[Meaning, float] = {}
        for place in self._chosen.added:
            values_of[found[place]] = values_of.get(found[place], 0.0) + values[place]
        parts = self._parts.add((one, one, value) for one, value in values_of.items())
        wanted = self._chosen.models
        return parts if wanted is None else tuple(one for one in parts if one.model in wanted)

    def _parsed(self, parser: TextParser[T], response: Response) -> tuple[list[T], list[float]]:
        body = response.body
        if "html" in response.headers.get("content-type", "").lower() or body.lstrip()[:1] == b"<":
            raise self.http.unexpected("It is not in the Prometheus text format.", response)
        if not body.endswith(b"\n"):
            why = "It is empty." if not body else "Its last line is cut."
            raise self.http.unexpected(why, response)
        # Counting the comments takes as long as reading the rest.
        if body.count(b"\n") > MAX_SAMPLES and body.count(b"\n") - body.count(b"\n#") > MAX_SAMPLES:
            what = f"'{self.settings.id}' sends too many metrics."
            then = "Have the server expose fewer series, or point the connection at a smaller endpoint."
            raise Unexpected(Problem(what, f"More than {MAX_SAMPLES:,} samples are not read.", then, "too-large"))
        try:
            found = parser.parse(body)
        except (ValueError, IndexError, KeyError, TypeError) as error:
            raise self.http.unexpected(f"A line of it cannot be read: {plain(str(error), 120)}.", response) from error
        if not found[0] and body.count(b"\n") <= body.count(b"\n#"):
            raise self.http.unexpected("It holds no metric.", response)
        return found

    def close(self) -> None:
        self.http.close()
