"""What a logged value is, and so how it is drawn: text, table, ranked list, series, picture, sound, or JSON as it stands."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlcontrol.gui.viewmodels.phrases import value_text, visible_text
from mlcontrol.gui.viewmodels.review_media import Sound, encoded, is_picture, sound_of_samples, sound_of_wav

LONG_TEXT = 60
LEAST_SERIES = 12
MOST_ROWS = 200
MOST_TEXT = 20_000
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_SOUND = ("audio", "sound", "waveform", "wav", "pcm")


class BlockKind(StrEnum):
    TEXT = "text"
    TABLE = "table"
    RANKED = "ranked"
    SERIES = "series"
    SOUND = "sound"
    PICTURE = "picture"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class ColourPicture:
    """Values 0..255, row by row, red, green, blue."""

    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """One value ready to draw. ``rows``: of a table (the first is its head) or a ranked list (label, score text). ``values``: of a
    series. ``note``: what was left out or cannot be done, in words."""

    name: str
    kind: BlockKind
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    values: tuple[float, ...] = ()
    picture: ColourPicture | None = None
    encoded: bytes = b""
    sound: Sound | None = None
    note: str = ""


def block_of(name: str, value: Any, rate_hz: float | None = None) -> Block | None:
    """`None` for a single short value: that is a fact, not a block. ``rate_hz``: of a sound, where the item names one."""
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list | dict | str):
        value = value[0]
    shown = visible_text(name, 60)
    if isinstance(value, str):
        if (media := _media(shown, value)) is not None:
            return media
        return Block(shown, BlockKind.TEXT, _visible(value)) if len(value) > LONG_TEXT or "\n" in value else None
    if isinstance(value, dict):
        return _of_mapping(shown, value)
    if not isinstance(value, list) or len(value) < 2:
        return None
    if (picture := _colours(value)) is not None:
        return Block(shown, BlockKind.PICTURE, picture=picture)
    if all(_number(v) for v in value):
        if len(value) < LEAST_SERIES:
            return None
        values = tuple(float(v) for v in value)
        if any(word in name.lower() for word in _SOUND):
            return Block(shown, BlockKind.SOUND, sound=sound_of_samples(values, rate_hz))
        return Block(shown, BlockKind.SERIES, values=values)
    if all(isinstance(v, dict) for v in value):
        return _of_records(shown, value)
    if all(isinstance(v, str) for v in value):
        rows = tuple((visible_text(v, 300), "") for v in value[:MOST_ROWS])
        return Block(shown, BlockKind.RANKED, rows=rows, note=_cut(len(value)))
    return _json_block(shown, value)


def _media(name: str, text: str) -> Block | None:
    """A picture or a sound that is written as base 64."""
    data = encoded(text)
    if data is None:
        return None
    if is_picture(data):
        return Block(name, BlockKind.PICTURE, encoded=data)
    sound = sound_of_wav(data)
    if sound is not None:
        return Block(name, BlockKind.SOUND, sound=sound)
    return Block(name, BlockKind.TEXT, f"{len(data):,} bytes that this program cannot draw")


def _of_mapping(name: str, value: dict[str, Any]) -> Block | None:
    columns = list(value.values())
    if columns and all(isinstance(c, list) and len(c) == len(columns[0]) and len(c) > 1 for c in columns):
        head = tuple(visible_text(str(k), 60) for k in value)
        rows = [tuple(_cell(c[i]) for c in columns) for i in range(min(MOST_ROWS, len(columns[0])))]
        return Block(name, BlockKind.TABLE, rows=(head, *rows), note=_cut(len(columns[0])))
    if len(value) > 1 and all(_number(v) for v in value.values()):
        ranked = sorted(value.items(), key=lambda pair: -float(pair[1]))
        rows_ = tuple((visible_text(str(k), 120), value_text(float(v))) for k, v in ranked[:MOST_ROWS])
        return Block(name, BlockKind.RANKED, rows=rows_, note=_cut(len(ranked)))
    return _json_block(name, value) if value else None


def _of_records(name: str, records: Sequence[dict[str, Any]]) -> Block:
    keys = list(dict.fromkeys(key for record in records[:MOST_ROWS] for key in record))
    label = next((k for k in ("label", "name", "title", "id", "text") if k in keys), None)
    score = next((k for k in ("score", "probability", "rank", "similarity") if k in keys), None)
    if label is not None and score is not None and len(keys) <= 3:
        rows = tuple((_cell(r.get(label)), _cell(r.get(score))) for r in records[:MOST_ROWS])
        return Block(name, BlockKind.RANKED, rows=rows, note=_cut(len(records)))
    head = tuple(visible_text(str(k), 60) for k in keys[:12])
    body = tuple(tuple(_cell(r.get(k)) for k in keys[:12]) for r in records[:MOST_ROWS])
    note = _cut(len(records)) + (f" {len(keys) - 12} columns more." if len(keys) > 12 else "")
    return Block(name, BlockKind.TABLE, rows=(head, *body), note=note.strip())


def _colours(value: list[Any]) -> ColourPicture | None:
    """Height, width, three channels, as nested lists."""
    try:
        height, width = len(value), len(value[0])
        if height < 2 or width < 2 or not all(len(row) == width for row in value):
            return None
        if not all(isinstance(p, list) and len(p) == 3 for row in value for p in row):
            return None
        flat = [float(c) for row in value for p in row for c in p]
    except (TypeError, ValueError, IndexError, KeyError):
        return None
    top = 1.0 if max(flat) <= 1.0 else 255.0
    return ColourPicture(width, height, bytes(max(0, min(255, round(255 * c / top))) for c in flat))


def _json_block(name: str, value: Any) -> Block:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    note = "The rest is left out." if len(text) > MOST_TEXT else ""
    return Block(name, BlockKind.JSON, _visible(text[:MOST_TEXT]), note=note)


def _visible(text: str) -> str:
    """Line breaks stay; other control characters are shown."""
    return "\n".join(visible_text(line, MOST_TEXT) for line in text[:MOST_TEXT].split("\n"))


def _cell(value: Any) -> str:
    if value is None:
        return "?"
    if _number(value):
        return value_text(value) if isinstance(value, float) else str(value)
    return visible_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), 200)


def _number(value: Any) -> bool:
    """Finite, and within what can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def _cut(n: int) -> str:
    return f"The first {MOST_ROWS} of {n}." if n > MOST_ROWS else ""


def differences(first: str, second: str) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """(start, length) of what is only in the first text, and of what is only in the second, by words."""
    a, b = _WORDS.findall(first), _WORDS.findall(second)
    spans_a: list[tuple[int, int]] = []
    spans_b: list[tuple[int, int]] = []
    at_a = [0]
    for word in a:
        at_a.append(at_a[-1] + len(word))
    at_b = [0]
    for word in b:
        at_b.append(at_b[-1] + len(word))
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag != "equal":
            if i2 > i1:
                spans_a.append((at_a[i1], at_a[i2] - at_a[i1]))
            if j2 > j1:
                spans_b.append((at_b[j1], at_b[j2] - at_b[j1]))
    return tuple(spans_a), tuple(spans_b)
