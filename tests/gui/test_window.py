"""The window: every action reachable, palette and key sheet, names for every control, frame, toasts, torn-off pages."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QLabel, QLineEdit, QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.gui import actions as a
from mlcontrol.gui.single_instance import Doorbell
from mlcontrol.gui.viewmodels.palette_entries import entries, matching
from mlcontrol.gui.widgets.key_sheet import KeySheet
from mlcontrol.gui.widgets.palette import Palette
from mlcontrol.gui.widgets.toast import Toast
from mlcontrol.gui.window import Window


def filled(window: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: window.page.table.table.rowCount() > 0)


def test_actions_have_different_ids_and_keys_that_exist() -> None:
    assert max(Counter(action.id for action in a.EVERYWHERE).values()) == 1
    keys = [action.keys for action in a.EVERYWHERE if action.keys]
    assert max(Counter(keys).values()) == 1
    assert all(QKeySequence(key).toString() for key in keys)


@pytest.mark.parametrize("page", ["fleet", "service"])
def test_no_two_actions_of_a_page_share_a_key(window: Any, page: str) -> None:
    window.open_page(page)
    keys = Counter(bound.action.keys for bound in window.bound_actions() if bound.action.keys)
    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize("page", ["fleet", "service"])
def test_every_focusable_control_has_a_name_and_every_label_is_plain(window: Any, qtbot: Any, page: str) -> None:
    window.open_page(page, service="digits")
    kinds = (QAbstractButton, QAbstractItemView, QLineEdit)
    nameless = [
        w for w in window.findChildren(QWidget)
        if isinstance(w, kinds) and w.focusPolicy() != Qt.FocusPolicy.NoFocus and w.isVisible() and not w.accessibleName()
    ]  # fmt: skip
    assert nameless == []
    assert [label for label in window.findChildren(QLabel) if label.textFormat() != Qt.TextFormat.PlainText] == []


def test_two_keys_go_to_a_page(window: Any, qtbot: Any) -> None:
    filled(window, qtbot)
    qtbot.keyClick(window, Qt.Key.Key_G)
    qtbot.keyClick(window, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: window.page.name == "service")


def test_the_palette_finds_actions_and_objects_by_scattered_letters(window: Any, qtbot: Any) -> None:
    filled(window, qtbot)
    everything = entries(window.bound_actions(), window.context(), window.bridge.state)
    assert matching("dgt", everything)[0].service == "digits"
    assert matching("thlight", everything)[0].bound.action is a.THEME_LIGHT
    assert matching("qqqq", everything) == ()


def test_the_palette_opens_a_service_by_keyboard(window: Any, qtbot: Any) -> None:
    filled(window, qtbot)
    window.show_palette()
    palette = window.findChild(Palette)
    qtbot.keyClicks(palette.field, "progression")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert window.page.name == "service"
    assert window.page.service_id == "progression"


def test_the_key_sheet_says_why_not(window: Any, qtbot: Any) -> None:
    filled(window, qtbot)
    window.show_keys()
    sheet = window.findChild(KeySheet)
    texts = [label.text() for label in sheet.findChildren(QLabel)]
    assert "not now: choose a service" in texts
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    assert not sheet.isVisible()


def test_an_action_that_cannot_run_says_so(window: Any, qtbot: Any) -> None:
    filled(window, qtbot)
    bound = next(b for b in window.bound_actions() if b.action is a.ROLL_BACK)
    window.run(bound)
    assert window.toasts.texts == ["Roll back: choose a service"]


def test_the_engine_s_end_is_told(window: Any, engine: Any, qtbot: Any) -> None:
    filled(window, qtbot)
    engine.on_lost(Problem("The engine has ended.", code="engine-lost"))
    qtbot.waitUntil(lambda: any("restarted" in text for text in window.toasts.texts))
    qtbot.waitUntil(lambda: any("answers again" in text for text in window.toasts.texts), timeout=5000)


def test_an_error_says_why_and_what_next_and_closes_by_keyboard(window: Any, qtbot: Any) -> None:
    filled(window, qtbot)
    window.toasts.close_all()
    window.problem(Problem("It did not load.", "A file is missing.", "Register it again."))
    (toast,) = window.findChildren(Toast)
    words = [label.text() for label in toast.findChildren(QLabel)]
    assert words == ["It did not load.", "now", "A file is missing. Register it again."]
    assert toast.height() > toast.fontMetrics().height() * 2
    qtbot.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.toasts.texts == [])


def test_a_second_start_rings_the_first_and_goes_away(qtbot: Any, tmp_path: Any) -> None:
    workspace = tmp_path / "mlcontrol.toml"
    first, second, other = Doorbell(workspace), Doorbell(workspace), Doorbell(tmp_path / "other.toml")
    try:
        assert not first.somebody_answers()
        first.listen()
        with qtbot.waitSignal(first.rung, timeout=60_000):
            assert second.somebody_answers()
        assert not other.somebody_answers()
        first.close()
        assert not second.somebody_answers()
    finally:
        first.close()


class Windows(QObject):
    """What is shown as a window of its own, by class name."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def eventFilter(self, what: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(what, QWidget) and what.isWindow():
            self.shown.append(type(what).__name__)
        return False


def test_nothing_flashes_up_as_a_window_of_its_own(bridge: Any, qapp: Any, qtbot: Any) -> None:
    watching = Windows()
    qapp.installEventFilter(watching)
    try:
        made = Window(bridge)
        qtbot.addWidget(made)
        for name, _text, _key in a.PAGES:
            made.open_page(name, "digits" if name != "fleet" else None)
        assert watching.shown == []
        QWidget(made, Qt.WindowType.Window).show()  # what it would look like
        assert watching.shown == ["QWidget"]
    finally:
        qapp.removeEventFilter(watching)


def test_at_most_three_toasts(window: Any) -> None:
    for i in range(5):
        window.toast(f"message {i}")
    assert window.toasts.texts == ["message 2", "message 3", "message 4"]


def test_a_torn_off_page_is_a_window_of_its_own(window: Any, qtbot: Any) -> None:
    filled(window, qtbot)
    window.tear_off()
    torn = next(w for w in window.findChildren(type(window)))
    assert torn.page.name == "fleet"
    assert not torn.rail.isVisible()
    torn.close()


def test_theme_and_type_size_change_while_open(window: Any, qtbot: Any) -> None:
    from mlcontrol.gui.theme import theme

    filled(window, qtbot)
    for name in ("light", "high_contrast", "dark"):
        theme.set_mode(name)
        assert theme.tokens.name == name
    theme.zoom(1)
    assert theme.scale == 1.15
    theme.zoom(0)
    assert not window.grab().isNull()


@pytest.mark.parametrize("page", [name for name, _, _ in a.PAGES if name != "reviews"])
def test_no_key_of_a_page_swallows_the_first_of_two(window: Any, qtbot: Any, page: str) -> None:
    """``G`` alone would act at once, and ``G, F`` could never be typed. Only the bench, where a person stays, has such a key."""
    window.open_page(page, service="digits")
    keys = [bound.action.keys for bound in window.bound_actions() if bound.action.keys]
    swallowed = [(one, two) for one in keys for two in keys if two.startswith(f"{one}, ")]
    assert swallowed == []
