"""Colours that must be told apart still can be with the three kinds of dichromacy; what cannot differs by glyph, dash or word.

Simulation: Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15
(2009), table of severity 1.0, in linear RGB. Distance: CIE 1976 in L*a*b* under D65; 2.3 is a just noticeable difference.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PySide6.QtGui import QColor

from mlcontrol.core.types import SeriesData, SeriesKey
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.tokens import THEMES, Tokens, load_tokens
from mlcontrol.gui.viewmodels.chart_rows import ChartRow
from mlcontrol.gui.viewmodels.service_charts import chart_rows

SEEN_BY = {
    "everybody": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ.sum(axis=1)
LEAST = 12.0  # five just noticeable differences, between lines that may lie on each other


def lab(colour: QColor, eyes: object) -> np.ndarray:
    """L*, a*, b* of a colour as these eyes see it."""
    rgb = np.array([colour.redF(), colour.greenF(), colour.blueF()])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    share = TO_XYZ @ np.clip(np.asarray(eyes) @ linear, 0, 1) / WHITE
    f = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def confused(colours: dict[str, QColor], eyes: object) -> list[str]:
    return [
        f"{a} and {b}: {distance:.1f}"
        for (a, one), (b, other) in itertools.combinations(colours.items(), 2)
        if (distance := float(np.linalg.norm(lab(one, eyes) - lab(other, eyes)))) < LEAST
    ]


def versions(t: Tokens, count: int = 5) -> dict[str, QColor]:
    return {f"v{i + 1}": t.version.slot(i) for i in range(count)}


@pytest.mark.parametrize("eyes", SEEN_BY)
@pytest.mark.parametrize("name", THEMES)
def test_versions_are_told_apart(name: str, eyes: str) -> None:
    t = load_tokens(name)
    assert confused(versions(t), SEEN_BY[eyes]) == []
    assert confused(versions(t, 3) | {"ink of what has no version": t.text.primary}, SEEN_BY[eyes]) == []


@pytest.mark.parametrize("eyes", SEEN_BY)
@pytest.mark.parametrize("name", THEMES)
def test_baseline_and_candidate_are_far_apart_and_so_are_critical_and_unknown(name: str, eyes: str) -> None:
    t = load_tokens(name)
    for one, other in ((t.version.slot(0), t.version.slot(1)), (t.state.critical, t.state.unknown)):
        assert np.linalg.norm(lab(one, SEEN_BY[eyes]) - lab(other, SEEN_BY[eyes])) >= 2 * LEAST


def styled(t: Tokens, row: ChartRow) -> dict[str, dict[str, QColor]]:
    """The lines of a row that differ by colour alone: by style, then by name."""
    found: dict[str, dict[str, QColor]] = {}
    for line in row.lines:
        colour = t.version.slot(line.slot) if line.slot is not None else None
        found.setdefault(line.style, {})[line.label] = colour or (
            getattr(t.text, line.tone) if line.tone in ("primary", "secondary", "quiet") else t.state.of(line.tone)
        )
    return found


def rows_of_many_lines() -> list[ChartRow]:
    at = np.arange(0.0, 100.0, 5.0).tobytes()
    keys = [SeriesKey("s", "error_share", (("type", f"e{i}"),)) for i in range(5)]
    keys += [SeriesKey("s", "cpu_share", (("source", f"node{i}"),)) for i in range(6)]
    keys += [SeriesKey("s", "slice_share", (("slice", "region"), ("value", f"r{i}"))) for i in range(6)]
    for version in ("", "1", "2", "3"):
        for q in ("0.5", "0.9", "0.99"):
            keys.append(SeriesKey("s", "latency_ms", (("quantile", q), ("version", version))))
            keys.append(SeriesKey("s", "caller_latency_ms", (("quantile", q), ("version", version))))
    store = SeriesStore("s")
    store.take_history([SeriesData(key, at, np.ones(20).tobytes()) for key in keys])
    return [row for row in chart_rows(store, 0.0, 100.0, 5.0, {}) if row.lines]


@pytest.mark.parametrize("eyes", SEEN_BY)
@pytest.mark.parametrize("name", THEMES)
def test_lines_of_a_row_are_told_apart_by_colour_or_by_dashes(name: str, eyes: str) -> None:
    t, rows = load_tokens(name), rows_of_many_lines()
    assert {row.id for row in rows} >= {"errors", "latency", "cpu_share", "slices"}
    for row in rows:
        for style, lines in styled(t, row).items():
            assert confused(lines, SEEN_BY[eyes]) == [], (row.id, style)


def test_red_against_green_is_found() -> None:
    pair = {"red": QColor("#b05a2a"), "green": QColor("#7d7420")}
    assert confused(pair, SEEN_BY["everybody"]) == []
    assert confused(pair, SEEN_BY["deuteranopia"])
