"""Tool tips of foreign text: Qt takes what looks like mark-up for mark-up, and loads the local files that it names."""

from __future__ import annotations

from html import escape


def plain_tip(text: str) -> str:
    """The same words, for `setToolTip` and its kin: shown literally whatever they hold."""
    if "<" not in text:
        return text
    return f"<p style='white-space:pre-wrap'>{escape(text, quote=False)}</p>"
