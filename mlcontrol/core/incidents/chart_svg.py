"""A chart as SVG text: one line over time with its limit, the incident's span and the changes, as the page showed them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import numpy as np

from mlcontrol.core.incidents.counts import Floats
from mlcontrol.core.visible import visible

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 150, 64, 12, 26, 22
WIDE_LETTER = 6.4  # of the fonts that may stand in for the first choice
INK, QUIET, HAIR, BAD, WASH, LINE = "#1b1f24", "#5c6670", "#d5dae0", "#c22f2f", "#f7dcdc", "#2f6fb3"


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical rule. ``kind``: "deploy" solid, "rollback" dashed, else dotted."""

    at_s: float
    text: str
    kind: str


def chart_svg(
    title: str,
    at_s: Floats,
    value: Floats,
    since_s: float,
    until_s: float,
    said: Callable[[float], str],
    *,
    limit: float | None = None,
    wrong: tuple[float, float] | None = None,
    marks: Sequence[Mark] = (),
    from_zero: bool = True,
    gap_s: float = 30.0,
) -> str:
    """``wrong``: the span of the incident. Readings further apart than ``gap_s`` are not joined; NaN is a gap."""
    within = (at_s >= since_s) & (at_s <= until_s)
    at, val = at_s[within], value[within]
    finite = val[np.isfinite(val)]
    top = max([float(finite.max()) if finite.size else 1.0, limit or 0.0]) * 1.08 or 1.0
    base = 0.0 if from_zero or not finite.size else float(finite.min()) - 0.05 * (top - float(finite.min()))
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(moment: float) -> float:
        return LEFT + wide * (min(max(moment, since_s), until_s) - since_s) / max(until_s - since_s, 1e-9)

    def y(level: float) -> float:
        return TOP + high * (1 - (level - base) / max(top - base, 1e-12))

    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' font-family="Inter, Helvetica, Arial, sans-serif" font-size="11" role="img" aria-label="{escape(title)}">'
    )
    parts = [
        opening,
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="0" y="13" font-weight="600" font-size="12" fill="{INK}">{escape(title)}</text>',
    ]
    if wrong is not None:
        left, right = x(wrong[0]), x(wrong[1])
        parts.append(
            f'<rect x="{left:.1f}" y="{TOP}" width="{max(1.0, right - left):.1f}" height="{high}" fill="{WASH}"/>'
        )
    for level in (base, base + (top - base) / 2):
        parts.append(
            f'<line x1="{LEFT}" y1="{y(level):.1f}" x2="{WIDTH - RIGHT}" y2="{y(level):.1f}" stroke="{HAIR}"/>'
        )
        parts.append(
            f'<text x="{LEFT - 6}" y="{y(level) + 4:.1f}" text-anchor="end" fill="{QUIET}">{escape(said(level))}</text>'
        )
    if limit is not None:  # its words at the left: what hurts is at the right
        parts.append(
            f'<line x1="{LEFT}" y1="{y(limit):.1f}" x2="{WIDTH - RIGHT}" y2="{y(limit):.1f}" stroke="{QUIET}"'
            f' stroke-dasharray="5 4"/><text x="{LEFT + 4}" y="{y(limit) - 4:.1f}" fill="{QUIET}">'
            f"limit {escape(said(limit))}</text>"
        )
    parts += _ticks(since_s, until_s, x)
    for points in _runs(at, val, gap_s):
        path = " ".join(f"{x(m):.1f},{y(v):.1f}" for m, v in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.4"/>')
    free_from = float(LEFT)
    for mark in sorted(marks, key=lambda m: m.at_s):
        if not since_s <= mark.at_s <= until_s:
            continue
        at_x = x(mark.at_s)
        dash = {"deploy": "", "rollback": ' stroke-dasharray="6 3"'}.get(mark.kind, ' stroke-dasharray="1 3"')
        parts.append(
            f'<line x1="{at_x:.1f}" y1="{TOP - 6}" x2="{at_x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="{INK}"{dash}/>'
        )
        text = visible(mark.text)  # a control character is no XML: the whole chart would be gone
        words = text if len(text) <= 26 else text[:25] + "…"
        long = 6.0 * len(words)
        if mark.kind in ("deploy", "rollback", "alert") and at_x - long > free_from:
            parts.append(
                f'<text x="{at_x - 3:.1f}" y="{TOP + 2}" text-anchor="end" fill="{INK}">{escape(words)}</text>'
            )
            free_from = at_x
    if not finite.size:
        parts.append(
            f'<text x="{LEFT + wide / 2}" y="{TOP + high / 2}" text-anchor="middle" fill="{QUIET}">nothing recorded</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def _ticks(since_s: float, until_s: float, x: Callable[[float], float]) -> list[str]:
    length = until_s - since_s
    step = next((s for s in (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200) if length / s <= 7), 14_400)
    first = math.ceil(since_s / step) * step
    parts = []
    for moment in np.arange(first, until_s, step).tolist():
        words = datetime.fromtimestamp(moment, UTC).strftime("%H:%M" if step >= 60 else "%H:%M:%S")
        if x(moment) + WIDE_LETTER * len(words) / 2 > WIDTH:
            continue  # it would be cut at the edge
        parts.append(f'<text x="{x(moment):.1f}" y="{HEIGHT - 6}" text-anchor="middle" fill="{QUIET}">{words}</text>')
    return parts


def _runs(at: Floats, value: Floats, gap_s: float) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = []
    for moment, level in zip(at.tolist(), value.tolist(), strict=True):
        if not math.isfinite(level):
            runs.append([])
            continue
        if not runs or not runs[-1] or moment - runs[-1][-1][0] > gap_s:
            runs.append([])
        runs[-1].append((moment, level))
    return [run for run in runs if run]
