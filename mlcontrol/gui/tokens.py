"""Colours of one theme as values. Nothing else holds a colour."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from PySide6.QtGui import QColor

from mlcontrol.gui.resources import resource

THEMES = ("dark", "light", "high_contrast")
STALE = "stale"


@dataclass(frozen=True, slots=True)
class Surface:
    window: QColor
    panel: QColor
    raised: QColor
    control: QColor
    plot: QColor
    selection: QColor


@dataclass(frozen=True, slots=True)
class Text:
    primary: QColor
    secondary: QColor
    quiet: QColor
    on_accent: QColor
    on_state: QColor


@dataclass(frozen=True, slots=True)
class Line:
    hairline: QColor
    border: QColor
    strong: QColor
    grid: QColor


@dataclass(frozen=True, slots=True)
class Accent:
    accent: QColor
    hover: QColor
    focus: QColor


@dataclass(frozen=True, slots=True)
class States:
    ok: QColor
    warning: QColor
    critical: QColor
    unknown: QColor
    stale: QColor

    def of(self, state: str) -> QColor:
        """By `Health` value, or "stale"."""
        colour: QColor = getattr(self, state)
        return colour


@dataclass(frozen=True, slots=True)
class Environment:
    production: QColor
    on_production: QColor
    staging: QColor


@dataclass(frozen=True, slots=True)
class Versions:
    v1: QColor
    v2: QColor
    v3: QColor
    v4: QColor
    v5: QColor
    older: QColor

    def slot(self, index: int) -> QColor:
        """0 is the baseline, 1 the candidate; from 5 on everything is "older"."""
        return (self.v1, self.v2, self.v3, self.v4, self.v5)[index] if 0 <= index < 5 else self.older


@dataclass(frozen=True, slots=True)
class Tokens:
    name: str
    surface: Surface
    text: Text
    line: Line
    accent: Accent
    state: States
    wash: States
    environment: Environment
    version: Versions


_GROUPS: dict[str, type[Any]] = {
    "surface": Surface, "text": Text, "line": Line, "accent": Accent, "state": States, "wash": States,
    "environment": Environment, "version": Versions,
}  # fmt: skip


@cache
def load_tokens(name: str) -> Tokens:
    """Raises `KeyError` when a theme file misses a colour: a broken theme must not start half painted."""
    raw = tomllib.loads(resource("themes", f"{name}.toml").read_text(encoding="utf-8"))
    groups = {
        group: kind(**{field.name: QColor(raw[group][field.name]) for field in fields(kind)})
        for group, kind in _GROUPS.items()
    }
    return Tokens(name=name, **groups)
