"""The one style sheet, made from tokens. Widgets choose by class name and by the properties `role` and `tone`."""

from __future__ import annotations

from mlcontrol.gui.resources import resource
from mlcontrol.gui.tokens import Tokens


def style_sheet(t: Tokens, scale: float) -> str:
    def px(size: int) -> str:
        return f"{round(size * scale)}px"

    c = {
        "window": t.surface.window, "panel": t.surface.panel, "raised": t.surface.raised, "control": t.surface.control,
        "selection": t.surface.selection, "plot": t.surface.plot, "primary": t.text.primary, "secondary": t.text.secondary,
        "quiet": t.text.quiet, "on_accent": t.text.on_accent, "hairline": t.line.hairline, "border": t.line.border,
        "strong": t.line.strong, "accent": t.accent.accent, "focus": t.accent.focus, "ok": t.state.ok,
        "warning": t.state.warning, "critical": t.state.critical, "unknown": t.state.unknown, "stale": t.state.stale,
        "production": t.environment.production,
    }  # fmt: skip
    n = {key: colour.name() for key, colour in c.items()}
    tones = "\n".join(
        f'QLabel[tone="{tone}"] {{ color: {n[tone]}; }}'
        for tone in (
            "primary",
            "secondary",
            "quiet",
            "accent",
            "ok",
            "warning",
            "critical",
            "unknown",
            "stale",
            "production",
        )
    )
    check = resource("icons", f"check-{'dark' if t.text.on_accent.lightness() < 128 else 'light'}.svg").as_posix()
    return f"""
* {{ outline: none; }}
QLabel {{ background: transparent; }}
{tones}
QToolTip {{ background: {n["raised"]}; color: {n["primary"]}; border: 1px solid {n["border"]}; padding: 4px 6px; }}
QMainWindow, QWidget[surface="window"] {{ background: {n["window"]}; }}
QWidget[surface="panel"] {{ background: {n["panel"]}; }}
QWidget[surface="raised"] {{ background: {n["raised"]}; }}
QFrame[surface="line"] {{ background: {n["hairline"]}; border: none; }}
QFrame[surface="card"] {{ background: {n["panel"]}; border: 1px solid {n["border"]}; border-radius: 4px; }}
QFrame[rule="right"] {{ border: none; border-right: 1px solid {n["hairline"]}; }}
QFrame[rule="left"] {{ border: none; border-left: 1px solid {n["hairline"]}; }}
QFrame[rule="bottom"] {{ border: none; border-bottom: 1px solid {n["hairline"]}; }}
QFrame[rule="top"] {{ border: none; border-top: 1px solid {n["hairline"]}; }}
QLineEdit, QPlainTextEdit, QComboBox, QSpinBox, QDoubleSpinBox {{
  background: {n["panel"]}; color: {n["primary"]}; border: 1px solid {n["border"]}; border-radius: 4px;
  padding: 0 8px; min-height: {px(26)}; selection-background-color: {n["accent"]}; selection-color: {n["on_accent"]};
}}
QPlainTextEdit {{ padding: 4px 6px; }}
QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus {{
  border: 2px solid {n["focus"]}; padding: 0 7px;
}}
QLineEdit[invalid="true"] {{ border-color: {n["critical"]}; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox QLineEdit, QComboBox QLineEdit:focus {{ border: none; padding: 0; min-height: 0; background: transparent; }}
QComboBox QAbstractItemView {{
  background: {n["raised"]}; border: 1px solid {n["border"]}; selection-background-color: {n["selection"]};
}}
QTableView, QListView, QTreeView {{
  background: {n["panel"]}; border: none; gridline-color: {n["hairline"]};
  selection-background-color: {n["selection"]}; selection-color: {n["primary"]};
}}
QTableView[surface="window"], QListView[surface="window"] {{ background: {n["window"]}; }}
QHeaderView {{ background: transparent; border: none; }}
QHeaderView::section {{
  background: {n["window"]}; color: {n["quiet"]}; border: none; border-bottom: 1px solid {n["hairline"]};
  padding: 0 6px; font-size: {px(11)}; font-weight: 500; min-height: {px(27)};
}}
QTableView[inset="true"] QHeaderView::section:first {{ padding-left: 16px; }}
QTableView::item {{ padding-left: 6px; padding-right: 6px; }}
QTableCornerButton::section {{ background: {n["window"]}; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {n["border"]}; border-radius: 3px; margin: 2px; min-height: 28px; min-width: 28px; }}
QScrollBar::handle:hover {{ background: {n["strong"]}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QScrollArea, QStackedWidget {{ border: none; background: transparent; }}
QSplitter::handle {{ background: {n["hairline"]}; }}
QMenu {{ background: {n["raised"]}; color: {n["primary"]}; border: 1px solid {n["border"]}; padding: 4px; }}
QMenu::item {{ padding: 4px 16px; border-radius: 3px; }}
QMenu::item:selected {{ background: {n["selection"]}; }}
QCheckBox, QRadioButton {{ spacing: 8px; min-height: {px(24)}; }}
QCheckBox::indicator {{
  width: {px(14)}; height: {px(14)}; border: 1px solid {n["strong"]}; border-radius: 3px; background: {n["control"]};
}}
QCheckBox::indicator:focus {{ border-color: {n["focus"]}; }}
QCheckBox::indicator:checked {{ background: {n["accent"]}; border-color: {n["accent"]}; image: url("{check}"); }}
QProgressBar {{ background: {n["control"]}; border: none; border-radius: 2px; max-height: 4px; }}
QProgressBar::chunk {{ background: {n["accent"]}; border-radius: 2px; }}
QTabBar::tab {{ color: {n["secondary"]}; padding: 4px 12px; border-bottom: 2px solid transparent; }}
QTabBar::tab:selected {{ color: {n["primary"]}; border-bottom-color: {n["accent"]}; }}
"""
