"""One window per workspace: a second start rings the first one's bell and goes away."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

WAIT_MS = 300


class Doorbell(QObject):
    """*Signals:* ``rung()``: somebody tried to open the same workspace."""

    rung = Signal()

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = "mlcontrol-panel-" + hashlib.sha256(str(workspace).encode()).hexdigest()[:16]
        self._server: QLocalServer | None = None

    def somebody_answers(self) -> bool:
        caller = QLocalSocket()
        caller.connectToServer(self._name)
        answered = caller.waitForConnected(WAIT_MS)
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
        while server is not None and (caller := server.nextPendingConnection()) is not None:
            caller.abort()
            caller.deleteLater()
        self.rung.emit()
