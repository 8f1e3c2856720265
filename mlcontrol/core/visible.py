"""Text of people and servers as it may be shown, written to a file or sent on."""

from __future__ import annotations


def visible(text: str) -> str:
    """Control, bidirectional, zero-width and half characters as escapes that are seen; line ends stay."""
    return "".join(char if char == "\n" or char.isprintable() else f"\\u{ord(char):04x}" for char in text)
