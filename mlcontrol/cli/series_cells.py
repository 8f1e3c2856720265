"""Columns of text as times and as numbers, in the forms people write them: epochs of any unit, dates of any land, commas, units."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite, nan

import numpy as np

from mlcontrol.core.signals.noise import Floats

MISSING = {"", "nan", "null", "none", "na", "n/a", "#n/a", "-", "--", "?", "<na>", "nat", "missing"}
_EPOCHS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""From so large on it is counted in so many parts of a second: 1e11 s is the year 5138, 1e11 ms is 1973."""
_DAY_FIRST = re.compile(r"^(\d{1,2})([./-])(\d{1,2})\2(\d{4})(.*)$")
_COMPACT = re.compile(r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])[0-5]\d[0-5]\d)?$")
_ZONE = re.compile(r"\s*(?:UTC|GMT|([+-]\d{2}:?\d{2})(?:\s+[A-Z]{3,4}))$")
_GROUPED = re.compile(r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$")
_DOTTED = re.compile(r"^[-+]?\d{1,3}(\.\d{3})+$")
_WITH_UNIT = re.compile(r"^([-+]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s.,+-][^\d]*)$")
_TRUTH = {"true": 1.0, "yes": 1.0, "on": 1.0, "up": 1.0, "t": 1.0, "y": 1.0}
_FALSE = {"false": 0.0, "no": 0.0, "off": 0.0, "down": 0.0, "f": 0.0, "n": 0.0}
_SIZES = {
    "s": {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0},
    "B": {
        "B": 1.0,
        "kB": 1e3,
        "KB": 1e3,
        "MB": 1e6,
        "GB": 1e9,
        "TB": 1e12,
        "KiB": 2.0**10,
        "MiB": 2.0**20,
        "GiB": 2.0**30,
    },
}
_UNITS = {unit: (base, size) for base, sizes in _SIZES.items() for unit, size in sizes.items()}


@dataclass(frozen=True, slots=True)
class Numbers:
    """``words``: cells that are neither a number nor missing, ``first``: the row of the first, -1 where there is none."""

    values: Floats
    words: int = 0
    first: int = -1
    note: str = ""


def numbers_of(cells: Sequence[str], delimiter: str = ",") -> Numbers:
    try:
        return Numbers(_finite(np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))))
    except ValueError:
        plain = _read(cells, _float)
    if not plain.words:
        return plain
    best = plain
    for form in (_with_commas, _with_units, _truths):
        other = form(cells, delimiter)
        if other is not None and other.words < best.words:
            best = other
    return best


def _finite(values: Floats) -> Floats:
    values[~np.isfinite(values)] = nan
    return values


def _read(cells: Sequence[str], number: Callable[[str], float], note: str = "") -> Numbers:
    values = np.fromiter(map(number, cells), dtype=np.float64, count=len(cells))
    odd = [i for i in np.flatnonzero(~np.isfinite(values)).tolist() if not is_missing(cells[i])]
    return Numbers(_finite(values), len(odd), odd[0] if odd else -1, note)


def is_missing(cell: str) -> bool:
    text = cell.strip().casefold()
    return text in MISSING or text.lstrip("+-") in ("inf", "infinity")


