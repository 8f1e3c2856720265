"""One window per workspace: a second start rings the first one's bell, hands over its link, and goes away."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from mlcontrol.core.problem import ProblemError
from mlcontrol.gui.workspace_name import workspace_name
from mlcontrol.ports.deep_link import LONGEST, DeepLink, parse_link

WAIT_MS = 300
PATIENCE_MS = 50


class Doorbell(QObject):
    """*Signals:* ``rung()``: somebody tried to open the same workspace. ``linked(DeepLink)``: and brought a link along."""

    rung = Signal()
    linked = Signal(object)

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = "mlcontrol-panel-" + workspace_name(workspace)
        self._server: QLocalServer | None = None

    def somebody_answers(self, link: DeepLink | None = None) -> bool:
        """Ring; the open window takes the ``link`` over."""
        caller = QLocalSocket()
        caller.connectToServer(self._name)
        answered = caller.waitForConnected(WAIT_MS)
        if answered and link is not None:
            caller.write(link.text.encode())
            caller.waitForBytesWritten(WAIT_MS)
            caller.disconnectFromServer()
            return True
        caller.abort()
        return answered

    def listen(self) -> None:
        """A name left behind by a killed window is taken over; `somebody_answers` has found it silent."""
        QLocalServer.removeServer(self._name)
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._on_connection)
        if server.listen(self._name):
            self._server = server

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _on_connection(self) -> None:
        server = self._server
        brought: list[bytes] = []
        while server is not None and (caller := server.nextPendingConnection()) is not None:
            # The other start writes at once or hangs up; a stranger that does neither is not waited for.
            if caller.bytesAvailable() or caller.waitForReadyRead(PATIENCE_MS):
                brought.append(bytes(caller.read(LONGEST + 1).data()))
            caller.abort()
            caller.deleteLater()
        self.rung.emit()
        for words in brought:
            self._take(words)

    def _take(self, words: bytes) -> None:
        """What the other start brought along is checked here again: the socket is open to every program of this user."""
        try:
            link = parse_link(words.decode("utf-8", "replace"))
        except ProblemError:
            return
        self.linked.emit(link)
