"""A prediction log as columns of equal length, as far as comparing needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlcontrol.core.signals.noise import Floats

FEW_VALUES = 20
_ID = re.compile(r"(^|[_.\s])(id|uuid|guid|index|idx|row|rownum|seq|sequence|offset)$|[a-z]Id$", re.IGNORECASE)
_OUTPUTS = ("output", "prediction", "score", "label", "probability", "predicted")


@dataclass(frozen=True, slots=True)
class Column:
    """``values``: float64 with NaN where missing, or objects of str with `None`. ``dates``: numbers that are UTC seconds."""

    name: str
    values: np.ndarray
    dates: bool = False

    @property
    def numeric(self) -> bool:
        return self.values.dtype.kind == "f"

    @property
    def rows(self) -> int:
        return int(self.values.size)

    @property
    def known(self) -> int:
        return int(np.count_nonzero(self.present()))

    @property
    def few_values(self) -> bool:
        """Numbers that are names: whole, and no more than 20 of them."""
        numbers = self.numbers()
        distinct = np.unique(numbers[:20_000])
        return bool(distinct.size <= FEW_VALUES and np.all(distinct == np.round(distinct)))

    @property
    def identifier(self) -> bool:
        """Words that hardly repeat tell rows apart and are not distributed."""
        return self.known > 100 and self.mostly_once

    @property
    def numbers_rows(self) -> bool:
        """Whole numbers that hardly repeat, and only rise or are called an id: they go on, and are not distributed."""
        if not self.hardly_repeats or self.known <= 100:
            return False
        steps = np.diff(self.numbers())
        return bool(np.all(steps > 0) or np.all(steps < 0) or _ID.search(self.name))

    @property
    def hardly_repeats(self) -> bool:
        numbers = self.numbers()
        if self.dates or not numbers.size or not np.all(numbers == np.round(numbers)):
            return False
        return bool(np.unique(numbers).size > 0.9 * numbers.size)

    @property
    def mostly_once(self) -> bool:
        words = self.words_known()
        return not self.numeric and len(set(words.tolist())) > 0.5 * words.size

    @property
    def is_output(self) -> bool:
        return any(part.startswith(_OUTPUTS) for part in self.name.casefold().split("."))

    def present(self) -> np.ndarray:
        if self.numeric:
            return np.asarray(np.isfinite(self.values))
        return np.asarray(np.not_equal(self.values, np.array(None, dtype=object)), dtype=bool)

    def numbers(self) -> Floats:
        return self.values[np.isfinite(self.values)] if self.numeric else np.empty(0)

    def words(self) -> np.ndarray:
        """Every row as text, "(missing)" where there is none."""
        there = self.present()
        words = np.full(self.rows, "(missing)", dtype=object)
        words[there] = self.words_known(there)
        return words

    def words_known(self, there: np.ndarray | None = None) -> np.ndarray:
        known = self.values[self.present() if there is None else there]
        if not self.numeric:
            return np.asarray(known)
        # Each number is written once, however many rows have it.
        numbers, codes = np.unique(known, return_inverse=True)
        return np.array([f"{number:g}" for number in numbers.tolist()], dtype=object)[codes]

    def numbers_or_codes(self) -> Floats:
        """Numbers as they are; of words, 1 for the commonest and 0 for the others."""
        if self.numeric:
            return self.values
        words = self.words()
        names, counts = np.unique(words.astype(str), return_counts=True)
        return np.asarray(words.astype(str) == names[np.argmax(counts)], dtype=np.float64)

    def groups(self) -> np.ndarray:
        """A group number by row, -1 where missing: deciles of numbers, the commonest 30 words."""
        if self.numeric:
            known = self.numbers()
            edges = np.unique(np.quantile(known, np.linspace(0, 1, 11)[1:-1])) if known.size else np.empty(0)
            return np.where(np.isfinite(self.values), np.searchsorted(edges, self.values), -1)
        names, codes, counts = np.unique(self.words().astype(str), return_inverse=True, return_counts=True)
        common = np.argsort(-counts)[:30]
        place = np.full(names.size, 30)
        place[common] = np.arange(common.size)
        return np.where(self.present(), place[codes], -1)


@dataclass(frozen=True, slots=True)
class Log:
    """``times_s``: UTC seconds of each row where the log has them; ``times``: the names of the columns that go with them, which are
    none of ``columns``. ``notes``: what was said when it was read."""

    columns: Mapping[str, Column]
    rows: int
    times_s: Floats | None = None
    notes: tuple[str, ...] = ()
    times: tuple[str, ...] = ()

    def where(self, kept: np.ndarray) -> Log:
        columns = {name: Column(name, column.values[kept], column.dates) for name, column in self.columns.items()}
        return Log(columns, int(np.count_nonzero(kept)))

    def output(self) -> Column | None:
        """The first column that is the model's answer."""
        outputs = [
            column for column in self.columns.values() if column.is_output and not column.identifier and column.known
        ]
        return next((c for c in outputs if c.numeric), outputs[0] if outputs else None)
