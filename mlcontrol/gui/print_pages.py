"""Turns a printable HTML file into PDF pages: `python -m mlcontrol.gui.print_pages IN.html OUT.pdf`. A process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QByteArray, QMarginsF, QSizeF, QUrl
from PySide6.QtGui import (
    QFont,
    QGuiApplication,
    QImage,
    QPageLayout,
    QPageSize,
    QPainter,
    QPdfWriter,
    QTextBlock,
    QTextBlockFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtSvg import QSvgRenderer

STYLE = """
body { color: #1b1f24; }
h1 { font-size: 19pt; margin-top: 0; margin-bottom: 6pt; }
h2 { font-size: 12pt; margin-top: 16pt; margin-bottom: 4pt; }
p, li, td { font-size: 9.5pt; }
th { font-size: 8pt; font-weight: normal; color: #5c6670; }
"""
DOTS_PER_INCH = 96
SHARPNESS = 3
MOST_HEADINGS = 50


class Pages(QTextDocument):
    """Loads charts from beside the file, nothing else: no address is ever followed."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        name = QUrl(name)
        path = self._folder / Path(name.fileName()).name
        if name.host() or path.suffix != ".svg" or not path.is_file():
            return QByteArray()
        renderer = QSvgRenderer(str(path))
        size = renderer.defaultSize()
        image = QImage(size * SHARPNESS, QImage.Format.Format_ARGB32)
        image.fill(0xFFFFFFFF)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        return image


def keep_headings(pages: QTextDocument) -> None:
    """No heading is left alone at the foot of a page: it goes with what follows it. The document's page size is set."""
    for _ in range(MOST_HEADINGS):
        alone = next((block for block, beside in headings(pages) if not beside), None)
        if alone is None:
            return
        whole_page = QTextBlockFormat()
        whole_page.setPageBreakPolicy(QTextFormat.PageBreakFlag.PageBreak_AlwaysBefore)
        QTextCursor(alone).mergeBlockFormat(whole_page)


def headings(pages: QTextDocument) -> Iterator[tuple[QTextBlock, bool]]:
    """Each heading, and whether what follows it begins on the same page."""
    layout, high = pages.documentLayout(), pages.pageSize().height()
    block = pages.begin()
    while block.isValid():
        after = block.next()
        if block.blockFormat().headingLevel() and after.isValid():
            ends = layout.blockBoundingRect(block).bottom() - 1
            yield block, int(ends // high) == int(layout.blockBoundingRect(after).bottom() // high)
        block = after


def print_pages(source: Path, target: Path) -> int:
    """Write the PDF; returns the number of pages."""
    pages = Pages(source.parent)
    pages.setDefaultFont(QFont(["Inter", "Noto Sans", "DejaVu Sans", "sans-serif"], 10))
    pages.setDefaultStyleSheet(STYLE)
    pages.setHtml(source.read_text("utf-8"))
    writer = QPdfWriter(str(target))
    writer.setTitle(pages.metaInformation(QTextDocument.MetaInformation.DocumentTitle))
    writer.setCreator("mlcontrol")
    writer.setResolution(DOTS_PER_INCH)
    margins = QMarginsF(16, 16, 16, 16)
    writer.setPageLayout(
        QPageLayout(
            QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, margins, QPageLayout.Unit.Millimeter
        )
    )
    area = writer.pageLayout().paintRectPixels(DOTS_PER_INCH)
    pages.setPageSize(QSizeF(area.size()))
    keep_headings(pages)
    pages.print_(writer)
    return pages.pageCount()


def main(argv: list[str]) -> int:
    if len(argv) != 2:
        sys.stderr.write("usage: print_pages IN.html OUT.pdf\n")
        return 3
    app = QGuiApplication(["mlcontrol-print"])
    count = print_pages(Path(argv[0]), Path(argv[1]))
    app.quit()
    return 0 if count > 0 and Path(argv[1]).stat().st_size > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
