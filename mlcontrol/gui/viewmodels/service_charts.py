"""From stored series to the rows of the service page: versions in their colours, limits with their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlcontrol.core import series as names
from mlcontrol.core.types import SeriesKey
from mlcontrol.gui.models.series_store import Series, SeriesStore
from mlcontrol.gui.viewmodels.chart_rows import NOT_RECORDED, Bar, ChartRow, Floats, Line
from mlcontrol.gui.viewmodels.line_inks import CALLERS, ERRORS, PLAIN, QUANTILES, ink
from mlcontrol.gui.viewmodels.load_rows import cpu_rows, device_rows, load_row
from mlcontrol.gui.viewmodels.phrases import (
    metric_text,
    milliseconds_text,
    percent_text,
    rate_text,
    version_text,
    visible_text,
)
from mlcontrol.gui.viewmodels.query_facts import against_previous, predictions_now
from mlcontrol.gui.viewmodels.series_lines import LABEL_MOST, line_of, within

METRICS = (
    names.ANSWERED, names.LOADED, names.QUERIES_PER_S, names.PREDICTIONS_PER_S, names.ERROR_SHARE, names.LATENCY_MS,
    names.CALLER_LATENCY_MS,
    *names.LOADS, names.LOAD_USUAL, names.QUALITY, names.SLICE_SHARE,
)  # fmt: skip
SLICES_SHOWN = 6
FEW_VERSIONS = 3
JOINED_STEPS = 2.5  # neighbours of a reduced series may lie two buckets apart


def version_slots(store: SeriesStore, since_s: float) -> dict[str, int]:
    """Slot 0 is the version that answered when the span began, then in the order of their first answer."""
    first: dict[str, tuple[int, float]] = {}
    for metric in (names.ANSWERED, names.QUERIES_PER_S):
        for key, data in store.of(metric):
            version = key.label("version")
            if not version:
                continue
            active = np.flatnonzero((data.at_s >= since_s) & (data.value > 0))
            if len(active):
                rank = (0, float(data.at_s[active[0]]))
                first[version] = min(first.get(version, rank), rank)
    for metric in (names.LOADED, names.QUALITY, names.LATENCY_MS):
        for key, data in store.of(metric):
            version = key.label("version")
            if version and version not in first and len(data.at_s):
                first[version] = (1, float(data.at_s[0]))
    return {version: i for i, (version, _) in enumerate(sorted(first.items(), key=lambda item: (item[1], item[0])))}


def chart_rows(
    store: SeriesStore, since_s: float, until_s: float, poll_s: float, objectives: Mapping[str, float]
) -> tuple[ChartRow, ...]:
    """The rows of the page for a span. Series without a sample in the span are left out."""
    slots = version_slots(store, since_s)
    gap_s = 3.5 * poll_s
    return (
        _presence(store, slots, since_s, until_s, gap_s),
        _queries(store, slots, since_s, until_s, gap_s),
        _errors(store, since_s, until_s, gap_s, objectives.get("error_rate")),
        _latency(store, slots, since_s, gap_s, objectives.get("p99_ms")),
        *cpu_rows(store, since_s, gap_s),
        load_row(store, names.MEMORY_BYTES, "Memory", "", since_s, gap_s),
        *device_rows(store, since_s, gap_s),
        _quality(store, slots, since_s, objectives),
        _slices(store, since_s, until_s),
    )


def _by_slot(found: list[tuple[SeriesKey, Series]], slots: Mapping[str, int]) -> list[tuple[SeriesKey, Series]]:
    return sorted(found, key=lambda one: slots.get(one[0].label("version") or "", len(slots)))


def _presence(store: SeriesStore, slots: dict[str, int], since_s: float, until_s: float, gap_s: float) -> ChartRow:
    answered = _bar(
        within(store.of(names.ANSWERED), since_s), slots, since_s, until_s, gap_s, label="answered", silence=True
    )
    loaded = [
        _bar(
            [(key, data)],
            slots,
            since_s,
            until_s,
            gap_s,
            label=visible_text(f"loaded {version_text(key.label('version') or '')}", LABEL_MOST),
            dim=True,
        )
        for key, data in within(store.of(names.LOADED), since_s)
    ]
    bars = tuple(bar for bar in (answered, *loaded[-3:]) if bar.spans)
    return ChartRow(
        "presence",
        "Presence",
        "who answered",
        bars=bars,
        weight=0.9,
        nothing="no golden query was answered in this span",
    )


def _bar(
    found: Sequence[tuple[SeriesKey, Series]],
    slots: dict[str, int],
    since_s: float,
    until_s: float,
    gap_s: float,
    *,
    label: str,
    dim: bool = False,
    silence: bool = False,
) -> Bar:
    points: list[tuple[float, str]] = []
    gap_s = max([gap_s, *(JOINED_STEPS * data.step_s for _, data in found)])
    for key, data in found:
        version = key.label("version") or ""
        points += [
            (at, version if value > 0 else "")
            for at, value in zip(data.at_s.tolist(), data.value.tolist(), strict=True)
        ]
    # At one moment several versions may report; the one that answered counts.
    best: dict[float, str] = {}
    for at, version in points:
        best[at] = version or best.get(at, "")
    spans: list[tuple[float, float, str, int]] = []
    for at, version in sorted(best.items()):
        slot = slots.get(version, 5) if version else -1
        if spans and spans[-1][2] == version and at - spans[-1][1] <= gap_s:
            spans[-1] = (spans[-1][0], at, version, slot)
            continue
        if spans and at - spans[-1][1] <= gap_s:
            spans[-1] = (spans[-1][0], at, *spans[-1][2:])
        elif spans and silence:
            spans.append((spans[-1][1], at, NOT_RECORDED, -1))
        spans.append((at, at, version, slot))
    if spans and silence and spans[0][0] - since_s > gap_s:
        spans.insert(0, (since_s, spans[0][0], NOT_RECORDED, -1))  # what is known later was not known before
    if spans and silence and until_s - spans[-1][1] > gap_s and spans[-1][3] >= 0:
        spans.append((spans[-1][1], until_s, NOT_RECORDED, -1))
    kept = [s for s in spans if silence or s[3] >= 0]
    return Bar(tuple(kept), dim=dim, label=label)


def _queries(store: SeriesStore, slots: dict[str, int], since_s: float, until_s: float, gap_s: float) -> ChartRow:
    lines = [
        line_of(version_text(version), data, slot=slots.get(version, 5))
        for key, data in within(store.of(names.QUERIES_PER_S), since_s)
        if (version := key.label("version") or "")
    ]
    # A version that answered nothing in the whole span would only fill the readout.
    lines = [line for line in lines if np.any(line.value[line.at_s >= since_s] > 0)] or lines[:1]
    lines.sort(key=lambda line: -(line.slot or 0))
    if len(lines) > FEW_VERSIONS:
        lines.sort(key=lambda line: -_usual_size(line.at_s, line.value, since_s, until_s))
    return ChartRow(
        "queries",
        "Queries",
        "per second, by version",
        tuple(lines),
        gap_s=gap_s,
        text=rate_text,
        nothing="no traffic counters in this span",
        facts=(
            *predictions_now(store, gap_s, max((_last_s(line.at_s, until_s) for line in lines), default=0.0)),
            *against_previous(lines),
        ),
    )


def _last_s(at_s: Floats, until_s: float) -> float:
    """The newest moment that is not after ``until_s``; 0 where there is none."""
    n = int(np.searchsorted(at_s, until_s, side="right"))
    return float(at_s[n - 1]) if n else 0.0


def _errors(store: SeriesStore, since_s: float, until_s: float, gap_s: float, objective: float | None) -> ChartRow:
    found = within(store.of(names.ERROR_SHARE), since_s)
    found.sort(key=lambda one: -_usual_size(one[1].at_s, one[1].value, since_s, until_s))
    # The most frequent types have an ink each, by their names: it stays while they change places.
    named = sorted(key.label("type") or "errors" for key, _ in found[: len(ERRORS)])
    inks = dict(zip(named, ERRORS, strict=False))
    lines = [
        line_of(name, data, tone=inks.get(name, ERRORS[-1])[0], style=inks.get(name, ERRORS[-1])[1])
        for key, data in found
        if (name := key.label("type") or "errors")
    ]
    total = _total([data for _, data in found])
    if len(lines) > 1 and total is not None:
        lines.insert(0, total)
    limit = (
        None if objective is None else (objective, f"limit {percent_text(objective, 0 if objective >= 0.01 else 1)}")
    )
    return ChartRow(
        "errors", "Errors", "% of answers, by type", tuple(lines), weight=1.1, limit=limit, over_limit=total, gap_s=gap_s,
        text=percent_text, nothing="no error counters in this span", ceiling=1.0,
    )  # fmt: skip


def _total(found: Sequence[Series]) -> Line | None:
    """Of all types together. Of series that history reduced, each keeps other moments: the last value of each counts."""
    if not found:
        return None
    at: Floats = np.unique(np.concatenate([data.at_s for data in found]))
    value, known = np.zeros(len(at)), np.zeros(len(at), bool)
    for data in found:
        last = data.at_s.searchsorted(at, side="right") - 1
        held = data.value[np.maximum(last, 0)]
        there = (last >= 0) & (at - data.at_s[last] <= JOINED_STEPS * data.step_s) & (np.abs(held) < names.WILD)
        value[there] += held[there]
        known |= there
    value[~known] = np.nan
    return Line("all", at, value, gap_s=JOINED_STEPS * max(data.step_s for data in found))


def _usual_size(at_s: Floats, value: Floats, since_s: float, until_s: float) -> float:
    """The mean of a series in a span: what matters most is the largest."""
    seen = value[(at_s >= since_s) & (at_s <= until_s)]
    seen = seen[np.abs(seen) < names.WILD]
    return float(seen.mean()) if len(seen) else 0.0


def _latency(
    store: SeriesStore, slots: dict[str, int], since_s: float, gap_s: float, objective: float | None
) -> ChartRow:
    found = _by_slot(within(store.of(names.LATENCY_MS), since_s), slots)
    several = len({key.label("version") for key, _ in found}) > 1
    lines = []
    # First what hurts: the legend shows as many as it has room for.
    for key, data in _by_slot(within(store.of(names.CALLER_LATENCY_MS), since_s), slots):
        if key.label("quantile") == "0.99":
            version = key.label("version") or ""
            label = f"p99 callers {version_text(version)}" if several and version else "p99 callers"
            lines.append(
                line_of(
                    label,
                    data,
                    slot=slots.get(version, 5) if several and version else None,
                    tone=CALLERS[0],
                    style=CALLERS[1],
                )
            )
    for quantile, (words, tone, style) in QUANTILES.items():
        for key, data in found:
            if key.label("quantile") == quantile:
                version = key.label("version") or ""
                label = f"{words} {version_text(version)}" if several and version else words
                lines.append(
                    line_of(
                        label, data, slot=slots.get(version, 5) if several and version else None, tone=tone, style=style
                    )
                )
    limit = None if objective is None else (objective, f"objective p99 {objective:g} ms")
    return ChartRow(
        "latency", "Latency", "ms, p50 / p90 / p99", tuple(lines), limit=limit, gap_s=gap_s,
        text=milliseconds_text, nothing="no latency measured in this span",
    )  # fmt: skip


def _quality(store: SeriesStore, slots: dict[str, int], since_s: float, objectives: Mapping[str, float]) -> ChartRow:
    name = next((n for n in ("accuracy", "rmse") if n in objectives), None)
    lines = []
    for key, data in within(store.of(names.QUALITY), since_s):
        version, source = key.label("version") or "", key.label("source") or ""
        if name == "rmse" and source != "labels":
            continue  # shares of right answers do not belong on an axis of errors
        label = visible_text(f"{source} {version_text(version)}" if version else source, LABEL_MOST)
        lines.append(
            Line(
                label, data.at_s, data.value, data.low, data.high,
                slot=slots.get(version, 5) if version else None, points=True, gap_s=JOINED_STEPS * data.step_s,
            )
        )  # fmt: skip
    limit = None if name is None else (objectives[name], f"objective {name} {objectives[name]:g}")
    return ChartRow(
        "quality", "Quality", f"{name or 'score'} · bar = 95 %", tuple(lines), limit=limit, score=True,
        ceiling=1.0 if name == "accuracy" else None, gap_s=400.0, floor=name == "accuracy",
        text=metric_text, nothing="no labels arrived in this span",
    )  # fmt: skip


def _slices(store: SeriesStore, since_s: float, until_s: float) -> ChartRow:
    found = within(store.of(names.SLICE_SHARE), since_s)
    found.sort(key=lambda one: -_usual_size(one[1].at_s, one[1].value, since_s, until_s))
    lines = [
        line_of(
            f"{key.label('slice')} {key.label('value')}",
            data,
            slot=None,
            tone=ink(PLAIN, i)[0],
            style=ink(PLAIN, i)[1],
        )
        for i, (key, data) in enumerate(found[:SLICES_SHOWN])
    ]
    hidden = len(found) - len(lines)
    unit = "share of traffic" + (f", {hidden} more" if hidden > 0 else "")
    return ChartRow(
        "slices",
        "Input slices",
        unit,
        tuple(lines),
        gap_s=300.0,
        text=percent_text,
        nothing="no slice was counted in this span",
    )
