"""Tokens to palette, fonts and the one style sheet; follows the system's scheme or a fixed choice."""

from __future__ import annotations

from PySide6.QtCore import QObject, QRect, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPainter, QPalette, QPen
from PySide6.QtWidgets import QApplication, QProxyStyle, QStyle, QStyleOption, QWidget

from mlcontrol.gui.resources import resource
from mlcontrol.gui.style_sheet import style_sheet
from mlcontrol.gui.tokens import THEMES, Tokens, load_tokens

UI_FAMILIES = ["Inter", "Noto Sans", "DejaVu Sans", "sans-serif"]
MONO_FAMILIES = ["JetBrains Mono", "DejaVu Sans Mono", "monospace"]
SCALES = (1.0, 1.15, 1.3, 1.5)
SYSTEM = "system"

_ROLES: dict[str, tuple[int, int]] = {  # pixels, weight
    "caption": (11, 500),
    "small": (12, 400),
    "body": (13, 400),
    "strong": (13, 600),
    "title": (15, 600),
    "sentence": (20, 500),
    "answer": (28, 600),
    "clock": (36, 600),
}


class Theme(QObject):
    """*Signals:* ``changed()`` after palette, fonts and style sheet of the application were replaced."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.mode = SYSTEM
        self.scale = 1.0
        self.tokens = load_tokens("dark")
        self._fonts: dict[tuple[str, bool], QFont] = {}

    def install(self, app: QApplication, mode: str = SYSTEM, scale: float = 1.0) -> None:
        """Put style, fonts and colours on the application; follow the system's scheme from here on."""
        _load_fonts()
        app.setStyle(FocusStyle("Fusion"))
        app.styleHints().colorSchemeChanged.connect(self._on_scheme_changed)
        self.mode, self.scale = mode, scale
        self._apply()

    def set_mode(self, mode: str) -> None:
        """ "system", "dark", "light" or "high_contrast"."""
        if mode not in (SYSTEM, *THEMES):
            raise ValueError(f"no such theme: {mode}")
        self.mode = mode
        self._apply()

    def set_scale(self, scale: float) -> None:
        self.scale = min(SCALES[-1], max(SCALES[0], scale))
        self._apply()

    def zoom(self, steps: int) -> None:
        """To the next larger (+1), next smaller (-1) or the normal (0) type size."""
        nearest = min(range(len(SCALES)), key=lambda i: abs(SCALES[i] - self.scale))
        self.set_scale(SCALES[max(0, min(len(SCALES) - 1, nearest + steps))] if steps else 1.0)

    def px(self, size: int) -> int:
        """A height or width that has to hold text, at the type scale."""
        return round(size * self.scale)

    def font(self, role: str = "body", mono: bool = False) -> QFont:
        key = (role, mono)
        if key not in self._fonts:
            self._fonts[key] = self._make_font(role, mono)
        return self._fonts[key]

    def _make_font(self, role: str, mono: bool) -> QFont:
        pixels, weight = _ROLES[role]
        font = QFont()
        font.setFamilies(MONO_FAMILIES if mono else UI_FAMILIES)
        font.setPixelSize(max(9, round(pixels * self.scale)))
        font.setWeight(QFont.Weight(weight))
        font.setFeature(QFont.Tag("tnum"), 1)
        if mono:
            font.setFeature(QFont.Tag("calt"), 0)
        return font

    def _apply(self) -> None:
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            return
        self._fonts.clear()
        name = self.mode
        if name == SYSTEM:
            name = "light" if app.styleHints().colorScheme() is Qt.ColorScheme.Light else "dark"
        self.tokens = load_tokens(name)
        app.setFont(self.font())
        app.setPalette(_palette(self.tokens))
        app.setStyleSheet(style_sheet(self.tokens, self.scale))
        self.changed.emit()

    def _on_scheme_changed(self) -> None:
        if self.mode == SYSTEM:
            self._apply()


theme = Theme()


def tokens() -> Tokens:
    """The colours in force. Ask when painting; never keep one."""
    return theme.tokens


def _load_fonts() -> None:
    known = set(QFontDatabase.families())
    for family, pattern in (("Inter", "Inter-*.otf"), ("JetBrains Mono", "JetBrainsMono-*.ttf")):
        if family not in known:
            for path in sorted(resource("fonts").glob(pattern)):
                QFontDatabase.addApplicationFont(str(path))


def _palette(t: Tokens) -> QPalette:
    role = QPalette.ColorRole
    pairs: list[tuple[QPalette.ColorRole, QColor]] = [
        (role.Window, t.surface.window), (role.WindowText, t.text.primary), (role.Base, t.surface.panel),
        (role.AlternateBase, t.surface.raised), (role.Text, t.text.primary), (role.Button, t.surface.control),
        (role.ButtonText, t.text.primary), (role.BrightText, t.text.primary), (role.Highlight, t.surface.selection),
        (role.HighlightedText, t.text.primary), (role.Link, t.accent.accent), (role.LinkVisited, t.accent.accent),
        (role.PlaceholderText, t.text.quiet), (role.ToolTipBase, t.surface.raised), (role.ToolTipText, t.text.primary),
        (role.Light, t.line.border), (role.Midlight, t.line.border), (role.Mid, t.line.border),
        (role.Dark, t.line.hairline), (role.Shadow, t.line.hairline), (role.Accent, t.accent.accent),
    ]  # fmt: skip
    palette = QPalette()
    for colour_role, colour in pairs:
        palette.setColor(colour_role, colour)
    for colour_role in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, colour_role, t.text.quiet)
    return palette


class FocusStyle(QProxyStyle):
    """Paints the focus ring: two pixels, one pixel off the edge, in the focus colour."""

    def drawPrimitive(
        self, element: QStyle.PrimitiveElement, option: QStyleOption, painter: QPainter, widget: QWidget | None = None
    ) -> None:
        if element is not QStyle.PrimitiveElement.PE_FrameFocusRect:
            super().drawPrimitive(element, option, painter, widget)
            return
        rect: QRect = option.rect
        paint_focus_ring(painter, rect)


def paint_focus_ring(painter: QPainter, rect: QRect, radius: float = 4.0) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(tokens().accent.focus, 2))
    painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), radius, radius)
    painter.restore()
