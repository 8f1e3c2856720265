"""Every theme can be read: text and states at 4.5:1 on every surface they stand on, chart pens at 3:1."""

from __future__ import annotations

from dataclasses import fields

import pytest
from PySide6.QtGui import QColor

from mlcontrol.gui.tokens import THEMES, Tokens, load_tokens


def luminance(colour: QColor) -> float:
    parts = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(a: QColor, b: QColor) -> float:
    bright, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def faults(t: Tokens) -> list[str]:
    surfaces = {f"surface.{f.name}": getattr(t.surface, f.name) for f in fields(t.surface)}
    washes = {f"wash.{f.name}": getattr(t.wash, f.name) for f in fields(t.wash)}
    grounds = surfaces | washes
    pairs = [
        (f"text.{n}", getattr(t.text, n), where, ground, 4.5)
        for n in ("primary", "secondary", "quiet")
        for where, ground in grounds.items()
    ]
    for state in ("ok", "warning", "critical", "unknown", "stale"):
        pairs += [(f"state.{state}", t.state.of(state), where, ground, 4.5) for where, ground in surfaces.items()]
        pairs.append((f"state.{state}", t.state.of(state), f"wash.{state}", t.wash.of(state), 4.5))
    for i in range(6):
        pairs += [
            (f"version {i}", t.version.slot(i), where, surfaces[where], 3.0)
            for where in ("surface.plot", "surface.panel", "surface.selection")
        ]
    pairs += [
        ("text.on_accent", t.text.on_accent, "accent", t.accent.accent, 4.5),
        ("production", t.environment.on_production, "production", t.environment.production, 4.5),
        ("focus", t.accent.focus, "surface.window", t.surface.window, 3.0),
    ]
    return [f"{what} on {where}: {contrast(a, b):.2f}" for what, a, where, b, least in pairs if contrast(a, b) < least]


@pytest.mark.parametrize("name", THEMES)
def test_theme_can_be_read(name: str) -> None:
    assert faults(load_tokens(name)) == []


def test_a_grey_on_grey_theme_is_found() -> None:
    t = load_tokens("dark")
    grey = type(t.text)(*(QColor("#444444") for _ in fields(t.text)))
    broken = type(t)(t.name, t.surface, grey, t.line, t.accent, t.state, t.wash, t.environment, t.version)
    assert any(fault.startswith("text.primary") for fault in faults(broken))
