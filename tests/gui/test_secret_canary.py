"""A secret with a known text, in a whole panel on a real engine, and in the form where it is typed: what is shown, titled, pictured
and copied is searched, and what the panel's children were started with.

No copy can carry a secret, so that there is none to clear from the clipboard later: the panel holds one only while it is typed, in
fields that do not give it out.
"""

from __future__ import annotations

import ast
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QLineEdit

from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.engine import messages as m
from mlcontrol.gui import actions as a
from mlcontrol.gui.pages.connections_secret import SecretKeeper
from tests.canary import CANARY, Echo, echo, seen_in
from tests.canary_panel import copied, picture, words_of
from tests.engine.shell import gone, until

__all__ = ["echo"]

GUI = Path(__file__).parents[2] / "mlcontrol" / "gui"
VARIABLE = "PANEL_CANARY"
COPIES = {"audit.copy", "audit.head", "service.copy-picture", "service.copy-table", "service.copy-words"}
ELSEWHERE = {"rollouts_checking.py", "incident_acts.py"}
"""Reports and briefs are of a whole fleet: `tests/e2e/test_secret_copies.py` tries their copies."""


def children_of(pid: int) -> list[int]:
    """Of its threads, all that run now."""
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def started_with(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


@pytest.fixture
def real(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, echo: str) -> Iterator[Any]:
    """A window on an engine process of its own, whose registry is asked with the secret and says it back."""
    from mlcontrol.gui.bridge import Bridge
    from mlcontrol.gui.theme import theme
    from mlcontrol.gui.window import Window

    workspace = tmp_path / "mlcontrol.toml"
    workspace.write_text('version = 1\nname = "small"\nenvironment = "test"\nstore = "sqlite:///panel.db"\n')
    monkeypatch.setenv(VARIABLE, CANARY)
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.install(app, "dark")
    bridge = Bridge(workspace)
    bridge.start()
    qtbot.waitUntil(lambda: bridge.hello is not None and bridge.state is not None, timeout=60_000)
    window = Window(bridge)
    qtbot.addWidget(window)
    window.show()
    yield window
    assert bridge.hello is not None
    pid = bridge.hello.pid
    bridge.stop()
    os.kill(pid, signal.SIGTERM)
    until(lambda: gone(pid))


@pytest.mark.real
@pytest.mark.timeout(300)
def test_no_page_title_copy_or_child_of_a_real_panel_has_it(real: Any, echo: str, qtbot: Any) -> None:
    """Fault 63: clipboard after every copy, window titles, the whole tree of widgets, argv and environment of children."""
    bridge, registry = real.bridge, ConnectionKind.REGISTRY
    settings = ConnectionSettings("registry", registry, "mlflow", echo, "token", secret=f"env:{VARIABLE}", poll_s=1.0)
    service = ServiceSettings("digits", registry="registry", model="digits")
    answers: list[Any] = []
    bridge.ask(m.SaveConnection(request=bridge.request_id(), settings=settings, actor="ann"), answers.append)
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=60_000)
    bridge.ask(m.SaveService(request=bridge.request_id(), settings=service, actor="ann"), answers.append)
    bridge.ask(m.TestConnection(request=bridge.request_id(), settings=settings), answers.append)
    qtbot.waitUntil(lambda: len(answers) == 3, timeout=60_000)
    qtbot.waitUntil(
        lambda: "digits" in bridge.state.services and any(CANARY in said for said in Echo.asked), timeout=60_000
    )
    qtbot.waitUntil(lambda: bool(bridge.state.connections["registry"].why), timeout=60_000)
    ran: set[str] = set()
    for name, _text, _key in a.PAGES:
        real.open_page(name, "digits" if name == "service" else None)
        qtbot.wait(300)
        for bound in real.bound_actions():
            if bound.action.id in COPIES:
                if bound.action.id == "audit.copy":
                    qtbot.waitUntil(lambda: real.page.current() is not None, timeout=60_000)
                QGuiApplication.clipboard().setText("nothing yet")
                bound.act()
                ran.add(bound.action.id)
                assert seen_in(copied()) == [], bound.action.id
                if bound.action.id != "audit.head":
                    assert b"nothing yet" not in copied(), bound.action.id
        assert seen_in(words_of(real).encode()) == [], name
        assert seen_in(picture(real)) == [], name
    assert ran == COPIES
    assert [top.windowTitle() for top in QApplication.topLevelWidgets() if seen_in(top.windowTitle().encode())] == []
    engine = bridge.hello.pid
    assert [pid for pid in children_of(engine) if seen_in(started_with(pid))] == []
    assert [pid for pid in (os.getpid(), engine) if seen_in(Path(f"/proc/{pid}/cmdline").read_bytes())] == []


