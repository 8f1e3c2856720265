"""Every renderer and every state of bench and lead's page is drawn, dark and light, and has a name for a screen reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QLabel,
    QLineEdit,
    QScrollArea,
    QWidget,
)

from mlcontrol.gui.pages.reviews_bench import ReviewsBench
from mlcontrol.gui.theme import theme
from mlcontrol.gui.widgets.picture_block import PictureBlock
from mlcontrol.gui.widgets.sound_block import SoundBlock
from tools.review_gallery import bench, examples, main, states


@pytest.fixture(autouse=True)
def themed(qapp: QApplication) -> None:
    theme.install(qapp, "dark")


RENDERERS = {
    "image-pair", "image-one", "image-boxes", "image-boxes-pair", "image-grey-box", "image-mask", "text-pair", "expected",
    "table", "ranked", "series", "sound", "json", "features", "unreadable",
}  # fmt: skip


@pytest.mark.timeout(180)
def test_every_renderer_is_drawn_to_a_file_and_the_themes_differ(qtbot: Any, tmp_path: Path) -> None:
    made = main(tmp_path, ("dark", "light"))
    names = {path.stem for path in made}
    assert {f"bench-{name}-{look}" for name in RENDERERS for look in ("dark", "light")} <= names
    for name in {path.stem.rsplit("-", 1)[0] for path in made}:
        dark, light = (QImage(str(tmp_path / f"{name}-{look}.png")) for look in ("dark", "light"))
        assert dark.size() == light.size()
        assert len({dark.pixel(x, y) for x in range(0, dark.width(), 7) for y in range(0, dark.height(), 7)}) > 8, name
        corner = (dark.width() - 2, dark.height() - 2)
        assert dark.pixelColor(*corner).lightness() < 80 < 170 < light.pixelColor(*corner).lightness(), name


def _nameless(widget: QWidget) -> list[str]:
    """What a screen reader would have no word for, of everything that is shown and is no mere frame."""
    found = []
    for child in widget.findChildren(QWidget):
        if not child.isVisible() or isinstance(child, QLabel | QScrollArea):
            continue
        if child.parent() is not None and isinstance(child.parent(), QAbstractScrollArea | QLineEdit):
            continue  # viewports, headers and clear buttons belong to what they are in
        painted = "paintEvent" in type(child).__dict__ and type(child).__module__.startswith("mlcontrol")
        control = child.focusPolicy() != Qt.FocusPolicy.NoFocus
        if (painted or control) and not child.accessibleName():
            found.append(f"{type(child).__name__} {child.objectName()}")
        if isinstance(child, QAbstractButton) and not child.text():
            found.append(f"{type(child).__name__} without text")
    return found


def test_every_control_and_every_drawing_has_a_name(qtbot: Any) -> None:
    theme.set_mode("dark")
    seen = 0
    for name, widget in states():
        qtbot.addWidget(widget)
        widget.resize(1224, 710)
        widget.show()
        qtbot.waitExposed(widget)
        assert _nameless(widget) == [], name
        seen += len(widget.findChildren(QWidget))
        widget.hide()
    assert seen > 1000


def test_the_walk_finds_a_control_without_a_name(qtbot: Any) -> None:
    """The broken twin of the walk."""
    widget = QWidget()
    qtbot.addWidget(widget)
    QLineEdit(widget)
    widget.show()
    assert _nameless(widget) == ["QLineEdit "]


def test_type_grows_with_the_scale_and_is_never_small(qtbot: Any) -> None:
    def sizes() -> tuple[list[int], int]:
        _, campaign, shown, settings = next(examples())
        widget = bench(campaign, shown, settings)
        qtbot.addWidget(widget)
        labels = [label for label in widget.findChildren(QLabel) if label.text()]
        fonts: list[QFont] = [label.font() for label in labels]
        return [font.pixelSize() for font in fonts], widget.answers[0].answer.font().pixelSize()  # type: ignore[attr-defined]

    theme.set_scale(1.0)
    normal, answer = sizes()
    assert min(normal) >= 11
    assert answer >= 28
    theme.set_scale(1.5)
    larger, large_answer = sizes()
    assert all(b > a for a, b in zip(normal, larger, strict=True))
    assert large_answer >= 1.4 * answer


def _bench_of(qtbot: Any, name: str) -> ReviewsBench:
    found = next(rest for n, *rest in examples() if n == name)
    widget = bench(*found)
    assert isinstance(widget, ReviewsBench)
    qtbot.addWidget(widget)
    widget.resize(1224, 710)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.mark.parametrize("name", ["image-boxes", "image-mask", "image-grey-box"])
def test_marks_are_drawn_and_hidden(qtbot: Any, name: str) -> None:
    shown = _bench_of(qtbot, name)
    blocks = shown.findChildren(PictureBlock)
    picture = blocks[0] if blocks else shown.picture
    marked = picture.grab().toImage()
    shown.toggle_marks()
    plain = picture.grab().toImage()
    assert marked != plain
    assert "marks hidden" in picture.words()
    shown.toggle_marks()
    assert picture.grab().toImage() == marked


def test_a_larger_picture_is_scrolled_by_arrows(qtbot: Any) -> None:
    shown = _bench_of(qtbot, "image-boxes")
    for _ in range(9):
        shown.zoom(1.25)
    assert shown._zoom == 4.0
    qtbot.waitUntil(lambda: shown._scroll.verticalScrollBar().maximum() > 0)
    shown.setFocus()
    qtbot.keyClick(shown, Qt.Key.Key_Down)
    assert shown._scroll.verticalScrollBar().value() > 0
    for _ in range(6):
        shown.zoom(0.8)
    assert shown._zoom == 1.0


def test_a_sound_goes_to_the_player_and_its_copy_goes_with_the_item(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def open_url(url: Any) -> bool:
        opened.append(url.toLocalFile())
        return Path(opened[-1]).read_bytes().startswith(b"RIFF")

    monkeypatch.setattr("mlcontrol.gui.widgets.sound_block.QDesktopServices.openUrl", open_url)
    shown = _bench_of(qtbot, "sound")
    assert shown.play()
    assert "opened in the player" in shown.findChildren(SoundBlock)[0]._words.text()
    _, _campaign, other, settings = next(examples())
    from mlcontrol.gui.viewmodels.review_bench import item_view

    shown.show_item(other, item_view(other, settings))
    assert not Path(opened[0]).exists()
    assert not shown.play()