def _float(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return nan


def _with_commas(cells: Sequence[str], delimiter: str) -> Numbers | None:
    commas = [cell.strip() for cell in cells if "," in cell]
    if not commas:
        return None
    if delimiter == "," and all(_GROUPED.match(cell) for cell in commas):
        return _read(cells, lambda cell: _float(cell.replace(",", "")), "its commas part thousands")
    dots_part = any("." in cell and cell.rfind(".") < cell.rfind(",") for cell in commas)

    def number(cell: str) -> float:
        text = re.sub(r"[\s'’]", "", cell)
        if "," in text or (dots_part and _DOTTED.match(text)):
            text = text.replace(".", "").replace(",", ".")
        return _float(text)

    return _read(cells, number, "its commas are decimal points")


def _with_units(cells: Sequence[str], delimiter: str) -> Numbers | None:
    found = [_WITH_UNIT.match(cell.strip()) for cell in cells]
    units = Counter(one[2].strip() for one in found if one)
    if not units or sum(units.values()) < len(cells) / 10:
        return None
    unit = units.most_common(1)[0][0]
    kinds = {_UNITS.get(name, (name, 1.0))[0] for name in units}
    if len(kinds) > 1:
        return None
    bare = numbers_of([one[1] if one else cell for one, cell in zip(found, cells, strict=True)], delimiter)
    if len(units) == 1:
        return Numbers(bare.values, bare.words, bare.first, f"its values are in {unit}")
    own = _UNITS[unit][1]
    factors = np.array([_UNITS[one[2].strip()][1] / own if one else 1.0 for one in found])
    return Numbers(
        bare.values * factors, bare.words, bare.first, f"its values are in several units; all are taken in {unit}"
    )


def _truths(cells: Sequence[str], _: str) -> Numbers | None:
    known = {**_TRUTH, **_FALSE}
    words = {cell.strip().casefold() for cell in cells if not is_missing(cell)}
    if not words or not words <= set(known):
        return None
    true = next((cell for cell in cells if cell.strip().casefold() in _TRUTH), "true").strip()
    return _read(cells, lambda cell: known.get(cell.strip().casefold(), nan), f"{true} counts as 1, all else as 0")


def moments_of(cells: Sequence[str]) -> tuple[Floats, str]:
    """UTC seconds by row, NaN where there is no time to be read, and what had to be supposed. Times without a zone are UTC."""
    try:
        raw = np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))
    except ValueError:
        pass
    else:
        if all(_COMPACT.match(cell.strip()) for cell in cells):
            return np.array([_calendar(cell.strip()) for cell in cells], dtype=np.float64), ""
        return epochs(raw), ""
    try:
        return np.fromiter((_seconds(datetime.fromisoformat(cell)) for cell in cells), np.float64, len(cells)), ""
    except ValueError:
        day_first, note = _order(cells)
        return np.array([_moment(cell.strip(), day_first) for cell in cells], dtype=np.float64), note


def epochs(raw: Floats) -> Floats:
    """Seconds, milli-, micro- or nanoseconds since 1970 as seconds."""
    values = _finite(raw.copy())
    size = np.abs(values)
    for i, (limit, unit) in enumerate(_EPOCHS):
        below = _EPOCHS[i - 1][0] if i else np.inf
        here = (size >= limit) & (size < below)
        values[here] /= unit
    return values


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _calendar(text: str) -> float:
    return _moment(
        f"{text[:4]}-{text[4:6]}-{text[6:8]}" + (f" {text[8:10]}:{text[10:12]}:{text[12:]}" if text[8:] else ""), True
    )


def _order(cells: Sequence[str]) -> tuple[bool, str]:
    """Whether 03/04/2026 is the third of April, as told by the days beyond the twelfth."""
    found = [one for one in (_DAY_FIRST.match(cell.strip()) for cell in cells) if one]
    if any(int(one[1]) > 12 for one in found) or not found:
        return True, ""
    if any(int(one[3]) > 12 for one in found):
        return False, ""
    if found[0][2] == ".":  # nobody writes the month first with full stops
        return True, ""
    return True, f"{found[0][0]} may be read in two ways; the day is taken to come first"


def _moment(text: str, day_first: bool) -> float:
    try:
        return float(epochs(np.array([float(text.replace(",", "."))]))[0])
    except ValueError:
        pass
    zone = _ZONE.search(text)
    if zone:
        text = text[: zone.start()] + (zone[1] or "+00:00")
    dated = _DAY_FIRST.match(text)
    if dated:
        day, month = (dated[1], dated[3]) if day_first else (dated[3], dated[1])
        text = f"{dated[4]}-{int(month):02d}-{int(day):02d}{dated[5].replace(', ', ' ')}"
    text = text.replace("/", "-").replace(",", ".")
    for form in (datetime.fromisoformat, _with_a_clock, _in_words):
        try:
            return _seconds(form(text))
        except (ValueError, IndexError, TypeError):
            continue
    return nan


def _with_a_clock(text: str) -> datetime:
    """2026-03-04 3:05 and 2026-03-04 3:05:06 PM."""
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError


def _in_words(text: str) -> datetime:
    """As in mails and HTTP headers: Tue. 03 Mar 2026 04:05:06 +0000."""
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text.replace(".", ",", 1))


def is_finite_time(cell: str) -> bool:
    """Whether one cell is a time of the recent past or the future, and no plain number."""
    at_s = _moment(cell.strip(), True)
    return isfinite(at_s) and (_float(cell) != _float(cell) or abs(at_s) > 1e8)
