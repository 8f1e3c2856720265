"""Pages of a postmortem: no heading alone at the foot of a page, no chart wider than the page."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mlcontrol.engine.wiring import bundled

PAGE = (672, 1000)


def laid_out(lines: int) -> Any:
    from PySide6.QtCore import QSizeF
    from PySide6.QtGui import QTextDocument

    pages = QTextDocument()
    table = "<table><tr><td>11:36:45</td><td>router</td><td>Traffic goes to v6</td></tr></table>"
    pages.setHtml(
        "<p>filler</p>" * lines + f"<h2>Timeline</h2>{table}<h2>To do</h2><ul><li>one</li></ul><h2>Last</h2><p>end</p>"
    )
    pages.setPageSize(QSizeF(*PAGE))
    return pages


def alone(pages: Any) -> list[str]:
    from mlcontrol.gui.print_pages import headings

    return [block.text() for block, beside in headings(pages) if not beside]


@pytest.mark.parametrize("lines", range(20, 44, 2))
def test_every_heading_stands_on_the_page_of_what_follows(qapp: Any, lines: int) -> None:
    from mlcontrol.gui.print_pages import keep_headings

    pages = laid_out(lines)
    keep_headings(pages)
    assert alone(pages) == []


def test_twin_without_it_some_heading_is_left_alone(qapp: Any) -> None:
    assert any(alone(laid_out(lines)) for lines in range(10, 60))


def test_charts_are_not_wider_than_the_page() -> None:
    """A4 less its margins is 672 dots wide; what is wider is cut at the right without a word."""
    text = (bundled("postmortem") / "printable.html.j2").read_text()
    widths = [int(width) for width in re.findall(r'<img[^>]* width="(\d+)"', text)]
    assert widths
    assert max(widths) <= PAGE[0]
