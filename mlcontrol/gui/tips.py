"""Tool tips of foreign text: Qt takes what looks like mark-up for mark-up, and loads the local files that it names."""

from __future__ import annotations


def plain_tip(text: str) -> str:
    """The same words, for `setToolTip` and its kin: shown literally whatever they hold."""
    if "<" not in text:
        return text
    # As `html.escape` does, which loads every name that HTML has for a character, before the first window.
    literal = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<p style='white-space:pre-wrap'>{literal}</p>"
