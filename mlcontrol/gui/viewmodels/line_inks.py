"""How the lines of one row are told apart: by tone, and by dashes where eyes that see fewer colours would confuse the tones."""

from __future__ import annotations

from mlcontrol.gui.viewmodels.chart_rows import DASH, DOT, LONG, SOLID

Ink = tuple[str, str]
ERRORS: tuple[Ink, ...] = (
    ("critical", SOLID), ("warning", DASH), ("unknown", SOLID), ("secondary", DASH), ("quiet", DOT),
)  # fmt: skip
PLAIN: tuple[Ink, ...] = (
    ("primary", SOLID), ("quiet", SOLID), ("primary", DASH), ("quiet", DASH), ("primary", DOT), ("quiet", DOT),
)  # fmt: skip
QUANTILES = {"0.99": ("p99", "primary", SOLID), "0.9": ("p90", "secondary", DASH), "0.5": ("p50", "quiet", DOT)}
CALLERS: Ink = ("primary", LONG)


def ink(of: tuple[Ink, ...], place: int) -> Ink:
    """Of the line at that place; beyond the last they are alike."""
    return of[min(place, len(of) - 1)]
