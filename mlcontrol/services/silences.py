"""The panel's own silences. Several engines may share their store: each writes its own rows, and reads what the others wrote."""

from __future__ import annotations

import threading
from dataclasses import replace

from mlcontrol.core.alerts.alert import Silence
from mlcontrol.services.context import ServiceContext

_Due = tuple[Silence, Silence | None]  # a row as it is stored, and as it is to be; `None`: gone


class Silences:
    """Raises what the store raises; nothing is silent that is not stored. *Thread:* any; `hold` never waits for the store."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._storing = threading.Lock()  # first, where both are taken
        self._lock = threading.Lock()
        self._held: dict[str, Silence] = {}
        self._mine: set[str] = set()  # those that this machine's clock dated
        self._over: set[str] = set()  # ended here, and perhaps stored still
        self._due: dict[str, _Due] = {}

    @property
    def all(self) -> tuple[Silence, ...]:
        with self._lock:
            return tuple(self._held.values())

    def begin(self) -> None:
        """Take up those of earlier days. In a store that is no other engine's they are this machine's, whoever made them."""
        self.look()
        if not self._ctx.store.shared:
            with self._lock:
                self._mine |= set(self._held)

    def look(self) -> bool:
        """Write what is due and read what all engines wrote; whether other silences hold than before."""
        with self._storing:
            with self._lock:
                due = list(self._due.values())
            for was, now in due:
                self._ctx.store.alerts.replace_silence(was, now)
            stored = {one.id: one for one in self._ctx.store.alerts.silences()}
            now_s = self._ctx.clock.utc_s()
            with self._lock:
                for was, now in due:
                    if self._due.get(was.id) == (was, now):
                        del self._due[was.id]
                self._over &= set(stored)
                later = {name: now for name, (_was, now) in self._due.items()}
                before, read = self._held, {**stored, **{n: s for n, s in later.items() if s is not None}}
                gone = self._over | {name for name, now in later.items() if now is None}
                self._held = {n: s for n, s in read.items() if n not in gone and s.until_s > now_s}
                return self._held != before

    def add(self, silence: Silence) -> None:
        with self._storing:
            self._ctx.store.alerts.add_silence(silence)
            with self._lock:
                self._held[silence.id] = silence
                self._mine.add(silence.id)

    def end(self, silence_id: str) -> bool:
        """Whoever made it; False when it has ended already."""
        with self._storing:
            with self._lock:
                one = self._held.get(silence_id)
            if one is None:
                return False
            self._ctx.store.alerts.drop_silence(silence_id)
            with self._lock:
                self._held.pop(silence_id, None)
                self._over.add(silence_id)
            return True

    def hold(self, now_s: float, set_by: float) -> bool:
        """Let go what has ended. ``set_by``: so many seconds was the wall clock set since the last time; what it dated lasts as
        long as it would have. Whether anything is otherwise, and has to be stored."""
        with self._lock:
            if set_by:
                for name in self._mine & set(self._held):
                    was = self._held[name]
                    now = replace(was, until_s=was.until_s + set_by, created_s=was.created_s + set_by)
                    self._held[name] = now
                    self._due[name] = (self._due.get(name, (was, None))[0], now)
            ended = [one for one in self._held.values() if one.until_s <= now_s]
            for one in ended:
                del self._held[one.id]
                self._over.add(one.id)
                if one.id in self._mine:  # by another's clock it may go on
                    self._due[one.id] = (self._due.get(one.id, (one, None))[0], None)
            return bool(ended or set_by)

    def store(self) -> None:
        """Write what `hold` left to be written; what cannot be written now is at the next look."""
        with self._lock:
            due = bool(self._due)
        if due:
            self.look()
