"""Events as rows of the timeline's list."""

from __future__ import annotations

from functools import lru_cache

from mlcontrol.core.recorded import told_by
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.gui.viewmodels.phrases import count_text, moment_text, visible_text
from mlcontrol.gui.widgets.row_list import Row

_MOVES = (EventKind.DEPLOY, EventKind.ROLLBACK)


@lru_cache(maxsize=2048)  # the list is made again each second, and what has happened does not change
def event_row(event: TimelineEvent, where: str) -> Row:
    """``where``: the title of its service."""
    calm = event.severity is Health.OK
    state = "done" if calm and event.kind in _MOVES else "waiting" if calm else event.severity.value
    place = where if event.service else "fleet"
    return Row(
        event.id,
        visible_text(event.title, 300),
        state,
        right=f"{place} · {visible_text(told_by(event), 60)} · {moment_text(event.at_s)[5:]}",
        chip=event.kind.value.upper(),
        quiet=calm and event.kind not in _MOVES,
    )


def count_words(shown: int, all_of_them: int) -> str:
    if shown == all_of_them:
        return f"{count_text(shown, 'event')}, newest first"
    if shown == 0:
        return f"no event matches; {all_of_them} are hidden by the filter, Esc clears it"
    return f"{shown} of {all_of_them}, newest first"
