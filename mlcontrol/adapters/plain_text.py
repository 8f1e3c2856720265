"""Text that came from a server, made fit to be shown: bounded, on one line, control and bidi characters escaped."""

from __future__ import annotations

import unicodedata

SHOWN_CHARS = 200
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def plain(text: str, limit: int = SHOWN_CHARS) -> str:
    """One line of at most ``limit`` characters (an ellipsis included); nothing in it can steer a terminal or a label."""
    window = text[: limit * 4]
    line = " ".join("".join(_visible(char) for char in window).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def sentence(text: str, limit: int = SHOWN_CHARS) -> str:
    """As `plain`, closed with a full stop, to stand between other sentences; empty stays empty."""
    line = plain(text, limit)
    return line if not line or line.endswith((".", "!", "?", "…")) else line + "."


def _visible(char: str) -> str:
    if char in "\r\n\t":
        return " "
    return f"\\u{ord(char):04x}" if unicodedata.category(char) in _HIDDEN else char
