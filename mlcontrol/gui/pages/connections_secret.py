"""A secret on its way to the keyring: through the standard input of a child process, never over the engine's pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QTimer

from mlcontrol.core.problem import Problem

DEADLINE_MS = 30_000


class SecretKeeper(QObject):
    """``command``: what to run instead of ``python -m mlcontrol``, for tests."""

    def __init__(self, parent: QObject | None = None, command: Sequence[str] = ()) -> None:
        super().__init__(parent)
        self._command = tuple(command) or (sys.executable, "-m", "mlcontrol")
        self._running: dict[int, tuple[str, QProcess, QTimer, Callable[[Problem | None], None]]] = {}
        self._started = 0

    def keep(self, connection: str, secret: str, workspace: Path, done: Callable[[Problem | None], None]) -> None:
        """``done`` gets `None` when the keyring has it, else what went wrong. Called once, later."""
        self._started += 1
        number = self._started
        process, deadline = QProcess(self), QTimer(self)
        self._running[number] = (connection, process, deadline, done)
        deadline.setSingleShot(True)
        # The slots know a number, not the process, and the process is freed with its keeper, not by deleteLater: freed from within
        # its own signal it took the whole panel down (bus error).
        deadline.timeout.connect(lambda: self._give_up(number))
        process.finished.connect(lambda code, status: self._on_finished(number, code, status))
        process.errorOccurred.connect(lambda error: self._on_error(number, error))
        program, *arguments = self._command
        process.start(program, [*arguments, "connection", "secret", connection, "--workspace", str(workspace)])
        process.write(secret.encode() + b"\n")
        process.closeWriteChannel()
        deadline.start(DEADLINE_MS)

    def _give_up(self, number: int) -> None:
        if number in self._running:
            self._running[number][1].kill()

    def _on_error(self, number: int, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._on_finished(number, 3, QProcess.ExitStatus.CrashExit)

    def _on_finished(self, number: int, code: int, status: QProcess.ExitStatus) -> None:
        if number not in self._running:
            return
        connection, process, deadline, done = self._running.pop(number)
        deadline.stop()
        said = bytes(process.readAllStandardError().data()).decode("utf-8", "replace").strip()
        if code == 0 and status == QProcess.ExitStatus.NormalExit:
            done(None)
        else:
            done(_not_kept(connection, said[-400:]))


def _not_kept(connection: str, said: str) -> Problem:
    return Problem(
        f"The secret of {connection} was not kept.",
        said or "The keyring did not answer.",
        "Unlock the system keyring and save again; the connection itself is saved.",
        "keyring",
    )
