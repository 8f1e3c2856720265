"""A scrape, folded into every service that reads its source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import inf

from mlcontrol.core import series
from mlcontrol.core.load import server_name
from mlcontrol.core.types import Sample, Stamp
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.metrics import MetricsSource, ReadAnswer, Reading
from mlcontrol.services.asking import Asking, coded
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.services.loads import Loads
from mlcontrol.services.restart_event import restart_event


def ask_metrics(
    asking: Asking,
    source: MetricsSource,
    connection: str,
    meters: Iterable[Meter],
    loads: Loads,
    deadline_s: float = 4.0,
) -> None:
    """One scrape for all services that read this source."""
    take_readings(asking, lambda _: source.readings(deadline_s), connection, meters, loads)


def take_readings(
    asking: Asking,
    read: ReadAnswer,
    connection: str,
    meters: Iterable[Meter],
    loads: Loads,
    asked: Stamp | None = None,
) -> None:
    """Fold what a source has answered into the services that read it. ``asked``: when, if not now. Raises what ``read`` raises."""
    meters = tuple(meters)
    models = [{"", meter.service.serving_model, meter.service.route} for meter in meters]
    with asking.of(connection, asked, only_one=True) as question:
        try:
            readings = read(frozenset[str]().union(*models))
        except AdapterError as error:
            problem = coded(error)
            for meter in meters:
                asking.note(meter.service.id, lambda f: replace(f, traffic=f.traffic.missed(problem, question)))
            raise
    # One source may hold a whole fleet: each service is handed its own.
    of_model: dict[str, list[Reading]] = {}
    for reading in readings:
        of_model.setdefault(reading.model, []).append(reading)
    resets: list[bool] = []
    taken: list[list[Sample]] = []
    for meter, own in zip(meters, models, strict=True):
        samples, reset = meter.take(connection, [r for model in sorted(own) for r in of_model.get(model, ())], question)
        resets.append(reset)
        taken.append(samples)
    kept = _watched(connection, meters, taken, loads, question)
    for meter, samples in zip(meters, taken, strict=True):
        here = meter.machine.servers(connection)
        samples += [
            replace(one, key=replace(one.key, service=meter.service.id)) for name in here for one in kept.get(name, ())
        ]
        traffic, at = meter.traffic()
        with meter.lock:
            line = meter.past.line(question.utc_s)
        if at is not None:
            traffic, stamp = replace(traffic, loads=loads.of(meter.machine.all_servers())), at
            asking.note(
                meter.service.id,
                lambda f, traffic=traffic, stamp=stamp, line=line: replace(  # type: ignore[misc]
                    f, traffic=f.traffic.answered(traffic, stamp), sparks={**f.sparks, "use": line}
                ),
            )
        asking.ctx.emit(*samples)
    # A server counts per process *and* per load: one model that begins again was loaded, all of them together restarted.
    if not resets or not all(resets) or any(connection in meter.traffic()[0].jumping for meter in meters):
        return
    if all(operation.phase.ended for operation in asking.ctx.state().operations.values()):
        asking.ctx.emit(restart_event(connection, question))


def _watched(
    connection: str, meters: tuple[Meter, ...], taken: list[list[Sample]], loads: Loads, at: Stamp
) -> dict[str, tuple[Sample, ...]]:
    """Give the watch what the source told of each server: what one is asked is asked for all its services together. Returns what is
    to be kept of each."""
    told: dict[str, dict[tuple[str, str], float]] = {}
    readers: dict[str, list[Meter]] = {}
    for meter, samples in zip(meters, taken, strict=True):
        for one in samples:
            if one.key.metric not in series.LOADS:
                continue
            server = server_name(connection, one.key.label("instance") or "")
            load = one.key.metric, one.key.label("gpu") or ""
            of = told.setdefault(server, {})
            of[load] = max(one.value, of.get(load, one.value))
            if meter not in (known := readers.setdefault(server, []))[-1:]:
                known.append(meter)
    kept = {}
    for server, of in told.items():
        rates = [rate for meter in readers[server] if (rate := meter.per_s(connection)) is not None]
        limits: dict[str, float] = {}
        for objectives in (meter.service.objectives for meter in readers[server]):
            limits |= {
                name: min(objectives[name], limits.get(name, inf)) for name in series.LOADS if name in objectives
            }
        per_s, reader = sum(rates) if rates else None, readers[server][0].service.id
        kept[server] = loads.take(server, of, per_s, at.utc_s, limits, reader)
    return kept
