"""Anything that speaks the Prometheus query API: Prometheus itself, Thanos, Mimir, VictoriaMetrics.

One instant query answers for the whole fleet, whatever the number of services; range queries fill the charts with what was before
this panel looked, in steps chosen from the pixels.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar, overload
from urllib.parse import urlencode

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcontrol.adapters.http import Call, DatedByServer, HttpClient, Response
from mlcontrol.adapters.metrics.fleet_answer import FleetAnswer, FleetReader, Row
from mlcontrol.adapters.metrics.fleet_query import SAMPLED, fleet_query
from mlcontrol.adapters.metrics.range_queries import TOO_LARGE, fleet_history, is_limit
from mlcontrol.adapters.plain_text import plain, sentence
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import SeriesData
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.errors import AdapterError, Rejected, Unexpected
from mlcontrol.ports.metrics import MetricSample, Reading, Scrape

MAX_SERIES = 200_000
LONG = 2_000  # characters of a query that not every proxy lets through in an address
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_NO_FORMS = (403, 405, 413, 501)  # of a proxy that lets only reading through, or only so much
Floats = NDArray[np.float64]
A = TypeVar("A")


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
_FLEET = msgspec.json.Decoder(FleetAnswer)


class PrometheusApi(DatedByServer):
    """Option ``selector``: label matchers that every query gets (``cluster="prod"``). *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self.http = HttpClient(settings, secret)
        self._selector = settings.options.get("selector", "").strip().strip("{}")
        self._reader, self._reading = FleetReader(), threading.Lock()

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        began = time.monotonic()
        # Not any question: that of each poll, so that a selector which it refuses is found here.
        response = self._sent("query", {"query": f"count({self._fleet()})"}, deadline_s)
        answer = self._read(_DECODER, response)
        self._series(answer, response)
        took_ms = 1000 * (time.monotonic() - began)
        try:
            about = self.http.get_json("/api/v1/status/buildinfo", deadline_s)
            version = str(about["data"]["version"])
        except (AdapterError, KeyError, TypeError):
            return Reachability("Prometheus query API", took_ms, "it does not tell its version")
        detail = f"partial: {plain(_missing(answer)[0], 120)}" if _missing(answer) else ""
        return Reachability(f"Prometheus {plain(version, 40)}", took_ms, detail)

    def scrape(self, deadline_s: float = 5.0) -> Scrape:
        """The newest sample of every series that a dialect knows."""
        response = self._sent("query", {"query": self._fleet()}, deadline_s)
        series = self._series(self._read(_DECODER, response), response)
        samples = []
        for one in series:
            if SAMPLED in one.metric:
                continue
            labels = {name: value for name, value in one.metric.items() if name != "__name__"}
            if one.value is not None:
                samples.append(MetricSample(one.metric.get("__name__", ""), labels, float(one.value[1])))
        return Scrape(tuple(samples), response.latency_ms, len(response.body))

    def readings(self, deadline_s: float = 5.0) -> tuple[Reading, ...]:
        """Of the whole fleet. Instances of one model are one reading: counters and sizes added (a replica's restart does not make
        the sum fall), shares averaged, the slowest latency. A model of which a partial answer lacks what an earlier one had is
        left out: that is not known, and no replica gone. What the processes behind a model use is told by instance."""
        response = self._sent("query", {"query": self._fleet()}, deadline_s)
        with self._reading:
            answer = self._read(_FLEET, response)
            rows = self._series(answer, response)
            try:
                return self._reader.read(rows, tuple(plain(one, 160) for one in _missing(answer)))
            except (ValueError, msgspec.DecodeError) as error:
                raise self.http.unexpected("It is not an answer of the Prometheus query API.", response) from error

    def counted_at(self, model: str) -> frozenset[str]:
        with self._reading:
            return self._reader.counted_at(model)

    def history(
        self,
        services: Sequence[ServiceSettings],
        metrics: Iterable[str],
        since_s: float,
        until_s: float,
        points: int,
        deadline_s: float,
    ) -> tuple[SeriesData, ...]:
        """From range queries, each for as many services as the server's limits allow."""
        asked = (services, metrics, since_s, until_s, points, deadline_s)
        with self._reading:
            told = frozenset(self._reader.names)
        return tuple(fleet_history(self.range, self._selector, told, *asked))

    def range(
        self, query: str, since_s: float, until_s: float, step_s: float, deadline_s: float
    ) -> tuple[tuple[Mapping[str, str], Floats, Floats], ...]:
        """(labels, times, values) of each series. Begins at a multiple of the step, so that a cache in between can serve it."""
        start = math.floor(since_s / step_s) * step_s
        asked = {"query": query, "start": f"{start:.3f}", "end": f"{until_s:.3f}", "step": f"{step_s:g}"}
        response = self._sent("query_range", asked, deadline_s)
        series = self._series(self._read(_DECODER, response), response)
        return tuple((one.metric, *columns(one.values)) for one in series)

    def close(self) -> None:
        self.http.close()

    def _fleet(self) -> str:
        return fleet_query(self._selector)

    def _sent(self, what: str, asked: Mapping[str, str], deadline_s: float) -> Response:
        """By GET, which a cache in between may answer; a long range query as a form, which all who speak this API take too."""
        path, query = f"/api/v1/{what}", asked["query"]
        if what == "query" or len(query) <= LONG:
            response = self.http.send(Call("GET", path, asked), deadline_s)
        else:
            form = Call("POST", path, body=urlencode(asked).encode(), headers=_FORM)
            response = self.http.send(form, deadline_s)
            if response.status in _NO_FORMS:
                said = f"'{self.settings.id}' does not take a query of {len(query):,} characters."
                raise Rejected(Problem(said, f"A form is answered with status {response.status}.", code=TOO_LARGE))
        if response.status in (400, 422):
            raise self._refused(response)
        if not 200 <= response.status < 300:
            raise self.http.refusal(response)
        return response

    def _read(self, decoder: msgspec.json.Decoder[A], response: Response) -> A:
        try:
            return decoder.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self.http.unexpected("It is not an answer of the Prometheus query API.", response) from error

    @overload
    def _series(self, answer: _Answer, response: Response) -> list[_Series]: ...
    @overload
    def _series(self, answer: FleetAnswer, response: Response) -> list[Row]: ...
    def _series(self, answer: _Answer | FleetAnswer, response: Response) -> list[_Series] | list[Row]:
        if answer.status != "success" or answer.data is None:
            raise self.http.unexpected(f"It says: {plain(answer.error or answer.status, 160)}.", response)
        if len(answer.data.result) > MAX_SERIES:
            what_, then = f"'{self.settings.id}' holds too many series.", "Set the option 'selector' to narrow it down."
            raise Unexpected(Problem(what_, f"More than {MAX_SERIES:,} are not read.", then, "too-large"))
        return answer.data.result

    def _refused(self, response: Response) -> Rejected:
        try:
            said = _DECODER.decode(response.body).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = ""
        then, code = "Look at the option 'selector' of the connection.", "rejected"
        if is_limit(said):
            code = TOO_LARGE
            then = "Narrow the option 'selector', show a shorter span, or raise the limits of that server."
        what = f"'{self.settings.id}' refused the query."
        return Rejected(
            Problem(what, sentence(self.http.redact(plain(said, 200))) or "It gives no reason.", then, code)
        )


def _missing(answer: _Answer | FleetAnswer) -> tuple[str, ...]:
    """What an answer says that it lacks. Of that answer alone: other questions are asked meanwhile."""
    return tuple(answer.warnings) or (("some of its storage did not answer",) if answer.partial else ())


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
