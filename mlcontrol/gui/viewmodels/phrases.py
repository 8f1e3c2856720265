"""How numbers, ages, times and versions read on every page. UTC, 24 hours, a unit on each number, `?` for what is not known."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from mlcontrol.core.visible import visible

UNKNOWN = "?"
LARGE, HUGE = 1e4, 1e15  # between them a number is written out


def version_text(version: str | None) -> str:
    """ "3" reads "v3"; names that are no number stay as they are."""
    if not version:
        return UNKNOWN
    return f"v{version}" if version[0].isdigit() else version


def duration_text(seconds: float | None) -> str:
    """Two units at most: "0.4 s", "12 s", "3 min 26 s", "2 h 10 min", "6 d"."""
    if seconds is None or math.isnan(seconds):
        return UNKNOWN
    seconds = max(0.0, seconds)
    if seconds < 0.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    if whole < 86_400:
        hours, rest = divmod(whole // 60, 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{whole // 86_400} d"


def coarse_text(seconds: float | None) -> str:
    """One unit, for narrow cells: "94 s", "3 min", "2 h"."""
    if seconds is not None and 1 <= seconds < 100:
        return f"{seconds:.0f} s"
    return " ".join(duration_text(seconds).split(" ")[:2])


def age_text(at_s: float | None, now_s: float) -> str:
    """ "4 s ago", "now", or `?` when it never happened. Both are UTC seconds."""
    if at_s is None:
        return UNKNOWN
    age_s = now_s - at_s
    return "now" if age_s < 1 else f"{duration_text(age_s)} ago"


def clock_text(at_s: float | None) -> str:
    """ "14:06:19" in UTC."""
    return UNKNOWN if at_s is None else _utc(at_s).strftime("%H:%M:%S")


def left_text(seconds: float) -> str:
    """One unit, for a narrow place: "40 s", "90 min", "23 h", "3 d"."""
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{max(0.0, seconds) / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"


def moment_text(at_s: float | None) -> str:
    """ "2026-11-23 14:06:19 UTC"."""
    return UNKNOWN if at_s is None else _utc(at_s).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso_text(at_s: float) -> str:
    """ISO 8601 with milliseconds, for exports."""
    return _utc(at_s).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def bytes_text(size: float | None) -> str:
    """Decimal units: "86.2 MB"."""
    if size is None or math.isnan(size):
        return UNKNOWN
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def percent_text(share: float | None, digits: int = 1) -> str:
    """A share of 0..1 as "6.4 %"."""
    if share is None or math.isnan(share):
        return UNKNOWN
    return f"{100 * share:.{digits}f} %" if abs(100 * share) < LARGE else f"{metric_text(100 * share)} %"


def milliseconds_text(value: float) -> str:
    """ "80.8 ms", "118 ms", "8874 s"."""
    if math.isnan(value):
        return UNKNOWN
    if abs(value) >= LARGE:
        return f"{metric_text(round(value / 1000))} s"
    return f"{value:.0f} ms" if abs(value) >= 100 else f"{value:.3g} ms"


def rate_text(per_s: float | None) -> str:
    if per_s is None or math.isnan(per_s):
        return UNKNOWN
    if abs(per_s) < 10:
        return f"{per_s:.1f} /s"
    return f"{per_s:,.0f} /s".replace(",", " ") if abs(per_s) < LARGE else f"{metric_text(per_s)} /s"


def count_text(n: int, one: str, many: str | None = None) -> str:
    """ "1 warning", "4 warnings", "18 204 rows"."""
    word = one if n == 1 else (many or one + "s")
    return f"{whole_text(n)} {word}"


def whole_text(n: int) -> str:
    """ "18 204"."""
    return f"{n:,}".replace(",", " ")


def metric_text(value: float) -> str:
    """Four significant digits without an exponent for everyday sizes."""
    if math.isnan(value):
        return UNKNOWN
    return f"{value:,.0f}".replace(",", " ") if LARGE <= abs(value) < HUGE else f"{value:.4g}"


def value_text(value: float) -> str:
    """What a caller sent or a model answered: the seven digits that a 32-bit number holds; everyday sizes without an exponent."""
    if not LARGE <= abs(value) < HUGE:
        return UNKNOWN if math.isnan(value) else f"{value:.7g}"
    return (
        f"{value:.{max(0, 6 - int(math.log10(abs(value))))}f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
    )


def middle_elided(text: str, limit: int) -> str:
    """Cut in the middle, both ends kept; the whole text belongs in the tool tip."""
    if len(text) <= limit:
        return text
    head = (limit - 1 + 1) // 2
    tail = limit - 1 - head
    return text[:head] + "…" + (text[-tail:] if tail else "")


def visible_text(text: str, limit: int = 2000) -> str:
    """Text of a server as it may be shown: control, bidirectional and zero-width characters become visible escapes."""
    shown = visible(text[: limit + 1])
    return shown if len(text) <= limit else shown[:limit] + "…"


def _utc(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