def test_every_way_to_the_clipboard_is_among_those_that_are_tried() -> None:
    """Fault 63: who writes to it; a new one must be added above, or be told by the engine alone."""
    writers = set()
    for path in GUI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "clipboard":
                writers.add(path.name)
    assert writers == {"audit.py", "service_copies.py", *ELSEWHERE}


@pytest.fixture
def typed(window: Any, qtbot: Any) -> Any:
    """The connections page while the secret stands in its form."""
    window.open_page("connections")
    page = window.page
    page.begin_connection()
    for name, text in (("id", "new"), ("url", "http://127.0.0.1:1"), ("auth", "token")):
        page.connection_form.fields[name].set_text(text)
    field(page).setFocus()
    qtbot.keyClicks(field(page), CANARY)
    assert field(page).text() == CANARY
    return page


def field(page: Any) -> QLineEdit:
    found: QLineEdit = page.connection_form.fields["secret"].findChild(QLineEdit)
    return found


def try_to_copy(page: Any, qtbot: Any) -> bytes:
    """Every way out of a field: keys, its own methods, its selection, a drag's content is its selection."""
    QGuiApplication.clipboard().setText("nothing yet")
    entry = field(page)
    for key in (Qt.Key.Key_C, Qt.Key.Key_X, Qt.Key.Key_Insert):
        entry.selectAll()
        qtbot.keyClick(entry, key, Qt.KeyboardModifier.ControlModifier)
    entry.selectAll()
    entry.copy()
    entry.cut()
    return copied()


def drawn(page: Any, text: str) -> QImage:
    """The field with this text, without its cursor."""
    entry = field(page)
    entry.setText(text)
    entry.clearFocus()
    entry.home(False)
    return entry.grab().toImage()


def test_a_secret_that_is_typed_is_in_no_text_picture_or_copy(typed: Any, window: Any, engine: Any, qtbot: Any) -> None:
    """Fault 63."""
    assert b"nothing yet" in try_to_copy(typed, qtbot)
    assert seen_in(copied()) == []
    assert seen_in(words_of(window, but=(field(typed),)).encode()) == []
    assert drawn(typed, CANARY) == drawn(typed, "x" * len(CANARY)), "its picture tells its length at most"
    field(typed).setText(CANARY)
    typed.leave_form()
    assert seen_in(words_of(window).encode()) == []
    assert seen_in(b"".join(m.encode(command) for command in engine.commands)) == []


def test_twin_in_a_plain_field_it_would_be_copied_shown_and_pictured(typed: Any, window: Any, qtbot: Any) -> None:
    field(typed).setEchoMode(QLineEdit.EchoMode.Normal)
    field(typed).selectAll()
    field(typed).copy()
    assert seen_in(copied()) == ["plain"]
    assert seen_in(words_of(window, but=(field(typed),)).encode()) == ["plain"]
    assert drawn(typed, CANARY) != drawn(typed, "x" * len(CANARY))


@pytest.mark.parametrize("form", ["connection_form", "notify_form"])
def test_every_field_for_a_secret_keeps_it(window: Any, form: str) -> None:
    window.open_page("connections")
    entry = getattr(window.page, form).fields["secret"].findChild(QLineEdit)
    assert entry.echoMode() is QLineEdit.EchoMode.Password


WAITS = "import sys; sys.stdin.read(); open(sys.argv[1], 'w').close(); import time; time.sleep(60)"


@pytest.mark.parametrize("twin", [False, True])
def test_the_child_that_keeps_it_was_not_started_with_it_and_its_twin_would_be_found(
    qtbot: Any, tmp_path: Path, twin: bool
) -> None:
    """Fault 63: argv and environment, as everybody on this machine may read them in /proc."""
    there = tmp_path / "there"
    keeper = SecretKeeper(command=(sys.executable, "-c", WAITS, str(there), *([CANARY] if twin else [])))
    done: list[Any] = []
    keeper.keep("registry", CANARY, Path("w.toml"), done.append)
    qtbot.waitUntil(there.exists, timeout=60_000)
    found = [seen_in(started_with(pid)) for pid in children_of(os.getpid())]
    ((_name, process, _deadline, _done),) = keeper._running.values()
    process.kill()
    qtbot.waitUntil(lambda: len(done) == 1, timeout=60_000)
    assert (["plain"] in found) is twin
    assert found
