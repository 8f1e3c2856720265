"""Boxes and masks that belong on a picture: read from an answer, an expectation or the inputs themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlcontrol.gui.viewmodels.phrases import count_text, metric_text, visible_text

MOST_BOXES = 200
MOST_MASK = 1 << 22
_CORNERS = (("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"), ("left", "top", "right", "bottom"))
_SIZED = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))


@dataclass(frozen=True, slots=True)
class Box:
    """Corners in pixels of the picture, or in shares of it where all of an overlay's corners lie in 0..1."""

    x1: float
    y1: float
    x2: float
    y2: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class Mask:
    """0 or 1 a cell, row by row; stretched over the picture."""

    width: int
    height: int
    cells: bytes


@dataclass(frozen=True, slots=True)
class Overlay:
    """``title``: whose it is. ``relative``: corners are shares of the picture. ``note``: how corners were read."""

    title: str
    boxes: tuple[Box, ...] = ()
    mask: Mask | None = None
    relative: bool = False
    note: str = ""

    @property
    def words(self) -> str:
        parts = []
        if self.boxes:
            named = ", ".join(box.words for box in self.boxes[:8] if box.words)
            parts.append(count_text(len(self.boxes), "box", "boxes") + (f": {named}" if named else ""))
        if self.mask is not None:
            share = sum(self.mask.cells) / max(1, len(self.mask.cells))
            parts.append(f"a mask over {100 * share:.0f} %")
        return f"{self.title}: {' and '.join(parts)}"


def overlay_of(title: str, values: Mapping[str, Any]) -> tuple[Overlay | None, frozenset[str]]:
    """What of ``values`` belongs on the picture, and which names it took (labels and scores of boxes among them)."""
    boxes: tuple[Box, ...] = ()
    mask: Mask | None = None
    note, used = "", set()
    for name, value in values.items():
        lowered = name.lower()
        if not boxes and ("box" in lowered or "detection" in lowered or "object" in lowered):
            labels, scores = _beside(values, "labels", "classes"), _beside(values, "scores", "confidences")
            boxes, note = _boxes(value, labels[1], scores[1], lowered)
            if boxes:
                used |= {name, *(found for found, column in (labels, scores) if column)}
        elif mask is None and ("mask" in lowered or "segment" in lowered):
            mask = _mask(value)
            if mask is not None:
                used.add(name)
    if not boxes and mask is None:
        return None, frozenset()
    flat = [v for box in boxes for v in (box.x1, box.y1, box.x2, box.y2)]
    relative = bool(flat) and max(flat) <= 1.0
    return Overlay(title, boxes, mask, relative, note), frozenset(used)


def _beside(values: Mapping[str, Any], *names: str) -> tuple[str, Sequence[Any]]:
    for name in names:
        if isinstance(values.get(name), list):
            return name, values[name]
    return "", ()


def _boxes(value: Any, labels: Sequence[Any], scores: Sequence[Any], name: str) -> tuple[tuple[Box, ...], str]:
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list) and value[0]:
        if not isinstance(value[0][0], list | dict):
            break
        value = value[0]
    if not isinstance(value, list) or not value:
        return (), ""
    found, note = [], ""
    for i, one in enumerate(value[:MOST_BOXES]):
        corners, words = None, ""
        if isinstance(one, dict):
            corners, note = _of_record(one)
            words = _words(one.get("label", one.get("class", one.get("name"))), one.get("score", one.get("confidence")))
        elif isinstance(one, list) and len(one) >= 4 and all(_number(v) for v in one[:4]):
            corners, note = _of_list(one, sized="xywh" in name or "coco" in name)
        if corners is None:
            return (), ""
        if not words:
            words = _words(labels[i] if i < len(labels) else None, scores[i] if i < len(scores) else None)
        found.append(Box(*corners, words))
    return tuple(found), note


def _of_record(one: Mapping[str, Any]) -> tuple[tuple[float, float, float, float] | None, str]:
    inner = one.get("box", one.get("bbox"))
    if isinstance(inner, dict):
        return _of_record(inner)
    if isinstance(inner, list) and len(inner) == 4 and all(_number(v) for v in inner):
        return _of_list(inner, sized="bbox" in one)  # "bbox" is COCO's word, and COCO says width and height
    for names, sized in (*((n, False) for n in _CORNERS), *((n, True) for n in _SIZED)):
        if all(_number(one.get(name)) for name in names):
            return _of_list([one[name] for name in names], sized=sized)
    return None, ""


def _of_list(four: Sequence[float], *, sized: bool) -> tuple[tuple[float, float, float, float], str]:
    a, b, c, d = (float(v) for v in four[:4])
    if sized:
        return (a, b, a + c, b + d), "boxes read as x, y, width, height"
    return (a, b, c, d), "boxes read as left, top, right, bottom"


def _mask(value: Any) -> Mask | None:
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if not isinstance(value, list) or len(value) < 2 or not isinstance(value[0], list):
        return None
    height, width = len(value), len(value[0])
    if width < 2 or height * width > MOST_MASK or not all(isinstance(row, list) and len(row) == width for row in value):
        return None
    if not all(isinstance(v, int | float) for row in value for v in row):
        return None
    return Mask(width, height, bytes(1 if v > 0.5 else 0 for row in value for v in row))


def _words(label: Any, score: Any) -> str:
    shown = "" if label is None else visible_text(str(label), 40)
    return f"{shown} {metric_text(float(score))}".strip() if _number(score) else shown


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9
