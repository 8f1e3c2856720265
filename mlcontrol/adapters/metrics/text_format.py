"""The Prometheus text format, read fast: what stands before the value is parsed once and looked up ever after.

A line's first appearance goes through `prometheus_client`, so that escapes, UTF-8 names, odd white space and errors are exactly its
own; only the plainest form is told apart here. After that a scrape costs one look-up a line. Old-style counters get their
``_total`` as there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec
from prometheus_client.parser import text_string_to_metric_families

T = TypeVar("T")
_UNSEEN = object()
_read_numbers = msgspec.json.Decoder(list[float]).decode
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\\n]*)"')
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PLAIN = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*"(?:,(?=[a-zA-Z_])|,?(?=\})))*)\})?'
)
KEPT_KEYS = 4096  # beside twice the lines of the newest scrape


@dataclass(slots=True)
class _Known(Generic[T]):
    """Raw text before the value, and what it stands for; lines that end in a timestamp apart."""

    plain: dict[str, T | None] = field(default_factory=dict)
    stamped: dict[str, T | None] = field(default_factory=dict)


class Knowledge(Generic[T]):
    """What the lines of a text stand for, by their raw text. Targets that send the same lines, as the replicas of a fleet do, may
    share it: what one has sent, none of the others parses again. All its users must make the same of a series. *Thread:* any."""

    def __init__(self) -> None:
        # By the counter family that lacks "_total" and is open at that line; "" outside of such a family.
        self.known: dict[str, _Known[T]] = {"": _Known()}
        self.comments: dict[str, tuple[str, bool]] = {}  # TYPE and HELP lines: name, and whether such a family begins
        self.silent: set[str] = set()  # the comments that say nothing where no such family is open

    def size(self) -> int:
        families = tuple(self.known.values())  # another thread may open one
        return sum(len(known.plain) + len(known.stamped) for known in families) + len(self.comments)


@dataclass(slots=True)
class _Found(Generic[T]):
    refs: list[T] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)

    def add(self, ref: T | None, value: str, stamp: str = "") -> None:
        if ref is not None:
            self.refs.append(ref)
            self.values.append(value)
            if stamp:
                self.stamps.append(stamp)


class TextParser(Generic[T]):
    """``make(name, labels)``: what stands for a series, or `None` when nobody reads it: its values are then not even looked at.

    *Thread:* one at a time. Make one for each target: what it remembers is bounded by what that target sends. ``shared``: what
    others remember, used and added to while it is not too large for this target.
    """

    def __init__(self, make: Callable[[str, dict[str, str]], T | None], shared: Knowledge[T] | None = None) -> None:
        self._make = make
        self._mind: Knowledge[T] = shared or Knowledge()
        self._mostly_stamped = False

    def parse(self, text: str) -> tuple[list[T], list[float]]:
        """Series and their values, in the order of the text. Raises `ValueError` when a line cannot be read."""
        lines = text.split("\n")
        self._forget(len(lines))
        found: _Found[T] = _Found()
        if self._mostly_stamped:
            self._parse_stamped(lines, found)
        else:
            self._parse_plain(lines, found)
        self._mostly_stamped = 2 * len(found.stamps) > len(found.refs)
        list(map(float, found.stamps))
        return found.refs, _numbers(found.values)

    def _parse_plain(self, lines: list[str], found: _Found[T]) -> None:
        family = ""
        get, silent, unseen = self._mind.known[""].plain.get, self._mind.silent, _UNSEEN
        take, keep = found.refs.append, found.values.append
        for line in lines:
            key, _, value = line.rpartition(" ")
            ref = get(key, unseen)
            if ref is None:
                continue
            if ref is not unseen:
                take(ref)  # type: ignore[arg-type]
                keep(value)
                continue
            if line in silent and not family:
                continue
            was = family
            family = self._odd(line.strip(), family, found)
            if family is not was:
                get = self._mind.known[family].plain.get

    def _parse_stamped(self, lines: list[str], found: _Found[T]) -> None:
        family = ""
        get = self._mind.known[""].stamped.get
        for line in lines:
            head, _, stamp = line.rpartition(" ")
            key, _, value = head.rpartition(" ")
            ref = get(key, _UNSEEN)
            if ref is not _UNSEEN and value:
                found.add(ref, value, stamp)  # type: ignore[arg-type]
                continue
            family = self._odd(line.strip(), family, found)
            get = self._mind.known[family].stamped.get

    def _odd(self, line: str, family: str, found: _Found[T]) -> str:
        """A line that the fast loop does not know: a comment, a new series, a timestamp, an exemplar, other white space.
        Returns the counter family that is open after it."""
        if not line:
            return family
        if line[0] == "#":
            name, begins = self._mind.comments.get(line) or self._comment(line)
            if begins:
                self._mind.known.setdefault(name, _Known())
                return name
            return family if name in ("", family) else ""
        if " # {" in line:
            bare = line.rpartition(" # {")[0]
            if bare.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 0:
                line = bare.rstrip()  # what follows is an exemplar: no sample, and new at every scrape
        return self._series(line, family, found)

    def _comment(self, line: str) -> tuple[str, bool]:
        words = line.split(None, 3)
        result = "", False
        told = len(words) > 2 and words[0] == "#" and words[1] in ("TYPE", "HELP")
        if told and _NAME.fullmatch(words[2]) and (words[1] == "HELP" or len(words) == 4):
            counter = words[1] == "TYPE" and words[3] == "counter"
            result = words[2], counter and not words[2].endswith("_total")
        elif told:
            (metric,) = text_string_to_metric_families(line + "\n")
            result = metric.name, metric.type == "counter" and not words[2].rstrip('"').endswith("_total")
        self._mind.comments[line] = result
        if not result[1]:
            self._mind.silent.add(line)
        return result

    def _series(self, line: str, family: str, found: _Found[T]) -> str:
        known = self._mind.known[family]
        key, _, value = line.rpartition(" ")
        ref = known.plain.get(key, _UNSEEN)
        stamp = ""
        if ref is _UNSEEN and known.stamped:
            before, _, middle = key.rpartition(" ")
            ref = known.stamped.get(before, _UNSEEN) if middle else _UNSEEN
            if ref is not _UNSEEN:
                value, stamp = middle, value
        if ref is not _UNSEEN:
            found.add(ref, value, stamp)  # type: ignore[arg-type]
            return family
        simple = _simple(key)
        if simple is not None and _is_number(value) and (not family or simple[0] == family):
            made = self._make(simple[0] + ("_total" if family else ""), simple[1])
            known.plain[key] = made
            found.add(made, value)
            return family
        (metric,) = text_string_to_metric_families(line + "\n")
        (sample,) = metric.samples
        if family and sample.name != family:
            return self._series(line, "", found)
        before, _, middle = key.rpartition(" ")
        made = self._make(sample.name + ("_total" if family else ""), dict(sample.labels))
        if sample.timestamp is None:
            if _is_number(value):
                known.plain[key] = made
        elif _is_number(middle) and _is_number(value):
            known.stamped[before] = made
            stamp = value
        found.add(made, repr(float(sample.value)), stamp)
        return family

    def _forget(self, lines: int) -> None:
        """Series that come and go do not pile up."""
        if self._mind.size() > 2 * lines + KEPT_KEYS:
            self._mind = Knowledge()


def _simple(key: str) -> tuple[str, dict[str, str]] | None:
    """Name and labels of the plainest form, ten times faster than the whole grammar; `None` where it takes that."""
    whole = _PLAIN.fullmatch(key)
    if whole is None:
        return None
    pairs = _LABEL.findall(whole[2] or "")
    labels = dict(pairs)
    if len(labels) != len(pairs) or ("__" in key and any(name.startswith("__") for name in labels)):
        return None  # refused, with the right words
    return whole[1], labels


def _numbers(texts: list[str]) -> list[float]:
    """Most scrapes hold numbers as JSON knows them, read at once; the others (NaN, +Inf, 007) one by one."""
    try:
        numbers = _read_numbers("[" + ",".join(texts) + "]")
    except msgspec.DecodeError:
        numbers = []
    if len(numbers) == len(texts):
        return numbers
    if "_" in "".join(texts):
        raise ValueError("a value has an underscore in it")
    return list(map(float, texts))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
