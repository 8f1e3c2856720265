"""Charts of a postmortem: every word is whole, wherever the span ends, and the limit's words stand clear of what hurts."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from mlcontrol.core.incidents.chart_svg import LEFT, RIGHT, WIDE_LETTER, WIDTH, Mark, chart_svg

TEXT = "{http://www.w3.org/2000/svg}text"
AT = 1_790_000_000.0


def drawn(until_s: float) -> ET.Element:
    at = np.arange(AT, AT + until_s, 5.0)
    value = np.where(at > AT + 0.8 * until_s, 0.2, 0.002)
    marks = (Mark(AT + 0.75 * until_s, "deploy of v3 to everybody and all", "deploy"),)
    wrong = (AT + 0.8 * until_s, AT + until_s)
    said = lambda level: f"{100 * level:.1f} %"  # noqa: E731
    return ET.fromstring(chart_svg("Errors", at, value, AT, AT + until_s, said, limit=0.01, wrong=wrong, marks=marks))


def reach(text: ET.Element) -> tuple[float, float]:
    """From where to where its words go at most."""
    at, wide = float(text.get("x", "0")), WIDE_LETTER * len(text.text or "")
    return {"end": (at - wide, at), "middle": (at - wide / 2, at + wide / 2)}.get(
        text.get("text-anchor", ""), (at, at + wide)
    )


@pytest.mark.parametrize("until_s", [60, 97, 300, 601, 640, 1200, 1807, 3600, 7230])
def test_no_word_is_cut_at_the_edge(until_s: float) -> None:
    texts = drawn(until_s).findall(TEXT)
    assert len([t for t in texts if ":" in (t.text or "")]) >= 2, "the time is told"
    for text in texts:
        left, right = reach(text)
        assert left >= 0, text.text
        assert right <= WIDTH, text.text


def test_twin_a_time_at_the_very_end_would_be_cut() -> None:
    end = ET.Element(TEXT, {"x": str(WIDTH - RIGHT), "text-anchor": "middle"})
    end.text = "11:38"
    assert reach(end)[1] > WIDTH


def test_the_limit_is_told_where_nothing_hurts() -> None:
    (limit,) = [t for t in drawn(600).findall(TEXT) if (t.text or "").startswith("limit")]
    assert reach(limit)[1] < LEFT + 0.5 * (WIDTH - LEFT - RIGHT)
