"""What the window remembers of itself between starts: theme, type size, window size. A broken file never blocks a start."""

from __future__ import annotations

import logging
import tomllib
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from mlcontrol.gui.theme import SCALES, SYSTEM
from mlcontrol.gui.tokens import THEMES

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PanelSettings:
    theme: str = SYSTEM
    scale: float = 1.0
    width: int = 1440
    height: int = 900


def settings_file() -> Path:
    return platformdirs.user_config_path("mlcontrol") / "panel.toml"


def load_settings() -> PanelSettings:
    path = settings_file()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        chosen = str(raw.get("theme", SYSTEM))
        return PanelSettings(
            theme=chosen if chosen in (SYSTEM, *THEMES) else SYSTEM,
            scale=min(SCALES[-1], max(SCALES[0], float(raw.get("scale", 1.0)))),
            width=min(10_000, max(960, int(raw.get("width", 1440)))),
            height=min(10_000, max(600, int(raw.get("height", 900)))),
        )
    except FileNotFoundError:
        return PanelSettings()
    except (OSError, ValueError, TypeError) as error:
        _log.warning("%s could not be read and is set aside: %s", path, error)
        _set_aside(path)
        return PanelSettings()


def save_settings(settings: PanelSettings) -> None:
    path = settings_file()
    text = (
        f'version = 1\ntheme = "{settings.theme}"\nscale = {settings.scale}\n'
        f"width = {settings.width}\nheight = {settings.height}\n"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        _log.warning("%s could not be written: %s", path, error)


def _set_aside(path: Path) -> None:
    try:
        path.replace(path.with_suffix(".broken"))
    except OSError as error:
        _log.warning("%s could not be moved: %s", path, error)
