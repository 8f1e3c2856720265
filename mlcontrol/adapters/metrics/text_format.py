"""The Prometheus text format, read fast: what stands before the value is parsed once and looked up ever after.

A line's first appearance goes through `prometheus_client`, so that escapes, UTF-8 names, odd white space and errors are exactly its
own; only the plainest form is told apart here. After that a scrape costs one look-up a line, and where its lines are those of the
scrape before (`text_layout`) not even that: then its values alone are read. Old-style counters get their ``_total`` as there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress, groupby, repeat
from operator import ge, itemgetter, length_hint
from typing import Generic, TypeVar

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from mlcontrol.adapters.metrics.text_layout import Layout, Layouts

T = TypeVar("T")
_UNSEEN = object()
_read_numbers = msgspec.json.Decoder(list[float]).decode
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)=""')
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
KEPT_KEYS = 4096  # beside twice the lines of the newest scrape
RARELY = 16  # for a text that has no layout to last, one is tried every so many scrapes


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
        self.layouts: Layouts[T] = Layouts()

    def size(self) -> int:
        families = tuple(self.known.values())  # another thread may open one
        return sum(len(known.plain) + len(known.stamped) for known in families) + len(self.comments)


@dataclass(slots=True)
class _Found(Generic[T]):
    """``passed``: for each sample that nobody reads, how many were read before it. ``families``: from which line on which counter
    family is open. ``plain``: each line is a comment, or a known key and a value."""

    refs: list[T] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)
    families: list[tuple[int, str]] = field(default_factory=list)
    plain: bool = True

    def add(self, ref: T | None, value: str, stamp: str = "") -> None:
        if ref is None:
            self.passed.append(len(self.refs))
            return
        self.refs.append(ref)
        self.values.append(value)
        if stamp:
            self.stamps.append(stamp)

    def read(self) -> bytes:
        """Whether somebody reads it, for each sample."""
        read = bytearray(b"\1") * (len(self.refs) + len(self.passed))
        for nth, before in enumerate(self.passed):
            read[before + nth] = 0
        return bytes(read)


class TextParser(Generic[T]):
    """``make(name, labels)``: what stands for a series, or `None` when nobody reads it: its values are then not even looked at.

    *Thread:* one at a time. Make one for each target: what it remembers is bounded by what that target sends. ``shared``: what
    others remember, used and added to while it is not too large for this target.
    """

    def __init__(self, make: Callable[[str, dict[str, str]], T | None], shared: Knowledge[T] | None = None) -> None:
        self._make = make
        self._mind: Knowledge[T] = shared or Knowledge()
        self._mostly_stamped = False
        self._layout: Layout[T] | None = None
        self._wait, self._missed = (
            0,
            0,
        )  # scrapes until the next layout is made, and how many were of no use since one was

    def parse(self, body: bytes) -> tuple[list[T], list[float]]:
        """Series and their values, in the order of the text. The list of the series is the same object while they are the same:
        not to be changed. Raises `ValueError` when a line cannot be read."""
        text = body.decode()
        layout = self._layout or self._mind.layouts.like(text)
        return (layout and self._read_by(layout, text)) or self._read_lines(text)

    def _read_by(self, layout: Layout[T], text: str) -> tuple[list[T], list[float]] | None:
        rests = layout.cut(text)
        flat = None if rests is None else layout.values(rests, len(text))
        if flat is not None:
            self._layout = layout = layout if layout.shared else self._mind.layouts.shared(layout)
            self._missed = 0
        elif rests is not None:
            changed = self._changed(layout, rests) if layout is self._layout else None
            flat = None if changed is None else changed.values(rests, len(text))
            if flat is not None and changed is not None:
                self._layout = layout = changed
        if flat is None:
            if self._layout is not None:  # and not that of another target, tried in the hope of the same lines
                self._miss()
            return None
        numbers = _joined_numbers(*flat)
        return None if numbers is None else (layout.refs, numbers)

    def _changed(self, layout: Layout[T], rests: list[str]) -> Layout[T] | None:
        """Some samples are others than in the scrape before: these alone are looked at, unless they are many. In ``rests`` they are
        replaced by what follows their keys."""
        # A whole line begins with a name, what follows a key with a space: before every sign that a name may begin with.
        others = list(compress(range(len(rests)), map(ge, rests, repeat("!"))))
        if 4 * len(others) > len(rests) or self._forget(len(rests)):
            return None
        families = layout.families_at(others)
        if families is None:
            return None
        keys: list[str] = []
        refs: list[T] = []
        read = bytearray()
        for family, run in groupby(zip(families, others, strict=True), itemgetter(0)):
            lines = [rests[sample] for _, sample in run]
            found: _Found[T] = _Found()
            self._parse_plain(lines, found, family)
            if not found.plain or found.families or len(found.refs) + len(found.passed) != len(lines):
                return None
            keys += [sys.intern(line.rpartition(" ")[0]) for line in lines]
            refs += found.refs
            read += found.read()
        for sample, key in zip(others, keys, strict=True):
            rests[sample] = rests[sample][len(key) :]
        return layout.changed(others, keys, bytes(read), refs)

    def _miss(self) -> None:
        """A layout was of no use: the next one is made later."""
        self._layout = None
        self._missed = min(self._missed + 1, RARELY)
        self._wait = self._missed - 1

    def _read_lines(self, text: str) -> tuple[list[T], list[float]]:
        lines = text.split("\n")
        self._forget(len(lines))
        found: _Found[T] = _Found()
        if self._mostly_stamped:
            self._parse_stamped(lines, found)
        else:
            self._parse_plain(lines, found)
            self._make_layout(lines, found)
        self._mostly_stamped = 2 * len(found.stamps) > len(found.refs)
        list(map(float, found.stamps))
        return found.refs, _numbers(found.values)

    def _make_layout(self, lines: list[str], found: _Found[T]) -> None:
        if self._wait:
            self._wait -= 1
        elif not found.plain:
            self._miss()
        else:
            sampled = bytes([line[:1] not in ("", "#") for line in lines])
            keys = [sys.intern(line.rpartition(" ")[0]) for line in compress(lines, sampled)]
            comments = [sys.intern(line) for line in lines if line[:1] in ("", "#")]
            made = Layout(comments, sampled, keys, found.read(), found.refs, found.families)
            self._layout = self._mind.layouts.shared(made)

    def _parse_plain(self, lines: list[str], found: _Found[T], family: str = "", first: int = 0) -> str:
        """``family``: open before the first of the lines, whose number is ``first``. Returns the one that is open after them."""
        get, silent, unseen = self._mind.known[family].plain.get, self._mind.silent, _UNSEEN
        refs, rest = found.refs, iter(lines)
        take, keep, passed = refs.append, found.values.append, found.passed.append
        for line in rest:
            key, _, value = line.rpartition(" ")
            ref = get(key, unseen)
            if ref is None:
                passed(len(refs))
                continue
            if ref is not unseen:
                take(ref)  # type: ignore[arg-type]
                keep(value)
                continue
            if (line in silent and not family) or self._plainest(key, value, family, found):
                continue
            was = family
            family = self._odd(line.strip(), family, found)
            if family is not was:
                get = self._mind.known[family].plain.get
                found.families.append((first + len(lines) - length_hint(rest), family))
            if line[:1] not in ("", "#") and get(key, unseen) is unseen:
                found.plain = False
        return family

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
        if self._plainest(key, value, family, found):
            return family
        (metric,) = text_string_to_metric_families(line + "\n")
        (sample,) = metric.samples
        if family and sample.name != family:
            return self._series(line, "", found)
        before, _, middle = key.rpartition(" ")
        made = self._make(sample.name + ("_total" if family else ""), dict(sample.labels))
        if sample.timestamp is None:
            if _is_number(value):
                known.plain[sys.intern(key)] = made
        elif _is_number(middle) and _is_number(value):
            known.stamped[before] = made
            stamp = value
        found.add(made, repr(float(sample.value)), stamp)
        return family

    def _plainest(self, key: str, value: str, family: str, found: _Found[T]) -> bool:
        """Adds a series that is seen for the first time; False where that takes the whole grammar."""
        simple = _simple(key)
        if simple is None or (family and simple[0] != family) or not _is_number(value):
            return False
        made = self._make(simple[0] + ("_total" if family else ""), simple[1])
        self._mind.known[family].plain[sys.intern(key)] = made
        found.add(made, value)
        return True

    def _forget(self, lines: int) -> bool:
        """Series that come and go do not pile up."""
        if self._mind.size() <= 2 * lines + KEPT_KEYS:
            return False
        self._mind, self._layout = Knowledge(), None
        return True


def _simple(key: str) -> tuple[str, dict[str, str]] | None:
    """Name and labels of the plainest form, ten times faster than the whole grammar; `None` where it takes that."""
    name, brace, rest = key.partition("{")
    if not _NAME.fullmatch(name) or (brace and rest[-1:] != "}") or "\\" in rest:
        return None
    parts = rest[:-1].split('"')  # names and what joins them, and between these the values
    names = _label_names('""'.join(parts[::2]))
    if names is None or len(parts) != 2 * len(names) + 1:
        return None
    return name, dict(zip(names, parts[1::2], strict=True))


@lru_cache(maxsize=1024)  # a metric's series differ in the values
def _label_names(labels: str) -> tuple[str, ...] | None:
    """Of labels whose values were taken out of their quotes; `None` where they are written another way or are to be refused."""
    first, *parts = _LABEL.split(labels)
    names, between = parts[::2], parts[1::2]
    if first or (between and between.pop() not in ("", ",")) or between.count(",") != len(between):
        return None
    if len(set(names)) != len(names) or any(name.startswith("__") for name in names):
        return None
    return tuple(names)


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


def _joined_numbers(flat: str, count: int) -> list[float] | None:
    """Numbers with a comma between them; `None` where one of them cannot be read."""
    try:
        numbers = _read_numbers("[" + flat + "]")
    except msgspec.DecodeError:
        numbers = []
    if len(numbers) == count:
        return numbers
    texts = flat.split(",")
    if len(texts) != count or "_" in flat:
        return None
    try:
        return list(map(float, texts))
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
