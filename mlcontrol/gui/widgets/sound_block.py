"""A sound: its waveform, and the way to hear it. This installation's Qt has no sound, so the desktop's player plays it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mlcontrol.gui.viewmodels.review_media import Sound
from mlcontrol.gui.widgets.button import KeyButton
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.series_block import SeriesBlock


class SoundBlock(QWidget):
    """*Signals:* ``told(text)``: what became of it."""

    told = Signal(str)

    def __init__(self, sound: Sound, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sound, self._name = sound, name
        self._file: Path | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.play_button = KeyButton("Open in the player", "P")
        self.play_button.clicked.connect(self.play)
        self._words = PlainLabel(sound.note, "small", "quiet", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        if sound.values:
            wave = SeriesBlock(unit="s", length=sound.seconds)
            wave.show_values(sound.values, f"{name}, waveform")
            layout.addWidget(wave)
        row = QHBoxLayout()
        row.addWidget(self.play_button)
        row.addWidget(self._words, 1)
        layout.addLayout(row)
        self.setAccessibleName(f"{name}, sound, {sound.note}")

    def play(self) -> None:
        """In the program that this desktop opens WAV files with; the copy is private and goes with the item."""
        if self._file is None:
            self._folder = tempfile.TemporaryDirectory(prefix="mlcontrol-sound-", ignore_cleanup_errors=True)
            self._file = Path(self._folder.name) / "item.wav"
            self._file.write_bytes(self._sound.wav)
        opened = QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._file)))
        self._words.setText(
            f"{self._sound.note} · opened in the player"
            if opened
            else f"No program of this desktop opens WAV files. Open {self._file} yourself while this item is shown."
        )
        self.told.emit(self._words.text())

    def discard(self) -> None:
        """The item is gone; so is the copy of its sound."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = self._file = None
