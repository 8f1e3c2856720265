"""The samples a page shows: history once, then what arrives, per series in growing columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mlcontrol.core.types import Sample, SeriesData, SeriesKey

Floats = NDArray[np.float64]
_COLUMNS = 5  # at, value, low, high, n
KEEP = 200_000
_stamps = itertools.count(1)


class Series:
    """Columns that grow at the end; times ascend."""

    def __init__(self) -> None:
        self._data = np.empty((_COLUMNS, 256))
        self._used = 0
        self.step_s = 0.0  # how far apart neighbours may lie because history was reduced
        self.stamp = next(_stamps)  # another one after anything but an addition at the end

    @property
    def at_s(self) -> Floats:
        return self._data[0, : self._used]

    @property
    def value(self) -> Floats:
        return self._data[1, : self._used]

    @property
    def low(self) -> Floats:
        return self._data[2, : self._used]

    @property
    def high(self) -> Floats:
        return self._data[3, : self._used]

    @property
    def n(self) -> Floats:
        return self._data[4, : self._used]

    def replace(self, columns: Floats) -> None:
        self._data = columns.copy()
        self._used = columns.shape[1]
        self.stamp = next(_stamps)

    def add(self, sample: Sample) -> None:
        """A sample at a time that is known replaces it (a quality bucket that is still filling); an older one is put in place."""
        row = (sample.at_s, sample.value, sample.low, sample.high, float(sample.n))
        at = self.at_s
        if self._used and sample.at_s <= at[-1]:
            self.stamp = next(_stamps)
            place = int(np.searchsorted(at, sample.at_s))
            if at[place] == sample.at_s:
                self._data[:, place] = row
            else:
                self._data = np.insert(self._data[:, : self._used], place, row, axis=1)
                self._used += 1
            return
        if self._used == self._data.shape[1]:
            kept = self._data
            if self._used >= KEEP:
                kept, self.stamp = kept[:, -KEEP // 2 :], next(_stamps)
            self._data = np.concatenate([kept, np.empty_like(kept)], axis=1)
            self._used = kept.shape[1]
        self._data[:, self._used] = row
        self._used += 1


class SeriesStore:
    """The series of one service."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.series: dict[SeriesKey, Series] = {}

    def take_history(self, answer: Iterable[SeriesData]) -> None:
        """History replaces what is known up to its end; live samples after it stay."""
        for data in answer:
            at = np.frombuffer(data.at_s, "<f8")
            columns = np.full((_COLUMNS, len(at)), np.nan)
            columns[0] = at
            for i, raw in enumerate((data.value, data.low, data.high, data.n), start=1):
                if len(raw) == len(data.at_s):
                    columns[i] = np.frombuffer(raw, "<f8")
            known = self.series.get(data.key)
            if known is not None and len(known.at_s) and len(at):
                newer = known._data[:, : known._used][:, known.at_s > at[-1]]
                columns = np.concatenate([columns, newer], axis=1)
            fresh = Series()
            fresh.step_s = data.step_s
            if columns.shape[1]:
                fresh.replace(columns)
            self.series[data.key] = fresh

    def take_samples(self, samples: Iterable[Sample]) -> bool:
        """Whether any of them belongs to this service."""
        mine = False
        for sample in samples:
            if sample.key.service == self.service:
                mine = True
                self.series.setdefault(sample.key, Series()).add(sample)
        return mine

    @property
    def oldest_s(self) -> float | None:
        """UTC seconds of the first sample of any series; `None`: nothing is known yet."""
        return min((float(s.at_s[0]) for s in self.series.values() if len(s.at_s)), default=None)

    def of(self, metric: str) -> list[tuple[SeriesKey, Series]]:
        """The series of a metric, in a stable order."""
        return sorted(((k, s) for k, s in self.series.items() if k.metric == metric), key=lambda item: item[0].labels)
