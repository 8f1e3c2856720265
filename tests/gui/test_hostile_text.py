"""Text of servers, people and files is shown literally: every page is opened on a fleet whose every word is mark-up."""

from __future__ import annotations

import dataclasses
import enum
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mlcontrol.core import types as t
from mlcontrol.core.alerts.alert import Alert, AlertState
from mlcontrol.core.state import FleetState
from mlcontrol.gui.actions import PAGES
from mlcontrol.gui.tips import plain_tip
from tests.gui.conftest import FakeEngine, sample_fleet

KEPT = {
    "id",
    "service",
    "version",
    "kind",
    "adapter",
    "registry",
    "serving",
    "routing",
    "metrics",
    "predictions",
    "environment",
}
"""Names by which things are found again, and words that are ours."""


class Listener:
    """Counts who comes: a picture that Qt fetched would."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.came = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.came += 1
            connection.close()

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(5)


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def hostile(value: Any, evil: str, name: str = "") -> Any:
    """The same value with ``evil`` put in front of every text that is somebody else's."""
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        return value if name in KEPT or not value else f"{evil}{value}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fresh = {
            f.name: hostile(getattr(value, f.name), evil, f.name)
            for f in dataclasses.fields(value)
            if f.init and not isinstance(value, t.VersionFact)
        }
        return dataclasses.replace(value, **fresh)
    if isinstance(value, tuple):
        return tuple(hostile(one, evil, name) for one in value)
    return value


def evil_fleet(evil: str) -> FleetState:
    state = sample_fleet()
    alert = Alert("a1", "digits", "use", AlertState.FIRING, t.Health.CRITICAL, "errors", 1.0, 1.0)
    return dataclasses.replace(
        state,
        services={name: hostile(one, evil) for name, one in state.services.items()},
        connections={name: hostile(one, evil) for name, one in state.connections.items()},
        events=hostile(state.events, evil),
        alerts={alert.id: hostile(alert, evil)},
    )


EVIL = (
    "<img src='http://127.0.0.1:{port}/a.png'><a href='file:///etc/passwd'>here</a>",
    "<html><body><h1>x</h1><script>alert(1)</script><td background='http://127.0.0.1:{port}/b'>",
)


@pytest.mark.parametrize("evil", EVIL)
def test_no_page_shows_or_fetches_what_a_text_asks_for(
    engine: FakeEngine, listener: Listener, request: pytest.FixtureRequest, qtbot: Any, evil: str
) -> None:
    """Fault 58."""
    from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
    from PySide6.QtWidgets import QAbstractItemView, QLabel, QListView, QWidget

    engine.state = evil_fleet(evil.format(port=listener.port))
    window = request.getfixturevalue("window")
    tips = 0
    for name, _title, _key in PAGES:
        window.open_page(name, service="digits")
        window.toast(evil, "critical", evil)
        qtbot.wait(120)
        for widget in [window, *window.findChildren(QWidget)]:
            assert literal(widget.toolTip()), (
                f"{name}: {type(widget).__name__} would read its tip: {widget.toolTip()[:120]}"
            )
            tips += "&lt;" in widget.toolTip()
            if isinstance(widget, QLabel):
                assert widget.textFormat() == Qt.TextFormat.PlainText, (name, widget.text()[:120])
            if isinstance(widget, QAbstractItemView) and widget.model() is not None:
                model: QAbstractItemModel = widget.model()
                for row in range(min(model.rowCount(), 30)):
                    for column in range(model.columnCount(QModelIndex()) if not isinstance(widget, QListView) else 1):
                        tip = model.index(row, column).data(Qt.ItemDataRole.ToolTipRole)
                        assert literal(tip or ""), (name, tip[:120])
    assert tips > 0
    assert listener.came == 0


def literal(tip: str) -> bool:
    """Whether nothing in a tip is mark-up, but for the paragraph of ours that holds it."""
    return "<" not in tip.removeprefix("<p style='white-space:pre-wrap'>").removesuffix("</p>").removeprefix("<p>")


def test_a_tip_shows_the_very_words_and_its_twin_does_not() -> None:
    from PySide6.QtGui import QTextDocument

    evil = "<img src='file:///tmp/x.png'><b>why</b> a < b & c"
    document = QTextDocument()
    document.setHtml(plain_tip(evil))
    assert document.toPlainText() == evil
    document.setHtml(evil)  # handed over as it is, Qt would have read it
    assert document.toPlainText() != evil
    assert plain_tip("nothing to see") == "nothing to see"
