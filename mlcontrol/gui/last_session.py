"""The last state this window saw of a workspace, kept so that the next start paints it at once, with its age."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

from mlcontrol.core.state import FleetState
from mlcontrol.core.state_bytes import state_encoded
from mlcontrol.gui.workspace_name import workspace_name

_log = logging.getLogger(__name__)


class _Kept(msgspec.Struct, frozen=True):
    saved_s: float
    state: FleetState


@dataclass(frozen=True, slots=True)
class LastSession:
    state: FleetState
    saved_s: float  # UTC seconds


def session_file(workspace: Path) -> Path:
    return platformdirs.user_state_path("mlcontrol") / f"last-{workspace_name(workspace.resolve())}.msgpack"


def load(workspace: Path) -> LastSession | None:
    """`None` when there is none or it cannot be read: then the first poll fills the page, as at the first start."""
    try:
        kept = msgspec.msgpack.decode(session_file(workspace).read_bytes(), type=_Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        _log.warning("the last session's state was set aside: %s", error)
        return None
    return LastSession(kept.state, kept.saved_s)


def save(workspace: Path, state: FleetState, now_s: float) -> None:
    """Written beside and moved over, so that a crash leaves the older one. *Thread:* any; others run meanwhile."""
    path = session_file(workspace)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_bytes(msgspec.msgpack.encode({"saved_s": now_s, "state": state_encoded(state)}))
        beside.replace(path)
    except OSError as error:
        _log.warning("the state could not be kept for the next start: %s", error)
