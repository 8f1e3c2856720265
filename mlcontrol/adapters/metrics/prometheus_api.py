"""Anything that speaks the Prometheus query API: Prometheus itself, Thanos, Mimir, VictoriaMetrics.

One instant query answers for the whole fleet, whatever the number of services; range queries fill the charts with what was before
this panel looked, in steps chosen from the pixels.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcontrol.adapters.http import Call, DatedByServer, HttpClient, Response
from mlcontrol.adapters.metrics.dialects import RULES
from mlcontrol.adapters.metrics.instances import Instances
from mlcontrol.adapters.metrics.promql import questions
from mlcontrol.adapters.plain_text import plain, sentence
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import SeriesData, SeriesKey
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.errors import AdapterError, Rejected, Unexpected
from mlcontrol.ports.metrics import MetricSample, Reading, Scrape

MAX_POINTS = 11_000  # Prometheus refuses range queries with more per series
MAX_SERIES = 200_000
RATE_WINDOW_S = 60.0
_STEPS_S = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)
Floats = NDArray[np.float64]
# What carries a model or a route; a machine's load in a fleet-wide store belongs to no service.
_NAMES = tuple(name for name in RULES if name.startswith(("nv_inference_", "model_infer_", "haproxy_backend_")))


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str] | None = None
    values: msgspec.Raw = msgspec.Raw(b"[]")


class _Data(msgspec.Struct):
    result: list[_Series]


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""
    warnings: list[str] = []
    partial: bool = msgspec.field(name="isPartial", default=False)  # VictoriaMetrics says it so, without a warning


_DECODER = msgspec.json.Decoder(_Answer)


class PrometheusApi(DatedByServer):
    """Option ``selector``: label matchers that every query gets (``cluster="prod"``). *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self.http = HttpClient(settings, secret)
        self.warnings: tuple[str, ...] = ()  # of the newest answer: what it says it is missing
        self._selector = settings.options.get("selector", "").strip().strip("{}")
        self._instances = Instances()

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        began = time.monotonic()
        # Not any question: that of each poll, so that a selector which it refuses is found here.
        self._ask("query", {"query": f"count({self._fleet()})"}, deadline_s)
        took_ms = 1000 * (time.monotonic() - began)
        try:
            about = self.http.get_json("/api/v1/status/buildinfo", deadline_s)
            version = str(about["data"]["version"])
        except (AdapterError, KeyError, TypeError):
            return Reachability("Prometheus query API", took_ms, "it does not tell its version")
        detail = f"partial: {plain(self.warnings[0], 120)}" if self.warnings else ""
        return Reachability(f"Prometheus {plain(version, 40)}", took_ms, detail)

    def scrape(self, deadline_s: float = 5.0) -> Scrape:
        """The newest sample of every series that a dialect knows."""
        response, series, _ = self._newest(deadline_s)
        samples = []
        for one in series:
            labels = {name: value for name, value in one.metric.items() if name != "__name__"}
            if one.value is not None:
                samples.append(MetricSample(one.metric.get("__name__", ""), labels, float(one.value[1])))
        return Scrape(tuple(samples), response.latency_ms, len(response.body))

    def readings(self, deadline_s: float = 5.0) -> tuple[Reading, ...]:
        """Of the whole fleet. Instances of one model are one reading: counters and sizes added (a replica's restart does not make
        the sum fall), shares averaged, the slowest latency. A model of which a partial answer lacks what an earlier one had is
        left out: that is not known, and no replica gone."""
        _, series, partial = self._newest(deadline_s)
        found = ((one.metric, float(one.value[1])) for one in series if one.value is not None)
        return self._instances.readings(found, partial)

    def history(
        self,
        service: ServiceSettings,
        metrics: Iterable[str],
        since_s: float,
        until_s: float,
        points: int,
        deadline_s: float,
    ) -> tuple[SeriesData, ...]:
        """The panel's own series of a service, from range queries; empty for what this source does not hold."""
        step_s = step_of(until_s - since_s, points)
        found = []
        for question in questions(service, frozenset(metrics), self._selector, max(RATE_WINDOW_S, step_s)):
            for labels, at_s, values in self.range(question.query, since_s, until_s, step_s, deadline_s):
                key = SeriesKey(service.id, question.metric, question.labels(labels))
                found.append(SeriesData(key, at_s.tobytes(), values.tobytes(), step_s=step_s))
        return tuple(found)

    def range(
        self, query: str, since_s: float, until_s: float, step_s: float, deadline_s: float
    ) -> tuple[tuple[Mapping[str, str], Floats, Floats], ...]:
        """(labels, times, values) of each series. Begins at a multiple of the step, so that a cache in between can serve it."""
        start = math.floor(since_s / step_s) * step_s
        asked = {"query": query, "start": f"{start:.3f}", "end": f"{until_s:.3f}", "step": f"{step_s:g}"}
        _, series, _ = self._ask("query_range", asked, deadline_s)
        return tuple((one.metric, *columns(one.values)) for one in series)

    def close(self) -> None:
        self.http.close()

    def _newest(self, deadline_s: float) -> tuple[Response, list[_Series], bool]:
        return self._ask("query", {"query": self._fleet()}, deadline_s)

    def _fleet(self) -> str:
        names = "|".join(sorted({*_NAMES, *(f"{name}_total" for name in _NAMES if not name.endswith("_total"))}))
        more = f",{self._selector}" if self._selector else ""
        return f'{{__name__=~"{names}"{more}}}'

    def _ask(self, what: str, asked: Mapping[str, str], deadline_s: float) -> tuple[Response, list[_Series], bool]:
        """The answer, its series, and whether it says that it lacks some."""
        response = self.http.send(Call("GET", f"/api/v1/{what}", asked), deadline_s)
        if response.status in (400, 422):
            raise self._refused(response)
        if not 200 <= response.status < 300:
            raise self.http.refusal(response)
        try:
            answer = _DECODER.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self.http.unexpected("It is not an answer of the Prometheus query API.", response) from error
        if answer.status != "success" or answer.data is None:
            raise self.http.unexpected(f"It says: {plain(answer.error or answer.status, 160)}.", response)
        if len(answer.data.result) > MAX_SERIES:
            what_, then = f"'{self.settings.id}' holds too many series.", "Set the option 'selector' to narrow it down."
            raise Unexpected(Problem(what_, f"More than {MAX_SERIES:,} are not read.", then, "too-large"))
        missing = tuple(answer.warnings) or (("some of its storage did not answer",) if answer.partial else ())
        self.warnings = missing
        return response, answer.data.result, bool(missing)

    def _refused(self, response: Response) -> Rejected:
        try:
            said = _DECODER.decode(response.body).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = ""
        then = "Look at the option 'selector' of the connection."
        if "too many samples" in said or "exceeded maximum resolution" in said:
            then = "Narrow the option 'selector', show a shorter span, or raise the limits of that server."
        what = f"'{self.settings.id}' refused the query."
        return Rejected(
            Problem(what, sentence(self.http.redact(plain(said, 200))) or "It gives no reason.", then, "rejected")
        )


def step_of(span_s: float, points: int) -> float:
    """The round step that gives about a sample a pixel and never more than the API allows."""
    least = span_s / max(1, min(points, MAX_POINTS - 1))
    return float(next((step for step in _STEPS_S if step >= least), math.ceil(least / 86_400) * 86_400))


def columns(raw: msgspec.Raw | bytes) -> tuple[Floats, Floats]:
    """Times and values of ``[[1700000000,"1.5"],...]``, NaN and Inf included."""
    flat = bytes(raw).translate(None, b'[]" \n\t\r')
    if not flat:
        return np.empty(0), np.empty(0)
    # Numbers have no capital N or I; what has is read the slow way.
    if b"N" in flat or b"I" in flat:
        numbers = np.array([float(part) for part in flat.split(b",")])
    else:
        numbers = np.array(msgspec.json.decode(b"[" + flat + b"]", type=list[float]))
    return np.ascontiguousarray(numbers[0::2]), np.ascontiguousarray(numbers[1::2])
