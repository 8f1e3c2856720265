"""The lines of a scrape without their values: a server sends the same ones again and again.

They are held against those of the scrape before by calls that go over all lines at once. The text of a key is that of the reader's
own memory, so that a target costs some thirty bytes a line, and targets that send the same lines share even these.
"""

from __future__ import annotations

import weakref
from itertools import compress
from operator import not_
from typing import Generic, TypeVar

T = TypeVar("T")


class Layout(Generic[T]):
    """``comments``: the lines that are none of a sample, the empty ones too. ``sampled``: for each line, whether it is one.
    ``keys``: what stands before the space and the value, of each sample; ``read``: whether somebody reads it. ``refs``: what those
    stand for, the same object for as long as the layout is. ``families``: from which line on which counter family is open."""

    def __init__(
        self,
        comments: list[str],
        sampled: bytes,
        keys: list[str],
        read: bytes,
        refs: list[T],
        families: list[tuple[int, str]],
    ) -> None:
        self.comments, self.sampled, self.keys, self.read = comments, sampled, keys, read
        self.refs, self.families = refs, families
        self.shared = False
        self._commented = bytes(map(not_, sampled))
        # What a text is longer than its values: its keys, its comments and the end of each line but the last.
        self._rest = sum(map(len, keys)) + sum(map(len, comments)) + len(sampled) - 1

    def cut(self, text: str) -> list[str] | None:
        """What follows the key in each line of a sample; the whole line where that is another. `None` where other comments stand
        between them."""
        lines = text.split("\n")
        if len(lines) != len(self.sampled) or list(compress(lines, self._commented)) != self.comments:
            return None
        return list(map(str.removeprefix, compress(lines, self.sampled), self.keys))

    def values(self, rests: list[str], length: int) -> tuple[str, int] | None:
        """The values that are read, a comma between them, and how many they are; `None` where not each of the ``rests`` is a space
        and a value after the layout's own key. ``length``: of the whole text."""
        flat, n = ",".join(rests), len(rests)
        # A line of another key is still whole, and makes the sum too large.
        if len(flat) - (n - 1) != length - self._rest or flat[:1] != " ":
            return None
        if flat.count(", ") != n - 1 or flat.count(" ") != n:
            return None
        return (flat, n) if len(self.refs) == n else (",".join(compress(rests, self.read)), len(self.refs))

    def families_at(self, samples: list[int]) -> list[str] | None:
        """The counter family that is open before each of these samples. `None` where one of them had itself to do with which family
        is open after it."""
        if not self.families:
            return [""] * len(samples)
        places = list(compress(range(len(self.sampled)), self.sampled))
        if not {at - 1 for at, _ in self.families}.isdisjoint(places[one] for one in samples):
            return None
        return [next((name for at, name in reversed(self.families) if at <= places[one]), "") for one in samples]

    def changed(self, others: list[int], keys: list[str], read: bytes, refs: list[T]) -> Layout[T]:
        """With other ``keys`` in the place of these samples. ``read``, ``refs``: of them."""
        new: Layout[T] = Layout.__new__(Layout)
        new.__dict__.update(self.__dict__)  # `copy` takes ten times as long for the same
        new.shared, new.keys, new.refs = False, list(self.keys), list(self.refs)
        new._rest += sum(map(len, keys)) - sum(map(len, map(self.keys.__getitem__, others)))
        for sample, key in zip(others, keys, strict=True):
            new.keys[sample] = key
        if len(refs) == len(others) and len(self.refs) == len(self.keys):  # all of them are read
            for sample, ref in zip(others, refs, strict=True):
                new.refs[sample] = ref
            return new
        new_read, rest = bytearray(self.read), iter(refs)
        for sample, wanted in zip(others, read, strict=True):
            place = new_read.count(1, 0, sample)
            new.refs[place : place + new_read[sample]] = [next(rest)] if wanted else []
            new_read[sample] = wanted
        new.read = bytes(new_read)
        return new


class Layouts(Generic[T]):
    """The layouts of those targets that have one for longer. *Thread:* any."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[tuple[object, ...], Layout[T]] = weakref.WeakValueDictionary()
        self._newest: Layout[T] | None = None

    def shared(self, layout: Layout[T]) -> Layout[T]:
        """The one that others have already, or else this one from now on."""
        layout.shared = True
        self._newest = self._known.setdefault((tuple(layout.keys), layout.sampled, tuple(layout.comments)), layout)
        return self._newest

    def like(self, text: str) -> Layout[T] | None:
        """The newest one, if it has as many lines as a text: most likely that of another replica of the same server."""
        newest = self._newest
        return newest if newest is not None and text.count("\n") + 1 == len(newest.sampled) else None
