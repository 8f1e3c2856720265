"""Starts the sandbox fleet from the first page: its progress in words, then the panel on it."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, QProcess, Signal


class SandboxStart(QObject):
    """Runs `mlcontrol sandbox up` beside the panel; the fleet stays when the panel is closed.

    *Signals:* ``said(line)`` for each line of progress; ``ended(ok)``.
    """

    said = Signal(str)
    ended = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        self._process.readyReadStandardOutput.connect(self._on_output)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._last = ""

    @property
    def running(self) -> bool:
        return self._process.state() is not QProcess.ProcessState.NotRunning

    @property
    def last_line(self) -> str:
        return self._last

    def start(self) -> None:
        if not self.running:
            self._process.start(sys.executable, ["-m", "mlcontrol", "sandbox", "up"])

    def open_panel(self) -> bool:
        """A panel of its own on the running sandbox."""
        return bool(QProcess.startDetached(sys.executable, ["-m", "mlcontrol", "demo"])[0])

    def stop(self) -> None:
        """The window closes: a start that is not finished is ended; it begins again where it was."""
        if self.running:
            self._process.terminate()
            self._process.waitForFinished(5000)

    def _on_output(self) -> None:
        for line in bytes(self._process.readAllStandardOutput().data()).decode(errors="replace").splitlines():
            if line.strip():
                self._last = line.strip()[:300]
                self.said.emit(self._last)

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self.ended.emit(code == 0 and status is QProcess.ExitStatus.NormalExit)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._last = self._process.errorString()
            self.ended.emit(False)
