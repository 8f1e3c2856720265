"""Confirming in a protected environment: hold for a second, then three seconds in which it can still be called off."""

from __future__ import annotations

import time

from PySide6.QtCore import QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlcontrol.gui.theme import theme, tokens

HOLD_S = 1.0
CANCEL_S = 3.0
TICK_MS = 40


class ConfirmStrip(QWidget):
    """One strip with three faces: idle (what holding does), held (a bar fills), counting (what happens, Esc cancels).

    Deadlines are on the monotonic clock; a late timer never shortens the time to cancel.
    *Signals:* ``confirmed`` after hold and countdown, ``cancelled`` when called off.
    """

    confirmed = Signal()
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verb, self._key = "", "Enter"
        self._hold = self._danger = False
        self._cancel_s = 0.0
        self._refusal = ""
        self._held_since: float | None = None
        self._fires_at: float | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._on_tick)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def offer(
        self,
        verb: str,
        *,
        hold: bool,
        cancel_s: float = 0.0,
        danger: bool = False,
        refusal: str = "",
        key: str = "Enter",
    ) -> None:
        """``verb``: "Roll back to v2". ``hold``: a second of pressing is needed; then ``cancel_s`` seconds to call it off.
        ``refusal``: why it cannot act; shown on the strip itself."""
        self._verb, self._hold, self._cancel_s, self._danger = verb, hold, cancel_s, danger
        self._refusal, self._key = refusal, key
        if refusal and (self._held_since is not None or self._fires_at is not None):
            self.call_off()
        self.setAccessibleName(self.words)
        self.updateGeometry()
        self.update()

    @property
    def words(self) -> str:
        if self._refusal:
            return f"{self._verb}: {self._refusal}"
        if self._fires_at is not None:
            left = max(0.0, self._fires_at - time.monotonic())
            return f"{self._verb} in {left:.0f} s"
        return f"{self._verb}, hold 1 s" if self._hold else self._verb

    @property
    def counting(self) -> bool:
        return self._fires_at is not None

    def press(self) -> None:
        """The key or the button went down. Unprotected: that is all it takes."""
        if self._refusal or self._fires_at is not None or self._held_since is not None:
            return
        if not self._hold:
            self.confirmed.emit()
            return
        self._held_since = time.monotonic()
        self._timer.start()
        self.update()

    def release(self) -> None:
        """Let go before the second is over: nothing happened."""
        if self._held_since is not None:
            self._held_since = None
            if self._fires_at is None:
                self._timer.stop()
            self.update()

    def call_off(self) -> bool:
        """Cancel a hold or a countdown; True when there was one."""
        had = self._held_since is not None or self._fires_at is not None
        self._held_since = self._fires_at = None
        self._timer.stop()
        self.update()
        if had:
            self.cancelled.emit()
        return had

    def _on_tick(self) -> None:
        now = time.monotonic()
        if self._held_since is not None and now - self._held_since >= HOLD_S:
            self._held_since = None
            self._fires_at = now + self._cancel_s
        if self._fires_at is not None and now >= self._fires_at:
            self._fires_at = None
            self._timer.stop()
            self.confirmed.emit()
        self.setAccessibleName(self.words)
        self.update()

    def _bar(self) -> float:
        now = time.monotonic()
        if self._held_since is not None:
            return min(1.0, (now - self._held_since) / HOLD_S)
        if self._fires_at is not None:
            return max(0.0, (self._fires_at - now) / max(self._cancel_s, 1e-9))
        return 0.0

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        words = self.words + "   " + self._cap()
        return QSize(min(theme.px(560), metrics.horizontalAdvance(words) + theme.px(80)), theme.px(36))

    def _cap(self) -> str:
        return "Esc cancels" if self._fires_at is not None else self._key

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self.rect().adjusted(1, 1, -2, -2)
        pen = painter.pen()
        if self._refusal:
            pen.setStyle(Qt.PenStyle.DashLine)
            pen.setColor(t.line.strong)
            ink = t.text.quiet
            fill = t.surface.panel
        elif self._danger:
            pen.setColor(t.state.critical)
            ink = t.state.critical
            fill = t.surface.panel
        elif self._hold:
            pen.setColor(t.environment.production)
            ink = t.text.primary
            fill = t.surface.raised
        else:
            pen.setColor(t.accent.accent)
            ink = t.text.on_accent
            fill = t.accent.accent
        painter.setPen(pen)
        painter.setBrush(fill)
        painter.drawRoundedRect(box, 4, 4)
        share = self._bar()
        if share > 0:
            wide = round((box.width() - 2) * share)
            painter.fillRect(QRect(box.left() + 1, box.bottom() - 4, wide, 4), pen.color())
        painter.setPen(ink)
        painter.setFont(theme.font("strong"))
        text = painter.fontMetrics().elidedText(
            self.words,
            Qt.TextElideMode.ElideRight,
            box.width() - theme.px(36) - painter.fontMetrics().horizontalAdvance(self._cap()),
        )
        painter.drawText(box.adjusted(theme.px(12), 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), text)
        if not self._refusal:
            self._paint_cap(painter, box)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(t.accent.focus)
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 5, 5)
        painter.end()

    def _paint_cap(self, painter: QPainter, box: QRect) -> None:
        painter.setFont(theme.font("caption"))
        wide = painter.fontMetrics().horizontalAdvance(self._cap()) + theme.px(10)
        cap = QRect(box.right() - wide - theme.px(8), box.center().y() - theme.px(8), wide, theme.px(16))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(cap, 3, 3)
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, self._cap())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._fires_at is not None:
            self.call_off()
        else:
            self.press()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.release()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            if not event.isAutoRepeat():
                self.press()
            return
        if event.key() == Qt.Key.Key_Escape and self.call_off():
            return
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            if not event.isAutoRepeat():
                self.release()
            return
        super().keyReleaseEvent(event)
