"""Faults as they are wished for, running, and over: compares the wishes with what is active and acts on the difference."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from mlcontrol.sandbox.faults import BY_NAME, Stage, Undo


@dataclass(slots=True)
class Entry:
    """``state``: active, ended or failed. ``ends``: monotonic."""

    id: str
    name: str
    state: str
    message: str
    ends: float
    undo: Undo | None


class FaultBoard:
    """At most one of each fault at a time. Not thread-safe: the supervisor's loop owns it."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def follow(self, wishes: dict[str, Any], stage: Stage) -> bool:
        """Begins what is newly wished, ends what is over or no longer wished. True if something changed."""
        changed = False
        for name, wish in wishes.items():
            known = self._entries.get(name)
            if known is None or known.id != wish["id"]:
                if known is not None:
                    self._end(known)
                self._entries[name] = self._begin(name, wish, stage)
                changed = True
        for entry in self._entries.values():
            if entry.state == "active" and (entry.name not in wishes or time.monotonic() >= entry.ends):
                self._end(entry)
                changed = True
        return changed

    def end_all(self) -> None:
        for entry in self._entries.values():
            self._end(entry)

    def as_record(self) -> list[dict[str, Any]]:
        return [
            {
                "id": entry.id,
                "name": entry.name,
                "state": entry.state,
                "message": entry.message,
                "until": time.time() + entry.ends - time.monotonic(),
            }
            for entry in self._entries.values()
        ]

    @staticmethod
    def _begin(name: str, wish: dict[str, Any], stage: Stage) -> Entry:
        fault = BY_NAME[name]
        try:
            undo = fault.begin(stage, wish.get("options") or {})
        except (OSError, RuntimeError, KeyError, ValueError) as failure:
            return Entry(wish["id"], name, "failed", f"{failure}", time.monotonic(), None)
        # Its time begins now: a model may have taken long to load.
        ends = time.monotonic() + float(wish.get("duration_s") or fault.duration_s)
        return Entry(wish["id"], name, "active", fault.description, ends, undo)

    @staticmethod
    def _end(entry: Entry) -> None:
        if entry.state != "active" or entry.undo is None:
            return
        try:
            entry.undo()
            entry.state = "ended"
        except (OSError, RuntimeError, KeyError, ValueError) as failure:
            entry.state, entry.message = "failed", f"It could not be undone: {failure}"
        entry.undo = None
