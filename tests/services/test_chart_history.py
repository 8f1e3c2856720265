"""History of a chart: what was kept here, and before it what a source remembers by itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from mlcontrol.core.clock_off import ClockOff
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import SeriesData, SeriesKey
from mlcontrol.ports.errors import TimedOut
from mlcontrol.services.chart_history import ChartHistory, filled, holes
from mlcontrol.services.remembered import Remembered

KEY = SeriesKey("s", "queries_per_s", (("version", "1"),))


def series(since: float, until: float, value: float, step: float = 1.0, key: SeriesKey = KEY) -> SeriesData:
    at = np.arange(since, until, step)
    return SeriesData(key, at.tobytes(), np.full(len(at), value).tobytes(), step_s=step if step != 1.0 else 0.0)


def history(kept: tuple[SeriesData, ...], source: Any, off: ClockOff | None = None) -> ChartHistory:
    store = SimpleNamespace(history=SimpleNamespace(query=lambda *_: kept))
    services = {"s": ServiceSettings("s", metrics=("prom",))}
    ctx: Any = SimpleNamespace(store=store, settings=SimpleNamespace(services=services), clock_off=lambda _: off)
    return ChartHistory(ctx, lambda: None, Remembered(ctx, lambda _connection: source))


class Source:
    """A source that remembers, or says why it cannot."""

    def __init__(self, answer: SeriesData | None) -> None:
        self.answer = answer
        self.asked = 0

    def history(self, *_: Any) -> tuple[SeriesData, ...]:
        self.asked += 1
        if self.answer is None:
            raise TimedOut(Problem("slow"))
        return (self.answer,)


def test_what_was_remembered_comes_before_what_was_kept() -> None:
    (joined,) = filled([series(50, 60, 2.0)], [series(0, 100, 1.0, 10.0)], [(0.0, 50.0)])
    assert np.frombuffer(joined.at_s).tolist() == [0, 10, 20, 30, 40, *range(50, 60)]
    assert np.frombuffer(joined.value).tolist() == [1.0] * 5 + [2.0] * 10
    assert joined.step_s == 10.0
    other = SeriesKey("s", "queries_per_s", (("version", "2"),))
    assert {s.key for s in filled([series(5, 6, 1.0)], [series(0, 9, 1.0, key=other)], [])} == {KEY, other}


def test_a_hole_in_what_was_kept_is_filled_with_what_was_remembered() -> None:
    """The panel was off, or cut off from the source, from 40 to 70."""
    first, later = series(0, 40, 2.0), series(70, 100, 2.0)
    both = SeriesData(KEY, first.at_s + later.at_s, first.value + later.value)
    lacking = holes([both], 0.0, 100.0)
    assert lacking == [(39.0, 70.0)]
    (joined,) = filled([both], [series(0, 100, 1.0, 10.0)], lacking)
    at_s, value = np.frombuffer(joined.at_s), np.frombuffer(joined.value)
    assert at_s.tolist() == [*range(40), 40, 50, 60, *range(70, 100)]
    assert value[(at_s >= 40) & (at_s < 70)].tolist() == [1.0] * 3
    assert (value[(at_s < 40) | (at_s >= 70)] == 2.0).all(), "what was counted here is left as it is"


def test_a_pause_between_thinned_samples_is_no_hole() -> None:
    coarse = series(0, 100, 2.0, 10.0)
    assert holes([coarse], 0.0, 100.0) == []
    assert holes([], 0.0, 100.0) == [(0.0, 100.0)]


def test_a_source_is_asked_only_for_what_was_not_kept() -> None:
    source = Source(series(0, 100, 1.0, 10.0))
    assert len(history((series(50, 99, 2.0),), source).of("s", (), 0.0, 100.0, 500)[0].at_s) == 8 * 54
    assert source.asked == 1
    history((series(1, 99, 2.0),), source).of("s", (), 0.0, 100.0, 500)
    assert source.asked == 1, "all of it was kept"


def test_a_source_that_is_slow_or_forgets_leaves_the_charts_with_what_was_kept() -> None:
    kept = (series(50, 60, 2.0),)
    assert history(kept, Source(None)).of("s", (), 0.0, 100.0, 500) == kept
    assert history(kept, SimpleNamespace()).of("s", (), 0.0, 100.0, 500) == kept
    assert history(kept, SimpleNamespace()).of("gone", (), 0.0, 100.0, 500) == kept


def test_what_a_source_remembers_by_a_clock_that_is_off_is_asked_and_drawn_by_ours() -> None:
    """Fault 19: charts of two sources would else stand beside each other's moments."""
    asked: list[float] = []

    class Skewed(Source):
        def history(
            self, _service: Any, _metrics: Any, since_s: float, until_s: float, *_: Any
        ) -> tuple[SeriesData, ...]:
            asked.extend((since_s, until_s))
            return (series(since_s, until_s, 1.0, 10.0),)

    (drawn,) = history((), Skewed(None), ClockOff(-91.0, -89.0)).of("s", (), 1000.0, 1100.0, 500)
    assert asked == [910.0, 1010.0]
    assert np.frombuffer(drawn.at_s).tolist() == [*range(1000, 1100, 10)]
