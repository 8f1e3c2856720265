"""The workspace of somebody who has none yet: an empty file in the user's data folder, filled from the Connections page."""

from __future__ import annotations

from pathlib import Path

import platformdirs

_EMPTY = 'version = 1\nname = "my fleet"\n'


def first_workspace() -> Path:
    """The path; the file is made when it is not there. Raises `OSError` when the folder cannot be written."""
    path = platformdirs.user_data_path("mlcontrol") / "mlcontrol.toml"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_EMPTY, encoding="utf-8")
    return path
